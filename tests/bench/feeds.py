"""A feed of 5,000 sessions: how long the server takes for all of it, and for saying that nothing changed.

The yardstick is psycopg2 fetching the facts that the file is made of, with one indexed query, in the same run.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from booking.enums import FeedShows
from booking.models import Appointment
from booking.services.feeds import give_address
from clients.models import Client
from tests.factories import RoomFactory, TherapistFactory, TreatmentFactory, UserFactory
from tests.figures import Figure
from therapists.models import Therapist

SESSIONS = 5_000
ROUNDS = 15

FACTS = """
    SELECT a.id, a.local_date, a.local_time, a.zone, a.starts_at, a.ends_at, c.name, r.name, a.sequence, a.status
    FROM booking_appointment a JOIN clients_client c ON c.id = a.client_id LEFT JOIN therapists_room r ON r.id = a.room_id
    WHERE a.therapist_id = %s
"""


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


def timed(call: Callable[[], Any]) -> float:
    """The seconds of a call at its quickest, after one that does not count: what the machine does besides is no matter."""
    call()
    took = []
    for _ in range(ROUNDS):
        began = perf_counter()
        call()
        took.append(perf_counter() - began)
    return min(took)


def figures() -> Any:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    therapist = full_calendar(now)
    address = reverse("booking:feed", args=[give_address(therapist, shows=FeedShows.INITIALS, now=now)])
    browser = Browser()

    def fetch() -> None:
        with connection.cursor() as cursor:
            cursor.execute(FACTS, (therapist.pk,))
            assert len(cursor.fetchall()) == SESSIONS

    answer = browser.get(address)
    assert answer.content.count(b"BEGIN:VEVENT") == SESSIONS
    yardstick = timed(fetch)
    whole = timed(lambda: browser.get(address))
    unchanged = timed(lambda: browser.get(address, headers={"if-none-match": answer["ETag"]}))
    yield Figure("fetch of the facts of 5,000 sessions, ms", yardstick * 1e3, ">= 0")
    yield Figure("feed of 5,000 sessions, ms", whole * 1e3, "<= 300")
    yield Figure("feed of 5,000 sessions / fetch of its facts", whole / yardstick, "<= 12")
    yield Figure("feed of 5,000 sessions, unchanged / fetch of its facts", unchanged / yardstick, "<= 8")
