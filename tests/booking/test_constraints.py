"""What must never be false is refused by PostgreSQL itself, whoever writes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DataError, IntegrityError, connection, transaction

from booking.enums import AppointmentStatus
from booking.models import Appointment
from tests.factories import AppointmentFactory, ClientFactory, HoldFactory, RoomFactory, TherapistFactory

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

NINE = datetime(2027, 3, 9, 9, 0, tzinfo=UTC)
HALF_AN_HOUR = timedelta(minutes=30)


def appointment_at(starts_at, *, length=HALF_AN_HOUR, before=timedelta(0), after=timedelta(0), **fields):
    return AppointmentFactory(
        starts_at=starts_at,
        ends_at=starts_at + length,
        blocked_from=starts_at - before,
        blocked_until=starts_at + length + after,
        **fields,
    )


def refused(constraint: str, **change):
    """Assert that raw SQL which changes one row is refused by ``constraint`` and leaves the row as it was."""
    [row] = Appointment.objects.filter(pk=change.pop("pk")).values()
    assignments = ", ".join(f"{column} = {value}" for column, value in change.items())
    with pytest.raises((IntegrityError, DataError)) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE booking_appointment SET {assignments} WHERE id = %s", [row["id"]])
    diag = refusal.value.__cause__.diag
    assert constraint in (diag.constraint_name, diag.column_name)
    assert Appointment.objects.filter(pk=row["id"]).values().get() == row


@pytest.mark.parametrize(
    ("shared", "constraint"),
    [("therapist", "therapist_never_twice"), ("room", "room_never_twice"), ("client", "client_never_twice")],
)
def test_two_sessions_never_share_a_person_or_a_room(shared, constraint):
    first = appointment_at(NINE, room=RoomFactory())
    second = appointment_at(NINE + timedelta(days=1), room=RoomFactory())

    refused(
        constraint,
        pk=second.pk,
        **{f"{shared}_id": f"'{getattr(first, shared).pk}'"},
        starts_at="starts_at - interval '1 day'",
        ends_at="ends_at - interval '1 day'",
        blocked_from="blocked_from - interval '1 day'",
        blocked_until="blocked_until - interval '1 day'",
    )


def test_touching_footprints_do_not_conflict():
    first = appointment_at(NINE, after=timedelta(minutes=10))

    second = appointment_at(NINE + timedelta(minutes=45), before=timedelta(minutes=5), therapist=first.therapist, room=first.room)

    assert Appointment.objects.filter(therapist=second.therapist).count() == 2


def test_a_turnaround_blocks_the_therapist_but_not_the_client():
    first = appointment_at(NINE, after=timedelta(minutes=10))

    appointment_at(NINE + HALF_AN_HOUR, client=first.client)

    with pytest.raises(IntegrityError, match="therapist_never_twice"), transaction.atomic():
        appointment_at(NINE + HALF_AN_HOUR, therapist=first.therapist)


def test_sessions_without_a_room_do_not_share_it():
    appointment_at(NINE, room=None)

    appointment_at(NINE, room=None)

    assert Appointment.objects.filter(room=None).count() == 2


@pytest.mark.parametrize("status", [AppointmentStatus.CANCELLED, AppointmentStatus.LATE_CANCELLED, AppointmentStatus.NO_SHOW])
def test_what_does_not_take_place_frees_its_time(status):
    gone = appointment_at(NINE, status=status)

    taker = appointment_at(NINE, therapist=gone.therapist, room=gone.room, client=gone.client)

    assert taker.therapist == gone.therapist


def test_a_cancelled_session_cannot_come_back_over_another():
    gone = appointment_at(NINE, status=AppointmentStatus.CANCELLED)
    appointment_at(NINE, therapist=gone.therapist)

    refused("therapist_never_twice", pk=gone.pk, status="'booked'")


def test_a_hold_keeps_its_time_from_everyone():
    therapist = TherapistFactory()
    hold = HoldFactory()
    appointment_at(
        NINE,
        therapist=therapist,
        client=None,
        hold=hold,
        held_until=hold.expires_at,
        status=AppointmentStatus.HELD,
    )

    with pytest.raises(IntegrityError, match="therapist_never_twice"), transaction.atomic():
        appointment_at(NINE, therapist=therapist)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        pytest.param({"ends_at": "starts_at"}, "appointment_span_in_order", id="empty session"),
        pytest.param({"ends_at": "starts_at - interval '1 minute'"}, "appointment_span_in_order", id="end before start"),
        pytest.param(
            {"blocked_from": "starts_at + interval '1 minute'"}, "appointment_span_in_order", id="footprint starts late"
        ),
        pytest.param({"blocked_until": "ends_at - interval '1 minute'"}, "appointment_span_in_order", id="footprint ends early"),
        pytest.param({"blocked_from": "'-infinity'"}, "appointment_footprint_within_a_day", id="since ever"),
        pytest.param({"blocked_until": "'infinity'"}, "appointment_footprint_within_a_day", id="for ever"),
        pytest.param(
            {"blocked_until": "blocked_from + interval '25 hours'"}, "appointment_footprint_within_a_day", id="too long"
        ),
        pytest.param({"starts_at": "NULL"}, "starts_at", id="no start"),
        pytest.param({"ends_at": "NULL"}, "ends_at", id="no end"),
        pytest.param({"blocked_from": "NULL"}, "blocked_from", id="no footprint start"),
        pytest.param({"blocked_until": "NULL"}, "blocked_until", id="no footprint end"),
        pytest.param({"therapist_id": "NULL"}, "therapist_id", id="no therapist"),
        pytest.param({"client_id": "NULL"}, "appointment_held_or_of_a_client", id="nobody's session"),
        pytest.param({"status": "'maybe'"}, "appointment_status_listed", id="unknown state"),
        pytest.param({"status": "'held'"}, "appointment_held_or_of_a_client", id="held without a hold"),
    ],
)
def test_a_broken_span_or_state_is_refused(change, constraint):
    appointment = appointment_at(NINE)

    refused(constraint, pk=appointment.pk, **change)


def test_a_request_key_is_used_once_per_client():
    ada, bo = ClientFactory(), ClientFactory()
    key = "11111111-2222-4333-8444-555555555555"
    ada.requests.create(key=key, content="a", created_at=NINE)
    bo.requests.create(key=key, content="a", created_at=NINE)

    with pytest.raises(IntegrityError, match="request_key_once_per_client"), transaction.atomic():
        ada.requests.create(key=key, content="b", created_at=NINE)


def test_every_change_of_an_appointment_leaves_history_even_by_sql():
    appointment = appointment_at(NINE)

    with connection.cursor() as cursor:
        cursor.execute("UPDATE booking_appointment SET status = 'arrived' WHERE id = %s", [appointment.pk])
    Appointment.objects.filter(pk=appointment.pk).delete()

    events = appointment.events.model.objects.filter(pgh_obj_id=appointment.pk).order_by("pgh_id")
    assert [(event.pgh_label, event.status) for event in events] == [
        ("insert", "booked"),
        ("update", "arrived"),
        ("delete", "arrived"),
    ]
