"""A notice in words, from what is true at the moment of sending."""

from __future__ import annotations

from datetime import datetime
from functools import cache

import css_inline
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from booking.enums import NotificationKind, Outcome
from booking.ical import GONE, calendar, host
from booking.models import Appointment, Notification

METHODS = {NotificationKind.CANCELLED: "CANCEL"}


def appointments_of(notice: Notification) -> list[Appointment]:
    """The sessions a notice speaks of; of a series those that still take place."""
    about = Appointment.objects.select_related("therapist", "room", "treatment__location").order_by("starts_at")
    if notice.series_id is not None:
        return list(about.filter(series=notice.series_id).exclude(status__in=GONE))
    return list(about.filter(pk=notice.appointment_id))


def message_of(notice: Notification, now: datetime) -> EmailMultiAlternatives:
    """The e-mail: text first, HTML beside it, and a calendar part that a calendar program understands as an invitation."""
    appointments = appointments_of(notice)
    first = appointments[0]
    lost = notice.series.planned_dates.filter(outcome=Outcome.NOT_POSSIBLE) if notice.series else []
    context = {
        "client": notice.client,
        "appointments": appointments,
        "first": first,
        "lost": list(lost),
        "treatment": first.treatment,
        "practice": first.treatment.location,
        "zone": first.zone,
    }
    folder = f"emails/{notice.kind}"
    subject = " ".join(render_to_string(f"{folder}/subject.txt", context).split())
    message = EmailMultiAlternatives(
        subject=subject,
        body=render_to_string(f"{folder}/body.txt", context),
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[notice.recipient],
        reply_to=[first.treatment.location.email] if first.treatment.location.email else None,
        headers={"Message-ID": f"<{notice.pk}@{host()}>", "Auto-Submitted": "auto-generated"},
    )
    page = render_to_string(f"{folder}/body.html", context | {"subject": subject})
    message.attach_alternative(_inliner().inline(page), "text/html")
    method = METHODS.get(NotificationKind(notice.kind), "REQUEST")
    file = calendar(appointments, now=now, method=method).decode()
    message.attach_alternative(file, f"text/calendar; method={method}")
    return message


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
