"""A form on a tablet of the practice: one client, one form, one browser, half an hour."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.template import Context, Template
from django.test import Client as Browser
from django.urls import reverse

from booking.services.changes import cancel_sessions
from clients.models import Consent, Handout, Response, ResponseView
from clients.services.consents import withdraw_health_data
from clients.services.handouts import LASTS, hand_out
from clients.services.responses import open_response, save_section
from tests.booking.conftest import NINE, fill_in
from tests.booking.test_asked import SIGNS, TODAY
from tests.booking.test_my_sessions import text
from tests.clients.answers import WELL

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

MINUTE, WEEK = timedelta(minutes=1), timedelta(weeks=1)


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def finn(client, practice):
    for name in ("view_appointment", "change_appointment"):
        practice.finn.user_permissions.add(Permission.objects.get(codename=name))
    client.force_login(practice.finn)
    return client


@pytest.fixture
def session(intake, book):
    return book()


def page_of(session):
    return reverse("admin:booking_appointment_tablet", args=[session.pk])


def handed_out(practice, session, now, kind="first"):
    """The address behind the code, as if it was just shown."""
    return reverse(
        "intake:tablet", args=[hand_out(session.client, kind, session_on=session.local_date, by=practice.finn, now=now)]
    )


def begun(address, **more):
    tablet = Browser()
    return tablet, tablet.post(address, {"agree": "on"} | more)["Location"]


class TestTheDesk:
    def test_makes_a_code_by_a_press_and_not_by_looking(self, finn, session):
        assert "Let the client fill in the form here" in text(
            finn.get(reverse("admin:booking_appointment_change", args=[session.pk]))
        )
        assert "Code to scan" not in finn.get(page_of(session)).content.decode()
        assert not Handout.objects.exists()

        page = finn.post(page_of(session))

        made = Handout.objects.get()
        assert (made.client, made.kind, made.expires_at - made.made_at) == (session.client, "first", LASTS)
        assert "Code to scan with the tablet" in page.content.decode()
        assert "no-store" in page["Cache-Control"]
        assert made.token_hash not in page.content.decode()

    def test_is_told_when_no_form_is_waited_for(self, finn, session, practice, now):
        fill_in(practice.ada, now)

        assert "No form is waited for" in text(finn.post(page_of(session)))
        assert not Handout.objects.exists()

    def test_hands_out_the_short_form_where_that_is_waited_for(self, finn, session, practice, book, now, clock):
        fill_in(practice.ada, now)
        later = book(starts_at=NINE + WEEK)
        clock.move_to(NINE + WEEK - MINUTE)
        finn.force_login(practice.finn)

        finn.post(page_of(later))

        assert Handout.objects.get().kind == "every"

    def test_hands_out_nothing_for_a_cancelled_session(self, finn, session, practice, now):
        cancel_sessions([session], by=practice.finn, now=now)

        finn.post(page_of(session))

        assert not Handout.objects.exists()

    def test_is_for_those_who_may_change_appointments(self, client, session, practice):
        practice.finn.user_permissions.add(Permission.objects.get(codename="view_appointment"))
        for user in (practice.finn, practice.ada.user):
            client.force_login(user)
            assert client.post(page_of(session)).status_code in (302, 403)
        assert not Handout.objects.exists()


class TestTheTablet:
    def test_asks_for_the_agreement_first_and_looking_begins_nothing(self, practice, session, now):
        address = handed_out(practice, session, now)
        tablet = Browser()

        assert "Hello Ada" in text(tablet.get(address))
        assert tablet.post(address).status_code == 422
        assert not Response.objects.exists()

        assert begun(address)[1] == f"/intake/{Response.objects.get().pk}/part-1/"
        assert Consent.objects.get(kind="c_data").by == practice.finn

    def test_fills_in_this_form_and_sees_nothing_else(self, practice, session, now):
        sent = fill_in(practice.ada, now)
        tablet, page = begun(handed_out(practice, session, now))

        assert tablet.get(page).status_code == 200
        for other in ("/intake/", "/intake/agreements/", f"/intake/{sent.pk}/copy/", "/therapist/"):
            assert tablet.get(other).status_code == 302
        assert tablet.get(f"/intake/{sent.pk}/").status_code == 404
        assert "Hello Ada" not in text(tablet.get("/sessions/"))
        assert not ResponseView.objects.exists()

    def test_is_handed_back_by_sending_and_knows_nothing_afterwards(self, practice, session, now):
        tablet, _page = begun(handed_out(practice, session, now))
        response = Response.objects.get()
        save_section(response, WELL, now=now)

        said = tablet.post(f"/intake/{response.pk}/")

        response.refresh_from_db()
        assert (response.state, response.submitted_by) == ("submitted", practice.ada.user)
        assert "Please give the tablet back" in text(said)
        assert tablet.get(f"/intake/{response.pk}/")["Location"].startswith("/sessions/sign-in/")
        assert Handout.objects.get().ended_at == now

    def test_an_emergency_sign_is_answered_with_the_urgent_text(self, practice, session, book, now, clock):
        fill_in(practice.ada, now)
        later = book(starts_at=NINE + WEEK)
        at = NINE + WEEK - MINUTE
        clock.move_to(at)
        tablet, page = begun(handed_out(practice, later, at, kind="every"))
        assert "Edit" not in text(tablet.get(page))
        assert tablet.post(page, TODAY | {"do": "edit-medication"}).status_code == 404

        said = text(tablet.post(page, TODAY | dict.fromkeys(SIGNS, "no") | {"do": "send", "chest_breath": "yes"}))

        assert "Please get help now" in said
        assert Response.objects.get(kind="every").severity == "stop"

    def test_a_client_without_a_sign_in_fills_it_in_too(self, practice, session, now):
        practice.ada.user = None
        practice.ada.save()
        tablet, page = begun(handed_out(practice, session, now))
        response = Response.objects.get()
        save_section(response, WELL, now=now)
        assert tablet.get(page).status_code == 200

        tablet.post(f"/intake/{response.pk}/")

        response.refresh_from_db()
        assert (response.state, response.submitted_by) == ("submitted", None)
        assert not ResponseView.objects.exists()

    def test_ends_whatever_the_browser_was_signed_in_to(self, practice, session, now):
        tablet = Browser()
        tablet.force_login(practice.finn)

        tablet.post(handed_out(practice, session, now), {"agree": "on"})

        assert "_auth_user_id" not in tablet.session


class TestTheCode:
    def test_works_once(self, practice, session, now):
        address = handed_out(practice, session, now)
        begun(address)

        assert Browser().get(address).status_code == 410
        assert Browser().post(address, {"agree": "on"}).status_code == 410

    def test_is_over_after_half_an_hour_begun_or_not(self, practice, session, now, clock):
        address = handed_out(practice, session, now)
        clock.move_to(now + LASTS)
        assert Browser().get(address).status_code == 410

        clock.move_to(now)
        tablet, page = begun(address)
        clock.move_to(now + LASTS)
        assert tablet.get(page).status_code == 302

    def test_ends_when_another_is_made(self, practice, session, now):
        first = handed_out(practice, session, now)
        second = handed_out(practice, session, now)

        assert Browser().get(first).status_code == 410
        assert Browser().get(second).status_code == 200

    def test_opens_nothing_once_the_consent_is_withdrawn(self, practice, session, now):
        fill_in(practice.ada, now)
        open_response(practice.ada, "first", now=now)
        tablet, page = begun(handed_out(practice, session, now))
        withdraw_health_data(practice.ada, now=now)

        assert tablet.get(page).status_code == 404

    def test_is_drawn_square_and_only_of_squares(self):
        drawn = Template("{% load unknot %}{% qr_code 'https://example.org/' %}").render(Context())

        side = int(re.search(r'viewBox="0 0 (\d+) \1"', drawn)[1])
        marks = [(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", drawn)]
        assert all(4 <= place < side - 4 for mark in marks for place in mark)
        assert {(4, 4), (side - 5, 4), (4, side - 5)} <= set(marks)
