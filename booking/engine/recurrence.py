"""What a client wishes: a course of sessions, and the local dates that its rhythm asks for.

Dates are local dates of the practice, times are wall minutes (0 to 1439, counted on the wall clock), weekdays run from
0 (Monday) to 6 (Sunday). No instant appears here: a wish for nine o'clock is nine on the wall on every date, and
daylight saving cannot move it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import accumulate, count, islice, pairwise, takewhile
from typing import Any, ClassVar, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

#: A course has at most this many dates.
MAX_DATES = 60
#: Days by which a date may move if the course does not say otherwise: a weekly date stays in reach of its own week and
#: never meets the next one, and a daily date that is lost on a Friday can still be made up on the Monday.
DAYS_OF_GRACE = 3

_DAY = timedelta(days=1)
_WEEK = timedelta(weeks=1)
_MINUTE = timedelta(minutes=1)


class InvalidCourse(ValueError):
    """The course cannot be planned as asked; ``field`` names the part that is wrong, the message says how."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Once:
    """One session, on the day the course starts."""

    keeps_weekday: ClassVar[bool] = True

    def dates(self, start: date) -> Iterator[date]:
        yield start

    def resumes_on(self, end: date) -> date:
        return end + _DAY


@dataclass(frozen=True, slots=True)
class Weekly:
    """On some weekdays of every n-th week; the week of the first date counts as the first.

    After another phase it starts in the week that follows, so that "5 daily, then 4 weekly" leaves a weekend between
    them.
    """

    weekdays: tuple[int, ...]
    every_weeks: int = 1
    keeps_weekday: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "weekdays", _checked_weekdays(self.weekdays))
        if not 1 <= self.every_weeks <= 52:
            raise InvalidCourse("every_weeks", "A weekly rhythm repeats every 1 to 52 weeks.")

    def dates(self, start: date) -> Iterator[date]:
        first = next(day for day in _days_from(start) if day.weekday() in self.weekdays)
        monday = _monday(first)
        while True:
            yield from (day for weekday in self.weekdays if (day := monday + weekday * _DAY) >= first)
            monday += self.every_weeks * _WEEK

    def resumes_on(self, end: date) -> date:
        return _monday(end) + _WEEK


@dataclass(frozen=True, slots=True)
class Daily:
    """On every working day, given as weekdays.

    A public holiday is wished like any other day, so that its loss is named.
    """

    weekdays: tuple[int, ...]
    keeps_weekday: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "weekdays", _checked_weekdays(self.weekdays))

    def dates(self, start: date) -> Iterator[date]:
        return (day for day in _days_from(start) if day.weekday() in self.weekdays)

    def resumes_on(self, end: date) -> date:
        return end + _DAY


Rhythm = Once | Weekly | Daily


@dataclass(frozen=True, slots=True)
class Phase:
    """A rhythm and where it ends: after ``count`` dates, or with ``until``, the last day it may fall on."""

    rhythm: Rhythm
    count: int | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        if isinstance(self.rhythm, Once):
            if self.until is not None or self.count not in (None, 1):
                raise InvalidCourse("count", "A single session needs neither a number nor an end.")
            object.__setattr__(self, "count", 1)
        elif (self.count is None) == (self.until is None):
            raise InvalidCourse("count", "A rhythm ends after a number of sessions or on a date: give one of the two.")
        elif self.count is not None and not 1 <= self.count <= MAX_DATES:
            raise InvalidCourse("count", f"A rhythm has 1 to {MAX_DATES} sessions.")

    def dates(self, start: date) -> tuple[date, ...]:
        """Return the wished dates from ``start`` on, but never more than one too many for a course."""
        dates = self.rhythm.dates(start)
        if self.until is not None:
            until = self.until
            dates = takewhile(lambda day: day <= until, dates)
        return tuple(islice(dates, self.count or MAX_DATES + 1))


@dataclass(frozen=True, slots=True)
class Rest:
    """The dose: how many whole days lie between two sessions at least, and how many days in a row have one at most."""

    days: int = 0
    in_a_row: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.days <= 60:
            raise InvalidCourse("rest", "Between two sessions there can be 0 to 60 days of rest.")
        if self.in_a_row is not None and self.in_a_row < 1:
            raise InvalidCourse("rest", "At least one day in a row must be allowed.")

    def at_least(self, days: int) -> Rest:
        """The same dose with so many days between two sessions, if it had fewer."""
        return replace(self, days=max(self.days, days))

    def allows(self, dates: Sequence[date]) -> bool:
        """Tell whether the dates increase and keep the rest."""
        row = 1
        for earlier, later in pairwise(dates):
            apart = (later - earlier).days
            row = row + 1 if apart == 1 else 1
            if apart <= self.days or (self.in_a_row is not None and row > self.in_a_row):
                return False
        return True


class Wish(NamedTuple):
    """One wished date: any of ``minutes`` is right; ``earliest`` and ``latest`` are the days that it may move to."""

    on: date
    minutes: tuple[int, ...]
    earliest: date
    latest: date
    keeps_weekday: bool


@dataclass(frozen=True)
class Course:
    """What the client asks for, whole. Raises InvalidCourse when it makes no sense.

    ``starts_on`` is the first day a session may fall on, moved dates included; so is the end of a last phase that is
    bounded by a date. ``minutes`` are the wished wall minutes, any of them is right; ``weekday_minutes`` replaces them
    on single weekdays. ``therapists`` are the wished ones, the dearest first; nobody means anyone. ``grace`` is the
    number of days by which a date may move.
    """

    starts_on: date
    phases: tuple[Phase, ...]
    minutes: tuple[int, ...]
    therapists: tuple[UUID, ...] = ()
    rest: Rest = Rest()
    grace: int = DAYS_OF_GRACE
    weekday_minutes: Mapping[int, tuple[int, ...]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not self.phases:
            raise InvalidCourse("rhythm", "A course needs a rhythm.")
        if len(self.phases) > 1 and any(isinstance(phase.rhythm, Once) for phase in self.phases):
            raise InvalidCourse("rhythm", "A single session stands alone.")
        if not 0 <= self.grace <= 6:
            raise InvalidCourse("grace", "A date may move by 0 to 6 days.")
        object.__setattr__(self, "minutes", _checked_minutes(self.minutes))
        by_weekday = {weekday: _checked_minutes(times) for weekday, times in sorted(self.weekday_minutes.items())}
        if by_weekday:
            _checked_weekdays(tuple(by_weekday))
        object.__setattr__(self, "weekday_minutes", by_weekday)
        if len(set(self.therapists)) < len(self.therapists):
            raise InvalidCourse("therapists", "Each therapist is wished once.")
        try:
            wishes = self.wishes
        except OverflowError:
            raise InvalidCourse("starts_on", "These dates are beyond the calendar.") from None
        if len(wishes) > MAX_DATES:
            raise InvalidCourse("count", f"A course has at most {MAX_DATES} dates.")

    @cached_property
    def wishes(self) -> tuple[Wish, ...]:
        """The wished dates in order."""
        end = self.phases[-1].until
        return tuple(self._wish(day, rhythm, end=end) for rhythm, dates in self._timeline() for day in dates)

    @property
    def is_daily(self) -> bool:
        """Whether some of its dates follow each other day by day."""
        return any(isinstance(phase.rhythm, Daily) for phase in self.phases)

    def rested(self, days: int) -> Course:
        """The same course with at least so many days of rest."""
        return replace(self, rest=self.rest.at_least(days))

    def wishes_after(self) -> Iterator[Wish]:
        """What the last rhythm would wish next if it had no end; nothing after a single session."""
        *_, (rhythm, dates) = self._timeline()
        return (self._wish(day, rhythm) for day in rhythm.dates(dates[0]) if day > dates[-1])

    def part(self, first: int, last: int, *, starts_on: date, minute: int, therapists: tuple[UUID, ...]) -> Course:
        """The dates from position ``first`` to ``last`` (from 1) in the same rhythm, beginning on another day and time.

        Weekdays move along with the first date. Positions past the end belong to the last rhythm.
        """
        timeline = tuple(self._timeline())
        ends = [*accumulate(len(dates) for _rhythm, dates in timeline[:-1]), max(last, len(self.wishes))]
        days = [day for _rhythm, dates in timeline for day in dates]
        by = starts_on.weekday() - days[min(first, len(days)) - 1].weekday()
        counts = [min(last, end) - max(first - 1, begin) for begin, end in pairwise([0, *ends])]
        phases = [
            Phase(_moved_along(rhythm, by, starts_on), count=count)
            for (rhythm, _dates), count in zip(timeline, counts, strict=True)
            if count > 0
        ]
        return Course(starts_on, tuple(phases), (minute,), therapists, self.rest, self.grace)

    def _timeline(self) -> Iterator[tuple[Rhythm, tuple[date, ...]]]:
        end: date | None = None
        for phase in self.phases:
            dates = phase.dates(self.starts_on if end is None else phase.rhythm.resumes_on(end))
            if not dates:
                raise InvalidCourse("until", "This end leaves no date in the rhythm.")
            yield phase.rhythm, dates
            end = phase.until or dates[-1]

    def _wish(self, day: date, rhythm: Rhythm, *, end: date | None = None) -> Wish:
        grace = self.grace * _DAY
        return Wish(
            on=day,
            minutes=self.weekday_minutes.get(day.weekday(), self.minutes),
            earliest=max(day - grace, self.starts_on),
            latest=min(day + grace, end or date.max),
            keeps_weekday=rhythm.keeps_weekday,
        )

    def as_json(self) -> dict[str, Any]:
        """The course as plain JSON values, defaults left out; ``from_json`` reads it back."""
        facts: dict[str, Any] = {
            "starts_on": self.starts_on.isoformat(),
            "phases": [_phase_as_json(phase) for phase in self.phases],
            "minutes": list(self.minutes),
        }
        if self.therapists:
            facts["therapists"] = [str(therapist) for therapist in self.therapists]
        if self.rest != Rest():
            facts["rest"] = {"days": self.rest.days, "in_a_row": self.rest.in_a_row}
        if self.grace != DAYS_OF_GRACE:
            facts["grace"] = self.grace
        if self.weekday_minutes:
            facts["weekday_minutes"] = {str(weekday): list(times) for weekday, times in self.weekday_minutes.items()}
        return facts

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Course:
        """Read back what ``as_json`` wrote. Raises InvalidCourse when it is anything else."""
        try:
            return cls(
                starts_on=date.fromisoformat(facts["starts_on"]),
                phases=tuple(_phase_from_json(phase) for phase in facts["phases"]),
                minutes=tuple(facts["minutes"]),
                therapists=tuple(UUID(therapist) for therapist in facts.get("therapists", ())),
                rest=Rest(**facts.get("rest", {})),
                grace=facts.get("grace", DAYS_OF_GRACE),
                weekday_minutes={int(day): tuple(times) for day, times in facts.get("weekday_minutes", {}).items()},
            )
        except InvalidCourse:
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InvalidCourse("course", "This course cannot be read.") from error


class ClockChange(NamedTuple):
    """On the local date ``on`` the clocks go forward by ``minutes``, or back if negative."""

    on: date
    minutes: int


def clock_changes(zone: ZoneInfo, after: date, until: date) -> tuple[ClockChange, ...]:
    """Find the clock changes between noon of ``after`` and noon of ``until``, each dated by the clock it puts an end
    to.

    For two sessions that follow each other, these are the changes that the second one is the first to meet.
    """
    changes = []
    noon = _utc_noon(after, zone)
    for days in range(1, (until - after).days + 1):
        next_noon = _utc_noon(after + days * _DAY, zone)
        old, new = _offset(noon, zone), _offset(next_noon, zone)
        if old != new:
            changed_at = _first_minute_not_at(old, noon, next_noon, zone)
            changes.append(ClockChange((changed_at + old).date(), (new - old) // _MINUTE))
        noon = next_noon
    return tuple(changes)


def changes_met(zone: ZoneInfo, days: Iterable[date]) -> dict[date, ClockChange]:
    """By date, the clock change in the week before it, where it is the first of these dates to meet it."""
    met = {}
    before = date.min
    for day in sorted(days):
        if changes := clock_changes(zone, max(before, day - _WEEK), day):
            met[day] = changes[-1]
        before = day
    return met


def _moved_along(rhythm: Rhythm, by: int, starts_on: date) -> Rhythm:
    """The rhythm with its weekdays moved ``by`` days; a daily one keeps its working days and takes the first date in."""
    match rhythm:
        case Weekly(weekdays, every_weeks):
            return Weekly(tuple((weekday + by) % 7 for weekday in weekdays), every_weeks)
        case Daily(weekdays):
            return Daily((*weekdays, starts_on.weekday()))
        case _:
            return rhythm


def _utc_noon(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(12), zone).astimezone(UTC)


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).replace(tzinfo=UTC) - instant


def _first_minute_not_at(offset: timedelta, since: datetime, before: datetime, zone: ZoneInfo) -> datetime:
    minutes = range((before - since) // _MINUTE)
    return since + _MINUTE * bisect_left(minutes, True, key=lambda minute: _offset(since + minute * _MINUTE, zone) != offset)


def _phase_as_json(phase: Phase) -> dict[str, Any]:
    match phase.rhythm:
        case Once():
            return {"rhythm": "once"}
        case Weekly(weekdays, every_weeks):
            facts: dict[str, Any] = {"rhythm": "weekly", "weekdays": list(weekdays), "every_weeks": every_weeks}
        case Daily(weekdays):
            facts = {"rhythm": "daily", "weekdays": list(weekdays)}
    if phase.until is not None:
        return facts | {"until": phase.until.isoformat()}
    return facts | {"count": phase.count}


def _phase_from_json(facts: Mapping[str, Any]) -> Phase:
    rhythm: Rhythm
    match facts:
        case {"rhythm": "once"}:
            return Phase(Once())
        case {"rhythm": "weekly", "weekdays": weekdays, "every_weeks": every_weeks}:
            rhythm = Weekly(tuple(weekdays), every_weeks)
        case {"rhythm": "daily", "weekdays": weekdays}:
            rhythm = Daily(tuple(weekdays))
        case _:
            raise InvalidCourse("rhythm", "A rhythm is once, weekly or daily.")
    until = facts.get("until")
    return Phase(rhythm, count=facts.get("count"), until=until and date.fromisoformat(until))


def _days_from(start: date) -> Iterator[date]:
    return (start + days * _DAY for days in count())


def _monday(day: date) -> date:
    return day - day.weekday() * _DAY


def _checked_weekdays(weekdays: Sequence[int]) -> tuple[int, ...]:
    if not weekdays or not set(weekdays) <= set(range(7)):
        raise InvalidCourse("weekdays", "Choose at least one weekday, 0 (Monday) to 6 (Sunday).")
    return tuple(sorted(set(weekdays)))


def _checked_minutes(minutes: Sequence[int]) -> tuple[int, ...]:
    if not minutes or not all(0 <= minute < 24 * 60 for minute in minutes):
        raise InvalidCourse("minutes", "Choose at least one time of day.")
    return tuple(sorted(set(minutes)))
