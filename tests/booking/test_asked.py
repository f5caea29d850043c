"""Asked on My sessions whether anything changed, and how it was: who is asked, what is sent, and what stays another's."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.test import Client as Browser

from booking.services.guard import Choice
from booking.services.holds import book_hold, hold_choices
from clients.models import Response
from clients.services.responses import read_response
from tests.booking.conftest import NINE, fill_in
from tests.booking.test_my_sessions import text
from tests.clients.answers import medicine

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
MONDAY_BEFORE = NINE + 6 * DAY
TODAY = {"pain_now": "4", "went": "better", "areas-0-region": "NECK_BACK_R", "areas-0-pain": ""}
SIGNS = {
    "ill_today", "chest_breath", "calf_signs", "cauda_signs", "neuro_signs", "headache_signs", "recent_accident", "alcohol_today",
    "med_change", "painkiller_today", "changed",
}  # fmt: skip


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def sessions(intake, book, practice, now):
    """Ada told us of a medicine and an operation, was here on 9 March, and comes again a week later."""
    operation = {"kind": "ortho", "region": "KNEE_FRONT_L", "date": "2015"}
    told = {"takes_any": "yes", "med_list": [medicine("Eliquis")], "had_surgery": "yes", "surgeries": [operation]}
    fill_in(practice.ada, now, **told)
    return [book(), book(starts_at=NINE + WEEK)]


@pytest.fixture
def ada(client, practice, clock, sessions):
    clock.move_to(MONDAY_BEFORE)
    client.force_login(practice.ada.user)
    return client


def begin(browser, session, **posted):
    """The page of the form that a tap on the card opens."""
    return browser.post(f"/sessions/{session.pk}/before/", posted)["Location"]


class TestTheCard:
    def test_asks_on_my_sessions_and_names_the_last_session(self, ada, sessions):
        said = text(ada.get("/sessions/"))

        assert "Anything changed since 9 March?" in said
        assert "Before Tue 16 Mar, please." in said

    def test_is_gone_once_answered_and_asks_nobody_else(self, ada, sessions, practice):
        page = begin(ada, sessions[1], changed="no")
        ada.post(page, TODAY | {"do": "none"})
        assert "Anything changed" not in text(ada.get("/sessions/"))

        bo = Browser()
        bo.force_login(practice.bo.user)
        assert "Anything changed" not in text(bo.get("/sessions/"))
        assert bo.post(f"/sessions/{sessions[1].pk}/before/").status_code == 404
        assert bo.get(page).status_code == 404

    def test_a_session_two_hours_ahead_asks_on_the_booked_page(self, ada, practice):
        soon = [Choice(practice.tess.pk, MONDAY_BEFORE + 2 * HOUR)]
        hold = hold_choices(soon, owner="a browser", treatment=practice.treatment, now=MONDAY_BEFORE)
        made = book_hold(hold, client=practice.ada, key=uuid4(), by=practice.ada.user, now=MONDAY_BEFORE).request

        said = text(ada.get(f"/booked/{made.pk}/"))

        assert "Anything changed since 9 March?" in said
        assert "Before Mon 15 Mar, please." in said

    def test_whoever_is_not_signed_in_comes_back_after_signing_in(self, sessions):
        address = f"/sessions/{sessions[1].pk}/before/"

        assert Browser().get(address)["Location"] == f"/sessions/sign-in/?next={address}"

    def test_a_session_that_asks_nothing_says_so_and_begins_nothing(self, ada, sessions):
        address = f"/sessions/{sessions[0].pk}/before/"

        assert "There is nothing to answer now" in text(ada.post(address))
        assert not Response.objects.drafts().exists()


class TestAnythingChanged:
    def test_shows_what_was_told_in_short_words(self, ada, sessions):
        said = text(ada.get(begin(ada, sessions[1], changed="no")))

        assert "What you told us on 1 February" in said
        assert "Medicines and supplements Eliquis, tablet, capsule or liquid Edit" in said
        assert "Front of knee (left), 2015 Edit" in said
        assert "Where it bothers you: Back of neck (right)" in said

    def test_every_sign_is_named_above_the_one_tap_that_denies_them_all(self, ada, sessions, intake):
        page = ada.get(begin(ada, sessions[1], changed="no")).content.decode()
        named = page[page.index('<ul class="signs">') : page.index('value="none"')]

        texts = [question.text for _section, asked in intake.asked("every") for question in asked if question.code in SIGNS]
        assert len(texts) == len(SIGNS) == named.count("<li>")

    def test_one_tap_answers_them_all_with_no_and_is_sent_for_that_session(self, ada, sessions, practice, now):
        page = begin(ada, sessions[1], changed="no")

        answer = ada.post(page, TODAY | {"do": "none"})

        response = Response.objects.get(kind="every")
        assert answer["Location"] == f"/intake/{response.pk}/"
        assert (response.state, response.session_on) == ("submitted", sessions[1].local_date)
        answers = read_response(response, by=practice.ada.user, now=now)
        assert {answers[code] for code in SIGNS} == {"no"}
        assert (answers["pain_now"], answers["last_reaction"], answers["soreness_now"]) == (4, "better", 0)
        assert [spot["region"] for spot in answers["areas"]] == ["NECK_BACK_R"]

    def test_what_is_missing_is_said_and_nothing_is_sent(self, ada, sessions):
        page = begin(ada, sessions[1], changed="no")

        answer = ada.post(page, {"do": "none", "areas-0-region": "NECK_BACK_R"})

        assert answer.status_code == 422
        assert "How strong is the pain right now" in text(answer)
        assert Response.objects.get(kind="every").is_draft

    def test_none_of_these_beside_a_yes_is_asked_about(self, ada, sessions):
        page = begin(ada, sessions[1], changed="no")

        answer = ada.post(page, TODAY | {"do": "none", "calf_signs": "yes"})

        assert answer.status_code == 422
        assert "Nothing was sent. Please look at them once more" in text(answer)
        assert "Please get help now" in text(answer)
        assert Response.objects.get(kind="every").is_draft

    def test_one_by_one_a_yes_is_sent_as_it_is(self, ada, sessions, practice, now):
        page = begin(ada, sessions[1], changed="no")

        ada.post(page, TODAY | dict.fromkeys(SIGNS, "no") | {"do": "send", "recent_accident": "yes"})

        response = Response.objects.get(kind="every")
        assert (response.state, response.severity) == ("submitted", "review")
        assert read_response(response, by=practice.ada.user, now=now)["recent_accident"] == "yes"

    def test_something_has_opens_the_questions_and_asks_what(self, ada, sessions):
        page = begin(ada, sessions[1], changed="yes")

        shown = ada.get(page).content.decode()

        assert re.search(r'<details class="more mt-3" open>', shown)
        assert "What has changed?" in shown

    def test_sore_is_told_in_full(self, ada, sessions, practice, now):
        page = begin(ada, sessions[1], changed="no")
        assert ada.post(page, TODAY | {"do": "none", "went": "other"}).status_code == 422

        ada.post(page, TODAY | {"do": "none", "went": "other", "last_reaction": "sore3", "soreness_now": "5"})

        answers = read_response(Response.objects.get(kind="every"), by=practice.ada.user, now=now)
        assert (answers["last_reaction"], answers["soreness_now"]) == ("sore3", 5)

    def test_edit_leads_to_that_part_of_the_whole_form_with_the_last_answers(self, ada, sessions, practice, now):
        page = begin(ada, sessions[1], changed="no")

        answer = ada.post(page, TODAY | {"do": "edit-medication"})

        draft = Response.objects.drafts().get(kind="first")
        assert answer["Location"] == f"/intake/{draft.pk}/part-5/"
        assert "Eliquis" in ada.get(answer["Location"]).content.decode()
        assert read_response(Response.objects.get(kind="every"), by=practice.ada.user, now=now)["pain_now"] == 4

    def test_a_spot_is_added_and_removed_on_the_page(self, ada, sessions, practice, now):
        page = begin(ada, sessions[1], changed="no")

        added = ada.post(page, TODAY | {"do": "add:areas", "areas-add": "JAW_L"})
        ada.post(page, TODAY | {"do": "remove:areas:0", "areas-1-region": "JAW_L", "areas-1-pain": "2"})

        assert "Jaw" in text(added)
        answers = read_response(Response.objects.get(kind="every"), by=practice.ada.user, now=now)
        assert answers["areas"] == [{"region": "JAW_L", "spreads_to": "", "pain": 2}]


class TestHowItWas:
    def test_is_asked_the_day_after_and_names_the_activities_again(self, ada, sessions, practice, clock, now):
        clock.move_to(NINE + DAY)
        ada.force_login(practice.ada.user)
        assert "How was it after Tuesday 9 March?" in text(ada.get("/sessions/"))

        page = ada.post(f"/sessions/{sessions[0].pk}/after/")["Location"]
        answer = ada.post(page, {"do": "send", "f_pain": "2", "f_change": "2", "f_effects": ["none"]})

        response = Response.objects.get(kind="after")
        assert answer["Location"] == f"/intake/{response.pk}/"
        assert (response.state, response.session_on) == ("submitted", sessions[0].local_date)
        assert "How was it" not in text(ada.get("/sessions/"))

    def test_closes_after_fourteen_days(self, ada, sessions, practice, clock):
        clock.move_to(NINE + 15 * DAY)
        ada.force_login(practice.ada.user)

        assert "There is nothing to answer now" in text(ada.get(f"/sessions/{sessions[0].pk}/after/"))
