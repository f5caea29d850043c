"""Moving, cancelling and undoing: one action, one transaction, one notice."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection

from booking.enums import AppointmentStatus, NotificationKind, Scope
from booking.exceptions import CannotChange, SlotTaken, UndoOver
from booking.models import Appointment, Change, FreedTime, Notification
from booking.notifications.delivery import send_due
from booking.services.changes import UNDO_LASTS, Move, cancel_sessions, move_sessions, sessions_in, undo_booking, undo_change
from tests.booking.conftest import NINE

pytestmark = pytest.mark.integration

WEEK = timedelta(weeks=1)


def later(appointments, by):
    return [Move(each, each.therapist_id, each.starts_at + by) for each in appointments]


@pytest.mark.parametrize(
    ("scope", "gone"),
    [
        pytest.param(Scope.ONE, [3], id="only this one"),
        pytest.param(Scope.FOLLOWING, [3, 4, 5], id="this and the following"),
        pytest.param(Scope.ALL, [1, 2, 3, 4, 5], id="all"),
    ],
)
def test_a_cancellation_takes_exactly_the_dates_of_its_scope(book_series, now, scope, gone):
    booked = book_series(count=5)
    third = booked.appointments[2]

    cancel_sessions(sessions_in(third, scope, now=now), by=booked.request.client.user, now=now)

    cancelled = booked.series.appointments.filter(status=AppointmentStatus.CANCELLED)
    assert sorted(cancelled.values_list("position", flat=True)) == gone
    assert Notification.objects.filter(kind=NotificationKind.CANCELLED).count() == 1


def test_a_series_can_move_onto_its_own_dates(book_series, practice, now):
    booked = book_series(count=4)

    move_sessions(later(booked.appointments, WEEK), by=practice.ada.user, now=now)

    starts = [each.starts_at for each in booked.series.appointments.order_by("position")]
    assert [each.astimezone(NINE.tzinfo).date() for each in starts] == [(NINE + n * WEEK).date() for n in range(1, 5)]


def test_undoing_in_time_puts_everything_back_and_nobody_is_told(book, practice, now, mailoutbox):
    appointment = book()
    send_due(now)
    change = cancel_sessions([appointment], by=practice.ada.user, now=now, undo_for=UNDO_LASTS)
    with pytest.raises(SlotTaken):
        book(client=practice.bo)

    undo_change(change, by=practice.ada.user, now=now + timedelta(minutes=2))
    send_due(now + timedelta(minutes=5))

    appointment.refresh_from_db()
    assert (appointment.status, appointment.starts_at) == (AppointmentStatus.BOOKED, NINE)
    assert not FreedTime.objects.exists()
    assert [message.subject for message in mailoutbox] == ["Booked: Tuesday 9 March at 9:00"]


def test_after_three_minutes_the_time_is_free_and_the_notice_leaves(book, practice, now, mailoutbox):
    appointment = book()
    send_due(now)
    change = cancel_sessions([appointment], by=practice.ada.user, now=now, undo_for=UNDO_LASTS)
    assert send_due(now + timedelta(minutes=2)) == 0

    after = now + UNDO_LASTS
    with pytest.raises(UndoOver):
        undo_change(change, by=practice.ada.user, now=after)

    assert send_due(after) == 1
    assert book(client=practice.bo, now=after).starts_at == NINE


def test_a_booking_undone_in_time_sends_nothing_at_all(book_series, practice, now, mailoutbox):
    booked = book_series(count=3, undo_for=UNDO_LASTS)
    assert send_due(now + timedelta(minutes=2)) == 0

    for _ in range(2):
        undo_booking(booked.request, by=practice.ada.user, now=now + timedelta(minutes=2))
    send_due(now + timedelta(minutes=10))

    assert {each.status for each in booked.series.appointments.all()} == {AppointmentStatus.CANCELLED}
    assert FreedTime.objects.count() == 3
    assert mailoutbox == []


@pytest.mark.parametrize("meanwhile", ["three minutes pass", "one of them is cancelled"])
def test_a_booking_stands_once_it_was_told_of_or_changed(book_series, practice, now, meanwhile):
    booked = book_series(count=2, undo_for=UNDO_LASTS)
    if meanwhile == "one of them is cancelled":
        cancel_sessions([booked.appointments[0]], by=practice.ada.user, now=now, undo_for=UNDO_LASTS)
    then = now + (UNDO_LASTS if meanwhile == "three minutes pass" else timedelta(0))

    with pytest.raises(UndoOver):
        undo_booking(booked.request, by=practice.ada.user, now=then)

    assert booked.series.appointments.filter(status=AppointmentStatus.BOOKED).exists()


def test_what_was_undone_leaves_the_earlier_news_to_be_told(book, practice, now, mailoutbox):
    """Booked, moved, cancelled, and the last two undone: the client is still told of the booking."""
    appointment = book()
    Notification.objects.update(due_at=now + UNDO_LASTS)
    moved = move_sessions(later([appointment], timedelta(hours=1)), by=practice.ada.user, now=now, undo_for=UNDO_LASTS)
    cancelled = cancel_sessions([appointment], by=practice.ada.user, now=now, undo_for=UNDO_LASTS)

    for change in (cancelled, moved):
        undo_change(change, by=practice.ada.user, now=now + timedelta(minutes=1))
    send_due(now + UNDO_LASTS)

    assert [message.subject for message in mailoutbox] == ["Booked: Tuesday 9 March at 9:00"]


def test_a_move_is_told_of_when_only_the_cancellation_after_it_was_undone(book, practice, now, mailoutbox):
    appointment = book()
    send_due(now)
    move_sessions(later([appointment], timedelta(hours=1)), by=practice.ada.user, now=now, undo_for=UNDO_LASTS)
    cancelled = cancel_sessions([appointment], by=practice.ada.user, now=now, undo_for=UNDO_LASTS)

    undo_change(cancelled, by=practice.ada.user, now=now + timedelta(minutes=1))
    send_due(now + UNDO_LASTS)

    assert [message.subject for message in mailoutbox[1:]] == ["Moved to Tuesday 9 March at 10:00"]


def test_a_time_that_a_move_had_taken_is_offered_again_when_it_is_undone(book, practice, now):
    appointment = book()
    moved = move_sessions(later([appointment], timedelta(hours=2)), by=practice.ada.user, now=now, undo_for=UNDO_LASTS)

    undo_change(moved, by=practice.ada.user, now=now + timedelta(minutes=1))

    freed = FreedTime.objects.get()
    assert (freed.therapist, freed.starts_at, freed.offer_from) == (
        practice.tess,
        NINE + timedelta(hours=2),
        now + timedelta(minutes=1),
    )


def test_what_has_begun_cannot_be_cancelled(book, practice, now):
    appointment = book()

    with pytest.raises(CannotChange):
        cancel_sessions([appointment], by=practice.ada.user, now=NINE)

    cancel_sessions([appointment], by=practice.ada.user, now=NINE - timedelta(seconds=1))


def test_the_same_key_is_the_same_change(book, practice, now):
    appointment, key = book(), uuid4()

    first = cancel_sessions([appointment], by=practice.ada.user, now=now, key=key)
    again = cancel_sessions([appointment], by=practice.ada.user, now=now, key=key)

    assert first == again
    assert Change.objects.count() == 1
    with pytest.raises(CannotChange):
        cancel_sessions([appointment], by=practice.ada.user, now=now, key=uuid4())


@pytest.mark.django_db(transaction=True)
def test_two_presses_at_the_same_moment_are_one_change(book_series, practice, now):
    booked, key, barrier, made = book_series(count=3), uuid4(), threading.Barrier(2), []

    def press():
        barrier.wait()
        made.append(cancel_sessions(booked.appointments, by=practice.ada.user, now=now, key=key, undo_for=UNDO_LASTS))
        connection.close()

    presses = [threading.Thread(target=press) for _ in range(2)]
    for each in presses:
        each.start()
    for each in presses:
        each.join()

    assert len(set(made)) == 1
    assert len(made) == 2
    assert Change.objects.count() == 1


def test_one_session_that_cannot_move_keeps_all_where_they_are(book, book_series, practice, now):
    booked = book_series(count=3)
    book(client=practice.bo, starts_at=NINE + 2 * WEEK + timedelta(hours=1))
    before = list(Appointment.objects.order_by("pk").values())

    with pytest.raises(SlotTaken):
        move_sessions(later(booked.appointments, timedelta(hours=1)), by=practice.ada.user, now=now)

    assert list(Appointment.objects.order_by("pk").values()) == before
