"""A therapist runs the day from the calendar: by mouse, by keyboard, on a phone, and beside others who change it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from playwright.sync_api import expect

from booking.services.appointments import set_status
from booking.services.changes import Move, cancel_sessions, move_sessions
from tests.booking.conftest import NINE
from therapists.models import TimeOff

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HOUR = timedelta(hours=1)
HIGH = 104  # pixels an hour in the calendar
WEEK = "/therapist/?view=week&on=2027-03-09"


@pytest.fixture
def therapist(practice, tess):
    return tess


@pytest.fixture
def with_colleagues(therapist):
    therapist.user_permissions.add(Permission.objects.get(codename="see_colleagues"))


def block(visitor, name="Ada Okafor"):
    return visitor.page.locator(".ec-event.blk:not(.ec-preview, .ec-ghost)").filter(has_text=name)


def lift(visitor, hours, name="Ada Okafor", *, across=0, at=0.2):
    """Take a block that lies still with the mouse and carry it by hours, and ``across`` the page; it is not let go yet."""
    block(visitor, name).hover()
    box = block(visitor, name).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] * at
    mouse = visitor.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x, y + 8)
    mouse.move(x + across, y + hours * HIGH, steps=4)


def drag(visitor, hours, name="Ada Okafor", **more):
    lift(visitor, hours, name, **more)
    visitor.page.mouse.up()


def said(visitor):
    return visitor.page.locator("#moved")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")])
def test_every_view_is_sound_wide_and_narrow_light_and_dark(
    signed_in, therapist, with_colleagues, book, practice, now, width, scheme
):
    book()
    book(client=practice.bo, therapist=practice.jonas)
    set_status(book(client=practice.bo, starts_at=NINE + HOUR), "no_show", by=practice.finn, now=now)
    TimeOff.objects.create(therapist=practice.tess, starts_at=NINE + 4 * HOUR, ends_at=NINE + 6 * HOUR)
    tess = signed_in(therapist, width=width, scheme=scheme)

    tess.open("/therapist/?view=day&on=2027-03-09")

    for view, heading in (
        ("Day", "Tuesday 9 March"),
        ("Week", "8 – 14 March"),
        ("Month", "March 2027"),
        ("List", "8 – 14 March"),
        ("Team", "Tuesday 9 March"),
        ("Rooms", "Tuesday 9 March"),
    ):
        tess.page.get_by_role("button", name=view, exact=True).click()
        expect(tess.page.get_by_role("heading", level=1)).to_have_text(heading)
        expect(block(tess)).to_have_count(1)
        expect(tess.page.get_by_role("region", name="Calendar")).to_be_visible()
        tess.look(heading)


def test_the_week_opens_on_a_laptop_and_the_day_on_a_phone(signed_in, therapist):
    wide, narrow = signed_in(therapist), signed_in(therapist, width=360)

    wide.open("/therapist/")
    narrow.open("/therapist/")

    wide.look("1 – 7 February")
    narrow.look("Monday 1 February")


def test_a_session_is_dragged_to_another_time_and_taken_back(signed_in, therapist, book):
    session = book()
    tess = signed_in(therapist)
    tess.open(WEEK)
    expect(block(tess)).to_contain_text("9:00")

    drag(tess, 2)

    expect(said(tess)).to_contain_text("Ada Okafor is now on Tue 9 Mar, 11:00–11:30, with Tess Oduya · Elm.")
    expect(said(tess)).to_contain_text(re.compile(r"Nothing has been sent yet; at 8:0\d we tell the client\."))
    expect(block(tess)).to_contain_text("11:00")
    tess.look("8 – 14 March")
    session.refresh_from_db()
    assert session.starts_at == NINE + 2 * HOUR

    tess.press("Undo")
    expect(said(tess)).to_contain_text("Undone: Ada Okafor is on Tue 9 Mar at 9:00 again.")
    expect(block(tess)).to_contain_text("9:00")
    session.refresh_from_db()
    assert session.starts_at == NINE


def test_a_session_is_made_longer_by_its_lower_edge_without_telling_the_client(signed_in, therapist, book):
    session = book()
    tess = signed_in(therapist)
    tess.open(WEEK)

    drag(tess, 0.5, at=0.94)

    expect(said(tess)).to_contain_text("9:00–10:00")
    tess.press("Do not tell the client")
    expect(said(tess)).to_contain_text("The client is not told.")
    session.refresh_from_db()
    assert session.length == HOUR
    assert session.notifications.filter(kind="changed").count() == 0


def test_a_session_is_dragged_to_a_colleague(signed_in, therapist, with_colleagues, book, practice):
    session = book()
    tess = signed_in(therapist)
    tess.open("/therapist/?view=team&on=2027-03-09")
    expect(block(tess)).to_be_visible()
    width = tess.page.locator(".ec-body .ec-day").first.bounding_box()["width"]

    drag(tess, 1, across=width)

    expect(said(tess)).to_contain_text("10:00–10:30, with Jonas Brandt")
    expect(block(tess, "A. O.")).to_be_visible()
    session.refresh_from_db()
    assert (session.therapist, session.starts_at) == (practice.jonas, NINE + HOUR)


def test_a_clash_is_refused_in_words_and_the_block_goes_back(signed_in, therapist, book, practice):
    session = book()
    book(client=practice.bo, starts_at=NINE + 2 * HOUR)
    tess = signed_in(therapist)
    tess.open(WEEK)

    drag(tess, 2)

    expect(said(tess)).to_contain_text("Tess is already booked on Tuesday 9 March at 11:00")
    expect(said(tess)).to_contain_text("Nothing was moved.")
    expect(block(tess)).to_contain_text("9:00")
    tess.look("8 – 14 March")
    session.refresh_from_db()
    assert session.starts_at == NINE


def test_of_two_people_who_move_a_session_at_once_the_second_is_told_and_sees_where_it_is(
    signed_in, therapist, book, practice, now
):
    session = book()
    tess = signed_in(therapist)
    tess.open(WEEK)
    expect(block(tess)).to_contain_text("9:00")

    lift(tess, 3)
    move_sessions([Move(session, practice.tess.pk, NINE + HOUR)], by=practice.finn, now=now)
    tess.page.mouse.up()

    expect(said(tess)).to_contain_text("Somebody else changed this session a moment ago. Nothing was changed")
    expect(block(tess)).to_contain_text("10:00")
    session.refresh_from_db()
    assert session.starts_at == NINE + HOUR


def test_a_change_made_elsewhere_appears_within_fifteen_seconds(signed_in, therapist, book, practice, clock):
    book()
    tess = signed_in(therapist)
    tess.page.clock.install(time=clock)
    tess.open(WEEK)
    expect(block(tess)).to_be_visible()

    book(client=practice.bo, starts_at=NINE + 2 * HOUR)
    tess.page.clock.fast_forward(15_000)

    expect(block(tess, "Bo Lindqvist")).to_contain_text("11:00")


def test_a_tab_that_nobody_sees_looks_only_once_a_minute_and_at_once_when_it_is_seen_again(signed_in, therapist, book, clock):
    book()
    tess = signed_in(therapist)
    tess.page.clock.install(time=clock)
    asked = []
    tess.page.on("request", lambda request: asked.append(request.url) if "/events/" in request.url else None)
    tess.open(WEEK)
    expect(block(tess)).to_be_visible()
    hide = "is => { Object.defineProperty(document, 'hidden', { get: () => is, configurable: true }); "
    hide += "document.dispatchEvent(new Event('visibilitychange')) }"

    tess.page.evaluate(hide, True)
    before = len(asked)
    tess.page.clock.run_for(55_000)
    unseen = len(asked) - before
    with tess.page.expect_request("**/events/**"):
        tess.page.evaluate(hide, False)

    assert unseen == 0


def test_a_session_that_is_gone_meanwhile_is_not_opened_or_moved(signed_in, therapist, book, practice, now):
    session = book()
    tess = signed_in(therapist)
    tess.open(WEEK)
    expect(block(tess)).to_be_visible()

    cancel_sessions([session], by=practice.finn, now=now)
    block(tess).click()

    expect(tess.page.get_by_text("This session was cancelled or is somebody else’s now.")).to_be_visible()
    expect(block(tess)).to_have_count(0)
    expect(tess.page.get_by_role("complementary", name="Session")).to_be_hidden()


def test_a_session_is_moved_by_keyboard_beside_the_calendar(signed_in, therapist, book):
    session = book()
    tess = signed_in(therapist)
    tess.open(WEEK)

    block(tess).focus()
    tess.page.keyboard.press("Enter")
    panel = tess.page.get_by_role("complementary", name="Session")
    expect(panel.get_by_role("heading", name="Ada Okafor")).to_be_focused()
    tess.look("8 – 14 March")
    panel.get_by_label("Time").fill("10:20")
    panel.get_by_role("button", name="Move", exact=True).focus()
    tess.page.keyboard.press("Enter")

    expect(said(tess)).to_contain_text("10:20–10:50")
    expect(block(tess)).to_contain_text("10:20")
    session.refresh_from_db()
    assert session.starts_at == NINE + HOUR + timedelta(minutes=20)


def test_a_session_is_taken_through_its_day_beside_the_calendar(signed_in, therapist, book):
    session = book()
    tess = signed_in(therapist)
    tess.open(WEEK)
    block(tess).click()
    panel = tess.page.get_by_role("complementary", name="Session")

    for step, state in (("Arrived", "is-arrived"), ("Start", "is-in"), ("Finish", "is-done")):
        panel.get_by_role("button", name=step).click()
        expect(block(tess)).to_have_class(re.compile(state))

    session.refresh_from_db()
    assert session.status == "done"
    tess.page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(block(tess)).to_be_focused()


def test_on_a_phone_a_session_of_the_day_opens_its_own_page(signed_in, therapist, book):
    session = book()
    tess = signed_in(therapist, width=360)
    tess.open("/therapist/?on=2027-03-09")
    tess.look("Tuesday 9 March")

    block(tess).click()

    tess.look("Ada Okafor")
    tess.page.get_by_label("Time").fill("12:00")
    tess.press("^Move$")
    expect(tess.page.get_by_text("Ada Okafor is now on Tue 9 Mar, 12:00–12:30")).to_be_visible()
    tess.look("Ada Okafor")
    tess.press("Undo")
    expect(tess.page.get_by_text("Undone: Ada Okafor is on Tue 9 Mar at 9:00 again.")).to_be_visible()
    session.refresh_from_db()
    assert session.starts_at == NINE


def test_without_script_the_list_leads_to_the_same_page(signed_in, therapist, book, practice):
    session = book(starts_at=NINE - timedelta(days=33))
    book(client=practice.bo, starts_at=session.starts_at + 2 * HOUR)
    tess = signed_in(therapist, script=False)
    tess.open("/therapist/")
    tess.page.get_by_role("link", name="Ada Okafor", exact=True).click()

    tess.page.get_by_label("Time").fill("11:00")
    tess.press("^Move$")
    expect(tess.page.get_by_text("Tess is already booked on Thursday 4 February at 11:00")).to_be_visible()
    tess.page.get_by_label("Time").fill("10:00")
    tess.press("^Move$")
    expect(tess.page.get_by_text("Ada Okafor is now on Thu 4 Feb, 10:00–10:30")).to_be_visible()
    tess.press("^Undo$")

    expect(tess.page.get_by_text("Undone. Everything is as it was before.")).to_be_visible()
    session.refresh_from_db()
    assert session.starts_at == NINE - timedelta(days=33)
