"""A therapist books what comes next: one more session, and more dates for the series of this one; and blocks time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from booking.models import Appointment, Series
from therapists.models import TimeOff

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WEEK = timedelta(weeks=1)


@pytest.mark.parametrize("script", [True, False])
def test_one_more_session_from_the_panel_to_booked(signed_in, with_form, book, now, script):
    session = book(starts_at=now.replace(hour=14))
    tess = signed_in(with_form.tess.user, width=360, script=script)
    tess.open(f"/therapist/sessions/{session.pk}/")

    tess.page.get_by_role("link", name="Book the next").click()
    if script:
        tess.look("Book the next for Ada Okafor")
    tess.page.get_by_role("button", name="Hold and show").press("Enter")
    expect(tess.page.get_by_role("heading", name="Book for Ada Okafor?")).to_be_visible()
    if script:
        tess.look("Book for Ada Okafor")
    tess.press("Book")

    expect(tess.page.get_by_text("Booked. Ada Okafor is told of 1 session.")).to_be_visible()
    assert Appointment.objects.real().filter(client=with_form.ada, starts_at=session.starts_at + WEEK).exists()


def test_a_series_goes_on_with_the_plan_that_she_chooses(signed_in, with_form, book_series, book):
    series = book_series(3)
    nine_in_summer = series.appointments[-1].starts_at + 2 * WEEK - timedelta(hours=1)
    book(client=with_form.bo, starts_at=nine_in_summer)
    tess = signed_in(with_form.tess.user)
    tess.open(f"/therapist/sessions/{series.appointments[0].pk}/")
    tess.page.get_by_role("link", name="Book the next").click()

    tess.page.get_by_role("spinbutton").fill("3")
    tess.press("Hold and show")
    tess.look("3 dates at 9:00")
    plans, take_them = tess.page.locator("input[name=plan]"), tess.page.locator("a.btn-primary")
    assert plans.count() >= 2
    first = take_them.get_attribute("href")
    plans.nth(1).check(force=True)
    expect(take_them).not_to_have_attribute("href", first)
    take_them.click()
    expect(tess.page.get_by_text("These dates go on after the 3 of the series.")).to_be_visible()
    tess.look("Book for Ada Okafor")
    tess.press("Book")

    expect(tess.page.get_by_text("Booked. Ada Okafor is told of 3 sessions.")).to_be_visible()
    assert [each.position for each in Series.objects.get().appointments.order_by("starts_at")] == [1, 2, 3, 4, 5, 6]


def test_a_free_hour_is_blocked_where_it_is_marked(signed_in, with_form, now):
    tess = signed_in(with_form.tess.user)
    tess.open("/therapist/?view=day")
    expect(tess.page.locator(".ec-body .open").first).to_be_visible()
    grid = tess.page.locator(".ec-body .ec-day").first.bounding_box()
    x, y = grid["x"] + grid["width"] / 2, grid["y"] + 260

    tess.page.mouse.move(x, y)
    tess.page.mouse.down()
    tess.page.mouse.move(x, y + 60, steps=6)
    tess.page.mouse.move(x, y + 104, steps=6)
    expect(tess.page.locator(".ec-preview")).to_contain_text("10:30–11:35")
    tess.page.mouse.up()

    expect(tess.page.get_by_role("heading", name="Block this time")).to_be_visible()
    tess.look("Block this time")
    tess.press("Save")
    expect(tess.page.get_by_text("Saved. No booked session is touched.")).to_be_visible()
    [away] = TimeOff.objects.all()
    assert away.kind == "other"
    assert away.ends_at - away.starts_at == timedelta(minutes=65)


def test_time_is_blocked_by_keyboard_too(signed_in, with_form):
    tess = signed_in(with_form.tess.user, width=360)
    tess.open("/therapist/")

    tess.page.get_by_role("link", name="Block time").first.press("Enter")

    expect(tess.page.get_by_role("heading", name="Block this time")).to_be_visible()
    tess.press("Save")
    expect(tess.page.get_by_text("Saved. No booked session is touched.")).to_be_visible()
    assert TimeOff.objects.get().kind == "other"
