from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from booking.engine.planner import Cost, Outcome, Plan, PlanDate, PlanKind, Start, alternatives, extensions, plans
from booking.engine.recurrence import MAX_DATES, Course, Daily, InvalidCourse, Once, Phase, Rest, Weekly
from tests.booking.engine.planning import (
    JONAS,
    MIRA,
    MONDAY_TO_FRIDAY,
    START,
    TESS,
    TUESDAY,
    Calendar,
    at,
    daily,
    day,
    weekly,
)

pytestmark = pytest.mark.unit

EVERYONE = (TESS, JONAS, MIRA)
KEPT, MOVED = Outcome.KEPT, Outcome.MOVED
OTHER, LOST = Outcome.OTHER_THERAPIST, Outcome.NOT_POSSIBLE


def cheapest(course: Course, calendar: Calendar) -> Plan:
    return plans(course, EVERYONE, calendar)[0]


def outcomes(plan: Plan) -> list[Outcome]:
    return [planned.outcome for planned in plan.dates]


def days(plan: Plan) -> list[date]:
    return [start.on for start in plan.starts]


def starts(choices: tuple[PlanDate, ...]) -> list[Start | None]:
    return [choice.placed for choice in choices]


# What each cost means, and which is worse


def test_a_course_that_fits_is_kept_whole_and_has_no_other_plan():
    calendar = Calendar().open(TESS, day(-1), day(0), day(7), day(14), at="8:00 9:00").open(JONAS, day(0), at="9:00")

    [plan] = plans(weekly(3, therapists=(TESS,)), EVERYONE, calendar)

    assert outcomes(plan) == [KEPT, KEPT, KEPT]
    assert plan.starts == (Start(TESS, day(0), 540), Start(TESS, day(7), 540), Start(TESS, day(14), 540))
    assert plan.cost == Cost(0, 0, 0, 0, 0)


def test_losing_a_date_is_worse_than_another_therapist_day_and_time():
    calendar = Calendar().open(JONAS, day(3), at="18:00")

    plan = cheapest(weekly(1, therapists=(TESS,)), calendar)

    assert plan.starts == (Start(JONAS, day(3), at("18:00")),)
    assert plan.cost == Cost(0, 1, 1, 1, 3 * 1440 + 9 * 60)


def test_another_therapist_is_worse_than_another_time_and_day():
    calendar = Calendar().open(JONAS, day(0), at="9:00").open(TESS, day(3), at="18:00")

    assert cheapest(weekly(1, therapists=(TESS,)), calendar).starts == (Start(TESS, day(3), at("18:00")),)


def test_another_time_is_worse_than_another_day():
    calendar = Calendar().open(TESS, day(0), at="9:05").open(TESS, day(3), at="9:00")

    assert cheapest(weekly(1, therapists=(TESS,)), calendar).starts == (Start(TESS, day(3), at("9:00")),)


def test_among_other_times_the_nearest_wins():
    calendar = Calendar().open(TESS, day(0), at="7:00 8:00 8:31 9:30 9:45 17:00")

    assert cheapest(weekly(1, therapists=(TESS,)), calendar).starts == (Start(TESS, day(0), at("8:31")),)


def test_among_other_days_the_nearest_wins():
    calendar = Calendar().open(TESS, day(0), day(5), day(8), day(10), at="9:00")

    assert days(cheapest(weekly(2, therapists=(TESS,)), calendar)) == [day(0), day(8)]


def test_a_day_counts_1440_minutes_of_shift_whatever_the_time():
    planned = PlanDate(1, TESS, weekly(1).wishes[0], Start(TESS, day(1), at("8:00")))

    assert planned.cost == Cost(0, 0, 1, 1, 1440 + 60)


def test_any_of_several_wished_times_is_kept():
    course = Course(START, (Phase(Weekly((TUESDAY,)), 2),), (at("9:00"), at("17:00")), (TESS,))
    calendar = Calendar().open(TESS, day(0), at="17:00").open(TESS, day(7), at="16:30")

    plan = cheapest(course, calendar)

    assert outcomes(plan) == [KEPT, MOVED]
    assert [planned.wished.minute for planned in plan.dates] == [at("17:00"), at("17:00")]
    assert plan.cost.shift == 30


def test_someone_else_on_another_day_counts_as_someone_else():
    plan = cheapest(weekly(1, therapists=(TESS,)), Calendar().open(JONAS, day(1), at="9:00"))

    assert outcomes(plan) == [OTHER]


# The whole plan, not the first free date


def test_one_lost_day_pushes_the_rest_of_a_daily_course_on():
    calendar = Calendar().open(TESS, *(day(number) for number in (0, 2, 3, 6)), at="9:00")

    plan = cheapest(daily(4, therapists=(TESS,)), calendar)

    assert days(plan) == [day(0), day(2), day(3), day(6)]
    assert outcomes(plan) == [KEPT, MOVED, MOVED, MOVED]


def test_the_first_date_gives_way_when_that_saves_a_later_one():
    calendar = Calendar().open(TESS, day(1), day(2), day(4), at="9:00")
    course = weekly(2, weekdays=(1, 4), therapists=(TESS,), rest=Rest(days=1))

    assert days(cheapest(course, calendar)) == [day(1), day(4)]
    assert days(cheapest(course, calendar.open(TESS, day(0), at="10:00"))) == [day(1), day(4)]


def test_days_without_a_session_are_kept_between_two():
    calendar = Calendar().open(TESS, *(day(number) for number in range(9)), at="9:00")

    plan = cheapest(daily(4, therapists=(TESS,), rest=Rest(days=2)), calendar)

    assert days(plan) == [day(0), day(3), day(6)]
    assert outcomes(plan).count(LOST) == 1


def test_no_more_than_n_days_in_a_row():
    calendar = Calendar().open(TESS, *(day(number) for number in range(12)), at="9:00")

    plan = cheapest(daily(5, therapists=(TESS,), rest=Rest(in_a_row=3)), calendar)

    assert days(plan) == [day(0), day(1), day(2), day(4), day(6)]


def test_one_session_a_local_date():
    calendar = Calendar().open(TESS, day(1), at="8:00 9:00 10:00")

    plan = cheapest(daily(3, therapists=(TESS,)), calendar)

    assert outcomes(plan) == [LOST, KEPT, LOST]


def test_a_lost_date_keeps_its_name():
    calendar = Calendar().open(TESS, day(0), day(14), at="9:00")

    lost = cheapest(weekly(3, therapists=(TESS,), grace=3), calendar).dates[1]

    assert (lost.position, lost.outcome) == (2, LOST)
    assert lost.wished == Start(TESS, day(7), at("9:00"))


def test_nothing_free_at_all_is_one_plan_of_lost_dates():
    [plan] = plans(weekly(3, therapists=(TESS,)), EVERYONE, Calendar())

    assert outcomes(plan) == [LOST, LOST, LOST]
    assert plan.cost == Cost(3, 0, 0, 0, 0)


def test_a_phased_course_is_planned_as_one():
    course = Course(START, (Phase(Daily(MONDAY_TO_FRIDAY), 2), Phase(Weekly((TUESDAY,)), 2)), (at("9:00"),), therapists=(TESS,))
    calendar = Calendar().open(TESS, day(0), day(1), day(7), day(15), at="9:00")

    plan = cheapest(course, calendar)

    assert days(plan) == [day(0), day(1), day(7), day(15)]
    assert outcomes(plan) == [KEPT, KEPT, KEPT, MOVED]


# The lead


def test_with_anyone_the_lead_is_who_makes_the_plan_best():
    calendar = Calendar().open(TESS, day(0), at="9:00").open(MIRA, day(0), day(7), day(14), at="9:00")

    [plan] = plans(weekly(3), EVERYONE, calendar)

    assert plan.lead == MIRA
    assert outcomes(plan) == [KEPT, KEPT, KEPT]


def test_of_several_wished_one_leads_and_the_other_is_a_change():
    calendar = Calendar().open(TESS, day(0), at="9:00").open(JONAS, day(7), day(14), at="9:00")
    calendar.open(MIRA, day(0), day(7), day(14), at="9:00")

    plan = cheapest(weekly(3, therapists=(TESS, JONAS)), calendar)

    assert plan.lead == JONAS
    assert outcomes(plan) == [OTHER, KEPT, KEPT]


def test_with_equal_costs_the_first_therapist_is_taken():
    calendar = Calendar().open(JONAS, day(0), at="9:00").open(MIRA, day(0), at="9:00")

    assert cheapest(weekly(1), calendar).lead == JONAS
    assert cheapest(weekly(1, therapists=(TESS,)), calendar).starts[0].therapist == JONAS


def test_without_any_therapist_there_is_no_plan():
    with pytest.raises(InvalidCourse):
        plans(weekly(1), (), Calendar())


# The other plans


def test_the_plans_differ_in_what_they_give_up():
    calendar = (
        Calendar()
        .open(TESS, day(0), day(8), day(21), at="9:00")
        .open(JONAS, day(7), day(14), at="9:00")
        .open(JONAS, day(20), at="10:00")
    )

    found = plans(weekly(4, therapists=(TESS,)), EVERYONE, calendar)

    assert [(plan.kind, outcomes(plan)) for plan in found] == [
        (PlanKind.FEWEST_CHANGES, [KEPT, MOVED, OTHER, KEPT]),
        (PlanKind.SAME_TIME, [KEPT, OTHER, OTHER, KEPT]),
        (PlanKind.SAME_THERAPIST, [KEPT, MOVED, LOST, KEPT]),
    ]


def test_always_the_same_time_fixes_the_weekday_of_a_weekly_course():
    calendar = Calendar().open(TESS, day(0), day(8), at="9:00").open(JONAS, day(7), at="9:15")

    found = plans(weekly(2), EVERYONE, calendar)

    assert [(plan.kind, outcomes(plan)) for plan in found] == [
        (PlanKind.FEWEST_CHANGES, [KEPT, MOVED]),
        (PlanKind.SAME_TIME, [KEPT, LOST]),
    ]


def test_always_the_same_time_lets_a_daily_course_move_its_days():
    calendar = Calendar().open(TESS, day(0), at="9:00").open(TESS, day(1), at="10:00").open(JONAS, day(2), at="9:00")

    plan = next(plan for plan in plans(daily(2, therapists=(TESS,)), EVERYONE, calendar) if plan.kind is PlanKind.SAME_TIME)

    assert plan.starts == (Start(TESS, day(0), 540), Start(JONAS, day(2), 540))


def test_done_soonest_changes_more_to_end_earlier():
    calendar = Calendar().open(TESS, day(0), day(6), at="9:00").open(JONAS, day(1), at="12:00")

    found = plans(daily(2, therapists=(TESS,), grace=6), EVERYONE, calendar)

    assert [(plan.kind, days(plan)[-1]) for plan in found] == [
        (PlanKind.FEWEST_CHANGES, day(6)),
        (PlanKind.DONE_SOONEST, day(1)),
    ]


def test_a_weekly_course_is_never_hurried():
    calendar = Calendar().open(TESS, day(0), day(8), at="9:00").open(JONAS, day(4), at="9:00")

    assert PlanKind.DONE_SOONEST not in {plan.kind for plan in plans(weekly(2), EVERYONE, calendar)}


def test_done_soonest_loses_no_date_for_it():
    calendar = Calendar().open(TESS, day(0), day(1), day(3), at="9:00")

    for plan in plans(daily(3, therapists=(TESS,)), EVERYONE, calendar):
        assert plan.cost.lost == 0


# One date of a plan


def test_swaps_differ_from_the_wish_in_one_thing_first():
    calendar = Calendar().open(TESS, day(0), day(7), at="9:00").open(TESS, day(0), at="8:59 10:20")
    calendar.open(JONAS, day(0), at="9:00 9:10").open(TESS, day(1), at="9:00 11:00").open(JONAS, day(1), at="9:00")
    course = weekly(2, therapists=(TESS,))

    found = alternatives(course, cheapest(course, calendar), 1, EVERYONE, calendar, limit=8)

    assert starts(found) == [
        Start(TESS, day(0), at("8:59")),
        Start(JONAS, day(0), at("9:00")),
        Start(TESS, day(1), at("9:00")),
        Start(JONAS, day(0), at("9:10")),
        Start(TESS, day(1), at("11:00")),
        Start(JONAS, day(1), at("9:00")),
        Start(TESS, day(0), at("10:20")),
    ]
    assert [choice.outcome for choice in found[:3]] == [MOVED, OTHER, MOVED]


def test_a_swap_keeps_the_order_and_the_rest_of_the_plan():
    calendar = Calendar().open(TESS, *(day(number) for number in range(9)), at="9:00")
    course = weekly(3, weekdays=(1, 4), therapists=(TESS,), rest=Rest(days=1))

    plan = cheapest(course, calendar)
    found = alternatives(course, plan, 2, EVERYONE, calendar, limit=9)

    assert days(plan) == [day(0), day(3), day(7)]
    assert {choice.placed.on for choice in found if choice.placed} == {day(2), day(4), day(5)}


def test_a_swap_never_proposes_what_stands_there_already():
    course = weekly(1, therapists=(TESS,))
    calendar = Calendar().open(TESS, day(0), at="9:00")

    assert not alternatives(course, cheapest(course, calendar), 1, EVERYONE, calendar)


def test_taking_a_swap_gives_a_plan_of_ones_own():
    calendar = Calendar().open(TESS, day(0), day(7), at="9:00").open(JONAS, day(7), at="9:00")
    course = weekly(2, therapists=(TESS,))
    plan = cheapest(course, calendar)

    [swap] = alternatives(course, plan, 2, EVERYONE, calendar)
    changed = plan.with_date(swap)

    assert changed.kind is PlanKind.OWN
    assert outcomes(changed) == [KEPT, OTHER]
    assert [planned.position for planned in changed.dates] == [1, 2]
    assert alternatives(course, changed, 2, EVERYONE, calendar)[0].outcome is KEPT


def test_a_lost_date_is_made_up_for_at_the_end():
    calendar = Calendar().open(TESS, day(0), day(14), day(21), at="9:00").open(TESS, day(23), at="9:00 10:20")
    course = weekly(3, therapists=(TESS,))
    plan = cheapest(course, calendar)

    found = extensions(course, plan, EVERYONE, calendar)
    longer = plan.with_date(found[0])

    assert starts(found) == [
        Start(TESS, day(21), at("9:00")),
        Start(TESS, day(23), at("9:00")),
        Start(TESS, day(23), at("10:20")),
    ]
    assert outcomes(longer) == [KEPT, LOST, KEPT, KEPT]
    assert longer.dates[-1].position == 4
    assert all(choice.wish.on == day(28) for choice in extensions(course, longer, EVERYONE, calendar))


def test_an_added_date_may_lie_past_the_end_of_the_course_and_keeps_the_rest():
    course = Course(START, (Phase(Daily(MONDAY_TO_FRIDAY), until=day(2)),), (at("9:00"),), (TESS,), Rest(days=1))
    calendar = Calendar().open(TESS, day(0), day(2), day(3), day(6), at="9:00")
    plan = cheapest(course, calendar)

    assert days(plan) == [day(0), day(2)]
    assert starts(extensions(course, plan, EVERYONE, calendar, limit=1)) == [Start(TESS, day(6), at("9:00"))]


def test_a_full_course_and_a_single_session_cannot_be_extended():
    calendar = Calendar().open(TESS, *(day(number) for number in range(200)), at="9:00")
    full = daily(MAX_DATES)
    single = Course(START, (Phase(Once()),), (at("9:00"),))

    assert not extensions(full, cheapest(full, calendar), EVERYONE, calendar)
    assert not extensions(single, cheapest(single, calendar), EVERYONE, calendar)


# The clocks


@pytest.mark.parametrize(
    ("night", "lost_hour"),
    [
        pytest.param(date(2027, 3, 28), True, id="spring night"),
        pytest.param(date(2027, 10, 31), False, id="autumn night"),
    ],
)
def test_a_nine_o_clock_session_is_at_nine_on_the_wall_on_both_sides_of_a_clock_change(night: date, lost_hour: bool):
    course = Course(night - timedelta(days=5), (Phase(Weekly((TUESDAY,)), 2),), (at("9:00"),), (TESS,))
    calendar = Calendar().open(TESS, night - timedelta(days=5), night + timedelta(days=2), at="8:00 9:00 10:00")

    plan = cheapest(course, calendar)

    assert outcomes(plan) == [KEPT, KEPT]
    first, second = (
        datetime(start.on.year, start.on.month, start.on.day, start.minute // 60, tzinfo=ZoneInfo("Europe/London"))
        for start in plan.starts
    )
    elapsed = second.timestamp() - first.timestamp()
    assert elapsed == timedelta(days=7).total_seconds() + (-3600 if lost_hour else 3600)


def test_a_time_that_the_spring_night_leaves_out_moves_like_any_time_that_is_not_offered():
    night = date(2027, 3, 28)
    course = Course(night, (Phase(Once()),), (at("1:30"),), (TESS,))
    calendar = Calendar().open(TESS, night, at="0:30 2:15").open(TESS, night + timedelta(days=1), at="1:30")

    assert cheapest(course, calendar).starts == (Start(TESS, night + timedelta(days=1), at("1:30")),)
    assert starts(alternatives(course, cheapest(course, calendar), 1, [TESS], calendar, limit=1)) == [
        Start(TESS, night, at("2:15"))
    ]


def test_the_last_minute_of_a_date_can_be_wished_and_found():
    calendar = Calendar().open(TESS, day(0), at="0:00 23:59")

    assert outcomes(cheapest(weekly(1, clock="23:59", therapists=(TESS,)), calendar)) == [KEPT]
    assert outcomes(cheapest(weekly(1, clock="0:00", therapists=(TESS,)), calendar)) == [KEPT]
