"""The client's form as it comes over HTTP, without JavaScript."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from clients.models import Answer, Consent, Response, ResponseView
from clients.services.consents import health_data_question, record_agreement, withdraw_health_data
from clients.services.responses import open_response, read_response, save_section, submit_response
from tests.clients.answers import WELL, medicine
from tests.factories import ClientFactory, UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

ABOUT, TODAY, REASON, HEALTH, MEDICINES, PAST, COMFORT, AGREEMENT = (f"part-{n}" for n in range(1, 9))


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False):
        yield now


@pytest.fixture
def ada(intake, now, client):
    ada = ClientFactory(user__name="Ada Okafor", user__email="ada@example.org")
    client.force_login(ada.user)
    record_agreement(ada, health_data_question(), by=ada.user, now=now)
    return ada


@pytest.fixture
def draft(ada, now):
    return open_response(ada, "first", now=now)


def page(response, slug):
    return reverse("intake:part", args=[response.pk, slug])


def answers(response):
    return {answer.question.code: answer.value for answer in Answer.objects.filter(response=response)}


class TestBeginning:
    def test_who_is_not_signed_in_is_sent_there_and_back(self, client, intake):
        assert client.get("/intake/").headers["Location"] == "/sessions/sign-in/?next=/intake/"

    def test_the_agreement_comes_before_the_first_question(self, client, intake, now):
        bo = ClientFactory()
        client.force_login(bo.user)
        assert "I agree that my health answers are stored" in client.get("/intake/").content.decode()

        refused = client.post("/intake/", {"begin": "1"})
        assert refused.status_code == 422
        assert "cannot ask you anything about your health" in refused.content.decode()
        assert not Response.objects.exists()

        begun = client.post("/intake/", {"begin": "1", "agree": "on"})

        response = Response.objects.get()
        assert begun.headers["Location"] == page(response, ABOUT)
        consent = Consent.objects.get(client=bo, kind="c_data")
        assert (consent.version, consent.agreed_at, consent.by) == (1, now, bo.user)

    def test_a_form_under_way_is_gone_on_with_at_its_first_gap(self, client, draft, now):
        save_section(draft, {code: WELL[code] for code in ("dob", "emergency_name", "emergency_phone")}, now=now)

        overview = client.get("/intake/").content.decode()

        assert page(draft, TODAY) in overview
        assert "1 of 8 parts are done" in overview

    def test_without_a_questionnaire_the_page_says_so(self, client, db):
        client.force_login(ClientFactory().user)

        assert "There is nothing to fill in yet." in client.get("/intake/").content.decode()


class TestAPart:
    def test_what_is_right_is_saved_and_what_is_missing_is_said(self, client, draft):
        answer = client.post(page(draft, ABOUT), {"emergency_name": "Sam", "emergency_phone": "not a number"})

        text = answer.content.decode()
        assert answer.status_code == 422
        assert "This does not look like a phone number" in text
        assert "Please answer this one" in text
        assert answers(draft)["emergency_name"] == "Sam"
        assert "emergency_phone" not in answers(draft)

    def test_going_on_leads_to_the_next_part_and_from_the_last_to_the_look_over(self, client, draft):
        sent = {
            "dob-day": "17",
            "dob-month": "5",
            "dob-year": "1990",
            "emergency_name": "Sam",
            "emergency_phone": "020 7946 0019",
        }

        assert client.post(page(draft, ABOUT), sent).headers["Location"] == page(draft, TODAY)
        assert answers(draft)["dob"] == "1990-05-17"
        assert answers(draft)["emergency_phone"] == "+442079460019"
        agreed = dict.fromkeys(("c_true", "c_what", "c_stop", "c_notmed", "c_data"), "on") | {"c_sign": "Ada Okafor"}
        assert client.post(page(draft, AGREEMENT), agreed).headers["Location"] == reverse("intake:form", args=[draft.pk])
        assert answers(draft)["c_sign"] == {"name": "Ada Okafor", "on": "2027-02-01"}

    @pytest.mark.parametrize(
        "parts",
        [("31", "2", "1990"), ("", "", "1990"), ("1", "1", "2030"), ("1", "1", "1822"), ("x", "5", "1990"), ("4", "", "1990")],
    )
    def test_a_birthday_that_is_none_is_refused(self, client, draft, parts):
        sent = dict(zip(("dob-day", "dob-month", "dob-year"), parts, strict=True))

        answer = client.post(page(draft, ABOUT), sent)

        assert re.search("This is not a date|cannot be right", answer.content.decode())
        assert "dob" not in answers(draft)

    def test_saving_on_the_way_asks_for_nothing(self, client, draft):
        answer = client.post(page(draft, HEALTH), {"do": "save", "heart": "unsure"})

        assert answer.status_code == 200
        assert answers(draft)["heart"] == "unsure"

    def test_a_choice_that_does_not_exist_is_not_kept(self, client, draft):
        client.post(page(draft, HEALTH), {"do": "save", "heart": "broken", "vessel": ["varicose", "none"]})

        assert not {"heart", "vessel"} & set(answers(draft))

    def test_an_answer_brings_up_its_question_before_going_on(self, client, draft, now):
        save_section(draft, WELL | {"changed": "no"}, now=now)
        sent = {"had_injury": "yes", "had_surgery": "no", "past_massage": "good"}

        brought = client.post(page(draft, PAST), sent)

        assert brought.status_code == 200
        assert "brought up one more thing" in brought.content.decode()
        assert 'name="injuries-0-kind"' in brought.content.decode()
        missing = client.post(page(draft, PAST), sent)
        assert missing.status_code == 422
        item = {"injuries-0-kind": "fracture", "injuries-0-region": "ANKLE_L", "injuries-0-year": "2026", "injuries-0-month": "3"}
        assert client.post(page(draft, PAST), sent | item).status_code == 302
        assert answers(draft)["injuries"] == [
            {"kind": "fracture", "region": "ANKLE_L", "date": "2026-03", "seen_by_clinician": "", "still_hurts": ""}
        ]

    def test_a_minor_brings_a_guardian(self, client, draft, now):
        assert "Parent or guardian" not in client.get(page(draft, AGREEMENT)).content.decode()

        save_section(draft, {"dob": "2012-01-01"}, now=now)

        assert "Parent or guardian" in client.get(page(draft, AGREEMENT)).content.decode()

    def test_an_emergency_sign_is_answered_first_on_every_page(self, client, draft):
        urgent = "Please contact your doctor or urgent care now"
        assert urgent not in client.get(page(draft, REASON)).content.decode()

        client.post(page(draft, TODAY), {"do": "save", "calf_signs": "unsure"})

        for url in (page(draft, REASON), page(draft, TODAY), "/intake/", reverse("intake:form", args=[draft.pk])):
            text = client.get(url).content.decode()
            assert text.index(urgent) < text.index("<h1>")
        client.post(page(draft, TODAY), {"do": "save", "calf_signs": "no", "alcohol_today": "yes"})
        assert urgent not in client.get(page(draft, REASON)).content.decode()

    def test_no_answer_stands_in_an_address_or_a_title(self, client, draft, now):
        save_section(draft, WELL, now=now)

        for url in ("/intake/", *(page(draft, f"part-{n}") for n in range(1, 9)), reverse("intake:form", args=[draft.pk])):
            text = client.get(url).content.decode()
            assert re.search(r"<title>(.*?)</title>", text)[1].startswith("Your form – ")
            assert not [link for link in re.findall(r'(?:href|action|hx-post)="([^"]*)"', text) if "?" in link]


class TestSpots:
    def test_spots_are_added_scored_and_removed_up_to_eight(self, client, draft):
        for code in ("NECK_BACK_R", "JAW_L"):
            number = len(answers(draft).get("areas", []))
            spots = {f"areas-{n}-region": item["region"] for n, item in enumerate(answers(draft).get("areas", []))}
            client.post(page(draft, REASON), spots | {"do": "add:areas", "areas-add": code, f"areas-{number - 1}-pain": "7"})

        assert answers(draft)["areas"] == [{"region": "NECK_BACK_R", "spreads_to": "", "pain": 7}, {"region": "JAW_L"}]
        shown = client.get(page(draft, REASON)).content.decode()
        assert 'aria-label="Body chart, front and back: 1 Back of neck (right), 2 Jaw (left)"' in shown
        client.post(page(draft, REASON), {"do": "remove:areas:0", "areas-0-region": "NECK_BACK_R", "areas-1-region": "JAW_L"})
        assert [item["region"] for item in answers(draft)["areas"]] == ["JAW_L"]

    @pytest.mark.parametrize("code", ["NECK", "MOON", "", "JAW_L"])
    def test_what_is_no_place_or_there_already_is_not_added(self, client, draft, now, code):
        save_section(draft, {"areas": [{"region": "JAW_L", "pain": 1, "spreads_to": ""}]}, now=now)

        client.post(page(draft, REASON), {"do": "add:areas", "areas-add": code, "areas-0-region": "JAW_L", "areas-0-pain": "1"})

        assert len(answers(draft)["areas"]) == 1

    def test_a_ninth_spot_has_no_room(self, client, draft, now):
        regions = ["JAW_L", "JAW_R", "CALF_L", "CALF_R", "SHIN_L", "SHIN_R", "WRIST_L", "WRIST_R"]
        posted = {f"areas-{n}-region": code for n, code in enumerate(regions)}
        save_section(draft, {"areas": [{"region": code} for code in regions]}, now=now)

        answer = client.post(page(draft, REASON), posted | {"do": "add:areas", "areas-add": "SACRUM"})

        assert "That is as many as fit" in answer.content.decode()
        assert len(answers(draft)["areas"]) == 8


class TestMedicines:
    @pytest.fixture(autouse=True)
    def takes_some(self, draft, now):
        save_section(draft, {"takes_any": "yes"}, now=now)

    def post(self, client, draft, **sent):
        return client.post(page(draft, MEDICINES), {"takes_any": "yes"} | sent)

    def test_a_name_is_searched_and_chosen_with_its_route(self, client, draft):
        found = self.post(client, draft, do="find:med_list", **{"med_list-typed": "Diklofenac"}).content.decode()

        assert "med_list" not in answers(draft)
        assert 'value="pick:med_list:topical:diclofenac"' in found
        assert 'value="pick:med_list:oral:diclofenac"' in found
        self.post(client, draft, do="pick:med_list:topical:diclofenac", **{"med_list-typed": "Diklofenac"})
        assert answers(draft)["med_list"] == [medicine("diclofenac", route="topical")]

    def test_an_unknown_name_is_kept_as_typed_for_the_therapist(self, client, draft):
        self.post(client, draft, do="pick:med_list:", **{"med_list-typed": "Grandma's drops"})

        assert answers(draft)["med_list"] == [{"name": "Grandma's drops", "route": "", "listed": False}]

    def test_a_chosen_name_that_is_in_no_list_is_not_believed(self, client, draft):
        self.post(client, draft, do="pick:med_list:oral:Harmless")

        assert answers(draft)["med_list"] == [{"name": "oral:Harmless".partition(":")[2], "route": "", "listed": False}]

    def test_a_name_left_in_the_search_field_is_looked_up_before_going_on(self, client, draft):
        answer = self.post(client, draft, do="next", **{"med_list-typed": "eliquis"})

        assert answer.status_code == 200
        text = answer.content.decode()
        assert "not on your list yet" in text
        assert 'value="eliquis"' in text
        assert "pick:med_list:oral:Eliquis" in text

    def test_what_else_is_said_about_it_is_kept(self, client, draft, now):
        save_section(draft, {"med_list": [medicine("fentanyl", route="patch")]}, now=now)
        item = {
            "name": "fentanyl",
            "route": "patch",
            "listed": "yes",
            "since": "2025",
            "last_taken": "today",
            "site_region": "CALF_L",
        }

        self.post(client, draft, do="save", **{f"med_list-0-{name}": value for name, value in item.items()})

        assert answers(draft)["med_list"] == [item | {"listed": True, "reason": ""}]

    def test_the_list_may_not_stay_empty(self, client, draft):
        assert "Please add at least one" in self.post(client, draft).content.decode()


class TestLookingOverAndSending:
    def test_gaps_are_named_and_nothing_is_sent(self, client, draft, now):
        save_section(draft, WELL | {"heart": None}, now=now)

        answer = client.post(reverse("intake:form", args=[draft.pk]))

        assert answer.status_code == 422
        assert "still to answer" in answer.content.decode()
        draft.refresh_from_db()
        assert draft.is_draft

    @pytest.mark.parametrize(
        ("change", "word"),
        [
            ({}, "All good"),
            ({"diabetes": "tablets"}, "Adjusted for you"),
            ({"heart": "stable"}, "Your therapist will check this"),
            ({"heart": "recent"}, "Please see a doctor first"),
        ],
    )
    def test_it_is_sent_and_says_what_it_means(self, client, draft, now, change, word):
        save_section(draft, WELL | change, now=now)

        sent = client.post(reverse("intake:form", args=[draft.pk]), follow=True).content.decode()

        assert word in sent
        assert ("For my doctor" in sent or "page for my doctor" in sent) is (word == "Please see a doctor first")
        draft.refresh_from_db()
        assert draft.submitted_at == now

    def test_the_copy_has_every_answer_in_words(self, client, draft, now):
        hip = {"kind": "joint", "region": "HIP_SIDE_L", "date": "2019"}
        medicines = {"takes_any": "yes", "med_list": [medicine("warfarin", since="2020")]}
        save_section(draft, WELL | medicines | {"had_surgery": "yes", "surgeries": [hip]}, now=now)
        client.post(reverse("intake:form", args=[draft.pk]))

        text = client.get(reverse("intake:copy", args=[draft.pk])).content.decode()

        assert "17 May 1990" in text
        assert "Back of neck (right), pain 5 of 10" in text
        assert "Joint replacement, Side of hip (left), 2019" in text
        assert "warfarin, tablet, capsule or liquid, since 2020" in text
        assert "Ada Okafor, 1 February 2027" in text
        assert "Form, version 1" in text

    def test_the_page_for_the_doctor_names_what_has_to_be_cleared_and_only_that(self, client, draft, now):
        save_section(draft, WELL | {"heart": "recent", "diabetes": "tablets"}, now=now)
        client.post(reverse("intake:form", args=[draft.pk]))

        text = client.get(reverse("intake:doctor", args=[draft.pk])).content.decode()

        assert "Heart condition" in text
        assert "Diabetes" not in text

    def test_without_a_stop_there_is_no_page_for_a_doctor(self, client, draft, now):
        save_section(draft, WELL, now=now)
        client.post(reverse("intake:form", args=[draft.pk]))

        assert client.get(reverse("intake:doctor", args=[draft.pk])).status_code == 404

    def test_a_sent_form_cannot_be_filled_in_again(self, client, draft, now):
        save_section(draft, WELL, now=now)
        client.post(reverse("intake:form", args=[draft.pk]))

        answer = client.post(page(draft, HEALTH), {"do": "save", "heart": "recent"})

        assert answer.headers["Location"] == reverse("intake:form", args=[draft.pk])
        assert answers(draft)["heart"] == "no"

    def test_changing_something_begins_a_new_form_with_the_old_answers(self, client, draft, now):
        save_section(draft, WELL, now=now)
        client.post(reverse("intake:form", args=[draft.pk]))

        client.post("/intake/", {"begin": "1"})

        new = Response.objects.drafts().get()
        assert new.supersedes == draft
        assert answers(new)["emergency_name"] == "Sam Okafor"


class TestOthers:
    def test_the_client_sees_who_read_the_answers(self, client, ada, draft, now):
        save_section(draft, WELL, now=now)
        submit_response(draft, by=ada.user, on=now.date(), now=now)
        read_response(draft, by=UserFactory(name="Tess Oduya"), now=now + timedelta(hours=1))

        assert "Tess Oduya" in client.get("/intake/").content.decode()
        assert ResponseView.objects.count() == 1

    def test_agreements_are_shown_word_by_word_and_taken_back(self, client, ada, draft, now):
        save_section(draft, WELL | {"c_reminders": {"agreed": True}}, now=now)
        submit_response(draft, by=ada.user, on=now.date(), now=now)
        url = reverse("intake:consents")
        assert "Send me reminders by email or text" in client.get(url).content.decode()

        client.post(url, {"withdraw": "c_reminders"})

        assert ada.consents.get(kind="c_reminders").withdrawn_at == now
        assert ada.consents.get(kind="c_data").withdrawn_at is None
        assert client.post(url, {"withdraw": "booking"}).status_code == 404

    def test_taking_back_the_health_consent_locks_everything_and_says_so(self, client, ada, draft, now):
        save_section(draft, WELL, now=now)
        submit_response(draft, by=ada.user, on=now.date(), now=now)
        begun = open_response(ada, "first", now=now)

        client.post(reverse("intake:consents"), {"withdraw": "c_data"})

        assert "locked away" in client.get(reverse("intake:form", args=[draft.pk])).content.decode()
        assert client.get(reverse("intake:form", args=[begun.pk])).status_code == 404
        assert "First, your agreement" in client.get("/intake/").content.decode()

    def test_an_unfinished_page_left_open_is_not_saved_after_withdrawal(self, client, ada, draft, now):
        withdraw_health_data(ada, now=now)

        assert client.post(page(draft, HEALTH), {"heart": "no"}).status_code == 404
