"""Series that heal: what the practice breaks is found, planned, held, offered once, and answered or told to the desk."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from booking.enums import AppointmentStatus, Fit, HoldState, NotificationKind, Outcome, RepairState
from booking.exceptions import BreaksSessions, HoldOver, OutsideAvailability, RepairOver, SlotTaken, TooManyMoves, UndoOver
from booking.models import Appointment, AuditEntry, FreedTime, Hold, Notification, Repair, Replacement
from booking.notifications.delivery import send_due
from booking.services.candidates import askers_by_fit
from booking.services.changes import UNDO_LASTS, Move, cancel_sessions, move_sessions, undo_change
from booking.services.guard import Choice
from booking.services.holds import book_hold, hold_choices
from booking.services.promises import broken_promises
from booking.services.repairs import (
    accept_repair,
    change_rules,
    decline_repair,
    foresee,
    keep_promises,
    lapse_repairs,
    propose_again,
    settle_repair,
)
from tests.booking.conftest import NINE
from tests.factories import ClientFactory
from therapists.models import Closure, HolidayOpening, HoursOverride, Room, Therapist, TimeOff, WorkingHours

pytestmark = pytest.mark.integration

DAY, WEEK = timedelta(days=1), timedelta(weeks=1)
TUESDAY = NINE.date()


def away(therapist, first=NINE, until=NINE + timedelta(hours=8), kind=TimeOff.Kind.LEAVE):
    return lambda: TimeOff.objects.create(therapist=therapist, starts_at=first, ends_at=until, kind=kind)


def save(change, practice, now, cause="Tess Oduya: leave"):
    """Save a change of the rules and agree to whatever it breaks."""
    agreed = foresee(change, now=now).signature
    return change_rules(change, cause=lambda: cause, by=practice.finn, now=now, agreed=agreed)


def offered(client):
    """What a client is asked to take: fit, first name and wall time, date by date."""
    repair = Repair.objects.unsettled().get(client=client)
    return [
        (each.fit, each.therapist and each.therapist.first_name, each.starts_at)
        for each in repair.replacements.select_related("therapist").order_by("appointment__starts_at")
    ]


def rows():
    """Every row that a change of the rules could write."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (Appointment, AuditEntry, Hold, Notification, Repair, Replacement, TimeOff, Closure, WorkingHours)
    ]


CHANGES = {
    "leave": lambda p: away(p.tess),
    "closure": lambda p: (
        lambda: Closure.objects.create(location=p.tess.location, name="Burst pipe", starts_at=NINE, ends_at=NINE + DAY)
    ),
    "other hours": lambda p: lambda: WorkingHours.objects.filter(therapist=p.tess, weekday=1).update(opens=time(10)),
    "hours removed": lambda p: lambda: WorkingHours.objects.filter(therapist=p.tess, weekday=1).delete(),
    "a day off": lambda p: lambda: HoursOverride.objects.create(therapist=p.tess, applies_on=TUESDAY),
    "no longer here": lambda p: lambda: Therapist.objects.filter(pk=p.tess.pk).update(is_active=False),
    "no rooms": lambda p: lambda: Room.objects.update(is_active=False),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_that_breaks_sessions_lists_them_and_saves_nothing_unless_agreed(book, practice, now, change):
    session = book()
    book(client=practice.bo, starts_at=NINE + timedelta(hours=3), therapist=practice.jonas)
    before = rows()

    with pytest.raises(BreaksSessions) as refused:
        change_rules(change(practice), cause=lambda: "x", by=practice.finn, now=now)

    assert session in [each.appointment for each in refused.value.detail["consequences"].dates]
    assert rows() == before


def test_a_change_that_breaks_nothing_is_saved_at_once(book, practice, now):
    book(starts_at=NINE + timedelta(hours=1))

    _, found = change_rules(away(practice.tess, NINE, NINE + timedelta(hours=1)), cause=str, by=practice.finn, now=now)

    assert not found
    assert TimeOff.objects.exists()
    assert not Repair.objects.exists()


def test_looking_ahead_changes_nothing_and_forgets_the_rules_it_tried(book, practice, now):
    book()
    before = rows()

    found = foresee(away(practice.tess), now=now)

    assert len(found.dates) == 1
    assert rows() == before
    assert book(client=practice.bo, starts_at=NINE + timedelta(hours=1)).therapist == practice.tess


def test_what_changed_since_it_was_shown_must_be_agreed_to_anew(book, practice, now):
    book()
    shown = foresee(away(practice.tess), now=now)
    book(client=practice.bo, starts_at=NINE + timedelta(hours=1))

    with pytest.raises(BreaksSessions):
        change_rules(away(practice.tess), cause=str, by=practice.finn, now=now, agreed=shown.signature)

    assert not TimeOff.objects.exists()


def test_the_rest_of_the_day_with_the_same_therapist_is_the_best_replacement(book, practice, now):
    book()
    WorkingHours.objects.filter(therapist=practice.tess).exclude(weekday=1).delete()

    save(away(practice.tess, until=NINE + timedelta(hours=1)), practice, now)

    assert offered(practice.ada) == [(Fit.SAME_THERAPIST, "Tess", NINE + timedelta(hours=1))]


def test_another_day_with_the_same_therapist_goes_before_somebody_else_at_the_same_time(book, practice, now):
    book()

    save(away(practice.tess), practice, now)

    [(fit, who, starts_at)] = offered(practice.ada)
    assert (fit, who) == (Fit.SAME_THERAPIST, "Tess")
    assert abs(starts_at - NINE) == DAY


def test_somebody_else_at_the_same_time_where_the_therapist_is_away_for_long(book, practice, now):
    book()

    save(away(practice.tess, NINE - 2 * WEEK, NINE + 2 * WEEK), practice, now)

    assert offered(practice.ada) == [(Fit.SAME_TIME, "Jonas", NINE)]


def test_nothing_is_offered_that_the_rules_refuse_and_the_date_is_named(book, practice, now):
    book()
    shut = lambda: Closure.objects.create(  # noqa: E731
        location=practice.tess.location, name="Flood", starts_at=NINE - 2 * WEEK, ends_at=NINE + 2 * WEEK
    )

    save(shut, practice, now, cause="Flood")

    assert offered(practice.ada) == [(Fit.NONE, None, None)]


def test_a_date_of_a_series_stays_between_its_neighbours_and_no_date_is_used_twice(book_series, practice, now):
    booked = book_series(count=5)
    second, third = booked.appointments[1:3]

    save(away(practice.tess, second.starts_at, third.ends_at), practice, now)

    dates = [starts_at.date() for _fit, _who, starts_at in offered(practice.ada)]
    neighbours = [booked.appointments[0].local_date, *dates, booked.appointments[3].local_date]
    assert neighbours == sorted(set(neighbours))


def test_two_clients_never_get_the_same_replacement_and_the_earlier_session_chooses_first(book, practice, now):
    """The counter-example: each alone would get Jonas at the same time, but only one of them can."""
    book()
    WorkingHours.objects.filter(therapist=practice.jonas).delete()
    HoursOverride.objects.create(therapist=practice.jonas, applies_on=TUESDAY, opens=time(9), closes=time(10, 10))
    book(client=practice.bo, starts_at=NINE + timedelta(minutes=45))

    save(away(practice.tess, NINE - 2 * WEEK, NINE + 2 * WEEK), practice, now)

    assert offered(practice.ada) == [(Fit.SAME_TIME, "Jonas", NINE)]
    assert offered(practice.bo) == [(Fit.NONE, None, None)]


def test_one_of_two_must_take_the_second_best(book, practice, now):
    book()
    book(client=practice.bo, therapist=practice.jonas)
    shut = lambda: Closure.objects.create(  # noqa: E731
        location=practice.tess.location, name="Burst pipe", starts_at=NINE, ends_at=NINE + timedelta(hours=8)
    )
    WorkingHours.objects.filter(therapist=practice.jonas).exclude(weekday=1).delete()
    HoursOverride.objects.create(therapist=practice.jonas, applies_on=TUESDAY, opens=time(9), closes=time(17))
    HoursOverride.objects.create(therapist=practice.tess, applies_on=TUESDAY + DAY, opens=time(9), closes=time(9, 30))
    HoursOverride.objects.create(therapist=practice.tess, applies_on=TUESDAY - DAY)

    save(shut, practice, now, cause="Burst pipe")

    starts = {client: offered(client)[0] for client in (practice.ada, practice.bo)}
    assert len({(who, at) for _fit, who, at in starts.values()}) == 2


def test_each_client_gets_one_notice_with_all_their_dates(book, book_series, practice, now, mailoutbox):
    booked = book_series(count=3)
    book(client=practice.bo, starts_at=NINE + timedelta(hours=1))
    send_due(now)
    mailoutbox.clear()

    save(away(practice.tess, NINE, NINE + WEEK + DAY), practice, now)
    send_due(now)

    assert sorted(message.to for message in mailoutbox) == [["ada@example.org"], ["bo@example.org"]]
    to_ada = next(message for message in mailoutbox if message.to == ["ada@example.org"])
    assert to_ada.subject == "We have to change 2 of your sessions"
    assert "Tue 9 Mar, 9:00, Tess Oduya" in to_ada.body
    assert "/l/" in to_ada.body
    assert "leave" not in to_ada.body
    assert booked.appointments[2].status == AppointmentStatus.BOOKED


def test_nothing_moves_before_the_client_says_so_and_accepting_twice_is_once(book, practice, now):
    session = book()
    save(away(practice.tess, NINE - 2 * WEEK, NINE + 2 * WEEK), practice, now)
    session.refresh_from_db()
    assert (session.therapist, session.starts_at) == (practice.tess, NINE)
    repair = Repair.objects.get()

    first = accept_repair(repair, by=practice.ada.user, now=now)
    again = accept_repair(repair, by=practice.ada.user, now=now)

    session.refresh_from_db()
    assert (first.state, again.state) == (RepairState.ACCEPTED, RepairState.ACCEPTED)
    assert (session.therapist, session.starts_at, session.moves) == (practice.jonas, NINE, 0)
    assert Appointment.objects.count() == 1
    assert Notification.objects.filter(kind=NotificationKind.CHANGED).count() == 1


def test_a_replacement_inside_the_notice_is_still_theirs(book, practice, now):
    """It was held before the notice began, so the notice is nobody's business; the counter-example is a fresh booking."""
    book()
    save(away(practice.tess, NINE - 2 * WEEK, NINE + 2 * WEEK), practice, NINE - timedelta(hours=5))
    soon = NINE - timedelta(hours=1)
    with pytest.raises(OutsideAvailability):
        book(client=practice.bo, therapist=practice.jonas, starts_at=NINE + timedelta(minutes=45), now=soon)

    assert accept_repair(Repair.objects.get(), by=practice.ada.user, now=soon).state == RepairState.ACCEPTED


def test_a_hold_never_outlasts_the_session_it_replaces(book, practice, now):
    book()

    save(away(practice.tess, NINE - 2 * WEEK, NINE + 2 * WEEK), practice, NINE - timedelta(hours=3))

    assert Repair.objects.get().expires_at == NINE


def test_a_repair_holds_for_a_day_and_keeps_others_out(book, practice, now):
    book()
    save(away(practice.tess, NINE - 2 * WEEK, NINE + 2 * WEEK), practice, now)

    with pytest.raises(SlotTaken):
        book(client=practice.bo, therapist=practice.jonas, now=now + timedelta(hours=23))

    later = now + timedelta(hours=24)
    assert book(client=practice.bo, therapist=practice.jonas, now=later).starts_at == NINE
    with pytest.raises(RepairOver):
        accept_repair(Repair.objects.get(), by=practice.ada.user, now=later)


def test_dates_without_replacement_stay_on_the_list_when_the_others_are_taken(book_series, practice, now):
    booked = book_series(count=2)
    HoursOverride.objects.create(therapist=practice.jonas, applies_on=TUESDAY + WEEK)
    for n in range(1, 7):
        HoursOverride.objects.create(therapist=practice.jonas, applies_on=TUESDAY + WEEK - n * DAY)
        HoursOverride.objects.create(therapist=practice.jonas, applies_on=TUESDAY + WEEK + n * DAY)
    HoursOverride.objects.filter(applies_on=TUESDAY).delete()

    save(away(practice.tess, NINE - 4 * WEEK, NINE + 4 * WEEK), practice, now)
    assert [fit for fit, _who, _at in offered(practice.ada)] == [Fit.SAME_TIME, Fit.NONE]

    repair = accept_repair(Repair.objects.get(), by=practice.ada.user, now=now)
    assert repair.state == RepairState.OPEN
    assert accept_repair(repair, by=practice.ada.user, now=now).state == RepairState.OPEN
    assert list(repair.replacements.pending().values_list("appointment", flat=True)) == [booked.appointments[1].pk]
    assert broken_promises(now) == {}

    declined = decline_repair(repair, by=practice.ada.user, now=now)
    assert declined.state == RepairState.CANCELLED
    assert set(booked.series.appointments.values_list("status", flat=True)) == {"booked", "cancelled"}


def test_what_a_repair_moved_is_offered_its_usual_time_first_when_that_is_free_again(book, book_series, practice, now):
    booked = book_series(count=3)
    second = booked.series.planned_dates.get(position=2)
    leave, _found = save(away(practice.tess, first=NINE + WEEK, until=NINE + WEEK + DAY), practice, now)
    accept_repair(Repair.objects.get(), by=practice.ada.user, now=now)
    second.refresh_from_db()
    assert second.outcome == Outcome.MOVED
    assert {each.outcome for each in booked.series.planned_dates.exclude(pk=second.pk)} == {Outcome.KEPT}

    change_rules(leave.delete, cause=str, by=practice.finn, now=now)
    cancel_sessions([book(client=practice.bo, starts_at=NINE + WEEK)], by=practice.finn, now=now)

    freed = FreedTime.objects.get(change__client=practice.bo)
    assert [asker.planned for asker, _start in askers_by_fit(freed, now=now)] == [second]


def test_cancelling_costs_nothing_even_at_the_last_moment(book, practice, now):
    session = book()
    soon = NINE - timedelta(hours=1)
    save(away(practice.tess), practice, soon)

    repair = decline_repair(Repair.objects.get(), by=None, now=soon)
    decline_repair(repair, by=None, now=soon)

    session.refresh_from_db()
    assert session.status == AppointmentStatus.CANCELLED
    assert not Appointment.objects.filter(status=AppointmentStatus.HELD).exists()
    assert Notification.objects.filter(kind=NotificationKind.CANCELLED).count() == 1


def test_when_nobody_answers_the_desk_is_told_once_and_gets_no_link(book, practice, now, mailoutbox):
    book()
    save(away(practice.tess, NINE - 2 * WEEK, NINE + 2 * WEEK), practice, now)
    send_due(now)
    assert lapse_repairs(now + timedelta(hours=23)) == 0
    later = now + timedelta(hours=24)

    assert lapse_repairs(later) == 1
    assert lapse_repairs(later + timedelta(hours=1)) == 0
    mailoutbox.clear()
    send_due(later)

    [message] = mailoutbox
    assert message.to == ["desk@example.org"]
    assert message.subject == "No answer: please call Ada Okafor"
    assert "+44 20 7946 0018" in message.body
    assert "/l/" not in message.body
    assert broken_promises(later) == {}


def test_a_client_without_an_address_is_for_the_desk_at_once(book, practice, now, mailoutbox):
    cleo = ClientFactory(user=None, name="Cleo Marsh", email="")
    book(client=cleo)
    send_due(now)
    mailoutbox.clear()

    save(away(practice.tess), practice, now)
    send_due(now)

    [message] = mailoutbox
    assert message.to == ["desk@example.org"]
    assert message.subject == "No e-mail address: please call Cleo Marsh"
    lapse_repairs(now + DAY)
    assert Notification.objects.filter(kind=NotificationKind.REPAIR_LAPSED).count() == 1


def test_a_practice_without_an_address_never_sends_the_desks_notice_to_the_client(book, practice, now):
    practice.tess.location.email = ""
    practice.tess.location.save()
    book()
    save(away(practice.tess), practice, now)

    lapse_repairs(now + DAY)

    assert Repair.objects.get().state == RepairState.LAPSED
    assert not Notification.objects.filter(kind=NotificationKind.REPAIR_LAPSED).exists()


def test_a_session_moved_in_another_way_settles_its_part(book, practice, now):
    session = book()
    save(away(practice.tess), practice, now)

    move_sessions([Move(session, practice.jonas.pk, NINE + timedelta(hours=2))], by=practice.finn, now=now)
    assert not Repair.objects.get().replacements.pending().exists()
    lapse_repairs(now + timedelta(minutes=1))

    assert Repair.objects.get().state == RepairState.CHOSEN
    assert not Appointment.objects.filter(status=AppointmentStatus.HELD).exists()


def test_choosing_otherwise_costs_nothing_where_the_practice_broke_the_session(book, practice, now):
    """Inside the free window and moved as often as allowed: a broken session is free to go, one beside it is not."""
    broken, other = book(), book(starts_at=NINE + DAY)
    Appointment.objects.update(moves=3)
    late = NINE - timedelta(hours=20)
    save(away(practice.tess), practice, late)

    moved = move_sessions(
        [Move(broken, practice.jonas.pk, NINE + timedelta(hours=6))], by=practice.ada.user, now=late, undo_for=UNDO_LASTS
    )
    broken.refresh_from_db()
    assert (broken.starts_at, broken.moves) == (NINE + timedelta(hours=6), 3)
    undo_change(moved, by=practice.ada.user, now=late)
    broken.refresh_from_db()
    assert broken.moves == 3

    with pytest.raises(TooManyMoves):
        move_sessions([Move(other, practice.jonas.pk, other.starts_at)], by=practice.ada.user, now=late)
    cancel_sessions([broken], by=practice.ada.user, now=late)
    broken.refresh_from_db()
    assert broken.status == AppointmentStatus.CANCELLED


def test_what_the_desk_settled_is_bound_by_the_policy_again(book, practice, now):
    session = book()
    late = NINE - timedelta(hours=20)
    save(away(practice.tess), practice, late)
    settle_repair(Repair.objects.get(), by=practice.finn, now=late)

    cancel_sessions([session], by=practice.ada.user, now=late)

    session.refresh_from_db()
    assert session.status == AppointmentStatus.LATE_CANCELLED


def test_undoing_back_into_what_broke_leaves_the_repair_to_be_answered(book, practice, now):
    session = book()
    save(away(practice.tess), practice, now)
    repair = Repair.objects.get()
    move = [Move(session, practice.jonas.pk, NINE + timedelta(hours=2))]
    change = move_sessions(move, by=practice.ada.user, now=now, undo_for=UNDO_LASTS)

    lapse_repairs(now + timedelta(minutes=1))
    undo_change(change, by=practice.ada.user, now=now + timedelta(minutes=2))

    assert broken_promises(now) == {}
    accept_repair(repair, by=practice.ada.user, now=now + timedelta(minutes=2))
    session.refresh_from_db()
    assert session.starts_at == repair.replacements.get().starts_at


def test_a_repair_closes_once_the_move_in_its_place_can_no_longer_be_undone(book, practice, now):
    session = book()
    save(away(practice.tess), practice, now)
    move = [Move(session, practice.jonas.pk, NINE + timedelta(hours=2))]
    move_sessions(move, by=practice.ada.user, now=now, undo_for=UNDO_LASTS)

    lapse_repairs(now + UNDO_LASTS)

    assert Repair.objects.get().state == RepairState.CHOSEN


def test_a_session_that_has_begun_is_no_longer_cancelled_without_penalty(book, practice, now):
    session, following = book(), book(starts_at=NINE + DAY)
    save(away(practice.tess, until=NINE + 2 * DAY), practice, now)

    decline_repair(Repair.objects.get(), by=practice.ada.user, now=NINE)

    session.refresh_from_db()
    following.refresh_from_db()
    assert (session.status, following.status) == (AppointmentStatus.BOOKED, AppointmentStatus.CANCELLED)


def test_a_session_cancelled_in_another_way_closes_the_repair(book, practice, now):
    session = book()
    save(away(practice.tess), practice, now)

    cancel_sessions([session], by=practice.ada.user, now=now)
    lapse_repairs(now + timedelta(minutes=1))

    assert Repair.objects.get().state == RepairState.CANCELLED


def test_the_desk_takes_a_repair_off_its_list(book, practice, now):
    book()
    save(away(practice.tess), practice, now)

    settled = settle_repair(Repair.objects.get(), by=practice.finn, now=now)

    assert (settled.state, settled.by) == (RepairState.SETTLED, practice.finn)
    assert not Appointment.objects.filter(status=AppointmentStatus.HELD).exists()
    assert broken_promises(now) == {}
    with pytest.raises(RepairOver):
        accept_repair(settled, by=practice.ada.user, now=now)


def test_a_second_change_gathers_all_dates_of_a_client_in_one_new_repair(book_series, practice, now):
    booked = book_series(count=3)
    save(away(practice.tess), practice, now)
    first = Repair.objects.get()

    save(away(practice.tess, NINE + WEEK, NINE + WEEK + DAY), practice, now)

    second = Repair.objects.unsettled().get()
    first.refresh_from_db()
    assert first.state == RepairState.SETTLED
    assert set(second.replacements.values_list("appointment", flat=True)) == {each.pk for each in booked.appointments[:2]}


def test_a_replacement_that_breaks_in_turn_is_proposed_anew(book, practice, now):
    book()
    save(away(practice.tess, NINE - 2 * WEEK, NINE + 2 * WEEK), practice, now)
    assert offered(practice.ada) == [(Fit.SAME_TIME, "Jonas", NINE)]

    save(away(practice.jonas), practice, now, cause="Jonas Brandt: illness")

    [(fit, who, starts_at)] = offered(practice.ada)
    assert (fit, who) == (Fit.OTHER, "Jonas")
    assert starts_at != NINE


def test_the_desk_can_ask_for_a_new_proposal(book, practice, now):
    book()
    save(away(practice.tess, NINE - 2 * WEEK, NINE + 2 * WEEK), practice, now)
    lapse_repairs(now + DAY)

    again = propose_again(Repair.objects.get(), by=practice.finn, now=now + DAY)

    assert again.is_open(now + DAY)
    assert offered(practice.ada) == [(Fit.SAME_TIME, "Jonas", NINE)]
    assert Notification.objects.filter(kind=NotificationKind.REPAIR).count() == 2


def test_a_session_that_stands_again_needs_no_new_proposal(book, practice, now):
    book()
    save(away(practice.tess), practice, now)
    change_rules(lambda: TimeOff.objects.all().delete(), cause=str, by=practice.finn, now=now)

    assert propose_again(Repair.objects.get(), by=practice.finn, now=now) is None
    assert Repair.objects.get().state == RepairState.SETTLED


def test_a_session_that_was_broken_before_is_not_reported_twice(book, practice, now):
    book()
    save(away(practice.tess), practice, now)

    _, found = change_rules(away(practice.tess), cause=str, by=practice.finn, now=now)

    assert not found
    assert Repair.objects.count() == 1


def test_what_has_begun_or_is_over_breaks_no_more(book, practice, now):
    book()

    assert not foresee(away(practice.tess), now=NINE)
    assert foresee(away(practice.tess), now=NINE - timedelta(minutes=1))


def test_a_room_out_of_use_only_changes_the_room(book, practice, now):
    session = book()

    save(lambda: Room.objects.filter(pk=session.room_id).update(is_active=False), practice, now, cause="Elm")

    was = session.room
    session.refresh_from_db()
    assert session.room != was
    assert (session.starts_at, session.sequence) == (NINE, 0)
    assert AuditEntry.objects.get(action="moved").reason == "Elm"
    assert not Repair.objects.exists()


def test_only_a_room_that_is_free_as_long_as_the_session_lasts_is_another_one_for_it(book, lengthen, practice, now):
    session = lengthen(book(), 60)
    elm, oak = practice.rooms
    other = book(client=practice.bo, therapist=practice.jonas, starts_at=NINE + timedelta(minutes=45))
    Appointment.objects.filter(pk=other.pk).update(room=oak)

    save(lambda: Room.objects.filter(pk=elm.pk).update(is_active=False), practice, now)

    session.refresh_from_db()
    assert session.room == elm
    assert Repair.objects.get().client == practice.ada


def test_what_was_made_longer_by_hand_is_replaced_by_as_long_a_session(book, lengthen, practice, now):
    session = lengthen(book(), 60)

    save(away(practice.tess, until=NINE + timedelta(hours=1)), practice, now)
    repair = Repair.objects.get()
    [held] = repair.hold.appointments.all()
    accept_repair(repair, by=practice.ada.user, now=now)

    session.refresh_from_db()
    assert (session.starts_at, session.length, held.length) == (held.starts_at, timedelta(hours=1), timedelta(hours=1))


def test_a_hold_in_the_way_is_let_go_and_its_holder_reads_so(practice, now):
    hold = hold_choices([Choice(practice.tess.pk, NINE)], owner="a browser", treatment=practice.treatment, now=now)
    other = hold_choices([Choice(practice.jonas.pk, NINE)], owner="another", treatment=practice.treatment, now=now)

    change_rules(away(practice.tess), cause=str, by=practice.finn, now=now)

    hold.refresh_from_db()
    other.refresh_from_db()
    assert (hold.state, other.state) == (HoldState.RELEASED, HoldState.LIVE)
    with pytest.raises(HoldOver):
        book_hold(hold, client=practice.ada, key="11111111-2222-4333-8444-555555555555", by=practice.ada.user, now=now)


def test_what_could_be_undone_into_a_leave_cannot_be_any_more(book, practice, now):
    session = book()
    change = cancel_sessions([session], by=practice.ada.user, now=now, undo_for=UNDO_LASTS)

    change_rules(away(practice.tess), cause=str, by=practice.finn, now=now)

    with pytest.raises(UndoOver):
        undo_change(change, by=practice.ada.user, now=now)


def test_nor_where_the_new_time_reaches_into_the_old_one(book, practice, now):
    """The old time is not held then, so nothing of the leave is in its way."""
    session = book()
    move = [Move(session, practice.tess.pk, NINE + timedelta(minutes=30))]
    change = move_sessions(move, by=practice.ada.user, now=now, undo_for=UNDO_LASTS)
    save(away(practice.tess, until=NINE + timedelta(minutes=30)), practice, now)
    assert not Repair.objects.exists()

    with pytest.raises(UndoOver):
        undo_change(change, by=practice.ada.user, now=now)

    session.refresh_from_db()
    assert session.starts_at == NINE + timedelta(minutes=30)


def test_a_public_holiday_that_the_practice_no_longer_works_on_breaks_its_sessions(book, practice, now):
    good_friday = date(2027, 3, 26)
    HolidayOpening.objects.create(location=practice.tess.location, opens_on=good_friday)
    session = book(starts_at=datetime(2027, 3, 26, 9, tzinfo=UTC))

    found = foresee(lambda: HolidayOpening.objects.all().delete(), now=now)

    assert [each.appointment for each in found.dates] == [session]
    assert found.dates[0].why.detail


def test_in_the_night_the_clocks_change_the_wall_time_counts(book, practice, now):
    """The clocks go forward on 28 March: nine o'clock is 8:00 UTC from then on, before it is 9:00 UTC."""
    WorkingHours.objects.create(therapist=practice.tess, weekday=6, opens=time(0), closes=time(12))
    sunday = datetime(2027, 3, 28, 8, tzinfo=UTC)
    session = book(starts_at=sunday)
    early = book(client=practice.bo, starts_at=datetime(2027, 3, 28, 0, 15, tzinfo=UTC))

    later = lambda: WorkingHours.objects.filter(weekday=6).update(opens=time(9))  # noqa: E731
    found = foresee(later, now=now)

    assert [each.appointment for each in found.dates] == [early]
    save(away(practice.tess, datetime(2027, 3, 22, tzinfo=UTC), datetime(2027, 4, 4, tzinfo=UTC)), practice, now)
    repair = Repair.objects.get(client=practice.ada)
    replacement = repair.replacements.get()
    assert replacement.appointment == session
    assert replacement.starts_at.astimezone(practice.tess.location.tz).hour == 9


def test_the_nightly_check_finds_what_slipped_through_and_makes_a_repair(book, practice, now):
    session = book()
    away(practice.tess)()  # saved past the services
    assert set(broken_promises(now)) == {session.pk}

    found = keep_promises(by=None, now=now, cause="nightly check")

    assert [each.appointment for each in found.dates] == [session]
    assert broken_promises(now) == {}
    assert not keep_promises(by=None, now=now, cause="nightly check")
    assert Repair.objects.count() == 1


def test_finding_what_breaks_costs_the_same_for_one_session_and_for_twenty(book, practice, now):
    def cost():
        with CaptureQueriesContext(
            connection,
        ) as queries:
            broken_promises(now)
        return len(queries)

    book()
    away(practice.tess)()
    broken_promises(now)
    one = cost()
    for n in range(1, 8):
        book(starts_at=NINE + n * WEEK)
        TimeOff.objects.create(therapist=practice.tess, starts_at=NINE + n * WEEK, ends_at=NINE + n * WEEK + DAY)
    broken_promises(now)

    assert cost() == one
