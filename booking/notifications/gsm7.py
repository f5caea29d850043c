"""The alphabet of text messages: what fits, how a text is folded into it, and how many segments it takes."""

from __future__ import annotations

import unicodedata
from itertools import chain

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
#: These take two places.
EXTENDED = frozenset("\f^{}\\[~]|€")
#: Signs that a plain keyboard has another sign for.
PLAIN = {
    "’": "'", "‘": "'", "‚": ",", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "–": "-", "—": "-", "−": "-", "‐": "-",
    "‑": "-", "…": "...", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "·": "-", "•": "-", "×": "x", "ł": "l", "Ł": "L",
    "đ": "d", "Đ": "D", "ı": "i", "œ": "oe", "Œ": "OE", "ð": "d", "þ": "th", "\u200b": "", "\u00ad": "",
}  # fmt: skip
#: Places in a message of one segment, and in each of several: for this alphabet, and for all others (16 bits a place).
ONE, EACH = 160, 153
ONE_WIDE, EACH_WIDE = 70, 67


def fold(text: str) -> str:
    """The text in the short alphabet, with accents and typographic signs made plain; unchanged if that would lose letters."""
    folded = "".join(map(_fold, text))
    return folded if is_short(folded) else text


def is_short(text: str) -> bool:
    return all(sign in BASIC or sign in EXTENDED for sign in text)


def segments(text: str) -> int:
    """How many messages the network counts; no sign is cut in two."""
    if is_short(text):
        return _parts([2 if sign in EXTENDED else 1 for sign in text], ONE, EACH)
    return _parts([len(sign.encode("utf-16-le")) // 2 for sign in text], ONE_WIDE, EACH_WIDE)


def _fold(sign: str) -> str:
    if sign in BASIC or sign in EXTENDED:
        return sign
    if sign in PLAIN:
        return PLAIN[sign]
    bare = (part for part in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(part))
    return "".join(chain.from_iterable(PLAIN.get(part, part) for part in bare))


def _parts(places: list[int], one: int, each: int) -> int:
    if sum(places) <= one:
        return 1
    parts, taken = 1, 0
    for place in places:
        if taken + place > each:
            parts, taken = parts + 1, 0
        taken += place
    return parts
