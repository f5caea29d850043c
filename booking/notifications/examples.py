"""What a notice would look like: a made-up client and sessions of the practice, never stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import translation

from booking.enums import DECLINABLE, AppointmentStatus, Channel, Fit, NotificationKind, OfferReason
from booking.models import Appointment, NoticeText, Offer, Repair, Replacement
from booking.notifications.about_sessions import Line
from booking.notifications.contents import Contents
from booking.notifications.render import Draft, drafted
from booking.notifications.texts import in_full, values_of
from clients.models import Client
from therapists.models import Location, Room, Therapist, Treatment

#: As long as the tokens in real links, so that a text message has its real length.
TOKEN = "example".ljust(43, "-")
SEVERAL = 4
#: Notices that may speak of several sessions.
OF_SEVERAL = (
    NotificationKind.CONFIRMATION,
    NotificationKind.CHANGED,
    NotificationKind.CANCELLED,
    NotificationKind.CLEARED,
    NotificationKind.REPAIR,
)


def previewed(text: NoticeText, now: datetime, *, several: bool = False) -> Draft:
    """The notice with these words, in their language. Raises BrokenText."""
    with translation.override(text.language):
        contents = example(text.kind, text.location, now, count=SEVERAL if several and text.kind in OF_SEVERAL else 1)
        stop = TOKEN if text.kind in DECLINABLE else ""
        return drafted(text.kind, text.channel, contents, in_full(text, contents), token=TOKEN, stop=stop)


def example_values(practice: Location, now: datetime) -> dict[str, str]:
    """By placeholder, an example of what it stands for in a mail."""
    return values_of(NotificationKind.OFFER, Channel.EMAIL, example(NotificationKind.OFFER, practice, now))


def example(kind: str, practice: Location, now: datetime, *, count: int = 1) -> Contents:
    """What such a notice tells: ``count`` sessions from next week on, at nine on the practice's wall."""
    sessions = [_session(practice, now, weeks) for weeks in range(1, count + 1)]
    first = sessions[0]
    site = str(settings.SITE_URL).rstrip("/")
    context: dict[str, Any] = {
        "first": first,
        "sessions": sessions,
        "name": "Alexandra",
        "treatment": first.treatment,
        "zone": first.zone,
        "lines": _lines(kind, sessions),
        "form": site + reverse("intake:overview"),
        "book": site + reverse("booking:what"),
        "site": site,
    }
    return Contents(practice, context | _held(kind, sessions, now), now)


def _session(practice: Location, now: datetime, weeks: int) -> Appointment:
    treatment = Treatment.objects.filter(location=practice, is_active=True).first()
    therapist = Therapist.objects.filter(location=practice, is_active=True).first()
    treatment = treatment or Treatment(location=practice, length=timedelta(minutes=30))
    date = now.astimezone(practice.tz).date() + timedelta(weeks=weeks)
    starts_at = datetime.combine(date, time(9), practice.tz)
    return Appointment(
        client=Client(name="Alexandra Example"),
        therapist=therapist or Therapist(location=practice, name="Tess Example"),
        treatment=treatment,
        room=Room.objects.filter(location=practice, is_active=True).first(),
        zone=practice.zone,
        local_date=date,
        local_time=time(9),
        starts_at=starts_at,
        ends_at=starts_at + treatment.length,
        status=AppointmentStatus.BOOKED,
        held_until=now + practice.offer_lasts,
    )


def _lines(kind: str, sessions: Sequence[Appointment]) -> list[Line]:
    if kind not in OF_SEVERAL or len(sessions) == 1:
        return []
    return [Line(each.local_date, each.local_time, each) for each in sessions]


def _held(kind: str, sessions: Sequence[Appointment], now: datetime) -> dict[str, Any]:
    """What is held, and until when, in a notice about something held."""
    first = sessions[0]
    practice, client = first.treatment.location, first.client
    if kind == NotificationKind.OFFER:
        return {"offer": Offer(client=client, reason=OfferReason.WISH, expires_at=now + practice.offer_lasts)}
    if kind != NotificationKind.REPAIR:
        return {}
    repair = Repair(client=client, expires_at=now + practice.repair_lasts)
    day = timedelta(days=1)
    dates = [
        Replacement(
            repair=repair, appointment=each, fit=Fit.SAME_THERAPIST, therapist=each.therapist, starts_at=each.starts_at + day
        )
        for each in sessions
    ]
    return {"repair": repair, "client": client, "dates": dates, "placed": dates, "lost": []}
