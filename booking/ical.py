"""Appointments as calendar files that stay right: one UID for a session's whole life, on the practice's clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from email.utils import parseaddr
from zoneinfo import ZoneInfo

from django.conf import settings
from icalendar import Calendar, Event, Timezone, vCalAddress

from booking.enums import AppointmentStatus
from booking.models import Appointment

GONE = (AppointmentStatus.CANCELLED, AppointmentStatus.LATE_CANCELLED)


def host() -> str:
    """The domain of the practice's mail, which makes identifiers its own."""
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]


def calendar(appointments: Sequence[Appointment], *, method: str = "PUBLISH") -> bytes:
    """A calendar file of these sessions; ``method`` is PUBLISH for a download, REQUEST or CANCEL in a mail.

    Start and end are wall times with their zone, and the zone's rules come along, so nine o'clock stays nine o'clock.
    """
    file = Calendar()
    file.add("prodid", "-//Unknot//EN")
    file.add("version", "2.0")
    file.add("method", method)
    for zone in sorted({appointment.zone for appointment in appointments}):
        of_zone = [appointment for appointment in appointments if appointment.zone == zone]
        first, last = min(a.local_date for a in of_zone), max(a.local_date for a in of_zone)
        file.add_component(Timezone.from_tzinfo(ZoneInfo(zone), zone, first - timedelta(days=366), last + timedelta(days=366)))
    for appointment in appointments:
        file.add_component(_event(appointment, method))
    return bytes(file.to_ical())


def _event(appointment: Appointment, method: str) -> Event:
    location = appointment.treatment.location
    event = Event()
    event.add("uid", f"{appointment.pk}@{host()}")
    event.add("sequence", appointment.sequence)
    event.add("dtstamp", appointment.created_at)
    event.add("dtstart", appointment.local_start)
    event.add("dtend", appointment.local_end)
    event.add("summary", f"{appointment.treatment.name}, {location.name}")
    event.add("location", ", ".join(filter(None, (location.name, location.address))))
    event.add("status", "CANCELLED" if method == "CANCEL" or appointment.status in GONE else "CONFIRMED")
    sender = vCalAddress(f"mailto:{parseaddr(settings.DEFAULT_FROM_EMAIL)[1]}")
    event.add("organizer", sender)
    return event
