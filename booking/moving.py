"""What a change of a booked session is about, and what a new plan makes of it: for the client's pages and for the desk's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from booking.engine.recurrence import changes_met
from booking.enums import Scope
from booking.models import Appointment
from booking.services.changes import sessions_in
from booking.services.replan import NewPlan
from therapists.models import Therapist


def scopes_of(session: Appointment, *, now: datetime, of: QuerySet[Appointment] | None = None) -> dict[Scope, list[Appointment]]:
    """The sessions that a change of each scope is about; only the scopes that differ. ``of`` as for ``sessions_in``."""
    every = sessions_in(session, Scope.ALL, now=now, of=of)
    following = [each for each in every if each.starts_at >= session.starts_at]
    scopes = {Scope.ONE: [session]}
    if len(following) > 1:
        scopes[Scope.FOLLOWING] = following
    if len(every) > max(1, len(following)):
        scopes[Scope.ALL] = every
    return scopes


def other_days(going: Sequence[Appointment], now: datetime) -> set[date]:
    """The dates of the other sessions of their series."""
    others = Appointment.objects.upcoming(now).filter(series=going[0].series_id, series__isnull=False)
    return set(others.exclude(pk__in=[each.pk for each in going]).values_list("local_date", flat=True))


def dates_of(plan: NewPlan) -> list[dict[str, Any]]:
    """What the pages show of a new plan, date by date."""
    names = {therapist.pk: therapist for therapist in Therapist.objects.all()}
    days = [each.planned.placed.on if each.planned.placed else each.session.local_date for each in plan.dates]
    met = changes_met(ZoneInfo(plan.dates[0].session.zone), days)
    return [
        {
            "session": each.session,
            "planned": each.planned,
            "outcome": each.planned.outcome.value,
            "therapist": names[each.planned.placed.therapist] if each.planned.placed else each.session.therapist,
            "wished_therapist": names[each.planned.lead],
            "reason": each.reason,
            "moves": each.moves,
            "clock_change": met.get(day),
        }
        for each, day in zip(plan.dates, days, strict=True)
    ]
