"""The form is asked for where a client looks after booking, and signing in leads to it and to no other site."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from booking.notifications.delivery import send_due
from tests.booking.conftest import NINE, fill_in
from tests.booking.test_my_sessions import code_in, text

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

SIGN_IN = "/sessions/sign-in/"


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ada(client, practice):
    client.force_login(practice.ada.user)
    return client


def html_of(message):
    return next(content for content, kind in message.alternatives if kind == "text/html")


class TestTheBookedPage:
    def test_asks_for_the_form(self, ada, intake, book_series):
        page = ada.get(reverse("booking:booked", args=[book_series(count=1).request.pk]))

        assert "Tess prepares with a short form of yours. It takes about eight minutes" in text(page)
        assert 'href="/intake/"' in page.content.decode()

    def test_is_silent_when_the_form_is_there(self, ada, intake, book_series, practice, now):
        fill_in(practice.ada, now)

        assert "/intake/" not in ada.get(reverse("booking:booked", args=[book_series(count=1).request.pk])).content.decode()

    def test_is_silent_in_a_practice_without_a_form(self, ada, book_series):
        assert "/intake/" not in ada.get(reverse("booking:booked", args=[book_series(count=1).request.pk])).content.decode()


class TestMySessions:
    def test_asks_until_the_form_is_there(self, ada, intake, book, practice, now):
        book()
        assert "Please fill in your form before Tuesday 9 March." in text(ada.get("/sessions/"))

        fill_in(practice.ada, now)

        said = text(ada.get("/sessions/"))
        assert "Your form is complete." in said
        assert "fill in your form" not in said

    def test_asks_again_for_a_session_more_than_a_year_after_the_form(self, ada, intake, book, practice, now):
        fill_in(practice.ada, NINE - timedelta(days=intake.valid_days + 1))
        book()

        assert "Please fill in your form before Tuesday 9 March." in text(ada.get("/sessions/"))

    def test_says_nothing_about_the_form_to_whoever_came_by_a_link(self, client, intake, book, now, mailoutbox):
        book()
        send_due(now)

        page = text(client.get(mailoutbox[0].body.split("http://localhost:8000")[1].split()[0], follow=True))

        assert "You came by the link of a message" in page
        assert "form" not in page.replace("information", "").partition("Your data")[0].lower()


class TestTheConfirmation:
    def test_says_that_a_form_is_waiting_and_where(self, intake, book, now, mailoutbox):
        book()
        send_due(now)

        [message] = mailoutbox
        assert "A short form of about eight minutes is waiting for you." in message.body
        assert "http://localhost:8000/intake/" in message.body
        assert 'href="http://localhost:8000/intake/"' in html_of(message)

    def test_leaves_the_form_out_when_it_is_there(self, intake, book, practice, now, mailoutbox):
        fill_in(practice.ada, now)
        book()
        send_due(now)

        assert "/intake/" not in mailoutbox[0].body + html_of(mailoutbox[0])


class TestSigningInOnTheWay:
    def test_a_code_leads_to_the_page_somebody_came_for(self, client, intake, practice, mailoutbox):
        asked = client.get("/intake/")
        assert asked["Location"] == f"{SIGN_IN}?next=/intake/"
        assert "you go on from there" in text(client.get(asked["Location"]))

        sent = client.post(f"{SIGN_IN}?again=1&next=/intake/", {"email": "ada@example.org"})
        assert sent["Location"] == asked["Location"]
        assert f'action="{asked["Location"]}"' in client.get(sent["Location"]).content.decode()
        answer = client.post(sent["Location"], {"code": code_in(mailoutbox[0])})

        assert answer["Location"] == "/intake/"
        assert client.get("/intake/").status_code == 200

    @pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"])
    def test_it_never_leads_to_another_site(self, client, practice, mailoutbox, elsewhere):
        query = f"?next={elsewhere}"
        assert "evil" not in client.get(SIGN_IN + query).content.decode()
        sent = client.post(SIGN_IN + query, {"email": "ada@example.org"})
        assert sent["Location"] == SIGN_IN

        answer = client.post(SIGN_IN + query, {"code": code_in(mailoutbox[0])})

        assert answer["Location"] == "/sessions/"
        assert client.get(SIGN_IN + query)["Location"] == "/sessions/"
