"""Fit, last call and the time to answer, against second implementations that go minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking.engine.offering import SHORTEST, Answering, Candidate, Quiet, Wanted, answering, in_order_of_fit, last_call
from booking.engine.slots import Offer
from booking.engine.spans import Span
from booking.engine.zones import DAY, instant_of, later, local_date, local_day

pytestmark = pytest.mark.unit

TESS, JONAS = UUID(int=1), UUID(int=2)
FREE = Span(600, 640)
LONDON = "Europe/London"
NIGHT = Quiet(21 * 60, 8 * 60)
TUESDAY = date(2027, 3, 9)


def start_at(instant, therapist=TESS):
    return Offer(therapist, TUESDAY, instant, instant)


def at(clock, day=TUESDAY, zone=LONDON):
    hour, minute = map(int, clock.split(":"))
    return instant_of(zone, day, hour * 60 + minute)


candidates = st.builds(
    Candidate,
    key=st.uuids(),
    starts=st.lists(st.integers(600, 639).map(start_at), min_size=1, max_size=4).map(tuple),
    preparation=st.sampled_from([0, 5]),
    reach=st.sampled_from([20, 30, 40, 70]),
    since=st.sampled_from([datetime(2027, 1, day, tzinfo=UTC) for day in (1, 2, 3)]),
    mends=st.booleans(),
    named=st.booleans(),
)


def minutes_taken(candidate, start):
    session = set(range(start.instant - candidate.preparation, start.instant + candidate.reach))
    return len(session & set(range(FREE.start, FREE.end)))


def start_in_words(candidate):
    """Of the starts that take the most of the free minutes the first."""
    most = max(minutes_taken(candidate, start) for start in candidate.starts)
    return min((s for s in candidate.starts if minutes_taken(candidate, s) == most), key=lambda s: s.instant)


def comes_first(one, other):
    """Whether one is asked before the other, rule by rule."""
    if one.mends != other.mends:
        return one.mends
    takes, also_takes = minutes_taken(one, start_in_words(one)), minutes_taken(other, start_in_words(other))
    if takes != also_takes:
        return takes > also_takes
    if one.named != other.named:
        return one.named
    if one.since != other.since:
        return one.since < other.since
    return str(one.key) < str(other.key)


@given(st.lists(candidates, max_size=6, unique_by=lambda each: each.key))
def test_the_order_of_fit_is_that_of_the_rules_taken_one_by_one(people):
    left, expected = list(people), []
    while left:
        [champion] = [one for one in left if all(one is other or comes_first(one, other) for other in left)]
        expected.append((champion, start_in_words(champion)))
        left.remove(champion)

    assert in_order_of_fit(people, FREE) == expected


@pytest.mark.parametrize(
    ("wanted", "suits"),
    [
        pytest.param(Wanted(), True, id="anything"),
        pytest.param(Wanted(therapists=frozenset([JONAS])), False, id="another therapist"),
        pytest.param(Wanted(weekdays=frozenset([1])), True, id="Tuesdays"),
        pytest.param(Wanted(weekdays=frozenset([0, 2])), False, id="other weekdays"),
        pytest.param(Wanted(first=TUESDAY, last=TUESDAY), True, id="that day alone"),
        pytest.param(Wanted(first=date(2027, 3, 10)), False, id="from the next day on"),
        pytest.param(Wanted(last=date(2027, 3, 8)), False, id="until the day before"),
        pytest.param(Wanted(earliest=600, latest=600), True, id="exactly then"),
        pytest.param(Wanted(earliest=601), False, id="a minute later"),
        pytest.param(Wanted(latest=599), False, id="a minute earlier"),
        pytest.param(Wanted(before=601), True, id="earlier than the one they have"),
        pytest.param(Wanted(before=600), False, id="the very one they have"),
    ],
)
def test_what_suits_a_wish(wanted, suits):
    assert wanted.suits(start_at(600)) is suits


@given(
    zone=st.sampled_from([LONDON, "UTC", "Australia/Lord_Howe", "America/New_York", "Asia/Kathmandu"]),
    start=st.integers(at("0:00", date(2027, 3, 1)), at("0:00", date(2027, 11, 30))),
    notice=st.integers(0, 4 * DAY).map(lambda minutes: timedelta(minutes=minutes)),
)
def test_at_the_last_call_the_notice_still_allows_the_start(zone, start, notice):
    assert later(zone, last_call(zone, start, notice), notice) <= start


@given(start=st.integers(0, 10**7), notice=st.integers(0, 4 * DAY).map(lambda minutes: timedelta(minutes=minutes)))
def test_a_minute_after_the_last_call_it_does_not(start, notice):
    assert later("UTC", last_call("UTC", start, notice) + 1, notice) > start


@pytest.mark.parametrize(
    ("now", "call", "expected"),
    [
        pytest.param("8:00", "20:00", Answering(until=at("8:30")), id="by day"),
        pytest.param("20:30", "20:59", Answering(until=at("20:59")), id="until the notice is over"),
        pytest.param("8:00", "8:04", Answering(), id="too little time left"),
        pytest.param("8:00", "8:05", Answering(until=at("8:05")), id="just enough time left"),
        pytest.param("20:30", "23:00", Answering(until=at("21:00")), id="ends as the night begins"),
        pytest.param("20:45", "23:00", Answering(until=at("21:00")), id="shorter, as tomorrow is too late"),
        pytest.param("20:56", "23:00", Answering(), id="too late today and tomorrow"),
        pytest.param("23:00", "23:30", Answering(), id="at night, over by morning"),
        pytest.param("7:59", "20:00", Answering(retry=at("8:00")), id="a minute before the morning"),
    ],
)
def test_the_time_to_answer(now, call, expected):
    assert answering(LONDON, NIGHT, at(now), 30, at(call)) == expected


def test_an_offer_that_would_run_into_the_night_waits_for_the_morning():
    tomorrow = date(2027, 3, 10)

    assert answering(LONDON, NIGHT, at("20:45"), 30, at("12:00", tomorrow)) == Answering(retry=at("8:00", tomorrow))


def test_in_the_night_of_the_clocks_the_morning_is_that_on_the_wall():
    sunday = date(2027, 3, 28)

    assert answering(LONDON, NIGHT, at("22:00", date(2027, 3, 27)), 30, at("12:00", sunday)).retry == at("8:00", sunday)


@given(
    quiet=st.tuples(st.integers(18 * 60, 23 * 60), st.integers(5 * 60, 10 * 60)).map(lambda ends: Quiet(*ends))
    | st.just(Quiet(0, 0)),
    now=st.integers(at("0:00", date(2027, 3, 27)), at("0:00", date(2027, 3, 29))),
    lasts=st.integers(1, 90),
    ahead=st.integers(-60, 2 * DAY),
)
def test_nobody_has_to_answer_at_night_or_after_the_last_call(quiet, now, lasts, ahead):
    call, least = now + ahead, min(lasts, SHORTEST)

    def is_night(instant):
        return quiet.covers(local_day(LONDON, local_date(LONDON, instant)).minute(instant))

    found = answering(LONDON, quiet, now, lasts, call)

    if found.until is not None:
        assert found.retry is None
        assert now + least <= found.until <= min(call, now + lasts)
        assert not any(map(is_night, range(now, found.until)))
    elif found.retry is not None:
        assert is_night(found.retry - 1)
        assert not is_night(found.retry)
        assert answering(LONDON, quiet, found.retry, lasts, call).until is not None
    else:
        assert all(any(map(is_night, range(begin, begin + least))) for begin in range(now, call - least + 1))
