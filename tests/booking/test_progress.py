"""The course in one picture: what is drawn, for whom, and that its numbers stand beside it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.test import Client as Browser

from booking.models import Appointment
from booking.services.progress import progress_of
from clients.models import ResponseView
from clients.services.consents import withdraw_health_data
from tests.booking.conftest import NINE, fill_in
from tests.booking.services.test_asking import NOTHING_NEW, send
from tests.booking.test_my_sessions import text
from tests.factories import UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
DRIVING = "Turning my head while driving"


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


def spot(region, pain):
    return {"region": region, "pain": pain, "spreads_to": ""}


@pytest.fixture
def course(intake, book, practice, now, clock):
    """Three Tuesdays: pain 7, 6, 4 before and 5, 6 after; the last one is ahead."""
    ada, sessions = practice.ada, [book(starts_at=NINE + number * WEEK) for number in range(3)]
    first = {
        "pain_now": 7,
        "areas": [spot("JAW_L", 7)],
        "activities": [{"name": DRIVING, "score": 3}, {"name": "", "score": None}],
    }
    fill_in(ada, now, **first)
    send(ada, "after", sessions[0], NINE + DAY, f_pain=5, f_change="1", f_effects=["none"],
         f_activities=[{"name": DRIVING, "score": 5}])  # fmt: skip
    send(ada, "every", sessions[1], NINE + 6 * DAY, **NOTHING_NEW | {"pain_now": 6, "areas": [spot("JAW_L", 4)]})
    send(ada, "after", sessions[1], NINE + 8 * DAY, f_pain=6, f_change="0", f_effects=["none"])
    send(ada, "every", sessions[2], NINE + 13 * DAY, **NOTHING_NEW | {"pain_now": 4, "areas": [spot("JAW_L", 0)]})
    clock.move_to(NINE + 13 * DAY)
    return sessions


def told(progress):
    return [(stage.number, stage.before, stage.after, stage.change, stage.scores) for stage in progress.stages]


def page_of(user, path):
    browser = Browser()
    browser.force_login(user)
    return browser.get(path)


class TestTheNumbers:
    def test_lie_along_the_sessions_they_were_said_for(self, course, practice):
        progress = progress_of(practice.ada, by=practice.ada.user, now=NINE + 13 * DAY)

        assert told(progress) == [
            (0, None, None, None, {DRIVING: 3}),
            (1, 7, 5, -2, {DRIVING: 5}),
            (2, 6, 6, 0, {}),
            (3, 4, None, None, {}),
        ]
        assert [[(each["region"], each["pain"]) for each in stage.spots] for stage in progress.marked] == [
            [("JAW_L", 7)],
            [("JAW_L", 4)],
            [("JAW_L", 0)],
        ]
        assert (progress.activities, progress.to_come) == ([DRIVING], 1)

    def test_of_a_session_that_did_not_take_place_are_left_out(self, course, practice):
        Appointment.objects.filter(pk=course[1].pk).update(status="no_show")

        progress = progress_of(practice.ada, by=practice.ada.user, now=NINE + 13 * DAY)

        assert [stage.before for stage in progress.sessions] == [7, 4]

    def test_of_a_whole_form_sent_again_speak_of_the_next_session(self, course, practice):
        fill_in(practice.ada, NINE + 13 * DAY + HOUR, pain_now=2, activities=[{"name": DRIVING, "score": 8}])

        progress = progress_of(practice.ada, by=practice.ada.user, now=NINE + 14 * DAY)

        assert told(progress)[2:] == [(2, 6, 6, 0, {DRIVING: 8}), (3, 2, None, None, {})]


class TestThePage:
    def test_has_every_number_of_the_picture_in_the_table(self, course, practice):
        page = page_of(practice.ada.user, "/progress/")
        said = text(page)

        assert "3 sessions, 9 March to 23 March." in said
        assert "pain before a session, first to latest 7 to 4" in said
        picture, table = page.content.decode().split("<table", 1)
        drawn = sorted(re.findall(r'class="lab"[^>]*>(\d+)<', picture))
        listed = sorted(re.findall(r'<td class="num">(\d+)</td>', table))
        assert drawn.count("7") == 1
        assert set(drawn) <= set(listed)
        assert "before: 7, 6, 4. after: 5, 6. A: 3, 5." in said
        assert "1. 9 Mar 7 5 −2 5" in said
        assert "2. 16 Mar 6 6 0 –" in said

    def test_shows_the_spots_of_each_session_in_words_too(self, course, practice):
        said = text(page_of(practice.ada.user, "/progress/"))

        assert "Before session 1, 9 Mar Jaw (left), pain 7 of 10" in said
        assert "Before session 3, 23 Mar Jaw (left), pain 0 of 10" in said

    def test_is_linked_from_my_sessions_once_there_was_one(self, course, practice):
        assert 'href="/progress/"' in page_of(practice.ada.user, "/sessions/").content.decode()
        assert 'href="/progress/"' not in page_of(practice.bo.user, "/sessions/").content.decode()

    def test_without_answers_says_what_to_do_next(self, intake, practice):
        said = text(page_of(practice.bo.user, "/progress/"))

        assert "There is nothing to draw yet" in said
        assert "My form" in said

    def test_of_one_who_took_the_agreement_back_draws_nothing(self, course, practice):
        withdraw_health_data(practice.ada, now=NINE + 13 * DAY)

        page = page_of(practice.ada.user, "/progress/")

        assert "Your answers are locked away" in text(page)
        assert "<table" not in page.content.decode()


class TestTheTherapist:
    @pytest.fixture
    def tess(self, practice):
        practice.tess.user = UserFactory(name="Tess Oduya", email="tess@example.org")
        practice.tess.save()
        return practice.tess.user

    def test_reads_it_and_each_form_read_leaves_a_row(self, course, practice, tess):
        page = page_of(tess, f"/sessions/{course[2].pk}/progress/")

        assert "Ada Okafor, progress" in text(page)
        assert ResponseView.objects.filter(by=tess).count() == practice.ada.responses.submitted().count() == 5

    def test_of_somebody_elses_session_finds_nothing(self, course, practice, tess, book):
        other = book(therapist=practice.jonas, client=practice.bo, starts_at=NINE + 14 * DAY + 2 * HOUR)

        assert page_of(tess, f"/sessions/{other.pk}/progress/").status_code == 404
        assert page_of(practice.ada.user, f"/sessions/{course[2].pk}/progress/").status_code == 404
        assert not ResponseView.objects.exists()

    def test_reads_nothing_once_the_consent_was_withdrawn(self, course, practice, tess):
        withdraw_health_data(practice.ada, now=NINE + 13 * DAY)

        said = text(page_of(tess, f"/sessions/{course[2].pk}/progress/"))

        assert "The answers are locked away" in said
        assert not ResponseView.objects.exists()
