"""The desk records a doctor's letter: it sees that a session is on hold, and never for what."""

from __future__ import annotations

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.urls import reverse

from booking.models import Clearance
from clients.models import ResponseView
from tests.booking.conftest import NINE, fill_in
from tests.booking.test_my_sessions import text
from tests.clients.answers import medicine

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

LETTER = {"given_by": "Dr Hale", "given_on": "2027-01-30", "reference": "folder 12, 30 January", "valid_until": ""}
BLEEDS = {"takes_any": "yes", "med_list": [medicine("Eliquis"), medicine("clopidogrel")]}


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False):
        yield


def allow(user, *codenames):
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))


@pytest.fixture
def desk(client, practice):
    allow(practice.finn, "view_appointment", "change_appointment", "add_clearance", "view_clearance")
    client.force_login(practice.finn)
    return client


@pytest.fixture
def held(intake, book, practice, now):
    session = book()
    fill_in(practice.ada, now, **BLEEDS)
    return session


def change_page(session):
    return reverse("admin:booking_appointment_change", args=[session.pk])


def clearance_page(session):
    return reverse("admin:booking_appointment_clear", args=[session.pk])


class TestTheAppointmentsPage:
    def test_says_on_hold_and_links_to_the_clearance(self, desk, held):
        page = desk.get(change_page(held))

        assert "On hold" in text(page)
        assert clearance_page(held) in page.content.decode()

    def test_has_no_link_for_a_session_that_is_not_on_hold(self, desk, intake, book, practice, now):
        session = book()
        fill_in(practice.ada, now, takes_any="yes", med_list=[medicine("Eliquis")])

        assert clearance_page(session) not in desk.get(change_page(session)).content.decode()

    def test_has_no_link_for_whoever_may_not_record_one(self, client, practice, held):
        allow(practice.finn, "view_appointment", "change_appointment")
        client.force_login(practice.finn)

        assert clearance_page(held) not in client.get(change_page(held)).content.decode()
        assert client.post(clearance_page(held), LETTER).status_code == 403
        assert not Clearance.objects.exists()

    def test_refuses_to_confirm_what_is_on_hold_in_words(self, desk, held):
        page = desk.post(change_page(held), {"state": "confirmed"})

        assert "This session is on hold until a clearance is recorded." in text(page)
        held.refresh_from_db()
        assert held.status == "booked"


class TestTheClearance:
    def test_confirms_what_it_takes_off_hold_and_says_which(self, desk, held, book, practice):
        later = book(starts_at=NINE.replace(day=16))

        page = desk.post(clearance_page(held), LETTER, follow=True)

        assert "Recorded. Confirmed now: Tue 9 Mar 2027, 09:00; Tue 16 Mar 2027, 09:00." in text(page)
        for session in (held, later):
            session.refresh_from_db()
            assert session.status == "confirmed"
        assert Clearance.objects.get().recorded_by == practice.finn

    def test_with_a_last_day_says_that_later_sessions_stay_on_hold(self, desk, held, book):
        later = book(starts_at=NINE.replace(day=16))

        page = desk.post(clearance_page(held), LETTER | {"valid_until": "2027-03-09"}, follow=True)

        assert "Confirmed now: Tue 9 Mar 2027, 09:00. 1 session stays on hold." in text(page)
        later.refresh_from_db()
        assert later.status == "booked"

    def test_asks_for_what_is_missing_and_records_nothing(self, desk, held):
        page = desk.post(clearance_page(held), LETTER | {"reference": ""})

        assert page.status_code == 422
        assert not Clearance.objects.exists()

    def test_twice_says_that_nothing_is_on_hold(self, desk, held):
        desk.post(clearance_page(held), LETTER)

        page = desk.post(clearance_page(held), LETTER, follow=True)

        assert "Nothing is on hold for this person." in text(page)
        assert Clearance.objects.count() == 1

    def test_shows_no_answer_on_any_page_of_the_desk_and_leaves_no_reading(self, desk, held):
        pages = [change_page(held), clearance_page(held)]
        desk.post(clearance_page(held), LETTER)
        listed = reverse("admin:booking_clearance_changelist")
        pages += [listed, reverse("admin:booking_clearance_change", args=[Clearance.objects.get().pk])]

        for address in pages:
            said = text(desk.get(address))
            assert "Eliquis" not in said
            assert "clopidogrel" not in said
            assert "med_list" not in said
        assert not ResponseView.objects.exists()

    def test_is_listed_to_be_read_only(self, desk, held):
        desk.post(clearance_page(held), LETTER)

        assert "Dr Hale" in text(desk.get(reverse("admin:booking_clearance_changelist")))
        assert desk.get(reverse("admin:booking_clearance_add")).status_code == 403
        assert desk.post(reverse("admin:booking_clearance_change", args=[Clearance.objects.get().pk]), LETTER).status_code == 403
