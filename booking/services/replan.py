"""A new plan for sessions that are booked, from another first time: worked out here, written by ``changes``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from booking.engine.planner import Openings, Outcome, PlanDate, Start, plans
from booking.engine.recurrence import Course, InvalidCourse, Once, Phase
from booking.engine.slots import Offers
from booking.engine.zones import instant_of
from booking.exceptions import CourseInvalid, SlotTaken
from booking.models import Appointment
from booking.queries import availability, moment_of, why_not
from booking.services.changes import Move, NewWish


class First(NamedTuple):
    """The time chosen for the first session; ``wished`` is the therapist for all of them, None means that anyone will do."""

    start: Start
    wished: UUID | None


@dataclass(frozen=True)
class NewDate:
    """One session and where the new plan puts it; without a place it stays where it is. ``reason``: why the wish is not met."""

    session: Appointment
    planned: PlanDate
    moves: bool
    reason: Mapping[str, str]

    @property
    def starts_at(self) -> datetime:
        """The new start. Raises SlotTaken for a wall time that does not exist."""
        placed = self.planned.placed
        assert placed is not None
        instant = instant_of(self.session.zone, placed.on, placed.minute)
        if instant is None:
            raise SlotTaken
        return moment_of(instant)


@dataclass(frozen=True)
class NewPlan:
    """What becomes of every session in question, in order of their dates."""

    dates: tuple[NewDate, ...]

    @property
    def moves(self) -> list[Move]:
        return [
            Move(each.session, each.planned.placed.therapist, each.starts_at)
            for each in self.dates
            if each.moves and each.planned.placed is not None
        ]

    @property
    def wishes(self) -> list[NewWish]:
        """What the series wishes from now on; a single session that moves leaves the wish of its series as it was."""
        if len(self.dates) == 1:
            return []
        return [_wish_of(each) for each in self.dates]

    @property
    def tally(self) -> Counter[Outcome]:
        return Counter(each.planned.outcome for each in self.dates)


def replan(sessions: Sequence[Appointment], first: First, *, others: Collection[date], now: datetime) -> NewPlan:
    """The best plan for these sessions of one client, the first of them at the time chosen. Nothing is written.

    The rhythm is that of their series. A session whose new date is not possible keeps its old time, which then is in the way
    of the new ones; so does one whose length was set by hand where that does not fit. ``others`` are the dates of the client's
    sessions that are not in question: no second one is put there.
    Raises CourseInvalid where the rhythm makes no sense from there on.
    """
    ordered = _by_position(sessions)
    course = _course(ordered, first)
    treatment = ordered[0].treatment
    client = ordered[0].client_id
    lengths = Counter(each.kept_length for each in ordered)
    [(usual, _count)] = lengths.most_common(1)
    kept: list[Appointment] = []
    while True:
        moving = [each.pk for each in ordered if each not in kept]
        by_length = {
            lasting: availability(
                treatment.pk,
                first=min(wish.earliest for wish in course.wishes),
                last=max(wish.latest for wish in course.wishes),
                now=now,
                client=client,
                ignoring=moving,
                daily=course.is_daily,
                lasting=lasting,
            )
            for lasting in lengths
        }
        offers = by_length[usual]
        taken = {*others, *(each.local_date for each in kept)} - {first.start.on}
        try:
            plan = plans(course.rested(offers.rest_days), offers.therapists, _Except(taken, offers))[0]
        except InvalidCourse as problem:
            raise CourseInvalid(str(problem)) from problem
        dates = _at_their_positions(ordered, plan.dates)
        lost = [
            session
            for session, planned in dates
            if session in kept or planned.placed is None or not _is_offered(planned.placed, by_length[session.kept_length])
        ]
        if len(lost) == len(kept):
            settled = [(session, replace(planned, placed=None) if session in kept else planned) for session, planned in dates]
            moves = {session.pk for session, planned in settled if _is_new(session, planned)}
            return _explained(settled, now, moving=moves, daily=course.is_daily)
        kept = lost


def as_chosen(sessions: Sequence[Appointment], starts: Mapping[UUID, Start], first: First, *, now: datetime) -> NewPlan:
    """The plan somebody was shown and confirms. ``starts``: by session the new start; a session without one stays.

    Raises CourseInvalid as ``replan``.
    """
    ordered = _by_position(sessions)
    lead, _count = Counter(start.therapist for start in starts.values()).most_common(1)[0]
    course = _course(ordered, first)
    planned = tuple(PlanDate(n, lead, wish, None) for n, wish in enumerate(course.wishes, 1))
    dates = [
        (session, replace(wished, placed=starts.get(session.pk) or _start_of(session)))
        for session, wished in _at_their_positions(ordered, planned)
    ]
    return _explained(dates, now, moving=set(starts), daily=course.is_daily)


class _Except(NamedTuple):
    """Openings without some dates."""

    taken: Collection[date]
    openings: Openings

    def on(self, therapist: UUID, day: date, /) -> int:
        return 0 if day in self.taken else self.openings.on(therapist, day)


def _start_of(session: Appointment) -> Start:
    return Start(session.therapist_id, session.local_date, session.local_time.hour * 60 + session.local_time.minute)


def _by_position(sessions: Sequence[Appointment]) -> list[Appointment]:
    return sorted(sessions, key=lambda session: (session.position or 0, session.starts_at))


def _course(ordered: Sequence[Appointment], first: First) -> Course:
    start = first.start
    if len(ordered) == 1:
        return Course(start.on, (Phase(Once()),), (start.minute,), (start.therapist,), grace=0)
    series = ordered[0].series
    assert series is not None
    begin, end = ordered[0].position, ordered[-1].position
    assert begin is not None
    assert end is not None
    wished = (first.wished,) if first.wished else ()
    try:
        return Course.from_json(series.course).part(begin, end, starts_on=start.on, minute=start.minute, therapists=wished)
    except InvalidCourse as problem:
        raise CourseInvalid from problem


def _at_their_positions(ordered: Sequence[Appointment], dates: Sequence[PlanDate]) -> list[tuple[Appointment, PlanDate]]:
    """Each session with its date; the dates of sessions that are not in question fall out."""
    if len(ordered) == 1:
        return [(ordered[0], dates[0])]
    begin = ordered[0].position or 1
    return [(session, dates[(session.position or begin) - begin]) for session in ordered]


def _is_new(session: Appointment, planned: PlanDate) -> bool:
    return planned.placed is not None and planned.placed != _start_of(session)


def _is_offered(start: Start, offers: Offers) -> bool:
    return bool(offers.on(start.therapist, start.on) >> start.minute & 1)


def _explained(dates: Sequence[tuple[Appointment, PlanDate]], now: datetime, *, moving: Collection[UUID], daily: bool) -> NewPlan:
    missed = [(session, planned) for session, planned in dates if planned.outcome != Outcome.KEPT]
    reasons: dict[UUID, Mapping[str, str]] = {}
    for lasting in {session.kept_length for session, _planned in missed}:
        alike = [(session, planned) for session, planned in missed if session.kept_length == lasting]
        why = why_not(
            dates[0][0].treatment_id,
            [planned.wished for _session, planned in alike],
            now=now,
            client=dates[0][0].client_id,
            ignoring=[session.pk for session, _planned in dates],
            daily=daily,
            lasting=lasting,
        )
        reasons |= {
            session.pk: {"rule": rules[0].rule.value, "detail": rules[0].detail}
            for (session, _planned), rules in zip(alike, why, strict=True)
            if rules
        }
    return NewPlan(
        tuple(NewDate(session, planned, session.pk in moving, reasons.get(session.pk, {})) for session, planned in dates)
    )


def _wish_of(each: NewDate) -> NewWish:
    """A session that stays is, from the new wish, somewhere else."""
    ends_up = replace(each.planned, placed=each.planned.placed or _start_of(each.session))
    wished = ends_up.wished
    return NewWish(each.session, wished.on, wished.minute, wished.therapist, ends_up.outcome, each.reason)
