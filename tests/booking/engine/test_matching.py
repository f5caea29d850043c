"""Who may treat whom: each ground by a case and a counter-case, and a second reading of all of them together."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from booking.engine.matching import Abilities, Ground, Stance, Verdict, as_treated, matched, suits
from clients.record import Wishes
from clients.triage import UNKNOWN, Flags, Pressure, Severity, triage
from tests.clients.test_triage import CLASSES, KNOWN, PARTS, QUESTIONS, REGIONS, RULES, SHEETS

pytestmark = pytest.mark.unit

ON = date(2027, 2, 9)
STANCES = list(Stance)


def flags(**answers):
    return triage(answers, KNOWN, ON)


def on(*classes, name="x", **more):
    return flags(med_list=[{"name": name, "classes": list(classes)}], **more)


def severity(abilities, found):
    return matched(abilities, found).flags.severity


class TestMedicines:
    def test_without_a_policy_the_severity_of_the_class_stands(self):
        assert matched(Abilities(), on("ANTICOAG")).verdict is Verdict.REVIEW
        assert matched(Abilities(), on("NSAID")).verdict is Verdict.FITS
        assert matched(Abilities(), on("ANTICOAG")).flags == on("ANTICOAG")

    def test_a_class_that_is_declined_declines_and_says_for_which_reason(self):
        found = matched(Abilities(medicines={"ANTICOAG": Stance.DECLINE}), on("ANTICOAG"))

        assert (found.verdict, found.grounds) == (Verdict.DECLINES, (Ground.POLICY,))
        assert [reason.code for reason in found.declined] == ["ANTICOAG"]
        assert matched(Abilities(medicines={"ANTICOAG": Stance.DECLINE}), on("NSAID")).verdict is Verdict.FITS

    def test_a_policy_of_review_raises_what_only_adapts(self):
        assert severity(Abilities(medicines={"NSAID": Stance.REVIEW}), on("NSAID")) is Severity.REVIEW
        assert severity(Abilities(medicines={"NSAID": Stance.ACCEPT}), on("NSAID")) is Severity.ADAPT

    def test_an_accepted_class_adapts_and_so_does_what_only_sums_it_up(self):
        found = matched(Abilities(medicines={"ANTICOAG": Stance.ACCEPT}), on("ANTICOAG"))

        assert found.verdict is Verdict.FITS
        assert {(reason.code, reason.severity) for reason in found.flags.reasons} == {
            ("ANTICOAG", Severity.ADAPT),
            ("med_review", Severity.ADAPT),
        }
        assert found.flags.everywhere.cap == on("ANTICOAG").everywhere.cap

    def test_a_second_class_that_is_not_accepted_keeps_the_review(self):
        abilities = Abilities(medicines={"ANTICOAG": Stance.ACCEPT})

        assert severity(abilities, on("ANTICOAG", "STEROID_SYSTEMIC")) is Severity.REVIEW

    def test_a_stop_is_never_touched(self):
        abilities = Abilities(medicines=dict.fromkeys(CLASSES, Stance.ACCEPT))
        together = flags(med_list=[{"name": "a", "classes": ["ANTICOAG"]}, {"name": "b", "classes": ["ANTIPLATELET"]}])

        assert severity(abilities, on("CHEMO")) is Severity.STOP
        assert severity(abilities, together) is Severity.STOP
        assert matched(abilities, together).verdict is Verdict.REVIEW

    def test_a_medicine_nobody_knows_is_never_taken_for_granted_but_can_be_declined(self):
        assert severity(Abilities(medicines={UNKNOWN: Stance.ACCEPT}), on(UNKNOWN)) is Severity.REVIEW
        assert matched(Abilities(medicines={UNKNOWN: Stance.DECLINE}), on(UNKNOWN)).verdict is Verdict.DECLINES


class TestConditions:
    def test_each_stance_does_what_it_says(self):
        pregnant = flags(pregnant="t2")

        assert matched(Abilities(conditions={"pregnant": Stance.DECLINE}), pregnant).verdict is Verdict.DECLINES
        assert matched(Abilities(conditions={"pregnant": Stance.ACCEPT}), pregnant).verdict is Verdict.FITS
        assert matched(Abilities(conditions={"cancer": Stance.DECLINE}), pregnant).verdict is Verdict.REVIEW
        assert severity(Abilities(conditions={"diabetes": Stance.REVIEW}), flags(diabetes="insulin")) is Severity.REVIEW

    def test_an_answer_without_a_flag_declines_nobody(self):
        assert matched(Abilities(conditions={"pregnant": Stance.DECLINE}), flags(pregnant="no")).verdict is Verdict.FITS

    def test_a_stop_stands_though_the_condition_is_accepted(self):
        assert severity(Abilities(conditions={"pregnant": Stance.ACCEPT}), flags(pregnant="t1")) is Severity.STOP

    def test_a_policy_on_a_condition_says_nothing_about_a_class_of_the_same_name(self):
        assert matched(Abilities(conditions={"ANTICOAG": Stance.DECLINE}), on("ANTICOAG")).verdict is Verdict.REVIEW
        assert matched(Abilities(conditions={"med_list": Stance.ACCEPT}), on("ANTICOAG")).verdict is Verdict.REVIEW


class TestWhatTheyWorkWith:
    def test_who_works_more_firmly_than_is_allowed_declines(self):
        firm = Abilities(least=Pressure.FIRM)

        assert matched(firm, on("STEROID_SYSTEMIC")).grounds == (Ground.PRESSURE,)  # at most light
        assert matched(firm, on("NSAID")).verdict is Verdict.FITS  # at most firm
        assert matched(Abilities(), on("STEROID_SYSTEMIC")).verdict is Verdict.REVIEW

    def test_only_where_it_hurts_counts(self):
        firm, avoided = Abilities(least=Pressure.FIRM), flags(avoid_areas=[{"region": "CALF_L"}])

        assert matched(firm, avoided, Wishes({"CALF_L": "LOWER_LEG"})).verdict is Verdict.DECLINES
        assert matched(firm, avoided, Wishes({"CALF_L": "LOWER_LEG", "CALF_R": "LOWER_LEG"})).verdict is Verdict.FITS
        assert matched(firm, avoided).verdict is Verdict.FITS

    def test_where_nobody_may_press_it_is_no_question_of_pressure(self):
        device = flags(devices=["pacemaker"])

        assert device.everywhere.cap is Pressure.NONE
        assert matched(Abilities(), device).verdict is Verdict.REVIEW

    def test_one_treated_area_of_those_that_hurt_is_enough(self):
        hands = Abilities(areas=frozenset({"HAND", "ARM"}))

        assert matched(hands, Flags(), Wishes({"CALF_L": "LOWER_LEG"})).grounds == (Ground.AREAS,)
        assert matched(hands, Flags(), Wishes({"CALF_L": "LOWER_LEG", "WRIST_L": "HAND"})).verdict is Verdict.FITS
        assert matched(hands, Flags()).verdict is Verdict.FITS

    def test_daily_courses_are_declined_only_by_those_who_give_none(self):
        assert matched(Abilities(daily=False), Flags(), daily=True).grounds == (Ground.DAILY,)
        assert matched(Abilities(daily=False), Flags()).verdict is Verdict.FITS
        assert matched(Abilities(), Flags(), daily=True).verdict is Verdict.FITS


class TestPreferences:
    @pytest.mark.parametrize(
        ("gender", "wished", "suited"),
        [("female", "female", True), ("male", "female", False), ("", "female", False), ("male", "any", True), ("male", "", True)],
    )
    def test_a_preferred_gender_orders_and_declines_nobody(self, gender, wished, suited):
        wishes = Wishes(gender=wished)

        assert (suits(Abilities(gender=gender), wishes) == (False, False)) is suited
        assert matched(Abilities(gender=gender), Flags(), wishes).verdict is Verdict.FITS

    def test_gender_goes_before_pressure(self):
        wishes = Wishes(gender="female", pressure=Pressure.INTENSE)
        gentle = Abilities(gender="female", most=Pressure.MEDIUM)
        strong = Abilities(gender="male")
        both = Abilities(gender="female")

        assert sorted([strong, gentle, both], key=lambda each: suits(each, wishes)) == [both, gentle, strong]


# ---- the second reading: from the answers' raw data, without reasons or flags ------------------------------------------------

CONDITIONS = sorted({code for code, _rule in RULES} - {"med_list"})
LEVELS = {"none": 0, "adapt": 1, "review": 2, "stop": 3}


def brute(abilities, answers, wishes, daily):
    """(declines, severity): every rule and class of the answers by itself, as the policy words it."""
    declines = daily and not abilities.daily
    severities = [0]
    classes = [code for medicine in answers.get("med_list", []) for code in dict.fromkeys(medicine["classes"])]
    softened = {}
    for code in classes:
        level, stance = LEVELS[CLASSES[code]["severity"]], abilities.medicines.get(code)
        declines |= stance == "decline" and level > 0
        if stance == "review" and level == 1:
            softened[code] = 2
        elif stance == "accept" and level == 2 and code != UNKNOWN:
            softened[code] = 1
        else:
            softened[code] = level
        local = CLASSES[code]["scope"] == "local"
        sites = [m["site_region"] for m in answers["med_list"] if code in m["classes"]]
        severities.append(min(softened[code], 2) if local and all(sites) else softened[code])
    for reason in triage(answers, KNOWN, ON).reasons:
        if reason.question == "med_list" and reason.code in CLASSES:
            continue
        level = int(reason.severity)
        if reason.question == "med_list":
            if reason.code == "med_review":  # stands as long as one class of a reviewed medicine is not accepted
                level = max(
                    softened[code]
                    for medicine in answers["med_list"]
                    for code in medicine["classes"]
                    if max(LEVELS[CLASSES[each]["severity"]] for each in medicine["classes"]) == 2
                )
                level = min(level, 2)
        else:
            stance = abilities.conditions.get(reason.question)
            declines |= stance == "decline" and level > 0
            level = {("review", 1): 2, ("accept", 2): 1}.get((stance, level), level)
        severities.append(min(level, 2) if reason.scope == "local" and reason.regions else level)
    caps = triage(answers, KNOWN, ON)
    allowed = [8 if caps.at(part).cap is None else max(3, int(caps.at(part).cap)) for part in wishes.regions or ["nowhere"]]
    declines |= max(allowed) < abilities.least
    if abilities.areas and wishes.regions:
        declines |= not any(area in abilities.areas for area in wishes.regions.values())
    return declines, max(severities)


def named(sheet):
    """Every medicine with a name of its own, as two entries of one name are read together."""
    return sheet | {"med_list": [each | {"name": str(n)} for n, each in enumerate(sheet.get("med_list", []))]}


SOME_AREAS = sorted({REGIONS[part]["area_code"] for part in PARTS})
ABILITIES = st.builds(
    Abilities,
    medicines=st.dictionaries(st.sampled_from(sorted(CLASSES)), st.sampled_from(STANCES), max_size=25),
    conditions=st.dictionaries(st.sampled_from(CONDITIONS), st.sampled_from(STANCES), max_size=15),
    least=st.sampled_from([Pressure.LIGHT, Pressure.MEDIUM, Pressure.FIRM]),
    areas=st.frozensets(st.sampled_from(SOME_AREAS), max_size=5),
    daily=st.booleans(),
)
WISHES = st.lists(st.sampled_from(PARTS), max_size=3, unique=True).map(
    lambda parts: Wishes({part: REGIONS[part]["area_code"] for part in parts})
)


@settings(max_examples=400, deadline=None)
@given(ABILITIES, SHEETS.map(named), WISHES, st.booleans())
def test_two_readings_of_a_match_agree(abilities, answers, wishes, daily):
    found = matched(abilities, triage(answers, KNOWN, ON), wishes, daily=daily)

    declines, expected = brute(abilities, answers, wishes, daily)
    assert (found.verdict is Verdict.DECLINES) == declines
    assert int(found.flags.severity) == expected
    assert declines or (found.verdict is Verdict.REVIEW) == (expected >= 2)


@settings(max_examples=200, deadline=None)
@given(ABILITIES, SHEETS)
def test_no_policy_touches_a_stop_a_cap_or_a_blocked_region(abilities, answers):
    before = triage(answers, KNOWN, ON)
    after = as_treated(abilities, before)

    assert (after.severity is Severity.STOP) == (before.severity is Severity.STOP)
    assert after.blocked == before.blocked
    for part in PARTS:
        assert after.at(part).cap == before.at(part).cap
        assert (after.at(part).severity is Severity.STOP) == (before.at(part).severity is Severity.STOP)


def test_the_questions_that_policies_name_exist():
    assert set(CONDITIONS) <= set(QUESTIONS)
