"""Moving, cancelling and undoing: one action, one transaction, one notice."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from booking.enums import AppointmentStatus, NotificationKind, Scope
from booking.exceptions import CannotChange, SlotTaken, UndoOver
from booking.models import Appointment, Change, FreedTime, Notification
from booking.notifications.delivery import send_due
from booking.services.changes import UNDO_LASTS, Move, cancel_sessions, move_sessions, sessions_in, undo_change
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


def test_the_same_key_is_the_same_change(book, practice, now):
    appointment, key = book(), uuid4()

    first = cancel_sessions([appointment], by=practice.ada.user, now=now, key=key)
    again = cancel_sessions([appointment], by=practice.ada.user, now=now, key=key)

    assert first == again
    assert Change.objects.count() == 1
    with pytest.raises(CannotChange):
        cancel_sessions([appointment], by=practice.ada.user, now=now, key=uuid4())


def test_one_session_that_cannot_move_keeps_all_where_they_are(book, book_series, practice, now):
    booked = book_series(count=3)
    book(client=practice.bo, starts_at=NINE + 2 * WEEK + timedelta(hours=1))
    before = list(Appointment.objects.order_by("pk").values())

    with pytest.raises(SlotTaken):
        move_sessions(later(booked.appointments, timedelta(hours=1)), by=practice.ada.user, now=now)

    assert list(Appointment.objects.order_by("pk").values()) == before
