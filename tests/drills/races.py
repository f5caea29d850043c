"""Two people at the same moment, many times over: whatever the order, no overlap, no lost session, a legal end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from uuid import uuid4

from django.db import connections

from booking.enums import AppointmentStatus
from booking.exceptions import BookingError
from booking.models import Appointment, Change, Offer
from booking.services.appointments import book_appointment
from booking.services.changes import Move, cancel_sessions, move_sessions
from booking.services.waitlist import accept_offer, offer_freed, wish
from clients.models import Client
from tests.factories import ClientFactory, RoomFactory, TherapistFactory, TreatmentFactory
from tests.figures import Figure
from tests.http_crowd import all_at_once, deadlocks, overlaps
from therapists.models import HolidayOpening

ROUNDS = 500
HOUR = timedelta(hours=1)
KEPT = (AppointmentStatus.BOOKED,)
GONE = (AppointmentStatus.CANCELLED,)


class Stage:
    """One therapist, one room, two clients and one day, which each round leaves as it found it."""

    def __init__(self) -> None:
        every_day = [(day, "08:00", "20:00") for day in range(7)]
        self.tess = TherapistFactory(name="Tess of the races", works=every_day)
        self.treatment = TreatmentFactory(
            by=[self.tess], in_rooms=[RoomFactory(name="Room of the races")], horizon=timedelta(days=60), notice=HOUR
        )
        self.ada, self.bo = ClientFactory(user__email="ada@races.example.org"), ClientFactory(user__email="bo@races.example.org")
        # by day, when offers are made
        self.now = datetime.combine(datetime.now(UTC).date() + timedelta(days=1), time(10), UTC)
        self.location = self.treatment.location
        self.location.moves_allowed = None
        self.location.save()
        self.day = self.now.date() + timedelta(days=21)
        HolidayOpening.objects.create(location=self.location, opens_on=self.day)

    def at(self, hour: int) -> datetime:
        return datetime.combine(self.day, time(hour), self.location.tz).astimezone(UTC)

    def book(self, client: Client, hour: int) -> Appointment:
        return book_appointment(
            client=client,
            therapist=self.tess,
            treatment=self.treatment,
            starts_at=self.at(hour),
            by=client.user,
            now=self.now,
        )


def attempt(work: Callable[[], object]) -> Exception | None:
    """What a work was refused with; None if it succeeded."""
    try:
        work()
    except Exception as refusal:  # told apart by the caller: a refusal in words is fine, anything else is a fault
        return refusal
    finally:
        connections.close_all()
    return None


def together(*works: Callable[[], object]) -> list[Exception | None]:
    return all_at_once(attempt, works)


def played(name: str, round_of: Callable[[], tuple[list[Exception | None], bool]]) -> Iterator[Figure]:
    """Play all rounds; ``round_of`` says what was refused and whether the end was legal."""
    faults = illegal = 0
    for _ in range(ROUNDS):
        refused, legal = round_of()
        faults += sum(refusal is not None and not isinstance(refusal, BookingError) for refusal in refused)
        illegal += not legal
    yield Figure(f"{name}: rounds", ROUNDS, ">= 500")
    yield Figure(f"{name}: faults", faults, "== 0")
    yield Figure(f"{name}: ends that are not legal", illegal, "== 0")


def figures() -> Iterator[Figure]:
    stage = Stage()
    before = deadlocks()
    yield from played("two sessions change places at once", lambda: swap(stage))
    yield from played("cancelled while it is moved", lambda: cancel_while_moving(stage))
    yield from played("the same press twice at once", lambda: pressed_twice(stage))
    yield from played("an offer accepted twice at once", lambda: accepted_twice(stage))
    yield Figure("races: overlaps", overlaps(), "== 0")
    yield Figure("races: deadlocks that PostgreSQL saw", deadlocks() - before, "== 0")


def swap(stage: Stage) -> tuple[list[Exception | None], bool]:
    """Ada goes from nine to eleven while Bo goes from eleven to nine; each wants what the other still has."""
    nine, eleven = stage.book(stage.ada, 9), stage.book(stage.bo, 11)
    refused = together(
        lambda: move_sessions([Move(nine, stage.tess.pk, eleven.starts_at)], by=stage.ada.user, now=stage.now),
        lambda: move_sessions([Move(eleven, stage.tess.pk, nine.starts_at)], by=stage.bo.user, now=stage.now),
    )
    rows = Appointment.objects.filter(pk__in=(nine.pk, eleven.pk), status__in=KEPT)
    starts = {row.starts_at for row in rows}
    legal = len(rows) == 2 and len(starts) == 2 and starts <= {nine.starts_at, eleven.starts_at}
    for row in rows:
        cancel_sessions([row], by=row.client.user, now=stage.now)
    return refused, legal


def cancel_while_moving(stage: Stage) -> tuple[list[Exception | None], bool]:
    session = stage.book(stage.ada, 9)
    refused = together(
        lambda: move_sessions([Move(session, stage.tess.pk, session.starts_at + HOUR)], by=stage.ada.user, now=stage.now),
        lambda: cancel_sessions([session], by=stage.ada.user, now=stage.now),
    )
    end = Appointment.objects.get(pk=session.pk)
    legal = end.status in GONE and refused[1] is None and end.sequence == 2 - (refused[0] is not None)
    return refused, legal


def pressed_twice(stage: Stage) -> tuple[list[Exception | None], bool]:
    session, key = stage.book(stage.ada, 9), uuid4()

    def press() -> None:
        cancel_sessions([session], by=stage.ada.user, now=stage.now, key=key)

    refused = together(press, press)
    return refused, refused == [None, None] and Change.objects.filter(key=key).count() == 1


def accepted_twice(stage: Stage) -> tuple[list[Exception | None], bool]:
    """Ada cancels, Bo waits for that day and is offered her time, and takes it in two tabs."""
    given_up = stage.book(stage.ada, 9)
    waiting = wish(
        client=stage.bo, treatment=stage.treatment, earliest_on=stage.day, latest_on=stage.day, by=stage.bo.user, now=stage.now
    )
    cancel_sessions([given_up], by=stage.ada.user, now=stage.now)
    offer_freed(stage.now)
    offer = Offer.objects.get(entry=waiting)

    def accept() -> None:
        accept_offer(offer, by=stage.bo.user, now=stage.now)

    refused = together(accept, accept)
    taken = list(Appointment.objects.filter(client=stage.bo, status__in=KEPT))
    legal = refused == [None, None] and [each.starts_at for each in taken] == [given_up.starts_at]
    cancel_sessions(taken, by=stage.bo.user, now=stage.now)
    return refused, legal
