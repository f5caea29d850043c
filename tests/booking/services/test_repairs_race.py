"""Leave saved while a client books: the booking is refused, or it is in a repair. Nothing hangs, nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from django.db import connections

from booking.enums import AppointmentStatus, RepairState
from booking.exceptions import BookingError, BreaksSessions
from booking.models import Appointment, Repair
from booking.services.appointments import book_appointment
from booking.services.guard import Choice
from booking.services.holds import book_hold, hold_choices
from booking.services.promises import broken_promises
from booking.services.repairs import accept_repair, change_rules, decline_repair, foresee, lapse_repairs
from tests.booking.conftest import NINE
from therapists.models import TimeOff

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Do all of these at the same moment, each in a thread; what each returned or how it was refused."""
    barrier = Barrier(len(calls))
    said: list[object] = [None] * len(calls)

    def run(place: int, call: Callable[[], object]) -> None:
        try:
            barrier.wait(timeout=10)
            said[place] = call()
        except BookingError as refusal:
            said[place] = refusal
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads)
    return said


def leave(practice, now):
    """Save Tess's leave, agreeing to whatever it breaks, as often as that changes meanwhile."""

    def away():
        return TimeOff.objects.create(therapist=practice.tess, starts_at=NINE, ends_at=NINE + timedelta(hours=8))

    agreed = ""
    while True:
        try:
            return change_rules(away, cause=lambda: "leave", by=practice.finn, now=now, agreed=agreed)
        except BreaksSessions as refusal:
            agreed = refusal.detail["consequences"].signature


def seen_to(now):
    """No session stands with somebody who is away without a repair, and no repair is without a session."""
    assert broken_promises(now) == {}
    broken = Appointment.objects.filter(status=AppointmentStatus.BOOKED, starts_at=NINE)
    assert Repair.objects.unsettled().count() == broken.count()


@pytest.mark.parametrize("round_", range(5))
def test_a_booking_beside_a_leave_is_refused_or_repaired(practice, now, round_):
    def book():
        return book_appointment(
            client=practice.ada,
            therapist=practice.tess,
            treatment=practice.treatment,
            starts_at=NINE,
            by=practice.finn,
            now=now,
        )

    booked, _saved = at_once(book, lambda: leave(practice, now))

    assert Appointment.objects.filter(status=AppointmentStatus.BOOKED).exists() == isinstance(booked, Appointment)
    seen_to(now)


@pytest.mark.parametrize("round_", range(5))
def test_a_hold_confirmed_beside_a_leave_is_refused_or_repaired(practice, now, round_):
    hold = hold_choices([Choice(practice.tess.pk, NINE)], owner="a browser", treatment=practice.treatment, now=now)

    at_once(
        lambda: book_hold(hold, client=practice.ada, key=uuid4(), by=practice.ada.user, now=now),
        lambda: leave(practice, now),
    )

    seen_to(now)
    hold.refresh_from_db()
    assert hold.state in ("booked", "released")


@pytest.mark.parametrize("round_", range(5))
def test_a_hold_replaced_beside_a_leave_does_not_lock_up(practice, now, round_):
    hold = hold_choices([Choice(practice.tess.pk, NINE)], owner="a browser", treatment=practice.treatment, now=now)
    later = Choice(practice.tess.pk, NINE + timedelta(hours=1))

    at_once(
        lambda: hold_choices([later], owner="a browser", treatment=practice.treatment, now=now, replacing=hold),
        lambda: leave(practice, now),
    )

    assert not Appointment.objects.filter(status=AppointmentStatus.HELD, therapist=practice.tess).exists()


@pytest.mark.parametrize("round_", range(5))
def test_accepting_cancelling_lapsing_and_a_second_leave_at_the_same_moment_end_in_one_answer(practice, now, round_):
    book_appointment(
        client=practice.ada, therapist=practice.tess, treatment=practice.treatment, starts_at=NINE, by=practice.finn, now=now
    )
    leave(practice, now)
    repair = Repair.objects.get()
    starts_at = repair.replacements.get().starts_at

    def shut_out_the_replacement():
        def away():
            return TimeOff.objects.create(therapist=practice.tess, starts_at=starts_at, ends_at=starts_at + timedelta(hours=1))

        return change_rules(away, cause=lambda: "x", by=None, now=now, agreed=foresee(away, now=now).signature)

    at_once(
        lambda: accept_repair(repair, by=practice.ada.user, now=now),
        lambda: decline_repair(repair, by=practice.ada.user, now=now),
        lambda: lapse_repairs(now),
        shut_out_the_replacement,
    )

    repair.refresh_from_db()
    session = Appointment.objects.exclude(status=AppointmentStatus.HELD).get()
    if repair.state == RepairState.CANCELLED:
        assert session.status == AppointmentStatus.CANCELLED
    assert broken_promises(now) == {}
    unsettled = Repair.objects.unsettled().count()
    assert unsettled <= 1
