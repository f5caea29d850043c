"""Finding a medicine by what somebody typed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from django.db.models import Case, Count, Max, Q, QuerySet, Value, When
from django.db.models.functions import Length

from clients.models import Medication, MedicationClass
from clients.spelling import Speller, key_of, words_of

MOST_ROWS = 12
FEWEST_LETTERS = 2


@dataclass(frozen=True, slots=True)
class Found:
    """A name the client can confirm. One name stands there once for each route, so that choosing it says which."""

    name: str
    route: str
    route_label: str
    #: what it is, in plain words: the ingredients of a brand, and its kinds
    ingredients: str
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Spellings:
    """Every word of every name, kept in memory until a name changes: the words, and the names each stands in."""

    speller: Speller
    names: dict[str, list[tuple[int, UUID]]]


def find_medications(typed: str, *, limit: int = MOST_ROWS) -> list[Found]:
    """Names like what was typed: the same first, then those that begin so, then near spellings. Nothing for a single letter.

    Case, accents and punctuation make no difference.
    """
    key, words = key_of(typed)[:120], words_of(typed)[:140]
    if len(key) < FEWEST_LETTERS:
        return []
    rows = list(_beginning(key, words)[:limit])
    if not any(row.key == key for row in rows):
        rows += _near(key, words, {row.pk for row in rows}, limit - len(rows))
    return _described(rows)


def _beginning(key: str, words: str) -> QuerySet[Medication]:
    """Names that begin with the letters, then those of which a later word does."""
    begins, word_begins = Q(key__startswith=key), Q(words__contains=f" {words}")
    rank = Case(When(key=key, then=Value(0)), When(begins, then=Value(1)), default=Value(2))
    return Medication.objects.filter(begins | word_begins).order_by(rank, Length("key"), "key", "route")


def _near(key: str, words: str, known: set[UUID], limit: int) -> list[Medication]:
    """Names that the typed one, or its longest word, may have been meant to be: fewest slips first, then the shortest."""
    spellings = _spellings()
    ranks: dict[UUID, tuple[int, int]] = {}
    for term in {key, max(words.split(), key=len)}:
        for word, slips in spellings.speller.meant(term).items():
            for length, pk in spellings.names[word]:
                ranks[pk] = min(ranks.get(pk, (slips, length)), (slips, length))
    best = sorted((rank, pk) for pk, rank in ranks.items() if pk not in known)[:limit]
    rows = Medication.objects.in_bulk([pk for _rank, pk in best])
    return sorted(rows.values(), key=lambda row: (ranks[row.pk], row.key, row.route))


def _spellings() -> _Spellings:
    state = Medication.objects.aggregate(count=Count("pk"), changed=Max("changed_at"))
    return _spellings_at(state["count"], state["changed"])


@lru_cache(maxsize=1)
def _spellings_at(count: int, changed: datetime | None) -> _Spellings:
    """The words as of a state of the table."""
    names: defaultdict[str, list[tuple[int, UUID]]] = defaultdict(list)
    for pk, key, words in Medication.objects.values_list("pk", "key", "words"):
        for word in {key, *words.split()}:
            names[word].append((len(key), pk))
    return _Spellings(Speller(names), dict(names))


def _described(rows: Sequence[Medication]) -> list[Found]:
    limiting = MedicationClass.objects.exclude(severity="none")
    labels = dict(
        limiting.filter(code__in={code for row in rows for code in row.class_codes}).values_list("code", "client_label")
    )
    return [
        Found(
            row.name,
            row.route,
            row.get_route_display(),
            "" if row.generic_name.casefold() == row.name.casefold() else row.generic_name,
            tuple(labels[code] for code in row.class_codes if code in labels),
        )
        for row in rows
    ]
