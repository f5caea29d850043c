"""Half-open spans of minutes, and the few things that are done with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """``[start, end)``: the minutes from ``start`` up to, not including, ``end``. UTC minutes unless said otherwise."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start

    def meets(self, other: Span) -> bool:
        """Whether the two share a minute.

        ``##..`` and ``..##`` touch and do not meet; ``###.`` and ``..##`` meet.
        """
        return self.start < other.end and other.start < self.end

    def within(self, other: Span) -> bool:
        """Whether every minute of this one lies in ``other``: ``.##.`` in ``####``, and ``####`` in ``####``."""
        return other.start <= self.start and self.end <= other.end


def merge(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Join what overlaps or touches; the result is in order and apart.

    ``##....`` ``.##...`` ``...##.`` give ``#####.``; ``##....`` and ``...##.`` stay two.
    """
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return tuple(merged)


def subtract(spans: Iterable[Span], taken: Iterable[Span]) -> tuple[Span, ...]:
    """What is left of ``spans``, in order and apart, without the minutes of ``taken``.

    ``######`` without ``..##..`` gives ``##..##``.
    """
    left: list[Span] = []
    gone = merge(taken)
    for start, end in merge(spans):
        for away in gone:
            if away.start >= end:
                break
            if away.end > start:
                left.append(Span(start, away.start))
                start = away.end
        left.append(Span(start, end))
    return tuple(span for span in left if span.start < span.end)
