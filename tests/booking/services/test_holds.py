from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from booking.engine.planner import PlanKind
from booking.engine.recurrence import Course, Daily, Phase, Weekly
from booking.enums import AppointmentStatus, HoldState, NotificationKind, Outcome
from booking.exceptions import ClientBusy, HoldOver, KeyReused, OutsideAvailability, SlotTaken, TooManyHolds
from booking.models import Appointment, Hold, Notification, PlannedDate, Series
from booking.services.appointments import book_appointment
from booking.services.guard import Choice
from booking.services.holds import book_hold, hold_choices, let_go, release_expired
from booking.services.series import held_plan, hold_course, hold_plan, plan_course
from therapists.models import Closure, TimeOff

pytestmark = pytest.mark.integration

NINE = datetime(2027, 3, 9, 9, tzinfo=UTC)
KEY = UUID("11111111-2222-4333-8444-555555555555")


def hold_one(practice, now, *, owner="browser a", starts_at=NINE, therapist=None, **more):
    choice = Choice((therapist or practice.tess).pk, starts_at)
    return hold_choices([choice], owner=owner, treatment=practice.treatment, now=now, **more)


def confirm(hold, practice, now, *, client=None, key=KEY):
    client = client or practice.ada
    return book_hold(hold, client=client, key=key, by=client.user, now=now)


def weekly(practice, count=8, **change):
    facts = {
        "starts_on": date(2027, 3, 9),
        "phases": (Phase(Weekly((1,)), count=count),),
        "minutes": (9 * 60,),
        "therapists": (practice.tess.pk,),
    }
    return Course(**facts | change)


def test_a_held_time_is_not_offered_to_anyone_else(practice, now):
    hold_one(practice, now)

    with pytest.raises(SlotTaken):
        hold_one(practice, now, owner="browser b")


def test_a_hold_lasts_ten_minutes_and_not_a_second_longer(practice, now):
    hold = hold_one(practice, now)
    a_second_before = now + timedelta(minutes=9, seconds=59)

    with pytest.raises(SlotTaken):
        hold_one(practice, a_second_before, owner="browser b")
    taken = hold_one(practice, now + timedelta(minutes=10), owner="browser b")

    assert hold.expires_at == now + timedelta(minutes=10)
    assert [appointment.hold for appointment in Appointment.objects.all()] == [taken]


def test_confirming_turns_the_held_row_into_the_appointment(practice, now):
    hold = hold_one(practice, now)
    held = hold.appointments.get()

    booked = confirm(hold, practice, now + timedelta(minutes=2))

    appointment = Appointment.objects.get()
    assert appointment.pk == held.pk
    assert (appointment.client, appointment.status, appointment.held_until) == (practice.ada, "booked", None)
    assert booked.series is None
    assert Notification.objects.get().kind == NotificationKind.CONFIRMATION


def test_a_repeated_post_is_the_same_booking_and_one_notice(practice, now):
    hold = hold_one(practice, now)
    first = confirm(hold, practice, now)

    again = confirm(hold, practice, now + timedelta(hours=1))

    assert again.repeated
    assert again.request == first.request
    assert [a.pk for a in again.appointments] == [a.pk for a in first.appointments]
    assert Notification.objects.count() == 1


def test_the_same_key_for_something_else_is_refused(practice, now):
    confirm(hold_one(practice, now), practice, now)
    other = hold_one(practice, now, starts_at=NINE + timedelta(hours=2))

    with pytest.raises(KeyReused):
        confirm(other, practice, now)

    assert Appointment.objects.filter(status=AppointmentStatus.BOOKED).count() == 1


def test_two_people_may_happen_on_the_same_key(practice, now):
    confirm(hold_one(practice, now), practice, now)
    other = hold_one(practice, now, starts_at=NINE + timedelta(hours=2))

    confirm(other, practice, now, client=practice.bo)

    assert Appointment.objects.filter(status=AppointmentStatus.BOOKED).count() == 2


def test_a_hold_that_is_over_books_nothing(practice, now):
    hold = hold_one(practice, now)

    with pytest.raises(HoldOver):
        confirm(hold, practice, now + timedelta(minutes=10))

    assert not Appointment.objects.filter(status=AppointmentStatus.BOOKED).exists()
    assert not Notification.objects.exists()


def test_a_client_cannot_confirm_two_sessions_at_once(practice, now):
    confirm(hold_one(practice, now), practice, now)
    other = hold_one(practice, now, therapist=practice.jonas)

    with pytest.raises(ClientBusy):
        confirm(other, practice, now, key=uuid4())

    assert Appointment.objects.filter(client=practice.ada).count() == 1


def test_a_person_holds_three_choices_at_most(practice, now):
    for hour in range(3):
        hold_one(practice, now, starts_at=NINE + timedelta(hours=hour))

    with pytest.raises(TooManyHolds):
        hold_one(practice, now, starts_at=NINE + timedelta(hours=4))
    hold_one(practice, now, owner="browser b", starts_at=NINE + timedelta(hours=4))

    assert Hold.objects.filter(state=HoldState.LIVE).count() == 4


def test_letting_go_makes_room_for_another_choice(practice, now):
    holds = [hold_one(practice, now, starts_at=NINE + timedelta(hours=hour)) for hour in range(3)]

    let_go(holds[0])
    again = hold_one(practice, now)

    assert again.is_live(now)


def test_changing_the_choice_keeps_the_old_one_when_the_new_one_is_gone(practice, now):
    mine = hold_one(practice, now)
    hold_one(practice, now, owner="browser b", starts_at=NINE + timedelta(hours=1))

    with pytest.raises(SlotTaken):
        hold_one(practice, now, starts_at=NINE + timedelta(hours=1), replacing=mine)

    mine.refresh_from_db()
    assert mine.is_live(now)
    assert mine.appointments.get().starts_at == NINE


def test_one_cannot_replace_a_hold_of_somebody_else(practice, now):
    theirs = hold_one(practice, now, owner="browser b")

    with pytest.raises(Hold.DoesNotExist):
        hold_one(practice, now, starts_at=NINE + timedelta(hours=1), replacing=theirs)


def test_expired_slots_are_swept_and_live_ones_are_not(practice, now):
    hold_one(practice, now)
    live = hold_one(practice, now + timedelta(minutes=5), owner="b", starts_at=NINE + timedelta(hours=1))

    assert release_expired(now + timedelta(minutes=10)) == 1

    assert [appointment.hold for appointment in Appointment.objects.all()] == [live]


def test_a_weekly_series_is_planned_held_and_booked_as_one(practice, now):
    TimeOff.objects.create(
        therapist=practice.tess,
        starts_at=datetime(2027, 3, 16, 0, tzinfo=UTC),
        ends_at=datetime(2027, 3, 17, 0, tzinfo=UTC),
    )
    Closure.objects.create(
        location=practice.tess.location,
        name="Spring break",
        starts_at=datetime(2027, 4, 2, 0, tzinfo=UTC),
        ends_at=datetime(2027, 4, 10, 0, tzinfo=UTC),
    )

    hold = hold_course(weekly(practice), practice.treatment, owner="a", now=now)
    booked = confirm(hold, practice, now)

    assert booked.series is not None
    dates = list(PlannedDate.objects.filter(series=booked.series))
    assert [planned.outcome for planned in dates] == [
        Outcome.KEPT,
        Outcome.MOVED,
        Outcome.KEPT,
        Outcome.KEPT,
        Outcome.NOT_POSSIBLE,
        Outcome.KEPT,
        Outcome.KEPT,
        Outcome.KEPT,
    ]
    assert dates[1].reason == {"rule": "away", "detail": ""}
    assert dates[4].reason == {"rule": "closed", "detail": "Spring break"}
    assert dates[4].appointment is None
    assert [a.position for a in booked.appointments] == [1, 2, 3, 4, 6, 7, 8]
    assert {a.local_start.strftime("%H:%M") for a in booked.appointments} == {"09:00"}
    notice = Notification.objects.get()
    assert (notice.series, notice.appointment) == (booked.series, None)


def test_a_daily_course_rather_changes_the_day_than_the_time(practice, now):
    book_appointment(
        client=practice.bo,
        therapist=practice.tess,
        treatment=practice.treatment,
        starts_at=datetime(2027, 3, 10, 9, tzinfo=UTC),
        by=practice.finn,
        now=now,
    )
    course = weekly(practice, starts_on=date(2027, 3, 8), phases=(Phase(Daily((0, 1, 2, 3, 4)), count=5),))

    booked = confirm(hold_course(course, practice.treatment, owner="a", now=now), practice, now)

    assert [a.local_date.day for a in booked.appointments] == [8, 9, 11, 12, 15]
    assert {a.local_time.hour for a in booked.appointments} == {9}


def test_one_lost_date_holds_nothing_of_a_plan(practice, now):
    course = weekly(practice)
    plan = plan_course(course, practice.treatment, now=now).plans[0]
    book_appointment(
        client=practice.bo,
        therapist=practice.tess,
        treatment=practice.treatment,
        starts_at=NINE + timedelta(weeks=2),
        by=practice.finn,
        now=now,
    )

    with pytest.raises(SlotTaken):
        hold_plan(plan, course, practice.treatment, owner="a", now=now)

    assert not Hold.objects.exists()
    assert not Appointment.objects.filter(status=AppointmentStatus.HELD).exists()


def test_a_date_is_swapped_while_the_others_stay_held(practice, now):
    course = weekly(practice)
    hold = hold_course(course, practice.treatment, owner="a", now=now)
    planning = plan_course(course, practice.treatment, now=now, held=hold)
    plan = held_plan(hold)
    swap = planning.swaps(plan, 3)[0]

    changed = hold_plan(plan.with_date(swap), course, practice.treatment, owner="a", now=now, replacing=hold)

    assert held_plan(changed).kind == PlanKind.OWN
    before = {start for start in plan.starts if start != plan.dates[2].placed}
    assert set(held_plan(changed).starts) == before | {swap.placed}
    hold.refresh_from_db()
    assert hold.state == HoldState.RELEASED


def test_a_course_with_no_free_date_holds_nothing(practice, now):
    practice.treatment.therapists.set([practice.tess])
    practice.tess.working_hours.all().delete()

    with pytest.raises((SlotTaken, OutsideAvailability)):
        hold_course(weekly(practice), practice.treatment, owner="a", now=now)

    assert not Hold.objects.exists()
    assert not Series.objects.exists()
