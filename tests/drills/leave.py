"""A leave saved while somebody books, confirms or answers, many times over: nobody is left with a therapist who is away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from django.db import connections

from booking.enums import AppointmentStatus
from booking.exceptions import BookingError, BreaksSessions
from booking.models import Appointment, BookingRequest, Hold, Notification, Repair
from booking.services.appointments import book_appointment
from booking.services.guard import Choice
from booking.services.holds import book_hold, hold_choices
from booking.services.promises import broken_promises
from booking.services.repairs import accept_repair, change_rules, decline_repair
from tests.factories import ClientFactory, RoomFactory, TherapistFactory, TreatmentFactory
from tests.figures import Figure
from tests.http_crowd import all_at_once, deadlocks
from tests.rewound import forget_sessions
from therapists.models import HolidayOpening, TimeOff

ROUNDS = 500
HOUR = timedelta(hours=1)


class Stage:
    """Two therapists, a client and one day, which each round leaves as it found it."""

    def __init__(self) -> None:
        every_day = [(day, "08:00", "20:00") for day in range(7)]
        self.tess, self.jonas = TherapistFactory(works=every_day), TherapistFactory(works=every_day)
        self.treatment = TreatmentFactory(by=[self.tess, self.jonas], in_rooms=[RoomFactory(), RoomFactory()])
        self.ada = ClientFactory(user__email="ada@leave.example.org")
        self.now = datetime.now(UTC)
        self.starts_at = (self.now + timedelta(days=21)).replace(hour=12, minute=0, second=0, microsecond=0)
        HolidayOpening.objects.create(location=self.treatment.location, opens_on=self.starts_at.date())

    def clear(self) -> None:
        for model in (Notification, Repair):
            model.objects.all().delete()
        forget_sessions()
        for model in (BookingRequest, Hold, TimeOff):
            model.objects.all().delete()

    def book(self) -> Appointment:
        return book_appointment(
            client=self.ada,
            therapist=self.tess,
            treatment=self.treatment,
            starts_at=self.starts_at,
            by=self.ada.user,
            now=self.now,
        )

    def hold(self) -> Hold:
        choice = Choice(self.tess.pk, self.starts_at)
        return hold_choices([choice], owner="a browser", treatment=self.treatment, now=self.now)

    def leave(self) -> None:
        """Tess is away around that time; whatever it breaks is agreed to, as often as that changes."""

        def away() -> TimeOff:
            return TimeOff.objects.create(therapist=self.tess, starts_at=self.starts_at - HOUR, ends_at=self.starts_at + HOUR)

        agreed = ""
        while True:
            try:
                change_rules(away, cause=lambda: "leave", by=None, now=self.now, agreed=agreed)
            except BreaksSessions as refusal:
                agreed = refusal.detail["consequences"].signature
            else:
                return

    def legal(self) -> bool:
        """Nobody is forgotten, and every broken session is in exactly one repair."""
        broken = Appointment.objects.filter(status=AppointmentStatus.BOOKED, therapist=self.tess, starts_at=self.starts_at)
        return not broken_promises(self.now) and Repair.objects.unsettled().count() == broken.count()


def attempt(work: Callable[[], object]) -> Exception | None:
    """What a work was refused with; None if it succeeded."""
    try:
        work()
    except Exception as refusal:  # told apart by the caller: a refusal in words is fine, anything else is a fault
        return refusal
    finally:
        connections.close_all()
    return None


def played(stage: Stage, name: str, scene: Callable[[], list[Callable[[], object]]]) -> Iterator[Figure]:
    faults = illegal = 0
    for _ in range(ROUNDS):
        refused = all_at_once(attempt, scene())
        faults += sum(refusal is not None and not isinstance(refusal, BookingError) for refusal in refused)
        illegal += not stage.legal()
        stage.clear()
    yield Figure(f"{name}: rounds", ROUNDS, ">= 500")
    yield Figure(f"{name}: faults", faults, "== 0")
    yield Figure(f"{name}: ends that are not legal", illegal, "== 0")


def figures() -> Iterator[Figure]:
    stage = Stage()
    before = deadlocks()

    def confirming() -> list[Callable[[], object]]:
        hold = stage.hold()
        return [lambda: book_hold(hold, client=stage.ada, key=uuid4(), by=stage.ada.user, now=stage.now), stage.leave]

    def answering() -> list[Callable[[], object]]:
        stage.book()
        stage.leave()
        repair = Repair.objects.get()
        return [
            lambda: accept_repair(repair, by=None, now=stage.now),
            lambda: accept_repair(repair, by=None, now=stage.now),
            lambda: decline_repair(repair, by=None, now=stage.now),
        ]

    yield from played(stage, "leave saved while a client books", lambda: [stage.book, stage.leave])
    yield from played(stage, "leave saved while a hold is confirmed", confirming)
    yield from played(stage, "a repair accepted twice and cancelled at once", answering)
    yield Figure("leave: deadlocks that PostgreSQL saw", deadlocks() - before, "== 0")
