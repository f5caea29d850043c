"""How a typed name is compared: without case, accents and punctuation."""

from __future__ import annotations

import re
import unicodedata


def words_of(name: str) -> str:
    """Co-codamol 8/500 → "co codamol 8 500"."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return " ".join(re.findall(r"[^\W_]+", "".join(letter for letter in plain if not unicodedata.combining(letter))))


def key_of(name: str) -> str:
    """Co-codamol, co codamol and Cocodamol → "cocodamol"."""
    return words_of(name).replace(" ", "")
