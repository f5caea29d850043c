"""What a client sent, over a range of dates: worked out once per stretch, equal to working it out day by day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.record import Record, Sent, Wishes, turning_points
from clients.triage import Flags, Pressure, Source, triage
from tests.clients.test_triage import KNOWN, ON, SHEETS, days_ago, flags

pytestmark = pytest.mark.unit

LAST = ON + timedelta(days=400)
DAYS = [ON + timedelta(days=n) for n in range(401)]
TURNING = ("dob", "injuries", "surgeries", "injections")


@st.composite
def turning_sheets(draw):
    """Answers whose meaning moves on with the calendar, beside any others."""
    born = st.dates(ON.replace(year=ON.year - 71), ON.replace(year=ON.year - 16)) | st.just(date(2008, 2, 29))
    when = st.integers(-200, 400).map(days_ago) | st.sampled_from(["", "2026", "2026-12", "2027"])
    kinds = {"injuries": ["strain", "fracture"], "surgeries": ["joint", "skin"], "injections": ["steroid", "vaccine"]}
    lists = {
        code: st.lists(
            st.fixed_dictionaries({"kind": st.sampled_from(kind), "region": st.sampled_from(["", "CALF_L"]), "date": when}),
            max_size=3,
        )
        for code, kind in kinds.items()
    }
    return draw(SHEETS) | draw(st.fixed_dictionaries({}, optional={"dob": born.map(str), **lists}))


@settings(max_examples=60, deadline=None)
@given(turning_sheets())
def test_stretches_say_what_triage_says_day_by_day(answers):
    stretches = Record([Sent(answers, KNOWN)]).stretches(ON, LAST)

    day_by_day = [triage(answers, KNOWN, on) for on in DAYS]
    assert [stretch.flags for stretch in stretches for _ in range((stretch.last - stretch.first).days + 1)] == day_by_day
    assert (stretches[0].first, stretches[-1].last) == (ON, LAST)


@st.composite
def records(draw):
    """Some forms, one after the other: for the day of a session or for none, with some answers about that day alone."""
    days = st.none() | st.sampled_from(DAYS[::50])
    forms = draw(st.lists(st.tuples(turning_sheets(), days, st.sets(st.sampled_from(OF_A_DAY)), st.booleans()), max_size=3))
    return Record([Sent(answers, KNOWN, on, frozenset(of_the_day), replaced) for answers, on, of_the_day, replaced in forms])


OF_A_DAY = ("diabetes", "heart", "med_list", "injuries")


@settings(max_examples=40, deadline=None)
@given(records())
def test_stretches_of_several_forms_say_what_each_day_says(record):
    stretches = record.stretches(ON, LAST)

    days = [
        (stretch.first + timedelta(days=n), stretch.flags)
        for stretch in stretches
        for n in range((stretch.last - stretch.first).days + 1)
    ]
    assert [day for day, _flags in days] == DAYS
    assert all(record.flags(day) == found for day, found in days[::7])


@settings(max_examples=100, deadline=None)
@given(records(), st.sampled_from(DAYS[::25]))
def test_the_newest_answer_counts_and_no_stop_is_taken_back(record, on):
    found = record.flags(on)

    newest = {}
    for form in record.forms:
        for code, value in form.answers.items():
            elsewhere = code in form.of_the_day and form.on not in (None, on)
            if not form.replaced and not elsewhere:
                newest[code] = (value, form.on)
            elif not form.replaced and code in newest and newest[code][1] != on:
                newest.pop(code)
    expected = {reason.ground for reason in triage({code: value for code, (value, _on) in newest.items()}, KNOWN, on).reasons}
    for form in record.forms:
        lasting = {code: value for code, value in form.answers.items() if code not in form.of_the_day}
        expected |= triage(lasting, KNOWN, on).stops
    assert {reason.ground for reason in found.reasons} == expected


@settings(max_examples=60, deadline=None)
@given(turning_sheets())
def test_flags_never_change_between_two_turning_points(answers):
    turns = turning_points(answers, KNOWN, ON, LAST)

    before = triage(answers, KNOWN, ON)
    for on in DAYS[1:]:
        now = triage(answers, KNOWN, on)
        assert on in turns or now == before
        before = now
    assert len(turns) <= 60


@pytest.mark.parametrize(
    ("answers", "turns"),
    [
        ({"dob": "1957-03-01"}, [date(2027, 3, 1)]),
        ({"dob": "2008-02-29"}, []),
        ({"dob": "2009-06-09"}, [date(2027, 6, 9)]),
        ({"injections": [{"kind": "vaccine", "region": "", "date": "2027-02-09"}]}, [date(2027, 2, n) for n in (17, 24)]),
        ({"injections": [{"kind": "vaccine", "region": "", "date": ""}]}, []),
        ({"diabetes": "tablets"}, []),
    ],
)
def test_turning_points_are_thresholds_and_birthdays(answers, turns):
    assert [turn for turn in turning_points(answers, KNOWN, ON, LAST) if turn <= date(2027, 3, 9) or "dob" in answers] == turns


def test_somebody_born_on_the_leap_day_turns_eighteen_on_the_first_of_march():
    turns = turning_points({"dob": "2009-02-28"}, KNOWN, ON, LAST)
    leap = turning_points({"dob": "2008-02-29"}, KNOWN, date(2026, 2, 1), date(2026, 12, 31))

    assert (turns, leap) == ([date(2027, 2, 28)], [date(2026, 3, 1)])


def test_versions_are_weighed_beside_each_other():
    record = Record([Sent({"diabetes": "tablets"}, KNOWN), Sent({"heart": "stable"}, KNOWN)])

    assert {reason.code for reason in record.flags(ON).reasons} == {"diabetes", "heart"}


def test_wishes_are_read_from_their_questions_and_none_is_made_up():
    said = {"areas": [{"region": "CALF_L"}, {"region": "KNEE"}], "therapist_pref": "female", "pressure_pref": "firm"}

    found = Record([Sent(said, KNOWN)]).wishes
    assert set(found.regions.values()) == {"LOWER_LEG", "KNEE"}
    assert (found.gender, found.pressure) == ("female", Pressure.FIRM)
    assert Record([Sent({"pressure_pref": "unsure"}, KNOWN)]).wishes == Record([]).wishes == Wishes()
    assert Record([Sent(said, KNOWN), Sent({"diabetes": "no"}, KNOWN)]).wishes == found


def test_the_longest_first_session_and_the_longest_rest_asked_for_count():
    rules = [
        replace(rule, extra_minutes=minutes, rest_days=days) if rule.code == code else rule
        for rule in KNOWN.rules
        for code, minutes, days in [("diabetes", 15, 1) if rule.code == "diabetes" else ("heart", 10, 3)]
    ]
    known = replace(KNOWN, rules=rules)

    both = triage({"diabetes": "tablets", "heart": "stable"}, known, ON)

    assert (both.extra_minutes, both.rest_days) == (15, 3)
    assert triage({"diabetes": "tablets"}, known, ON).rest_days == 1
    assert (Flags().extra_minutes, Flags().rest_days) == (0, 0)


def test_each_reason_says_what_it_comes_from():
    found = flags(med_list=[{"name": "x", "classes": ["ANTICOAG"]}], heart="stable")

    assert {reason.code: reason.source for reason in found.reasons} == {
        "ANTICOAG": Source.MEDICATION_CLASS,
        "med_review": Source.SUMMARY,
        "heart": Source.RULE,
    }
