"""How fast sessions are booked over HTTP, against a bare view that only inserts the constrained row.

Both run on the same server, asked by the same four clients in turn. Booking takes the locks, turns a hold into the
appointment, writes history, audit, consent and notice, and answers with a redirect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from statistics import median
from threading import Thread
from time import perf_counter
from uuid import uuid4

from django.db import connection

from booking.models import Appointment, Hold
from booking.services.guard import Choice
from booking.services.holds import hold_choices
from clients.services import record_booking_consent
from tests.factories import AppointmentFactory, RoomFactory, TherapistFactory, TreatmentFactory
from tests.figures import Figure
from tests.http_crowd import request, signed_in, web

CLIENTS = 4
BATCH = 40
BATCHES = 6


def figures() -> Iterator[Figure]:
    now = datetime.now(UTC)
    day = (now + timedelta(days=21)).date()
    every_day = [(weekday, "06:00", "22:00") for weekday in range(7)]
    therapists = [TherapistFactory(name=f"Therapist {n}", works=every_day) for n in range(10)]
    treatment = TreatmentFactory(
        by=therapists, in_rooms=[RoomFactory(name=f"Room {n}") for n in range(10)], horizon=timedelta(days=200)
    )
    opens = datetime.combine(day, time(8), treatment.location.tz)
    crowd = signed_in(BATCH * BATCHES)
    holds: list[tuple[str, Hold]] = []
    for number, (client, session) in enumerate(crowd):
        record_booking_consent(client, by=client.user, now=now)
        starts_at = opens + timedelta(days=number // 100, minutes=45 * (number // 10 % 10))
        choice = Choice(therapists[number % 10].pk, starts_at.astimezone(UTC))
        owner = f"crowd-{client.pk}"
        holds.append((session, hold_choices([choice], owner=owner, treatment=treatment, now=now, client=client)))
    template = AppointmentFactory(treatment=treatment)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bare_template AS SELECT * FROM booking_appointment WHERE id = %s", [template.pk])
        cursor.execute("CREATE TABLE bare_appointment (LIKE booking_appointment INCLUDING ALL)")
        cursor.execute("ALTER TABLE bare_appointment DROP CONSTRAINT bare_appointment_pkey")

    def book(number: int) -> int:
        session, hold = holds[number]
        return request(port, "POST", f"/book/you/{hold.pk}/", session=session, form={"key": uuid4()}).status

    def insert(number: int) -> int:
        session, _hold = holds[number]
        shift = timedelta(hours=number)
        return request(
            port, "POST", "/bare/", session=session, form={"template": template.pk, "hours": int(shift.total_seconds() // 3600)}
        ).status

    with web() as port:
        request(port, "GET", "/book/")
        rates: dict[str, list[float]] = {"book": [], "insert": []}
        for batch in range(BATCHES):
            numbers = list(range(batch * BATCH, (batch + 1) * BATCH))
            rates["insert"].append(_rate(insert, numbers, 200))
            rates["book"].append(_rate(book, numbers, 302))
    booked, bare = median(rates["book"]), median(rates["insert"])
    assert Appointment.objects.filter(status="booked").count() == BATCH * BATCHES + 1
    yield Figure("sessions booked over HTTP, a second", booked, ">= 0")
    yield Figure("bare inserts over HTTP, a second", bare, ">= 0")
    yield Figure("booking rate / bare insert rate", booked / bare, ">= 0.3")


def _rate(work: Callable[[int], int], numbers: list[int], expected: int) -> float:
    """Requests a second of several clients that share the numbers; every answer must be as expected."""
    answers: list[int] = []

    def run(own: list[int]) -> None:
        answers.extend(work(number) for number in own)

    threads = [Thread(target=run, args=(numbers[n::CLIENTS],)) for n in range(CLIENTS)]
    began = perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = perf_counter() - began
    assert set(answers) == {expected}, answers
    return len(numbers) / took
