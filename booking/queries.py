"""Loads what the engine needs, and puts its questions.

The rules of the practice change seldom and are kept in the process, marked with their revision; what is taken changes all the
time and is read with one query, which brings the current revision along. A process that finds another revision than its
own reads the rules again. So a question costs one query, whatever the number of therapists, days or appointments, and no
process ever answers by rules that were changed before it asked.

For a client it costs one more: what they sent of the form. Where that is something, it is weighed for the dates asked about, and
whoever declines to treat them then is left out.
"""

from __future__ import annotations

import sys
from array import array
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import holidays
from django.db import connection
from django.db.models import Prefetch

from booking.engine import slots
from booking.engine.history import Cleared, Decided, History
from booking.engine.matching import NO_WISHES, Abilities, Ground, Match, Stance, Verdict, matched, suits
from booking.engine.slots import NO_CAPS, Busy, Caps, LeftOut, Offer, Offers, Practice, Rule, Shut, Situation, WeeklyHours, Why
from booking.engine.spans import Span
from booking.engine.zones import local_date, local_day
from booking.enums import BLOCKING, TURNED_AWAY, DecisionOutcome
from booking.models import Appointment, Clearance, Decision
from clients.record import Record, Stretch
from clients.services.responses import known_of
from clients.triage import Flags, Pressure
from therapists.models import Closure, HoursOverride, Location, Room, Rulebook, Therapist, TimeOff, Treatment

#: Time off and dated hours that ended longer ago than this are not loaded.
REMEMBERED = timedelta(days=90)
#: No footprint is longer (a database constraint), so nothing older can reach into a window.
LONGEST_FOOTPRINT = timedelta(hours=24) // timedelta(minutes=1)
#: Days ahead that staff may book with a reason.
OVERRIDDEN_HORIZON = 3660
#: Days looked at for the first free start, one after the other until one is found.
WIDENING = (2, 7, 28, 366)


@dataclass(frozen=True)
class Offered:
    """One treatment as the engine knows it, and who can do it, by name."""

    treatment: slots.Treatment
    location: UUID
    therapists: tuple[UUID, ...]


@dataclass(frozen=True)
class Rules:
    """Everything that decides what is offered, except what is taken."""

    revision: int | None
    practices: Mapping[UUID, Practice]
    therapists: Mapping[UUID, slots.Therapist]
    abilities: Mapping[UUID, Abilities]
    treatments: Mapping[UUID, Offered]
    rooms: frozenset[UUID]  # in use
    ids: Mapping[str, UUID]  # therapists and rooms by their id as text

    @property
    def zone(self) -> str:
        return next(iter(self.practices.values())).zone if self.practices else "UTC"


_kept: Rules | None = None


def rules(now: datetime) -> Rules:
    """The rules kept in this process, or fresh ones when there are none. They may be out of date; a question finds out."""
    return _kept or _read_rules(now)


def rules_in_force(now: datetime) -> Rules:
    """The rules as this transaction sees them, its own changes included."""
    known = rules(now)
    return known if known.revision == _revision() else _read_rules(now)


def forget_rules() -> None:
    """Drop the rules kept in this process, after a change of them was rolled back."""
    global _kept
    _kept = None


def practice_zone(now: datetime) -> str:
    """The IANA name of the practice's zone; UTC before there is a practice."""
    return rules(now).zone


def availability(
    treatment: UUID,
    *,
    first: date,
    last: date,
    now: datetime,
    therapists: Collection[UUID] | None = None,
    client: UUID | None = None,
    ignoring: Collection[UUID] = (),
    moving: Collection[UUID] = (),
    daily: bool = False,
    overriding: bool = False,
    length: timedelta | None = None,
    lasting: timedelta | None = None,
    besides: Sequence[tuple[datetime, timedelta]] = (),
) -> Offers:
    """Every start offered from ``first`` to ``last`` (local dates, both inclusive).

    ``therapists`` narrows those who can do the treatment; ``client`` adds that client's own sessions, leaves out who declines to
    treat them, puts whom they prefer first and asks for as long a first session as they need; ``ignoring`` are appointments about
    to be moved or let go; ``moving`` are the client's sessions that keep their place until later, so that only the client's own
    time counts as free of them; ``daily``: in a daily course. ``overriding`` lifts the soft rules: notice, horizon, daily caps,
    skill and who treats whom. ``length`` is for a session placed by hand: it lasts just so long, may start at any minute of the
    working hours, and neither notice nor horizon binds it. ``lasting`` is for one whose length was set by hand before: it lasts
    just so long, and every other rule binds it. ``besides`` are starts and lengths of sessions of the same treatment that
    each of the therapists is to give as well.
    """
    asking = Asking(
        treatment, first, last, now, therapists, client, ignoring, moving, daily, overriding, length, lasting, besides
    )
    people, situation = _ask(asking)
    return slots.offers(situation, people, first, last)


def why_not(
    treatment: UUID,
    starts: Sequence[tuple[UUID, date, int]],
    *,
    now: datetime,
    client: UUID | None = None,
    ignoring: Collection[UUID] = (),
    daily: bool = False,
    overriding: bool = False,
    length: timedelta | None = None,
    lasting: timedelta | None = None,
) -> list[tuple[Why, ...]]:
    """For each start ``(therapist, local date, wall minute)`` every rule that removes it, the foremost first; none if offered.

    ``overriding``, ``length`` and ``lasting`` as in ``availability``.
    """
    if not starts:
        return []
    first, last = min(on for _, on, _ in starts), max(on for _, on, _ in starts)
    asked = {therapist for therapist, _, _ in starts}
    asking = Asking(
        treatment, first, last, now, asked, client, ignoring, daily=daily, overriding=overriding, length=length, lasting=lasting
    )
    people, situation = _ask(asking)
    return [
        slots.why_not(situation, (therapist, people[therapist]) if therapist in people else None, on, minute)
        for therapist, on, minute in starts
    ]


def first_free(
    treatment: UUID, *, now: datetime, therapists: Collection[UUID] | None = None, client: UUID | None = None
) -> Offer | None:
    """The soonest start of anyone who can do the treatment; looks further ahead only while nothing is found.

    For a ``client`` as ``availability``.
    """
    known = _knowing(treatment, now)
    offered = known.treatments[treatment]
    today = local_date(known.practices[offered.location].zone, minute_of(now))
    for days in WIDENING:
        last = today + timedelta(days=min(days, offered.treatment.horizon))
        found = availability(treatment, first=today, last=last, now=now, therapists=therapists, client=client)
        soonest = next(iter(found), None)
        if soonest is not None or days > offered.treatment.horizon:
            return soonest
    return None


def matches(client: UUID, sessions: Collection[tuple[UUID, date]], *, now: datetime, daily: bool = False) -> list[Match]:
    """How each of these therapists can treat a client on its date; none at all where nothing is known of the client.

    By the rules as this transaction sees them. A therapist who takes no bookings any more fits as anybody would.
    """
    record = known_of(client)
    if record is None:
        return []
    abilities, history = rules_in_force(now).abilities, history_of(client)
    flags = {on: history.left_of(record.flags(on), on) for on in {on for _therapist, on in sessions}}
    return [
        history.settled(therapist, matched(abilities.get(therapist, Abilities()), flags[on], record.wishes, daily=daily))
        for therapist, on in sessions
    ]


def history_of(client: UUID) -> History:
    """What was decided and cleared about a client's answers, in two queries."""
    decisions = Decision.objects.filter(client=client).order_by("-at")
    return History(
        [Cleared(frozenset(each.grounds), each.valid_until) for each in Clearance.objects.filter(client=client)],
        [
            Decided(
                each.pk,
                each.therapist_id,
                frozenset(each.grounds),
                turned_away=each.outcome in TURNED_AWAY,
                doctor_first=each.outcome == DecisionOutcome.DOCTOR_FIRST,
            )
            for each in decisions
        ],
    )


def _knowing(treatment: UUID, now: datetime) -> Rules:
    """The rules kept, or fresh ones where this treatment is newer than they are."""
    known = rules(now)
    return known if treatment in known.treatments else _read_rules(now)


def minute_of(moment: datetime) -> int:
    """The instant as the engine counts it, rounded up to a whole minute. Raises ValueError for a naive datetime."""
    if moment.tzinfo is None:
        raise ValueError("A datetime without a zone names no instant.")
    return -int(-moment.timestamp() // 60)


def moment_of(instant: int) -> datetime:
    """The aware UTC datetime of an engine instant."""
    return datetime.fromtimestamp(instant * 60, UTC)


@dataclass(frozen=True)
class Asking:
    """A question as it was put: see ``availability``."""

    treatment: UUID
    first: date
    last: date
    now: datetime
    therapists: Collection[UUID] | None = None
    client: UUID | None = None
    ignoring: Collection[UUID] = ()
    moving: Collection[UUID] = ()
    daily: bool = False
    overriding: bool = False
    length: timedelta | None = None
    lasting: timedelta | None = None
    besides: Sequence[tuple[datetime, timedelta]] = ()

    @property
    def fixed_length(self) -> timedelta | None:
        return self.length if self.length is not None else self.lasting


def _ask(asking: Asking) -> tuple[dict[UUID, slots.Therapist], Situation]:
    """Who can do it and all that bears on it, by rules that were in force when what is taken was read."""
    known = _knowing(asking.treatment, asking.now)
    record = known_of(asking.client) if asking.client else None
    stretches = record.stretches(asking.first, asking.last) if record else []
    extra, first_before = _first_session(stretches, asking) if asking.fixed_length is None else (0, None)
    while True:
        offered = _as_asked(known.treatments[asking.treatment], asking)
        people = _people(known, offered, asking.therapists, asking.overriding)
        busy, own, revision = _taken(known, offered, people, asking, extra)
        if revision == known.revision:
            practice = known.practices[offered.location]
            situation = Situation(
                practice,
                offered.treatment,
                minute_of(asking.now),
                busy,
                own,
                left_out=_left_out(known, people, record, stretches, asking),
                rest_days=max((stretch.flags.rest_days for stretch in stretches), default=0),
                extra=extra,
                first_before=first_before,
            )
            return _preferred_first(known, people, record), situation
        known = _read_rules(asking.now)


def _as_asked(offered: Offered, asking: Asking) -> Offered:
    """The treatment without the rules that do not bind whoever asks."""
    asked = offered.treatment
    if asking.overriding or asking.length is not None:
        asked = replace(asked, notice=timedelta(0), horizon=OVERRIDDEN_HORIZON)
    if asking.fixed_length is not None:
        asked = replace(asked, length=asking.fixed_length // timedelta(minutes=1))
    if asking.length is not None:
        asked = replace(asked, step=1)
    return replace(offered, treatment=asked)


def _left_out(
    known: Rules, people: Collection[UUID], record: Record | None, stretches: Sequence[Stretch], asking: Asking
) -> dict[UUID, list[LeftOut]]:
    """Who declines to treat this client, or gives no daily course, and on which of the dates asked about."""
    if asking.overriding or not (record or asking.daily):
        return {}
    wishes = record.wishes if record else NO_WISHES
    history = history_of(asking.client) if record and asking.client else History()
    found: defaultdict[UUID, list[LeftOut]] = defaultdict(list)
    for key in people:
        for stretch in stretches or [Stretch(asking.first, asking.last, Flags())]:
            flags = history.left_of(stretch.flags, stretch.last)
            match = history.settled(key, matched(known.abilities[key], flags, wishes, daily=asking.daily))
            if match.verdict is Verdict.DECLINES:
                rule = Rule.NOT_DAILY if match.grounds == (Ground.DAILY,) else Rule.NOT_MATCHED
                found[key].append(LeftOut(stretch.first, stretch.last, rule))
    return found


def _first_session(stretches: Sequence[Stretch], asking: Asking) -> tuple[int, int | None]:
    """How much longer a first session of this client is, and the instant of their first one beside those that make room."""
    extra = max((stretch.flags.extra_minutes for stretch in stretches), default=0)
    if not extra:
        return 0, None
    own = Appointment.objects.filter(client=asking.client, status__in=BLOCKING)
    others = own.exclude(pk__in=[*asking.ignoring, *asking.moving])
    earliest = others.order_by("starts_at").values_list("starts_at", flat=True).first()
    return extra, minute_of(earliest) if earliest else None


def _preferred_first(known: Rules, people: dict[UUID, slots.Therapist], record: Record | None) -> dict[UUID, slots.Therapist]:
    """The same people in the order in which the client prefers them, those alike by name."""
    if record is None:
        return people
    wishes = record.wishes
    return dict(sorted(people.items(), key=lambda each: suits(known.abilities[each[0]], wishes)))


def _people(known: Rules, offered: Offered, wanted: Collection[UUID] | None, overriding: bool) -> dict[UUID, slots.Therapist]:
    able: Collection[UUID] = offered.therapists if wanted is None or not overriding else wanted
    people = {key: known.therapists[key] for key in able if key in known.therapists and (wanted is None or key in wanted)}
    if overriding:
        return {key: replace(rule, caps=NO_CAPS) for key, rule in people.items()}
    return people


#: Busy footprints in a window, a row for each therapist and room with the columns of what is taken there as PostgreSQL sends
#: timestamps in binary: microseconds since 2000, eight bytes each. So thousands of footprints cost a few dozen rows, and no
#: datetime is ever made of them. The first row carries the revision of the rules.
BUSY = """
SELECT NULL, NULL, revision, ''::bytea, ''::bytea{no_sessions} FROM therapists_rulebook
UNION ALL
SELECT therapist_id::text, room_id::text, 0,
       string_agg(timestamptz_send(blocked_from), ''), string_agg(timestamptz_send(blocked_until), ''){sessions}
FROM booking_appointment{treatments}
WHERE status IN ({blocking}) AND blocked_from >= %(since)s AND blocked_from < %(until)s
  AND (held_until IS NULL OR held_until > %(now)s) {narrowed}
GROUP BY therapist_id, room_id
"""
SESSIONS = """, string_agg(timestamptz_send(starts_at), ''), string_agg(timestamptz_send(ends_at), ''),
       string_agg(timestamptz_send(timestamptz 'epoch' + firm_minutes * interval '1 minute'), '')"""
TREATMENTS = " JOIN (SELECT id AS treatment, firm_minutes FROM therapists_treatment) AS given ON treatment = treatment_id"
#: From 1970 to 2000 in minutes.
POSTGRES_EPOCH = 10957 * 24 * 60
BLOCKING_LIST = ", ".join(f"'{status}'" for status in BLOCKING)


def _taken(
    known: Rules, offered: Offered, people: Mapping[UUID, slots.Therapist], asking: Asking, extra: int
) -> tuple[list[Busy], list[Span], int | None]:
    """What is taken near these dates, the client's own sessions, and the revision of the rules at that moment."""
    zone = known.practices[offered.location].zone
    treatment = offered.treatment
    reach = treatment.length + extra + treatment.turnaround
    margin = timedelta(days=2)  # for dates that a zone skipped, which have no start of their own
    begin = local_day(zone, asking.first).start or minute_of(datetime.combine(asking.first, time(0), UTC) - margin)
    end = local_day(zone, asking.last).end or minute_of(datetime.combine(asking.last, time(0), UTC) + margin)
    values: dict[str, Any] = {
        "since": moment_of(begin - treatment.preparation - LONGEST_FOOTPRINT),
        "until": moment_of(end + reach),
        "now": asking.now,
    }
    narrowed = ""
    if len(people) < len(known.therapists):
        narrowed = "AND (therapist_id = ANY(%(people)s) OR room_id = ANY(%(rooms)s))"
        values |= {"people": list(people), "rooms": list(treatment.rooms)}
    if asking.ignoring:
        narrowed += " AND NOT id = ANY(%(ignoring)s)"
        values["ignoring"] = list(asking.ignoring)
    capped = any(rules.caps != NO_CAPS for rules in people.values())
    query = BUSY.format(
        blocking=BLOCKING_LIST,
        narrowed=narrowed,
        sessions=SESSIONS if capped else "",
        treatments=TREATMENTS if capped else "",
        no_sessions=", ''::bytea, ''::bytea, ''::bytea" if capped else "",
    )
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        rows = cursor.fetchall()
    revision = None
    busy = []
    for therapist, room, number, *columns in rows:
        if therapist is None:
            revision = number
        else:
            busy.append(Busy(known.ids.get(therapist), known.ids.get(room), *(_minutes(column) for column in columns)))
    busy += [_given_besides(treatment, person, *session) for person in people for session in asking.besides]
    busy += [Busy(None, room, [begin - reach], [end + reach]) for room in treatment.rooms if room not in known.rooms]
    own = _own_sessions(asking.client, values, {*asking.ignoring, *asking.moving}) if asking.client else []
    return busy, own, revision


def _given_besides(treatment: slots.Treatment, therapist: UUID, starts_at: datetime, length: timedelta) -> Busy:
    start, end = minute_of(starts_at), minute_of(starts_at + length)
    footprint = [start - treatment.preparation], [end + treatment.turnaround]
    return Busy(therapist, None, *footprint, [start], [end], [treatment.firm])


def _minutes(column: memoryview) -> list[int]:
    """UTC minutes from timestamps as sent in binary; seconds, which no footprint has, are dropped."""
    sent = array("q", bytes(column))
    if sys.byteorder == "little":
        sent.byteswap()
    return [microseconds // 60_000_000 + POSTGRES_EPOCH for microseconds in sent]


def _own_sessions(client: UUID, values: Mapping[str, Any], ignoring: Collection[UUID]) -> list[Span]:
    own = Appointment.objects.filter(
        client=client, status__in=BLOCKING, starts_at__gte=values["since"], starts_at__lt=values["until"]
    ).exclude(pk__in=ignoring)
    return [_span(*times) for times in own.values_list("starts_at", "ends_at")]


def _revision() -> int | None:
    return Rulebook.objects.values_list("revision", flat=True).first()


def _read_rules(now: datetime) -> Rules:
    """Read all rules and keep them. The revision is read first, so they are at least as new as it says."""
    global _kept
    revision = _revision()
    since = now - REMEMBERED
    therapists = Therapist.objects.filter(is_active=True).prefetch_related(
        "working_hours",
        "medication_policies",
        "condition_policies",
        Prefetch("hours_overrides", HoursOverride.objects.filter(applies_on__gte=since.date())),
        Prefetch("time_off", TimeOff.objects.filter(ends_at__gte=since)),
    )
    locations = Location.objects.prefetch_related(
        Prefetch("closures", Closure.objects.filter(ends_at__gte=since)), "holiday_openings"
    )
    treatments = Treatment.objects.prefetch_related("therapists", "rooms")
    treating = list(therapists)
    people = {therapist.pk: _therapist(therapist) for therapist in treating}
    rooms = dict(Room.objects.values_list("pk", "is_active"))
    _kept = Rules(
        revision=revision,
        practices={location.pk: _practice(location) for location in locations},
        therapists=people,
        abilities={therapist.pk: _abilities(therapist) for therapist in treating},
        treatments={treatment.pk: _offered(treatment, people) for treatment in treatments},
        rooms=frozenset(room for room, in_use in rooms.items() if in_use),
        ids={str(key): key for key in (*people, *rooms)},
    )
    return _kept


def _practice(location: Location) -> Practice:
    public = holidays.country_holidays(location.country, subdiv=location.subdivision or None)
    for opening in location.holiday_openings.all():
        if opening.opens_on in public:
            del public[opening.opens_on]
    closures = (Shut(_span(closure.starts_at, closure.ends_at), closure.name) for closure in location.closures.all())
    return Practice(location.zone, tuple(closures), public)


def _therapist(therapist: Therapist) -> slots.Therapist:
    overrides: dict[date, tuple[Span, ...]] = {}
    for row in therapist.hours_overrides.all():
        spans = (Span(*row.wall_minutes),) if row.opens is not None else ()
        overrides[row.applies_on] = overrides.get(row.applies_on, ()) + spans
    return slots.Therapist(
        weekly=tuple(
            WeeklyHours(row.weekday, *row.wall_minutes, row.valid_from, row.valid_until, row.every_weeks)
            for row in therapist.working_hours.all()
        ),
        overrides=overrides,
        time_off=tuple(_span(away.starts_at, away.ends_at) for away in therapist.time_off.all()),
        caps=Caps(
            sessions=therapist.daily_sessions,
            minutes=therapist.daily_minutes,
            firm=therapist.daily_firm_minutes,
            sessions_in_a_row=therapist.rest_after_sessions,
            firm_in_a_row=therapist.rest_after_firm_minutes,
            rest=therapist.rest_minutes or 0,
        ),
    )


def _abilities(therapist: Therapist) -> Abilities:
    return Abilities(
        medicines={policy.medication_class: Stance(policy.stance) for policy in therapist.medication_policies.all()},
        conditions={policy.condition: Stance(policy.stance) for policy in therapist.condition_policies.all()},
        least=Pressure(therapist.least_pressure),
        most=Pressure(therapist.most_pressure),
        areas=frozenset(therapist.areas),
        daily=therapist.gives_daily,
        gender=therapist.gender,
    )


def _offered(treatment: Treatment, people: Collection[UUID]) -> Offered:
    minute = timedelta(minutes=1)
    return Offered(
        slots.Treatment(
            length=treatment.length // minute,
            preparation=treatment.preparation // minute,
            turnaround=treatment.turnaround // minute,
            step=treatment.step // minute,
            notice=treatment.notice,
            horizon=treatment.horizon.days,
            rooms=_rooms_of(treatment),
            firm=treatment.firm_minutes,
        ),
        treatment.location_id,
        tuple(therapist.pk for therapist in treatment.therapists.all() if therapist.pk in people),
    )


def _rooms_of(treatment: Treatment) -> tuple[UUID, ...]:
    """Those in use; all of them where none is, so that a treatment that needs a room is not given without one."""
    rooms = list(treatment.rooms.all())
    return tuple(room.pk for room in rooms if room.is_active) or tuple(room.pk for room in rooms)


def _span(starts_at: datetime, ends_at: datetime) -> Span:
    return Span(int(starts_at.timestamp()) // 60, minute_of(ends_at))
