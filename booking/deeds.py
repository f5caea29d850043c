"""What was done to a session, by whom, when and why: the facts of a sentence, which the template words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from booking.enums import AppointmentStatus
from booking.models import Appointment, AuditEntry
from clients.models import User
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
    """One act. ``by`` is nobody's where a link was followed or the app did it by itself; ``role``: client, therapist or desk."""

    entry: AuditEntry
    by: str
    role: str
    was: Place | None
    now: Place | None

    @property
    def state(self) -> str:
        """What the session has become, as a word."""
        status = self.entry.after.get("status")
        return str(AppointmentStatus(status).label) if status else ""

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


def deeds_of(appointment: Appointment) -> list[Deed]:
    """All that was done to a session, the latest first. Three queries, however much it was."""
    names = {str(pk): name for pk, name in Therapist.objects.values_list("pk", "name")}
    rooms = {str(pk): name for pk, name in Room.objects.values_list("pk", "name")}
    entries = appointment.audit_entries.select_related("by__therapist", "by__client").order_by("-at", "-sequence")
    return [
        Deed(
            entry,
            str(entry.by) if entry.by else "",
            _role(entry.by),
            _place(entry.before, names, rooms),
            _place(entry.after, names, rooms),
        )
        for entry in entries
    ]


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
