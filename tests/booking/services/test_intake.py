"""The light of a session: one word for the form, weighed for the session's date, and never an answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from booking.enums import Light, NotificationKind
from booking.models import Notification, SessionFlag
from booking.services.changes import UNDO_LASTS, Move, move_sessions, undo_change
from booking.services.imports import Imported, import_appointments
from booking.services.intake import light_of, lights_of, weigh_all, weigh_alone
from clients.models import FlagRule, MedicationClass, ResponseView
from clients.services.consents import withdraw_health_data
from tests.booking.conftest import NINE, fill_in
from tests.clients.answers import medicine
from tests.factories import ClientFactory, UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


ON_A_THINNER = {"takes_any": "yes", "med_list": [medicine("Eliquis")]}


@pytest.mark.parametrize(
    ("answers", "light"),
    [
        ({}, Light.READY),
        ({"dob": "1950-01-01"}, Light.ADJUSTED),
        (ON_A_THINNER, Light.TO_CHECK),
        ({"heart": "recent"}, Light.ON_HOLD),
    ],
)
def test_each_severity_has_its_word_for_one_session_and_in_lists(intake, book, practice, now, answers, light):
    appointment = book()
    fill_in(practice.ada, now, **answers)

    assert light_of(appointment, now=now) == light
    assert lights_of([appointment], now=now) == {appointment.pk: light}
    assert not ResponseView.objects.exists()


def test_without_a_form_the_light_waits(intake, book, now):
    appointment = book()

    assert light_of(appointment, now=now) == lights_of([appointment], now=now)[appointment.pk] == Light.WAITING


def test_a_form_that_is_over_at_the_sessions_date_is_waited_for_but_a_stop_stands(intake, book, practice, now):
    long_ago = NINE - timedelta(days=intake.valid_days + 1)
    sessions = [book(), book(client=practice.bo, therapist=practice.jonas)]
    fill_in(practice.ada, long_ago, dob="1950-01-01")
    fill_in(practice.bo, long_ago, heart="recent")

    assert [light_of(each, now=now) for each in sessions] == [Light.WAITING, Light.ON_HOLD]
    assert list(lights_of(sessions, now=now).values()) == [Light.WAITING, Light.ON_HOLD]


def test_withdrawn_answers_show_no_light(intake, book, practice, now):
    appointment = book()
    fill_in(practice.ada, now, heart="recent")
    withdraw_health_data(practice.ada, now=now)

    assert light_of(appointment, now=now) == lights_of([appointment], now=now)[appointment.pk] == Light.WAITING


def test_one_session_is_weighed_at_its_own_date(intake, book, practice, now):
    before = book()
    after = book(starts_at=datetime(2027, 4, 27, 9, tzinfo=UTC))
    fill_in(practice.ada, now, dob="1957-04-01")  # seventy between the two

    assert list(lights_of([before, after], now=now).values()) == [Light.READY, Light.ADJUSTED]


def test_a_session_that_moves_is_weighed_anew(intake, book, practice, now):
    session = book()
    fill_in(practice.ada, now, dob="1957-04-01")

    change = move_sessions(
        [Move(session, practice.tess.pk, datetime(2027, 4, 27, 8, tzinfo=UTC))],
        by=practice.ada.user,
        now=now,
        undo_for=UNDO_LASTS,
    )
    assert light_of(session, now=now) == Light.ADJUSTED

    undo_change(change, by=practice.ada.user, now=now)
    assert light_of(session, now=now) == Light.READY


def test_a_session_booked_later_is_weighed_by_what_was_sent_before(intake, book, practice, now):
    fill_in(practice.ada, now, **ON_A_THINNER)

    assert light_of(book(), now=now) == Light.TO_CHECK
    assert light_of(book(client=practice.bo, therapist=practice.jonas), now=now) == Light.WAITING


def test_sessions_that_are_taken_over_are_weighed_too(intake, practice, now):
    fill_in(practice.ada, now, **ON_A_THINNER)
    place = {"treatment": practice.treatment, "room_id": None, "on": NINE.date(), "minute": 540, "status": "booked"}

    [hers, his] = import_appointments(
        [
            Imported(client=practice.ada, therapist_id=practice.tess.pk, **place),
            Imported(client=practice.bo, therapist_id=practice.jonas.pk, **place),
        ],
        now=now,
    )

    assert list(lights_of([hers, his], now=now).values()) == [Light.TO_CHECK, Light.WAITING]


def test_the_night_finds_what_changed_by_itself(intake, book, practice, now):
    session = book()
    fill_in(practice.ada, now, takes_any="yes", med_list=[medicine("Eliquis")])
    MedicationClass.objects.update(severity="adapt")
    FlagRule.objects.filter(question__code="med_list").delete()
    assert light_of(session, now=now) == Light.TO_CHECK

    assert weigh_all(now) == 1

    assert light_of(session, now=now) == Light.ADJUSTED


def test_of_a_session_only_the_severity_is_in_clear(intake, book, practice, now):
    session = book()
    fill_in(practice.ada, now, **ON_A_THINNER)
    flag = SessionFlag.objects.get(appointment=session)

    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(flag)::text, encode(grounds, 'escape') FROM booking_sessionflag flag")
        [[row, sealed]] = cursor.fetchall()

    assert flag.grounds == ["med_list/ANTICOAG/Eliquis/", "med_list/med_review/Eliquis/"]
    assert "review" in row
    assert not {"ANTICOAG", "Eliquis", "med_list"} & {
        word for word in ("ANTICOAG", "Eliquis", "med_list") if word in row + sealed
    }


def test_what_is_to_be_decided_is_told_once_for_the_soonest_session(intake, book_series, practice, tess, now):
    booked = book_series()
    fill_in(practice.ada, now, **ON_A_THINNER)
    weigh_alone(practice.ada, now=now)

    [told] = Notification.objects.filter(kind=NotificationKind.REVIEW)

    assert (told.appointment, told.recipient) == (booked.appointments[0], tess.email)
    assert SessionFlag.objects.open(now).count() == 8


@pytest.mark.parametrize("count", [1, 3])
def test_many_lights_take_two_queries(intake, book, now, count, django_assert_num_queries):
    sessions = [book(client=ClientFactory(), starts_at=NINE + timedelta(hours=each)) for each in range(count)]
    for each in sessions:
        fill_in(each.client, now)

    with django_assert_num_queries(2):
        assert set(lights_of(sessions, now=now).values()) == {Light.READY}


class TestTheDesk:
    @pytest.fixture
    def desk(self, client):
        client.force_login(UserFactory(email="manager@example.org", is_staff=True, is_superuser=True))
        return client

    def test_sees_the_word_and_no_answer(self, desk, intake, book, practice, now):
        appointment = book()
        fill_in(practice.ada, now, **ON_A_THINNER)

        listed = desk.get(reverse("admin:booking_appointment_changelist")).content.decode()
        page = desk.get(reverse("admin:booking_appointment_change", args=[appointment.pk])).content.decode()

        for said in (listed, page):
            assert "To check" in said
            assert "Eliquis" not in said
        assert not ResponseView.objects.exists()

    def test_three_rows_with_forms_cost_as_many_queries_as_one(self, desk, intake, book, now):
        def cost():
            with CaptureQueriesContext(connection) as queries:
                desk.get(reverse("admin:booking_appointment_changelist"))
            return len(queries)

        def booked(hours):
            fill_in(book(client=ClientFactory(), starts_at=NINE + timedelta(hours=hours)).client, now)

        booked(0)
        cost()
        one = cost()
        booked(1)
        booked(2)

        assert cost() == one
