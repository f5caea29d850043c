"""A year of reminders in twelve zones, with moves and cancellations, against a second reckoning of when each is due."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from heapq import heapify, heappop, heappush
from random import Random
from typing import NamedTuple
from uuid import UUID

from django.test import override_settings

from booking.enums import Night, NotificationKind, NotificationState
from booking.exceptions import BookingError
from booking.models import Appointment, NoticeRule, Notification
from booking.notifications.delivery import send_due
from booking.notifications.reminders import queue_due
from booking.services.changes import Move, cancel_sessions, move_sessions
from clients.models import Client
from tests.booking.engine.reference_reminders import at_night, reminder_times
from tests.factories import LocationFactory, NoticeRuleFactory, RoomFactory, TherapistFactory, TreatmentFactory
from tests.figures import Figure
from therapists.models import Therapist, Treatment

ZONES = (
    "Europe/London",
    "Europe/Berlin",
    "Africa/Cairo",
    "America/New_York",
    "America/St_Johns",
    "America/Santiago",
    "Asia/Kathmandu",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Pacific/Apia",
    "Pacific/Chatham",
)
SESSIONS = 5000
FIRST = datetime(2027, 1, 1, tzinfo=UTC)
DAYS = 364
PEOPLE = 8  # therapists of a place
STARTS = 75  # at which they have a session, of a year
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NIGHTS = (("21:00", "08:00"), ("20:30", "07:30"), ("22:00", "09:00"), ("00:00", "06:00"))


class Key(NamedTuple):
    """What names a reminder."""

    session: UUID
    sequence: int
    lead: timedelta


@dataclass
class Place:
    """A practice with its rules, and the starts at which nobody comes yet."""

    treatment: Treatment
    quiet: tuple[str, str]
    leads: list[tuple[timedelta, datetime, bool]]
    free: list[tuple[Therapist, datetime]]


@dataclass
class Year:
    """What should be sent, by the second reckoning, and the moments at which something happens."""

    random: Random
    moments: list[datetime] = field(default_factory=list)
    places: dict[UUID, Place] = field(default_factory=dict)
    expected: dict[Key, datetime] = field(default_factory=dict)
    starts: dict[Key, datetime] = field(default_factory=dict)
    moved: int = 0
    cancelled: int = 0

    def expect(self, session: Appointment, made_at: datetime) -> None:
        place = self.places[session.pk]
        times = reminder_times(place.leads, zone=session.zone, starts_at=session.starts_at, made_at=made_at, quiet=place.quiet)
        for lead, moment in times.items():
            key = Key(session.pk, session.sequence, lead)
            self.expected[key], self.starts[key] = moment, session.starts_at
            heappush(self.moments, moment)

    def forget(self, session: Appointment, now: datetime) -> None:
        """Of a time that holds no more, nothing is sent from now on."""
        for lead, _since, _to_morning in self.places[session.pk].leads:
            key = Key(session.pk, session.sequence, lead)
            if self.expected.get(key, now) > now:
                del self.expected[key]

    def change(self, session: Appointment, now: datetime) -> None:
        session.refresh_from_db()
        if self.random.random() < 0.4:
            self.forget(session, now)
            cancel_sessions([session], by=None, now=now, practice_initiated=True)
            self.cancelled += 1
            return
        free = self.places[session.pk].free
        there = next((slot for slot in free if now + HOUR < slot[1] < now + 40 * DAY), None)
        if there is None:
            return
        free.remove(there)
        try:
            move_sessions([Move(session, there[0].pk, there[1])], by=None, now=now, practice_initiated=True)
        except BookingError:  # a holiday
            return
        self.forget(session, now)
        session.refresh_from_db()
        self.expect(session, now)
        self.moved += 1


def figures() -> Iterator[Figure]:
    year = Year(Random(6))
    count = early = 0
    for zone in ZONES:
        sessions = _booked(_place(zone, year.random), SESSIONS // len(ZONES) + 1, year)
        changes = _changes(sessions, year.random)
        year.moments += changes
        heapify(year.moments)
        early += _lived(year, changes)
        count += len(sessions)

    rows = Notification.objects.filter(kind=NotificationKind.REMINDER)
    sent = {Key(row.appointment_id, row.sequence, row.lead): row.sent_at for row in rows if row.state == NotificationState.SENT}
    by_night = sum(at_night(moment, _zone(year, key), *year.places[key.session].quiet) for key, moment in sent.items())
    yield Figure("a simulated year: sessions", count, f">= {SESSIONS}")
    yield Figure("a simulated year: moves", year.moved, ">= 400")
    yield Figure("a simulated year: cancellations", year.cancelled, ">= 300")
    yield Figure("a simulated year: reminders", len(sent), ">= 5000")
    yield Figure("a simulated year: not sent", len(year.expected.keys() - sent.keys()), "== 0")
    yield Figure("a simulated year: sent and not expected", len(sent.keys() - year.expected.keys()), "== 0")
    off = sum(sent[key] != moment for key, moment in year.expected.items() if key in sent)
    yield Figure("a simulated year: sent at another minute", off, "== 0")
    yield Figure("a simulated year: there a minute early", early, "== 0")
    yield Figure("a simulated year: in quiet hours", by_night, "== 0")
    late = sum(moment >= year.starts.get(key, FIRST) for key, moment in sent.items())
    yield Figure("a simulated year: at or after the start", late, "== 0")
    yield Figure("a simulated year: made and not sent", len(rows) - len(sent), "== 0")


def _place(zone: str, random: Random) -> Place:
    quiet = random.choice(NIGHTS)
    location = LocationFactory(
        name=zone,
        zone=zone,
        quiet_from=time.fromisoformat(quiet[0]),
        quiet_until=time.fromisoformat(quiet[1]),
    )
    NoticeRule.objects.all().delete()  # one place after the other lives its year
    leads = [(DAY, FIRST - DAY, random.random() < 0.5)]
    if random.random() < 0.5:
        leads.append((3 * DAY, FIRST + random.choice((-1, 150)) * DAY, random.random() < 0.5))
    if random.random() < 0.5:
        leads.append((2 * HOUR, FIRST + random.choice((-1, 200)) * DAY, random.random() < 0.5))
    for lead, since, to_morning in leads:
        NoticeRuleFactory(location=location, lead=lead, since=since, night=Night.LATER if to_morning else Night.EARLIER)
    every_day = [(day, "00:00", "23:50") for day in range(7)]
    people = [TherapistFactory(location=location, name=f"Tess {n}", works=every_day) for n in range(PEOPLE)]
    rooms = [RoomFactory(location=location, name=f"Room {n}") for n in range(PEOPLE)]
    treatment = TreatmentFactory(location=location, by=people, in_rooms=rooms)
    days = [FIRST + day * DAY for day in range(5, DAYS)]
    walls = [day.replace(hour=hour, tzinfo=location.tz) for day in days for hour in range(6, 22)]
    free = [(person, wall.astimezone(UTC)) for wall in random.sample(walls, STARTS) for person in people]
    random.shuffle(free)
    return Place(treatment, quiet, leads, free)


def _changes(sessions: list[Appointment], random: Random) -> dict[datetime, list[Appointment]]:
    """When something is done to a fourth of them: at seven past, so that nothing is due at that very minute."""
    changes: dict[datetime, list[Appointment]] = {}
    for session in random.sample(sessions, len(sessions) // 4):
        at = session.starts_at - random.randrange(1, 6 * 24) * HOUR + 7 * MINUTE
        if session.created_at < at < session.starts_at:
            changes.setdefault(at, []).append(session)
    return changes


def _booked(place: Place, count: int, year: Year) -> list[Appointment]:
    """Sessions booked between an hour and forty days ahead."""
    treatment = place.treatment
    rooms = dict(zip(treatment.therapists.order_by("name"), treatment.rooms.order_by("name"), strict=True))
    zone = treatment.location.zone
    people = [Client(name="Ada Okafor", email=f"{zone.replace('/', '-')}-{n}@example.org") for n in range(count)]
    sessions = []
    for client in Client.objects.bulk_create(people):
        therapist, starts_at = place.free.pop()
        local = starts_at.astimezone(treatment.location.tz)
        sessions.append(
            Appointment(
                client=client,
                therapist=therapist,
                treatment=treatment,
                room=rooms[therapist],
                zone=zone,
                local_date=local.date(),
                local_time=local.time(),
                starts_at=starts_at,
                ends_at=starts_at + treatment.length,
                blocked_from=starts_at,
                blocked_until=starts_at + treatment.length + treatment.turnaround,
                price=treatment.price,
                created_at=starts_at - year.random.randrange(1, 40 * 24) * HOUR,
            )
        )
    for session in Appointment.objects.bulk_create(sessions):
        year.places[session.pk] = place
        year.expect(session, session.created_at)
    return sessions


@override_settings(EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend")
def _lived(year: Year, changes: dict[datetime, list[Appointment]]) -> int:
    """Go from moment to moment; how many reminders there were a minute before they are due, where that was looked at."""
    early = 0
    now = FIRST
    while year.moments:
        before, now = now, heappop(year.moments)
        if now == before:
            continue
        if now in changes:
            for session in changes[now]:
                year.change(session, now)
            continue
        if year.random.random() < 0.1 and now - MINUTE > before:
            early += queue_due(now - MINUTE)
        queue_due(now)
        send_due(now, limit=10_000)
    return early


def _zone(year: Year, key: Key) -> str:
    return year.places[key.session].treatment.location.zone
