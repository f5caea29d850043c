"""What is offered: the starts at which a treatment can be booked, for many therapists and days at once.

The days asked for lie on one axis of minutes, and every rule is one integer over that axis with a bit a minute: bit
``i`` is set where the rule allows (or forbids) a start at minute ``i``. A start at ``s`` has the footprint
``[s - preparation, s + length + turnaround)``, so a busy span ``[a, b)`` forbids exactly the starts from
``a - length - turnaround + 1`` up to ``b + preparation``, and no start has to be looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from operator import sub
from typing import NamedTuple
from uuid import UUID

from booking.engine.spans import Span, merge
from booking.engine.zones import DAY, LocalDay, later, local_date, local_day

Key = UUID  # of a therapist or a room
_WHOLE_DAY = (1 << DAY) - 1
_CHUNK = 2 * DAY
WallSpans = tuple[Span, ...]  # in wall minutes of one date


class WeeklyHours(NamedTuple):
    """``[opens, closes)`` in wall minutes on one weekday (0 is Monday), every n-th week from that of ``valid_from``."""

    weekday: int
    opens: int
    closes: int
    valid_from: date
    valid_until: date | None = None  # the last day
    every_weeks: int = 1

    def apply(self, day: date) -> bool:
        if day.weekday() != self.weekday or day < self.valid_from or (self.valid_until and day > self.valid_until):
            return False
        weeks = (_monday(day) - _monday(self.valid_from)) // timedelta(weeks=1)
        return weeks % self.every_weeks == 0


class Caps(NamedTuple):
    """How much a therapist does; None is no limit. Sessions count with their own minutes, without what is blocked around them.

    A date's sessions are those that start on it. Those of one date are *in a row* while less than ``rest`` minutes lie between
    one's end and the next one's start. What is not firm is not refused for firm minutes.
    """

    sessions: int | None = None  # on a date
    minutes: int | None = None
    firm: int | None = None  # minutes of firm pressure on a date
    sessions_in_a_row: int | None = None
    firm_in_a_row: int | None = None
    rest: int = 0

    @property
    def ask_for_rest(self) -> bool:
        return self.sessions_in_a_row is not None or self.firm_in_a_row is not None

    def allow_on_a_date(self, sessions: int, minutes: int, firm: int) -> bool:
        return not (_over(sessions, self.sessions) or _over(minutes, self.minutes) or _over(firm, self.firm))

    def allow_in_a_row(self, sessions: int, firm: int) -> bool:
        return not (_over(sessions, self.sessions_in_a_row) or _over(firm, self.firm_in_a_row))


NO_CAPS = Caps()


def _over(amount: int, most: int | None) -> bool:
    return most is not None and amount > most


@dataclass(frozen=True)
class Therapist:
    """When one therapist works. ``overrides`` replace the whole date; an empty one means a day off."""

    weekly: tuple[WeeklyHours, ...] = ()
    overrides: Mapping[date, WallSpans] = field(default_factory=dict)
    time_off: tuple[Span, ...] = ()
    caps: Caps = NO_CAPS
    _known: dict[date, WallSpans] = field(default_factory=dict, init=False, repr=False, compare=False)

    def hours(self, day: date) -> WallSpans:
        """The unbroken stretches of working hours on a date, in wall minutes, in order and apart. Worked out once a date."""
        known = self._known.get(day)
        if known is None:
            override = self.overrides.get(day)
            if override is None:
                override = tuple(Span(rule.opens, rule.closes) for rule in self.weekly if rule.apply(day))
            known = self._known[day] = merge(override)
        return known


class Shut(NamedTuple):
    """A closure: the practice is shut for a span of instants."""

    span: Span
    name: str


@dataclass(frozen=True)
class Practice:
    """The place: its clock, and when nobody works there. ``holidays`` are the dates it does not open on, by name."""

    zone: str
    closures: tuple[Shut, ...] = ()
    holidays: Mapping[date, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Treatment:
    """What is to be booked. All in minutes but ``notice`` (whole days count on the wall clock) and ``horizon`` (days).

    ``rooms``: any one of them will do; none listed means that no room is needed.
    """

    length: int
    preparation: int = 0
    turnaround: int = 0
    step: int = 15
    notice: timedelta = timedelta(0)
    horizon: int = 365
    rooms: tuple[Key, ...] = ()
    firm: int = 0  # minutes of it with firm pressure


class Busy(NamedTuple):
    """What one therapist has taken in one room, as columns of UTC minutes: the footprints, and the sessions inside them.

    The sessions, and how many minutes of each are firm, are needed only where a therapist has caps.
    """

    therapist: Key | None
    room: Key | None
    blocked_from: Sequence[int]
    blocked_until: Sequence[int]
    starts: Sequence[int] = ()
    ends: Sequence[int] = ()
    firm: Sequence[int] = ()


class Rule(StrEnum):
    """Why a start is not offered; when several rules remove it, the first in this order is named."""

    NOT_SKILLED = "not_skilled"
    NO_SUCH_TIME = "no_such_time"
    NOT_MATCHED = "not_matched"
    NOT_DAILY = "not_daily"
    TOO_SOON = "too_soon"
    TOO_FAR_AHEAD = "too_far_ahead"
    HOLIDAY = "holiday"
    CLOSED = "closed"
    AWAY = "away"
    NOT_WORKING = "not_working"
    OFF_GRID = "off_grid"
    TAKEN = "taken"
    CAP_REACHED = "cap_reached"
    NEEDS_REST = "needs_rest"
    NO_ROOM = "no_room"
    CLIENT_BUSY = "client_busy"


class Why(NamedTuple):
    """The rule that removed a start; ``detail`` is the name of the closure or holiday, where it has one."""

    rule: Rule
    detail: str = ""


class LeftOut(NamedTuple):
    """Dates, both inclusive, on which a therapist treats nobody like this client or in such a course."""

    first: date
    last: date
    rule: Rule


class Offer(NamedTuple):
    """A start that is offered: on the wall (``day``, ``minute``) and as an instant."""

    therapist: Key
    day: date
    minute: int
    instant: int


class Day(NamedTuple):
    """A date and the place of its first minute on the axis."""

    local: LocalDay
    at: int

    def spread(self, wall: int) -> int:
        """The minutes of the axis that carry this date, for the wall minutes set in ``wall``; of two alike, both."""
        mask = 0
        for piece in self.local.pieces:
            shown = (wall >> piece.wall) & ((1 << (piece.end - piece.start)) - 1)
            mask |= shown << (self.at + piece.start - self.local.start)
        return mask

    def gather(self, part: int) -> int:
        """The wall minutes of this date whose minutes are set in ``part``, counted from its first minute."""
        if self.local.is_plain:
            return part & _WHOLE_DAY
        wall = 0
        for piece in self.local.pieces:
            carried = part >> (piece.start - self.local.start)
            wall |= (carried & ((1 << (piece.end - piece.start)) - 1)) << piece.wall
        return wall

    @property
    def bits(self) -> int:
        return self.local.end - self.local.start

    @property
    def whole(self) -> int:
        return self.spread(_WHOLE_DAY)


class Axis:
    """Consecutive dates of one zone as one row of minutes; minute 0 is the first instant of the first date."""

    def __init__(self, zone: str, first: date, last: date) -> None:
        self.zone = zone
        self.first = first
        self.last = last
        dates = [local_day(zone, first + timedelta(days=n)) for n in range((last - first).days + 1)]
        present = [day for day in dates if day.pieces]
        self.base = present[0].start if present else 0
        self.end = present[-1].end if present else 0
        self.days = {day.day: Day(day, day.start - self.base) for day in present}

    @property
    def length(self) -> int:
        return self.end - self.base


@dataclass(frozen=True)
class Situation:
    """All that decides what is offered, besides the rules of the therapists: one question put to the engine."""

    practice: Practice
    treatment: Treatment
    now: int  # the instant of asking, rounded up to a minute
    busy: Sequence[Busy] = ()
    client_busy: Sequence[Span] = ()  # the client's own sessions
    left_out: Mapping[Key, Sequence[LeftOut]] = field(default_factory=dict)  # by therapist
    rest_days: int = 0  # that the client needs between two sessions
    extra: int = 0  # minutes by which a first session is longer
    first_before: int | None = None  # a start before this instant is a first session; None: any is

    @property
    def longer(self) -> Situation:
        """The same question about a first session, with its whole length."""
        return replace(self, treatment=replace(self.treatment, length=self.treatment.length + self.extra), extra=0)

    def is_first(self, start: int) -> bool:
        return self.extra > 0 and (self.first_before is None or start < self.first_before)


class Offers:
    """The starts found: for each therapist one integer over the axis, and what is asked of it."""

    def __init__(
        self,
        axis: Axis,
        masks: Mapping[Key, int],
        rooms: Mapping[Key, int],
        situation: Situation,
        *,
        is_narrowed: bool = False,
        longer: Offers | None = None,
    ) -> None:
        self.axis = axis
        self._situation = situation
        #: the same for first sessions, where those are longer
        self._longer = longer
        #: whether somebody is left out on some of these dates because of who is to be treated
        self.is_narrowed = is_narrowed
        self._masks = masks
        self._rooms = rooms
        self._bytes: dict[Key, bytes] = {}

    @property
    def rest_days(self) -> int:
        """Whole days that a course has to leave between two sessions of this client."""
        return self._situation.rest_days

    def longer_by(self, instant: int) -> int:
        """The minutes by which a session that starts then is longer, because it is a first one."""
        return self._situation.extra if self._situation.is_first(instant) else 0

    @property
    def therapists(self) -> tuple[Key, ...]:
        """Everybody who was asked, in the order of preference."""
        return tuple(self._masks)

    def on(self, therapist: Key, day: date) -> int:
        """The starts of one local date: bit w is set if one is offered at wall minute w."""
        place = self.axis.days.get(day)
        if place is None or not self._masks.get(therapist):
            return 0
        return place.gather(self._part(therapist, place))

    def _part(self, therapist: Key, place: Day) -> int:
        """The minutes of one date, minute 0 being its first; cut from bytes, as shifting a long integer copies all of it."""
        whole = self._bytes.get(therapist)
        if whole is None:
            whole = self._bytes[therapist] = self._masks[therapist].to_bytes(self.axis.length // 8 + 1, "little")
        part = int.from_bytes(whole[place.at >> 3 : (place.at + place.bits >> 3) + 1], "little")
        return part >> (place.at & 7)

    def by_anyone(self, day: date) -> int:
        """The starts of one local date that at least one therapist offers."""
        starts = 0
        for therapist in self._masks:
            starts |= self.on(therapist, day)
        return starts

    def of(self, day: date) -> list[Offer]:
        """The offers of one local date, by time, then in the order of the therapists."""
        place = self.axis.days.get(day)
        if place is None:
            return []
        found = [
            (instant, order, minute, therapist)
            for order, therapist in enumerate(self._masks)
            for minute in bits_of(self.on(therapist, day))
            if (instant := place.local.instant(minute)) is not None
        ]
        return [
            Offer(therapist, day, minute, instant)
            for instant, _order, minute, therapist in sorted(found, key=lambda start: start[:2])
        ]

    def with_longer_first(self, longer: Offers) -> Offers:
        """These offers with those of ``longer`` in the place of first sessions."""
        before = self._situation.first_before
        ends = self.axis.length if before is None else min(max(before - self.axis.base, 0), self.axis.length)
        firsts = (1 << ends) - 1
        masks = {key: mask & ~firsts | longer._masks[key] & firsts for key, mask in self._masks.items()}
        return Offers(self.axis, masks, self._rooms, self._situation, is_narrowed=self.is_narrowed, longer=longer)

    def __iter__(self) -> Iterator[Offer]:
        """Every offer, date by date."""
        for day in self.axis.days:
            yield from self.of(day)

    def __contains__(self, start: tuple[Key, int]) -> bool:
        """Whether ``(therapist, instant)`` is offered."""
        therapist, instant = start
        bit = instant - self.axis.base
        return 0 <= bit < self.axis.length and bool(self._masks.get(therapist, 0) >> bit & 1)

    def rooms(self, instant: int) -> list[Key]:
        """The rooms that are free for the whole footprint of a session that starts at ``instant``."""
        if self._longer is not None and self._situation.is_first(instant):
            return self._longer.rooms(instant)
        bit = instant - self.axis.base
        return [room for room, blocked in self._rooms.items() if not blocked >> bit & 1]


def offers(situation: Situation, therapists: Mapping[Key, Therapist], first: date, last: date) -> Offers:
    """Find every start of the treatment for all ``therapists`` from ``first`` to ``last``, both inclusive."""
    found = _offers(situation, therapists, first, last)
    if not situation.extra:
        return found
    longer = _offers(situation.longer, therapists, first, last)
    return found.with_longer_first(longer)


def _offers(situation: Situation, therapists: Mapping[Key, Therapist], first: date, last: date) -> Offers:
    practice, treatment = situation.practice, situation.treatment
    axis = Axis(practice.zone, first, last)
    if not axis.length:
        return Offers(axis, dict.fromkeys(therapists, 0), {}, situation)

    allowed = _window(situation, axis)
    shut = [shut.span for shut in (*practice.closures, *_holidays(practice, axis.first, axis.last))]
    allowed &= ~blocked_starts(axis, shut, treatment.preparation, treatment.length + treatment.turnaround)
    allowed &= ~blocked_starts(axis, situation.client_busy, 0, treatment.length)

    taken, rooms = _taken(axis, situation, therapists)
    if rooms:
        no_room = -1
        for blocked in rooms.values():
            no_room &= blocked
        allowed &= ~no_room

    found: dict[Key, int] = {}
    for key, therapist in therapists.items():
        mask = startable(axis, therapist, treatment) & allowed & ~taken[key]
        if therapist.time_off:
            away = therapist.time_off
            mask &= ~blocked_starts(axis, away, treatment.preparation, treatment.length + treatment.turnaround)
        if therapist.caps != NO_CAPS:
            sessions = _sessions_of(practice.zone, key, situation.busy)
            mask &= ~_full_days(axis, therapist.caps, treatment, sessions)
            mask &= ~_without_rest(axis, therapist.caps, treatment, sessions)
        for left_out in situation.left_out.get(key, ()):
            mask &= ~_dates(axis, left_out.first, left_out.last)
        found[key] = mask
    narrowed = any(each.rule is Rule.NOT_MATCHED for key in found for each in situation.left_out.get(key, ()))
    return Offers(axis, found, rooms, situation, is_narrowed=narrowed)


def startable(axis: Axis, therapist: Therapist, treatment: Treatment) -> int:
    """The grid minutes from which a session fits into the working hours of its date."""
    jumps = 0
    plain = []
    for day, place in axis.days.items():
        hours = therapist.hours(day)
        if hours and place.local.is_plain:
            plain.append((place.at, _plain_starts(hours, treatment.step, treatment.length)))
        elif hours:
            jumps |= _starts(place, hours, treatment.step, treatment.length)
    return assemble(plain) | jumps


@lru_cache(maxsize=4096)
def _plain_starts(hours: WallSpans, step: int, length: int) -> int:
    return sum(1 << minute for span in hours for minute in range(span.start, span.end - length + 1, step))


def _starts(place: Day, hours: WallSpans, step: int, length: int) -> int:
    """The same for a date whose clock jumps, on the axis: of two minutes alike the first, of a missing one none."""
    working = place.spread(sum(((1 << (span.end - span.start)) - 1) << span.start for span in hours))
    fits = runs(working, length)
    mask = 0
    for span in hours:
        for minute in range(span.start, span.end, step):
            instant = place.local.instant(minute)
            if instant is not None:
                mask |= 1 << (place.at + instant - place.local.start)
    return mask & fits


def assemble(pieces: Iterable[tuple[int, int]]) -> int:
    """The union of ``bits << at`` over pieces ``(at, bits)``; what lies before minute 0 falls away.

    Pieces in about rising order are gathered in short integers first, so that the work grows with the length of the axis
    and not with its square.
    """
    whole = chunk = begin = 0
    longest = _CHUNK
    for at, bits in pieces:
        shift = at - begin
        if shift < 0 or shift > longest:
            if at < 0:
                at, bits = 0, bits >> -at
            whole |= chunk << begin
            chunk, begin, shift = 0, at, 0
        chunk |= bits << shift
    return whole | chunk << begin


def runs(mask: int, length: int) -> int:
    """The bits of ``mask`` that begin a run of at least ``length`` set bits."""
    have = 1
    while have < length:
        more = min(have, length - have)
        mask &= mask >> more
        have += more
    return mask


def bits_of(mask: int) -> Iterator[int]:
    """The positions of the set bits, lowest first."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def _holidays(practice: Practice, first: date, last: date) -> list[Shut]:
    """The public holidays that a footprint of these dates can meet: those next to them, or behind a date the zone skipped."""
    near = (first + timedelta(days=n) for n in range(-2, (last - first).days + 3))
    return [
        Shut(Span(piece.start, piece.end), practice.holidays[day])
        for day in near
        if day in practice.holidays
        for piece in local_day(practice.zone, day).pieces
    ]


def blocked_starts(axis: Axis, spans: Iterable[Span], before: int, after: int) -> int:
    """The starts whose reach ``[start - before, start + after)`` meets one of ``spans`` (instants)."""
    mask = 0
    for span in spans:
        since = max(span.start - axis.base - after + 1, 0)
        until = min(span.end - axis.base + before, axis.length)
        if since < until:
            mask |= ((1 << (until - since)) - 1) << since
    return mask


class _Ones(dict[int, int]):
    """By the length of a footprint, as many bits as there are starts that it forbids; most footprints have few lengths."""

    def __init__(self, reach: int) -> None:
        self.reach = reach

    def __missing__(self, length: int) -> int:
        ones = self[length] = (1 << (length + self.reach)) - 1
        return ones


def _taken(axis: Axis, situation: Situation, therapists: Iterable[Key]) -> tuple[dict[Key, int], dict[Key, int]]:
    """The starts at which each therapist, and each suitable room, is taken by somebody's footprint."""
    treatment = situation.treatment
    people: dict[Key, int] = dict.fromkeys(therapists, 0)
    rooms: dict[Key, int] = dict.fromkeys(treatment.rooms, 0)
    earlier = axis.base + treatment.length + treatment.turnaround - 1
    reach = treatment.preparation + treatment.length + treatment.turnaround - 1
    ones = _Ones(reach)
    for taken in situation.busy:
        lengths = map(sub, taken.blocked_until, taken.blocked_from)
        mask = assemble(zip([since - earlier for since in taken.blocked_from], [ones[each] for each in lengths], strict=True))
        if taken.therapist in people:
            people[taken.therapist] |= mask
        if taken.room in rooms:
            rooms[taken.room] |= mask
    return people, rooms


class _Session(NamedTuple):
    starts: int
    ends: int
    firm: int


class _Row(NamedTuple):
    """Sessions in a row: from when until when, how many, and how many minutes of them are firm."""

    span: Span
    sessions: int
    firm: int


def _sessions_of(zone: str, key: Key, busy: Iterable[Busy]) -> dict[date, list[_Session]]:
    """What a therapist gives by date, in order."""
    own = [zip(taken.starts, taken.ends, taken.firm, strict=True) for taken in busy if taken.therapist == key]
    found: dict[date, list[_Session]] = {}
    for session in sorted(_Session(*each) for column in own for each in column):
        found.setdefault(local_date(zone, session.starts), []).append(session)
    return found


def _full_days(axis: Axis, caps: Caps, treatment: Treatment, sessions: Mapping[date, Sequence[_Session]]) -> int:
    """The dates on which one more session would exceed the therapist's caps."""
    mask = 0
    for day, place in axis.days.items():
        own = sessions.get(day, ())
        minutes = sum(session.ends - session.starts for session in own) + treatment.length
        firm = treatment.firm and sum(session.firm for session in own) + treatment.firm
        if not caps.allow_on_a_date(len(own) + 1, minutes, firm):
            mask |= place.whole
    return mask


def _without_rest(axis: Axis, caps: Caps, treatment: Treatment, sessions: Mapping[date, Sequence[_Session]]) -> int:
    """The starts at which one more session would make too long a row: with the one it is next to, or by joining two."""
    if not caps.ask_for_rest:
        return 0
    if not caps.allow_in_a_row(1, treatment.firm):
        return (1 << axis.length) - 1
    days = ((place, sessions[day]) for day, place in axis.days.items() if day in sessions)
    return sum(_too_long_a_row(axis, caps, treatment, own) & place.whole for place, own in days)


def _too_long_a_row(axis: Axis, caps: Caps, treatment: Treatment, sessions: Iterable[_Session]) -> int:
    rows = _rows(sessions, caps.rest)
    reaches = [Span(row.span.start - caps.rest, row.span.end + caps.rest) for row in rows]
    near = [blocked_starts(axis, [reach], 0, treatment.length) for reach in reaches]
    mask = 0
    for row, starts in zip(rows, near, strict=True):
        if not caps.allow_in_a_row(row.sessions + 1, treatment.firm and row.firm + treatment.firm):
            mask |= starts
    for (one, after), (other, before) in pairwise(zip(rows, near, strict=True)):
        if not caps.allow_in_a_row(one.sessions + 1 + other.sessions, treatment.firm and one.firm + treatment.firm + other.firm):
            mask |= after & before
    return mask


def _rows(sessions: Iterable[_Session], rest: int) -> list[_Row]:
    rows: list[_Row] = []
    for starts, ends, firm in sessions:
        if rows and starts - rows[-1].span.end < rest:
            last = rows.pop()
            rows.append(_Row(Span(last.span.start, max(last.span.end, ends)), last.sessions + 1, last.firm + firm))
        else:
            rows.append(_Row(Span(starts, ends), 1, firm))
    return rows


def _dates(axis: Axis, first: date, last: date) -> int:
    """Every start on the dates from ``first`` to ``last``."""
    if first <= axis.first and axis.last <= last:
        return (1 << axis.length) - 1
    return assemble((place.at, Day(place.local, 0).whole) for day, place in axis.days.items() if first <= day <= last)


def earliest(situation: Situation) -> int:
    """The first instant that the notice allows."""
    return later(situation.practice.zone, situation.now, situation.treatment.notice)


def latest_date(situation: Situation) -> date:
    """The last date that the horizon allows."""
    today = local_date(situation.practice.zone, situation.now)
    return today + timedelta(days=situation.treatment.horizon)


def _window(situation: Situation, axis: Axis) -> int:
    """The starts between notice and horizon."""
    since = max(earliest(situation) - axis.base, 0)
    if since >= axis.length:
        return 0
    mask = ((1 << (axis.length - since)) - 1) << since
    last = latest_date(situation)
    for day, place in axis.days.items():
        if day > last:
            mask &= ~place.whole
    return mask


def why_not(situation: Situation, therapist: tuple[Key, Therapist] | None, day: date, minute: int) -> tuple[Why, ...]:
    """Every rule that removes the start at wall minute ``minute`` of ``day``, in the order of Rule; none if offered.

    ``therapist`` is None when the one asked about cannot do the treatment. A time that does not exist is judged no further.
    """
    practice = situation.practice
    if therapist is None:
        return (Why(Rule.NOT_SKILLED),)
    key, rules = therapist
    local = local_day(practice.zone, day)
    start = local.instant(minute)
    if start is None:
        return (Why(Rule.NO_SUCH_TIME),)
    asked = situation.longer if situation.is_first(start) else situation
    return tuple(_objections(asked, key, rules, local, minute, start))


def _objections(situation: Situation, key: Key, therapist: Therapist, day: LocalDay, minute: int, start: int) -> Iterator[Why]:
    practice, treatment = situation.practice, situation.treatment
    session = Span(start, start + treatment.length)
    footprint = Span(start - treatment.preparation, session.end + treatment.turnaround)
    axis = Axis(practice.zone, day.day, day.day)
    bit = start - axis.base

    for left_out in situation.left_out.get(key, ()):
        if left_out.first <= day.day <= left_out.last:
            yield Why(left_out.rule)
    if start < earliest(situation):
        yield Why(Rule.TOO_SOON)
    if day.day > latest_date(situation):
        yield Why(Rule.TOO_FAR_AHEAD)
    yield from shut_at(practice, day.day, footprint)
    if any(footprint.meets(away) for away in therapist.time_off):
        yield Why(Rule.AWAY)
    if not within_hours(day, therapist.hours(day.day), session):
        yield Why(Rule.NOT_WORKING)
    elif not startable(axis, therapist, treatment) >> bit & 1:
        yield Why(Rule.OFF_GRID)
    taken, rooms = _taken(axis, situation, [key])
    if taken[key] >> bit & 1:
        yield Why(Rule.TAKEN)
    if therapist.caps != NO_CAPS:
        sessions = _sessions_of(practice.zone, key, situation.busy)
        if _full_days(axis, therapist.caps, treatment, sessions) >> bit & 1:
            yield Why(Rule.CAP_REACHED)
        if _without_rest(axis, therapist.caps, treatment, sessions) >> bit & 1:
            yield Why(Rule.NEEDS_REST)
    if rooms and all(blocked >> bit & 1 for blocked in rooms.values()):
        yield Why(Rule.NO_ROOM)
    if any(session.meets(own) for own in situation.client_busy):
        yield Why(Rule.CLIENT_BUSY)


def shut_at(practice: Practice, day: date, footprint: Span) -> Iterator[Why]:
    """Why the practice is shut during a footprint of this date, if it is."""
    for rule, spans in (
        (Rule.HOLIDAY, _holidays(practice, day, day)),
        (Rule.CLOSED, practice.closures),
    ):
        shut = next((shut for shut in spans if footprint.meets(shut.span)), None)
        if shut:
            yield Why(rule, shut.name)


def within_hours(day: LocalDay, hours: WallSpans, session: Span) -> bool:
    """Whether a session (instants) lies inside one unbroken stretch of the working hours of its date."""
    length, at = session.end - session.start, session.start - day.start
    if day.is_plain:
        return any(stretch.start <= at and at + length <= stretch.end for stretch in hours)
    working = Day(day, 0).spread(sum(((1 << (span.end - span.start)) - 1) << span.start for span in hours))
    return at >= 0 and bool(runs(working, length) >> at & 1)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
