"""Who took back the agreement about health answers is told so where they book, and books nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import time_machine

from booking.access import OWNER_KEY
from booking.engine.recurrence import Course, Once, Phase
from booking.exceptions import AgreementWithdrawn
from booking.models import Appointment, BookingRequest, Repair
from booking.services.changes import Move, cancel_sessions, move_sessions
from booking.services.guard import Choice
from booking.services.holds import hold_choices
from booking.services.repairs import accept_repair, change_rules, foresee
from booking.services.waitlist import accept_offer, offer_by_hand, wish
from clients.services.consents import health_data_question, record_agreement, withdraw_health_data
from tests.booking.conftest import NINE, fill_in
from tests.booking.test_my_sessions import code_in, text
from therapists.models import TimeOff

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


def test_an_offered_time_is_not_accepted_by_link_either(ada, practice, book, now):
    fill_in(ada, now)
    days = {"earliest_on": NINE.date(), "latest_on": NINE.date()}
    wish(client=ada, treatment=practice.treatment, by=None, now=now, **days)
    at_noon = NINE.replace(hour=12)
    entry = ada.wishes.get()
    offer = offer_by_hand(entry, therapist=practice.jonas, starts_at=at_noon, by=practice.finn, now=now)
    withdraw_health_data(ada, now=now)

    with pytest.raises(AgreementWithdrawn, match="You took back"):
        accept_offer(offer, by=None, now=now)
    with pytest.raises(AgreementWithdrawn, match="This client took back"):
        offer_by_hand(entry, therapist=practice.jonas, starts_at=at_noon, by=practice.finn, now=now)

    record_agreement(ada, health_data_question(), by=ada.user, now=now)
    assert accept_offer(offer, by=None, now=now).appointment.starts_at == at_noon


def test_a_replacement_is_not_accepted_but_a_session_is_moved_and_cancelled(ada, practice, book, now):
    session = book(starts_at=NINE + timedelta(days=1))
    fill_in(ada, now)
    leave = {"therapist": practice.tess, "starts_at": session.starts_at, "ends_at": session.ends_at, "kind": "leave"}
    change = partial(TimeOff.objects.create, **leave)
    change_rules(change, cause=lambda: "leave", by=practice.finn, now=now, agreed=foresee(change, now=now).signature)
    repair = Repair.objects.get(client=ada)
    withdraw_health_data(ada, now=now)

    with pytest.raises(AgreementWithdrawn):
        accept_repair(repair, by=ada.user, now=now)

    move_sessions([Move(session, practice.jonas.pk, NINE + timedelta(days=2))], by=practice.finn, now=now)
    cancel_sessions([Appointment.objects.get(pk=session.pk)], by=ada.user, now=now)
    assert Appointment.objects.get(pk=session.pk).status == "cancelled"


def test_the_desk_books_nothing_for_them_and_reads_why(ada, practice, book, now):
    fill_in(ada, now)
    withdraw_health_data(ada, now=now)

    with pytest.raises(AgreementWithdrawn, match="This client took back the agreement"):
        book(starts_at=NINE + timedelta(days=1))

    assert not Appointment.objects.exclude(status="held").exists()
    assert book(client=practice.bo, starts_at=NINE + timedelta(days=1))


def test_who_was_never_asked_books(client, ada, page):
    assert client.post(page, {"key": KEY, "agree": "on"})["Location"].startswith("/booked/")
