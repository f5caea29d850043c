"""Every appointment's history reads as sentences: who did what, from where to where, and why."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from booking.deeds import deeds_of
from booking.services.appointments import set_status
from booking.services.changes import UNDO_LASTS, ByHand, Move, cancel_sessions, move_sessions, undo_change
from booking.services.guard import Choice
from booking.services.holds import book_hold, hold_choices
from tests.booking.conftest import NINE
from tests.factories import UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False):
        yield


@pytest.fixture
def said(client, practice):
    """The sentences on the desk's page of a session, the latest first."""
    client.force_login(UserFactory(email="robin@example.org", is_staff=True, is_superuser=True))

    def said(session):
        page = client.get(reverse("admin:booking_appointment_change", args=[session.pk])).content.decode()
        [part] = re.findall(r'<section class="module deeds".*?</section>', page, re.DOTALL)
        items = re.findall(r"<li>.*?<span>(.*?)</span>", part, re.DOTALL)
        return [" ".join(re.sub(r"<[^>]+>", "", each).split()) for each in items]

    return said


def test_a_move_says_from_where_to_where_by_whom_and_why(book, practice, said, now):
    session = book()

    move_sessions(
        [Move(session, practice.tess.pk, NINE + DAY + HOUR)], by=practice.finn, now=now, override_reason="a dentist on Tuesday"
    )

    assert said(session) == [
        "Finn Desk moved it from Tuesday 9 March, 9:00 to Wednesday 10 March, 10:00. Reason: “a dentist on Tuesday”.",
        "Finn Desk booked it for Tuesday 9 March, 9:00 with Tess Oduya.",
    ]


def test_another_therapist_and_another_length_are_named(book, practice, tess, said, now):
    session = book()

    longer = ByHand(session.length + timedelta(minutes=10))
    move_sessions([Move(session, practice.jonas.pk, NINE, longer)], by=tess, now=now, practice_initiated=True)

    [latest, _booked] = said(session)
    assert "Tess Oduya gave it from Tess Oduya to Jonas Brandt." in latest
    assert "Tess Oduya changed its length from 30 to 40 minutes." in latest
    assert "moved it from" not in latest
    assert latest.endswith("therapist")


def test_a_client_is_named_as_one_and_nobody_as_nobody(practice, said, now):
    hold = hold_choices([Choice(practice.tess.pk, NINE)], owner="ada", treatment=practice.treatment, now=now)
    booked = book_hold(hold, client=practice.ada, key=uuid4(), by=practice.ada.user, now=now)
    session = booked.appointments[0]
    set_status(session, "confirmed", by=None, now=now + HOUR)

    assert said(session) == [
        "Unknot, or a link in a message noted: confirmed.",
        "Ada Okafor booked it for Tuesday 9 March, 9:00 with Tess Oduya. client",
    ]


def test_what_was_taken_back_says_so(book, practice, said, now):
    session = book()
    change = move_sessions([Move(session, practice.tess.pk, NINE + HOUR)], by=practice.finn, now=now, undo_for=UNDO_LASTS)

    undo_change(change, by=practice.finn, now=now)

    assert said(session)[0] == (
        "Finn Desk moved it from Tuesday 9 March, 10:00 to Tuesday 9 March, 9:00. That took back the change before."
    )


@pytest.mark.parametrize(
    ("before", "words"), [(DAY * 3, "cancelled it"), (HOUR, "cancelled it, after the time for free changes")]
)
def test_a_cancellation_says_whether_it_was_late(book, practice, said, before, words):
    session = book()

    cancel_sessions([session], by=practice.ada.user, now=NINE - before, reason="ill")

    assert said(session)[0] == f"Ada Okafor {words}. Reason: “ill”. client"


def test_a_long_history_costs_as_many_queries_as_a_short_one(book, practice, now):
    session = book()

    def cost():
        with CaptureQueriesContext(connection) as queries:
            deeds_of(session)
        return len(queries)

    short = cost()
    for hour in range(1, 4):
        move_sessions([Move(session, practice.tess.pk, NINE + hour * HOUR)], by=practice.finn, now=now, override_reason="x")
        session.refresh_from_db()

    assert (cost(), len(deeds_of(session))) == (short, 4)
