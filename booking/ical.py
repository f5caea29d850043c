"""Appointments as a calendar file: for a mail and for a download the same event, for a feed one that says less."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import parseaddr
from functools import cached_property, lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import icalendar
from django.conf import settings
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from icalendar.parser import Contentline

from booking.engine.zones import offsets
from booking.enums import AppointmentStatus
from booking.models import Appointment

#: PUBLISH is for keeping, any number of sessions; REQUEST and CANCEL (RFC 5546) speak of one session to one client.
Method = Literal["PUBLISH", "REQUEST", "CANCEL"]

GONE = (AppointmentStatus.CANCELLED, AppointmentStatus.LATE_CANCELLED)
#: How often a calendar program may ask a feed again; most ask less often, whatever is said.
REFRESH = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
#: What no text of a calendar may have in it (RFC 5545, 3.3.11); a new line is allowed, and written as \\n.
_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]+")


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


class Block(NamedTuple):
    """A time taken, as a feed tells of it. ``starts`` is the wall time in ``zone``, without one; ``key`` is the UID's."""

    key: str
    starts: datetime
    zone: str
    length: timedelta
    summary: str
    location: str = ""
    sequence: int = 0
    is_cancelled: bool = False


@dataclass(frozen=True)
class FeedFile:
    """A calendar to subscribe to, which may have thousands of blocks: its events are written line by line.

    An icalendar.Event for each takes four times as long as a reader should wait; escaping and folding are still icalendar's.
    """

    name: str
    blocks: Sequence[Block]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all there is to write, except the stamp: known without writing the events."""
        return hashlib.sha256(self._head + repr(self.blocks).encode()).hexdigest()

    def written(self, stamp: datetime) -> bytes:
        """The file; ``stamp`` is since when it has been so."""
        host_, stamp_ = host(), f"{stamp.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        events = "".join(_lines(block, host_, stamp_) for block in self.blocks)
        return self._head + events.encode() + b"END:VCALENDAR\r\n"

    @cached_property
    def _head(self) -> bytes:
        """All before the events. The number in PRODID is part of the digest: it rises when events are written differently."""
        file = icalendar.Calendar()
        file.add("prodid", "-//Unknot//Unknot feed 1//EN")
        file.add("version", "2.0")
        file.add("method", "PUBLISH")
        for name in ("name", "x-wr-calname"):
            file.add(name, _printable(self.name).replace("\n", " "))
        file.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
        file.add("x-published-ttl", icalendar.vDuration(REFRESH))
        years: dict[str, set[int]] = {}
        for block in self.blocks:
            years.setdefault(block.zone, set()).add(block.starts.year)
        for zone in sorted(years.keys() - {"UTC"}):
            file.add_component(_timezone(zone, min(years[zone]), max(years[zone])))
        return bytes(file.to_ical()).removesuffix(b"END:VCALENDAR\r\n")


def _lines(block: Block, host: str, stamp: str) -> str:
    """A block as an event (RFC 5545, 3.6.1)."""
    start = f"{block.starts:%Y%m%dT%H%M%S}"
    location = _text("LOCATION", block.location) if block.location else ""
    return (
        f"BEGIN:VEVENT\r\n{_folded(f'UID:{block.key}@{host}')}SEQUENCE:{block.sequence}\r\nDTSTAMP:{stamp}\r\n"
        + (f"DTSTART:{start}Z\r\n" if block.zone == "UTC" else f"DTSTART;TZID={block.zone}:{start}\r\n")
        + _duration(block.length)
        + _text("SUMMARY", block.summary)
        + location
        + ("STATUS:CANCELLED\r\nTRANSP:TRANSPARENT\r\n" if block.is_cancelled else "STATUS:CONFIRMED\r\nTRANSP:OPAQUE\r\n")
        + "CLASS:PRIVATE\r\nEND:VEVENT\r\n"
    )


def _folded(line: str) -> str:
    """A line of ASCII, broken where it is too long."""
    return f"{line}\r\n" if len(line) < 75 else _line(line)


def _printable(text: str) -> str:
    return _CONTROLS.sub(" ", text.replace("\r\n", "\n"))


@lru_cache(maxsize=4096)
def _text(name: str, value: str) -> str:
    return _line(f"{name}:{icalendar.vText(_printable(value)).to_ical().decode()}")


@lru_cache(maxsize=256)
def _duration(length: timedelta) -> str:
    return _line(f"DURATION:{icalendar.vDuration(length).to_ical().decode()}")  # type: ignore[no-untyped-call]


def _line(text: str) -> str:
    return f"{Contentline(text).to_ical().decode()}\r\n"  # type: ignore[no-untyped-call]


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
        _printable(
            _("%(treatment)s with %(therapist)s")
            % {"treatment": capfirst(appointment.treatment.told_as), "therapist": appointment.therapist}
        ),
    )
    event.add("location", _printable(", ".join(filter(None, where))))
    event.add("description", _printable("\n".join(filter(None, reach))))
    event.add("status", "CANCELLED" if appointment.status in GONE else "CONFIRMED")
    event.add("organizer", _person(practice.name, practice.email or parseaddr(settings.DEFAULT_FROM_EMAIL)[1]))
    if method != "PUBLISH" and appointment.client is not None:
        client = _person(appointment.client.name, appointment.client.email)
        client.params.update({"PARTSTAT": "ACCEPTED", "RSVP": "FALSE"})
        event.add("attendee", client)
    return event


def _person(name: str, email: str) -> icalendar.vCalAddress:
    person = icalendar.vCalAddress(f"mailto:{email}")
    person.params["CN"] = " ".join(_printable(name).split())
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
