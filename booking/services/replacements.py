"""Where sessions that cannot stay would go: found here, held and offered by ``repairs``. Nothing is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from booking.engine.planner import Start, best_plan
from booking.engine.promises import OnSomeDays, mending, usable
from booking.engine.recurrence import Rest
from booking.engine.slots import Rule, Why
from booking.engine.zones import instant_of, local_date
from booking.enums import BLOCKING, Fit
from booking.models import Appointment
from booking.queries import availability, minute_of, moment_of
from booking.services.guard import Choice, Place
from clients.models import Client
from therapists.models import Treatment

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Proposed:
    """A broken session, the rule it breaks, and what is offered instead, if anything."""

    appointment: Appointment
    why: Why
    fit: Fit
    therapist_id: UUID | None = None
    starts_at: datetime | None = None


@dataclass(frozen=True)
class Placed:
    """Where a session would go, and what was found there."""

    choice: Choice
    found: Place


def nearest_elsewhere(session: Appointment, *, now: datetime) -> Proposed:
    """What its client would be offered if the therapist of a session turned them away. Nothing is locked, written or held."""
    assert session.client is not None
    why = {session.pk: Why(Rule.NOT_MATCHED)}
    places = places_for(session.client, [session], why, other_dates([session]), now)
    return proposed(session, why[session.pk], places.get(session.pk))


def places_for(
    client: Client,
    sessions: Sequence[Appointment],
    why: Mapping[UUID, Why],
    standing: Mapping[UUID, Sequence[date]],
    now: datetime,
) -> dict[UUID, Placed]:
    """The best whole plan for the sessions of each series, therapist, treatment and length; one a date over all of them.

    Whoever turned the client away from one of them gets none of them.
    """
    alike: defaultdict[tuple[UUID | None, UUID, UUID, timedelta | None], list[Appointment]] = defaultdict(list)
    for session in sessions:
        alike[session.series_id, session.therapist_id, session.treatment_id, session.kept_length].append(session)
    moving = [session.pk for session in sessions]
    places: dict[UUID, Placed] = {}
    used: set[date] = set()
    for (series, therapist, _treatment, _length), own in alike.items():
        fixed = standing.get(series, ()) if series else ()
        gone = therapist if any(why[session.pk].rule == Rule.NOT_MATCHED for session in own) else None
        for session, start, place in _planned(client, own, gone, fixed, used, moving, now):
            places[session.pk] = place
            used.add(start.on)
    return places


def _planned(
    client: Client,
    sessions: Sequence[Appointment],
    gone: UUID | None,
    standing: Sequence[date],
    used: Collection[date],
    moving: Collection[UUID],
    now: datetime,
) -> list[tuple[Appointment, Start, Placed]]:
    """Where sessions of one series, therapist, treatment and length go, as far as there is room, not to who is ``gone``."""
    treatment, series, lasting = sessions[0].treatment, sessions[0].series, sessions[0].kept_length
    rest = Rest(**series.course.get("rest", {})) if series else Rest()
    dates = [(each.local_date, each.local_time.hour * 60 + each.local_time.minute) for each in sessions]
    today = local_date(treatment.location.zone, minute_of(now))
    wanted = mending(dates, standing, sessions[0].therapist_id, rest, today)
    first = min(wish.earliest for wish in wanted.wishes)
    last = max(first, *(wish.latest for wish in wanted.wishes))
    offers = availability(treatment.pk, first=first, last=last, now=now, client=client.pk, moving=moving, lasting=lasting)
    who = [each for each in offers.therapists if each != gone]
    if not who:
        return []
    wanted = replace(wanted, rest=rest.at_least(offers.rest_days), therapists=tuple(who) if gone else wanted.therapists)
    days = OnSomeDays(offers, lambda day: day not in used and usable(day, standing, wanted.rest))
    plan = best_plan(wanted, who, days)
    placed: list[tuple[Appointment, Start, Placed]] = []
    for session, planned in zip(sessions, plan.dates, strict=True):
        if planned.placed is not None:
            choice = _choice(treatment, planned.placed)
            instant = minute_of(choice.starts_at)
            rooms = offers.rooms(instant)
            length = (lasting or treatment.length) + (0 if placed else offers.longer_by(instant)) * MINUTE
            placed.append((session, planned.placed, Placed(choice, Place(rooms[0] if rooms else None, length))))
    return placed


def _choice(treatment: Treatment, start: Start) -> Choice:
    instant = instant_of(treatment.location.zone, start.on, start.minute)
    assert instant is not None  # the engine offers only times that exist
    return Choice(start.therapist, moment_of(instant))


def proposed(session: Appointment, why: Why, place: Placed | None) -> Proposed:
    if place is None:
        return Proposed(session, why, Fit.NONE)
    choice = place.choice
    if choice.therapist_id == session.therapist_id:
        fit = Fit.SAME_THERAPIST
    else:
        fit = Fit.SAME_TIME if choice.starts_at == session.starts_at else Fit.OTHER
    return Proposed(session, why, fit, choice.therapist_id, choice.starts_at)


def other_dates(sessions: Iterable[Appointment]) -> dict[UUID, list[date]]:
    """By series, the dates of the sessions that are not broken."""
    broken = [each.pk for each in sessions]
    dates: defaultdict[UUID, list[date]] = defaultdict(list)
    others = (
        Appointment.objects.filter(series__in={each.series_id for each in sessions if each.series_id}, status__in=BLOCKING)
        .exclude(pk__in=broken)
        .order_by("local_date")
    )
    for series, on in others.values_list("series", "local_date"):
        dates[series].append(on)
    return dates
