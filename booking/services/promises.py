"""Which booked sessions the rules no longer keep."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from booking.engine.promises import Promise, broken
from booking.engine.slots import Practice, Rule, Why
from booking.engine.spans import Span
from booking.engine.zones import local_date
from booking.enums import CHANGEABLE, UNSETTLED, AppointmentStatus, FlagState, RepairState
from booking.models import Appointment, Replacement
from booking.queries import Rules, minute_of, rules_in_force

#: Public holidays are compared this far ahead; nobody books further.
HOLIDAYS_AHEAD = 800
FACTS = (
    "pk",
    "therapist_id",
    "room_id",
    "treatment__location_id",
    "starts_at",
    "ends_at",
    "blocked_from",
    "blocked_until",
)
#: What keeps a broken session from being reported: somebody was asked about it, or the desk settled it.
SEEN_TO = (*UNSETTLED, RepairState.SETTLED)


def ahead(now: datetime) -> QuerySet[Appointment]:
    """The sessions that were promised and have not begun."""
    return Appointment.objects.filter(status__in=CHANGEABLE, starts_at__gt=now)


def held(now: datetime) -> QuerySet[Appointment]:
    """The slots that are held for somebody."""
    return Appointment.objects.filter(status=AppointmentStatus.HELD, held_until__gt=now, starts_at__gt=now)


def unkept(sessions: QuerySet[Appointment], known: Rules) -> dict[UUID, Why]:
    """By id, the foremost rule that each of ``sessions`` breaks; two queries, and nothing for those that stand.

    One whose therapist turned its client away breaks as well.
    """
    by_practice: defaultdict[UUID, list[Promise]] = defaultdict(list)
    for pk, therapist, room, location, *instants in sessions.values_list(*FACTS):
        starts, ends, since, until = map(minute_of, instants)
        by_practice[location].append(Promise(pk, therapist, room, Span(starts, ends), Span(since, until)))
    found: dict[UUID, Why] = {}
    for location, promises in by_practice.items():
        found |= broken(known.practices[location], known.therapists, known.rooms, promises)
    turned_away = sessions.filter(flag__state=FlagState.DECLINED).values_list("pk", flat=True)
    return {pk: Why(Rule.NOT_MATCHED) for pk in turned_away} | found


def newly_unkept(sessions: QuerySet[Appointment], before: Rules, after: Rules, now: datetime) -> dict[UUID, Why]:
    """Those that stood by the rules ``before`` and break one of those ``after``. Looks only where the rules differ."""
    touched = sessions.filter(
        Q(therapist__in=[key for key, rule in before.therapists.items() if after.therapists.get(key) != rule])
        | Q(room__in=before.rooms - after.rooms)
        | Q(treatment__location__in=_changed_practices(before.practices, after.practices, now))
    )
    found = unkept(touched, after)
    already = unkept(sessions.filter(pk__in=found), before) if found else {}
    return {pk: why for pk, why in found.items() if pk not in already}


def broken_promises(now: datetime, among: Collection[UUID] | None = None) -> dict[UUID, Why]:
    """Every session ahead (``among`` these) that breaks a rule in force while no repair and nobody at the desk has seen to it."""
    sessions = ahead(now) if among is None else ahead(now).filter(pk__in=among)
    found = unkept(sessions, rules_in_force(now))
    seen_to = _seen_to(found)
    return {pk: why for pk, why in found.items() if pk not in seen_to}


def _seen_to(sessions: Collection[UUID]) -> set[UUID]:
    replacements = Replacement.objects.pending().filter(appointment__in=sessions, repair__state__in=SEEN_TO)
    return set(replacements.values_list("appointment", flat=True))


def _changed_practices(before: Mapping[UUID, Practice], after: Mapping[UUID, Practice], now: datetime) -> list[UUID]:
    return [key for key, practice in before.items() if key in after and not _same_practice(practice, after[key], now)]


def _same_practice(one: Practice, other: Practice, now: datetime) -> bool:
    if (one.zone, one.closures) != (other.zone, other.closures):
        return False
    first = local_date(one.zone, minute_of(now))
    return not any(_differ(one, other, first + timedelta(days=n)) for n in range(HOLIDAYS_AHEAD))


def _differ(one: Practice, other: Practice, day: date) -> bool:
    return (day in one.holidays) != (day in other.holidays)
