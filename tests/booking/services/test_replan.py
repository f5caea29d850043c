"""A series moves as a whole: the same rhythm from another first time, and nothing lost on the way."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from booking.engine.planner import Start
from booking.enums import Outcome, Scope
from booking.models import Appointment
from booking.notifications.delivery import send_due
from booking.services.changes import UNDO_LASTS, cancel_sessions, move_sessions, sessions_in, undo_change
from booking.services.replan import First, as_chosen, replan
from tests.booking.conftest import NINE
from therapists.models import TimeOff

pytestmark = pytest.mark.integration

THURSDAY = date(2027, 3, 25)


def to(practice, on, hour):
    return First(Start(practice.tess.pk, on, hour * 60), practice.tess.pk)


def planned(plan):
    return [(each.planned.placed.on, each.planned.placed.minute) if each.planned.placed else None for each in plan.dates]


def places(series):
    return [(each.local_date, each.local_time.hour) for each in series.appointments.order_by("position")]


def test_this_and_the_following_keep_the_rhythm_and_the_new_hour_through_the_change_of_clocks(book_series, practice, now):
    booked = book_series(count=5)
    following = sessions_in(booked.appointments[2], Scope.FOLLOWING, now=now)

    plan = replan(following, to(practice, THURSDAY, 10), others=(), now=now)
    move_sessions(plan.moves, wishes=plan.wishes, by=practice.ada.user, now=now)

    thursdays = [(THURSDAY + timedelta(weeks=n), 10) for n in range(3)]
    assert places(booked.series) == [(date(2027, 3, 9), 9), (date(2027, 3, 16), 9), *thursdays]
    starts = booked.series.appointments.order_by("position").values_list("starts_at", flat=True)
    assert [each.hour for each in starts] == [9, 9, 10, 9, 9]
    wishes = booked.series.planned_dates.order_by("position")
    assert [(each.wished_date, each.wished_time.hour) for each in wishes] == places(booked.series)
    assert {each.outcome for each in wishes} == {Outcome.KEPT}


def test_a_week_that_was_given_up_stays_free(book_series, practice, now):
    booked = book_series(count=4)
    cancel_sessions([booked.appointments[1]], by=practice.ada.user, now=now)

    plan = replan(
        sessions_in(booked.appointments[0], Scope.ALL, now=now), to(practice, date(2027, 3, 11), 10), others=(), now=now
    )

    assert planned(plan) == [(date(2027, 3, 11), 600), (date(2027, 3, 25), 600), (date(2027, 4, 1), 600)]


def test_a_date_that_is_not_possible_keeps_its_old_session_and_says_why(book_series, practice, now):
    practice.treatment.therapists.set([practice.tess])
    away = datetime(2027, 3, 29, tzinfo=UTC), datetime(2027, 4, 7, tzinfo=UTC)
    booked = book_series(count=4)
    TimeOff.objects.create(therapist=practice.tess, starts_at=away[0], ends_at=away[1])

    plan = replan(booked.appointments, to(practice, date(2027, 3, 11), 10), others=(), now=now)

    assert planned(plan) == [(date(2027, 3, 11), 600), (date(2027, 3, 18), 600), (date(2027, 3, 25), 600), None]
    assert not plan.dates[3].moves
    assert plan.dates[3].reason["rule"] == "away"
    assert [move.appointment.position for move in plan.moves] == [1, 2, 3]


def test_a_session_that_stays_is_in_the_way_of_the_others(book_series, practice, now):
    """A week later, the last one is too far ahead and stays; the one before it may not land on its day."""
    practice.treatment.horizon = timedelta(days=60)
    practice.treatment.save()
    booked = book_series(count=4)
    assert booked.appointments[3].local_date == date(2027, 3, 30)

    plan = replan(booked.appointments, to(practice, date(2027, 3, 16), 10), others=(), now=now)

    days = [each.planned.placed.on if each.planned.placed else each.session.local_date for each in plan.dates]
    assert planned(plan)[3] is None
    assert days[3] == date(2027, 3, 30)
    assert len(set(days)) == 4


@pytest.mark.parametrize(
    ("in_the_way", "third"), [(False, (date(2027, 3, 25), 10)), (True, (date(2027, 3, 23), 9))], ids=["fits", "too long"]
)
def test_a_session_made_longer_by_hand_moves_with_the_others_or_stays_where_it_does_not_fit(
    book, book_series, lengthen, practice, now, in_the_way, third
):
    booked = book_series(count=3)
    lengthen(booked.appointments[2], 60)
    if in_the_way:
        book(client=practice.bo, starts_at=NINE + timedelta(weeks=2, days=2, hours=1, minutes=45))
    thursday = to(practice, date(2027, 3, 11), 10)

    plan = replan(sessions_in(booked.appointments[0], Scope.ALL, now=now), thursday, others=(), now=now)
    move_sessions(plan.moves, wishes=plan.wishes, by=practice.ada.user, now=now)

    assert places(booked.series) == [(date(2027, 3, 11), 10), (date(2027, 3, 18), 10), third]
    sessions = booked.series.appointments.order_by("position")
    assert [each.length // timedelta(minutes=1) for each in sessions] == [30, 30, 60]
    assert plan.dates[2].reason == ({"rule": "taken", "detail": ""} if in_the_way else {})


def test_no_second_session_is_put_on_the_day_of_one_that_is_not_in_question(book_series, practice, now):
    booked = book_series(count=3)
    third = date(2027, 3, 23)

    plan = replan(booked.appointments[:2], to(practice, date(2027, 3, 16), 10), others={third}, now=now)

    assert planned(plan)[0] == (date(2027, 3, 16), 600)
    assert planned(plan)[1][0] != third


def test_undoing_the_move_of_a_series_brings_back_what_it_wished(book_series, practice, now, mailoutbox):
    booked = book_series(count=3)
    send_due(now)
    before = list(booked.series.planned_dates.order_by("position").values())
    plan = replan(booked.appointments, to(practice, THURSDAY, 10), others=(), now=now)
    change = move_sessions(plan.moves, wishes=plan.wishes, by=practice.ada.user, now=now, undo_for=UNDO_LASTS)
    assert list(booked.series.planned_dates.order_by("position").values()) != before

    undo_change(change, by=practice.ada.user, now=now)

    assert list(booked.series.planned_dates.order_by("position").values()) == before
    assert send_due(now + UNDO_LASTS) == 0


def test_a_single_session_that_moves_leaves_the_wish_of_its_series(book_series, practice, now):
    booked = book_series(count=2)
    plan = replan(booked.appointments[:1], to(practice, THURSDAY, 10), others=(), now=now)

    move_sessions(plan.moves, wishes=plan.wishes, by=practice.ada.user, now=now)

    assert places(booked.series)[0] == (THURSDAY, 10)
    assert booked.series.planned_dates.get(position=1).wished_date == date(2027, 3, 9)


def test_what_was_shown_is_what_is_written(book_series, practice, now):
    booked = book_series(count=3)
    first = to(practice, THURSDAY, 10)
    shown = replan(booked.appointments, first, others=(), now=now)

    starts = {each.session.pk: each.planned.placed for each in shown.dates if each.moves}
    chosen = as_chosen(booked.appointments, starts, first, now=now)

    assert (chosen.moves, chosen.wishes) == (shown.moves, shown.wishes)


def test_a_plan_onto_the_same_times_moves_nothing(book_series, practice, now):
    booked = book_series(count=3)

    plan = replan(booked.appointments, to(practice, NINE.date(), 9), others=(), now=now)

    assert plan.moves == []
    assert Appointment.objects.count() == 3
