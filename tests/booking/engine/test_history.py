"""Decisions and clearances stand for the grounds they were made on."""

from __future__ import annotations

from datetime import date
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking.engine.history import Cleared, Decided, History
from booking.engine.matching import Match, Verdict
from clients.triage import Flags, Reason, Scope, Severity, combined

pytestmark = pytest.mark.unit

TESS, JONAS = "tess", "jonas"
ON = date(2027, 3, 9)
GROUNDS = {code: f"heart/{code}//" for code in "abc"}


def reason(code: str, severity: Severity) -> Reason:
    return Reason(code, "heart", severity, Scope.WHOLE_BODY, None, frozenset(), ())


def match(flags: Flags) -> Match:
    return Match(Verdict.REVIEW, flags)


def decided(therapist: str, codes: str, **more: bool) -> Decided:
    return Decided(uuid4(), therapist, frozenset(GROUNDS[code] for code in codes), **more)


FLAGS = st.dictionaries(st.sampled_from("abc"), st.sampled_from(list(Severity))).map(
    lambda found: combined([reason(code, severity) for code, severity in found.items()])
)
CLEARANCES = st.lists(
    st.tuples(st.frozensets(st.sampled_from("abc")), st.none() | st.sampled_from([date(2027, 3, 8), ON, date(2027, 3, 10)]))
)


@given(FLAGS, CLEARANCES)
def test_of_what_was_cleared_for_that_day_only_something_to_know_is_left(said, clearances):
    history = History([Cleared(frozenset(GROUNDS[code] for code in codes), until) for codes, until in clearances])

    left = history.left_of(said, ON)

    cleared = {code for codes, until in clearances for code in codes if until is None or until >= ON}
    assert {each.code: each.severity for each in left.reasons} == {
        each.code: min(each.severity, Severity.ADAPT) if each.code in cleared else each.severity for each in said.reasons
    }


@given(FLAGS, st.lists(st.tuples(st.sampled_from([TESS, JONAS]), st.sets(st.sampled_from("abc")).map(sorted).map("".join))))
def test_the_newest_decision_of_that_therapist_that_covers_everything_counts(said, made):
    history = History(decided=[decided(*each) for each in made])

    found = history.about(TESS, match(said))

    open_ = {each.code for each in said.reasons if each.severity >= Severity.REVIEW}
    covering = [each for each, (who, codes) in zip(history.decided, made, strict=True) if who == TESS and open_ <= set(codes)]
    assert found is (covering[0] if open_ and covering else None)
