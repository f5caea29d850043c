"""Notices that follow from a session and the practice's rules, as far as they are still of use."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse

from booking.engine.recurrence import clock_changes
from booking.enums import CHANGEABLE, AppointmentStatus, NotificationKind
from booking.models import Appointment, Notification
from booking.notifications.about_sessions import LINK_OUTLIVES, is_on_hold
from booking.notifications.channels import reach_of
from booking.notifications.contents import Contents
from clients.services.responses import asks_for_form


def tell(notice: Notification, now: datetime) -> Contents | None:
    """What is ahead, or was; None once it was moved, cancelled, answered or declined, or has begun."""
    first = notice.appointment
    if first is None or first.client is None or first.sequence != notice.sequence or not _holds(notice, first, now):
        return None
    zone = ZoneInfo(first.zone)
    site = str(settings.SITE_URL).rstrip("/")
    on_hold = is_on_hold(first)
    context: dict[str, Any] = {
        "first": first,
        "name": first.client.name.partition(" ")[0],
        "treatment": first.treatment,
        "zone": first.zone,
        "changes": clock_changes(zone, now.astimezone(zone).date(), first.local_date),
        "form": site + reverse("intake:overview"),
        "book": site + reverse("booking:what"),
        "is_confirmed": first.status == AppointmentStatus.CONFIRMED,
        "is_asked": first.status == AppointmentStatus.BOOKED and not on_hold,
        "is_on_hold": on_hold,
    }
    sessions = [first] if notice.kind == NotificationKind.REMINDER else []
    return Contents(first.treatment.location, context, max(first.ends_at, now) + LINK_OUTLIVES, sessions, "REQUEST")


def _holds(notice: Notification, session: Appointment, now: datetime) -> bool:
    if session.client is None or notice.kind in reach_of(session.client).declined:
        return False
    if notice.kind == NotificationKind.FOLLOW_UP:
        return session.status == AppointmentStatus.DONE
    if session.status not in CHANGEABLE or session.starts_at <= now:
        return False
    return notice.kind != NotificationKind.FORM or asks_for_form(session.client, on=session.local_date)
