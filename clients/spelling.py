"""How a typed name is compared: without case, accents and punctuation, and with the slips people make."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable


def words_of(name: str) -> str:
    """Co-codamol 8/500 → "co codamol 8 500"."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return " ".join(re.findall(r"[^\W_]+", "".join(letter for letter in plain if not unicodedata.combining(letter))))


def key_of(name: str) -> str:
    """Co-codamol, co codamol and Cocodamol → "cocodamol"."""
    return words_of(name).replace(" ", "")


def slips_allowed(letters: int) -> int:
    """How many slips still mean the same word: none in three letters, one in five, two in twelve, three in more."""
    return 0 if letters < 4 else 1 if letters < 6 else 2 if letters < 13 else 3


def slips(one: str, other: str, most: int) -> int | None:
    """How many letters were left out, added, mistaken, or changed places with their neighbour; None for more than ``most``.

    Only the cells within ``most`` of the diagonal are looked at: outside it there are more slips already.
    """
    far = most + 1
    last: list[int] = []
    before = [min(j, far) for j in range(len(other) + 1)]
    for i, a in enumerate(one, start=1):
        row = [min(i, far)] + [far] * len(other)
        for j in range(max(1, i - most), min(len(other), i + most) + 1):
            b = other[j - 1]
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, last[j - 2] + 1)
            row[j] = best
        if min(row) > most:
            return None
        last, before = before, row
    return before[-1] if before[-1] <= most else None


class Speller:
    """Finds the known words that somebody may have meant."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = sorted({word for word in words if len(word) > 3})
        self._with: defaultdict[str, list[int]] = defaultdict(list)
        for number, word in enumerate(self.words):
            for pair in set(_pairs(word)):
                self._with[pair].append(number)

    def meant(self, typed: str) -> dict[str, int]:
        """Known words within the slips allowed for what was typed, with the number of slips.

        A slip spoils at most three pairs of neighbouring letters, so only words that share enough pairs are compared.
        """
        most = slips_allowed(len(typed))
        pairs = set(_pairs(typed))
        shared = Counter(number for pair in pairs for number in self._with.get(pair, ()))
        enough = max(1, len(pairs) - 3 * most)
        found = {}
        for number, count in shared.items():
            word = self.words[number]
            if count < enough or abs(len(word) - len(typed)) > most:
                continue
            made = slips(typed, word, most)
            if made is not None:
                found[word] = made
        return found


def _pairs(word: str) -> list[str]:
    framed = f"^{word}$"
    return [framed[n : n + 2] for n in range(len(framed) - 1)]
