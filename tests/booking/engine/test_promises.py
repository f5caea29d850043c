"""Which sessions stand by the rules of place and person, and between which days a broken one may move."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

import pytest

from booking.engine.promises import REACH, OnSomeDays, Promise, broken, mending, usable
from booking.engine.recurrence import Rest
from booking.engine.slots import Practice, Rule, Shut, Therapist, WeeklyHours
from booking.engine.spans import Span
from booking.engine.zones import instant_of

pytestmark = pytest.mark.unit

LONDON = "Europe/London"
TUESDAY = date(2027, 3, 9)
TESS, ELM, SESSION = uuid4(), uuid4(), uuid4()
DAY = timedelta(days=1)


def at(minute, day=TUESDAY):
    return instant_of(LONDON, day, minute)


def works(*spans, **more):
    return Therapist(tuple(WeeklyHours(TUESDAY.weekday(), *span, date(2000, 1, 3)) for span in spans), **more)


def promise(start, length=30, *, before=0, after=10, day=TUESDAY, room=ELM):
    begins = at(start, day)
    return Promise(SESSION, TESS, room, Span(begins, begins + length), Span(begins - before, begins + length + after))


def why(promised, therapist, practice=Practice(LONDON), rooms=(ELM,)):  # noqa: B008 - a value
    found = broken(practice, {TESS: therapist} if therapist else {}, rooms, [promised])
    return found[SESSION].rule if found else None


@pytest.mark.parametrize(
    ("start", "rule"),
    [
        pytest.param(540, None, id="begins with the hours"),
        pytest.param(690, None, id="ends with the hours, turnaround past them"),
        pytest.param(691, Rule.NOT_WORKING, id="ends a minute after the hours"),
        pytest.param(539, Rule.NOT_WORKING, id="begins a minute before them"),
        pytest.param(547, None, id="off the grid, which is no matter"),
    ],
)
def test_a_session_stands_inside_one_stretch_of_hours(start, rule):
    assert why(promise(start), works((540, 720))) == rule


def test_touching_stretches_are_one_and_a_break_between_them_is_none():
    assert why(promise(705), works((540, 720), (720, 900))) is None
    assert why(promise(705), works((540, 720), (721, 900))) == Rule.NOT_WORKING


@pytest.mark.parametrize(
    ("first", "last", "rule"),
    [
        pytest.param(480, 540, None, id="ends as the session begins"),
        pytest.param(580, 600, None, id="begins as the turnaround ends"),
        pytest.param(579, 600, Rule.AWAY, id="meets the turnaround"),
        pytest.param(480, 541, Rule.AWAY, id="meets the session"),
    ],
)
def test_leave_breaks_what_its_footprint_meets(first, last, rule):
    assert why(promise(540), works((540, 720), time_off=(Span(at(first), at(last)),))) == rule


def test_the_practice_goes_first_then_the_person_then_the_room():
    shut = Practice(LONDON, (Shut(Span(at(0), at(1439)), "Flood"),))
    ill = works((540, 720), time_off=(Span(at(0), at(1439)),))

    assert why(promise(540), ill, shut, rooms=()) == Rule.CLOSED
    assert why(promise(540), ill, rooms=()) == Rule.AWAY
    assert why(promise(540), works((540, 720)), rooms=()) == Rule.NO_ROOM
    assert why(promise(540, room=None), works((540, 720)), rooms=()) is None
    assert why(promise(540), None) == Rule.NOT_WORKING


def test_a_public_holiday_breaks_its_own_date_and_what_reaches_into_it():
    holiday = Practice(LONDON, holidays={TUESDAY: "Day of rest"})

    assert why(promise(540), works((0, 1440)), holiday) == Rule.HOLIDAY
    assert why(promise(540, day=TUESDAY + 7 * DAY), works((0, 1440)), holiday) is None


@pytest.mark.parametrize(
    ("start", "rule"),
    [
        pytest.param(30, None, id="before the gap"),
        pytest.param(125, None, id="after it"),
        pytest.param(45, Rule.NOT_WORKING, id="in it"),
    ],
)
def test_in_the_spring_night_hours_without_the_missing_hour_keep_their_sessions(start, rule):
    sunday = date(2027, 3, 28)
    hours = Therapist((WeeklyHours(6, 0, 60, date(2000, 1, 3)), WeeklyHours(6, 121, 300, date(2000, 1, 3))))

    assert why(promise(start, day=sunday), hours) == rule


def test_a_broken_date_moves_neither_past_its_neighbours_nor_into_the_past():
    standing = [TUESDAY - 3 * DAY, TUESDAY + 2 * DAY]

    [alone] = mending([(TUESDAY, 540)], (), TESS, Rest(), TUESDAY - 30 * DAY).wishes
    [between] = mending([(TUESDAY, 540)], standing, TESS, Rest(), TUESDAY - 30 * DAY).wishes
    [today] = mending([(TUESDAY, 540)], (), TESS, Rest(), TUESDAY).wishes

    assert (alone.earliest, alone.latest) == (TUESDAY - REACH, TUESDAY + REACH)
    assert (between.earliest, between.latest) == (TUESDAY - 2 * DAY, TUESDAY + DAY)
    assert today.earliest == TUESDAY


@pytest.mark.parametrize(
    ("apart", "rest", "may"),
    [
        pytest.param(0, Rest(), False, id="one session a date"),
        pytest.param(1, Rest(), True, id="without rest the next day will do"),
        pytest.param(1, Rest(days=1), False, id="a day of rest lies between"),
        pytest.param(2, Rest(days=1), True, id="and then it is enough"),
        pytest.param(1, Rest(in_a_row=1), False, id="no two days in a row"),
    ],
)
def test_the_rest_of_a_course_holds_between_what_stands_and_what_moves(apart, rest, may):
    assert usable(TUESDAY + apart * DAY, [TUESDAY], rest) == may


def test_a_rest_that_is_broken_already_binds_nobody():
    assert usable(TUESDAY + 2 * DAY, [TUESDAY, TUESDAY + DAY], Rest(days=3))


def test_on_days_that_may_not_be_used_nothing_is_offered():
    class Always:
        def on(self, therapist, day):
            return 1 << 540

    days = OnSomeDays(Always(), lambda day: day != TUESDAY)

    assert days.on(TESS, TUESDAY) == 0
    assert days.on(TESS, TUESDAY + DAY) == 1 << 540
