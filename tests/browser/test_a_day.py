"""A therapist's whole day, from opening the page in the morning to going home ill at noon."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from playwright.sync_api import expect

from booking.enums import FlagState, RepairState
from booking.models import Note, Repair, SessionFlag
from clients.models import ResponseView
from tests.booking.conftest import fill_in
from tests.browser.test_calendar import block, drag, said
from tests.clients.answers import medicine
from tests.factories import ClientFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HOUR = timedelta(hours=1)
ON_A_THINNER = {"takes_any": "yes", "med_list": [medicine("Eliquis")]}


@pytest.fixture
def at(with_form):
    """Let it be another time, for the server and for the browser of Tess, who signs in again."""
    travels = []

    def at(moment, visitor):
        travel = time_machine.travel(moment)
        travel.start()
        travels.append(travel)
        visitor.page.clock.set_fixed_time(moment)
        visitor.sign_in(with_form.tess.user)

    yield at
    for travel in reversed(travels):
        travel.stop()


def test_from_the_first_look_to_falling_ill_at_noon(signed_in, with_form, book, now, at):
    nine, before = now.replace(hour=9), now - timedelta(days=3)
    cleo = ClientFactory(user__name="Cleo Marsh", user__email="cleo@example.org")
    first = book(starts_at=nine, now=before)
    second = book(client=with_form.bo, starts_at=nine + HOUR, now=before)
    last = book(client=cleo, starts_at=nine + 5 * HOUR, now=before)
    fill_in(with_form.ada, now, **ON_A_THINNER)
    tess = signed_in(with_form.tess.user)
    panel = tess.page.get_by_role("complementary", name="Session")

    # what the day is, and what Ada's answers ask for
    tess.open("/therapist/?view=day")
    block(tess).click()
    panel.get_by_role("link", name="Show the plan and what changed").click()
    expect(panel.get_by_role("heading", name="Plan for the hands")).to_be_visible()
    tess.look("Monday 1 February")
    assert ResponseView.objects.filter(by=with_form.tess.user).exists()

    # one answer is decided about
    tess.page.get_by_role("link", name=re.compile("To decide")).click()
    tess.look("1 answer to decide")
    tess.press("^Go ahead")
    tess.look("Nothing to decide")
    assert SessionFlag.objects.get(appointment=first).state == FlagState.DECIDED

    # Ada comes, is treated, and the note is written and signed
    at(nine, tess)
    tess.open("/therapist/?view=day")
    block(tess).click()
    for step in ("Arrived", "Start", "Finish"):
        panel.get_by_role("button", name=step).click()
    expect(block(tess)).to_have_class(re.compile("is-done"))
    panel.get_by_role("link", name="Note of this session").click()
    tess.look("Ada Okafor")
    tess.page.get_by_role("textbox", name="Subjective").fill("Sleeps better.")
    expect(tess.page.locator("[data-note-state]")).to_contain_text("Saved")
    at(nine + timedelta(minutes=35), tess)
    tess.press("^Sign$")
    expect(tess.page.get_by_text(re.compile("Signed by Tess Oduya"))).to_be_visible()
    assert Note.objects.get(appointment=first).signed_at is not None

    # Bo is moved by mouse, and again by keyboard
    tess.open("/therapist/?view=day")
    drag(tess, 1, "Bo Lindqvist")
    expect(said(tess)).to_contain_text("11:00–11:30")
    block(tess, "Bo Lindqvist").press("Enter")
    panel.get_by_label("Time").fill("11:20")
    panel.get_by_role("button", name="Move", exact=True).focus()
    tess.page.keyboard.press("Enter")
    expect(said(tess)).to_contain_text("11:20–11:50")
    second.refresh_from_db()
    assert second.starts_at == nine + timedelta(hours=2, minutes=20)

    # at noon Tess goes home; Cleo, who is still to come, is offered something else
    tess.page.get_by_role("link", name="My hours").click()
    ill = tess.page.get_by_role("link", name="I am ill from now")
    expect(ill).to_be_visible()
    at(nine + 3 * HOUR, tess)
    ill.click()
    tess.look("When are you away")
    tess.press("Show what it does")
    expect(tess.page.get_by_text("1 session can no longer take place.")).to_be_visible()
    expect(tess.page.get_by_text("Cleo Marsh")).to_be_visible()
    tess.press("Save and ask 1 client")
    expect(tess.page.get_by_text("Saved. 1 client was asked.")).to_be_visible()
    tess.look("My hours")
    repair = Repair.objects.get()
    assert (repair.client, repair.state) == (cleo, RepairState.OPEN)
    assert repair.replacements.get().appointment == last
