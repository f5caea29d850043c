"""A morning at the front desk: the day is run by clicks, by single keys and without script."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission
from playwright.sync_api import expect

from booking.enums import AppointmentStatus, NotificationKind
from booking.models import Notification
from booking.services.appointments import set_status
from tests.booking.conftest import fill_in
from tests.clients.answers import medicine

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

State = AppointmentStatus
HOUR = timedelta(hours=1)
RIGHTS = ("view_appointment", "change_appointment", "view_client", "view_waitlistentry", "add_offer", "view_notification")


@pytest.fixture
def finn(practice):
    practice.finn.user_permissions.set(Permission.objects.filter(codename__in=RIGHTS))
    return practice.finn


@pytest.fixture
def nine(now):
    return now.replace(hour=9)


@pytest.fixture
def day(with_form, book, finn, now, nine):
    """Ada comes at nine, whose answers are to be decided about; Bo at ten; it is two minutes to nine."""
    before = now - timedelta(days=3)
    ada, bo = book(starts_at=nine, now=before), book(client=with_form.bo, starts_at=nine + HOUR, now=before)
    fill_in(with_form.ada, before, takes_any="yes", med_list=[medicine("Eliquis")])
    with time_machine.travel(nine - timedelta(minutes=2)):
        yield ada, bo


@pytest.fixture
def desk(signed_in, finn, day, nine):
    def arrive(**options):
        visitor = signed_in(finn, **options)
        visitor.page.clock.set_fixed_time(nine)
        return visitor

    return arrive


def row(visitor, name):
    return visitor.page.get_by_role("row").filter(has_text=name)


def block(visitor, name):
    return visitor.page.get_by_role("listitem").filter(has=visitor.page.get_by_role("link", name=re.compile(name)))


def state(session):
    session.refresh_from_db()
    return session.status


def test_the_day_by_clicks(desk, day):
    ada, _bo = day
    visitor = desk()
    visitor.open("/desk/")
    visitor.look("Monday 1 February")
    visitor.page.get_by_role("link", name="By time").click()
    visitor.look("Monday 1 February")
    expect(visitor.page).to_have_url(re.compile("view=time"))

    for word, becomes in (("Arrived", "Arrived"), ("Start", "In session"), ("Done", "Done")):
        row(visitor, "Ada Okafor").get_by_role("button", name=word).click()
        expect(row(visitor, "Ada Okafor")).to_contain_text(becomes)
        expect(visitor.page.locator("#board-heard")).to_have_text(f"Ada Okafor: {becomes}.")
    assert state(ada) == State.DONE

    row(visitor, "Ada Okafor").get_by_role("button", name="Undo").click()
    expect(row(visitor, "Ada Okafor")).to_contain_text("In session")
    visitor.look("Monday 1 February")
    assert state(ada) == State.IN_SESSION


def test_a_session_is_opened_and_cancelled_late_and_restored(desk, day):
    _ada, bo = day
    visitor = desk()
    visitor.open("/desk/")
    visitor.page.get_by_role("link", name=re.compile("10:00 Bo Lindqvist")).click()
    panel = visitor.page.get_by_role("complementary", name="Bo Lindqvist")
    expect(panel.get_by_role("link", name="Form on a tablet")).to_be_visible()
    expect(panel.get_by_role("heading", name="Bo Lindqvist")).to_be_focused()
    visitor.look("Monday 1 February")

    panel.get_by_role("button", name="Cancel late").click()

    expect(panel).to_contain_text("Cancelled late")
    assert state(bo) == State.LATE_CANCELLED
    panel.get_by_role("button", name="Undo").click()
    expect(panel).to_contain_text("Not confirmed")
    assert state(bo) == State.BOOKED
    panel.get_by_role("link", name="Close").click()
    expect(panel).to_be_hidden()
    expect(visitor.page.get_by_role("link", name=re.compile("10:00 Bo Lindqvist"))).to_be_focused()


@pytest.mark.parametrize("view", ["", "?view=time"])
def test_the_morning_by_single_keys(desk, day, view):
    ada, bo = day
    visitor = desk()
    visitor.open(f"/desk/{view}")
    press = visitor.page.keyboard.press

    press("j")
    press("a")
    expect(visitor.page.locator("#board-heard")).to_have_text("Ada Okafor: Arrived.")
    press("s")
    expect(visitor.page.locator("#board-heard")).to_have_text("Ada Okafor: In session.")
    press("j")
    press("c")
    expect(visitor.page.locator("#board-heard")).to_have_text("Bo Lindqvist: Confirmed.")
    press("o")
    panel = visitor.page.get_by_role("complementary", name="Bo Lindqvist")
    expect(panel).to_be_visible()
    press("u")
    expect(panel).to_contain_text("Not confirmed")
    press("Escape")
    expect(panel).to_be_hidden()

    assert (state(ada), state(bo)) == (State.IN_SESSION, State.BOOKED)
    press("n")
    visitor.look("Tuesday 2 February")
    press("t")
    visitor.look("Monday 1 February")


def test_whoever_turns_the_keys_off_is_not_surprised_by_them(desk, day):
    ada, _bo = day
    visitor = desk()
    visitor.open("/desk/")
    visitor.page.keyboard.press("?")
    visitor.page.get_by_role("checkbox", name="Use single keys").uncheck()
    visitor.look("Monday 1 February")

    visitor.page.get_by_role("link", name=re.compile("9:00 Ada Okafor")).focus()
    visitor.page.keyboard.press("a")
    visitor.page.keyboard.press("n")
    visitor.page.keyboard.press("/")

    expect(visitor.page.get_by_role("searchbox")).not_to_be_focused()
    visitor.look("Monday 1 February")
    assert state(ada) == State.BOOKED


def test_what_others_do_appears_by_itself_and_the_place_is_kept(desk, day, finn, nine):
    ada, _bo = day
    visitor = desk()
    visitor.page.clock.install(time=nine)
    visitor.open("/desk/")
    expect(block(visitor, "Ada Okafor").locator(".blk")).to_have_class(re.compile("is-booked"))
    visitor.page.get_by_role("link", name=re.compile("10:00 Bo Lindqvist")).focus()
    set_status(ada, State.ARRIVED, by=finn, now=nine)

    visitor.page.clock.run_for(16_000)

    expect(block(visitor, "Ada Okafor").locator(".blk")).to_have_class(re.compile("is-arrived"))
    expect(visitor.page.get_by_role("link", name=re.compile("10:00 Bo Lindqvist"))).to_be_focused()


def test_without_a_connection_the_board_says_so_and_nothing_is_lost(desk, day):
    ada, _bo = day
    visitor = desk()
    visitor.open("/desk/?view=time")
    visitor.page.route("**/desk/day/step/", lambda route: route.abort())

    row(visitor, "Ada Okafor").get_by_role("button", name="Arrived").click()

    expect(visitor.page.get_by_text("There is no connection. Nothing was changed.").first).to_be_visible()
    assert state(ada) == State.BOOKED
    visitor.page.unroute("**/desk/day/step/")
    row(visitor, "Ada Okafor").get_by_role("button", name="Arrived").click()
    expect(row(visitor, "Ada Okafor")).to_contain_text("waiting 0 min")


def test_everything_works_without_script(desk, day):
    ada, _bo = day
    visitor = desk(script=False)
    visitor.open("/desk/")
    visitor.page.get_by_role("link", name=re.compile("9:00 Ada Okafor")).click()

    visitor.page.get_by_role("complementary").get_by_role("button", name="Arrived").click()

    expect(visitor.page.get_by_text("Ada Okafor: Arrived.")).to_be_visible()
    expect(visitor.page.get_by_role("complementary", name="Ada Okafor")).to_be_visible()
    assert state(ada) == State.ARRIVED
    visitor.page.get_by_role("complementary").get_by_role("button", name="Undo").click()
    expect(visitor.page.get_by_role("complementary")).to_contain_text("Not confirmed")
    assert state(ada) == State.BOOKED


def test_the_day_on_paper_and_the_notices_that_did_not_arrive(desk, day, now):
    ada, _bo = day
    Notification.objects.create(
        kind=NotificationKind.REMINDER,
        client=ada.client,
        appointment=ada,
        recipient="ada@example.org",
        state="failed",
        created_at=now,
        due_at=now,
    )
    visitor = desk()
    visitor.open("/desk/")

    visitor.page.get_by_role("link", name=re.compile("1 notice not delivered")).click()
    visitor.look("Notifications")
    visitor.page.get_by_role("navigation", name="Sidebar").get_by_role("link", name="Day board").click()
    visitor.page.get_by_role("link", name="Print").click()

    visitor.look("Linden Street Practice, Monday 1 February 2027")
    expect(visitor.page.get_by_role("row").filter(has_text="Ada Okafor")).to_contain_text("9:00–9:30")
    expect(visitor.page.get_by_text("To check")).to_have_count(0)
