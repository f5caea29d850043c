"""Every rule and every class by a case and a counter-case, a second reading of the rules, and what must hold for all answers."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.triage import (
    UNKNOWN,
    Knowledge,
    Limit,
    MedicationClass,
    Pressure,
    Region,
    Rule,
    Scope,
    Severity,
    latest_day,
    triage,
)
from tests.clients.conftest import FILE, rows

pytestmark = pytest.mark.unit

ON = date(2027, 2, 9)
QUESTIONS = {question["code"]: question for section in FILE["sections"] for question in section["questions"]}
RULES = [(code, rule) for code, question in QUESTIONS.items() for rule in question.get("flags", [])]
CLASSES = {row["code"]: row for row in rows("medication_classes.csv")}
REGIONS = {row["code"]: row for row in rows("body_regions.csv")}
PARTS = [code for code, row in REGIONS.items() if row["treatable"] != "group"]


def cap_of(text):
    return Pressure[text.upper()] if text else None


KNOWN = Knowledge(
    rules=[
        Rule(
            question=code,
            code=rule["code"],
            when=rule["when"],
            severity=Severity[rule["severity"].upper()],
            scope=Scope(rule["scope"]),
            cap=cap_of(rule.get("max_pressure")),
        )
        for code, rule in RULES
    ],
    classes={
        code: MedicationClass(code, Severity[row["severity"].upper()], Scope(row["scope"]), cap_of(row["max_pressure"]))
        for code, row in CLASSES.items()
    },
    regions={code: Region(code, row["area_code"], row["treatable"]) for code, row in REGIONS.items()},
    medicines=frozenset({"med_list"}),
)


def flags(on=ON, **answers):
    return triage(answers, KNOWN, on)


def codes(found):
    return {reason.code for reason in found.reasons}


def days_ago(days):
    return (ON - timedelta(days=days)).isoformat()


# ---- the second reading: written from the data's description alone, slow and plain -------------------------------------------


def brute_severity(code):
    return {"none": 0, "adapt": 1, "review": 2, "stop": 3}[code]


def brute_cap(code):
    return {"": 99, None: 99, "none": 0, "light": 3, "medium": 5, "firm": 7, "intense": 8}[code]


def brute_item(condition, item):
    if condition["op"] == "item_kind_in":
        return item["kind"] in condition["value"]
    if not item["date"]:
        return condition["op"] == "item_within_days"
    age = (ON - date.fromisoformat(item["date"])).days
    return age <= condition["value"] if condition["op"] == "item_within_days" else age > condition["value"]


def brute_worst_class(medicine):
    return max((CLASSES[code]["severity"] for code in medicine["classes"]), key=brute_severity)


def brute_fires(question, condition, value):
    op, wanted = condition["op"], condition["value"]
    if op == "equals":
        return value == wanted
    if op == "in":
        return value in wanted
    if op == "contains_any":
        return any(each in wanted for each in value)
    if op == "gte":
        return value >= wanted
    if op == "between":
        return wanted[0] <= value <= wanted[1]
    if op == "not_empty":
        return bool(value) and value != "none"
    if op in ("age_lt", "age_gte"):
        born = date.fromisoformat(value)
        birthdays = sum(1 for year in range(born.year + 1, ON.year + 1) if date(year, born.month, born.day) <= ON)
        return birthdays < wanted if op == "age_lt" else birthdays >= wanted
    if op == "region_treatable_in":
        return any(REGIONS[spot["region"]]["treatable"] in wanted for spot in value)
    if op == "medication_severity":
        return any(brute_worst_class(medicine) == wanted for medicine in value)
    assert op == "medication_class_all"
    return all(any(code in medicine["classes"] for medicine in value) for code in wanted)


def brute(answers):
    """(severity of the session, {region: (severity, cap)}) by applying every limit to every region it reaches."""
    limits = []  # severity, cap, regions or None for everywhere
    for question, value in answers.items():
        for rule in QUESTIONS[question].get("flags", []):
            when, local = rule["when"], rule["scope"] == "local"
            severity, cap = brute_severity(rule["severity"]), brute_cap(rule.get("max_pressure"))
            if QUESTIONS[question]["type"] == "repeat_group":
                for item in value:
                    if all(brute_item(each, item) for each in (when, when.get("and")) if each):
                        others = [
                            brute_severity(other["severity"])
                            for other in QUESTIONS[question]["flags"]
                            if all(brute_item(each, item) for each in (other["when"], other["when"].get("and")) if each)
                        ]
                        if severity == max(others):
                            limits.append((severity, cap, {item["region"]} if local and item["region"] else None))
            elif brute_fires(question, when, value):
                reach = None
                if local and QUESTIONS[question]["type"] == "body_map":
                    reach = {spot["region"] for spot in value}
                    if when["op"] == "region_treatable_in":
                        reach = {code for code in reach if REGIONS[code]["treatable"] in when["value"]}
                limits.append((severity, cap, reach))
        if question == "med_list":
            for medicine in value:
                for code in medicine["classes"]:
                    row = CLASSES[code]
                    site = {medicine["site_region"]} if row["scope"] == "local" and medicine["site_region"] else None
                    limits.append((brute_severity(row["severity"]), brute_cap(row["max_pressure"]), site))
    body = {
        region: (
            max([severity for severity, _cap, reach in limits if reach is None or region in reach], default=0),
            min([cap for _severity, cap, reach in limits if reach is None or region in reach], default=99),
        )
        for region in PARTS
    }
    session = max([severity if reach is None else min(severity, 2) for severity, _cap, reach in limits], default=0)
    return session, body


def as_brute(found):
    body = {
        region: (int(found.at(region).severity), 99 if found.at(region).cap is None else int(found.at(region).cap))
        for region in PARTS
    }
    return int(found.severity), body


# ---- each rule ----------------------------------------------------------------------------------------------------------------


def answer_for(code, rule):
    """An answer for which this rule and none more severe holds, and one for which it does not."""
    question, when = QUESTIONS[code], rule["when"]
    op, wanted = when["op"], when["value"]
    choices = [choice["value"] for choice in question.get("choices") or []]
    if op in ("equals", "in"):
        yes = wanted if op == "equals" else wanted[0]
        return yes, next(each for each in choices if each not in ([wanted] if op == "equals" else wanted))
    if op == "contains_any":
        return [wanted[-1]], [each for each in choices if each not in wanted][:1]
    if op == "gte":
        return wanted, wanted - 1
    if op == "between":
        return wanted[1], wanted[1] + 1
    if op == "not_empty":
        return ("latex", "None.") if question["type"] != "body_map" else ([{"region": "CALF_L"}], [])
    if op == "age_lt":
        return "2009-02-10", "2009-02-09"
    if op == "age_gte":
        return "1957-02-09", "1957-02-10"
    if op == "region_treatable_in":
        return [{"region": "THROAT"}], [{"region": "CALF_L"}]
    if op == "medication_severity":
        by_severity = {"stop": "CHEMO", "review": "ANTICOAG", "adapt": "NSAID"}
        other = {"stop": "ANTICOAG", "review": "NSAID", "adapt": "GENERAL"}
        return [{"name": "x", "classes": [by_severity[wanted]]}], [{"name": "x", "classes": [other[wanted]]}]
    if op == "medication_class_all":
        return [{"name": each, "classes": [each]} for each in wanted], [{"name": "x", "classes": [wanted[0]]}]
    kinds = when.get("and", {}).get("value")
    taken = {kind for flag in question["flags"] for kind in flag["when"].get("and", {}).get("value", [])}
    kind = kinds[0] if kinds else next(each for each in choices if each not in taken)
    inside, outside = (wanted, wanted + 1) if op == "item_within_days" else (wanted + 1, wanted)
    item = {"kind": kind, "region": "CALF_L", "date": days_ago(inside)}
    return [item], [item | {"date": days_ago(outside)}]


def test_there_is_a_case_for_each_of_the_114_rules():
    assert len(RULES) == 114


@pytest.mark.parametrize(("code", "rule"), RULES, ids=[rule["code"] for _code, rule in RULES])
def test_a_rule_holds_for_its_case_and_not_for_the_counter_case(code, rule):
    yes, no = answer_for(code, rule)

    found = flags(**{code: yes})
    reasons = [reason for reason in found.reasons if reason.code == rule["code"]]
    assert [(each.severity.name.lower(), each.scope, each.cap) for each in reasons] == [
        (rule["severity"], rule["scope"], cap_of(rule.get("max_pressure")))
    ]
    assert rule["code"] not in codes(flags(**{code: no}))
    assert as_brute(found) == brute({code: full(code, yes)})


def full(code, value):
    """The answer with every field that the plain reading looks at."""
    if code == "med_list":
        return [{"site_region": ""} | medicine for medicine in value]
    return value


@pytest.mark.parametrize(
    ("code", "kind", "days", "expected"),
    [
        ("injuries", "strain", 3, {"injury_72h"}),
        ("injuries", "strain", 4, {"injury_14d"}),
        ("injuries", "strain", 15, {"injury_1y"}),
        ("injuries", "fracture", 14, {"fracture_6w"}),
        ("injuries", "fracture", 42, {"fracture_6w"}),
        ("injuries", "fracture", 43, {"fracture_12w"}),
        ("injuries", "fracture", 85, {"injury_1y"}),
        ("injuries", "whiplash", 42, {"whiplash_6w"}),
        ("injuries", "strain", 366, set()),
        ("surgeries", "joint", 42, {"surgery_6w"}),
        ("surgeries", "joint", 84, {"surgery_12w", "surgery_6m"}),
        ("surgeries", "joint", 180, {"surgery_6m"}),
        ("surgeries", "ortho", 181, {"surgery_old"}),
        ("injections", "steroid", 14, {"injection_14d"}),
        ("injections", "steroid", 15, {"injection_6w"}),
        ("injections", "vaccine", 7, {"injection_7d"}),
        ("injections", "vaccine", 8, set()),
        ("injections", "other", 15, set()),
    ],
)
def test_of_several_date_rules_for_one_item_the_most_severe_stands(code, kind, days, expected):
    assert codes(flags(**{code: [{"kind": kind, "region": "CALF_L", "date": days_ago(days)}]})) == expected


@pytest.mark.parametrize("missing", ["", None, "sometime", "2019-13"])
def test_an_unknown_date_counts_as_recent(missing):
    item = {"kind": "ortho", "region": "KNEE_FRONT_L", "date": missing}

    assert codes(flags(surgeries=[item])) == {"surgery_6w"}
    assert codes(flags(surgeries=[item | {"date": "2019"}])) == {"surgery_old"}


@pytest.mark.parametrize(
    ("text", "day"),
    [("2019", date(2019, 12, 31)), ("2020-02", date(2020, 2, 29)), ("2019-05-03", date(2019, 5, 3)), ("", None), ("x", None)],
)
def test_a_date_in_part_means_its_last_day(text, day):
    assert latest_day(text) == day


def test_a_rule_with_two_conditions_needs_both():
    item = {"kind": "vaccine", "region": "SHOULDER_SIDE_L", "date": days_ago(3)}

    assert codes(flags(injections=[item])) == {"injection_7d"}
    assert codes(flags(injections=[item | {"kind": "steroid"}])) == {"injection_14d"}


# ---- each class ---------------------------------------------------------------------------------------------------------------


def test_there_is_a_case_for_each_of_the_53_classes():
    assert len(CLASSES) == 53


@pytest.mark.parametrize("code", CLASSES)
def test_a_class_limits_where_its_row_says_and_nothing_without_it(code):
    row = CLASSES[code]
    found = flags(med_list=[{"name": "x", "classes": [code], "site_region": "CALF_L"}])
    reasons = [reason for reason in found.reasons if reason.code == code]

    if row["severity"] == "none":
        assert found.reasons == ()
        return
    assert [(each.severity.name.lower(), each.cap) for each in reasons] == [(row["severity"], cap_of(row["max_pressure"]))]
    assert found.at("CALF_L").cap == cap_of(row["max_pressure"])
    elsewhere = cap_of(row["max_pressure"]) if row["scope"] == "whole_body" else None
    assert found.at("CALF_R").cap == elsewhere
    assert f"med_{row['severity']}" in codes(found)
    assert code not in codes(flags(med_list=[{"name": "x", "classes": ["GENERAL"], "site_region": "CALF_L"}]))


@pytest.mark.parametrize("classes", [[], None, [UNKNOWN], ["NO_SUCH_CLASS"]])
def test_a_medicine_nobody_knows_is_reviewed_never_fine(classes):
    found = flags(med_list=[{"name": "x", "classes": classes}])

    assert found.severity is Severity.REVIEW
    assert found.everywhere.cap is Pressure.MEDIUM


def test_a_blood_thinner_and_an_antiplatelet_together_stop_and_either_alone_is_reviewed():
    thinner, platelets = {"name": "a", "classes": ["ANTICOAG"]}, {"name": "b", "classes": ["ANTIPLATELET"]}

    together = flags(med_list=[thinner, platelets])

    assert together.severity is Severity.STOP
    assert next(each.because for each in together.reasons if each.code == "med_double_bleed") == ("ANTICOAG", "ANTIPLATELET")
    assert flags(med_list=[thinner]).severity is flags(med_list=[platelets]).severity is Severity.REVIEW


# ---- how limits combine -------------------------------------------------------------------------------------------------------


def test_the_lowest_cap_wins_per_region_and_whole_body_limits_reach_all():
    found = flags(
        med_list=[{"name": "a", "classes": ["NSAID"]}, {"name": "b", "classes": ["STEROID_TOPICAL"], "site_region": "CALF_L"}],
        avoid_areas=[{"region": "THIGH_INNER_L"}],
    )

    assert found.everywhere == Limit(Severity.ADAPT, Pressure.FIRM)
    assert found.at("CALF_L").cap is Pressure.MEDIUM
    assert found.at("CALF_R").cap is Pressure.FIRM
    assert found.untouched == {"THIGH_INNER_L"}


def test_a_local_stop_blocks_its_area_and_leaves_the_session_to_be_reviewed():
    found = flags(injuries=[{"kind": "fracture", "region": "ANKLE_L", "date": days_ago(20)}])

    assert found.severity is Severity.REVIEW
    assert found.blocked == {"ANKLE_L"}
    assert found.at("ANKLE_L") == Limit(Severity.STOP, Pressure.NONE)
    assert found.at("ANKLE_R") == Limit()


def test_a_local_stop_without_a_region_stops_the_session():
    found = flags(injuries=[{"kind": "fracture", "region": "", "date": days_ago(20)}])

    assert found.severity is Severity.STOP
    assert found.everywhere == Limit(Severity.STOP, Pressure.NONE)
    assert found.blocked == frozenset()


def test_an_area_stands_for_all_its_regions():
    found = flags(injuries=[{"kind": "strain", "region": "KNEE", "date": days_ago(1)}])

    assert found.blocked == {"KNEE_FRONT_L", "KNEE_FRONT_R", "KNEE_BACK_L", "KNEE_BACK_R"}


def test_only_the_regions_that_need_it_are_marked_as_special():
    found = flags(areas=[{"region": "CALF_L"}, {"region": "THROAT"}])

    assert found.at("THROAT").severity is Severity.ADAPT
    assert found.at("CALF_L").severity is Severity.NONE


def test_a_reason_never_quotes_a_free_text():
    found = flags(other_health="a secret", allergies="latex", touch="please no")

    assert codes(found) == {"other_health", "allergy", "touch_needs"}
    assert {reason.because for reason in found.reasons} == {()}


# ---- what holds for all answers -----------------------------------------------------------------------------------------------


def dates():
    return st.one_of(st.just(""), st.integers(-5, 800).map(days_ago))


def values(question):
    choices = [choice["value"] for choice in question.get("choices") or []]
    spots = st.lists(st.sampled_from(PARTS), max_size=4, unique=True).map(lambda found: [{"region": each} for each in found])
    match question["type"]:
        case "single" | "yes_no" | "yes_no_unsure":
            return st.sampled_from(choices)
        case "multi":
            return st.lists(st.sampled_from(choices), unique=True)
        case "scale_0_10":
            return st.integers(0, 10)
        case "date":
            return st.dates(date(1920, 1, 1), date(2026, 12, 31)).filter(lambda day: (day.month, day.day) != (2, 29)).map(str)
        case "text_short" | "text_long":
            return st.sampled_from(["", "none", "latex"])
        case "body_map":
            return spots
        case "repeat_group":
            item = {"kind": st.sampled_from(choices), "region": st.sampled_from(["", *PARTS]), "date": dates()}
            return st.lists(st.fixed_dictionaries(item), max_size=3)
        case _:
            item = {
                "name": st.just("x"),
                "classes": st.lists(st.sampled_from(sorted(CLASSES)), min_size=1, max_size=3, unique=True),
                "site_region": st.sampled_from(["", *PARTS]),
            }
            return st.lists(st.fixed_dictionaries(item), max_size=4)


FLAGGED = sorted({code for code, _rule in RULES})
SHEETS = st.lists(st.sampled_from(FLAGGED), unique=True, max_size=12).flatmap(
    lambda chosen: st.fixed_dictionaries({code: values(QUESTIONS[code]) for code in chosen})
)


@settings(max_examples=300, deadline=None)
@given(SHEETS)
def test_two_readings_of_the_rules_agree(answers):
    assert as_brute(triage(answers, KNOWN, ON)) == brute(answers)


@settings(max_examples=200, deadline=None)
@given(SHEETS, st.data())
def test_one_more_answer_never_lowers_a_severity_nor_raises_a_cap(answers, data):
    more = data.draw(SHEETS)
    before, after = triage(answers, KNOWN, ON), triage(more | answers, KNOWN, ON)

    assert after.severity >= before.severity
    assert after.blocked >= before.blocked
    for region in PARTS:
        assert after.at(region).severity >= before.at(region).severity
        assert after.at(region).with_(before.at(region)).cap == after.at(region).cap


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["injuries", "surgeries", "injections"]), st.data())
def test_one_more_item_never_lowers_a_severity(code, data):
    items, more = data.draw(values(QUESTIONS[code])), data.draw(values(QUESTIONS[code]))

    assert flags(**{code: items + more}).severity >= flags(**{code: items}).severity


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["injuries", "surgeries", "injections"]), st.data())
def test_forgetting_a_date_never_lowers_a_severity(code, data):
    items = data.draw(values(QUESTIONS[code]))

    assert flags(**{code: [item | {"date": ""} for item in items]}).severity >= flags(**{code: items}).severity


@settings(max_examples=100, deadline=None)
@given(SHEETS)
def test_the_same_answers_give_the_same_flags_in_any_order(answers):
    turned = dict(reversed(answers.items()))

    assert triage(answers, KNOWN, ON) == triage(turned, KNOWN, ON)
