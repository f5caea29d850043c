"""Decisions: that one waits, without a detail, and to the client that a session is confirmed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse

from booking.enums import CHANGEABLE, FlagState
from booking.ical import Method
from booking.models import Appointment, Notification, SessionFlag
from booking.notifications.about_sessions import LINK_OUTLIVES
from booking.notifications.contents import Contents


def tell_therapist(notice: Notification, now: datetime) -> Contents | None:
    """Where to decide; None once somebody did, or when the session is over or gone."""
    return _waiting(notice, now, page=reverse("booking:decisions"))


def tell_desk(notice: Notification, now: datetime) -> Contents | None:
    """Which session nobody has decided about, in the same way."""
    return _waiting(notice, now, page=reverse("admin:booking_appointment_change", args=[notice.appointment_id]))


def tell_client(notice: Notification, now: datetime) -> Contents | None:
    """The sessions that are no longer on hold: the one of the notice, and the others of its series that are confirmed."""
    first = _session(notice, now)
    if first is None or SessionFlag.objects.filter(appointment=first, state=FlagState.ON_HOLD).exists():
        return None
    sessions = [first, *_others(first, now)]
    until = max(session.ends_at for session in sessions) + LINK_OUTLIVES
    method: Method = "REQUEST" if len(sessions) == 1 else "PUBLISH"
    return Contents(first.treatment.location, _context(notice, first) | {"sessions": sessions}, until, sessions, method)


def _waiting(notice: Notification, now: datetime, *, page: str) -> Contents | None:
    session = _session(notice, now)
    waiting = SessionFlag.objects.filter(appointment=session, state=FlagState.TO_DECIDE, round=notice.sequence)
    if session is None or not waiting.exists():
        return None
    context = _context(notice, session) | {"page": settings.SITE_URL.rstrip("/") + page}
    return Contents(session.treatment.location, context, session.ends_at)


def _session(notice: Notification, now: datetime) -> Appointment | None:
    about = Appointment.objects.select_related("client", "therapist", "room", "treatment__location")
    return about.filter(notifications=notice, status__in=CHANGEABLE, starts_at__gt=now).first()


def _others(first: Appointment, now: datetime) -> list[Appointment]:
    if first.series_id is None:
        return []
    confirmed = Appointment.objects.upcoming(now).filter(series=first.series_id).exclude(pk=first.pk)
    free = confirmed.exclude(flag__state=FlagState.ON_HOLD)
    return list(free.select_related("client", "therapist", "room", "treatment__location"))


def _context(notice: Notification, first: Appointment) -> dict[str, Any]:
    return {
        "first": first,
        "client": notice.addressee,
        "name": notice.addressee.name.partition(" ")[0],
        "treatment": first.treatment,
        "zone": first.zone,
    }
