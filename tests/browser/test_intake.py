"""A new client fills in the whole form on a phone, at once or in two sittings; and without JavaScript where that is hardest."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from playwright.sync_api import expect

from clients.models import Response
from clients.services.consents import health_data_question, record_agreement
from clients.services.questionnaires import load_questionnaire
from clients.services.reference import SHIPPED, load_reference
from clients.services.responses import open_response, read_response, save_section
from tests.clients.answers import WELL, medicine

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def ada(practice):
    load_reference()
    load_questionnaire((SHIPPED / "intake_questionnaire.json").read_text())
    return practice.ada


def sign_in(visitor, mailoutbox):
    """With a code to the client's address, as on any device."""
    visitor.page.get_by_role("textbox", name=re.compile("mail", re.IGNORECASE)).fill("ada@example.org")
    visitor.page.get_by_role("main").get_by_role("button").first.click()
    code = visitor.page.get_by_role("textbox", name=re.compile("code", re.IGNORECASE))
    code.fill(re.search(r"\b(\d{6})\b", mailoutbox[-1].body)[1])
    code.press("Enter")
    visitor.page.wait_for_load_state()


class Form:
    """What a hand does on the form."""

    def __init__(self, visitor):
        self.visitor, self.page = visitor, visitor.page

    def choose(self, question, *answers):
        group = self.page.get_by_role("group", name=re.compile(re.escape(question)))
        for answer in answers:
            group.get_by_label(answer, exact=True).check(force=True)

    def say_no(self, *questions):
        for question in questions:
            self.choose(question, "No")

    def go_on(self, heading):
        self.page.get_by_role("button", name="Save and go on").click()
        self.visitor.look(heading)


@pytest.mark.parametrize("sittings", [1, 2], ids=["in one go", "in two sittings"])
def test_a_new_client_fills_in_everything_on_a_phone(visit, ada, mailoutbox, sittings):
    phone = visit(width=360)
    phone.open("/intake/")
    sign_in(phone, mailoutbox)
    phone.look("Before your session")
    phone.page.get_by_role("checkbox", name=re.compile("I agree that my health answers")).check()
    phone.press("Begin")
    phone.look("About you")
    form = Form(phone)
    phone.fill_in(Day="17", Month="5", Year="1990", **{"Who should we call": "Sam Okafor", "Their phone": "020 7946 0019"})
    form.go_on("How you feel today")
    form.say_no("Do you have a fever", "chest pain", "Is one calf", "new numbness", "new weakness")
    form.say_no("sudden headache", "In the past 7 days", "weight loss", "alcohol")
    form.choose("Are you pregnant", "Does not apply to me")
    form.go_on("What brings you here")
    form.choose("What would you like", "Less pain", "Sleep better")
    phone.page.locator('[data-region="BUTTOCK_R"]').first.click()
    expect(phone.page.locator(".spots li")).to_have_count(1)
    phone.page.get_by_label("Pain 0 to 10, Buttock (right)").select_option("7")
    phone.page.get_by_label("Add a spot").select_option("JAW_L")
    phone.page.get_by_role("button", name="Add", exact=True).click()
    expect(phone.page.locator(".spots li")).to_have_count(2)
    expect(phone.page.get_by_label("Pain 0 to 10, Buttock (right)")).to_have_value("7")
    form.choose("How strong is the pain right now", "4")
    expect(phone.page.get_by_text("Saved at")).to_be_visible()
    phone.look("What brings you here")
    form.choose("How strong was it on average", "5")
    form.choose("How long have you had it", "More than 3 months")
    form.choose("How did it start", "Gradually")
    form.go_on("Your health")
    if sittings == 2:
        phone.page.get_by_role("link", name="Stop here for now").click()
        phone.look("Before your session")
        phone = visit(width=360, scheme="dark")
        phone.open("/intake/")
        sign_in(phone, mailoutbox)
        expect(phone.page.get_by_text("3 of 8 parts are done")).to_be_visible()
        phone.page.get_by_role("link", name="Go on").click()
        phone.look("Your health")
        form = Form(phone)
    for code in [
        "heart",
        "stroke",
        "clot",
        "bleeding",
        "cancer",
        "lymph",
        "diabetes",
        "sensation",
        "epilepsy",
        "bones",
        "spine",
        "breathing",
    ]:
        phone.page.locator(f'input[name="{code}"][value="no"]').check(force=True)
    phone.page.locator('input[name="bp"][value="normal"]').check(force=True)
    for code in ("vessel", "joints", "skin", "devices"):
        phone.page.locator(f'input[name="{code}"][value="none"]').check(force=True)
    form.go_on("Medicines and supplements")
    form.choose("Do you take or use anything", "Yes")
    search = phone.page.get_by_role("searchbox", name="Name on the box")
    search.fill("Elliquis")
    search.press("Enter")
    phone.page.get_by_role("button", name=re.compile("Eliquis – tablet")).click()
    expect(phone.page.locator(".medicines li")).to_contain_text("Eliquis")
    phone.look("Medicines and supplements")
    form.say_no(
        "-floxacin", "steroid tablets", "started, stopped or changed", "painkiller or muscle relaxant", "certain pain relief"
    )
    form.go_on("Past injuries and operations")
    form.choose("Have you had an injury", "Yes")
    phone.page.get_by_label("What was it?").select_option("fracture")
    phone.page.get_by_label("Where?").select_option("ANKLE_L")
    phone.fill_in(Year="2015")
    form.say_no("Have you ever had an operation")
    form.choose("How did you feel after massage", "Good")
    phone.look("Past injuries and operations")
    form.go_on("Comfort and preferences")
    form.choose("What pressure would you like", "Not sure, please advise")
    form.choose("Some muscles lie in private areas", "None of these")
    form.choose("Your therapist may ask you to warm up", "Yes")
    form.go_on("Your agreement")
    for box in phone.page.get_by_role("checkbox").all()[:5]:
        box.check()
    phone.fill_in(**{"Type your full name": "Ada Okafor"})
    form.go_on("Is this right")
    phone.press("Send")

    phone.look("What your answers mean")
    expect(phone.page.locator(".flag.review")).to_have_text("Your therapist will check this")
    response = Response.objects.get()
    assert (response.state, response.severity) == ("submitted", "review")
    answers = read_response(response, by=ada.user, now=timezone.now())
    assert [(spot["region"], spot["pain"]) for spot in answers["areas"]] == [("BUTTOCK_R", 7), ("JAW_L", None)]
    assert answers["med_list"][0]["name"] == "Eliquis"
    assert answers["injuries"][0]["date"] == "2015"


@pytest.fixture
def signed_in(visit, ada, client):
    """Somebody at the form, signed in, with everything answered."""
    record_agreement(ada, health_data_question(), by=ada.user, now=timezone.now())
    response = open_response(ada, "first", now=timezone.now())
    save_section(response, WELL, now=timezone.now())
    client.force_login(ada.user)

    def arrive(**options):
        visitor = visit(**options)
        cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": visitor.address}
        visitor.page.context.add_cookies([cookie])
        return visitor, response

    return arrive


def test_whoever_left_the_form_alone_signs_in_again_and_finds_what_they_had_typed(signed_in, mailoutbox):
    phone, draft = signed_in(width=360, scheme="dark")
    phone.open(f"/intake/{draft.pk}/part-1/")
    phone.look("About you")
    phone.fill_in(**{"Who should we call": "Cem Aydin"})

    with time_machine.travel(timezone.now() + timedelta(minutes=31)):
        phone.page.get_by_role("button", name="Save and go on").click()
        phone.look("Sign in")
        expect(phone.page.get_by_text("What you filled in is kept.")).to_be_visible()
        sign_in(phone, mailoutbox)

        phone.look("About you")
        expect(phone.page.get_by_role("textbox", name=re.compile("Who should we call"))).to_have_value("Cem Aydin")


def test_without_javascript_a_question_is_brought_up_and_a_list_is_filled(signed_in):
    visitor, response = signed_in(width=320, script=False)
    page = visitor.page
    visitor.open(f"/intake/{response.pk}/part-5/")
    page.locator('input[name="takes_any"][value="yes"]').check(force=True)
    page.get_by_role("button", name="Save and go on").click()
    expect(page.get_by_text("brought up one more thing")).to_be_visible()
    page.get_by_role("searchbox").fill("warfrin")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("button", name=re.compile("^warfarin – tablet")).click()
    page.get_by_role("button", name="Save and go on").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Past injuries and operations")
    visitor.open(f"/intake/{response.pk}/part-3/")
    page.get_by_label("Add a spot").select_option("CALF_L")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".spots li")).to_have_count(2)


def test_an_emergency_sign_puts_the_urgent_text_first_at_once_and_stays(signed_in):
    visitor, response = signed_in(width=360)
    visitor.open(f"/intake/{response.pk}/part-2/")
    expect(visitor.page.locator(".urgent")).to_have_count(0)
    Form(visitor).choose("Is one calf", "Not sure")
    expect(visitor.page.locator(".urgent")).to_contain_text("Please contact your doctor or urgent care now")

    visitor.page.get_by_role("button", name="Save and go on").click()

    expect(visitor.page.locator(".urgent")).to_contain_text("Please contact your doctor or urgent care now")
    visitor.look("What brings you here")
    visitor.open(f"/intake/{response.pk}/")
    visitor.press("Send")
    visitor.look("What your answers mean")
    visitor.page.get_by_role("link", name="Open the page for my doctor").click()
    visitor.look("For your doctor")
    expect(visitor.page.get_by_text("Is one calf or leg newly swollen")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (320, "light")])
def test_every_page_is_sound_wide_and_narrow_light_and_dark(signed_in, width, scheme):
    visitor, response = signed_in(width=width, scheme=scheme)
    medicines = [medicine("Eliquis"), medicine("diclofenac", route="topical")]
    injury = {"kind": "fracture", "region": "ANKLE_L", "date": "2027-01"}
    brought = {"takes_any": "yes", "med_list": medicines, "had_injury": "yes", "injuries": [injury], "calf_signs": "yes"}
    save_section(response, brought, now=timezone.now())
    for number in range(1, 9):
        visitor.open(f"/intake/{response.pk}/part-{number}/")
        visitor.look(".")
    for path, heading in (("", "Is this right"), ("../agreements/", "What you agreed to"), ("../", "Before your session")):
        visitor.open(f"/intake/{response.pk}/{path}")
        visitor.look(heading)
    visitor.open(f"/intake/{response.pk}/")
    visitor.press("Send")
    for path, heading in (
        ("", "What your answers mean"),
        ("copy/", "What you sent"),
        ("doctor/", "For your doctor"),
        ("../", "Before"),
    ):
        visitor.open(f"/intake/{response.pk}/{path}")
        visitor.look(heading)
