"""A client calls the desk: what is free for them, why not, and a session or a course booked on their behalf."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from booking.engine.planner import Start
from booking.forms.changes import key_of
from booking.models import Appointment, AuditEntry, Hold, Notification, Series
from clients.models import Client
from tests.booking.conftest import NINE
from tests.booking.test_desk_session import words
from tests.factories import TherapistFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

RIGHTS = ("view_appointment", "add_appointment", "change_appointment", "view_client", "override_rules")
TUESDAY = date(2027, 3, 9)


@pytest.fixture
def desk(client, practice, now):
    with time_machine.travel(now, tick=False):
        practice.finn.user_permissions.set(Permission.objects.filter(codename__in=RIGHTS))
        client.force_login(practice.finn)
        yield client


@pytest.fixture
def reception(desk, practice):
    practice.finn.user_permissions.add(Permission.objects.get(codename="add_client"))
    return desk


class TestNewClient:
    def test_is_taken_down_with_three_fields_and_booked_next(self, reception):
        typed = {"name": "Mara Sand", "email": "Mara@Example.org", "phone": "020 7946 0991"}

        answer = reception.post(reverse("admin:new_client"), typed)

        mara = Client.objects.get(name="Mara Sand")
        assert answer.url == reverse("admin:book_for", args=[mara.pk])
        assert (mara.email, str(mara.phone)) == ("mara@example.org", "+442079460991")
        assert mara.user.email == mara.email

    @pytest.mark.parametrize("typed", [{"name": "ada okafro"}, {"email": "ada@example"}])
    def test_who_may_be_the_same_is_shown_while_it_is_typed(self, reception, practice, typed):
        page = words(reception.get(reverse("admin:new_client"), typed))

        assert "Perhaps it is one of these Ada Okafor" in page
        assert "Bo Lindqvist" not in page

    def test_an_address_of_somebody_is_not_taken_twice(self, reception, practice):
        before = Client.objects.count()

        answer = reception.post(reverse("admin:new_client"), {"name": "A. Okafor", "email": practice.ada.email.upper()})

        assert answer.status_code == 422
        assert "Somebody comes with this address already" in words(answer)
        assert "Ada Okafor" in words(answer)
        of_staff = reception.post(reverse("admin:new_client"), {"name": "Finn", "email": practice.finn.email})
        assert of_staff.status_code == 422
        assert Client.objects.count() == before

    @pytest.mark.parametrize(
        "typed", [{}, {"name": "Mara"}, {"name": "Ma\nra", "phone": "020 7946 0991"}, {"name": "M", "phone": "1"}]
    )
    def test_what_is_not_enough_or_wrong_is_said(self, reception, typed):
        assert reception.post(reverse("admin:new_client"), typed).status_code == 422
        assert not Client.objects.filter(name__startswith="M").exists()


def page_of(practice, **asked):
    usual = {"treatment": practice.treatment.pk, "therapist": "", "rhythm": "once", "count": 4}
    query = "&".join(f"{name}={value}" for name, value in (usual | asked).items())
    return f"{reverse('admin:book_for', args=[practice.ada.pk])}?{query}"


def start(therapist, minute, on=TUESDAY):
    return key_of(Start(therapist.pk, on, minute))


def test_a_weekly_course_is_planned_held_and_booked_for_the_caller_who_is_told_once(desk, practice):
    held = desk.post(page_of(practice, rhythm="weekly", count=3), {"start": start(practice.tess, 540)})
    hold = Hold.objects.get()
    assert held.url == reverse("booking:plan", args=[hold.pk])
    plan = words(desk.get(held.url))
    assert "For Ada Okafor" in plan
    assert "3 dates at 9:00" in plan

    booked = desk.post(reverse("booking:you", args=[hold.pk]), {"key": uuid4()})

    sessions = list(Series.objects.get().appointments.order_by("starts_at"))
    assert booked.url == reverse("admin:session", args=[sessions[0].pk])
    assert [each.starts_at for each in sessions] == [NINE + timedelta(weeks=n) for n in range(3)]
    assert {each.client for each in sessions} == {practice.ada}
    assert {each.by for each in AuditEntry.objects.all()} == {practice.finn}
    assert Notification.objects.get(kind="confirmation").client == practice.ada


def test_a_daily_course_keeps_to_the_rules_for_clients(desk, practice):
    practice.tess.gives_daily = False
    practice.tess.save()

    desk.post(page_of(practice, rhythm="daily", count=3), {"start": start(practice.jonas, 540)}, follow=True)

    assert {each.therapist for each in Hold.objects.get().appointments.all()} == {practice.jonas}


def test_one_session_is_read_back_before_it_is_booked(desk, practice):
    page = desk.post(page_of(practice), {"start": start(practice.tess, 540)}, follow=True)

    assert "Book for Ada Okafor?" in words(page)
    assert not Appointment.objects.filter(client=practice.ada).exists()
    desk.post(page.redirect_chain[-1][0], {"key": uuid4()})
    assert Appointment.objects.get(client=practice.ada).starts_at == NINE


def test_what_the_caller_wants_and_somebody_has_is_refused_with_who_is_there_and_what_is_near(desk, practice, book):
    book(client=practice.bo)

    said = words(desk.get(page_of(practice, therapist=practice.tess.pk, day="2027-03-09", at="09:00")))

    assert "Bo Lindqvist is with Tess Oduya from 9:00" in said
    assert "Nothing lifts this: no time is given twice." in said
    assert "Nearest free" in said
    pressed = desk.post(page_of(practice), {"start": start(practice.tess, 540), "override_reason": "she insists"})
    assert pressed.status_code == 409
    assert "Bo Lindqvist is with Tess Oduya" in words(pressed)
    assert not Appointment.objects.filter(client=practice.ada).exists()


def test_a_soft_rule_is_lifted_by_a_reason_that_the_history_keeps_and_by_nothing_less(desk, practice):
    soon = {"start": start(practice.tess, 9 * 60, date(2027, 3, 1))}
    with time_machine.travel(NINE.replace(month=3, day=1, hour=8), tick=False):
        desk.force_login(practice.finn)
        assert desk.post(page_of(practice), soon).status_code == 409
        assert desk.post(page_of(practice, rhythm="weekly"), soon | {"override_reason": "in pain"}).status_code == 409
        practice.finn.user_permissions.remove(Permission.objects.get(codename="override_rules"))
        assert desk.post(page_of(practice), soon | {"override_reason": "in pain"}).status_code == 409
        assert not Appointment.objects.exists()
        practice.finn.user_permissions.add(Permission.objects.get(codename="override_rules"))

        desk.post(page_of(practice), soon | {"override_reason": "in pain"})

    assert AuditEntry.objects.get(action="booked").reason == "in pain"


def test_it_begins_with_what_the_client_had_last(desk, practice, book):
    book(therapist=practice.jonas)

    page = desk.get(reverse("admin:book_for", args=[practice.ada.pk])).content.decode()

    assert f'value="{practice.jonas.pk}" selected' in page


@pytest.mark.parametrize(
    "asked",
    [
        {"rhythm": "hourly"},
        {"count": 0},
        {"treatment": "x"},
        {"day": "someday"},
        {"day": "0001-01-01", "at": "00:00"},
        {"day": "9999-12-31", "at": "23:59"},
    ],
)
def test_nonsense_is_said_and_holds_nothing(desk, practice, asked):
    assert desk.get(page_of(practice, **asked)).status_code == 422
    assert desk.post(page_of(practice, **asked), {"start": start(practice.tess, 540)}).status_code == 422
    assert not Hold.objects.exists()


def test_a_start_that_is_none_holds_nothing(desk, practice):
    for value in ("", "nobody/2027-03-09/540", start(practice.tess, 540, date(2135, 3, 8))):
        assert desk.post(page_of(practice), {"start": value}).status_code == 422


def test_what_is_held_for_a_caller_is_nobody_elses_and_ends_with_the_right_to_book(desk, practice, client):
    held = desk.post(page_of(practice), {"start": start(practice.tess, 540)}).url
    stranger = type(client)()
    stranger.force_login(practice.bo.user)
    assert stranger.get(held).status_code == 404

    practice.finn.user_permissions.remove(Permission.objects.get(codename="add_appointment"))

    assert desk.get(held).status_code == 404


def test_many_therapists_cost_as_many_queries_as_few(desk, practice):
    counts = []
    for more in (1, 30):
        for n in range(more):
            other = TherapistFactory(name=f"Therapist {n}", location=practice.treatment.location)
            other.treatments.add(practice.treatment)
        desk.get(page_of(practice))  # the rules are read again after a change
        with CaptureQueriesContext(connection) as queries:
            assert desk.get(page_of(practice, day="2027-03-09", at="09:00")).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
