"""How long the engine takes, loading included, against merely fetching the busy rows it needs.

The clinic: 20 therapists and as many rooms, Monday to Saturday 9 to 13 and 14 to 18, 60 % booked over 90 days in sessions of
30 and 60 minutes with 10 minutes of turnaround, some leave, starts every 15 minutes. The yardstick is psycopg2 fetching, as
timestamps, the busy rows that the answer depends on, with one indexed query. Both are timed in turn; medians count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from statistics import median
from time import perf_counter
from uuid import UUID, uuid4

from django.db import connection

from booking.engine.recurrence import Course, Phase, Weekly
from booking.models import Appointment
from booking.queries import availability, first_free
from booking.services.series import plan_course
from clients.models import Client
from tests.factories import LocationFactory, RoomFactory, TherapistFactory, TreatmentFactory
from tests.figures import Figure
from tests.rewound import no_triggers
from therapists.models import Therapist, TimeOff, Treatment, WorkingHours

MONDAY = date(2027, 2, 1)
NOW = datetime(2027, 2, 1, 6, 0, tzinfo=UTC)
ROUNDS = 41


def clinic(therapists: int) -> Treatment:
    location = LocationFactory(name=f"Clinic of {therapists}", country="GB", subdivision="ENG")
    rooms = [RoomFactory(location=location, name=f"{n:03}") for n in range(therapists)]
    people = [TherapistFactory(location=location, name=f"T{n:03}") for n in range(therapists)]
    WorkingHours.objects.bulk_create(
        WorkingHours(therapist=person, weekday=weekday, opens=opens, closes=closes)
        for person in people
        for weekday in range(6)
        for opens, closes in ((time(9), time(13)), (time(14), time(18)))
    )
    random = Random(7)
    TimeOff.objects.bulk_create(
        TimeOff(
            therapist=person,
            starts_at=datetime(2027, 2, 1, tzinfo=UTC) + timedelta(days=random.randrange(80)),
            ends_at=datetime(2027, 2, 3, tzinfo=UTC) + timedelta(days=80 + random.randrange(5)),
        )
        for person in people[::7]
    )
    TimeOff.objects.filter(therapist__in=people).update(
        ends_at=datetime(2027, 2, 20, tzinfo=UTC), starts_at=datetime(2027, 2, 15, tzinfo=UTC)
    )
    return TreatmentFactory(
        location=location,
        by=people,
        in_rooms=rooms,
        length=timedelta(minutes=30),
        turnaround=timedelta(minutes=10),
        notice=timedelta(hours=2),
        horizon=timedelta(days=365),
    )


def book(treatment: Treatment, first: date, days: int) -> int:
    """Fill 60 % of the hours of every therapist, each in a room of their own. Returns the number of rows."""
    random = Random(11)
    client = Client.objects.get_or_create(name="Load")[0]
    rooms = list(treatment.rooms.order_by("name"))
    rows = []
    for index, therapist in enumerate(treatment.therapists.order_by("name")):
        for n in range(days):
            day = first + timedelta(days=n)
            if day.weekday() == 6:
                continue
            for begin in (9 * 60, 14 * 60):
                at, left = begin, int(240 * 0.6)
                while left > 0:
                    length = random.choice((30, 60))
                    starts_at = datetime.combine(day, time(0), UTC) + timedelta(minutes=at)
                    rows.append(_row(treatment, therapist, rooms[index].pk, client, starts_at, length))
                    left -= length
                    at += length + 10 + random.choice((0, 5, 10))
    Appointment.objects.bulk_create(rows, batch_size=2000)
    return len(rows)


def _row(treatment: Treatment, therapist: Therapist, room: UUID, client: Client, starts_at: datetime, length: int) -> Appointment:
    ends_at = starts_at + timedelta(minutes=length)
    return Appointment(
        id=uuid4(),
        client=client,
        therapist=therapist,
        treatment=treatment,
        room_id=room,
        status=Appointment.Status.BOOKED,
        zone="Europe/London",
        local_date=starts_at.date(),
        local_time=starts_at.time(),
        starts_at=starts_at,
        ends_at=ends_at,
        blocked_from=starts_at,
        blocked_until=ends_at + timedelta(minutes=10),
        price=1,
    )


YARDSTICK = """
SELECT therapist_id, room_id, blocked_from, blocked_until FROM booking_appointment
WHERE status IN ('held', 'booked', 'confirmed', 'arrived', 'in_session', 'done')
  AND blocked_from >= %s AND blocked_from < %s
"""


def fetch(first: date, days: int) -> Callable[[], int]:
    """The yardstick: the busy rows of these days, as psycopg2 gives them."""
    since = datetime.combine(first, time(0), UTC)
    until = since + timedelta(days=days)

    def run() -> int:
        with connection.connection.cursor() as cursor:
            cursor.execute(YARDSTICK, (since, until))
            return len(cursor.fetchall())

    return run


def timed(*calls: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """The median seconds of each call, taken in turn so that a drift of the machine's speed falls on all alike."""
    for call in calls:
        call()
    took: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, times in zip(calls, took, strict=True):
            began = perf_counter()
            call()
            times.append(perf_counter() - began)
    return [median(times) for times in took]


def search(treatment: Treatment, days: int, therapists: list[UUID] | None = None) -> Callable[[], object]:
    last = MONDAY + timedelta(days=days - 1)
    return lambda: availability(treatment.pk, first=MONDAY, last=last, now=NOW, therapists=therapists)


def settle() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE booking_appointment")


def empty() -> None:
    with no_triggers(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE booking_appointment CASCADE")


def figures() -> Iterator[Figure]:
    treatment = clinic(20)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE booking_appointment DISABLE TRIGGER USER")
        cursor.execute("ALTER TABLE booking_appointment DROP CONSTRAINT client_never_twice")
    book(treatment, MONDAY, 90)
    settle()
    one = [treatment.therapists.order_by("name").first().pk]

    yard, month, day_yard, one_day, one_month, first = timed(
        fetch(MONDAY, 30),
        search(treatment, 30),
        fetch(MONDAY, 1),
        search(treatment, 1, one),
        search(treatment, 30, one),
        lambda: first_free(treatment.pk, now=NOW),
    )
    yield Figure("fetch of the month's busy rows, ms", yard * 1e3, ">= 0")
    yield Figure("month of 20 therapists, ms", month * 1e3, ">= 0")
    yield Figure("month of 20 therapists / fetch of its busy rows", month / yard, "<= 1.5")
    yield Figure("one therapist's day / fetch of that day's busy rows", one_day / day_yard, "<= 3")
    yield Figure("one therapist's month / fetch of that month's busy rows", one_month / yard, "<= 3")
    yield Figure("first free start of anyone / fetch of that day's busy rows", first / day_yard, "<= 3")

    course = Course(date(2027, 2, 9), (Phase(Weekly((1,)), count=12),), (9 * 60,))
    month, plan = timed(search(treatment, 30), lambda: plan_course(course, treatment, now=NOW))
    yield Figure("plan of 12 weekly dates, 20 therapists, ms", plan * 1e3, ">= 0")
    yield Figure("plan of 12 weekly dates, 20 therapists / month search", plan / month, "<= 3")

    day, month = timed(search(treatment, 1), search(treatment, 30))
    yield Figure("growth 1 to 30 days", month / day, "<= 5")

    [before] = timed(search(treatment, 30))
    book(treatment, MONDAY - timedelta(days=900), 810)
    settle()
    before_again, after = timed(search(treatment, 30), search(treatment, 30))
    yield Figure("growth with ten times the history", min(before_again, after) / before, "<= 1.15")

    empty()
    book(treatment, MONDAY, 90)
    settle()
    [small_time] = timed(search(treatment, 30))
    empty()
    large = clinic(200)
    book(large, MONDAY, 90)
    settle()
    [large_time] = timed(search(large, 30))
    yield Figure("growth 20 to 200 therapists", large_time / small_time, "<= 11")
