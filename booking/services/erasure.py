"""A client asks to be forgotten: what the law keeps is kept without a name for as long as the practice keeps such things, and the
rest goes. Both are listed beforehand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from uuid import UUID

import pgtrigger
from django.apps import apps
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.db.models import Q, QuerySet

from booking.enums import CHANGEABLE, AppointmentStatus, AuditAction, HoldState, NotificationKind
from booking.exceptions import StillAhead, WorksHere
from booking.ical import GONE
from booking.models import (
    NOTES_STAY,
    Appointment,
    AuditEntry,
    Clearance,
    Decision,
    Hold,
    Note,
    NoticeAct,
    Notification,
    Offer,
    Reach,
    Repair,
    SessionFlag,
    WaitlistEntry,
)
from booking.services.audit import take_out
from booking.services.guard import lock_client
from booking.services.holds import let_go
from booking.services.retention import COPY
from clients.models import Client
from clients.personal import models_about_clients, rows_about
from clients.services.erasure import pseudonymise, works_here
from clients.services.retention import years_ago
from therapists.models import Therapist

#: What stands where a column may not be empty.
TAKEN_OUT = "–"
#: States in which others count on a session.
COUNTED_ON = (*CHANGEABLE, AppointmentStatus.ARRIVED, AppointmentStatus.IN_SESSION)


@dataclass(frozen=True, slots=True)
class Fate:
    """What an erasure leaves and what it takes, in numbers.

    ``keeps_until``: the day after which the night's forgetting may delete kept answers and notes; None where none are kept.
    """

    sessions: int
    forms: int
    notes: int
    messages: int
    wishes: int
    keeps_until: datetime | None

    @property
    def keeps_health(self) -> bool:
        return self.keeps_until is not None and bool(self.forms or self.notes)


def fate_of(client: Client, *, now: datetime) -> Fate:
    """What would become of everything that is kept about a client."""
    return Fate(
        sessions=Appointment.objects.real().filter(client=client).count(),
        forms=client.responses.submitted().count(),
        notes=Note.objects.filter(appointment__client=client).count(),
        messages=Notification.objects.filter(client=client).count(),
        wishes=WaitlistEntry.objects.filter(client=client).count(),
        keeps_until=_kept_until(client, now),
    )


def require_erasable(client: Client, *, now: datetime) -> None:
    """Raises StillAhead or WorksHere."""
    if Appointment.objects.filter(client=client, status__in=COUNTED_ON, ends_at__gt=now).exists():
        raise StillAhead
    if client.user is not None and (works_here(client.user) or Therapist.objects.filter(user=client.user).exists()):
        raise WorksHere


@transaction.atomic
def erase(client: Client, *, now: datetime) -> None:
    """Forget a client, in one transaction. What was agreed, which sessions took place and what they cost stays without a name.

    Answers, notes and decisions stay sealed for as long as INTAKE_KEEP_YEARS says after the last session; of a client who was
    never here, or not for so long, they go as well. Raises StillAhead or WorksHere; nothing is changed then.
    """
    lock_client(client.pk)
    client.refresh_from_db()
    require_erasable(client, now=now)
    keeps = _kept_until(client, now) is not None
    _forget_in_the_log(client)
    _empty_staff_mails(client)
    _let_go_of_all(client)
    for model in (Notification, Offer, WaitlistEntry, Repair, Reach):
        model._default_manager.filter(client=client).delete()
    SessionFlag.objects.filter(appointment__client=client).delete()
    AuditEntry.objects.create(action=AuditAction.ERASED, client=client, record=client.pk, by=client.user, at=now)
    take_out(AuditEntry.objects.filter(client=client))
    if keeps:
        Clearance.objects.filter(client=client).update(given_by=TAKEN_OUT, reference=TAKEN_OUT)
    else:
        Clearance.objects.filter(client=client).delete()
        Decision.objects.filter(client=client).delete()
        with pgtrigger.ignore(*NOTES_STAY):
            Note.objects.filter(appointment__client=client).delete()
    pseudonymise(client, keeps_answers=keeps, now=now)


def _kept_until(client: Client, now: datetime) -> datetime | None:
    """When the last session is so long ago that nothing of it is kept; None where that is so already, or there was none."""
    held = Appointment.objects.real().filter(client=client, starts_at__lte=now).exclude(status__in=GONE)
    last = held.order_by("-ends_at").first()
    if last is None or last.ends_at < years_ago(now, settings.INTAKE_KEEP_YEARS):
        return None
    return years_ago(last.ends_at, -settings.INTAKE_KEEP_YEARS)


def _let_go_of_all(client: Client) -> None:
    """Free what is still held for a client: offers, replacements, and the old times of what can be undone."""
    held = Q(offer__client=client) | Q(repair__client=client) | Q(change__client=client)
    for hold in Hold.objects.filter(held, state=HoldState.LIVE).select_for_update(of=("self",)):
        let_go(hold)


def _forget_in_the_log(client: Client) -> None:
    """Take the names out of what the desk's own log says of this client's rows; that somebody did something then stays."""
    said = [Q(object_repr__contains=word) | Q(change_message__contains=word) for word in _words(client)]
    rows = LogEntry.objects.filter(reduce(or_, said, Q(object_id__in=_ids(client))))
    rows.update(object_repr=TAKEN_OUT, change_message="")


def _ids(client: Client) -> set[str]:
    """The id of every row about a client."""
    return {str(pk) for model in models_about_clients() for pk in rows_about(model, client).values_list("pk", flat=True)}


def _empty_staff_mails(client: Client) -> None:
    """Empty our copies of the mails to the practice itself that told of this client: by name, or by a session of that day."""
    notices = _staff_mails_about(client)
    for act in NoticeAct.objects.filter(notification__in=notices):
        act.before = {name: fact for name, fact in act.before.items() if name not in COPY}
        act.save(update_fields=["before"])
    notices.update(**dict.fromkeys(COPY, ""))


def _staff_mails_about(client: Client) -> QuerySet[Notification]:
    told = reduce(or_, (Q(body__contains=word) | Q(subject__contains=word) for word in _words(client)))
    for therapist, on in _days_of(client):
        told |= Q(kind=NotificationKind.DAY_AHEAD, therapist=therapist, on=on)
    told |= Q(items__about__in=_abouts(client))
    found = Notification.objects.filter(told, client=None).values("pk")
    return Notification.objects.filter(pk__in=found)


def _words(client: Client) -> list[str]:
    """What a text would call a client by."""
    return [word for word in (client.name, client.email, str(client.phone)) if word]


def _days_of(client: Client) -> Iterable[tuple[UUID, object]]:
    """With whom and on which days a client's sessions were, those included from which they were moved."""
    history = apps.get_model("booking", "AppointmentEvent")
    return set(history._default_manager.filter(client=client).values_list("therapist", "local_date"))


def _abouts(client: Client) -> list[UUID]:
    notices = Notification.objects.filter(client=client).values_list("pk", flat=True)
    return [*notices, *Appointment.objects.filter(client=client).values_list("pk", flat=True)]
