"""The series planner: the best whole plan for a course, not the first free date.

A plan gives each wished date one session or none. A session is a start that the openings offer; at most one falls on a
local date, the dates keep the order of the wishes, each stays within its wish's earliest and latest day, and all
together keep the course's rest. Every plan has a *lead*, the therapist it is built around: the wished one; of several
wished, or of all candidates if anyone will do, the one that makes the plan best.

What a plan costs, worst first; a plan is better if it is better in the first count in which the two differ:

1. *dates lost*: wishes without a session;
2. *changes of therapist*: sessions with someone who is not the lead (so a second wished therapist counts as a change);
3. *changes of time*: sessions that start at none of the minutes wished for their date, be it by five minutes or by
   hours;
4. *changes of weekday*: sessions on another weekday than the wished one, which is every moved date, as none moves by a
   week;
5. *shift*: minutes by which the sessions miss their wishes together, a day counting 1,440 and the time of day counting
   from the nearest wished minute (one day later and one hour earlier is 1,500, not 1,380).

The order has no exchange rates: one lost date is worse than any number of changes, and seeing the lead at another hour
is better than seeing someone else at the wished one. Whoever prefers the opposite finds it among the other plans. Being
done soonest is such a choice only for a course that ends with a daily rhythm: a weekly one would gain few days at most.

How it is found. A date and a therapist need only the start nearest to the wished minute, and a date needs only that of
the lead or, without one, the best of the others, for nothing else in the rules depends on the minute or the therapist.
What is left is a choice of days, found exactly by dynamic programming over the wishes: what came before matters only
through the last day with a session, the days in a row up to it, and the cost so far. Leads whose cheapest days, taken
without regard to order and rest, already cost more than the best plan known are not searched.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import cache
from itertools import islice
from operator import itemgetter
from typing import NamedTuple, Protocol
from uuid import UUID

from booking.engine.recurrence import MAX_DATES, Course, InvalidCourse, Rest, Wish

_DAY_MINUTES = 24 * 60
#: How many further dates of the rhythm are looked at to make up for a lost one.
_DATES_PAST_THE_END = 4

# A cost as one integer whose order is that of the five counts. 60 dates shift by less than 60 × 7 days < 2**20 minutes,
# and each other count is at most 60 < 2**6.
_WEEKDAY = 1 << 20
_TIME = _WEEKDAY << 6
_THERAPIST = _TIME << 6
_LOST = _THERAPIST << 6


class Openings(Protocol):
    """What is offered, before any rule of the course."""

    def on(self, therapist: UUID, day: date, /) -> int:
        """Return the starts of one local date: bit w is set if a start is offered at wall minute w."""


class Wanted(Protocol):
    """What is to be planned: wished dates in order, who is wished, and the rest between sessions. A course is one."""

    @property
    def wishes(self) -> Sequence[Wish]: ...
    @property
    def therapists(self) -> Sequence[UUID]: ...
    @property
    def rest(self) -> Rest: ...


class Outcome(StrEnum):
    """What became of a wished date. Someone else on another day or at another time counts as someone else."""

    KEPT = "kept"
    MOVED = "moved"
    OTHER_THERAPIST = "other_therapist"
    NOT_POSSIBLE = "not_possible"


class PlanKind(StrEnum):
    """What a plan holds on to; each is the cheapest plan that does."""

    FEWEST_CHANGES = "fewest_changes"  # nothing in particular: the cheapest of all
    SAME_THERAPIST = "same_therapist"  # the lead, always
    SAME_TIME = "same_time"  # the wished minutes; and the wished weekday, unless the rhythm is daily
    DONE_SOONEST = "done_soonest"  # no date lost that could be placed, then the earliest last session; daily only
    OWN = "own"  # changed by hand


class Start(NamedTuple):
    """A session's therapist, local date and wall minute."""

    therapist: UUID
    on: date
    minute: int


class Cost(NamedTuple):
    """What a plan gives up; compares as the module says."""

    lost: int
    changes_of_therapist: int
    changes_of_time: int
    changes_of_weekday: int
    shift: int  # minutes


@dataclass(frozen=True, slots=True)
class PlanDate:
    """One date of a plan: what was wished, and the start it got, if any. ``position`` counts from 1."""

    position: int
    lead: UUID
    wish: Wish
    placed: Start | None

    @property
    def wished(self) -> Start:
        """The wish as a start: with the lead, on its date, at the wished minute that is nearest to the placed one."""
        minutes = self.wish.minutes
        placed = self.placed
        minute = minutes[0] if placed is None else min(minutes, key=lambda wished: abs(wished - placed.minute))
        return Start(self.lead, self.wish.on, minute)

    @property
    def outcome(self) -> Outcome:
        if self.placed is None:
            return Outcome.NOT_POSSIBLE
        if self.placed.therapist != self.lead:
            return Outcome.OTHER_THERAPIST
        return Outcome.KEPT if self.placed == self.wished else Outcome.MOVED

    @property
    def cost(self) -> Cost:
        if self.placed is None:
            return Cost(1, 0, 0, 0, 0)
        wished = self.wished
        other = self.placed.therapist != self.lead
        days = abs((self.placed.on - wished.on).days)
        minutes = abs(self.placed.minute - wished.minute)
        return Cost(0, int(other), int(minutes > 0), int(days > 0), days * _DAY_MINUTES + minutes)


@dataclass(frozen=True, slots=True)
class Plan:
    """One whole plan: every wished date in order, the lost ones included."""

    kind: PlanKind
    lead: UUID
    dates: tuple[PlanDate, ...]

    @property
    def starts(self) -> tuple[Start, ...]:
        """The sessions of the plan, in order of their dates."""
        return tuple(planned.placed for planned in self.dates if planned.placed)

    @property
    def cost(self) -> Cost:
        return Cost(*map(sum, zip(*(planned.cost for planned in self.dates), strict=True)))

    @property
    def tally(self) -> Counter[Outcome]:
        """How many dates came to which outcome."""
        return Counter(planned.outcome for planned in self.dates)

    def with_date(self, planned: PlanDate) -> Plan:
        """Return the plan with one date swapped or added, as ``alternatives`` or ``extensions`` proposed it."""
        dates = (*self.dates[: planned.position - 1], planned, *self.dates[planned.position :])
        return replace(self, kind=PlanKind.OWN, dates=dates)


def plans(course: Course, candidates: Sequence[UUID], openings: Openings) -> tuple[Plan, ...]:
    """Return up to three whole plans that differ in what they give up: the cheapest, then others by their cost.

    ``candidates`` are the therapists who may treat this client, the preferred ones first where costs are equal; the
    wished ones count as candidates. Each other plan costs more than the cheapest and places something; a course that can
    be kept whole has no other. Raises InvalidCourse without any therapist.
    """
    therapists = tuple(dict.fromkeys((*course.therapists, *candidates)))
    if not therapists:
        raise InvalidCourse("therapists", "A course needs a therapist.")
    leads = len(course.therapists) or len(therapists)
    columns = _columns(course.wishes, therapists, openings)
    cheapest = _cheapest(PlanKind.FEWEST_CHANGES, course, therapists, leads, columns)
    cost = cheapest.cost
    if not cheapest.starts or not any(cost):
        return (cheapest,)
    narrowed: dict[PlanKind, _Columns] = {}
    if cost.changes_of_therapist:
        narrowed[PlanKind.SAME_THERAPIST] = _only_lead(columns)
    if cost.changes_of_time or cost.changes_of_weekday:
        narrowed[PlanKind.SAME_TIME] = _only_wished_time(columns, course.wishes)
    if not course.wishes[-1].keeps_weekday:
        narrowed[PlanKind.DONE_SOONEST] = _only_soonest(columns, course.rest, cheapest)
    others: list[Plan] = []
    for kind, narrow in narrowed.items():
        plan = _cheapest(kind, course, therapists, leads, narrow)
        if plan.starts and plan.cost > cost and all(plan.starts != other.starts for other in others):
            others.append(plan)
    return (cheapest, *sorted(others[:2], key=lambda plan: plan.cost))


def best_plan(wanted: Wanted, candidates: Sequence[UUID], openings: Openings) -> Plan:
    """Return the cheapest plan alone, for wishes that need not come from a rhythm. Somebody must be wished."""
    therapists = tuple(dict.fromkeys((*wanted.therapists, *candidates)))
    columns = _columns(wanted.wishes, therapists, openings)
    return _cheapest(PlanKind.FEWEST_CHANGES, wanted, therapists, len(wanted.therapists), columns)


def alternatives(
    course: Course, plan: Plan, position: int, candidates: Sequence[UUID], openings: Openings, *, limit: int = 3
) -> tuple[PlanDate, ...]:
    """Return what could stand at ``position`` (from 1) instead, while all other dates of the plan stay where they are.

    The best of every way to differ from the wish come first: in nothing, in the time only, the therapist only, the day
    only, then in two of them, then in all three; after them the second best of each. Within one way the least shift
    wins.
    """
    planned = plan.dates[position - 1]
    before = [other.placed.on for other in plan.dates[: position - 1] if other.placed]
    after = [other.placed.on for other in plan.dates[position:] if other.placed]
    choices = _choices(planned, before, after, course, candidates, openings)
    return tuple(choice for choice in choices if choice.placed != planned.placed)[:limit]


def extensions(
    course: Course, plan: Plan, candidates: Sequence[UUID], openings: Openings, *, limit: int = 3
) -> tuple[PlanDate, ...]:
    """Return dates that could be added at the end to make up for a lost one, those near the rhythm's next date first.

    For one date of the rhythm they come in the order of ``alternatives``. There are none if the plan is full.
    """
    before = [start.on for start in plan.starts]
    if len(before) >= MAX_DATES:
        return ()
    last = plan.dates[-1].wish.on
    wishes = islice((wish for wish in course.wishes_after() if wish.on > last), _DATES_PAST_THE_END)
    added = (PlanDate(len(plan.dates) + 1, plan.lead, wish, None) for wish in wishes)
    choices = (choice for planned in added for choice in _choices(planned, before, [], course, candidates, openings))
    return tuple(islice(choices, limit))


def _choices(
    planned: PlanDate,
    before: list[date],
    after: list[date],
    course: Course,
    candidates: Sequence[UUID],
    openings: Openings,
) -> list[PlanDate]:
    """Return the starts near the wish that go with the sessions on the days before and after it, best first."""
    therapists = tuple(dict.fromkeys((planned.lead, *course.therapists, *candidates)))
    ways: defaultdict[tuple[bool, ...], list[PlanDate]] = defaultdict(list)
    for day in _days(planned.wish):
        if not course.rest.allows([*before, day, *after]):
            continue
        for therapist in therapists:
            starts = openings.on(therapist, day)
            for minute in sorted({minute for wished in planned.wish.minutes for minute in _around(starts, wished)}):
                choice = replace(planned, placed=Start(therapist, day, minute))
                cost = choice.cost
                ways[cost.changes_of_weekday > 0, cost.changes_of_therapist > 0, cost.changes_of_time > 0].append(choice)
    ranked = [
        (rank, sum(way), way, choice)
        for way, choices in ways.items()
        for rank, choice in enumerate(sorted(choices, key=lambda choice: choice.cost.shift))
    ]
    return [choice for *_, choice in sorted(ranked, key=lambda entry: entry[:3])]


class _Day(NamedTuple):
    """A local date as one wish sees it; ``own`` and ``minutes`` go by the number of the therapist."""

    ordinal: int
    move: int  # what a session costs for being on this day
    own: list[int | None]  # and for its minute, with this therapist; None if nothing is offered
    minutes: list[int]
    least: int | None  # the least of ``own``; None where only the lead may treat
    by: int  # the therapist it belongs to


#: Per wish, the days on which it can be placed at all.
_Columns = list[list[_Day]]


def _columns(wishes: Iterable[Wish], therapists: Sequence[UUID], openings: Openings) -> _Columns:
    @cache
    def offered(day: date, wished: tuple[int, ...]) -> tuple[list[int | None], list[int], int | None, int]:
        own: list[int | None] = []
        minutes: list[int] = []
        least, by = None, 0
        for number, therapist in enumerate(therapists):
            cost, minute = None, 0
            if starts := openings.on(therapist, day):
                missed, minute = _nearest(starts, wished)
                cost = missed + _TIME if missed else 0
                if least is None or cost < least:
                    least, by = cost, number
            own.append(cost)
            minutes.append(minute)
        return own, minutes, least, by

    columns = []
    for wish in wishes:
        column = []
        for day in _days(wish):
            away = abs((day - wish.on).days)
            move = away * _DAY_MINUTES + _WEEKDAY if away else 0
            column.append(_Day(day.toordinal(), move, *offered(day, wish.minutes)))
        columns.append([day for day in column if day.least is not None])
    return columns


def _only_lead(columns: _Columns) -> _Columns:
    return [[day._replace(least=None) for day in column] for column in columns]


def _only_wished_time(columns: _Columns, wishes: Sequence[Wish]) -> _Columns:
    return [
        [
            day._replace(own=[None if cost else cost for cost in day.own])
            for day in column
            if day.least == 0 and not (day.move and wish.keeps_weekday)
        ]
        for wish, column in zip(wishes, columns, strict=True)
    ]


def _only_soonest(columns: _Columns, rest: Rest, cheapest: Plan) -> _Columns:
    """Cut off the days on which a plan need not run any more, if it is to lose no more dates than ``cheapest``."""
    sessions = len(cheapest.starts)
    days = [[(day.ordinal, 0) for day in column] for column in columns]
    too_costly = (len(columns) - sessions + 1) * _LOST

    def enough(last: int) -> bool:
        within = [[choice for choice in column if choice[0] <= last] for column in days]
        return _cheapest_days(within, rest, below=too_costly) is not None

    first = min(ordinal for column in days[sessions - 1 :] for ordinal, _ in column)
    finishing = range(first, cheapest.starts[-1].on.toordinal())
    last = first + bisect_left(finishing, True, key=enough)
    return [[day for day in column if day.ordinal <= last] for column in columns]


def _cheapest(kind: PlanKind, course: Wanted, therapists: Sequence[UUID], leads: int, columns: _Columns) -> Plan:
    """Return the cheapest plan on the days in ``columns`` with any of the first ``leads`` therapists as its lead."""
    lead, days, below = 0, (0,) * len(columns), len(columns) * _LOST
    costs = [[_costs_by_lead(day, leads) for day in column] for column in columns]
    lost = [_LOST] * leads
    least = [map(min, zip(lost, *column, strict=True)) for column in costs]
    floors = [sum(of_lead) for of_lead in zip(*least, strict=True)]
    for number in sorted(range(leads), key=floors.__getitem__):
        if floors[number] >= below:
            break
        options = [
            [(day.ordinal, by_lead[number]) for day, by_lead in zip(column, priced, strict=True) if by_lead[number] < _LOST]
            for column, priced in zip(columns, costs, strict=True)
        ]
        found = _cheapest_days(options, course.rest, below)
        if found is not None:
            lead, (below, days) = number, found
    dates = []
    for position, (wish, column, ordinal) in enumerate(zip(course.wishes, columns, days, strict=True), start=1):
        day = next((day for day in column if day.ordinal == ordinal), None)
        placed = None
        if day is not None:
            therapist = day.by if day.own[lead] is None else lead
            placed = Start(therapists[therapist], date.fromordinal(ordinal), day.minutes[therapist])
        dates.append(PlanDate(position, therapists[lead], wish, placed))
    return Plan(kind, therapists[lead], tuple(dates))


def _costs_by_lead(day: _Day, leads: int) -> list[int]:
    """Return what a session on this day costs under each lead."""
    other = _LOST if day.least is None else day.move + day.least + _THERAPIST
    return [other if own is None else day.move + own for own in day.own[:leads]]


#: The days chosen so far, last first; 0 stands for a lost date.
_Trail = tuple["_Trail", int] | None
#: The last day with a session, the days in a row up to it, the cost so far, and how it came about.
_State = tuple[int, int, int, _Trail]


def _cheapest_days(options: Sequence[Sequence[tuple[int, int]]], rest: Rest, below: int) -> tuple[int, tuple[int, ...]] | None:
    """Choose a day or none for each wish so that the days increase and keep the rest, at the least cost.

    ``options`` are (ordinal of the day, cost) per wish. Returns the cost and the days, 0 for a lost date; None if
    nothing costs less than ``below``.
    """
    ahead: list[tuple[int, int]] = []  # per wish: the least that those after it cost, and the first day from it on
    floor, first_day = 0, date.max.toordinal()
    for choices in reversed(options):
        first_day = min([first_day, *(day for day, _ in choices)])
        ahead.append((floor, first_day))
        floor += min((cost for _, cost in choices), default=_LOST)

    limit = rest.in_a_row or len(options)
    remembered = max(rest.days, 1 if rest.in_a_row else 0)
    states: list[_State] = [(0, 0, 0, None)]
    for choices, (floor, first_day) in zip(options, reversed(ahead), strict=True):
        affordable = below - floor
        reached: list[_State] = []
        for last, row, cost, trail in states:
            if first_day - last > remembered:
                last = row = 0
            if cost + _LOST < affordable:
                reached.append((last, row, cost + _LOST, (trail, 0)))
            for day, price in choices:
                apart = day - last
                in_a_row = row + 1 if apart == 1 and rest.in_a_row else 1
                if apart > rest.days and in_a_row <= limit and cost + price < affordable:
                    reached.append((day, in_a_row, cost + price, (trail, day)))
        states = _undominated(reached)
    if not states:
        return None
    _, _, cost, trail = states[-1]
    days: list[int] = []
    while trail:
        trail, day = trail
        days.append(day)
    return cost, tuple(reversed(days))


def _undominated(states: list[_State]) -> list[_State]:
    """Return the states that no other beats, the cheapest last.

    What can follow a state can follow one with an earlier last day as well, and one with the same day and fewer in a
    row; a state that is not cheaper than such a one leads nowhere better.
    """
    kept: list[_State] = []
    for state in sorted(states, key=itemgetter(0, 1, 2)):
        if not kept or state[2] < kept[-1][2]:
            kept.append(state)
    return kept


def _days(wish: Wish) -> Iterator[date]:
    return map(date.fromordinal, range(wish.earliest.toordinal(), wish.latest.toordinal() + 1))


def _nearest(starts: int, wished: Iterable[int]) -> tuple[int, int]:
    """Return how far the nearest of some starts is from a wished minute, and its own minute; of two as near the first."""
    missed, nearest = _DAY_MINUTES, 0
    for minute in wished:
        if before := starts & ((1 << minute) - 1):
            away = minute + 1 - before.bit_length()
            if away < missed:
                missed, nearest = away, minute - away
        if after := starts >> minute:
            away = (after & -after).bit_length() - 1
            if away < missed:
                missed, nearest = away, minute + away
    return missed, nearest


def _around(starts: int, minute: int) -> Iterator[int]:
    """Yield the start at ``minute`` if there is one, the last before it and the first after it."""
    if starts >> minute & 1:
        yield minute
    if before := starts & ((1 << minute) - 1):
        yield before.bit_length() - 1
    if after := starts >> (minute + 1):
        yield minute + (after & -after).bit_length()
