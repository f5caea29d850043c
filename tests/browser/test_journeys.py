"""The journeys of a visitor, walked in Chromium: alone, by keyboard, on a phone, and without JavaScript."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

import pytest
import time_machine
from django.utils import timezone
from playwright.sync_api import expect

from booking.models import Appointment, Series
from booking.notifications.delivery import send_due
from booking.services.appointments import book_appointment
from booking.services.changes import UNDO_LASTS
from therapists.models import TimeOff

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def at(practice, day, hour):
    return datetime.combine(day, time(hour), practice.treatment.location.tz)


def address(practice, day, **more):
    facts = {"treatment": practice.treatment.pk, "therapist": practice.tess.pk, "day": day.isoformat()} | more
    return "/book/times/?" + "&".join(f"{key}={value}" for key, value in facts.items())


def prove(visitor, mailoutbox):
    """Type the code that came by mail."""
    expect(visitor.page.get_by_role("textbox", name=re.compile("Code"))).to_be_visible()
    code = re.search(r"\b(\d{6})\b", mailoutbox[-1].body)[1]
    visitor.fill_in(Code=code)
    visitor.press("^Book")


def test_a_new_client_books_one_session(visit, practice, tuesday, mailoutbox):
    ada = visit()
    ada.open("/")
    ada.page.get_by_role("checkbox", name="Neck").check()
    ada.look("Where does it hurt")
    ada.press("Show free times")
    ada.look("What would help")
    ada.page.get_by_role("radio", name=re.compile("Tess Oduya")).check()
    ada.press("Find times")
    ada.look("When suits you")
    ada.page.locator(".times input").first.check()
    ada.press("Hold this time")
    ada.look("Who is coming")
    ada.open(address(practice, tuesday))
    ada.page.get_by_role("radio", name="9:00", exact=True).check()
    ada.press("Hold this time")
    ada.fill_in(**{"^Name": "Alex Moreno", "E-mail": "alex@example.org", "Phone": "020 7946 0958"})
    ada.page.get_by_role("checkbox", name=re.compile("I agree")).check()
    ada.press("Send me the code")
    ada.look("Who is coming")

    prove(ada, mailoutbox)

    ada.look("Booked. See you on Tuesday, Alex Moreno")
    appointment = Appointment.objects.get(status="booked")
    assert (appointment.local_date, appointment.local_time) == (tuesday, time(9))
    with ada.page.expect_download() as download:
        ada.page.get_by_role("link", name="Add to my calendar").click()
    assert download.value.suggested_filename == "sessions.ics"
    assert send_due(timezone.now() + UNDO_LASTS) == 1
    assert mailoutbox[-1].to == ["alex@example.org"]


def test_a_weekly_series_of_eight_goes_round_a_conflict(visit, practice, tuesday, mailoutbox):
    away = tuesday + timedelta(weeks=2)
    TimeOff.objects.create(therapist=practice.tess, starts_at=at(practice, away, 0), ends_at=at(practice, away, 23))
    ada = visit()
    ada.open(address(practice, tuesday, rhythm="weekly", count=8))
    ada.page.get_by_role("radio", name="9:00", exact=True).check()
    ada.press("Plan all dates")
    ada.look("8 dates at 9:00")
    third = ada.page.locator(".plan > li").nth(2)
    expect(third).to_contain_text("Moved")
    expect(third).to_contain_text("Tess is away on")
    ada.page.get_by_role("link", name="Take these 8 dates").click()
    ada.fill_in(**{"^Name": "Alex Moreno", "E-mail": "alex@example.org"})
    ada.page.get_by_role("checkbox", name=re.compile("I agree")).check()
    ada.press("Send me the code")
    prove(ada, mailoutbox)

    ada.look("Booked")
    series = Series.objects.get()
    dates = list(series.appointments.order_by("position").values_list("local_date", flat=True))
    assert len(dates) == 8
    assert away not in dates
    assert {each.local_time for each in series.appointments.all()} == {time(9)}
    send_due(timezone.now() + UNDO_LASTS)
    assert mailoutbox[-1].subject.startswith("Booked: 8 sessions")


def test_a_daily_series_of_five_with_a_conflict_and_a_swap(visit, practice, tuesday, mailoutbox):
    book_appointment(
        client=practice.bo,
        therapist=practice.tess,
        treatment=practice.treatment,
        starts_at=at(practice, tuesday + timedelta(days=1), 9),
        by=practice.finn,
        now=timezone.now(),
    )
    ada = visit()
    ada.open(address(practice, tuesday, rhythm="daily", count=5))
    ada.page.get_by_role("radio", name="9:00", exact=True).check()
    ada.press("Plan all dates")
    ada.look("5 dates at 9:00")
    expect(ada.page.get_by_text("Tess is already booked on")).to_be_visible()
    fifth = ada.page.locator(".plan > li").nth(4)
    when = fifth.locator(".date, .time")
    before = when.all_inner_texts()
    fifth.locator("summary").click()
    fifth.get_by_role("button", name="Use this one").click()
    expect(when).not_to_have_text(before, use_inner_text=True)
    ada.look("5 dates at 9:00")
    ada.page.get_by_role("link", name="Take these 5 dates").click()
    ada.fill_in(**{"^Name": "Alex Moreno", "E-mail": "alex@example.org"})
    ada.page.get_by_role("checkbox", name=re.compile("I agree")).check()
    ada.press("Send me the code")
    prove(ada, mailoutbox)

    ada.look("Booked")
    assert Series.objects.get().appointments.count() == 5


def test_another_day_is_shown_in_place_and_said_aloud(visit, practice, tuesday):
    ada = visit()
    ada.open(address(practice, tuesday))
    ada.page.evaluate("window.sameDocument = true")
    shown = ada.page.locator("#day")

    ada.page.get_by_role("list", name="Days with free times").get_by_role("link", name="Wed").click()

    expect(shown).to_have_text("Wednesday 24 February")
    expect(ada.page.locator("#said")).to_contain_text("Wednesday 24 February: 31 free times")
    expect(ada.page).to_have_url(re.compile("day=2027-02-24"))
    expect(ada.page.locator("#day-2027-02-24")).to_be_focused()
    ada.look("When suits you")

    ada.page.get_by_text("Show the whole month").click()
    ada.page.get_by_role("link", name="Friday 26 February, free times").click()

    expect(shown).to_have_text("Friday 26 February")
    expect(shown).to_be_focused()
    assert ada.page.evaluate("window.sameDocument")

    ada.page.go_back()

    expect(shown).to_have_text("Wednesday 24 February")
    ada.page.get_by_role("radio", name="9:00", exact=True).check()
    ada.press("Hold this time")
    ada.look("Who is coming")
    assert Appointment.objects.get().local_date == tuesday + timedelta(days=1)


def test_a_plan_is_shown_and_held_as_soon_as_it_is_chosen(visit, practice, tuesday):
    away = tuesday + timedelta(weeks=2)
    TimeOff.objects.create(therapist=practice.tess, starts_at=at(practice, away, 0), ends_at=at(practice, away, 23))
    ada = visit(width=360)
    ada.open(address(practice, tuesday, rhythm="weekly", count=8))
    ada.page.get_by_role("radio", name="9:00", exact=True).check()
    ada.press("Plan all dates")
    third = ada.page.locator(".plan > li").nth(2)
    expect(third).to_contain_text("Moved")
    expect(ada.page.get_by_role("button", name="Show this plan")).to_have_count(0)
    before = ada.page.url
    ada.page.evaluate("window.sameDocument = true")

    other = ada.page.get_by_role("radio", name=re.compile("Always 9:00"))
    other.check()

    expect(third).to_contain_text("Other therapist")
    expect(ada.page.locator("#said")).to_contain_text("Always 9:00: 7 kept, 1 other therapist")
    expect(other).to_be_checked()
    expect(other).to_be_focused()
    assert ada.page.evaluate("window.sameDocument")
    expect(ada.page).not_to_have_url(before)
    ada.look("8 dates at 9:00")
    assert set(Appointment.objects.filter(status="held").values_list("local_time", flat=True)) == {time(9)}
    ada.page.get_by_role("link", name="Take these 8 dates").click()
    ada.look("Who is coming")


def test_a_plan_chosen_after_the_ten_minutes_says_so(visit, practice, tuesday):
    away = tuesday + timedelta(weeks=2)
    TimeOff.objects.create(therapist=practice.tess, starts_at=at(practice, away, 0), ends_at=at(practice, away, 23))
    ada = visit()
    ada.open(address(practice, tuesday, rhythm="weekly", count=8))
    ada.page.get_by_role("radio", name="9:00", exact=True).check()
    ada.press("Plan all dates")

    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        ada.page.get_by_role("radio", name=re.compile("Always 9:00")).check()
        ada.look("The times are free again")


def test_a_known_client_needs_the_address_and_the_code(visit, practice, tuesday, mailoutbox):
    ada = visit(scheme="dark")
    ada.open(address(practice, tuesday))
    ada.page.get_by_role("radio", name="10:00", exact=True).check()
    ada.press("Hold this time")
    ada.page.get_by_role("link", name=re.compile("Been here before")).click()
    ada.look("Who is coming")
    ada.fill_in(**{"E-mail": "ada@example.org"})
    ada.page.get_by_role("checkbox", name=re.compile("I agree")).check()
    ada.press("Send me the code")
    prove(ada, mailoutbox)

    ada.look("Booked. See you on Tuesday, Ada Okafor")
    assert Appointment.objects.get().client == practice.ada


@pytest.mark.parametrize("width", [360, 320])
def test_on_a_phone_without_javascript(visit, practice, tuesday, mailoutbox, width):
    ada = visit(width=width, script=False)
    ada.open("/")
    ada.press("Show free times")
    ada.page.get_by_role("radio", name=re.compile("Weekly")).check(force=True)
    ada.page.get_by_role("combobox", name=re.compile("How many")).select_option("4")
    ada.press("Find times")
    ada.open(address(practice, tuesday, rhythm="weekly", count=4))
    ada.page.get_by_role("radio", name="9:00", exact=True).check(force=True)
    ada.press("Plan all dates")
    expect(ada.page.get_by_role("heading", level=1)).to_contain_text("4 dates at 9:00")
    ada.page.get_by_role("link", name="Take these 4 dates").click()
    ada.fill_in(**{"^Name": "Alex Moreno", "E-mail": "alex@example.org"})
    ada.page.get_by_role("checkbox", name=re.compile("I agree")).check()
    ada.press("Send me the code")
    prove(ada, mailoutbox)

    expect(ada.page.get_by_role("heading", level=1)).to_contain_text("Booked")
    assert Series.objects.get().appointments.count() == 4


def test_by_keyboard_alone(visit, practice, tuesday, mailoutbox):
    ada = visit(width=360)
    ada.open(address(practice, tuesday))
    keyboard = ada.page.keyboard

    def tab_to(name):
        for _ in range(120):
            keyboard.press("Tab")
            focused = ada.page.evaluate(
                "(e => (e.labels?.[0]?.innerText || e.getAttribute('aria-label') || e.innerText || '').trim())"
                "(document.activeElement)"
            )
            if re.search(name, focused):
                return
        raise AssertionError(f"{name} cannot be reached by Tab")

    tab_to("^9:00$")
    keyboard.press("Space")
    keyboard.press("ArrowRight")
    tab_to("Hold this time")
    keyboard.press("Enter")
    ada.look("Who is coming")
    for name, text in (("^Name", "Alex Moreno"), ("E-mail", "alex@example.org")):
        tab_to(name)
        keyboard.type(text)
    tab_to("I agree")
    keyboard.press("Space")
    tab_to("Send me the code")
    keyboard.press("Enter")
    expect(ada.page.get_by_text("We sent a six-digit code")).to_be_visible()
    tab_to("Code from")
    keyboard.type(re.search(r"\b(\d{6})\b", mailoutbox[-1].body)[1])
    keyboard.press("Enter")

    ada.look("Booked")
    assert Appointment.objects.get().local_time == time(9, 15)


def test_someone_was_faster(visit, practice, tuesday):
    ada = visit()
    ada.open(address(practice, tuesday))
    ada.page.get_by_role("radio", name="9:00", exact=True).check()
    book_appointment(
        client=practice.bo,
        therapist=practice.tess,
        treatment=practice.treatment,
        starts_at=at(practice, tuesday, 9),
        by=practice.finn,
        now=timezone.now(),
    )

    ada.press("Hold this time")

    ada.look("When suits you")
    expect(ada.page.get_by_role("alert")).to_contain_text("no longer free")
    expect(ada.page.get_by_role("radio", name="9:00", exact=True)).to_have_count(0)


def test_pointing_at_the_body_ticks_the_list_and_narrows_the_treatments(visit, practice):
    from tests.factories import TreatmentFactory

    practice.treatment.areas = ["NECK"]
    practice.treatment.save()
    TreatmentFactory(name="Foot and calf", areas=["FOOT"], by=[practice.tess])
    ada = visit()
    ada.open("/book/")
    expect(ada.page.get_by_role("radio", name=re.compile("Foot and calf"))).to_have_count(1)

    ada.page.locator('[data-area="NECK"] .bp').first.click()

    expect(ada.page.get_by_role("checkbox", name="Neck")).to_be_checked()
    expect(ada.page.get_by_role("radio", name=re.compile("Foot and calf"))).to_have_count(0)
    expect(ada.page.locator("#said")).to_have_text("1 treatment suits what you marked.")
    ada.look("What would help")


def test_pages_that_say_no_are_pages_too(visit, practice):
    ada = visit(width=360, scheme="dark")
    ada.open("/nowhere/")
    ada.look("This page is not here")


def test_the_desk_sees_nothing_of_what_was_booked_before_a_second_step(visit, practice, tuesday):
    practice.finn.is_superuser = True
    practice.finn.set_password("a long enough password")
    practice.finn.save()
    book_appointment(
        client=practice.ada,
        therapist=practice.tess,
        treatment=practice.treatment,
        starts_at=at(practice, tuesday, 9),
        by=practice.finn,
        now=timezone.now(),
    )
    finn = visit()
    finn.open("/desk/booking/appointment/")
    finn.look("Sign in")
    finn.page.get_by_role("textbox", name=re.compile("mail", re.IGNORECASE)).fill("finn@example.org")
    finn.page.get_by_label(re.compile("Password")).fill("a long enough password")
    finn.press("Sign in")

    finn.look("Second step of signing in")
    finn.open("/desk/booking/appointment/")
    expect(finn.page.get_by_text("Ada Okafor")).to_have_count(0)
    finn.sign_in(practice.finn)
    finn.open("/desk/booking/appointment/")
    expect(finn.page.get_by_role("table").get_by_text("Ada Okafor")).to_be_visible()
    assert finn.blocked == []
