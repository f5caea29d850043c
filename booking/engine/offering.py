"""Who is offered a time that became free, which start of it, and how long they have to answer.

The order of fit, best first:

1. *mends*: the time is the wished one of a date of their series that had to deviate;
2. *filled*: minutes of the free span that their session takes, preparation and turnaround included, so that nothing useless is
   left over;
3. *named*: they wait for this therapist, not for anyone;
4. *since*: they wait longest.

Instants, spans and wall minutes are those of ``booking.engine.zones``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from booking.engine.slots import Key, Offer
from booking.engine.spans import Span
from booking.engine.zones import DAY, earlier, later, local_date, local_day

#: Minutes below which an offer is no offer: nobody can be expected to answer in less.
SHORTEST = 5


@dataclass(frozen=True)
class Wanted:
    """The starts that somebody waits for; an empty set means any. Dates and wall minutes include both ends."""

    therapists: frozenset[Key] = frozenset()
    weekdays: frozenset[int] = frozenset()
    first: date = date.min
    last: date = date.max
    earliest: int = 0
    latest: int = DAY - 1
    before: int | None = None  # an instant: "earlier than the one I have"

    def suits(self, start: Offer) -> bool:
        return (
            (not self.therapists or start.therapist in self.therapists)
            and (not self.weekdays or start.day.weekday() in self.weekdays)
            and self.first <= start.day <= self.last
            and self.earliest <= start.minute <= self.latest
            and (self.before is None or start.instant < self.before)
        )


@dataclass(frozen=True)
class Candidate:
    """Somebody who could take a free time. ``starts``: what is offered to them in it and suits them; at least one.

    ``preparation`` and ``reach`` (length and turnaround) are minutes before and after a start; ``since``: waiting since then.
    """

    key: UUID
    starts: tuple[Offer, ...]
    preparation: int
    reach: int
    since: datetime
    mends: bool = False
    named: bool = False

    def filled(self, start: Offer, free: Span) -> int:
        """Minutes of ``free`` that a session from ``start`` on takes."""
        begins, ends = start.instant - self.preparation, start.instant + self.reach
        return max(0, min(ends, free.end) - max(begins, free.start))

    def best(self, free: Span) -> Offer:
        """Of their starts the one that fills the free span best; of equals the first."""
        return min(self.starts, key=lambda start: (-self.filled(start, free), start.instant))


def in_order_of_fit(candidates: Iterable[Candidate], free: Span) -> list[tuple[Candidate, Offer]]:
    """Every candidate with their best start, best fit first."""
    chosen = [(each, each.best(free)) for each in candidates]
    return sorted(chosen, key=lambda pair: _fit(pair[0], pair[1], free))


def _fit(candidate: Candidate, start: Offer, free: Span) -> tuple[bool, int, bool, datetime, str]:
    filled = candidate.filled(start, free)
    return not candidate.mends, -filled, not candidate.named, candidate.since, str(candidate.key)


class Quiet(NamedTuple):
    """The wall minutes ``[since, until)`` in which nobody is written to; past midnight if they are reversed, never if equal."""

    since: int
    until: int

    def covers(self, minute: int) -> bool:
        if self.since <= self.until:
            return self.since <= minute < self.until
        return minute >= self.since or minute < self.until


class Answering(NamedTuple):
    """``until``: an offer made now lasts until then. ``retry``: none is made now, but one can be then. Neither: never."""

    until: int | None = None
    retry: int | None = None


def last_call(zone: str, start: int, notice: timedelta) -> int:
    """The last instant at which the notice still allows a start."""
    call = earlier(zone, start, notice)
    return call - max(0, later(zone, call, notice) - start)


def answering(zone: str, quiet: Quiet, now: int, lasts: int, call: int) -> Answering:
    """When somebody may answer an offer whose last moment is ``call``, if it ``lasts`` so many minutes.

    The time to answer ends before the quiet hours; an offer that would run into them waits until they are over. Where that is
    too late it is made at once and ends with the day, unless fewer than SHORTEST minutes are left.
    """
    end = min(now + lasts, call)
    night = next((instant for instant in range(now, end) if is_quiet(zone, quiet, instant)), None)
    if night is None:
        return Answering(until=end) if end - now >= min(lasts, SHORTEST) else Answering()
    morning = next(instant for instant in range(night, night + 2 * DAY) if not is_quiet(zone, quiet, instant))
    if morning + min(lasts, SHORTEST) <= call:
        return Answering(retry=morning)
    return Answering(until=night) if night - now >= min(lasts, SHORTEST) else Answering()


def is_quiet(zone: str, quiet: Quiet, instant: int) -> bool:
    """Whether nobody is written to at an instant."""
    return quiet.covers(local_day(zone, local_date(zone, instant)).minute(instant))
