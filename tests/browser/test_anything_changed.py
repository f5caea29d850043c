"""A returning client: done before the next session in four taps, tells how the last one was, and sees the course."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from playwright.sync_api import expect

from clients.models import Response
from clients.services.handouts import hand_out
from clients.services.questionnaires import load_questionnaire
from clients.services.reference import SHIPPED, load_reference
from tests.booking.conftest import NINE, fill_in
from tests.booking.services.test_asking import NOTHING_NEW, send
from tests.clients.answers import medicine
from tests.factories import UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DAY, WEEK = timedelta(days=1), timedelta(weeks=1)


@pytest.fixture(autouse=True)
def clock(now):
    """The day before the second session; ``now``, weeks before, is when both were booked."""
    with time_machine.travel(NINE + 6 * DAY):
        yield NINE + 6 * DAY


@pytest.fixture
def sessions(practice, book, now):
    load_reference()
    load_questionnaire((SHIPPED / "intake_questionnaire.json").read_text())
    practice.tess.user = UserFactory(name="Tess Oduya", email="tess@example.org")
    practice.tess.save()
    activities = [{"name": "Turning my head while driving", "score": 3}]
    fill_in(practice.ada, now, takes_any="yes", med_list=[medicine("Eliquis")], activities=activities, pain_now=7)
    return [book(), book(starts_at=NINE + WEEK)]


@pytest.fixture
def signed_in(visit, client):
    def arrive(user, **options):
        client.force_login(user)
        visitor = visit(**options)
        cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": visitor.address}
        visitor.page.context.add_cookies([cookie])
        return visitor

    return arrive


class Finger:
    """Taps, and counts them."""

    def __init__(self, visitor):
        self.page, self.taps = visitor.page, 0

    def tap(self, target):
        target.click()
        self.taps += 1
        self.page.wait_for_load_state()


@pytest.mark.parametrize(("width", "scheme", "script"), [(360, "light", True), (360, "dark", True), (320, "light", False)])
def test_with_nothing_new_it_is_done_in_under_five_taps(signed_in, sessions, practice, width, scheme, script):
    phone = signed_in(practice.ada.user, width=width, scheme=scheme, script=script)
    page, finger = phone.page, Finger(phone)
    phone.open("/sessions/")
    if script:
        phone.look("Hello Ada")

    finger.tap(page.get_by_role("button", name="Nothing has changed"))
    if script:
        phone.look("Anything changed")
    expect(page.get_by_text("Eliquis, tablet")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="Is one calf or leg newly swollen")).to_be_visible()
    finger.tap(page.get_by_role("group", name=re.compile("How strong is the pain right now")).get_by_label("4", exact=True))
    finger.tap(page.get_by_text("Better, and nothing is sore now"))
    finger.tap(page.get_by_role("button", name="None of these: send"))

    expect(page.get_by_role("heading", level=1)).to_contain_text("What your answers mean")
    assert finger.taps < 5
    response = Response.objects.get(kind="every")
    assert (response.state, response.session_on) == ("submitted", sessions[1].local_date)
    phone.open("/sessions/")
    expect(page.get_by_text("Anything changed")).to_have_count(0)


def test_with_the_keyboard_alone_something_new_is_told(signed_in, sessions, practice):
    desk = signed_in(practice.ada.user)
    page = desk.page
    desk.open("/sessions/")
    page.get_by_role("button", name="Something has").press("Enter")
    desk.look("Anything changed")
    page.get_by_role("textbox", name="What has changed?").fill("A fall on the stairs")
    pain = page.get_by_role("group", name=re.compile("How strong is the pain right now")).get_by_role(
        "radio", name="0", exact=True
    )
    pain.press("Space")
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    page.get_by_role("radio", name="Sore, or something else").press("Space")
    page.get_by_role("group", name="How did you feel after your last session?").get_by_label("Bruised").press("Space")
    page.get_by_role("group", name=re.compile("How sore is the treated area")).get_by_label("3", exact=True).press("Space")
    for code in ("ill_today", "chest_breath", "calf_signs", "cauda_signs", "neuro_signs", "headache_signs", "alcohol_today"):
        page.locator(f'input[name="{code}"][value="no"]').press("Space")
    for code in ("med_change", "painkiller_today"):
        page.locator(f'input[name="{code}"][value="no"]').press("Space")
    page.locator('input[name="recent_accident"][value="yes"]').press("Space")
    desk.look("Anything changed")
    page.get_by_role("button", name="Send my answers").last.press("Enter")

    desk.look("What your answers mean")
    expect(page.locator(".flag.review")).to_be_visible()
    assert Response.objects.get(kind="every").severity == "review"


def test_how_it_was_is_told_and_the_course_is_drawn(signed_in, sessions, practice, now):
    phone = signed_in(practice.ada.user, width=360)
    page = phone.page
    phone.open("/sessions/")
    page.get_by_role("button", name="Tell us").click()
    phone.look("How was it after Tuesday 9 March")
    page.get_by_role("group", name=re.compile("How strong is the pain now")).get_by_label("3", exact=True).click()
    page.get_by_text("A little better").click()
    page.get_by_label("None", exact=True).check()
    expect(page.get_by_label("Activity 1")).to_have_value("Turning my head while driving")
    page.get_by_label("Score 1").select_option("5")
    page.get_by_role("button", name="Send", exact=True).last.click()
    phone.look("What your answers mean")
    phone.open("/sessions/")
    page.get_by_role("link", name="See your progress").click()
    phone.look("Your progress")
    expect(page.get_by_role("row", name=re.compile("1. 9 Mar 7 3 −4 5"))).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("Pain before and after each session"))).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (320, "light")])
def test_a_therapist_sees_the_course_too(signed_in, sessions, practice, width, scheme):
    send(practice.ada, "after", sessions[0], NINE + 2 * DAY, f_pain=3, f_change="1", f_effects=["none"])
    send(practice.ada, "every", sessions[1], NINE + 5 * DAY, **NOTHING_NEW)
    tess = signed_in(practice.tess.user, width=width, scheme=scheme)
    tess.open(f"/sessions/{sessions[1].pk}/intake/")
    tess.page.get_by_role("link", name="Progress over the course").click()

    tess.look("Ada Okafor, progress")
    expect(tess.page.get_by_role("row", name=re.compile("2. 16 Mar 4"))).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_a_tablet_of_the_practice_is_given_back_without_a_trace(visit, sessions, practice, clock, width, scheme):
    token = hand_out(practice.ada, "every", session_on=sessions[1].local_date, by=practice.finn, now=clock)
    tablet = visit(width=width, scheme=scheme)
    tablet.open(f"/intake/tablet/{token}/")
    tablet.look("Hello Ada")
    tablet.press("Begin")
    tablet.look("Anything changed")
    address = tablet.page.url
    tablet.page.get_by_role("group", name=re.compile("How strong is the pain right now")).get_by_label("2", exact=True).click()
    tablet.page.get_by_text("No different, and nothing is sore now").click()
    tablet.press("None of these: send")
    tablet.look("Please give the tablet back")

    tablet.page.goto(address)
    expect(tablet.page.get_by_role("textbox", name=re.compile("mail", re.IGNORECASE))).to_be_visible()
    expect(tablet.page.get_by_text("Eliquis")).to_have_count(0)
