"""The engine against a brute force that walks minutes, over random practices in many zones and around clock changes.

UNKNOT_ENGINE_CASES sets how many cases are tried (1,000 in every run, 100,000 in ``verify --deep``).
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date, timedelta
from random import Random

import pytest

from booking.engine.slots import (
    NO_CAPS,
    Busy,
    Caps,
    LeftOut,
    Practice,
    Rule,
    Shut,
    Situation,
    Therapist,
    Treatment,
    WeeklyHours,
    offers,
    why_not,
)
from booking.engine.spans import Span
from booking.engine.zones import local_day
from tests.booking.engine import brute

pytestmark = pytest.mark.unit

CASES = int(os.environ.get("UNKNOT_ENGINE_CASES", "1000"))
SHARDS = 8

# zone, and dates near which something happens to its clock (or a plain one)
ZONES = {
    "Europe/London": ["2027-03-28", "2027-10-31"],
    "Europe/Berlin": ["2027-03-28", "2027-10-31"],
    "Europe/Dublin": ["2027-03-28", "2027-10-31"],
    "Europe/Lisbon": ["2027-03-28", "2027-10-31"],
    "Europe/Athens": ["2027-03-28", "2027-10-31"],
    "Europe/Chisinau": ["2027-03-28", "2027-10-31"],
    "Europe/Istanbul": ["2027-03-28"],
    "Europe/Moscow": ["2027-03-28"],
    "Atlantic/Azores": ["2027-03-28", "2027-10-31"],
    "America/Nuuk": ["2027-03-28", "2027-10-31"],
    "America/Scoresbysund": ["2024-03-31", "2027-10-31"],
    "America/St_Johns": ["2027-03-14", "2027-11-07", "2010-11-07"],
    "America/Halifax": ["2027-03-14", "2027-11-07"],
    "America/New_York": ["2027-03-14", "2027-11-07"],
    "America/Chicago": ["2027-03-14", "2027-11-07"],
    "America/Denver": ["2027-03-14", "2027-11-07"],
    "America/Phoenix": ["2027-03-14"],
    "America/Los_Angeles": ["2027-03-14", "2027-11-07"],
    "America/Havana": ["2027-03-14", "2027-11-07"],
    "America/Santiago": ["2027-04-04", "2027-09-05"],
    "America/Asuncion": ["2024-03-24", "2024-10-06"],
    "America/Sao_Paulo": ["2018-11-04", "2019-02-17"],
    "America/Caracas": ["2016-05-01"],
    "America/Port-au-Prince": ["2027-03-14", "2027-11-07"],
    "Africa/Casablanca": ["2027-02-07", "2027-03-14"],
    "Africa/Cairo": ["2027-04-30", "2027-10-29"],
    "Africa/Lagos": ["2027-06-01"],
    "Africa/Windhoek": ["2017-10-24"],
    "Asia/Beirut": ["2027-03-28", "2027-10-31"],
    "Asia/Jerusalem": ["2027-03-26", "2027-10-31"],
    "Asia/Gaza": ["2026-03-28", "2026-10-31"],
    "Asia/Amman": ["2021-03-26", "2021-10-29"],
    "Asia/Tehran": ["2022-03-22", "2022-09-22"],
    "Asia/Kathmandu": ["2027-06-01"],
    "Asia/Kolkata": ["2027-06-01"],
    "Asia/Pyongyang": ["2018-05-05"],
    "Asia/Tokyo": ["2027-06-01"],
    "Australia/Lord_Howe": ["2027-04-04", "2027-10-03"],
    "Australia/Adelaide": ["2027-04-04", "2027-10-03"],
    "Australia/Sydney": ["2027-04-04", "2027-10-03"],
    "Pacific/Chatham": ["2027-04-04", "2027-09-26"],
    "Pacific/Auckland": ["2027-04-04", "2027-09-26"],
    "Pacific/Norfolk": ["2027-04-04", "2027-10-03"],
    "Pacific/Kiritimati": ["2027-06-01"],
    "Pacific/Apia": ["2011-12-30", "2021-04-04"],
    "Pacific/Easter": ["2027-04-03", "2027-09-04"],
    "Antarctica/Troll": ["2027-03-28", "2027-10-31"],
    "UTC": ["2027-06-01"],
}


def some_span(random: Random, around: int, *, reach: int, longest: int) -> Span:
    start = around + random.randrange(-reach, reach)
    return Span(start, start + random.randrange(1, longest))


def some_hours(random: Random) -> tuple[int, int]:
    rough = random.choice([1, 5, 15, 60])
    opens = random.randrange(0, 1440, rough)
    closes = min(1440, opens + random.choice([30, 60, 180, 240, 480, 1440]))
    return opens, closes


def some_caps(random: Random) -> Caps:
    """None, those of a date, or those of a row."""
    return random.choice(
        [
            NO_CAPS,
            Caps(sessions=random.choice([None, 1, 2]), minutes=random.choice([None, 60, 90, 200])),
            Caps(firm=random.choice([20, 40, 60])),
            Caps(
                sessions_in_a_row=random.choice([None, 1, 2, 3]),
                firm_in_a_row=random.choice([None, 20, 45]),
                rest=random.choice([5, 20, 30, 90, 240]),
            ),
        ]
    )


def some_case(random: Random):
    zone = random.choice(list(ZONES))
    first = date.fromisoformat(random.choice(ZONES[zone])) + timedelta(days=random.randrange(-2, 2))
    last = first + timedelta(days=random.randrange(0, 3))
    anchor = next((day.start for n in range(5) if (day := local_day(zone, first + timedelta(days=n))).pieces), 0)
    near = {"reach": 3000, "longest": 240}
    therapists = {}
    for key in "abc"[: random.randrange(1, 4)]:
        weekly = []
        for weekday in range(7):
            for _ in range(random.choice([0, 1, 1, 2])):
                opens, closes = some_hours(random)
                start = first - timedelta(days=random.choice([400, 30, 8, 7, 1, 0, -1]))
                end = random.choice([None, None, first, first + timedelta(days=1), start])
                weekly.append(
                    WeeklyHours(weekday, opens, closes, start, max(end, start) if end else None, random.choice([1, 1, 2, 3]))
                )
        overrides = {}
        if random.random() < 0.3:
            overrides[first + timedelta(days=random.randrange(3))] = tuple(
                Span(*some_hours(random)) for _ in range(random.randrange(3))
            )
        therapists[key] = Therapist(
            weekly=tuple(weekly),
            overrides=overrides,
            time_off=tuple(some_span(random, anchor, **near) for _ in range(random.choice([0, 0, 1]))),
            caps=some_caps(random),
        )
    treatment = Treatment(
        length=random.choice([5, 20, 30, 45, 60, 90]),
        preparation=random.choice([0, 0, 5, 15]),
        turnaround=random.choice([0, 10, 10, 30]),
        step=random.choice([5, 7, 15, 20, 30, 45, 60]),
        notice=random.choice([0, 0, 2, 24, 26, 48]) * timedelta(hours=1) + random.choice([0, 0, 10]) * timedelta(minutes=1),
        horizon=random.choice([1, 2, 365, 365, 365]),
        rooms=random.choice([(), ("r",), ("r", "s")]),
        firm=random.choice([0, 5, 20, 30]),
    )
    busy = []
    for _ in range(random.randrange(0, 14)):
        session, who = some_span(random, anchor, **near), random.choice("abcd")
        if busy and random.random() < 0.5:  # soon after the one before, so that there are rows
            start = busy[-1].ends[0] + random.choice([0, 5, 20, 29, 30, 60])
            session, who = Span(start, start + random.choice([20, 30, 60])), busy[-1].therapist
        before, after = random.choice([0, 5, 15]), random.choice([0, 10])
        busy.append(
            Busy(
                who,
                random.choice([None, "r", "s", "t"]),
                [session.start - before],
                [session.end + after],
                [session.start],
                [session.end],
                [random.choice([0, 0, 10, 20])],
            )
        )
    practice = Practice(
        zone,
        closures=tuple(Shut(some_span(random, anchor, **near), "x") for _ in range(random.choice([0, 0, 0, 1]))),
        holidays={first + timedelta(days=random.randrange(-1, 4)): "y"} if random.random() < 0.15 else {},
    )
    situation = Situation(
        practice,
        treatment,
        now=anchor + random.choice([-2880, -1440, random.randrange(-3000, 1500)]),
        busy=tuple(busy),
        client_busy=tuple(some_span(random, anchor, **near) for _ in range(random.choice([0, 0, 1]))),
    )
    if random.random() < 0.3:
        since = first + timedelta(days=random.randrange(-1, 4))
        out = LeftOut(since, since + timedelta(days=random.randrange(3)), Rule.NOT_MATCHED)
        situation = replace(situation, left_out={random.choice("abc"): [out]})
    return situation, therapists, first, last


@pytest.mark.parametrize("shard", range(SHARDS))
def test_the_engine_offers_what_walking_the_minutes_finds(shard):
    for case in range(shard, CASES, SHARDS):
        situation, therapists, first, last = some_case(Random(case))

        found = offers(situation, therapists, first, last)

        by_hand = brute.offered(situation, therapists, first, last)
        assert {(o.therapist, o.day, o.minute): o.instant for o in found} == by_hand, f"case {case}"


@pytest.mark.parametrize("shard", range(SHARDS))
def test_why_not_names_a_rule_exactly_for_what_is_not_offered(shard):
    for case in range(shard, CASES // 10, SHARDS):
        random = Random(case)
        situation, therapists, first, last = some_case(random)
        found = offers(situation, therapists, first, last)
        for key, therapist in therapists.items():
            for _ in range(40):
                day = first + timedelta(days=random.randrange((last - first).days + 1))
                offered = [minute for minute in range(1440) if found.on(key, day) >> minute & 1]
                minute = random.choice([random.randrange(1440), *offered[:3]])

                rules = why_not(situation, (key, therapist), day, minute)

                assert (not rules) == bool(found.on(key, day) >> minute & 1), f"case {case}, {key} {day} {minute}"


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_first_session_is_offered_where_the_longer_one_fits_and_any_other_where_it_itself_does(shard):
    for case in range(shard, CASES // 5, SHARDS):
        random = Random(case)
        situation, therapists, first, last = some_case(random)
        longer = replace(situation, treatment=replace(situation.treatment, length=situation.treatment.length + 15))
        before = random.choice([None, situation.now + random.randrange(-1000, 6000)])
        asked = replace(situation, extra=15, first_before=before)

        found = offers(asked, therapists, first, last)

        plain, long = brute.offered(situation, therapists, first, last), brute.offered(longer, therapists, first, last)
        firsts = {key: instant for key, instant in long.items() if before is None or instant < before}
        others = {key: instant for key, instant in plain.items() if before is not None and instant >= before}
        assert {(o.therapist, o.day, o.minute): o.instant for o in found} == firsts | others, f"case {case}"
        for (key, day, minute), instant in list((plain | long).items())[:40]:
            assert (not why_not(asked, (key, therapists[key]), day, minute)) == ((key, instant) in found)
            assert found.longer_by(instant) == (15 if before is None or instant < before else 0)


def test_the_cases_are_not_trivial():
    sizes = []
    foremost = set()
    for case in range(200):
        situation, therapists, first, last = some_case(Random(case))
        sizes.append(sum(1 for _ in offers(situation, therapists, first, last)))
        for key, therapist in therapists.items():
            asked = (why_not(situation, (key, therapist), first, minute) for minute in range(0, 1440, 30))
            foremost |= {rules[0].rule for rules in asked if rules}

    assert sum(size > 0 for size in sizes) > 80
    assert {Rule.CAP_REACHED, Rule.NEEDS_REST} <= foremost
    assert len(ZONES) >= 40
