"""Answers that change what happens next: a doctor clears a stop at the desk; a therapist declines and another one takes over."""

from __future__ import annotations

import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from booking.models import Appointment, Clearance, Repair
from booking.notifications.delivery import send_due
from clients.services.consents import health_data_question, record_agreement
from clients.services.responses import open_response, save_section
from tests.booking.conftest import NINE, fill_in
from tests.clients.answers import WELL, medicine
from tests.factories import ClientFactory, UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ON_A_THINNER = {"takes_any": "yes", "med_list": [medicine("Eliquis")]}


@pytest.fixture
def robin(db):
    return UserFactory(name="Robin Vale", email="robin@example.org", is_staff=True, is_superuser=True)


def draft_of(client):
    """A form with everything answered but for the medicines."""
    record_agreement(client, health_data_question(), by=client.user, now=timezone.now())
    response = open_response(client, "first", now=timezone.now())
    save_section(response, WELL, now=timezone.now())
    return response


def add_medicine(visitor, typed, listed):
    visitor.page.get_by_role("searchbox").fill(typed)
    visitor.press("Search")
    visitor.page.get_by_role("button", name=re.compile(f"^{listed} – tablet")).click()
    expect(visitor.page.locator(".medicines > li").filter(has_text=listed)).to_be_visible()


def test_a_blood_thinner_and_an_antiplatelet_stop_until_the_desk_records_the_clearance(signed_in, with_form, robin, book):
    session = book()
    draft = draft_of(with_form.ada)
    ada = signed_in(with_form.ada.user, width=360)
    ada.open(f"/intake/{draft.pk}/part-5/")
    ada.page.locator('input[name="takes_any"][value="yes"]').check(force=True)
    expect(ada.page.get_by_role("searchbox")).to_be_visible()
    add_medicine(ada, "eliqis", "Eliquis")
    add_medicine(ada, "clopidogrel", "clopidogrel")
    ada.page.get_by_role("button", name="Save and go on").click()
    ada.look("Past injuries and operations")
    ada.open(f"/intake/{draft.pk}/")
    ada.press("Send")
    ada.look("What your answers mean")
    expect(ada.page.get_by_text("Please see a doctor first")).to_be_visible()
    ada.page.get_by_role("link", name="Open the page for my doctor").click()
    ada.look("For your doctor")
    expect(ada.page.get_by_text("Eliquis")).to_be_visible()

    ada.open("/sessions/")
    ada.look("Hello Ada")
    expect(ada.page.get_by_text("Not confirmed yet")).to_be_visible()
    expect(ada.page.get_by_text("Please see a doctor first. Your time stays yours.")).to_be_visible()
    ada.page.get_by_role("link", name="The page for my doctor").click()
    ada.look("For your doctor")

    desk = signed_in(robin)
    desk.open(f"/desk/booking/appointment/{session.pk}/change/")
    desk.look("Change appointment")
    expect(desk.page.get_by_text("Eliquis")).to_have_count(0)
    desk.page.get_by_role("link", name="Record clearance").click()
    desk.look("Record a clearance for Ada Okafor")
    desk.page.get_by_label("Given by").fill("Dr Hale")
    desk.page.get_by_label("Given on").fill("2027-01-30")
    desk.page.get_by_label("Document").fill("folder 12, 30 January")
    desk.press("Record clearance")
    desk.look("Change appointment")
    expect(desk.page.get_by_text("Recorded. Confirmed now: Tue 9 Mar 2027, 09:00.")).to_be_visible()

    ada.open("/sessions/")
    ada.look("Hello Ada")
    expect(ada.page.get_by_text("Confirmed", exact=True)).to_be_visible()
    expect(ada.page.get_by_text("On hold")).to_have_count(0)
    assert Clearance.objects.get().recorded_by == robin


@pytest.mark.parametrize(("width", "script"), [(1280, True), (360, False)], ids=["wide", "narrow, without script"])
def test_what_one_therapist_declines_another_takes_at_the_nearest_time(signed_in, with_form, book, mailoutbox, width, script):
    session = book()
    fill_in(with_form.ada, timezone.now(), **ON_A_THINNER)
    tess = signed_in(with_form.tess.user, width=width, script=script)
    tess.open("/therapist/decisions/")
    if script:
        tess.look("1 answer to decide")
    tess.page.get_by_text("I cannot treat this").click()
    expect(tess.page.get_by_text("Jonas Brandt can. The nearest time is Tue 9 Mar, 9:00.")).to_be_visible()
    tess.press("Decline and offer Jonas")
    expect(tess.page.get_by_text("Please say why").first).to_be_visible()
    if script:
        tess.look("1 answer to decide")
    tess.page.get_by_label("Reason, for the record").fill("I am not trained for this.")
    tess.press("Decline and offer Jonas")
    expect(tess.page.get_by_role("heading", level=1)).to_have_text("Nothing to decide")
    expect(tess.page.get_by_text("we ask Ada Okafor by mail to take another therapist")).to_be_visible()
    if script:
        tess.look("Nothing to decide")

    mailoutbox.clear()
    send_due(timezone.now())
    mail = next(message.body for message in reversed(mailoutbox) if message.to == ["ada@example.org"])
    assert "Eliquis" not in mail
    ada = signed_in(with_form.ada.user, width=width)
    ada.open(re.search(r"(/l/[\w-]+/)", mail)[1])
    ada.look("We have to change")
    expect(ada.page.get_by_text("Jonas Brandt").first).to_be_visible()
    ada.press("Take this time")
    ada.look("Thank you")

    session.refresh_from_db()
    assert (session.therapist, session.starts_at) == (with_form.jonas, NINE)
    assert Repair.objects.get().state == "accepted"
    assert Appointment.objects.count() == 1


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (320, "light"), (320, "dark")])
def test_the_queue_and_the_plan_are_sound_wide_and_narrow_light_and_dark(signed_in, with_form, book, width, scheme):
    patch = medicine("fentanyl", route="patch", site_region="SHOULDER_BLADE_L")
    first = book()
    held = book(client=ClientFactory(user__name="Cem Aydin"), starts_at=NINE.replace(hour=11))
    fill_in(with_form.ada, timezone.now(), takes_any="yes", med_list=[patch], avoid_areas=[{"region": "FOOT_SOLE_L"}])
    fill_in(held.client, timezone.now(), heart="recent")
    tess = signed_in(with_form.tess.user, width=width, scheme=scheme)
    tess.open("/therapist/decisions/")
    for summary in tess.page.locator("summary").all():
        summary.click()
    tess.look("1 answer to decide")
    tess.page.get_by_role("checkbox", name="Neck").check(force=True)
    tess.press("Go ahead")
    tess.look("Nothing to decide")

    tess.open(f"/sessions/{first.pk}/intake/")

    tess.look("Ada Okafor")
    plan = tess.page.get_by_role("region", name="Plan for the hands")
    expect(plan.get_by_text("Left out by the decision:")).to_be_visible()
    expect(plan.get_by_text("No heat and no rubbing near the medicine patch:")).to_be_visible()
    expect(plan.get_by_text("Does not want to be touched:")).to_be_visible()


def test_a_case_is_decided_by_keyboard_alone(signed_in, with_form, book):
    book()
    fill_in(with_form.ada, timezone.now(), **ON_A_THINNER)
    tess = signed_in(with_form.tess.user)
    tess.open("/therapist/decisions/")
    tess.page.get_by_role("combobox", name="Pressure for this session").focus()
    for _press in range(2):
        tess.page.keyboard.press("Tab")
    expect(tess.page.get_by_role("button", name=re.compile("^Go ahead"))).to_be_focused()
    tess.page.keyboard.press("Enter")

    expect(tess.page.get_by_text("Decided: Ada Okafor can come as booked.")).to_be_visible()
