"""A crowd that wants the same times, over real HTTP: one wins, the others are told so politely, nothing locks up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import uuid4

from booking.models import Appointment, Hold
from tests.factories import RoomFactory, TherapistFactory, TreatmentFactory
from tests.figures import Figure
from tests.http_crowd import Answer, all_at_once, deadlocks, overlaps, percentile, request, signed_in, web
from tests.rewound import forget_sessions
from therapists.models import Therapist, Treatment

CROWD = 200


def practice() -> tuple[Treatment, list[Therapist], date]:
    """Five therapists who work every day, rooms for all, and a Tuesday in about three weeks."""
    every_day = [(day, "08:00", "20:00") for day in range(7)]
    people = [TherapistFactory(name=f"Therapist {n}", works=every_day) for n in range(5)]
    rooms = [RoomFactory(name=f"Room {n}") for n in range(5)]
    treatment = TreatmentFactory(by=people, in_rooms=rooms, step=timedelta(minutes=15), horizon=timedelta(days=200))
    today = datetime.now(UTC).date()
    return treatment, people, today + timedelta(days=21 + (1 - today.weekday()) % 7)


def times(treatment: Treatment, therapist: Therapist, day: date, **more: object) -> str:
    facts = {"treatment": treatment.pk, "therapist": therapist.pk, "day": day} | more
    return "/book/times/?" + "&".join(f"{key}={value}" for key, value in facts.items())


def book(port: int, session: str, page: str, start: str) -> list[Answer]:
    """Hold, and confirm what was held."""
    held = request(port, "POST", page, session=session, form={"start": start})
    if held.status != 302:
        return [held]
    you = held.location.replace("/plan/", "/you/")
    return [held, request(port, "POST", you, session=session, form={"key": uuid4(), "agree": "on"})]


def figures() -> Iterator[Figure]:
    treatment, people, day = practice()
    crowd = signed_in(CROWD)
    before = deadlocks()
    with web() as port:
        request(port, "GET", times(treatment, people[0], day))

        page, start = times(treatment, people[0], day), f"{people[0].pk}/540"
        answers = all_at_once(lambda one: book(port, one[1], page, start), crowd)
        everyone = [answer for answered in answers for answer in answered]
        yield Figure("200 on one start: sessions booked", _booked(), "== 1")
        yield Figure("200 on one start: polite refusals (409)", sum(a.status == 409 for a in everyone), "== 199")
        yield Figure("200 on one start: server errors", sum(a.status >= 500 for a in everyone), "== 0")
        yield Figure("200 on one start: p99, seconds", percentile([a.seconds for a in everyone], 0.99), "<= 4")

        random = Random(3)
        wishes = [(session, random.choice(people), 600 + 15 * random.randrange(16)) for _client, session in crowd]
        answers = all_at_once(lambda wish: book(port, wish[0], times(treatment, wish[1], day), f"{wish[1].pk}/{wish[2]}"), wishes)
        everyone = [answer for answered in answers for answer in answered]
        won = sum(len(answered) == 2 and answered[1].status == 302 for answered in answers)
        yield Figure("200 on overlapping starts of 5 therapists: won", won, ">= 20")
        yield Figure("200 on overlapping starts: sessions booked beyond those", _booked() - 1 - won, "== 0")
        yield Figure("200 on overlapping starts: overlaps", overlaps(), "== 0")
        yield Figure("200 on overlapping starts: server errors", sum(a.status >= 500 for a in everyone), "== 0")
        yield Figure(
            "200 on overlapping starts: p99 of one request, seconds", percentile([a.seconds for a in everyone], 0.99), "<= 2"
        )

        forget_sessions()
        Hold.objects.all().delete()
        later = day + timedelta(weeks=2)
        planners = [(session, times(treatment, people[1], later, rhythm="weekly", count=12)) for _c, session in crowd[:4]]
        singles = [
            (session, times(treatment, people[1], later + timedelta(weeks=n % 12))) for n, (_c, session) in enumerate(crowd[4:28])
        ]
        answers = all_at_once(lambda wish: book(port, wish[0], wish[1], f"{people[1].pk}/540"), [*planners, *singles])
        whole = [hold.size == hold.appointments.count() for hold in Hold.objects.filter(state="booked")]
        yield Figure("12-week plans racing single bookings: bookings", len(whole), ">= 1")
        yield Figure("12-week plans racing single bookings: not whole", whole.count(False), "== 0")
        yield Figure("12-week plans racing single bookings: overlaps", overlaps(), "== 0")
        yield Figure(
            "12-week plans racing single bookings: server errors",
            sum(a.status >= 500 for answered in answers for a in answered),
            "== 0",
        )
    yield Figure("deadlocks that PostgreSQL saw", deadlocks() - before, "== 0")


def _booked() -> int:
    return Appointment.objects.filter(status="booked").count()
