"""A therapist moves a session by hand: at any minute, for any length, and never onto somebody else's time."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection

from booking.engine.slots import Rule
from booking.enums import AppointmentStatus, NotificationKind
from booking.exceptions import (
    BookingError,
    CannotChange,
    ChangedMeanwhile,
    ClientBusy,
    NotAllowed,
    OutsideAvailability,
    SlotTaken,
    UndoOver,
)
from booking.models import Appointment, Notification
from booking.notifications.delivery import send_due
from booking.services.appointments import set_status
from booking.services.changes import UNDO_LASTS, ByHand, Move, move_sessions, tell_client, undo_change
from clients.models import FlagRule
from tests.booking.conftest import NINE, fill_in
from tests.clients.answers import medicine
from tests.factories import ClientFactory
from therapists.models import Closure, TimeOff

pytestmark = pytest.mark.integration

MINUTE = timedelta(minutes=1)


@pytest.fixture
def place(tess, now):
    """Move a session by hand, to a therapist and a length of one's own if told so; it can be undone for a while."""

    def place(session, starts_at, *, to=None, length=None, room=None, version=None, at=now, **more):
        by_hand = ByHand(length or session.length, room.pk if room else None)
        move = Move(session, to.pk if to else session.therapist_id, starts_at, by_hand, version)
        given = {"by": tess, "now": at, "undo_for": UNDO_LASTS, "practice_initiated": True}
        return move_sessions([move], **given | more)

    return place


def test_any_free_minute_will_do_between_the_starts_that_clients_are_offered(book, place):
    session = book()

    place(session, NINE + 7 * MINUTE)

    session.refresh_from_db()
    assert (session.starts_at, session.ends_at) == (NINE + 7 * MINUTE, NINE + 37 * MINUTE)
    assert session.blocked_until == session.ends_at + 10 * MINUTE
    assert session.sequence == 1


def test_notice_the_limit_of_moves_and_ones_own_caps_do_not_bind_the_therapist(book, place, practice):
    practice.tess.daily_sessions = 1
    practice.tess.save()
    session = book()
    Appointment.objects.update(moves=3)
    half_an_hour_before = NINE - 30 * MINUTE

    place(session, NINE + timedelta(hours=2), at=half_an_hour_before)
    session.refresh_from_db()

    assert session.starts_at == NINE + timedelta(hours=2)
    assert session.moves == 3


def test_the_caps_of_the_one_it_goes_to_bind(book, place, practice):
    practice.jonas.daily_sessions = 1
    practice.jonas.save()
    book(client=practice.bo, therapist=practice.jonas)
    session = book()

    with pytest.raises(SlotTaken) as refused:
        place(session, NINE + timedelta(hours=2), to=practice.jonas)

    assert refused.value.detail["why"][0].rule is Rule.CAP_REACHED


def test_who_declines_to_treat_the_client_is_not_given_the_session(book, place, practice, intake, now):
    fill_in(practice.ada, now, takes_any="yes", med_list=[medicine("ibuprofen")])
    practice.jonas.medication_policies.create(medication_class="NSAID", stance="decline")
    session = book()

    with pytest.raises(OutsideAvailability) as refused:
        place(session, NINE, to=practice.jonas)

    assert refused.value.detail["why"][0].rule is Rule.NOT_MATCHED
    assert Appointment.objects.get().therapist == practice.tess


def test_a_reason_lifts_the_caps_of_the_one_it_goes_to_for_whoever_may_lift_rules(book, place, practice):
    practice.jonas.daily_sessions = 1
    practice.jonas.save()
    book(client=practice.bo, therapist=practice.jonas)
    session, later = book(), NINE + timedelta(hours=3)

    with pytest.raises(NotAllowed):
        place(session, later, to=practice.jonas, override_reason="he agreed")
    place(session, later, to=practice.jonas, by=practice.finn, override_reason="he agreed")

    session.refresh_from_db()
    assert session.therapist == practice.jonas


def test_the_time_around_another_session_is_refused_and_what_touches_it_is_not(book, place, practice):
    book(client=practice.bo, starts_at=NINE + timedelta(hours=2))
    session = book()

    with pytest.raises(SlotTaken) as refused:
        place(session, NINE + 81 * MINUTE)
    place(session, NINE + 80 * MINUTE)

    assert refused.value.detail["why"][0].rule is Rule.TAKEN
    session.refresh_from_db()
    assert session.starts_at == NINE + 80 * MINUTE


def test_the_clients_own_other_session_is_refused(book, place, practice):
    book(therapist=practice.jonas, starts_at=NINE + timedelta(hours=2))
    session = book()

    with pytest.raises(ClientBusy):
        place(session, NINE + timedelta(hours=2))


@pytest.mark.parametrize("rule", [Rule.NOT_WORKING, Rule.AWAY, Rule.CLOSED, Rule.TOO_SOON])
def test_hours_time_off_closures_and_the_past_bind_the_therapist_as_well(book, place, practice, now, rule):
    session = book()
    at_noon = NINE + timedelta(hours=3)
    if rule == Rule.NOT_WORKING:
        at_noon = NINE + timedelta(hours=8, minutes=-29)
    elif rule == Rule.AWAY:
        TimeOff.objects.create(therapist=practice.tess, starts_at=at_noon, ends_at=at_noon + MINUTE)
    elif rule == Rule.CLOSED:
        place_of = practice.treatment.location
        Closure.objects.create(location=place_of, name="Fire drill", starts_at=at_noon, ends_at=at_noon + MINUTE)
    else:
        now = at_noon + MINUTE

    with pytest.raises(OutsideAvailability) as refused:
        place(session, at_noon, at=now)

    assert refused.value.detail["why"][0].rule is rule
    session.refresh_from_db()
    assert (session.starts_at, session.sequence) == (NINE, 0)


def test_a_session_is_made_longer_and_undone_to_the_length_it_had(book, place, tess, now):
    session = book()

    change = place(session, NINE, length=50 * MINUTE)
    session.refresh_from_db()
    longer = session.length
    undo_change(change, by=tess, now=now)
    session.refresh_from_db()

    assert (longer, session.length) == (50 * MINUTE, 30 * MINUTE)
    [moved] = change.audit_entries.all()
    assert (moved.before["minutes"], moved.after["minutes"]) == (30, 50)


def test_a_longer_session_needs_its_whole_time_free(book, place, practice):
    session = book()
    book(client=practice.bo, starts_at=NINE + timedelta(hours=1))

    with pytest.raises(SlotTaken):
        place(session, NINE, length=51 * MINUTE)
    place(session, NINE, length=50 * MINUTE)


def test_it_keeps_its_room_or_takes_the_one_asked_for_but_none_that_is_taken(book, place, practice):
    elm, oak = practice.rooms
    session = book()
    beside = book(client=practice.bo, therapist=practice.jonas, starts_at=NINE + timedelta(hours=2))
    Appointment.objects.filter(pk=beside.pk).update(room=oak)

    place(session, NINE + 5 * MINUTE)
    session.refresh_from_db()
    kept = session.room
    place(session, NINE + 5 * MINUTE, room=oak)
    session.refresh_from_db()

    assert (kept, session.room) == (elm, oak)
    with pytest.raises(SlotTaken):
        place(session, NINE + timedelta(hours=2), room=oak)


def test_moving_again_is_not_hindered_by_what_an_undo_would_have_needed(book, place):
    session = book()

    place(session, NINE + timedelta(hours=1))
    place(session, NINE + 10 * MINUTE)

    session.refresh_from_db()
    assert session.starts_at == NINE + 10 * MINUTE


def test_what_somebody_else_moved_meanwhile_is_not_moved_from_an_old_page(book, place):
    session = book()
    place(session, NINE + timedelta(hours=1), version=0)

    with pytest.raises(ChangedMeanwhile):
        place(session, NINE + timedelta(hours=2), version=0)

    session.refresh_from_db()
    assert session.starts_at == NINE + timedelta(hours=1)


def test_whoever_has_arrived_is_not_moved(book, place, practice, now):
    session = set_status(book(), AppointmentStatus.ARRIVED, by=practice.finn, now=now)

    with pytest.raises(CannotChange):
        place(session, NINE + timedelta(hours=1))


class TestALengthSetByHand:
    """It is the therapist's word on how long this session takes, wherever and by whomever it is moved later."""

    def moved(self, session, starts_at, practice, now, **more):
        move_sessions([Move(session, session.therapist_id, starts_at)], by=practice.ada.user, now=now, **more)
        session.refresh_from_db()
        return session

    def test_stays_when_the_client_moves_the_session(self, book, place, practice, now):
        session = book()
        place(session, NINE, length=50 * MINUTE)

        self.moved(session, NINE + timedelta(hours=2), practice, now)

        assert (session.starts_at, session.length) == (NINE + timedelta(hours=2), 50 * MINUTE)
        assert session.blocked_until == session.ends_at + 10 * MINUTE

    def test_is_not_made_of_a_session_that_was_only_moved_by_hand(self, book, place, practice, now):
        session = book()
        place(session, NINE + 7 * MINUTE)
        practice.treatment.length = 40 * MINUTE
        practice.treatment.save()

        self.moved(session, NINE + timedelta(hours=2), practice, now)

        assert session.length == 40 * MINUTE

    def test_is_moved_only_where_all_of_it_is_free_and_at_the_starts_that_clients_have(self, book, place, practice, now):
        book(client=practice.bo, starts_at=NINE + timedelta(hours=3))
        session = book()
        place(session, NINE, length=60 * MINUTE)

        with pytest.raises(SlotTaken):
            self.moved(session, NINE + timedelta(hours=2), practice, now)
        with pytest.raises(OutsideAvailability) as refused:
            self.moved(session, NINE + timedelta(hours=4, minutes=7), practice, now)

        assert refused.value.detail["why"][0].rule is Rule.OFF_GRID
        session.refresh_from_db()
        assert (session.starts_at, session.length) == (NINE, 60 * MINUTE)

    def test_is_longer_no_more_once_the_change_is_undone(self, book, place, practice, tess, now):
        session = book()
        undo_change(place(session, NINE, length=50 * MINUTE), by=tess, now=now)

        self.moved(session, NINE + timedelta(hours=2), practice, now)

        assert session.length == 30 * MINUTE

    def test_belongs_to_its_date_of_a_series_alone(self, book_series, place, practice, now):
        series = book_series(2)
        second = series.appointments[1]
        place(second, second.starts_at, length=50 * MINUTE)

        moves = [Move(each, each.therapist_id, each.starts_at + timedelta(hours=2)) for each in series.appointments]
        move_sessions(moves, by=practice.ada.user, now=now)

        assert [each.length for each in Appointment.objects.real().order_by("starts_at")] == [30 * MINUTE, 50 * MINUTE]

    def test_takes_the_place_of_what_a_first_session_needs(self, book, place, practice, intake, now):
        FlagRule.objects.filter(code="diabetes").update(extra_minutes=15)
        fill_in(practice.ada, now, diabetes="tablets")
        session = book()
        assert session.length == 45 * MINUTE
        place(session, NINE, length=50 * MINUTE)

        self.moved(session, NINE + timedelta(hours=2), practice, now)

        assert session.length == 50 * MINUTE


class TestTelling:
    def test_waits_until_it_cannot_be_undone(self, book, place, now, mailoutbox):
        session = book()
        send_due(now)
        mailoutbox.clear()

        place(session, NINE + timedelta(hours=1))
        send_due(now)
        before = len(mailoutbox)
        send_due(now + UNDO_LASTS)

        assert (before, len(mailoutbox)) == (0, 1)
        assert "10:00" in mailoutbox[0].body

    def test_can_be_left_out_and_chosen_again(self, book, place, now, mailoutbox):
        change = place(book(), NINE + timedelta(hours=1), tell=False)
        assert not Notification.objects.filter(kind=NotificationKind.CHANGED).exists()

        tell_client(change, tell=True, now=now)
        tell_client(change, tell=False, now=now)
        tell_client(change, tell=True, now=now)
        send_due(now)
        mailoutbox.clear()
        send_due(now + UNDO_LASTS)

        assert [message.to for message in mailoutbox] == [["ada@example.org"]]

    def test_that_was_called_off_never_goes_out(self, book, place, now, mailoutbox):
        change = place(book(), NINE + timedelta(hours=1))
        send_due(now)
        mailoutbox.clear()

        tell_client(change, tell=False, now=now)
        send_due(now + UNDO_LASTS)

        assert mailoutbox == []

    def test_cannot_be_chosen_once_the_time_for_it_is_over(self, book, place, now):
        change = place(book(), NINE + timedelta(hours=1))

        with pytest.raises(UndoOver):
            tell_client(change, tell=False, now=now + UNDO_LASTS)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_move_the_same_session_at_once_one_wins_and_the_other_is_told(book, place, practice):
    session = book()
    barrier, results = threading.Barrier(2), []

    def move(starts_at):
        try:
            barrier.wait()
            place(session, starts_at, version=0)
            results.append(starts_at)
        except BookingError as refusal:
            results.append(type(refusal))
        finally:
            connection.close()

    people = [threading.Thread(target=move, args=[NINE + timedelta(hours=hour)]) for hour in (1, 2)]
    for person in people:
        person.start()
    for person in people:
        person.join()

    session.refresh_from_db()
    assert sorted(results, key=str) == sorted([session.starts_at, ChangedMeanwhile], key=str)


@pytest.mark.django_db(transaction=True)
def test_two_sessions_moved_to_one_time_at_once_end_up_apart(book, place, practice):
    ours, theirs = book(), book(client=ClientFactory(), starts_at=NINE + timedelta(hours=3))
    barrier, results = threading.Barrier(2), []

    def move(session):
        try:
            barrier.wait()
            place(session, NINE + timedelta(hours=1), version=0)
            results.append("moved")
        except SlotTaken:
            results.append("refused")
        finally:
            connection.close()

    people = [threading.Thread(target=move, args=[session]) for session in (ours, theirs)]
    for person in people:
        person.start()
    for person in people:
        person.join()

    assert sorted(results) == ["moved", "refused"]
