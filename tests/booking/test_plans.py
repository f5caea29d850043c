"""The plan for the hands: the lowest limit counts, for each part of the body, and nothing is mentioned that was ruled out."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace

import pytest
import time_machine

from booking.enums import DecisionOutcome
from booking.models import SessionFlag
from booking.plans import caps_by_region, mentionable, plan_of
from booking.reading import Reading, body, whole
from booking.services.clearances import record_clearance
from booking.services.decisions import Terms, decide
from clients.triage import Flags, Limit, Pressure, Severity
from tests.booking.conftest import fill_in
from tests.clients.answers import medicine
from tests.factories import UserFactory

FRESH = {"kind": "fracture", "region": "ANKLE_L", "date": "2027-02", "seen_by_clinician": "yes", "still_hurts": "yes"}
ALL_AGREED = ["buttock", "hip_groin", "inner_thigh", "chest", "abdomen"]


@pytest.mark.unit
class TestTheCap:
    FLAGS = Flags(everywhere=Limit(Severity.ADAPT, Pressure.MEDIUM), regions={"CALF_L": Limit(Severity.REVIEW, Pressure.LIGHT)})

    @pytest.mark.parametrize(
        ("decided", "calf", "neck"),
        [
            ("", Pressure.LIGHT, Pressure.MEDIUM),
            ("light", Pressure.LIGHT, Pressure.LIGHT),
            ("firm", Pressure.LIGHT, Pressure.MEDIUM),
        ],
        ids=["as the answers say", "tightened by the decision", "never loosened by the decision"],
    )
    def test_is_the_lowest_of_answers_and_decision(self, decided, calf, neck):
        assert caps_by_region(self.FLAGS, Terms(decided), ["CALF_L", "NECK_BACK_L"]) == {"CALF_L": calf, "NECK_BACK_L": neck}

    def test_of_nobody_is_none(self):
        assert caps_by_region(Flags(), Terms(), ["CALF_L"]) == {"CALF_L": None}


def row(key, route, *codes):
    return SimpleNamespace(key=key, route=route, class_codes=codes)


@pytest.mark.unit
class TestPainRelief:
    NAMES = ["Ibuprofen", "Aspirin", "Paracetamol", "Co-codamol", "Voltaren", "Lavender oil"]
    LISTED = [
        row("ibuprofen", "oral", "NSAID"),
        row("ibuprofen", "topical", "TOPICAL_ANALGESIC"),
        row("aspirin", "oral", "ASPIRIN"),
        row("paracetamol", "oral", "ANALGESIC"),
        row("cocodamol", "oral", "OPIOID", "ANALGESIC"),
        row("voltaren", "topical", "NSAID"),
    ]

    @pytest.mark.parametrize(
        ("limits", "left"),
        [
            (["none"], NAMES),
            (["nsaid"], ["Paracetamol", "Co-codamol"]),
            (["aspirin"], ["Paracetamol", "Co-codamol"]),
            (["acetaminophen"], ["Ibuprofen", "Aspirin", "Voltaren"]),
            (["opioid"], ["Ibuprofen", "Aspirin", "Paracetamol", "Voltaren"]),
            (["topical"], ["Aspirin", "Paracetamol", "Co-codamol"]),
            (["nsaid", "opioid", "acetaminophen"], []),
            (["none", "nsaid"], ["Paracetamol", "Co-codamol"]),
            (["unsure"], []),
            (["opioid", "unsure"], []),
            ([], []),
        ],
        ids=str,
    )
    def test_only_what_the_client_was_not_told_to_leave_and_with_a_limit_nothing_of_unknown_kind(self, limits, left):
        assert mentionable(self.NAMES, limits, self.LISTED) == left


@pytest.mark.integration
@pytest.mark.django_db
class TestThePlan:
    @pytest.fixture(autouse=True)
    def clock(self, now):
        with time_machine.travel(now, tick=False):
            yield

    @pytest.fixture
    def plan(self, intake, book, practice, now):
        practice.tess.user = UserFactory(name="Tess Oduya", email="tess@example.org")
        practice.tess.save()
        session = book()

        def plan(**answers):
            if answers:
                fill_in(practice.ada, now, **{"consent_areas": ALL_AGREED} | answers)
            return plan_of(Reading.of(session, by=practice.tess.user, now=now))

        plan.session = session
        return plan

    def test_shades_every_part_by_its_cap_and_marks_only_what_differs(self, plan):
        found = plan(takes_any="yes", med_list=[medicine("Eliquis")], had_injury="yes", injuries=[FRESH])

        assert found.everywhere == Pressure.LIGHT
        assert (found.shades["CALF_L"], found.shades["ANKLE_L"], found.shades["HEAD"]) == ("light", "none", "light")
        assert [(region.code, mark) for region, mark in found.marks] == [("ANKLE_L", "×")]
        assert [(mark, str(words)) for mark, _shade, words in found.legend] == [("×", "not to touch"), ("3", "light, 1 to 3")]

    def test_of_somebody_well_has_neither_shade_nor_legend(self, plan):
        found = plan(dob="1990-01-01")

        assert (found.everywhere, found.shades, found.legend, found.untouched) == (None, {}, [], [])

    def test_leaves_out_what_was_not_wanted_not_agreed_to_or_decided_each_for_its_reason(self, plan, practice, now):
        plan(
            takes_any="yes",
            med_list=[medicine("Eliquis")],
            avoid_areas=[{"region": "FOOT_SOLE_L"}],
            consent_areas=["buttock", "hip_groin", "inner_thigh", "chest"],
        )
        flag = SessionFlag.objects.get()
        terms = Terms("light", ("NECK_BACK_L",), 20, "Bruises easily")
        decide(plan.session, DecisionOutcome.ADAPTED, terms, by=practice.tess.user, now=now, seen_round=flag.round)

        found = plan()

        assert {str(each.why): each.places for each in found.untouched} == {
            "Does not want to be touched": ("Sole of foot (left)",),
            "Left out by the decision": ("Back of neck (left)",),
            "Not agreed to": ("Abdomen",),
        }
        assert (found.terms, found.decision.outcome) == (terms, "adapted")
        assert "Buttock (left)" in found.agreed_to
        assert "Abdomen" not in found.agreed_to

    def test_without_an_answer_nobody_agreed_to_anything(self, plan):
        found = plan(consent_areas=["none"])

        assert found.agreed_to == ()
        assert "Buttock (left)" in found.untouched[0].places

    def test_warns_of_heat_only_where_there_is_a_patch(self, plan):
        without = plan(takes_any="yes", med_list=[medicine("fentanyl")], warmup_ok="no")
        patch = medicine("fentanyl", route="patch", site_region="SHOULDER_BLADE_L")
        with_one = plan(takes_any="yes", med_list=[patch], warmup_ok="yes")
        somewhere = plan(takes_any="yes", med_list=[medicine("fentanyl", route="patch")])

        assert (without.patches, with_one.patches, somewhere.patches) == (None, ("Shoulder blade (left)",), ())
        assert str(without.warm_up).startswith("Not beforehand.")

    def test_names_the_pain_relief_not_to_mention(self, plan):
        assert plan(pain_relief_limits=["nsaid", "topical"]).not_to_mention == [
            "Ibuprofen, naproxen or similar",
            "Creams or gels",
        ]
        assert plan(pain_relief_limits=["none"]).not_to_mention == []

    def test_names_the_clearance_that_counts_on_its_date_and_no_other(self, plan, practice, now):
        plan(heart="recent")
        letter = {"given_by": "Dr Hale", "given_on": now.date(), "reference": "folder 12", "by": practice.finn, "now": now}
        record_clearance(practice.ada, **letter, valid_until=now.date())
        assert plan().clearances == []

        counts = record_clearance(practice.ada, **letter, valid_until=plan.session.local_date)

        assert plan().clearances == [counts]

    def test_a_decision_about_other_answers_limits_nothing(self, plan, practice, now):
        plan(takes_any="yes", med_list=[medicine("Eliquis")])
        flag = SessionFlag.objects.get()
        decide(plan.session, DecisionOutcome.ADAPTED, Terms("light"), by=practice.tess.user, now=now, seen_round=flag.round)
        later = now + timedelta(minutes=1)
        fill_in(practice.ada, later, takes_any="no", consent_areas=ALL_AGREED)

        found = plan()

        assert (found.decision, found.everywhere) == (None, None)

    def test_an_area_of_which_every_part_is_meant_is_named_once(self, intake):
        regions = body()
        thigh = {code for code, region in regions.items() if region.area == "THIGH" and code != "THIGH"}

        assert [region.label for region in whole(thigh, regions)] == ["Thighs"]
        assert len(whole(thigh - {"THIGH_FRONT_L"}, regions)) == len(thigh) - 1
        assert whole({"NOWHERE"}, regions) == []


def test_a_clearance_covers_its_last_day_and_not_the_next():
    from booking.models import Clearance

    until = Clearance(valid_until=date(2027, 3, 9))

    assert until.covers(date(2027, 3, 9))
    assert not until.covers(date(2027, 3, 10))
    assert Clearance().covers(date(2030, 1, 1))
