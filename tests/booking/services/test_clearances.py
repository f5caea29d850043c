"""A stop: the time stays theirs, nothing is confirmed, and only a recorded clearance lifts it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.core import mail
from django.db import IntegrityError, transaction

from booking.enums import AppointmentStatus, AuditAction, FlagState, Light, NotificationKind
from booking.exceptions import NothingOnHold, OnHold
from booking.models import Appointment, AuditEntry, Clearance, Notification, SessionFlag
from booking.notifications.delivery import send_due
from booking.services.appointments import set_status
from booking.services.changes import UNDO_LASTS, Move, move_sessions, undo_change
from booking.services.clearances import record_clearance
from booking.services.intake import light_of
from tests.booking.conftest import NINE, fill_in
from tests.clients.answers import medicine

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

TWO_THINNERS = {"takes_any": "yes", "med_list": [medicine("Eliquis"), medicine("clopidogrel")]}

SURGERY = {"kind": "ortho", "region": "KNEE_FRONT_L", "date": "2027-01-20"}


@pytest.fixture
def clear(practice, now):
    def clear(**change):
        facts = {"given_by": "Dr Patel", "given_on": date(2027, 2, 1), "reference": "folder 12", "by": practice.finn, "now": now}
        return record_clearance(practice.ada, **facts | change)

    return clear


def test_a_session_on_hold_keeps_its_time_and_cannot_be_confirmed(intake, book, practice, now):
    session = book()
    fill_in(practice.ada, now, **TWO_THINNERS)

    with pytest.raises(OnHold):
        set_status(session, AppointmentStatus.CONFIRMED, by=practice.finn, now=now)

    session.refresh_from_db()
    assert (session.status, session.starts_at, light_of(session, now=now)) == (AppointmentStatus.BOOKED, NINE, Light.ON_HOLD)


@pytest.mark.parametrize("status", ["confirmed", "in_session", "done"])
def test_the_database_refuses_what_no_service_does(intake, book, practice, now, status):
    held, free = book(), book(client=practice.bo, therapist=practice.jonas)
    fill_in(practice.ada, now, **TWO_THINNERS)

    with pytest.raises(IntegrityError, match="on hold"), transaction.atomic():
        Appointment.objects.filter(pk=held.pk).update(status=status)

    assert Appointment.objects.filter(pk=free.pk).update(status=status) == 1


def test_a_confirmed_session_that_is_put_on_hold_is_confirmed_no_longer(intake, book, practice, now):
    session = book()
    set_status(session, AppointmentStatus.CONFIRMED, by=practice.finn, now=now)

    fill_in(practice.ada, now, **TWO_THINNERS)

    session.refresh_from_db()
    assert session.status == AppointmentStatus.BOOKED
    entry = AuditEntry.objects.get(appointment=session, action=AuditAction.ON_HOLD)
    assert (entry.before["status"], entry.after["status"]) == ("confirmed", "booked")


def test_a_move_that_is_taken_back_does_not_confirm_what_was_put_on_hold_meanwhile(intake, book, practice, now):
    session = book()
    set_status(session, AppointmentStatus.CONFIRMED, by=practice.finn, now=now)
    later = Move(session, practice.tess.pk, NINE + timedelta(hours=2))
    change = move_sessions([later], by=practice.ada.user, now=now, undo_for=UNDO_LASTS)
    fill_in(practice.ada, now, **TWO_THINNERS)

    undo_change(change, by=practice.ada.user, now=now)

    session.refresh_from_db()
    assert (session.status, session.starts_at) == (AppointmentStatus.BOOKED, NINE)
    assert light_of(session, now=now) == Light.ON_HOLD


def test_a_clearance_says_who_when_and_where_and_confirms_the_sessions(intake, book_series, practice, now, clear):
    booked = book_series(3)
    fill_in(practice.ada, now, **TWO_THINNERS)

    clear()

    kept = Clearance.objects.get()
    assert (kept.given_by, kept.given_on, kept.reference, kept.recorded_by) == (
        "Dr Patel",
        date(2027, 2, 1),
        "folder 12",
        practice.finn,
    )
    assert {each.status for each in booked.request.appointments.all()} == {AppointmentStatus.CONFIRMED}
    # what a doctor allows is still for the therapist to decide about: each of the two medicines by itself
    assert {flag.state for flag in SessionFlag.objects.all()} == {FlagState.TO_DECIDE}
    assert Notification.objects.filter(kind=NotificationKind.CLEARED).count() == 1


def test_a_clearance_covers_what_was_said_until_then_and_nothing_said_later(intake, book, practice, now, clear):
    session = book()
    fill_in(practice.ada, now, **TWO_THINNERS)
    clear()

    fill_in(practice.ada, now + timedelta(hours=1), **TWO_THINNERS, heart="recent")

    assert light_of(session, now=now) == Light.ON_HOLD


def test_a_clearance_with_a_last_day_does_not_lift_the_stop_of_later_sessions(intake, book_series, practice, now, clear):
    booked = book_series(3)
    fill_in(practice.ada, now, **TWO_THINNERS)

    clear(valid_until=NINE.date() + timedelta(days=7))

    states = list(SessionFlag.objects.order_by("appointment__starts_at").values_list("state", flat=True))
    assert states == [FlagState.TO_DECIDE, FlagState.TO_DECIDE, FlagState.ON_HOLD]
    statuses = [each.status for each in booked.request.appointments.order_by("starts_at")]
    assert statuses == [AppointmentStatus.CONFIRMED, AppointmentStatus.CONFIRMED, AppointmentStatus.BOOKED]


@pytest.mark.parametrize(
    ("said", "light"),
    [
        ({"heart": "recent"}, Light.ON_HOLD),
        ({"chest_breath": "yes"}, Light.ON_HOLD),
        (TWO_THINNERS, Light.ON_HOLD),
        ({"ill_today": "yes"}, Light.READY),
        ({"had_surgery": "yes", "surgeries": [SURGERY]}, Light.READY),
    ],
    ids=["a condition", "an emergency sign", "medicines", "how one day was", "six weeks ago by then"],
)
def test_a_stop_is_not_taken_back_by_answering_again(intake, book, practice, now, said, light):
    session = book()
    fill_in(practice.ada, now, **said)

    fill_in(practice.ada, now + timedelta(hours=1))

    assert light_of(session, now=now) == light


def test_after_a_clearance_answering_again_is_as_good_as_before(intake, book, practice, now, clear):
    session = book()
    fill_in(practice.ada, now, heart="recent")
    clear()

    fill_in(practice.ada, now + timedelta(hours=1))

    assert light_of(session, now=now) == Light.ADJUSTED  # what was cleared is still good to know


def test_where_nothing_is_on_hold_nothing_is_recorded(intake, book, practice, now, clear):
    book()
    fill_in(practice.ada, now)

    with pytest.raises(NothingOnHold):
        clear()

    assert not Clearance.objects.exists()


def test_another_persons_clearance_lifts_nothing(intake, book, practice, now, clear):
    book()
    hers = book(client=practice.bo, therapist=practice.jonas)
    for each in (practice.ada, practice.bo):
        fill_in(each, now, **TWO_THINNERS)

    clear()

    assert light_of(hers, now=now) == Light.ON_HOLD


def test_the_client_is_told_without_a_word_about_health(intake, book, practice, now, clear):
    book()
    fill_in(practice.ada, now, **TWO_THINNERS)
    clear()
    Notification.objects.exclude(kind=NotificationKind.CLEARED).delete()

    assert send_due(now) == 1

    [message] = mail.outbox
    assert message.subject == "Confirmed: Tue 9 Mar at 9:00"
    assert message.to == [practice.ada.email]
    sent = message.message().as_string().lower()
    assert not [word for word in ("doctor", "patel", "clearance", "hold", "medic", "eliquis") if word in sent]


def test_a_session_put_on_hold_again_before_the_notice_left_is_not_said_to_be_confirmed(intake, book, practice, now, clear):
    book()
    fill_in(practice.ada, now, **TWO_THINNERS)
    clear()
    Notification.objects.exclude(kind=NotificationKind.CLEARED).delete()
    fill_in(practice.ada, now + timedelta(hours=1), heart="recent")

    assert send_due(datetime(2027, 2, 1, 12, tzinfo=now.tzinfo)) == 0
