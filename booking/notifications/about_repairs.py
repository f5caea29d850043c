"""Replacements for what the practice broke: the question to the client, and the word to the desk when nobody answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse

from booking.enums import UNSETTLED
from booking.models import Notification, Repair, Replacement
from booking.notifications.about_sessions import LINK_OUTLIVES
from booking.notifications.contents import Contents


def tell_client(notice: Notification, now: datetime) -> Contents | None:
    """The replacement of every broken date; None once the repair is answered, lapsed or settled."""
    repair = notice.repair
    if repair is None or not repair.is_open(now):
        return None
    return _contents(repair, now)


def tell_desk(notice: Notification, now: datetime) -> Contents | None:
    """Whom to call about which dates; None once the repair is settled."""
    repair = notice.repair
    if repair is None or repair.state not in UNSETTLED:
        return None
    return _contents(repair, now)


def _contents(repair: Repair, now: datetime) -> Contents | None:
    dates = list(
        repair.replacements.pending()
        .select_related("appointment__therapist", "appointment__treatment__location", "therapist")
        .order_by("appointment__starts_at")
    )
    if not dates:
        return None
    first = dates[0].appointment
    context: dict[str, Any] = {
        "repair": repair,
        "client": repair.client,
        "name": repair.client.name.partition(" ")[0],
        "dates": dates,
        "placed": [each for each in dates if each.starts_at],
        "lost": [each for each in dates if not each.starts_at],
        "first": first,
        "treatment": first.treatment,
        "zone": first.zone,
        "lapsed": not repair.is_open(now),
        "desk": settings.SITE_URL.rstrip("/") + reverse("admin:booking_repair_change", args=[repair.pk]),
    }
    return Contents(first.treatment.location, context, max(map(_ends, dates)) + LINK_OUTLIVES)


def _ends(date: Replacement) -> datetime:
    broken = date.appointment
    return max(broken.ends_at, date.starts_at + broken.length) if date.starts_at else broken.ends_at
