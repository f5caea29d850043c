"""A therapist's clients: who is there, in which order, and how their courses stand."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from booking.courses import Course, sessions_by_series
from booking.enums import AppointmentStatus
from booking.services.changes import Move, cancel_sessions, move_sessions
from clients.models import ResponseView
from tests.booking.conftest import NINE, fill_in
from tests.booking.test_my_sessions import text
from tests.factories import ClientFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False):
        yield


@pytest.fixture
def hers(client, tess):
    client.force_login(tess)
    return client


def test_whoever_comes_next_stands_first_and_clients_of_others_not_at_all(hers, practice, book):
    book(starts_at=NINE + timedelta(days=1))
    book(client=practice.bo)
    cleo = ClientFactory(user__name="Cleo Marsh")
    book(client=cleo, therapist=practice.jonas)

    page = text(hers.get(reverse("booking:clients")))

    assert page.index("Bo Lindqvist") < page.index("Ada Okafor")
    assert "Cleo Marsh" not in page
    assert hers.get(reverse("booking:client", args=[cleo.pk])).status_code == 404


def test_part_of_a_name_finds_them(hers, practice, book):
    book()
    book(client=practice.bo, starts_at=NINE + timedelta(days=1))

    found, nobody = (text(hers.post(reverse("booking:clients"), {"q": q}, follow=True)) for q in ("lind", "zzz"))

    assert "Bo Lindqvist" in found
    assert "Ada Okafor" not in found
    assert "Nobody you treat has “zzz” in their name" in nobody


def test_a_course_says_what_was_used_missed_moved_and_what_is_to_come(practice, book_series, now):
    sessions = book_series().appointments
    for session, state in zip(sessions, [AppointmentStatus.DONE, AppointmentStatus.NO_SHOW], strict=False):
        type(session).objects.filter(pk=session.pk).update(status=state)
    later = sessions[2].starts_at + timedelta(hours=2)
    move_sessions([Move(sessions[2], practice.tess.pk, later)], by=practice.finn, now=now)
    cancel_sessions([sessions[3]], by=practice.finn, now=now)

    course = Course.of(sessions_by_series({sessions[0].series_id})[sessions[0].series_id])

    assert (course.done, course.missed, course.deviated, course.cancelled, course.left) == (1, 1, 1, 1, 5)
    assert len(course.outcomes) == 8


def test_one_client_is_shown_with_their_course_and_reading_it_leaves_a_row(hers, intake, practice, book, now):
    book()
    fill_in(practice.ada, now, pain_now=6)

    page = text(hers.get(reverse("booking:client", args=[practice.ada.pk])))

    assert "Sessions with you" in page
    assert "ada@example.org" in page
    assert ResponseView.objects.filter(by=practice.tess.user).exists()


def test_the_list_takes_the_same_queries_for_one_and_for_three(hers, practice, book):
    book()
    hers.get(reverse("booking:clients"))  # that she is here is written down once a minute
    with CaptureQueriesContext(connection) as one:
        hers.get(reverse("booking:clients"))
    for n in (1, 2):
        book(client=ClientFactory(), starts_at=NINE + timedelta(days=n))

    with CaptureQueriesContext(connection) as three:
        hers.get(reverse("booking:clients"))

    assert len(three) == len(one)
