"""The planner against a search of every plan there is, written from the rules in words and not from the planner."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from booking.engine.planner import Outcome, Plan, PlanKind, Start, alternatives, extensions, plans
from booking.engine.recurrence import Course, Daily, Phase, Rest, Weekly
from tests.booking.engine.planning import JONAS, MIRA, START, TESS, Calendar

pytestmark = pytest.mark.unit

DAY = timedelta(days=1)
CLOCK = (0, 525, 539, 540, 541, 555, 570, 1439)

#: Picks a whole number between two, both inclusive.
Pick = Callable[[int, int], int]
#: A start or None for each wish.
Assignment = tuple[Start | None, ...]
Case = tuple[Course, tuple[UUID, ...], Calendar]


def case(pick: Pick) -> Case:
    """A small course, the therapists who can treat, and openings: few enough plans to try them all."""
    candidates = (TESS, JONAS, MIRA)[: pick(1, 3)]
    weekdays = tuple({pick(0, 6) for _ in range(pick(1, 4))})
    rhythm = [Daily((0, 1, 2, 3, 4)), Daily(weekdays), Weekly(weekdays), Weekly(weekdays, 2)][pick(0, 3)]
    starts_on = START + pick(0, 6) * DAY
    phases = [
        (Phase(rhythm, pick(2, 4)),),
        (Phase(rhythm, until=next(iter(rhythm.dates(starts_on))) + pick(0, 4) * DAY),),
        (Phase(Daily((0, 1, 2, 3, 4)), pick(1, 3)), Phase(Weekly(weekdays), pick(1, 2))),
    ][pick(0, 2)]
    course = Course(
        starts_on,
        phases,
        minutes=tuple(CLOCK[pick(0, 7)] for _ in range(pick(1, 2))),
        therapists=candidates[: pick(0, 2)],
        rest=Rest(pick(0, 3) % 3, [None, 1, 2, 3][pick(0, 3)]),
        grace=(0, 1, 2, 2, 3)[pick(0, 4)],
    )
    calendar = Calendar()
    for wish in course.wishes:
        for _ in range(pick(0, 6)):
            therapist = candidates[pick(0, len(candidates) - 1)]
            calendar.starts[therapist, wish.on + pick(-course.grace, course.grace) * DAY] |= 1 << CLOCK[pick(0, 7)]
    return course, candidates, calendar


def every_plan(course: Course, therapists: tuple[UUID, ...], calendar: Calendar) -> Iterator[Assignment]:
    wished_dates = [wish.on for wish in course.wishes]
    end = course.phases[-1].until
    choices: list[list[Start]] = []
    for on in wished_dates:
        window = [on + shift * DAY for shift in range(-course.grace, course.grace + 1)]
        choices.append(
            [
                Start(therapist, day, minute)
                for day in window
                if day >= course.starts_on and (end is None or day <= end)
                for therapist in therapists
                for minute in CLOCK
                if calendar.on(therapist, day) & 1 << minute
            ]
        )

    def continued(chosen: Assignment) -> Iterator[Assignment]:
        if len(chosen) == len(choices):
            if keeps_rest(course.rest, [start.on for start in chosen if start]):
                yield chosen
            return
        yield from continued((*chosen, None))
        last = max((start.on for start in chosen if start), default=date.min)
        for start in choices[len(chosen)]:
            if start.on > last:
                yield from continued((*chosen, start))

    yield from continued(())


def keeps_rest(rest: Rest, dates: list[date]) -> bool:
    taken = set(dates)
    for on in dates:
        if any(on + apart * DAY in taken for apart in range(1, rest.days + 1)):
            return False
        if rest.in_a_row and all(on + later * DAY in taken for later in range(rest.in_a_row + 1)):
            return False
    return True


def cost(course: Course, lead: UUID, plan: Assignment) -> tuple[int, ...]:
    lost = therapist = time = weekday = shift = 0
    for wish, start in zip(course.wishes, plan, strict=True):
        if start is None:
            lost += 1
            continue
        therapist += start.therapist != lead
        time += start.minute not in wish.minutes
        weekday += start.on.weekday() != wish.on.weekday()
        shift += 1440 * abs(start.on - wish.on).days + min(abs(start.minute - minute) for minute in wish.minutes)
    return lost, therapist, time, weekday, shift


def expected(course: Course, therapists: tuple[UUID, ...], calendar: Calendar) -> dict[PlanKind, tuple[int, ...]]:
    """What the best plan of each kind costs."""
    everything = list(every_plan(course, therapists, calendar))
    leads = course.therapists or therapists
    fewest_lost = min(plan.count(None) for plan in everything)
    soonest = min(last_date(plan) for plan in everything if plan.count(None) == fewest_lost)

    def least(allowed: Callable[[Assignment, UUID], bool]) -> tuple[int, ...]:
        return min(cost(course, lead, plan) for plan in everything for lead in leads if allowed(plan, lead))

    def at_wished_time(plan: Assignment, lead: UUID) -> bool:
        return all(
            start is None
            or (start.minute in wish.minutes and (start.on.weekday() == wish.on.weekday() or not wish.keeps_weekday))
            for wish, start in zip(course.wishes, plan, strict=True)
        )

    best = {
        PlanKind.FEWEST_CHANGES: least(lambda plan, lead: True),
        PlanKind.SAME_THERAPIST: least(lambda plan, lead: all(start is None or start.therapist == lead for start in plan)),
        PlanKind.SAME_TIME: least(at_wished_time),
    }
    if isinstance(course.phases[-1].rhythm, Daily):
        best[PlanKind.DONE_SOONEST] = least(lambda plan, lead: plan.count(None) == fewest_lost and last_date(plan) == soonest)
    return best


def last_date(plan: Assignment) -> date:
    return max((start.on for start in plan if start), default=date.min)


def check(case: Case) -> list[Plan]:
    course, therapists, calendar = case
    best = expected(course, therapists, calendar)

    found = plans(course, therapists, calendar)

    assert found[0].kind is PlanKind.FEWEST_CHANGES
    assert 1 <= len(found) <= 3
    assert sorted(plan.cost for plan in found) == [plan.cost for plan in found]
    for plan in found:
        check_plan(plan, course, therapists, calendar)
        assert plan.cost == best[plan.kind]
    if len(found) < 3:
        costs = {tuple(plan.cost) for plan in found}
        everything_lost = len(course.wishes)
        assert all(cost in costs or cost[0] == everything_lost or not any(found[0].cost) for cost in best.values())
    return list(found)


def check_plan(plan: Plan, course: Course, therapists: tuple[UUID, ...], calendar: Calendar) -> None:
    assert [(planned.position, planned.wish) for planned in plan.dates] == list(enumerate(course.wishes, 1))
    assert plan.lead in (course.therapists or therapists)
    assert plan.cost == cost(course, plan.lead, tuple(planned.placed for planned in plan.dates))
    check_sessions(plan, course, calendar)
    for planned in plan.dates:
        lost = planned.placed is None
        kept = planned.placed == (plan.lead, planned.wish.on, planned.wished.minute)
        assert lost == (planned.outcome is Outcome.NOT_POSSIBLE)
        assert kept == (planned.outcome is Outcome.KEPT)
        assert planned.wished.on == planned.wish.on
        assert planned.wished.minute in planned.wish.minutes


def check_sessions(plan: Plan, course: Course, calendar: Calendar) -> None:
    dates = [start.on for start in plan.starts]
    assert dates == sorted(set(dates))
    assert keeps_rest(course.rest, dates)
    for start in plan.starts:
        assert calendar.on(start.therapist, start.on) >> start.minute & 1


@pytest.mark.parametrize("seed", range(5))
def test_no_plan_is_better_than_the_planners(seed: int):
    numbers = random.Random(seed)

    kinds = {plan.kind for _ in range(150) for plan in check(case(numbers.randint))}

    assert kinds == set(PlanKind) - {PlanKind.OWN}


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_no_plan_is_better_than_the_planners_in_the_odd_corners(data: st.DataObject):
    check(case(lambda low, high: data.draw(st.integers(low, high))))


@given(st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_swaps_and_added_dates_are_on_offer_and_keep_order_and_rest(numbers: random.Random):
    course, therapists, calendar = case(numbers.randint)
    for weeks in range(1, 5):
        calendar.starts[TESS, course.wishes[-1].on + weeks * 7 * DAY] |= 1 << CLOCK[numbers.randint(0, 7)]
    plan = plans(course, therapists, calendar)[-1]

    for planned in plan.dates:
        swaps = alternatives(course, plan, planned.position, therapists, calendar, limit=99)
        assert len({swap.placed for swap in swaps} | {planned.placed}) == len(swaps) + 1
        for swap in swaps:
            check_sessions(plan.with_date(swap), course, calendar)
    added = extensions(course, plan, therapists, calendar)
    for choice in added:
        longer = plan.with_date(choice)
        assert longer.dates[:-1] == plan.dates
        assert longer.starts[-1] == choice.placed
        check_sessions(longer, course, calendar)
