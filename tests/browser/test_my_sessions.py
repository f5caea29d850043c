"""Moving, cancelling and undoing as a client does it, in Chromium."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from booking.models import Appointment
from booking.notifications.delivery import send_due
from booking.services.changes import UNDO_LASTS

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def sign_in(visit, mailoutbox):
    """Ada at her sessions, by the code that came by mail."""

    def sign_in(**how):
        ada = visit(**how)
        ada.open("/")
        ada.page.get_by_role("link", name="My sessions").click()
        ada.look("My sessions")
        ada.fill_in(**{"E-mail": "ada@example.org"})
        ada.press("Send me the code")
        ada.look("My sessions")
        ada.fill_in(Code=re.search(r"\b(\d{6})\b", mailoutbox[-1].body)[1])
        ada.press("Show my sessions")
        ada.look("Hello Ada")
        return ada

    return sign_in


def days(series):
    return [(each.local_date, each.local_time.hour) for each in series.appointments.order_by("position")]


def test_this_and_the_following_are_moved_and_put_back(sign_in, book_series):
    booked = book_series(count=4)
    before = days(booked.series)
    ada = sign_in()
    ada.page.get_by_role("link", name="Move Tuesday 23 March").click()
    ada.page.get_by_role("link", name=re.compile("This and the following")).click()
    ada.look("Move 2 sessions")
    ada.page.get_by_role("link", name=re.compile("Thu 25")).click()
    ada.page.get_by_role("radio", name="10:00", exact=True).check(force=True)
    ada.press("Plan all dates")
    ada.look("Move 2 sessions")
    second = ada.page.locator(".plan > li").nth(1)
    expect(second).to_contain_text("Thu 1 Apr")
    expect(second).to_contain_text("The clocks change this week")
    assert days(booked.series) == before

    ada.press("Move these 2 sessions")

    ada.look("Hello Ada")
    expect(ada.page.get_by_role("main").get_by_role("status")).to_contain_text(
        "2 sessions moved, the first one to Thursday 25 March, 10:00."
    )
    thursdays = [(date(2027, 3, 25), 10), (date(2027, 4, 1), 10)]
    assert days(booked.series) == before[:2] + thursdays

    ada.press("^Undo")

    ada.look("Hello Ada")
    expect(ada.page.get_by_role("main").get_by_role("status")).to_contain_text("Undone")
    assert days(booked.series) == before


def test_one_of_a_series_is_cancelled_from_the_mail_on_a_phone_without_javascript(visit, book_series, now, mailoutbox):
    booked = book_series(count=3)
    send_due(now)
    ada = visit(width=360, script=False)
    ada.open(re.search(r"http://[^/]+(/l/\S+)", mailoutbox[-1].body)[1])
    expect(ada.page.get_by_role("heading", level=1)).to_have_text(re.compile("Hello Ada"))
    assert "/l/" not in ada.page.url
    ada.page.get_by_role("link", name="Cancel Tuesday 16 March").click()
    expect(ada.page.get_by_role("heading", name="These 2 stay")).to_be_visible()

    ada.press("Cancel this session")

    expect(ada.page.get_by_role("main").get_by_role("status")).to_contain_text("Cancelled: Tuesday 16 March, 9:00.")
    assert list(booked.series.appointments.order_by("position").values_list("status", flat=True)) == [
        "booked",
        "cancelled",
        "booked",
    ]
    send_due(timezone.now() + UNDO_LASTS)
    assert mailoutbox[-1].subject == "Cancelled: Tuesday 16 March at 9:00"


def test_going_back_after_cancelling_leads_to_what_happened(sign_in, book):
    book()
    ada = sign_in(width=360, scheme="dark")
    ada.page.get_by_role("link", name="Cancel Tuesday 9 March").click()
    ada.look("Cancel Tuesday 9 March")
    ada.press("Cancel this session")
    ada.look("Hello Ada")

    ada.page.go_back()

    ada.look("Hello Ada")
    expect(ada.page.get_by_role("main").get_by_role("status")).to_contain_text("Cancelled: Tuesday 9 March, 9:00.")


def test_a_booking_just_made_is_undone(visit, practice, tuesday, mailoutbox):
    ada = visit(width=360)
    ada.open(f"/book/times/?treatment={practice.treatment.pk}&therapist={practice.tess.pk}&day={tuesday}")
    ada.page.get_by_role("radio", name="9:00", exact=True).check(force=True)
    ada.press("Hold this time")
    ada.fill_in(**{"^Name": "Alex Moreno", "E-mail": "alex@example.org"})
    ada.page.get_by_role("checkbox", name=re.compile("I agree")).check()
    ada.press("Send me the code")
    ada.fill_in(Code=re.search(r"\b(\d{6})\b", mailoutbox[-1].body)[1])
    ada.press("^Book")
    ada.look("Booked")

    ada.press("^Undo")

    ada.look("Undone. Nothing is booked")
    assert Appointment.objects.get().status == "cancelled"
    assert send_due(timezone.now() + timedelta(minutes=10)) == 0


def test_inside_the_window_the_pages_give_the_telephone(sign_in, book, now):
    book(starts_at=now + timedelta(hours=5))
    ada = sign_in(scheme="dark")
    ada.page.get_by_role("link", name="Move Monday 1 February").click()
    ada.look("Move Monday 1 February")
    expect(ada.page.get_by_role("main").get_by_role("link", name="020 7946 0010")).to_be_visible()
    ada.page.get_by_role("link", name="Back to my sessions").click()
    ada.page.get_by_role("link", name="Cancel Monday 1 February").click()
    ada.look("Cancel Monday 1 February")
    expect(ada.page.get_by_role("main").get_by_role("status")).to_contain_text("it is recorded as cancelled late")


def test_the_narrowest_screen_shows_every_page_whole(sign_in, book_series):
    """At 320 px, the narrowest screen we promise."""
    booked = book_series(count=3)
    ada = sign_in(width=320)
    pk = booked.appointments[1].pk
    ada.open(f"/sessions/{pk}/cancel/?scope=following")
    ada.look("Cancel 2 sessions")
    ada.open(f"/sessions/{pk}/move/?scope=following")
    ada.look("Move 2 sessions")
    ada.page.get_by_role("radio", name="10:00", exact=True).check(force=True)
    ada.press("Plan all dates")
    ada.look("Move 2 sessions")
