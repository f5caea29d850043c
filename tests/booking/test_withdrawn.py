"""Who took back the agreement about health answers is told so where they book, and books nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine

from booking.access import OWNER_KEY
from booking.engine.recurrence import Course, Once, Phase
from booking.models import Appointment, BookingRequest
from booking.services.guard import Choice
from booking.services.holds import hold_choices
from clients.services.consents import health_data_question, record_agreement, withdraw_health_data
from tests.booking.conftest import NINE, fill_in
from tests.booking.test_my_sessions import code_in, text

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

KEY = "11111111-2222-4333-8444-555555555555"


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def page(client, practice, now):
    """The last screen, with a time held in this browser."""
    session = client.session
    session[OWNER_KEY] = "a browser"
    session.save()
    once = Course(NINE.date(), (Phase(Once()),), (540,), (practice.tess.pk,))
    choices = [Choice(practice.tess.pk, datetime(2027, 3, 9, 9, tzinfo=UTC))]
    hold = hold_choices(choices, owner="a browser", treatment=practice.treatment, now=now, course=once.as_json())
    return f"/book/you/{hold.pk}/"


@pytest.fixture
def ada(client, intake, practice, page):
    client.force_login(practice.ada.user)
    session = client.session
    session[OWNER_KEY] = "a browser"
    session.save()
    return practice.ada


def test_nothing_is_booked_and_the_page_says_why(client, ada, page, now):
    fill_in(ada, now)
    withdraw_health_data(ada, now=now)

    for answer in (client.get(page), client.post(page, {"key": KEY, "agree": "on"})):
        assert answer.status_code == 409
        assert "You took back your agreement" in text(answer)
        assert 'href="/intake/"' in answer.content.decode()
    assert not BookingRequest.objects.exists()
    assert Appointment.objects.get().status == "held"


def test_who_comes_in_by_a_code_is_told_the_same(client, intake, practice, page, now, mailoutbox):
    fill_in(practice.ada, now)
    withdraw_health_data(practice.ada, now=now)
    client.post(page + "?known", {"email": "ada@example.org", "agree": "on"})

    answer = client.post(page, {"code": code_in(mailoutbox[0]), "key": KEY})

    assert answer.status_code == 409
    assert "You took back your agreement" in text(answer)
    assert not BookingRequest.objects.exists()


def test_who_agreed_again_books(client, ada, page, now):
    fill_in(ada, now)
    withdraw_health_data(ada, now=now)
    record_agreement(ada, health_data_question(), by=ada.user, now=now)

    assert client.post(page, {"key": KEY, "agree": "on"})["Location"].startswith("/booked/")


def test_who_was_never_asked_books(client, ada, page):
    assert client.post(page, {"key": KEY, "agree": "on"})["Location"].startswith("/booked/")
