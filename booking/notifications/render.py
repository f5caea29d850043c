"""A notice in words, from what is true at the moment of sending."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

import css_inline
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation

from booking.enums import NotificationKind
from booking.ical import calendar, host
from booking.models import Link, Notification
from booking.notifications import about_offers, about_repairs, about_reviews, about_sessions
from booking.notifications.contents import Contents

#: By kind, who tells what a notice says; None means that it is no longer true.
TELLERS: dict[str, Callable[[Notification, datetime], Contents | None]] = {
    NotificationKind.CONFIRMATION: about_sessions.tell,
    NotificationKind.CHANGED: about_sessions.tell,
    NotificationKind.CANCELLED: about_sessions.tell,
    NotificationKind.OFFER: about_offers.tell,
    NotificationKind.REPAIR: about_repairs.tell_client,
    NotificationKind.REPAIR_LAPSED: about_repairs.tell_desk,
    NotificationKind.REVIEW: about_reviews.tell_therapist,
    NotificationKind.REVIEW_AGAIN: about_reviews.tell_therapist,
    NotificationKind.REVIEW_LATE: about_reviews.tell_desk,
    NotificationKind.CLEARED: about_reviews.tell_client,
}


@dataclass(frozen=True)
class Written:
    """The message as it goes out, and its text as the desk may keep it: without the link."""

    email: EmailMultiAlternatives
    kept: str


def written(notice: Notification, now: datetime) -> Written | None:
    """The e-mail of a notice: text, HTML beside it, and a calendar part; None when nothing of it is true any more.

    About one session the calendar part is an invitation, which calendars update and remove by themselves; about several it
    is a file to keep, because an invitation may speak of one event only (RFC 5546). A notice that is written again has a new
    link, and the one before stops working.
    """
    contents = TELLERS[notice.kind](notice, now)
    if contents is None:
        return None
    token = _link(notice, contents.link_until)
    link = settings.SITE_URL.rstrip("/") + reverse("booking:link", args=[token])
    with translation.override(settings.LANGUAGE_CODE):
        context = {**contents.context, "practice": contents.practice, "link": link}
        subject = " ".join(render_to_string(f"emails/{notice.kind}/subject.txt", context).split())
        text = render_to_string(f"emails/{notice.kind}/body.txt", context)
        page = render_to_string(f"emails/{notice.kind}/body.html", context | {"subject": subject})
    email = EmailMultiAlternatives(
        subject=subject,
        body=re.sub(r"\n{3,}", "\n\n", text).strip() + "\n",
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[notice.recipient],
        reply_to=[contents.practice.email] if contents.practice.email else None,
        headers={"Message-ID": f"<{notice.pk}@{host()}>", "Auto-Submitted": "auto-generated"},
    )
    email.attach_alternative(_inliner().inline(page), "text/html")
    _attach_calendar(email, contents, now)
    return Written(email, str(email.body).replace(token, "…"))


def _link(notice: Notification, until: datetime) -> str:
    link = Link.objects.filter(notification=notice).first() or Link(notification=notice)
    token = link.renew(until)
    link.save()
    return token


def _attach_calendar(email: EmailMultiAlternatives, contents: Contents, now: datetime) -> None:
    if not contents.sessions:
        return
    with translation.override(settings.LANGUAGE_CODE):
        file = calendar(contents.sessions, now=now, method=contents.method)
    email.attach_alternative(file.decode(), f"text/calendar; method={contents.method}")
    if contents.method != "CANCEL":
        email.attach("sessions.ics", file, "application/ics")


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
