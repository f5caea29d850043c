"""What was asked last is what a page shows, and what was said last is what it saves, whichever answer comes last."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from clients.services.consents import health_data_question, record_agreement
from clients.services.responses import open_response, save_section
from tests.booking.conftest import NINE
from tests.browser.test_calendar import WEEK, block
from tests.browser.test_journeys import address
from tests.clients.answers import WELL
from tests.factories import TreatmentFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LOOK_AGAIN = "document.dispatchEvent(new Event('calendar:changed'))"


def keep_first(page, where, method="GET"):
    """Keep what a page asks first of an address; what it asks later is answered at once."""
    kept = []
    page.route(where, lambda route: route.continue_() if kept or route.request.method != method else kept.append(route))
    return kept


def answer_now(page, kept, **answer):
    kept[0].fulfill(**answer)
    page.evaluate("() => fetch('/healthz')")


def test_a_calendar_that_looked_twice_shows_what_it_asked_for_last(signed_in, tess, book, practice):
    book()
    hers = signed_in(tess)
    hers.open(WEEK)
    expect(block(hers)).to_be_visible()
    kept = keep_first(hers.page, "**/calendar/events/**")
    hers.page.evaluate(LOOK_AGAIN)

    book(client=practice.bo, starts_at=NINE + timedelta(hours=2))
    hers.page.evaluate(LOOK_AGAIN)
    expect(block(hers, "Bo Lindqvist")).to_be_visible()
    answer_now(hers.page, kept, json={"sessions": [], "hours": {}, "off": []})

    expect(block(hers, "Bo Lindqvist")).to_be_visible()


def test_of_two_sessions_opened_one_after_the_other_the_second_stays(signed_in, tess, book, practice):
    session = book()
    book(client=practice.bo, starts_at=NINE + timedelta(hours=2))
    hers = signed_in(tess)
    hers.open(WEEK)
    kept = keep_first(hers.page, f"**/sessions/{session.pk}/")
    block(hers).click()

    block(hers, "Bo Lindqvist").click()
    heading = hers.page.get_by_role("complementary", name="Session").get_by_role("heading", level=2)
    expect(heading).to_have_text("Bo Lindqvist")
    answer_now(hers.page, kept, body="<h2 data-focus tabindex=-1>Ada Okafor</h2>", content_type="text/html")

    expect(heading).to_have_text("Bo Lindqvist")


def test_what_was_done_to_one_session_is_not_answered_beside_the_next(signed_in, tess, book, practice):
    book()
    book(client=practice.bo, starts_at=NINE + timedelta(hours=2))
    hers = signed_in(tess)
    hers.open(WEEK)
    kept = keep_first(hers.page, "**/sessions/**", "POST")
    block(hers).click()
    hers.page.get_by_role("button", name="Arrived").click()

    block(hers, "Bo Lindqvist").click()
    heading = hers.page.get_by_role("complementary", name="Session").get_by_role("heading", level=2)
    expect(heading).to_have_text("Bo Lindqvist")
    kept[0].continue_()

    expect(block(hers)).to_have_class(re.compile("is-arrived"))
    expect(heading).to_have_text("Bo Lindqvist")


def test_of_two_days_chosen_one_after_the_other_the_second_is_shown(visit, practice, tuesday):
    ada = visit()
    ada.open(address(practice, tuesday))
    days = ada.page.get_by_role("list", name="Days with free times")
    kept = keep_first(ada.page, "**/book/times/*day=2027-02-24*")
    days.get_by_role("link", name="Wed").click()

    days.get_by_role("link", name="Thu").click()
    answer_now(ada.page, kept, body='<div id="when"><h2 id="day">Wednesday</h2></div>', content_type="text/html")

    expect(ada.page.locator("#day")).to_have_text("Thursday 25 February")


def test_of_places_marked_and_unmarked_in_a_hurry_the_last_choice_counts(visit, practice):
    practice.treatment.areas = ["NECK"]
    practice.treatment.save()
    TreatmentFactory(name="Foot and calf", areas=["FOOT"], by=[practice.tess])
    ada = visit()
    ada.open("/book/")
    kept = keep_first(ada.page, "**/book/", "POST")
    neck = ada.page.get_by_role("checkbox", name="Neck")
    neck.check()

    ada.page.get_by_role("checkbox", name="Ankles and feet").check()
    neck.uncheck()
    answer_now(ada.page, kept, body='<div id="choices">Two areas</div>', content_type="text/html")

    expect(ada.page.get_by_role("radio", name=re.compile("Two areas"))).to_have_count(0)
    expect(ada.page.get_by_role("radio", name=re.compile("Foot and calf"))).to_have_count(1)


@pytest.fixture
def filling_in(signed_in, with_form, now):
    """Ada at a part of her form, whose clock is the test's."""
    record_agreement(with_form.ada, health_data_question(), by=with_form.ada.user, now=now)
    draft = open_response(with_form.ada, "first", now=now)
    save_section(draft, WELL, now=now)
    phone = signed_in(with_form.ada.user, width=360)
    phone.page.clock.install(time=now)
    phone.open(f"/intake/{draft.pk}/part-2/")
    return phone


def answer_yes(phone, code):
    phone.page.locator(f'input[name="{code}"][value="yes"]').check(force=True)
    phone.page.clock.run_for(1_100)


def test_a_form_that_is_slow_to_save_is_saved_with_what_was_answered_meanwhile(filling_in):
    page = filling_in.page
    kept = keep_first(page, "**/part-2/", "POST")

    for code in ("headache_signs", "alcohol_today", "chest_breath"):
        answer_yes(filling_in, code)
    with page.expect_response(lambda each: "chest_breath=yes" in (each.request.post_data or "")):
        kept[0].continue_()

    page.reload()
    expect(page.locator('input[name="chest_breath"][value="yes"]')).to_be_checked()


def test_a_button_that_leads_on_waits_for_the_save_under_way_which_would_take_back_what_came_after_it(filling_in):
    page = filling_in.page
    kept = keep_first(page, "**/part-2/", "POST")
    answer_yes(filling_in, "headache_signs")
    page.locator('input[name="alcohol_today"][value="yes"]').check(force=True)

    page.get_by_role("button", name="Save and go on").click()
    with page.expect_request(lambda each: "do=next" in (each.post_data or "")):
        kept[0].continue_()

    filling_in.look("What brings you here")
    page.go_back()
    expect(page.locator('input[name="alcohol_today"][value="yes"]')).to_be_checked()


def test_a_save_that_is_never_answered_holds_nobody_up(filling_in):
    page = filling_in.page
    keep_first(page, "**/part-2/", "POST")
    answer_yes(filling_in, "headache_signs")

    page.get_by_role("button", name="Save and go on").click()
    page.clock.run_for(10_000)

    filling_in.look("What brings you here")


def test_nothing_is_saved_beside_what_leads_on(filling_in):
    is_stopped = filling_in.page.evaluate("""() => {
        document.querySelector(".btn-primary[value=next]").click();
        const sourceElement = document.querySelector("[data-by-itself]");
        const detail = { ctx: { sourceElement } };
        const asks = new CustomEvent("htmx:config:request", { bubbles: true, cancelable: true, detail });
        return !sourceElement.dispatchEvent(asks);
    }""")

    assert is_stopped
    expect(filling_in.page.get_by_role("heading", level=1)).to_have_text("What brings you here")
