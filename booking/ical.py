"""Appointments as a calendar file: for a mail, for a download, the same event in both."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from email.utils import parseaddr
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import icalendar
from django.conf import settings
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from booking.engine.zones import offsets
from booking.enums import AppointmentStatus
from booking.models import Appointment

#: PUBLISH is for keeping, any number of sessions; REQUEST and CANCEL (RFC 5546) speak of one session to one client.
Method = Literal["PUBLISH", "REQUEST", "CANCEL"]

GONE = (AppointmentStatus.CANCELLED, AppointmentStatus.LATE_CANCELLED)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


def host() -> str:
    """The domain of the practice's mail, which makes identifiers its own."""
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]


def calendar(appointments: Iterable[Appointment], *, now: datetime, method: Method = "PUBLISH") -> bytes:
    """The calendar file of one or more appointments, in their wall time: nine stays nine whatever a zone decides later.

    An appointment keeps its UID for life; its ``sequence`` tells calendars which version is newer.
    """
    appointments = sorted(appointments, key=lambda appointment: appointment.starts_at)
    file = icalendar.Calendar()
    file.add("prodid", "-//Unknot//Unknot//EN")
    file.add("version", "2.0")
    file.add("method", method)
    years: dict[str, list[int]] = {}
    for appointment in appointments:
        years.setdefault(appointment.zone, []).append(appointment.local_date.year)
    for appointment in appointments:
        file.add_component(_event(appointment, now, method))
    head, event, events = bytes(file.to_ical()).partition(b"BEGIN:VEVENT\r\n")
    clocks = b"".join(_clocks(zone, min(seen), max(seen)) for zone, seen in years.items())
    return head + clocks + event + events


def _event(appointment: Appointment, now: datetime, method: Method) -> icalendar.Event:
    practice = appointment.treatment.location
    where = [practice.name, practice.address, appointment.room.name if appointment.room else ""]
    reach = [practice.phone, practice.email]
    event = icalendar.Event()
    event.add("uid", f"{appointment.pk}@{host()}")
    event.add("sequence", appointment.sequence)
    event.add("dtstamp", now.astimezone(UTC).replace(microsecond=0))
    start = datetime.combine(appointment.local_date, appointment.local_time, ZoneInfo(appointment.zone))
    event.add("dtstart", start)
    # a duration, because a session over the autumn night may end on the wall before it begins
    event.add("duration", appointment.length)
    event.add(
        "summary",
        _("%(treatment)s with %(therapist)s")
        % {"treatment": capfirst(appointment.treatment.told_as), "therapist": appointment.therapist},
    )
    event.add("location", ", ".join(filter(None, where)))
    event.add("description", "\n".join(filter(None, reach)))
    event.add("status", "CANCELLED" if appointment.status in GONE else "CONFIRMED")
    event.add("organizer", _person(practice.name, practice.email or parseaddr(settings.DEFAULT_FROM_EMAIL)[1]))
    if method != "PUBLISH" and appointment.client is not None:
        client = _person(appointment.client.name, appointment.client.email)
        client.params.update({"PARTSTAT": "ACCEPTED", "RSVP": "FALSE"})
        event.add("attendee", client)
    return event


def _person(name: str, email: str) -> icalendar.vCalAddress:
    person = icalendar.vCalAddress(f"mailto:{email}")
    person.params["CN"] = name
    return person


@lru_cache(maxsize=64)
def _clocks(zone: str, first_year: int, last_year: int) -> bytes:
    """The lines about the clocks of a zone, which are the same in every file."""
    return bytes(_timezone(zone, first_year, last_year).to_ical())


def _timezone(zone: str, first_year: int, last_year: int) -> icalendar.Timezone:
    """What the clocks of ``zone`` do from the first day of one year to the last day of another."""
    tz = ZoneInfo(zone)
    component = icalendar.Timezone()
    component.add("tzid", zone)
    since, until = ((date(year, 1, 1) - _EPOCH.date()) // _MINUTE for year in (first_year, last_year + 1))
    before: int | None = None
    for start, _end, offset in offsets(zone, since - 24 * 60, until + 24 * 60):
        at = _EPOCH + start * _MINUTE
        before = offset if before is None else before
        kind = icalendar.TimezoneDaylight if at.astimezone(tz).dst() else icalendar.TimezoneStandard
        observance = kind()
        observance.add("dtstart", (at + before * _MINUTE).replace(tzinfo=None))
        observance.add("tzoffsetfrom", before * _MINUTE)
        observance.add("tzoffsetto", offset * _MINUTE)
        observance.add("tzname", at.astimezone(tz).tzname())
        component.add_component(observance)
        before = offset
    return component
