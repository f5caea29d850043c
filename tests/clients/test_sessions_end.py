"""Sessions end: of those who work here by doing nothing or by the clock, of clients where their form is."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from clients.models import Response
from clients.services.questionnaires import load_questionnaire
from clients.services.reference import SHIPPED, load_reference
from clients.services.responses import open_response, read_response
from tests.booking.test_asked import SIGNS, TODAY
from tests.factories import UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

MINUTE = timedelta(minutes=1)
#: Short forms in which nothing is missing, and what of each was typed.
COMPLETE = {
    "every": TODAY | dict.fromkeys(SIGNS, "no") | {"changed": "yes", "changed_text": "My wrist is in plaster."},
    "after": {"f_pain": "2", "f_change": "2", "f_effects": ["none"]},
}
KEPT = {"every": {"changed_text": "My wrist is in plaster."}, "after": {"f_pain": 2}}
EVENTS = "/therapist/calendar/events/?from=2027-02-01&to=2027-02-08"


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def tess(client, practice):
    practice.tess.user = UserFactory(name="Tess Oduya", email="tess@example.org")
    practice.tess.save()
    client.force_login(practice.tess.user)
    client.get("/therapist/")
    return client


def test_doing_something_within_fifteen_minutes_keeps_a_session_and_nothing_ends_it(tess, clock):
    for _ in range(3):
        clock.shift(15 * MINUTE - timedelta(seconds=1))
        assert tess.get("/therapist/").status_code == 200
    clock.shift(15 * MINUTE)

    answer = tess.get("/therapist/?view=day")

    assert answer["Location"] == "/account/login/?next=/therapist/%3Fview%3Dday"
    assert "_auth_user_id" not in tess.session
    page = tess.get(answer["Location"]).content.decode()
    assert "You were signed out, because nothing was done here for 15 minutes." in page


def test_after_twelve_hours_it_is_over_whatever_is_done(tess, clock):
    for _ in range(6 * 12 - 1):
        clock.shift(10 * MINUTE)
        assert tess.get("/therapist/hours/").status_code == 200
    clock.shift(10 * MINUTE)

    answer = tess.get("/therapist/hours/", follow=True)

    assert "You were signed out, because you signed in twelve hours ago." in answer.content.decode()


def test_a_page_that_looks_again_by_itself_keeps_no_session_alive(tess, clock):
    tag = tess.get(EVENTS)["ETag"]
    for _ in range(14):
        clock.shift(MINUTE)
        assert tess.get(EVENTS, headers={"If-None-Match": tag}).status_code in (200, 304)
    clock.shift(MINUTE)

    assert tess.get(EVENTS, headers={"If-None-Match": tag}).status_code == 302


def test_asking_for_another_week_is_doing_something(tess, clock):
    clock.shift(14 * MINUTE)
    tess.get(EVENTS)
    clock.shift(14 * MINUTE)

    assert tess.get("/therapist/").status_code == 200


def test_the_board_looks_by_itself_as_well(client, clock):
    client.force_login(UserFactory(email="robin@example.org", is_staff=True, is_superuser=True))
    client.get("/desk/")
    for _ in range(14):
        clock.shift(MINUTE)
        client.get("/desk/", headers={"X-Board": "1", "If-None-Match": '"x"'})
    clock.shift(MINUTE)

    answer = client.get("/desk/", headers={"X-Board": "1", "If-None-Match": '"x"', "Referer": "http://testserver/desk/"})

    assert answer["Location"] == "/account/login/?next=/desk/"


@pytest.fixture
def ada(client, practice):
    load_reference()
    load_questionnaire((SHIPPED / "intake_questionnaire.json").read_text())
    client.force_login(practice.ada.user)
    client.post("/intake/", {"agree": "on"}, follow=True)
    return client


class TestTheFormOfAClient:
    def test_after_half_an_hour_its_client_signs_in_again_and_what_was_on_its_way_is_kept(self, ada, practice, clock):
        form = Response.objects.get()
        part = reverse("intake:part", args=[form.pk, "part-1"])
        assert ada.get(part).status_code == 200
        before = form.saved_at
        clock.shift(30 * MINUTE)

        answer = ada.post(part, {"do": "save"}, headers={"Referer": f"http://testserver{part}"})

        assert answer["Location"] == f"/sessions/sign-in/?next={part}"
        assert "_auth_user_id" not in ada.session
        form.refresh_from_db()
        assert form.saved_at > before
        assert "What you filled in is kept." in ada.get(answer["Location"]).content.decode()

    @pytest.mark.parametrize("kind", ["every", "after"])
    def test_of_a_short_form_what_was_typed_is_kept_and_nothing_sent(self, ada, practice, clock, now, kind):
        form = open_response(practice.ada, kind, now=now, session_on=now.date())
        page = reverse("intake:brief", args=[form.pk])
        ada.post(page, {"do": "save", "changed": "yes"})
        clock.shift(30 * MINUTE)

        typed = COMPLETE[kind] | {"do": "send"}
        answer = ada.post(page, typed, headers={"Referer": f"http://testserver{page}"})

        assert answer["Location"] == f"/sessions/sign-in/?next={page}"
        assert "_auth_user_id" not in ada.session
        kept = read_response(Response.objects.get(pk=form.pk, state="draft"), by=practice.ada.user, now=now)
        assert kept.items() >= KEPT[kind].items()
        ada.force_login(practice.ada.user)
        ada.post(page, typed)
        assert not Response.objects.get(pk=form.pk).is_draft  # nothing had been missing

    def test_another_page_first_does_not_open_it(self, ada, clock):
        clock.shift(30 * MINUTE)
        assert ada.get("/sessions/").status_code == 200

        assert ada.get("/intake/")["Location"] == "/sessions/sign-in/?next=/intake/"

    def test_their_other_pages_stay_open_and_so_does_the_form_within_the_time(self, ada, clock):
        clock.shift(29 * MINUTE)
        assert ada.get("/intake/").status_code == 200
        clock.shift(60 * MINUTE)

        assert ada.get("/sessions/").status_code == 200
