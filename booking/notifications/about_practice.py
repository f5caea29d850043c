"""Notices to the practice itself: a therapist's day, and what the desk has to see to.

Mail is no place for health: no light, no decision, no answer is spoken of, and clients stand there by first name and initial.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.urls import reverse

from booking.enums import OWN_VERSION, Matter
from booking.models import Appointment, Notification
from booking.notifications.contents import Contents
from booking.notifications.staff import sessions_of_day, unanswered, undelivered, unfilled
from clients.models import Client, Response, ResponseKind
from clients.services.consents import may_use_health_data
from therapists.models import Location, Therapist

#: How many lines of one matter are written out; the others are counted.
LINES = 20


@dataclass(frozen=True)
class Failed:
    """A notice that was not delivered. Of one that speaks of a decision neither what it is nor whom it is about is said."""

    notice: Notification
    is_private: bool
    page: str


@dataclass(frozen=True)
class Unanswered:
    session: Appointment
    page: str


def tell_therapist(notice: Notification, now: datetime) -> Contents | None:
    """The sessions of a date; None when there are none any more."""
    therapist, on = notice.therapist, notice.on
    assert therapist is not None
    assert on is not None
    rows = sessions_of_day(therapist, on).select_related("client", "room", "treatment").order_by("starts_at")
    sessions = list(rows)
    if not sessions:
        return None
    context = {
        "on": on,
        "therapist": therapist,
        "sessions": sessions,
        "first": sessions[0],
        "last": sessions[-1],
        "to_read": _forms_to_read(therapist, sessions),
        "page": _address(reverse("booking:therapist")),
    }
    return Contents(therapist.location, context, None)


def tell_desk(notice: Notification, now: datetime) -> Contents | None:
    """What of its matters still is to be seen to; None when nothing is."""
    practice = notice.practice
    assert practice is not None
    failed, failed_count = _failed(notice, practice, now)
    sessions = [each for each in unanswered(practice, now) if each.pk in _about(notice, Matter.FORM)]
    free = list(unfilled(practice, now).filter(pk__in=_about(notice, Matter.UNFILLED)))
    if not (failed or sessions or free):
        return None
    context: dict[str, Any] = {
        "failed": failed,
        "failed_count": failed_count,
        "failed_more": failed_count - len(failed),
        "forms": [Unanswered(each, _row("appointment", each.pk)) for each in sessions[:LINES]],
        "forms_count": len(sessions),
        "forms_more": max(0, len(sessions) - LINES),
        "free": free[:LINES],
        "free_count": len(free),
        "free_more": max(0, len(free) - LINES),
        "page": _address(reverse("admin:index")),
    }
    return Contents(practice, context, None)


def _failed(notice: Notification, practice: Location, now: datetime) -> tuple[list[Failed], int]:
    """The notices of this one that are undelivered still, as far as they are written out, and how many there are."""
    rows = undelivered(practice, now).filter(pk__in=notice.items.filter(matter=Matter.UNDELIVERED).values("about"))
    first = rows.select_related("client", "appointment", "therapist").order_by("due_at", "pk")[:LINES]
    return [Failed(each, each.kind in OWN_VERSION, _row("notification", each.pk)) for each in first], rows.count()


def _about(notice: Notification, matter: Matter) -> set[UUID]:
    return set(notice.items.filter(matter=matter).values_list("about", flat=True))


def _forms_to_read(therapist: Therapist, sessions: list[Appointment]) -> int:
    """Of how many clients of a date there is a form that their therapist has not read."""
    on = sessions[0].local_date
    unread = (
        Response.objects.current()
        .filter(Q(kind=ResponseKind.FIRST) | Q(session_on=on), client__in=[session.client_id for session in sessions])
        .exclude(views__by=therapist.user)
    )
    clients = Client.objects.filter(responses__in=unread).distinct()
    return sum(may_use_health_data(client) for client in clients)


def _row(model: str, pk: UUID) -> str:
    return _address(reverse(f"admin:booking_{model}_change", args=[pk]))


def _address(path: str) -> str:
    return str(settings.SITE_URL).rstrip("/") + path
