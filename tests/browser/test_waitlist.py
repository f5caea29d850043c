"""Waiting for a time and taking it when it is offered, walked in Chromium."""

from __future__ import annotations

import re
from datetime import datetime, time

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from booking.enums import OfferState
from booking.models import Appointment, Offer, WaitlistEntry
from booking.notifications.delivery import send_due
from booking.services.appointments import book_appointment
from booking.services.changes import cancel_sessions
from booking.services.waitlist import offer_freed, wish

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def offered(practice, tuesday, mailoutbox):
    """Bo waits for Tuesday, Ada cancels hers at nine, and the mail with the link goes out; gives the way of the link."""
    now = timezone.now()
    at_nine = datetime.combine(tuesday, time(9), practice.treatment.location.tz)
    wish(client=practice.bo, treatment=practice.treatment, earliest_on=tuesday, latest_on=tuesday, by=None, now=now)
    session = book_appointment(
        client=practice.ada,
        therapist=practice.tess,
        treatment=practice.treatment,
        starts_at=at_nine,
        by=practice.finn,
        now=now,
    )
    cancel_sessions([session], by=practice.finn, now=now)
    offer_freed(timezone.now())
    send_due(timezone.now())
    [message] = [each for each in mailoutbox if each.to == ["bo@example.org"]]
    return re.search(r"https?://[^/]+(/l/\S+)", message.body)[1]


@pytest.mark.parametrize(("width", "script", "scheme"), [(360, True, "light"), (360, True, "dark"), (320, False, "light")])
def test_an_offer_is_taken_with_one_tap_from_the_link_in_the_mail(visit, practice, tuesday, offered, width, script, scheme):
    bo = visit(width=width, script=script, scheme=scheme)
    bo.open(offered)
    if script:
        bo.look("A time is free for you, Bo")
        expect(bo.page.get_by_text("minutes left")).to_be_visible()
    take = bo.page.get_by_role("button", name="Take this time")
    box = take.bounding_box()
    assert box["height"] >= 44
    assert box["y"] + box["height"] < 900  # in sight without scrolling
    assert Offer.objects.get().state == OfferState.OPEN

    bo.press("Take this time")

    expect(bo.page.get_by_role("heading", level=1)).to_contain_text("It is yours. See you on Tuesday, Bo.")
    if script:
        bo.look("It is yours")
    appointment = Appointment.objects.get(client=practice.bo)
    assert (appointment.local_date, appointment.local_time) == (tuesday, time(9))
    bo.open(offered)
    expect(bo.page.get_by_role("heading", level=1)).to_contain_text("It is yours")
    assert Appointment.objects.filter(client=practice.bo).count() == 1


def test_saying_no_is_as_easy_and_by_keyboard(visit, practice, offered):
    bo = visit(width=360)
    bo.open(offered)
    bo.page.get_by_role("button", name="Take this time").focus()
    bo.page.keyboard.press("Tab")
    bo.page.keyboard.press("Enter")

    bo.look("Thank you for telling us")
    assert Offer.objects.get().state == OfferState.DECLINED


def test_from_a_day_without_times_to_the_waiting_list(visit, practice, tuesday, offered):
    bo = visit(width=360)
    bo.open(offered)
    saturday = tuesday.replace(day=tuesday.day + 4)
    bo.open(f"/book/times/?treatment={practice.treatment.pk}&day={saturday.isoformat()}")
    bo.page.get_by_role("link", name="Join the waiting list").click()
    bo.look("Join the waiting list")
    bo.page.get_by_role("checkbox", name="Jonas Brandt").check()
    bo.page.get_by_role("checkbox", name="Thursday").check()
    bo.page.get_by_role("radio", name=re.compile("Morning")).check(force=True)
    bo.page.get_by_label("Last day").fill("2027-03-26")
    bo.press("Join the waiting list")

    expect(bo.page.get_by_text("You are on the waiting list")).to_be_visible()
    entry = WaitlistEntry.objects.get(weekdays=[3])
    assert (entry.client, entry.starts_until, entry.latest_on.isoformat()) == (practice.bo, time(12), "2027-03-26")
    assert [therapist.name for therapist in entry.therapists.all()] == ["Jonas Brandt"]


def test_whoever_is_not_known_learns_what_to_do(visit, practice):
    somebody = visit(width=360, scheme="dark")
    somebody.open("/waitlist/")

    somebody.look("Who is waiting")
    expect(somebody.page.get_by_role("link", name="Sign in")).to_be_visible()
