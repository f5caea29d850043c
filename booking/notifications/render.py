"""A notice in words, from what is true at the moment of sending."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import css_inline
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation

from booking.enums import DECLINABLE, Channel, NotificationKind
from booking.ical import calendar, host
from booking.models import Link, Notification
from booking.notifications import about_offers, about_reminders, about_repairs, about_reviews, about_sessions
from booking.notifications.channels import stop_token
from booking.notifications.contents import Contents
from booking.notifications.gsm7 import fold
from booking.notifications.sms import Sms

#: By kind, who tells what a notice says; None means that it is no longer true.
TELLERS: dict[str, Callable[[Notification, datetime], Contents | None]] = {
    NotificationKind.CONFIRMATION: about_sessions.tell,
    NotificationKind.CHANGED: about_sessions.tell,
    NotificationKind.CANCELLED: about_sessions.tell,
    NotificationKind.OFFER: about_offers.tell,
    NotificationKind.REPAIR: about_repairs.tell_client,
    NotificationKind.REPAIR_LAPSED: about_repairs.tell_desk,
    NotificationKind.REMINDER: about_reminders.tell,
    NotificationKind.FORM: about_reminders.tell,
    NotificationKind.SERIES_ENDING: about_reminders.tell,
    NotificationKind.FOLLOW_UP: about_reminders.tell,
    NotificationKind.REVIEW: about_reviews.tell_therapist,
    NotificationKind.REVIEW_AGAIN: about_reviews.tell_therapist,
    NotificationKind.REVIEW_LATE: about_reviews.tell_desk,
    NotificationKind.CLEARED: about_reviews.tell_client,
}


@dataclass(frozen=True)
class Written:
    """The message as it goes out, by one of two ways, and its text as the desk may keep it: without the link.

    The link in it works once ``link`` is given out.
    """

    subject: str
    kept: str
    link: Link
    email: EmailMultiAlternatives | None = None
    sms: Sms | None = None


def written(notice: Notification, now: datetime) -> Written | None:
    """A notice in words, for its channel, with a fresh link; None when nothing of it is true any more."""
    contents = TELLERS[notice.kind](notice, now)
    if contents is None:
        return None
    link = Link(notification=notice)
    token = link.renew(contents.link_until)
    site = settings.SITE_URL.rstrip("/")
    context = {
        **contents.context,
        "practice": contents.practice,
        "link": site + reverse("booking:link", args=[token]),
        "stop": site + reverse("booking:stop", args=[stop_token(notice)]) if notice.kind in DECLINABLE else "",
    }
    with translation.override(settings.LANGUAGE_CODE):
        if notice.channel == Channel.SMS:
            return _sms(notice, context, link, token)
        return _email(notice, contents, context, link, token, now)


def _sms(notice: Notification, context: Mapping[str, Any], link: Link, token: str) -> Written:
    text = fold(" ".join(render_to_string(f"emails/{notice.kind}/sms.txt", context).split()))
    return Written("", _kept(text, token, context["stop"]), link, sms=Sms(notice.pk, notice.recipient, text))


def _email(
    notice: Notification, contents: Contents, context: Mapping[str, Any], link: Link, token: str, now: datetime
) -> Written:
    """Text, HTML beside it, and a calendar part.

    About one session the calendar part is an invitation, which calendars update and remove by themselves; about several it
    is a file to keep, because an invitation may speak of one event only (RFC 5546).
    """
    subject = " ".join(render_to_string(f"emails/{notice.kind}/subject.txt", context).split())
    text = render_to_string(f"emails/{notice.kind}/body.txt", context)
    page = render_to_string(f"emails/{notice.kind}/body.html", {**context, "subject": subject})
    email = EmailMultiAlternatives(
        subject=subject,
        body=re.sub(r"\n{3,}", "\n\n", text).strip() + "\n",
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[notice.recipient],
        reply_to=[contents.practice.email] if contents.practice.email else None,
        headers=_headers(notice, context["stop"]),
    )
    email.attach_alternative(_inliner().inline(page), "text/html")
    _attach_calendar(email, contents, now)
    return Written(subject, _kept(str(email.body), token, context["stop"]), link, email=email)


def _kept(text: str, token: str, stop: str) -> str:
    """The text without what lets its reader in, or act for the client."""
    text = text.replace(token, "…")
    return text.replace(stop, "…") if stop else text


def _headers(notice: Notification, stop: str) -> dict[str, str]:
    """The identity of the message, which stays when it is sent again, and the one click that stops its kind (RFC 8058)."""
    headers = {"Message-ID": f"<{notice.pk}@{host()}>", "Auto-Submitted": "auto-generated"}
    if stop:
        headers |= {"List-Unsubscribe": f"<{stop}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    return headers


def _attach_calendar(email: EmailMultiAlternatives, contents: Contents, now: datetime) -> None:
    if not contents.sessions:
        return
    file = calendar(contents.sessions, now=now, method=contents.method)
    email.attach_alternative(file.decode(), f"text/calendar; method={contents.method}")
    if contents.method != "CANCEL":
        email.attach("sessions.ics", file, "application/ics")


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
