"""A notice in words, from what is true at the moment of sending."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import css_inline
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation

from booking.engine.recurrence import clock_changes
from booking.enums import CHANGEABLE, NotificationKind, Outcome
from booking.ical import Method, calendar, host
from booking.models import Appointment, Notification, PlannedDate


@dataclass(frozen=True)
class Line:
    """One date of a series: the session on it, or the wish that could not be met."""

    on: date
    at: time
    session: Appointment | None
    wish: PlannedDate | None

    @property
    def is_elsewhere(self) -> bool:
        """Whether the session is not when it was wished for."""
        return self.wish is not None and (self.wish.wished_date, self.wish.wished_time) != (self.on, self.at)


def message_of(notice: Notification, sessions: Sequence[Appointment], now: datetime) -> EmailMultiAlternatives:
    """The e-mail about ``sessions`` (at least one, in order): text, HTML beside it, and a calendar part.

    About one session the calendar part is an invitation, which calendars update and remove by themselves; about several it
    is a file to keep, because an invitation may speak of one event only (RFC 5546).
    """
    first = sessions[0]
    practice = first.treatment.location
    with translation.override(settings.LANGUAGE_CODE):
        context = _context(notice, sessions, now)
        subject = " ".join(render_to_string(f"emails/{notice.kind}/subject.txt", context).split())
        text = render_to_string(f"emails/{notice.kind}/body.txt", context)
        page = render_to_string(f"emails/{notice.kind}/body.html", context | {"subject": subject})
        method = _method(notice, sessions)
        file = calendar(sessions, now=now, method=method)
    message = EmailMultiAlternatives(
        subject=subject,
        body=re.sub(r"\n{3,}", "\n\n", text).strip() + "\n",
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[notice.recipient],
        reply_to=[practice.email] if practice.email else None,
        headers={"Message-ID": f"<{notice.pk}@{host()}>", "Auto-Submitted": "auto-generated"},
    )
    message.attach_alternative(_inliner().inline(page), "text/html")
    message.attach_alternative(file.decode(), f"text/calendar; method={method}")
    if method != "CANCEL":
        message.attach("sessions.ics", file, "application/ics")
    return message


def _context(notice: Notification, sessions: Sequence[Appointment], now: datetime) -> dict[str, Any]:
    first, last = sessions[0], sessions[-1]
    return {
        "first": first,
        "sessions": sessions,
        "lines": _lines(notice, sessions),
        "name": notice.client.name.partition(" ")[0],
        "treatment": first.treatment,
        "practice": first.treatment.location,
        "zone": first.zone,
        "changes": clock_changes(ZoneInfo(first.zone), first.local_date, last.local_date),
        "others_stay": notice.series is None and _others_stay(first, now),
        "site": settings.SITE_URL,
    }


def _others_stay(appointment: Appointment, now: datetime) -> bool:
    """Whether other sessions of its series are still to come."""
    if appointment.series_id is None:
        return False
    others = Appointment.objects.filter(series=appointment.series_id).exclude(pk=appointment.pk)
    return others.filter(status__in=CHANGEABLE, ends_at__gt=now).exists()


def _lines(notice: Notification, sessions: Sequence[Appointment]) -> list[Line]:
    """All dates of a series, those without a session included; nothing for a notice about one appointment."""
    if notice.series is None:
        return []
    lost = notice.series.planned_dates.filter(outcome=Outcome.NOT_POSSIBLE).select_related("wished_therapist")
    lines = [Line(each.local_date, each.local_time, each, getattr(each, "planned_date", None)) for each in sessions]
    lines += [Line(wish.wished_date, wish.wished_time, None, wish) for wish in lost]
    return sorted(lines, key=lambda line: (line.on, line.at))


def _method(notice: Notification, sessions: Sequence[Appointment]) -> Method:
    if notice.kind == NotificationKind.CANCELLED:
        return "CANCEL"
    return "REQUEST" if len(sessions) == 1 else "PUBLISH"


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
