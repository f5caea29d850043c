"""What was done to a session or read of a client, by whom, when and why: the facts of a sentence, which the template words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext

from booking.enums import AppointmentStatus
from booking.models import Appointment, AuditEntry, Note
from clients.models import Client, Response, User
from therapists.models import Room, Therapist


@dataclass(frozen=True)
class Place:
    """Where a session was at one time. ``at`` is the practice's clock; entries from before lengths were kept have none."""

    on: date
    at: time
    minutes: int | None
    therapist: str
    room: str


@dataclass(frozen=True)
class Deed:
    """One act. ``by`` is nobody's where a link was followed or the app did it by itself; ``role``: client, therapist or desk.

    ``read_of``: of what was read or looked at the day it was sent on, or of the session that it is about, while that is kept.
    """

    entry: AuditEntry
    by: str
    role: str
    was: Place | None
    now: Place | None
    read_of: date | None = None

    @property
    def state(self) -> str:
        """What the session has become, as a word."""
        status = self.entry.after.get("status")
        return str(AppointmentStatus(status).label) if status else ""

    @property
    def kind(self) -> str:
        """Of what was looked at or changed on a form the model, like ``booking.appointment``."""
        return str(self.entry.after.get("what", ""))

    @property
    def what(self) -> str:
        """The same as a word."""
        return name_of(self.kind)

    @property
    def is_late(self) -> bool:
        return self.entry.after.get("status") == AppointmentStatus.LATE_CANCELLED

    @property
    def time_changed(self) -> bool:
        return bool(self.was and self.now and (self.was.on, self.was.at) != (self.now.on, self.now.at))

    @property
    def therapist_changed(self) -> bool:
        return bool(self.was and self.now and self.was.therapist != self.now.therapist)

    @property
    def room_changed(self) -> bool:
        return bool(self.was and self.now and self.was.room != self.now.room and self.now.room)

    @property
    def length_changed(self) -> bool:
        return bool(self.was and self.now and self.now.minutes and self.was.minutes not in (None, self.now.minutes))


def name_of(kind: str) -> str:
    """What a model is called, while there is one of that name."""
    try:
        return str(apps.get_model(kind)._meta.verbose_name)
    except (LookupError, ValueError):
        return kind


def deeds_of(appointment: Appointment) -> list[Deed]:
    """All that was done to a session, the latest first. Three queries, however much it was."""
    entries = appointment.audit_entries.select_related("by__therapist", "by__client").order_by("-at", "-sequence")
    return list(_deeds(entries, {}, to=None))


def deeds_about(client: Client, entries: Iterable[AuditEntry]) -> list[Deed]:
    """These entries about a client as told to them: what they did themselves, “you” did. Five queries beside the entries."""
    told = list(entries)
    return list(_deeds(told, _days_read({entry.record for entry in told if entry.record}), to=client))


def _deeds(entries: Iterable[AuditEntry], days_read: Mapping[UUID, date], *, to: Client | None) -> Iterator[Deed]:
    names = {str(pk): name for pk, name in Therapist.objects.values_list("pk", "name")}
    rooms = {str(pk): name for pk, name in Room.objects.values_list("pk", "name")}
    for entry in entries:
        yield Deed(
            entry,
            _called(entry.by, to),
            _role(entry.by),
            _place(entry.before, names, rooms),
            _place(entry.after, names, rooms),
            days_read.get(entry.record) if entry.record else None,
        )


def _days_read(records: Collection[UUID]) -> dict[UUID, date]:
    """Of forms the day they were sent or begun on, of sessions their day, of notes that of their session."""
    notes = Note.objects.filter(pk__in=records).values_list("pk", "appointment__local_date")
    sessions = Appointment.objects.filter(pk__in=records).values_list("pk", "local_date")
    forms = Response.objects.filter(pk__in=records).values_list("pk", Coalesce("submitted_at", "started_at"))
    return dict(notes) | dict(sessions) | {pk: timezone.localdate(at) for pk, at in forms}


def _called(user: User | None, to: Client | None) -> str:
    if user is None:
        return ""
    return gettext("You") if to is not None and user.pk == to.user_id else str(user)


def _role(user: User | None) -> str:
    if user is None:
        return ""
    if hasattr(user, "therapist"):
        return "therapist"
    return "client" if hasattr(user, "client") and not user.is_staff else "desk"


def _place(facts: Mapping[str, Any], names: Mapping[str, str], rooms: Mapping[str, str]) -> Place | None:
    if "local_date" not in facts:
        return None
    return Place(
        date.fromisoformat(facts["local_date"]),
        time.fromisoformat(facts["local_time"]),
        facts.get("minutes"),
        names.get(str(facts.get("therapist")), ""),
        rooms.get(str(facts.get("room")), ""),
    )
