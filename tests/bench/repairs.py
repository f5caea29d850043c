"""How long it takes to see what a change of the rules breaks, and to plan and hold a replacement for all of it.

The clinic of ``availability``: 20 therapists and as many rooms, 60 % booked over 90 days. Five therapists fall ill on a day on
which they have 8 sessions each, of 40 clients with a series each. The dry run goes through everything a save does (locks,
rules, finding, 40 plans, holds, repairs and notices) and rolls it back. The yardstick is the month search of one visitor,
measured in turn with it: one client's share (a plan over a fortnight, its hold and its notice) is allowed six of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

from django.db import connection

from booking.models import Appointment, Series
from booking.services.promises import broken_promises
from booking.services.repairs import Consequences, foresee
from clients.models import Client
from tests.bench.availability import MONDAY, NOW, book, clinic, search, settle, timed
from tests.figures import Figure
from therapists.models import TimeOff, Treatment

SESSIONS = 40
ILL = 5
DAY = timedelta(days=1)


def series_of_forty(treatment: Treatment) -> None:
    """Give the sessions of the first therapists on the second Tuesday to 40 clients, each with a series of three."""
    day = datetime.combine(MONDAY + 8 * DAY, time(0), UTC)
    ill = list(treatment.therapists.order_by("name")[:ILL])
    for therapist in ill:
        Appointment.objects.filter(therapist=therapist, starts_at__gte=day, starts_at__lt=day + DAY).delete()
    length, footprint = timedelta(minutes=30), timedelta(minutes=40)
    clients = [Client.objects.create(name=f"C{n:02}", email=f"c{n}@example.org") for n in range(SESSIONS)]
    rooms = list(treatment.rooms.order_by("name"))
    rows = []
    for n, client in enumerate(clients):
        series = Series.objects.create(client=client, treatment=treatment, course={})
        hour = (9, 10, 11, 12, 14, 15, 16, 17)[n // ILL]
        starts_at = day + timedelta(hours=hour)
        rows.append(
            Appointment(
                client=client,
                therapist=ill[n % ILL],
                treatment=treatment,
                room=rooms[n % ILL],
                series=series,
                position=2,
                zone="Europe/London",
                local_date=starts_at.date(),
                local_time=starts_at.time(),
                starts_at=starts_at,
                ends_at=starts_at + length,
                blocked_from=starts_at,
                blocked_until=starts_at + footprint,
                price=1,
            )
        )
    Appointment.objects.bulk_create(rows)


def fall_ill(treatment: Treatment) -> Consequences:
    day = datetime.combine(MONDAY + 8 * DAY, time(0), UTC)

    def change() -> None:
        TimeOff.objects.bulk_create(
            TimeOff(therapist=therapist, starts_at=day, ends_at=day + DAY)
            for therapist in treatment.therapists.order_by("name")[:ILL]
        )

    return foresee(change, now=NOW)


def figures() -> Iterator[Figure]:
    treatment = clinic(20)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE booking_appointment DROP CONSTRAINT client_never_twice")
    book(treatment, MONDAY, 90)
    series_of_forty(treatment)
    settle()
    found = fall_ill(treatment)
    assert len(found.dates) == SESSIONS
    assert len(found.proposals) == SESSIONS

    month = search(treatment, 30)  # called once unmeasured, as a dry run leaves no rules in memory
    plan, _reading, month_took, check = timed(lambda: fall_ill(treatment), month, month, lambda: broken_promises(NOW))
    yield Figure("repair plan of 40 sessions, 20 therapists, ms", plan * 1e3, "<= 1000")
    yield Figure("repair plan of one of 40 clients / month search", plan / SESSIONS / month_took, "<= 6")
    yield Figure("nightly check of 90 days, 20 therapists, ms", check * 1e3, ">= 0")
    yield Figure("replaced of 40 sessions", sum(each.starts_at is not None for each in found.dates), ">= 38")
