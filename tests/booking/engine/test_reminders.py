"""A reminder is due at one minute that follows from the session and the rules, or there is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from booking.engine.offering import Quiet, is_quiet
from booking.engine.reminders import NotDue, Rule, Session, due_after, plan
from booking.engine.zones import local_date, local_day
from tests.booking.engine.reference_reminders import reminder_times

pytestmark = pytest.mark.unit

LONDON = "Europe/London"
NIGHT = Quiet(21 * 60, 8 * 60)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ALWAYS = 0


def minute(*parts: int) -> int:
    """An instant, from date and time in UTC."""
    return int(datetime(*parts, tzinfo=UTC).timestamp()) // 60


def due(rule: Rule, start: int, *, made: int = ALWAYS, zone: str = LONDON, quiet: Quiet = NIGHT) -> int | NotDue:
    return plan([rule], Session(zone, start, made), quiet)[rule]


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (minute(2027, 3, 9, 9), minute(2027, 3, 8, 9)),
        (minute(2027, 3, 28, 9), minute(2027, 3, 27, 10)),  # ten on the wall on both days; the clocks go forward in between
        (minute(2027, 10, 31, 10), minute(2027, 10, 30, 9)),
    ],
    ids=["a plain day", "spring night", "autumn night"],
)
def test_twenty_four_hours_before_is_the_same_clock_time_the_day_before(start, expected):
    assert due(Rule(DAY, ALWAYS), start) == expected


def test_hours_that_make_no_day_are_elapsed_time():
    assert due(Rule(3 * HOUR, ALWAYS), minute(2027, 3, 9, 12)) == minute(2027, 3, 9, 9)


@pytest.mark.parametrize("made", [minute(2027, 3, 8, 9), minute(2027, 3, 8, 18)], ids=["at that minute", "after it"])
def test_booked_or_moved_inside_the_lead_there_is_none(made):
    assert due(Rule(DAY, ALWAYS), minute(2027, 3, 9, 9), made=made) is NotDue.JUST_TOLD


def test_booked_a_minute_before_the_lead_begins_there_is_one():
    assert due(Rule(DAY, ALWAYS), minute(2027, 3, 9, 9), made=minute(2027, 3, 8, 8, 59)) == minute(2027, 3, 8, 9)


def test_a_rule_switched_on_does_not_shower_the_past():
    start = minute(2027, 3, 9, 9)

    assert due(Rule(DAY, minute(2027, 3, 8, 9, 1)), start) is NotDue.BEFORE_RULE
    assert due(Rule(DAY, minute(2027, 3, 8, 9)), start) == minute(2027, 3, 8, 9)


def test_the_quiet_hours_move_it_to_the_evening_before_or_to_the_morning():
    seven = minute(2027, 3, 9, 7)

    assert due(Rule(DAY, ALWAYS), seven) == minute(2027, 3, 7, 20)
    assert due(Rule(DAY, ALWAYS, to_morning=True), seven) == minute(2027, 3, 8, 8)


def test_never_to_a_morning_that_is_not_before_the_start():
    rule = Rule(2 * HOUR, ALWAYS, to_morning=True)

    assert due(rule, minute(2027, 3, 9, 8)) == minute(2027, 3, 8, 20)
    assert due(rule, minute(2027, 3, 9, 8, 1)) == minute(2027, 3, 9, 8)


def test_booked_in_the_evening_after_it_would_have_left_there_is_none():
    booked = minute(2027, 3, 7, 20, 30)

    assert due(Rule(DAY, ALWAYS), minute(2027, 3, 9, 7), made=booked) is NotDue.JUST_TOLD


def test_two_rules_that_meet_at_one_minute_send_one_notice():
    far, near = Rule(26 * HOUR, ALWAYS), Rule(25 * HOUR, ALWAYS)

    planned = plan([far, near], Session(LONDON, minute(2027, 3, 9, 8), ALWAYS), NIGHT)

    assert planned == {near: minute(2027, 3, 7, 20), far: NotDue.SERVED}


def test_a_place_that_never_sleeps_moves_nothing():
    assert due(Rule(DAY, ALWAYS), minute(2027, 3, 9, 3), quiet=Quiet(0, 0)) == minute(2027, 3, 8, 3)


def test_after_a_session_the_quiet_hours_move_it_to_the_morning():
    rule = Rule(10 * HOUR, minute(2027, 3, 9, 9))

    assert due_after(rule, LONDON, minute(2027, 3, 9, 16), NIGHT) == minute(2027, 3, 10, 8)
    assert due_after(rule, LONDON, minute(2027, 3, 8, 16), NIGHT) is NotDue.BEFORE_RULE


ZONES = ("Europe/London", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu")
FROM = minute(2027, 1, 1)
clocks = st.integers(0, 47).map(lambda half_hours: half_hours * 30)
rules = st.lists(
    st.tuples(st.integers(1, 5 * 48), st.integers(0, 30 * 48), st.booleans()),
    min_size=1,
    max_size=3,
    unique_by=lambda rule: rule[0],
)


@settings(deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    start=st.integers(40 * 48, 360 * 48),
    made=st.integers(1, 10 * 48),
    quiet=st.tuples(clocks, clocks),
    wanted=rules,
)
def test_it_is_never_at_night_never_after_the_start_and_equal_to_a_second_opinion(zone, start, made, quiet, wanted):
    session = Session(zone, FROM + start * 30, FROM + start * 30 - made * 30)
    given_rules = [
        Rule(timedelta(minutes=30 * lead), session.start - 30 * before, to_morning) for lead, before, to_morning in wanted
    ]

    planned = plan(given_rules, session, Quiet(*quiet))

    sent = {rule.lead: instant for rule, instant in planned.items() if isinstance(instant, int)}
    assert all(session.made < instant < session.start for instant in sent.values())
    assert not any(is_quiet(zone, Quiet(*quiet), instant) for instant in sent.values())
    assert {lead: _moment(instant) for lead, instant in sent.items()} == reminder_times(
        [(rule.lead, _moment(rule.since), rule.to_morning) for rule in given_rules],
        zone=zone,
        starts_at=_moment(session.start),
        made_at=_moment(session.made),
        quiet=(_text(quiet[0]), _text(quiet[1])),
    )


def _moment(instant: int) -> datetime:
    return datetime.fromtimestamp(instant * 60, UTC)


def _text(clock: int) -> str:
    return f"{clock // 60:02}:{clock % 60:02}"


def test_the_night_is_that_of_the_practices_clock():
    session = minute(2027, 3, 9, 1, 30)  # 22:00 on Monday in St John's

    instant = due(Rule(2 * HOUR, ALWAYS), session, zone="America/St_Johns", quiet=Quiet(20 * 60, 8 * 60))

    assert isinstance(instant, int)
    today = local_day("America/St_Johns", local_date("America/St_Johns", instant))
    assert (today.day.isoformat(), today.minute(instant)) == ("2027-03-08", 19 * 60)
