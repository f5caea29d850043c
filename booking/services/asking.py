"""Which short form a session asks of its client, and when: whether anything changed, before it; how it was, after it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Max, Min, Q, QuerySet

from booking.enums import CHANGEABLE, AppointmentStatus
from booking.ical import GONE
from booking.models import Appointment
from clients.models import Client, Consent, Response, ResponseKind
from clients.services.consents import HEALTH_DATA, may_use_health_data
from clients.services.responses import Dated, asks_for_form, dated, is_asked, is_over

#: Still to come or about to begin, so that a client can be asked something first.
ASKED_BEFORE = (*CHANGEABLE, AppointmentStatus.ARRIVED)
MISSED = (*GONE, AppointmentStatus.NO_SHOW)


class Sent(NamedTuple):
    """What clients sent and agreed to be used: their latest whole form, and the dates for which they answered the short one."""

    full: Mapping[UUID | None, Dated]
    answered: Collection[tuple[UUID, date | None]]


def sent_by(clients: Collection[UUID | None]) -> Sent:
    """In one query."""
    agreed = Consent.objects.standing().filter(kind=HEALTH_DATA, client__in=clients).values("client")
    full: dict[UUID | None, Dated] = {}
    answered: set[tuple[UUID, date | None]] = set()
    for response in dated(Response.objects.current().filter(client__in=agreed)):
        if response.kind == ResponseKind.FIRST:
            full[response.client_id] = response
        elif response.kind == ResponseKind.EVERY:
            answered.add((response.client_id, response.session_on))
    return Sent(full, answered)


def sessions_that_ask(appointments: Collection[Appointment], *, now: datetime, sent: Sent | None = None) -> frozenset[UUID]:
    """The sessions before which their clients are to say now whether anything changed, and have not said so. Three queries.

    Asked is a client whose whole form is current and who had a session since it was sent: some days before the next session, one
    session at a time. Whoever is to fill in the whole form is not asked this as well. ``sent`` is given where it is known.
    """
    soon = [each for each in appointments if each.status in ASKED_BEFORE and each.starts_at > now and _is_near(each, now)]
    if not soon or not is_asked(ResponseKind.EVERY):
        return frozenset()
    full, answered = sent or sent_by({each.client_id for each in soon})
    around = _last_and_next({client: full[client] for client in {each.client_id for each in soon} & full.keys()}, now)
    return frozenset(
        each.pk
        for each in soon
        if each.client_id in full
        and (each.client_id, each.local_date) not in answered
        and around[each.client_id].had_one_since(full[each.client_id])
        and around[each.client_id].next == each.starts_at
        and not is_over(full[each.client_id], on=each.local_date)
    )


class _Around(NamedTuple):
    """When a client was here last and comes next, without what was missed."""

    last: datetime | None
    next: datetime | None

    def had_one_since(self, full: Dated) -> bool:
        return self.last is not None and full.submitted_at < self.last


def _last_and_next(full: Mapping[UUID | None, Dated], now: datetime) -> dict[UUID | None, _Around]:
    """By client; nothing before the first of these forms was sent is looked at."""
    last, following = Max("starts_at", filter=Q(starts_at__lte=now)), Min("starts_at", filter=Q(starts_at__gt=now))
    since = min((form.submitted_at for form in full.values()), default=now)
    sessions = _not_missed().filter(client__in=[pk for pk in full if pk], starts_at__gt=since).order_by()
    rows = sessions.values_list("client_id").annotate(last=last, next=following)
    return {client: _Around(before, after) for client, before, after in rows}


def _not_missed() -> QuerySet[Appointment]:
    return Appointment.objects.real().exclude(status__in=MISSED)


def _is_near(session: Appointment, now: datetime) -> bool:
    return session.local_date - _today(session, now) <= timedelta(days=settings.INTAKE_ASK_DAYS)


def _today(session: Appointment, now: datetime) -> date:
    """The date where a session takes place."""
    return now.astimezone(ZoneInfo(session.zone)).date()


def form_wanted(session: Appointment, *, now: datetime) -> ResponseKind | None:
    """The form that a session still waits for from its client, if any."""
    if session.client is None or session.status not in ASKED_BEFORE or session.starts_at <= now:
        return None
    if asks_for_form(session.client, on=session.local_date):
        return ResponseKind.FIRST
    return ResponseKind.EVERY if sessions_that_ask([session], now=now) else None


def session_before(session: Appointment) -> Appointment | None:
    """The client's session before another one, left out those that did not take place."""
    return _not_missed().filter(client=session.client_id, starts_at__lt=session.starts_at).order_by("-starts_at").first()


def follow_ups(client: Client, *, now: datetime) -> list[Appointment]:
    """The sessions a client may still tell how they were, the latest first: from the day after until it closes by itself."""
    if not is_asked(ResponseKind.AFTER) or not may_use_health_data(client):
        return []
    told = client.responses.current().filter(kind=ResponseKind.AFTER).values("session_on")
    open_for = timedelta(days=settings.INTAKE_FOLLOW_UP_DAYS)
    recent = _not_missed().filter(client=client, ends_at__lte=now, starts_at__gte=now - open_for - timedelta(days=1))
    seen = recent.exclude(local_date__in=told).select_related("therapist", "treatment").order_by("-starts_at")
    return [each for each in seen if timedelta(0) < _today(each, now) - each.local_date <= open_for]


def clients_here_since(limit: datetime) -> set[UUID]:
    """The clients with a session at or after a moment, those ahead included."""
    ids = Appointment.objects.real().exclude(status__in=GONE).filter(ends_at__gte=limit).values_list("client_id", flat=True)
    return {pk for pk in ids.distinct() if pk is not None}
