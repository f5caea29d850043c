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

from booking.enums import DECLINABLE, TO_CLIENTS, Channel, NotificationKind
from booking.ical import calendar, host
from booking.models import Link, Notification
from booking.notifications import about_offers, about_practice, about_reminders, about_repairs, about_reviews, about_sessions
from booking.notifications.channels import stop_token
from booking.notifications.contents import Contents
from booking.notifications.gsm7 import fold
from booking.notifications.sms import Sms
from booking.notifications.texts import OwnWords, own_words

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
    NotificationKind.DAY_AHEAD: about_practice.tell_therapist,
    NotificationKind.DESK: about_practice.tell_desk,
}


#: A carrier may take them for its own; one of them begins a letter of two bytes.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Written:
    """The message as it goes out, by one of two ways, and its text as the desk may keep it: without the link.

    The link in it works once ``link`` is given out; what goes to the practice itself has none.
    """

    subject: str
    kept: str
    link: Link | None
    email: EmailMultiAlternatives | None = None
    sms: Sms | None = None


@dataclass(frozen=True)
class Draft:
    """A notice in words, addressed to nobody yet. ``page`` is the HTML of a mail; a text message has only a text."""

    subject: str
    text: str
    page: str = ""


def written(notice: Notification, now: datetime) -> Written | None:
    """A notice in words, for its channel, with a fresh link; None when nothing of it is true any more."""
    contents = TELLERS[notice.kind](notice, now)
    if contents is None:
        return None
    link = Link(notification=notice) if contents.link_until else None
    token = link.renew(contents.link_until, is_short=notice.channel == Channel.SMS) if link and contents.link_until else ""
    stop = stop_token(notice) if notice.kind in DECLINABLE else ""
    language = notice.addressee.written_in if notice.kind in TO_CLIENTS else settings.LANGUAGE_CODE
    with translation.override(language):
        own = own_words(notice.kind, notice.channel, language, contents)
        draft = drafted(notice.kind, notice.channel, contents, own, token=token, stop=stop)
        kept = _kept(draft.text, token, stop)
        if notice.channel == Channel.SMS:
            return Written("", kept, link, sms=Sms(notice.identity, notice.recipient, draft.text))
        return Written(draft.subject, kept, link, email=_email(notice, contents, draft, stop, now))


def drafted(kind: str, channel: str, contents: Contents, own: OwnWords, *, token: str, stop: str) -> Draft:
    """A notice in words, in the language that is active. ``token`` and ``stop`` make its links; without ``stop`` none of that."""
    context = {
        **contents.context,
        "practice": contents.practice,
        "own": own,
        "link": _address("booking:link", token) if token else "",
        "stop": _address("booking:stop", stop) if stop else "",
    }
    if channel == Channel.SMS:
        # answers are asked for only where they come in: their carrier signs with our secret
        context["is_read"] = bool(settings.SMS_SECRET)
        said = _CONTROLS.sub(" ", render_to_string(f"emails/{kind}/sms.txt", context))
        return Draft("", fold(" ".join(said.split())))
    subject = own.subject or " ".join(render_to_string(f"emails/{kind}/subject.txt", context).split())
    text = render_to_string(f"emails/{kind}/body.txt", context)
    page = render_to_string(f"emails/{kind}/body.html", {**context, "subject": subject})
    return Draft(subject, re.sub(r"\n{3,}", "\n\n", text).strip() + "\n", _inliner().inline(page))


def _address(name: str, token: str) -> str:
    return str(settings.SITE_URL).rstrip("/") + reverse(name, args=[token])


def is_true(notice: Notification, now: datetime) -> bool:
    """Whether a notice would still say something; its link stays as it is."""
    return TELLERS[notice.kind](notice, now) is not None


def _email(notice: Notification, contents: Contents, draft: Draft, stop: str, now: datetime) -> EmailMultiAlternatives:
    """Text, HTML beside it, and a calendar part.

    About one session the calendar part is an invitation, which calendars update and remove by themselves; about several it
    is a file to keep, because an invitation may speak of one event only (RFC 5546).
    """
    email = EmailMultiAlternatives(
        subject=draft.subject,
        body=draft.text,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[notice.recipient],
        reply_to=[contents.practice.email] if contents.practice.email else None,
        headers=_headers(notice, stop),
    )
    email.attach_alternative(draft.page, "text/html")
    _attach_calendar(email, contents, now)
    return email


def _kept(text: str, token: str, stop: str) -> str:
    """The text without what lets its reader in, or act for the client."""
    for secret in filter(None, (token, stop)):
        text = text.replace(secret, "…")
    return text


def _headers(notice: Notification, stop: str) -> dict[str, str]:
    """The identity of the message, which stays when a try is repeated, and the one click that stops its kind (RFC 8058)."""
    headers = {"Message-ID": f"<{notice.identity}@{host()}>", "Auto-Submitted": "auto-generated"}
    if stop:
        headers |= {
            "List-Unsubscribe": f"<{_address('booking:stop', stop)}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }
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
