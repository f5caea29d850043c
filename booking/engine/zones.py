"""The wall clock of a place and the instants behind it, daylight saving included.

An instant is a whole number of minutes since 1970-01-01T00:00Z. A wall minute counts from 0 to 1439 on the clock of one
local date. Most dates are *plain*: their clock runs from 0 to 1439 without a jump.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

DAY = 24 * 60
_EPOCH = date(1970, 1, 1).toordinal()
_PROBE = 30  # minutes between two looks at the clock; no zone changes it twice within


class Piece(NamedTuple):
    """A stretch of instants ``[start, end)`` over which the clock runs on from wall minute ``wall`` without a jump."""

    start: int
    end: int
    wall: int


class LocalDay:
    """One date on the clock of one zone: the stretches of instants that carry it."""

    def __init__(self, day: date, pieces: tuple[Piece, ...]) -> None:
        self.day = day
        self.pieces = pieces
        #: first instant, and the first instant after; equal when the zone skipped the date
        self.start = pieces[0].start if pieces else 0
        self.end = pieces[-1].end if pieces else 0
        self.is_plain = len(pieces) == 1 and pieces[0].wall == 0 and self.end - self.start == DAY

    def instant(self, minute: int) -> int | None:
        """The instant at which the clock shows ``minute``: the first if there are two, None if there is none."""
        return next(self.instants(minute), None)

    def instants(self, minute: int) -> Iterator[int]:
        """Every instant at which the clock shows ``minute``, in order: one on a plain date, none or two where it is set."""
        for piece in self.pieces:
            instant = piece.start + minute - piece.wall
            if piece.start <= instant < piece.end:
                yield instant

    def minute(self, instant: int) -> int:
        """The wall minute at an instant of this date. Raises ValueError for an instant of another date."""
        for piece in self.pieces:
            if piece.start <= instant < piece.end:
                return instant - piece.start + piece.wall
        raise ValueError(f"{instant} is not on {self.day}")


@lru_cache(maxsize=8192)
def local_day(zone: str, day: date) -> LocalDay:
    """The instants that carry ``day`` in ``zone`` (an IANA name). Raises ZoneInfoNotFoundError for an unknown zone."""
    first_wall = (day.toordinal() - _EPOCH) * DAY
    last_wall = first_wall + DAY
    pieces = []
    for start, end, offset in offsets(zone, first_wall - DAY, last_wall + DAY):
        since, until = max(start, first_wall - offset), min(end, last_wall - offset)
        if since < until:
            pieces.append(Piece(since, until, since + offset - first_wall))
    return LocalDay(day, tuple(pieces))


def offsets(zone: str, start: int, end: int) -> list[tuple[int, int, int]]:
    """The stretches of instants ``[start, end)`` over which the clock is not set, as (start, end, minutes east of UTC)."""
    tz = ZoneInfo(zone)
    stretches: list[tuple[int, int, int]] = []
    since, offset = start, _offset(tz, start)
    for probe in range(start + _PROBE, end + _PROBE, _PROBE):
        seen = _offset(tz, probe)
        if seen == offset:
            continue
        low, high = probe - _PROBE, probe
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if _offset(tz, middle) != offset else (middle, high)
        stretches.append((since, high, offset))
        since, offset = high, seen
    stretches.append((since, end, offset))
    return stretches


def _offset(tz: ZoneInfo, instant: int) -> int:
    offset = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=instant)).astimezone(tz).utcoffset()
    assert offset is not None
    return offset // timedelta(minutes=1)


def local_date(zone: str, instant: int) -> date:
    """The date on the wall at an instant."""
    wall = instant + _offset(ZoneInfo(zone), instant)
    return date.fromordinal(_EPOCH + wall // DAY)


def instant_of(zone: str, day: date, minute: int) -> int | None:
    """The instant at which the clock shows ``minute`` on ``day``: the first of two, None if it never does."""
    return local_day(zone, day).instant(minute)


def earlier(zone: str, instant: int, by: timedelta) -> int:
    """The instant reached by going back: whole days on the wall clock, the rest in elapsed minutes; as ``later``."""
    whole = timedelta(days=by.days)
    return later(zone, instant, -whole) - (by - whole) // timedelta(minutes=1)


def later(zone: str, instant: int, by: timedelta) -> int:
    """The instant reached by going on whole days on the wall clock and the rest in elapsed minutes.

    24 hours after nine is nine on the next day, also in a night in which the clocks change. A wall time that does not
    exist is read as if the clocks had not yet changed; of two, the first is taken.
    """
    if by.days == 0:
        return instant + by // timedelta(minutes=1)
    today = local_date(zone, instant)
    minute = local_day(zone, today).minute(instant)
    day = today + timedelta(days=by.days)
    reached = instant_of(zone, day, minute)
    if reached is None:
        wall = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=ZoneInfo(zone))
        reached = int(wall.timestamp()) // 60
    return reached + timedelta(seconds=by.seconds) // timedelta(minutes=1)
