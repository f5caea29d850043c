"""A feed of 5,000 sessions: how long the server takes for all of it, and for saying that nothing changed.

The yardstick is icalendar writing as many events of its own. All are timed in turn; medians count.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import icalendar
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from booking.enums import FeedShows
from booking.models import Appointment
from booking.services.feeds import give_address
from clients.models import Client
from tests.bench.availability import timed
from tests.factories import RoomFactory, TherapistFactory, TreatmentFactory, UserFactory
from tests.figures import Figure
from therapists.models import Therapist

SESSIONS = 5_000
ROUNDS = 7


def full_calendar(now: datetime) -> Therapist:
    """One half hour after the other, on both sides of clock changes, each of another client."""
    therapist = TherapistFactory(user=UserFactory(email="full@example.org"))
    treatment = TreatmentFactory(by=[therapist], turnaround=timedelta(0))
    rooms = [RoomFactory(name=f"Room {n}") for n in range(8)]
    clients = Client.objects.bulk_create(Client(name=f"Given{n} Family{n}", email=f"c{n}@example.org") for n in range(SESSIONS))
    starts = [now + timedelta(minutes=30 * (n + 1)) for n in range(SESSIONS)]
    zone = treatment.location.tz
    Appointment.objects.bulk_create(
        Appointment(
            client=clients[n],
            therapist=therapist,
            treatment=treatment,
            room=rooms[n % 8],
            starts_at=at,
            ends_at=at + treatment.length,
            blocked_from=at,
            blocked_until=at + treatment.length,
            zone=zone.key,
            local_date=at.astimezone(zone).date(),
            local_time=at.astimezone(zone).time(),
            price=treatment.price,
        )
        for n, at in enumerate(starts)
    )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE booking_appointment")
    return therapist


def written_by_icalendar() -> bytes:
    start, length = datetime(2027, 3, 9, 9, tzinfo=ZoneInfo("Europe/London")), timedelta(minutes=30)
    file = icalendar.Calendar()
    for n in range(SESSIONS):
        event = icalendar.Event()
        for name, value in (("uid", f"{n}@localhost"), ("dtstamp", start), ("dtstart", start), ("duration", length)):
            event.add(name, value)
        for name, value in (("summary", "A. L."), ("location", "Elm"), ("status", "CONFIRMED"), ("sequence", 0)):
            event.add(name, value)
        file.add_component(event)
    return bytes(file.to_ical())


def figures() -> Iterator[Figure]:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    address = reverse("booking:feed", args=[give_address(full_calendar(now), shows=FeedShows.INITIALS, now=now)])
    browser = Browser()
    answer = browser.get(address)
    assert answer.content.count(b"BEGIN:VEVENT") == SESSIONS

    yardstick, whole, unchanged = timed(
        written_by_icalendar,
        lambda: browser.get(address),
        lambda: browser.get(address, headers={"if-none-match": answer["ETag"]}),
        rounds=ROUNDS,
    )
    yield Figure("feed of 5,000 sessions, ms", whole * 1e3, ">= 0")
    yield Figure("feed of 5,000 sessions, unchanged, ms", unchanged * 1e3, ">= 0")
    yield Figure("feed of 5,000 sessions / icalendar writing as many", whole / yardstick, "<= 0.35")
    yield Figure("feed of 5,000 sessions, unchanged / icalendar writing them", unchanged / yardstick, "<= 0.2")
