"""The form from both ends: a new client is asked for it after booking; its therapist reads it, and the client sees that."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.booking.conftest import fill_in
from tests.clients.answers import medicine

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1280, "dark")])
def test_a_new_client_is_asked_for_the_form_after_booking(visit, with_form, tuesday, mailoutbox, width, scheme):
    visitor = visit(width=width, scheme=scheme)
    page = visitor.page
    visitor.open(f"/book/times/?treatment={with_form.treatment.pk}&therapist={with_form.tess.pk}&day={tuesday}")
    page.get_by_role("radio", name="9:00", exact=True).check()
    visitor.press("Hold this time")
    visitor.fill_in(**{"^Name": "Cem Aydin", "E-mail": "cem@example.org", "Phone": "020 7946 0958"})
    page.get_by_role("checkbox", name=re.compile("I agree")).check()
    visitor.press("Send me the code")
    visitor.fill_in(Code=re.search(r"\b(\d{6})\b", mailoutbox[-1].body)[1])
    visitor.press("^Book")

    visitor.look("Booked")
    expect(page.get_by_text("It takes about eight minutes")).to_be_visible()
    visitor.open("/sessions/")
    visitor.look("Hello Cem")
    expect(page.get_by_text("Please fill in your form before Tuesday 23 February.")).to_be_visible()
    page.get_by_role("link", name="Fill in my form").click()
    visitor.look("Before your session")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_a_therapist_reads_a_form_and_its_client_sees_that(signed_in, with_form, book, now, width, scheme):
    session = book(starts_at=now.replace(hour=11))
    fill_in(with_form.ada, now, bp="high")
    fill_in(with_form.ada, now, takes_any="yes", med_list=[medicine("Eliquis")])
    tess = signed_in(with_form.tess.user, width=width, scheme=scheme)
    tess.open("/therapist/?view=day")
    tess.page.locator(".ec-event.blk").filter(has_text="Ada Okafor").click()
    tess.page.get_by_role("link", name="All answers").click()

    tess.look("Ada Okafor")
    expect(tess.page.get_by_role("main").locator(".toolbar .flag")).to_have_text("To check")
    expect(tess.page.get_by_role("region", name="Plan for the hands")).to_contain_text("light, 1 to 3")
    expect(tess.page).to_have_url(re.compile(f"/sessions/{session.pk}/intake/$"))
    tess.page.get_by_text("Medicines and supplements").click()
    expect(tess.page.locator("dd").filter(has_text="Eliquis")).to_be_visible()
    tess.look("Ada Okafor")

    ada = signed_in(with_form.ada.user, width=width, scheme=scheme)
    ada.open("/intake/")
    expect(ada.page.get_by_text("Read by Tess Oduya: what you sent on 1 Feb 2027").first).to_be_visible()
    ada.look("Before your session")
