"""The desk's page to find a client: what it says of each, to whom, and what it never looks through."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from booking.enums import AppointmentStatus
from booking.services.changes import cancel_sessions
from booking.services.waitlist import wish
from booking.templatetags.unknot import marked
from clients.crypto import sealed_for_address
from tests.booking.conftest import NINE, fill_in
from tests.clients.answers import medicine
from tests.factories import AppointmentFactory, ClientFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

State = AppointmentStatus
DAY = timedelta(days=1)
RIGHTS = ("view_client", "view_appointment", "add_appointment", "change_appointment", "view_waitlistentry")


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False):
        yield


@pytest.fixture
def desk(client, practice):
    """The front desk's browser, with all rights it needs; or with some of them."""

    def sign_in(*rights):
        practice.finn.user_permissions.set(Permission.objects.filter(codename__in=rights))
        client.force_login(practice.finn)
        return client

    sign_in(*RIGHTS)
    client.sign_in = sign_in
    return client


def page(browser, typed):
    return browser.get(reverse("admin:find_client"), {"q": sealed_for_address(typed)})


def text(browser, typed):
    return " ".join(page(browser, typed).content.decode().split())


def found(browser, typed):
    return [caller.client.name for caller in page(browser, typed).context["found"]]


def test_who_is_found_with_address_phone_and_the_next_session(desk, practice, book, book_series):
    book_series(3)
    book(client=practice.bo, therapist=practice.jonas)

    shown = text(desk, "oka")

    assert "Ada <mark>Oka</mark>for" in shown
    assert reverse("admin:clients_client_change", args=[practice.ada.pk]) in shown
    assert "ada@example.org" in shown
    assert "+44 20 7946 0018" in shown
    assert "Tue 9 Mar, 9:00</time>, Tess Oduya, 1 of 3" in shown
    assert "Jonas Brandt" not in shown


def test_book_begins_with_the_client_and_move_next_leads_to_the_session(desk, practice, book):
    session = book()
    shown = text(desk, "ada")

    assert f'href="{reverse("admin:session", args=[session.pk])}"' in shown
    assert f'href="{reverse("admin:book_for", args=[practice.ada.pk])}"' in shown


def test_any_date_of_a_course_is_a_click_away_as_far_as_the_row_goes(desk, practice, book, book_series):
    _first, *later = book_series(8).appointments
    book(client=practice.bo, therapist=practice.jonas)
    shown = text(desk, "ada")

    assert [reverse("admin:session", args=[each.pk]) in shown for each in later] == [True] * 5 + [False] * 2
    assert "Then:" in shown
    assert "Then:" not in text(desk, "lindqvist")
    desk.sign_in("view_client", "view_appointment")
    assert reverse("admin:session", args=[later[0].pk]) not in text(desk, "ada")


def test_what_is_cancelled_or_over_is_not_next(desk, practice, book, now):
    cancel_sessions([book()], by=practice.finn, now=now)
    AppointmentFactory(client=practice.ada, therapist=practice.tess, starts_at=now - DAY)

    shown = text(desk, "ada")

    assert "Nothing booked." in shown
    assert "Move next" not in shown


def test_this_years_sessions_and_no_shows_are_counted_and_no_others(desk, practice, now):
    for days, status in ((3, State.DONE), (4, State.DONE), (5, State.NO_SHOW), (6, State.CANCELLED), (40, State.DONE)):
        AppointmentFactory(client=practice.ada, therapist=practice.tess, starts_at=now - days * DAY, status=status)
    AppointmentFactory(client=practice.bo, therapist=practice.tess, starts_at=now - 7 * DAY, status=State.DONE)

    assert "2 sessions, 1 no-show in 2027" in text(desk, "ada")
    assert "1 session, 0 no-shows in 2027" in text(desk, "bo lindqvist")


def test_a_wish_is_shown_while_it_waits(desk, practice, now):
    days = {"earliest_on": NINE.date(), "latest_on": NINE.date() + DAY}
    waiting = wish(client=practice.ada, treatment=practice.treatment, by=None, now=now, weekdays=[1], **days)

    assert "On the waiting list for Two areas: Tuesday, any time (Tue 9 Mar to Wed 10 Mar)" in text(desk, "ada")
    waiting.state, waiting.ended_at = "withdrawn", now
    waiting.save()
    assert "On the waiting list" not in text(desk, "ada")


def test_each_part_is_shown_to_whoever_may_see_it(desk, practice, book, now):
    book()
    wish(client=practice.ada, treatment=practice.treatment, by=None, now=now, earliest_on=NINE.date(), latest_on=NINE.date())

    desk.sign_in("view_client")
    shown = text(desk, "ada")

    assert "ada@example.org" in shown
    for word in ("Tess Oduya", "no-show", "waiting list for", "Move next", "?client="):
        assert word not in shown


def test_only_whoever_may_see_clients_finds_them(desk):
    assert "Find a client" in text(desk, "")
    desk.sign_in("view_appointment")

    assert page(desk, "ada").status_code == 403
    assert "Find a client" not in desk.get(reverse("admin:index")).content.decode()


@pytest.mark.usefixtures("intake", "few_medicines")
def test_health_answers_are_never_searched(desk, practice, now):
    fill_in(practice.ada, now, takes_any="yes", med_list=[medicine("Eliquis")])

    assert found(desk, "Eliquis") == []
    assert "Health answers are never searched." in text(desk, "Eliquis")


def test_nobody_is_listed_before_anything_is_typed_and_nobody_found_is_said(desk):
    assert found(desk, " ") == []
    assert "No client matches" not in text(desk, " ")
    assert "No client matches “&lt;b&gt;xyz”" in text(desk, "<b>xyz")


def test_twelve_clients_cost_no_more_queries_than_one(desk, practice, now):
    def queries(typed):
        with CaptureQueriesContext(
            connection,
        ) as made:
            assert page(desk, typed).status_code == 200
        return len(made)

    for number in range(12):
        each = ClientFactory(user__name=f"Nadia Number{number}", user__email=f"n{number}@example.org")
        AppointmentFactory(client=each, therapist=practice.tess, starts_at=now + (number + 1) * DAY)
        wish(client=each, treatment=practice.treatment, by=None, now=now, earliest_on=NINE.date(), latest_on=NINE.date())
    queries("ada")

    assert len(found(desk, "nadia")) == 12
    assert queries("nadia") <= queries("number7")


@pytest.mark.parametrize(
    ("name", "typed", "shown"),
    [
        ("Zoë Müller", "muller", "Zoë <mark>Müller</mark>"),
        ("Alex Moreno", "mor al", "<mark>Al</mark>ex <mark>Mor</mark>eno"),
        ("Alex Moreno", "mroeno", "Alex Moreno"),
        ("Alex Moreno", "", "Alex Moreno"),
        ("A <b>", "(b", "A &lt;<mark>b</mark>&gt;"),
    ],
)
def test_what_was_typed_is_marked_and_the_rest_is_not(name, typed, shown):
    assert marked(name, typed) == shown
