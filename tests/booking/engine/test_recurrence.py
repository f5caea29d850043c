from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from itertools import islice
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import WEEKLY, rrule
from hypothesis import given
from hypothesis import strategies as st

from booking.engine.recurrence import (
    MAX_DATES,
    ClockChange,
    Course,
    Daily,
    InvalidCourse,
    Once,
    Phase,
    Rest,
    Weekly,
    changes_met,
    clock_changes,
)
from tests.booking.engine.planning import JONAS, MONDAY_TO_FRIDAY, START, TESS, TUESDAY, at, daily, day, weekly

pytestmark = pytest.mark.unit

MONDAY, THURSDAY, FRIDAY = 0, 3, 4


def wished(course: Course) -> list[date]:
    return [wish.on for wish in course.wishes]


def test_a_single_session_is_wished_on_the_day_the_course_starts():
    course = Course(START, (Phase(Once()),), (at("9:00"),))

    assert wished(course) == [START]


def test_a_weekly_course_falls_on_its_weekday_from_the_first_one_on():
    course = Course(day(1), (Phase(Weekly((TUESDAY,)), 3),), (at("9:00"),))

    assert wished(course) == [day(7), day(14), day(21)]


def test_several_weekdays_of_a_week_come_in_order():
    assert wished(weekly(4, weekdays=(THURSDAY, TUESDAY))) == [day(0), day(2), day(7), day(9)]


def test_alternate_weeks_count_from_the_week_of_the_first_date():
    course = Course(day(1), (Phase(Weekly((TUESDAY, THURSDAY), every_weeks=2), 4),), (at("9:00"),))

    assert wished(course) == [day(2), day(14), day(16), day(28)]


def test_a_daily_course_passes_over_the_weekend():
    assert wished(daily(5)) == [day(0), day(1), day(2), day(3), day(6)]


def test_an_end_date_is_the_last_day_inclusive():
    course = Course(START, (Phase(Weekly((TUESDAY,)), until=day(14)),), (at("9:00"),))

    assert wished(course) == [day(0), day(7), day(14)]


def test_five_daily_then_four_weekly_goes_on_in_the_week_after():
    course = Course(START, (Phase(Daily(MONDAY_TO_FRIDAY), 5), Phase(Weekly((TUESDAY,)), 4)), (at("9:00"),))

    assert wished(course) == [day(0), day(1), day(2), day(3), day(6), day(14), day(21), day(28), day(35)]


def test_a_daily_phase_after_a_weekly_one_goes_on_the_next_working_day():
    course = Course(START, (Phase(Weekly((FRIDAY,)), 1), Phase(Daily(MONDAY_TO_FRIDAY), 2)), (at("9:00"),))

    assert wished(course) == [day(3), day(6), day(7)]


def test_a_phase_after_an_end_date_starts_past_that_date():
    phases = (Phase(Daily((TUESDAY,)), until=day(10)), Phase(Daily(MONDAY_TO_FRIDAY), 1))

    assert wished(Course(START, phases, (at("9:00"),))) == [day(0), day(7), day(13)]


def test_a_date_may_move_by_the_days_of_grace():
    wish = weekly(2, grace=2).wishes[1]

    assert (wish.earliest, wish.latest) == (day(5), day(9))


def test_no_date_moves_before_the_start_or_past_the_end_of_the_course():
    course = Course(START, (Phase(Weekly((TUESDAY,)), until=day(8)),), (at("9:00"),))

    assert course.wishes[0].earliest == START
    assert course.wishes[-1].latest == day(8)


def test_a_weekday_may_have_its_own_time():
    course = weekly(3, weekdays=(TUESDAY, THURSDAY), weekday_minutes={THURSDAY: (at("17:00"),)})

    assert [wish.minutes for wish in course.wishes] == [(at("9:00"),), (at("17:00"),), (at("9:00"),)]


def test_the_rhythm_goes_on_past_its_end():
    phases = (Phase(Daily(MONDAY_TO_FRIDAY), 2), Phase(Weekly((TUESDAY,), every_weeks=2), 2))
    course = Course(START, phases, (at("9:00"),))

    assert wished(course) == [day(0), day(1), day(7), day(21)]
    assert [wish.on for wish in islice(course.wishes_after(), 2)] == [day(35), day(49)]


def test_nothing_follows_a_single_session():
    assert not list(Course(START, (Phase(Once()),), (at("9:00"),)).wishes_after())


@given(
    weekdays=st.sets(st.integers(0, 6), min_size=1),
    every_weeks=st.integers(1, 5),
    start=st.dates(date(2020, 1, 1), date(2060, 1, 1)),
)
def test_a_weekly_rhythm_agrees_with_dateutil(weekdays: set[int], every_weeks: int, start: date):
    rhythm = Weekly(tuple(weekdays), every_weeks)

    dates = list(islice(rhythm.dates(start), 20))

    assert dates[0] < start + timedelta(weeks=1)
    second_opinion = rrule(
        WEEKLY, datetime.combine(dates[0], datetime.min.time()), every_weeks, byweekday=sorted(weekdays), count=20
    )
    assert dates == [moment.date() for moment in second_opinion]


@pytest.mark.parametrize(
    ("field", "make"),
    [
        pytest.param("weekdays", lambda: Weekly(()), id="no weekday"),
        pytest.param("weekdays", lambda: Daily((7,)), id="an eighth weekday"),
        pytest.param("every_weeks", lambda: Weekly((0,), 0), id="every zeroth week"),
        pytest.param("count", lambda: Phase(Weekly((0,))), id="no end"),
        pytest.param("count", lambda: Phase(Weekly((0,)), 3, day(9)), id="two ends"),
        pytest.param("count", lambda: Phase(Weekly((0,)), 0), id="no dates"),
        pytest.param("count", lambda: Phase(Weekly((0,)), MAX_DATES + 1), id="too many dates"),
        pytest.param("count", lambda: Phase(Once(), 2), id="once, twice"),
        pytest.param(
            "count",
            lambda: Course(START, (Phase(Daily((0, 1)), 40), Phase(Daily((0, 1)), 40)), (0,)),
            id="too many dates together",
        ),
        pytest.param("count", lambda: Course(START, (Phase(Daily((0,)), until=day(999)),), (0,)), id="end too far"),
        pytest.param("until", lambda: Course(START, (Phase(Daily((0,)), until=day(1)),), (0,)), id="end too near"),
        pytest.param("rhythm", lambda: Course(START, (), (0,)), id="no rhythm"),
        pytest.param("rhythm", lambda: Course(START, (Phase(Once()), Phase(Daily((0,)), 2)), (0,)), id="once, then daily"),
        pytest.param("minutes", lambda: weekly(2, clock="24:00"), id="no such time"),
        pytest.param("minutes", lambda: Course(START, (Phase(Once()),), ()), id="no time"),
        pytest.param("weekdays", lambda: weekly(2, weekday_minutes={7: (0,)}), id="time on no weekday"),
        pytest.param("therapists", lambda: weekly(2, therapists=(TESS, TESS)), id="a therapist twice"),
        pytest.param("grace", lambda: weekly(2, grace=7), id="moved by a week"),
        pytest.param("rest", lambda: Rest(-1), id="less than no rest"),
        pytest.param("rest", lambda: Rest(0, 0), id="not a day in a row"),
        pytest.param("starts_on", lambda: Course(date.max, (Phase(Weekly((0,)), 60),), (0,)), id="past the end of time"),
    ],
)
def test_a_course_without_sense_is_refused_by_field(field, make):
    with pytest.raises(InvalidCourse) as refusal:
        make()

    assert refusal.value.field == field


def phases() -> st.SearchStrategy[tuple[Phase, ...]]:
    weekdays = st.sets(st.integers(0, 6), min_size=1).map(tuple)
    rhythms = st.builds(Daily, weekdays) | st.builds(Weekly, weekdays, st.integers(1, 4))
    several = st.lists(st.builds(Phase, rhythms, st.integers(1, 20)), min_size=1, max_size=3).map(tuple)
    ended = st.builds(Phase, rhythms, until=st.just(day(40))).map(lambda phase: (phase,))
    return several | ended | st.just((Phase(Once()),))


@given(
    st.builds(
        Course,
        starts_on=st.just(START),
        phases=phases(),
        minutes=st.lists(st.integers(0, 1439), min_size=1, max_size=3).map(tuple),
        therapists=st.sets(st.sampled_from([TESS, JONAS, UUID(int=2**127)])).map(tuple),
        rest=st.builds(Rest, st.integers(0, 3), st.none() | st.integers(1, 5)),
        grace=st.integers(0, 6),
        weekday_minutes=st.dictionaries(st.integers(0, 6), st.just((540,))),
    )
)
def test_a_course_survives_json(course: Course):
    assert Course.from_json(json.loads(json.dumps(course.as_json()))) == course


def test_defaults_stay_out_of_the_json():
    assert weekly(8).as_json() == {
        "starts_on": "2027-02-09",
        "phases": [{"rhythm": "weekly", "weekdays": [1], "every_weeks": 1, "count": 8}],
        "minutes": [540],
    }


@pytest.mark.parametrize(
    "change",
    [
        {"starts_on": "tomorrow"},
        {"starts_on": None},
        {"phases": [{"rhythm": "monthly"}]},
        {"phases": [3]},
        {"minutes": ["9:00"]},
        {"therapists": ["Tess"]},
        {"rest": {"nights": 2}},
        {"weekday_minutes": [1]},
    ],
    ids=str,
)
def test_json_of_anything_else_is_refused(change):
    with pytest.raises(InvalidCourse):
        Course.from_json(weekly(8).as_json() | change)


@pytest.mark.parametrize(
    ("rest", "days", "allowed"),
    [
        pytest.param(Rest(), (0, 1, 2), True, id="no rest asked"),
        pytest.param(Rest(), (1, 1), False, id="a date twice"),
        pytest.param(Rest(days=1), (0, 2, 4), True, id="one day between"),
        pytest.param(Rest(days=1), (0, 2, 3), False, id="no day between"),
        pytest.param(Rest(in_a_row=2), (0, 1, 3, 4), True, id="two in a row"),
        pytest.param(Rest(in_a_row=2), (0, 2, 3, 4), False, id="three in a row"),
    ],
)
def test_rest(rest: Rest, days: tuple[int, ...], allowed: bool):
    assert rest.allows([day(number) for number in days]) is allowed


@pytest.mark.parametrize(
    ("zone", "after", "until", "changes"),
    [
        pytest.param("Europe/London", (3, 23), (3, 30), [(3, 28, 60)], id="London springs forward"),
        pytest.param("Europe/London", (10, 26), (11, 2), [(10, 31, -60)], id="London falls back"),
        pytest.param("Europe/London", (3, 27), (3, 28), [(3, 28, 60)], id="on the very day"),
        pytest.param("Europe/London", (3, 28), (4, 20), [], id="after it"),
        pytest.param("Europe/London", (3, 30), (3, 30), [], id="no time between"),
        pytest.param("Europe/London", (2, 1), (12, 1), [(3, 28, 60), (10, 31, -60)], id="both"),
        pytest.param("Australia/Lord_Howe", (3, 30), (4, 6), [(4, 4, -30)], id="half an hour"),
        pytest.param("Africa/Cairo", (4, 28), (5, 2), [(4, 30, 60)], id="forward at midnight"),
        pytest.param("America/Nuuk", (3, 25), (3, 30), [(3, 27, 60)], id="on a Saturday evening"),
        pytest.param("Asia/Kolkata", (1, 1), (12, 31), [], id="never"),
    ],
)
def test_clock_changes(zone, after, until, changes):
    found = clock_changes(ZoneInfo(zone), date(2027, *after), date(2027, *until))

    assert list(found) == [ClockChange(date(2027, month, on), minutes) for month, on, minutes in changes]


def part(phases, first, last, starts_on):
    """Positions of a course that began on a Tuesday, from another day at ten."""
    course = Course(date(2027, 3, 9), phases, (at("9:00"),), rest=Rest(days=1))
    return course.part(first, last, starts_on=starts_on, minute=at("10:00"), therapists=())


def test_the_rest_of_a_weekly_course_takes_its_weekday_along():
    rest = part((Phase(Weekly((TUESDAY,)), 8),), 3, 8, date(2027, 3, 25))

    assert wished(rest) == [date(2027, 3, 25) + timedelta(weeks=n) for n in range(6)]
    assert (rest.minutes, rest.rest) == ((at("10:00"),), Rest(days=1))


def test_the_rest_of_a_course_every_other_week_stays_every_other_week():
    rest = part((Phase(Weekly((TUESDAY,), every_weeks=2), 4),), 2, 3, date(2027, 3, 24))

    assert wished(rest) == [date(2027, 3, 24), date(2027, 4, 7)]


def test_two_weekdays_move_by_the_same_number_of_days():
    rest = part((Phase(Weekly((TUESDAY, THURSDAY)), 6),), 2, 5, date(2027, 3, 12))

    assert [day.weekday() for day in wished(rest)] == [4, 2, 4, 2]


def test_a_daily_phase_that_is_half_over_goes_on_before_the_weekly_one():
    rest = part((Phase(Daily(MONDAY_TO_FRIDAY), 5), Phase(Weekly((TUESDAY,)), 3)), 4, 7, date(2027, 3, 12))

    assert wished(rest) == [date(2027, 3, 12), date(2027, 3, 15), date(2027, 3, 23), date(2027, 3, 30)]


def test_a_date_added_past_the_end_belongs_to_the_last_rhythm():
    rest = part((Phase(Weekly((TUESDAY,)), 3),), 3, 5, date(2027, 3, 23))

    assert wished(rest) == [date(2027, 3, 23), date(2027, 3, 30), date(2027, 4, 6)]


def test_a_clock_change_is_met_by_the_first_date_after_it_within_a_week():
    days = [date(2027, 3, 22), date(2027, 3, 29), date(2027, 3, 30), date(2027, 11, 1), date(2027, 12, 1)]

    met = changes_met(ZoneInfo("Europe/London"), days)

    assert {day: (change.on, change.minutes) for day, change in met.items()} == {
        date(2027, 3, 29): (date(2027, 3, 28), 60),
        date(2027, 11, 1): (date(2027, 10, 31), -60),
    }
