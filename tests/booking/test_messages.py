"""The language in which a client is written to: that of the page they booked on, until somebody chooses another."""

from __future__ import annotations

import pytest
import time_machine
from django.urls import reverse

from clients.models import Client
from tests.booking.test_pages import NEW, NOW, code_in, hold_nine, key_in, start, times
from tests.factories import UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

PAGE = "/sessions/messages/"
CHOICES = {"channel": "email", "wanted": ["reminder", "form"]}


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def two_languages(settings):
    settings.LANGUAGES = [("en-gb", "English"), ("de", "Deutsch")]


def book_in(language, client, mailoutbox, practice):
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = language
    you = hold_nine(client, practice)
    client.post(you, NEW)
    client.post(you, {"code": code_in(mailoutbox[0]), "key": key_in(client.get(you))})
    return Client.objects.get(email="cem@example.org")


@pytest.mark.parametrize(
    ("asked", "kept"),
    [("de-AT,de;q=0.8", "de"), ("en-US", "en-gb"), ("fr", "en-gb")],
    ids=["one of ours", "a relative", "another"],
)
def test_the_language_of_the_page_becomes_that_of_the_client(client, practice, mailoutbox, two_languages, asked, kept):
    cem = book_in(asked, client, mailoutbox, practice)

    assert (cem.language, cem.written_in) == (kept, kept)


def test_what_a_client_chose_before_stays(client, practice, mailoutbox, two_languages):
    cem = book_in("de", client, mailoutbox, practice)
    cem.language = "en-gb"
    cem.save()
    client.logout()
    mailoutbox.clear()

    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "de"
    you = client.post(times(practice, day="2027-03-10"), start(practice))["Location"]
    client.post(you, NEW)
    client.post(you, {"code": code_in(mailoutbox[-1]), "key": key_in(client.get(you))})

    cem.refresh_from_db()
    assert (cem.appointments.count(), cem.language) == (2, "en-gb")


def test_a_client_chooses_another_where_there_is_more_than_one(client, practice, two_languages):
    client.force_login(practice.ada.user)
    assert 'value="en-gb"' in client.get(PAGE).content.decode()

    assert client.post(PAGE, CHOICES | {"language": "de"}).status_code == 302
    practice.ada.refresh_from_db()
    assert practice.ada.language == "de"

    assert client.post(PAGE, CHOICES | {"language": "xx"}).status_code == 422
    practice.ada.refresh_from_db()
    assert practice.ada.language == "de"


def test_with_one_language_nothing_is_asked_and_nothing_changes(client, practice):
    practice.ada.language = "de"
    practice.ada.save()
    client.force_login(practice.ada.user)

    assert "language" not in client.get(PAGE).content.decode()
    assert client.post(PAGE, CHOICES | {"language": "en-gb"}).status_code == 302

    practice.ada.refresh_from_db()
    assert practice.ada.language == "de"


def test_the_desk_chooses_as_well(client, practice, two_languages):
    client.force_login(UserFactory(email="manager@example.org", is_staff=True, is_superuser=True))
    page = reverse("admin:clients_client_change", args=[practice.ada.pk])
    posted = {"name": "Ada Okafor", "email": "ada@example.org", "language": "de"}
    posted |= {f"{inline}-{count}_FORMS": "0" for inline in ("consents", "reach") for count in ("TOTAL", "INITIAL")}

    assert client.post(page, posted).status_code == 302

    practice.ada.refresh_from_db()
    assert practice.ada.language == "de"
