"""Every workflow takes its locks in the same order, so that a crowd queues and none waits for another in a circle."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from threading import Thread
from time import monotonic
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.db.models import QuerySet

from booking.enums import HoldState
from booking.exceptions import BookingError
from booking.models import Appointment, FreedTime, Hold, Repair
from booking.services.changes import UNDO_LASTS, cancel_sessions, undo_change
from booking.services.guard import Choice
from booking.services.holds import book_hold, hold_choices, release_expired
from booking.services.repairs import change_rules, decline_repair, foresee
from booking.services.waitlist import decline_offer, offer_freed, wish
from clients.models import Client
from tests.booking.conftest import NINE
from therapists.models import TimeOff

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def claimed(rows: QuerySet) -> bool:
    """Whether somebody else has a lock on one of these rows."""
    try:
        with transaction.atomic():
            list(rows.select_for_update(nowait=True))
    except OperationalError:
        return True
    return False


def while_locked(first: QuerySet, workflow: Callable[[], object], then: QuerySet) -> bool:
    """Lock ``first``, let ``workflow`` run into that lock, and say whether it has claimed ``then`` already."""

    def run() -> None:
        try:
            workflow()
        except BookingError:
            pass
        finally:
            connections.close_all()

    thread = Thread(target=run)
    with transaction.atomic():
        list(first.select_for_update())
        thread.start()
        _until_somebody_waits(thread)
        answer = claimed(then)
    thread.join(timeout=30)
    assert not thread.is_alive()
    return answer


def _until_somebody_waits(thread: Thread) -> None:
    """For us, that is: tests of another worker wait for locks in the same server."""
    ends = monotonic() + 20
    with connection.cursor() as cursor:
        while monotonic() < ends:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))")
            if cursor.fetchone()[0]:
                return
            assert thread.is_alive(), "it never asked for the lock"
    raise AssertionError("it never waited")


def held(practice, now, **more):
    choice = Choice(practice.tess.pk, NINE)
    return hold_choices([choice], owner="a browser", treatment=practice.treatment, now=now, **more)


def test_confirming_asks_for_the_client_before_the_hold(practice, now):
    hold = held(practice, now)

    ada = Client.objects.filter(pk=practice.ada.pk)
    confirm = partial(book_hold, hold, client=practice.ada, key=uuid4(), by=practice.ada.user, now=now)

    assert not while_locked(ada, confirm, then=Hold.objects.filter(pk=hold.pk))


def test_undoing_asks_for_the_freed_time_before_the_client(book, practice, now):
    change = cancel_sessions([book()], by=practice.ada.user, now=now, undo_for=UNDO_LASTS)

    undo = partial(undo_change, change, by=practice.ada.user, now=now)

    assert not while_locked(FreedTime.objects.all(), undo, then=Client.objects.filter(pk=practice.ada.pk))


def test_declining_a_repair_asks_for_the_client_before_the_repair(book, practice, now):
    book()

    def away():
        return TimeOff.objects.create(therapist=practice.tess, starts_at=NINE, ends_at=NINE + timedelta(hours=8))

    change_rules(away, cause=lambda: "leave", by=practice.finn, now=now, agreed=foresee(away, now=now).signature)
    repair = Repair.objects.get()

    decline = partial(decline_repair, repair, by=practice.ada.user, now=now)

    assert not while_locked(Client.objects.filter(pk=practice.ada.pk), decline, then=Repair.objects.filter(pk=repair.pk))


def test_letting_go_asks_for_the_hold_before_its_slots(book, practice, now):
    wish(client=practice.bo, treatment=practice.treatment, by=None, now=now, earliest_on=NINE.date(), latest_on=NINE.date())
    cancel_sessions([book()], by=practice.finn, now=now)
    offer_freed(now)
    offer = practice.bo.offers.get()

    decline = partial(decline_offer, offer, by=None, now=now)

    slots = Appointment.objects.filter(hold=offer.hold_id)
    assert not while_locked(Hold.objects.filter(pk=offer.hold_id), decline, then=slots)


def test_sweeping_expired_slots_waits_for_nobody(practice, now):
    hold = held(practice, now)
    swept = []

    def sweep():
        swept.append(release_expired(now + timedelta(minutes=11)))
        connections.close_all()

    thread = Thread(target=sweep)
    with transaction.atomic():
        Hold.objects.select_for_update().get(pk=hold.pk)
        thread.start()
        thread.join(timeout=20)
        assert not thread.is_alive()

    assert swept == [1]
    release_expired(now + timedelta(minutes=11))
    hold.refresh_from_db()
    assert hold.state == HoldState.RELEASED
