"""What a client reads of their own session: on hold, to be checked, or confirmed; and nothing of it by a link alone."""

from __future__ import annotations

import re

import pytest
import time_machine
from django.test import Client as Browser
from django.urls import reverse

from booking.enums import DecisionOutcome
from booking.models import Link, SessionFlag
from booking.notifications.delivery import send_due
from booking.services.clearances import record_clearance
from booking.services.decisions import Terms, decide
from tests.booking.conftest import fill_in
from tests.booking.test_my_sessions import text
from tests.clients.answers import medicine
from tests.factories import UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

ON_HOLD = "On hold Please see a doctor first. Your time stays yours. The page for my doctor"
TO_CHECK = "Your therapist will check this with you."
HEART = {"heart": "recent"}
ON_A_THINNER = {"takes_any": "yes", "med_list": [medicine("Eliquis")]}


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False):
        yield


@pytest.fixture
def ada(client, practice):
    client.force_login(practice.ada.user)
    return client


class TestMySessions:
    def test_says_on_hold_with_the_page_for_the_doctor_and_not_confirmed(self, ada, intake, book, practice, now):
        book()
        sent = fill_in(practice.ada, now, **HEART)

        page = ada.get("/sessions/")

        assert "Not confirmed yet" in text(page)
        assert ON_HOLD in text(page)
        sheet = reverse("intake:doctor", args=[sent.pk])
        assert sheet in page.content.decode()
        assert ada.get(sheet).status_code == 200

    def test_keeps_the_page_for_the_doctor_when_the_form_is_answered_again(self, ada, intake, book, practice, now):
        book()
        sent = fill_in(practice.ada, now, **HEART)
        fill_in(practice.ada, now)

        page = ada.get("/sessions/")

        assert ON_HOLD in text(page)
        assert reverse("intake:doctor", args=[sent.pk]) in page.content.decode()

    def test_says_confirmed_after_the_clearance(self, ada, intake, book, practice, now):
        book()
        fill_in(practice.ada, now, **HEART)
        letter = {"given_by": "Dr Hale", "given_on": now.date(), "reference": "folder 12"}
        record_clearance(practice.ada, **letter, by=practice.finn, now=now)

        said = text(ada.get("/sessions/"))

        assert "Confirmed" in said
        assert "On hold" not in said

    def test_says_that_the_therapist_will_check_until_it_is_decided(self, ada, intake, book, practice, now):
        session = book()
        fill_in(practice.ada, now, **ON_A_THINNER)
        assert TO_CHECK in text(ada.get("/sessions/"))

        decide(session, DecisionOutcome.APPROVED, Terms(), by=practice.finn, now=now, seen_round=1)

        assert TO_CHECK not in text(ada.get("/sessions/"))

    def test_has_a_page_for_the_doctor_where_the_therapist_asks_for_one(self, ada, intake, book, practice, now):
        session = book()
        sent = fill_in(practice.ada, now, **ON_A_THINNER)
        decide(session, DecisionOutcome.DOCTOR_FIRST, Terms(), by=practice.finn, now=now, seen_round=1)

        assert ON_HOLD in text(ada.get("/sessions/"))
        assert "Eliquis" in text(ada.get(reverse("intake:doctor", args=[sent.pk])))

    def test_of_somebody_well_says_nothing_of_it(self, ada, intake, book, practice, now):
        book()
        fill_in(practice.ada, now)

        said = text(ada.get("/sessions/"))

        assert "On hold" not in said
        assert TO_CHECK not in said

    def test_a_declined_one_shows_the_repair(self, ada, intake, book, practice, now):
        session = book()
        fill_in(practice.ada, now, **ON_A_THINNER)
        practice.tess.user = UserFactory(name="Tess Oduya", email="tess@example.org")
        practice.tess.save()
        decide(session, DecisionOutcome.DECLINED, Terms(reason="x"), by=practice.tess.user, now=now, seen_round=1)

        page = ada.get(reverse("booking:repair", args=[practice.ada.repairs.get().pk]))

        assert "Jonas Brandt" in text(page)
        assert "Eliquis" not in text(page)

    @pytest.mark.parametrize("answers", [HEART, ON_A_THINNER], ids=["on hold", "to check"])
    def test_opened_by_a_link_says_nothing_of_health(self, intake, book, practice, now, mailoutbox, answers):
        book()
        fill_in(practice.ada, now, **answers)
        send_due(now)
        browser = Browser()
        browser.get(re.search(r"https?://[^/]+(/l/\S+)", next(m.body for m in mailoutbox if m.to == ["ada@example.org"]))[1])

        said = text(browser.get("/sessions/"))

        assert "Two areas with Tess Oduya" in said
        assert "doctor" not in said
        assert "On hold" not in said
        assert TO_CHECK not in said
        assert ("Sign in to read what is still needed" in said) is (answers is HEART)
        assert Link.objects.exists()


class TestTheBookedPage:
    @pytest.mark.parametrize(("answers", "says"), [(HEART, ON_HOLD), (ON_A_THINNER, TO_CHECK)], ids=["on hold", "to check"])
    def test_says_what_still_stands_in_the_way(self, ada, intake, book_series, practice, now, answers, says):
        fill_in(practice.ada, now, **answers)
        booked = book_series(count=2)

        said = text(ada.get(reverse("booking:booked", args=[booked.request.pk])))

        assert says in said
        assert ("Booked, and on hold, Ada Okafor." in said) is (answers is HEART)
        assert SessionFlag.objects.count() == 2


class TestTheConfirmation:
    def test_of_a_session_on_hold_from_the_start_says_that_it_is_not_confirmed(self, practice, intake, book, now, mailoutbox):
        fill_in(practice.ada, now, **HEART)
        book()

        send_due(now)

        [message] = mailoutbox
        assert message.subject == "Kept for you, not confirmed yet: Tuesday 9 March at 9:00"
        for part in (message.body, message.alternatives[0].content):
            assert "We keep Tuesday 9 March for you, Ada." in part
            assert "It is not confirmed yet." in part
            assert "Booked" not in part
            assert "doctor" not in part

    def test_of_any_other_says_booked(self, practice, intake, book, now, mailoutbox):
        fill_in(practice.ada, now)
        book()

        send_due(now)

        assert mailoutbox[0].subject == "Booked: Tuesday 9 March at 9:00"
        assert "not confirmed" not in mailoutbox[0].body
