"""The therapist of a session reads its form, for a while; nobody else does, and the client sees who did."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client as Browser
from django.urls import reverse

from booking.services.changes import cancel_sessions
from clients.models import ResponseView
from clients.services.consents import withdraw_health_data
from tests.booking.conftest import NINE, fill_in
from tests.booking.test_my_sessions import text
from tests.clients.answers import medicine
from tests.factories import ClientFactory, UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

ON_A_THINNER = {"takes_any": "yes", "med_list": [medicine("Eliquis")]}


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def tess(client, practice):
    practice.tess.user = UserFactory(name="Tess Oduya", email="tess@example.org")
    practice.tess.save()
    client.force_login(practice.tess.user)
    return client


def page_of(session):
    return reverse("booking:session_intake", args=[session.pk])


def signed_in(user):
    browser = Browser()
    browser.force_login(user)
    return browser


class TestTheForm:
    def test_is_read_with_its_light_reasons_limits_and_answers(self, tess, intake, book, practice, now):
        fill_in(practice.ada, now, **ON_A_THINNER)

        said = text(tess.get(page_of(book())))

        assert "Ada Okafor To check Tuesday 9 March, 9:00–9:30" in said
        assert "Why “To check”" in said
        assert "Eliquis, tablet" in said
        assert "Whole body light, 1 to 3" in said
        assert "No heat" not in said

    def test_names_the_limit_of_a_region_and_the_areas_not_to_touch(self, tess, intake, book, practice, now):
        fresh = {"kind": "fracture", "region": "ANKLE_L", "date": "2027-02", "seen_by_clinician": "yes", "still_hurts": "yes"}
        fill_in(practice.ada, now, had_injury="yes", injuries=[fresh])

        page = tess.get(page_of(book()))

        assert "By the answers: Ankle and Achilles tendon (left)" in text(page)
        assert "Only here: Ankle and Achilles tendon (left)" in text(page)
        assert "Whole body no limit" in text(page)

    def test_says_what_changed_since_the_form_before(self, tess, intake, book, practice, now):
        fill_in(practice.ada, now, **ON_A_THINNER | {"bp": "high"})
        fill_in(practice.ada, now, takes_any="no", bp="normal")

        page = tess.get(page_of(book()))

        changes = {(str(each.word), bool(each.was), bool(each.now)) for each in page.context["since"].differences}
        assert changes == {("Changed", True, True), ("No longer", True, False)}
        assert "What changed since 1 February 2027" in text(page)

    def test_a_first_form_has_nothing_to_differ_from(self, tess, intake, book, practice, now):
        fill_in(practice.ada, now)

        assert "What changed" not in text(tess.get(page_of(book())))

    def test_is_not_kept_by_any_browser_or_proxy(self, tess, intake, book):
        for address in (page_of(book()), reverse("booking:therapist")):
            assert "no-store" in tess.get(address)["Cache-Control"]

    def test_that_was_not_sent_is_said_to_be_missing_and_leaves_no_row(self, tess, intake, book):
        assert "No form was sent yet" in text(tess.get(page_of(book())))
        assert not ResponseView.objects.exists()

    def test_is_locked_once_the_consent_was_withdrawn(self, tess, intake, book, practice, now):
        session = book()
        fill_in(practice.ada, now, **ON_A_THINNER)
        withdraw_health_data(practice.ada, now=now)

        said = text(tess.get(page_of(session)))

        assert "The answers are locked away" in said
        assert "Eliquis" not in said
        assert not ResponseView.objects.exists()


class TestTheReading:
    def test_leaves_a_row_that_the_client_sees(self, tess, intake, book, practice, now):
        sent = fill_in(practice.ada, now)
        tess.get(page_of(book()))

        row = ResponseView.objects.get()
        assert (row.response, row.by, row.at) == (sent, practice.tess.user, now)
        seen = text(signed_in(practice.ada.user).get("/intake/"))
        assert "1 Feb 2027 8:00 Read by Tess Oduya: what you sent on 1 Feb 2027" in seen

    def test_of_a_form_and_the_one_before_leaves_a_row_each(self, tess, intake, book, practice, now):
        both = {fill_in(practice.ada, now), fill_in(practice.ada, now, bp="high")}
        tess.get(page_of(book()))

        assert {row.response for row in ResponseView.objects.all()} == both

    def test_of_the_list_leaves_none(self, tess, intake, book, practice, now):
        fill_in(practice.ada, now)
        book(starts_at=NINE - timedelta(days=33))
        tess.get(reverse("booking:therapist"))

        assert not ResponseView.objects.exists()


class TestWhoReads:
    def test_nobody_but_the_therapist_of_the_session(self, tess, intake, book, practice, now):
        session = book()
        fill_in(practice.ada, now)
        practice.jonas.user = UserFactory(name="Jonas Brandt", email="jonas@example.org")
        practice.jonas.save()
        robin = UserFactory(email="robin@example.org", is_staff=True, is_superuser=True)

        for user in (practice.jonas.user, practice.finn, robin, practice.ada.user, practice.bo.user):
            assert signed_in(user).get(page_of(session)).status_code == 404
        assert Browser().get(page_of(session))["Location"] == f"/account/login/?next={page_of(session)}"
        assert not ResponseView.objects.exists()
        assert tess.get(page_of(session)).status_code == 200

    def test_until_thirty_days_after_the_session(self, tess, intake, book, clock, settings):
        session = book()
        clock.move_to(session.ends_at + timedelta(days=settings.INTAKE_READABLE_DAYS))
        tess.force_login(session.therapist.user)
        assert tess.get(page_of(session)).status_code == 200

        clock.shift(timedelta(seconds=1))

        assert tess.get(page_of(session)).status_code == 404

    def test_not_for_a_session_that_was_cancelled(self, tess, intake, book, practice, now):
        session = book()
        cancel_sessions([session], by=practice.finn, now=now)

        assert tess.get(page_of(session)).status_code == 404


class TestTheList:
    def test_has_the_sessions_of_today_and_seven_days_with_their_lights(self, tess, intake, book, practice, clock):
        near, far = book(), book(client=practice.bo, starts_at=NINE + timedelta(days=1))
        fill_in(practice.ada, clock_of(near), **ON_A_THINNER)
        clock.move_to(NINE - timedelta(days=7))
        tess.force_login(practice.tess.user)

        page = tess.get(reverse("booking:therapist"))

        assert "9:00–9:30 Ada Okafor Two areas · Elm · booked To check Read the form" in text(page)
        assert page_of(near) in page.content.decode()
        assert page_of(far) not in page.content.decode()

    def test_says_so_when_there_is_nothing(self, tess, book):
        book()

        assert "No sessions today and in the next seven days" in text(tess.get(reverse("booking:therapist")))

    @pytest.mark.parametrize("count", [1, 3])
    def test_takes_the_same_number_of_queries_however_many_sessions(
        self, tess, intake, book, now, count, django_assert_num_queries
    ):
        for each in range(count):
            session = book(client=ClientFactory(), starts_at=NINE - timedelta(days=33) + timedelta(hours=each))
            fill_in(session.client, now)

        with django_assert_num_queries(21):
            tess.get(reverse("booking:therapist"))


def clock_of(session):
    """A moment well before a session, at which its form is sent."""
    return session.starts_at - timedelta(days=30)
