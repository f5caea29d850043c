"""Finding a client by what a caller says: a name, an e-mail address or a phone number, or part of each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import connection
from django.db.models import BooleanField, Func, Q, QuerySet, TextField, Value
from django.db.models.functions import Length

from clients.models import Client

MOST_ROWS = 12
FEWEST_LETTERS = 2
#: Of so many that begin like what was typed, the shortest are shown: whoever types more gets fewer.
WEIGHED = 400
#: Of so many digits or fewer the zeros they begin with belong to the end of a number, of more they stand for the country.
LONGEST_END = 6
SHORTEST_MISSPELT = 4
#: Of two misspelt words, so many are weighed who have one like the longer.
NEAR = 2000
#: Of a word as long as that, its beginning with a slip is enough.
SHORTEST_HALF = 6
_PHONE = re.compile(r"[\s+()/.-]*\d[\d\s+()/.-]*")


def find_clients(typed: str, *, limit: int = MOST_ROWS) -> list[Client]:
    """Clients like what was typed: the same name first, then words that begin so, parts of words, or near spellings.

    Case, accents, punctuation and the order of words make no difference, nor do the spaces and the leading zeros of a whole phone
    number. Where nobody is written like that, one slip in each word is forgiven. Nothing for a single letter.
    """
    words = _words(typed[:120])
    if sum(map(len, words)) < FEWEST_LETTERS:
        return []
    found: dict[UUID, Client] = {}
    for like in _as_written(words):
        found |= {client.pk: client for client in _shortest(like) if client.pk not in found}
        if len(found) >= limit:
            break
    return list(found.values() or _misspelt(words))[:limit]


def _words(typed: str) -> list[str]:
    """The words of what was typed, as the database writes those of clients; a phone number is one word."""
    if _PHONE.fullmatch(typed):
        digits = re.sub(r"\D", "", typed)
        return [digits.lstrip("0") if len(digits) > LONGEST_END else digits]
    with connection.cursor() as cursor:
        cursor.execute("SELECT client_plain(%s)", [typed.replace("\0", "")])
        return list(dict.fromkeys(cursor.fetchone()[0].split()))


def _as_written(words: Sequence[str]) -> Iterator[Q]:
    """Looked for only as long as there is room: each search is wider than the one before."""
    yield Q(words__startswith=f" {' '.join(words)} ")
    yield Q(*(Q(words__contains=f" {word}") for word in words))
    if all(len(word) > FEWEST_LETTERS for word in words):
        yield Q(*(Q(words__contains=word) for word in words))


def _shortest(like: Q) -> QuerySet[Client]:
    some = Client.objects.filter(like).values("pk")[:WEIGHED]
    return Client.objects.filter(pk__in=some).order_by(Length("name"), "name", "pk")[: 2 * MOST_ROWS]


def _misspelt(words: Sequence[str]) -> QuerySet[Client]:
    """Those of whom each word may be one of these with a slip.

    The index is asked for the longest word alone, as that has the fewest like it; the others are weighed among those it found.
    """
    longest, *others = sorted(words, key=len, reverse=True)
    like = LikeAny("words", _near(longest))
    if not others:
        return _shortest(Q(like))
    found = Client.objects.filter(like).values_list("pk", "words")[:NEAR]
    weighed = [re.compile("|".join(map(_as_expression, _near(word)))) for word in others]
    return _shortest(Q(pk__in=[pk for pk, known in found if all(each.search(known) for each in weighed)]))


def _near(word: str) -> list[str]:
    """What a word that begins like this one may look like, as patterns; a short word and a number are as they were typed."""
    return [f"% {word}%"] if len(word) < SHORTEST_MISSPELT or word.isdigit() else _slipped(word)


def _as_expression(pattern: str) -> str:
    """The same as a regular expression; the words of clients are letters and digits, and so are those typed."""
    return pattern.strip("%").replace("_", ".")


def _slipped(word: str) -> list[str]:
    """What to look for if one letter was mistaken, added, left out, or changed places with the next; or none was.

    A short word is the whole one, or too many would be like it.
    """
    end = " %" if len(word) < SHORTEST_HALF else "%"
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    mistaken = [f"{left}_{right[1:]}" for left, right in cuts if right]
    added = [left + right[1:] for left, right in cuts if right]
    left_out = [f"{left}_{right}" for left, right in cuts]
    swapped = [left + right[1] + right[0] + right[2:] for left, right in cuts if len(right) > 1]
    return [f"% {each}{end}" for each in dict.fromkeys([*mistaken, *added, *left_out, *swapped])]


class LikeAny(Func):
    """Whether a text is like one of several patterns, in which an underscore is any letter."""

    arg_joiner = " LIKE ANY("
    template = "(%(expressions)s))"
    output_field = BooleanField()

    def __init__(self, field: str, patterns: Sequence[str]) -> None:
        super().__init__(field, Value(list(patterns), output_field=ArrayField(TextField())))
