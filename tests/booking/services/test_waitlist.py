"""The waitlist: who is offered a freed time, for how long, and what becomes of it."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from booking.engine.planner import Start
from booking.enums import AppointmentStatus, NotificationKind, OfferReason, OfferState, Outcome, Scope, WishState
from booking.exceptions import AlreadyOffered, CannotWait, NobodyToTell, NoTimeToAnswer, OfferOver, OutsideAvailability, SlotTaken
from booking.models import Appointment, FreedTime, Hold, Notification, Offer, WaitlistEntry
from booking.notifications.delivery import send_due
from booking.queries import forget_rules
from booking.services.candidates import askers_by_fit
from booking.services.changes import UNDO_LASTS, Move, cancel_sessions, move_sessions, sessions_in, undo_change
from booking.services.guard import Choice
from booking.services.holds import hold_choices, let_go
from booking.services.replan import First, replan
from booking.services.waitlist import (
    accept_offer,
    decline_offer,
    lapse_offers,
    offer_by_hand,
    offer_freed,
    wish,
    withdraw_wish,
)
from tests.booking.conftest import NINE
from tests.factories import ClientFactory, LocationFactory, TreatmentFactory
from therapists.models import Closure

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

MINUTE, HOUR, DAY, WEEK = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
LASTS = 30 * MINUTE


@pytest.fixture
def waits(practice, now):
    """Bo waits for a session on Tuesday 9 March, with anyone, unless told otherwise."""

    def waits(client=None, since=now, **change):
        facts = {"treatment": practice.treatment, "earliest_on": NINE.date(), "latest_on": NINE.date()} | change
        return wish(client=client or practice.bo, by=None, now=since, **facts)

    return waits


@pytest.fixture
def frees(book, practice):
    """Ada books Tuesday 9 March at 9:00 with Tess, unless told otherwise, and cancels it."""

    def frees(at, **change):
        cancel_sessions([book(**change)], by=practice.finn, now=at)
        return FreedTime.objects.latest("offer_from", "starts_at")

    return frees


def somebody(name):
    return ClientFactory(user__name=name, user__email=f"{name.lower()}@example.org")


def sent(mailoutbox, subject):
    return [message for message in mailoutbox if message.subject.startswith(subject)]


def test_a_freed_time_is_offered_held_and_told(waits, frees, practice, book, now, mailoutbox):
    entry = waits()
    frees(now)

    assert offer_freed(now) == 1

    offer = Offer.objects.get()
    assert (offer.client, offer.entry, offer.starts_at, offer.reason) == (practice.bo, entry, NINE, OfferReason.WISH)
    assert offer.expires_at == offer.hold.expires_at == now + LASTS
    with pytest.raises(SlotTaken):
        book()
    send_due(now)
    [message] = sent(mailoutbox, "Free for you: Tuesday 9 March at 9:00")
    assert message.to == ["bo@example.org"]
    assert "We hold it for you until 8:30 on Monday 1 February." in message.body


def test_a_freed_time_that_suits_nobody_is_closed_and_free_for_all(waits, frees, book, now):
    waits(weekdays=[2])
    freed = frees(now)

    assert offer_freed(now) == 0

    freed.refresh_from_db()
    assert freed.closed_at == now
    assert book().starts_at == NINE


def test_a_time_is_not_offered_while_its_cancellation_can_be_undone(waits, book, practice, now):
    waits()
    change = cancel_sessions([book()], by=practice.finn, now=now, undo_for=UNDO_LASTS)

    assert offer_freed(now + 2 * MINUTE) == 0

    undo_change(change, by=practice.finn, now=now + 2 * MINUTE)
    assert offer_freed(now + UNDO_LASTS) == 0
    change = cancel_sessions([Appointment.objects.get()], by=practice.finn, now=now, undo_for=UNDO_LASTS)
    assert offer_freed(now + UNDO_LASTS) == 1


@pytest.mark.parametrize(
    ("wanted", "suits"),
    [
        pytest.param({}, True, id="the day is all that matters"),
        pytest.param({"earliest_on": NINE.date() + DAY, "latest_on": NINE.date() + DAY}, False, id="from the next day on"),
        pytest.param({"earliest_on": NINE.date() - DAY, "latest_on": NINE.date() - DAY}, False, id="until the day before"),
        pytest.param({"weekdays": [1, 3]}, True, id="Tuesday or Thursday"),
        pytest.param({"weekdays": [0, 2, 3, 4, 5, 6]}, False, id="any day but Tuesday"),
        pytest.param({"starts_from": time(9)}, True, id="from nine on"),
        pytest.param({"starts_from": time(9, 45)}, False, id="from a quarter to ten on"),
        pytest.param({"starts_until": time(9)}, True, id="until nine"),
        pytest.param({"starts_until": time(8, 59)}, False, id="before nine"),
    ],
)
def test_a_wish_is_met_by_what_it_asks_for_and_nothing_else(waits, frees, now, wanted, suits):
    waits(**wanted)
    frees(now)

    assert offer_freed(now) == suits


def test_a_wish_for_another_therapist_is_passed_by(waits, frees, practice, now):
    waits(therapists=[practice.jonas])
    frees(now)

    assert offer_freed(now) == 0


def test_a_longer_treatment_is_offered_only_where_it_fits(waits, frees, book, practice, now):
    hour = TreatmentFactory(name="Hour", length=HOUR, by=[practice.tess], in_rooms=practice.rooms)
    waits(treatment=hour)
    after = book(client=somebody("Cem"), starts_at=NINE + 45 * MINUTE)
    frees(now)
    assert offer_freed(now) == 0

    cancel_sessions([after], by=practice.finn, now=now)

    assert offer_freed(now) == 1
    assert Offer.objects.get().starts_at == NINE + 45 * MINUTE  # the start inside what was freed last


def test_a_series_that_had_to_deviate_there_comes_first(book, book_series, waits, practice, now):
    in_the_way = book(client=somebody("Cem"), starts_at=NINE + WEEK)
    booked = book_series(count=3)
    second = booked.series.planned_dates.get(position=2)
    assert second.outcome == Outcome.MOVED
    waits(since=now - WEEK, therapists=[practice.tess], earliest_on=NINE.date() + WEEK, latest_on=NINE.date() + WEEK)

    cancel_sessions([in_the_way], by=practice.finn, now=now)
    offer_freed(now)

    offer = Offer.objects.get()
    assert (offer.client, offer.planned_date, offer.replaces) == (practice.ada, second, second.appointment)
    old = second.appointment.starts_at
    accept_offer(offer, by=practice.ada.user, now=now)
    moved = booked.series.appointments.get(position=2)
    assert (moved.starts_at, moved.therapist, moved.moves) == (NINE + WEEK, practice.tess, 0)
    second.refresh_from_db()
    assert (second.outcome, second.reason) == (Outcome.KEPT, {})
    assert FreedTime.objects.get(closed_at=None, starts_at=old)


def test_a_series_whose_date_was_moved_on_is_not_asked_once_it_stands_there(book, book_series, practice, now):
    in_the_way = book(client=practice.bo, starts_at=NINE + WEEK)
    booked = book_series(count=3)
    cancel_sessions([in_the_way], by=practice.finn, now=now)
    second = booked.series.appointments.get(position=2)

    freed = FreedTime.objects.get()
    assert [asker.planned.position for asker, _start in askers_by_fit(freed, now=now)] == [2]

    move_sessions([Move(second, practice.tess.pk, NINE + WEEK)], by=practice.finn, now=now)

    assert askers_by_fit(freed, now=now) == []
    assert offer_freed(now) == 0


def test_a_missing_date_is_booked_into_its_series(book, book_series, practice, now, mailoutbox):
    spring = {"starts_at": datetime(2027, 3, 12, tzinfo=UTC), "ends_at": datetime(2027, 3, 20, tzinfo=UTC)}
    closure = Closure.objects.create(location=practice.tess.location, name="Break", **spring)
    booked = book_series(count=3)
    missing = booked.series.planned_dates.get(position=2)
    assert (missing.outcome, missing.appointment) == (Outcome.NOT_POSSIBLE, None)
    closure.delete()
    cancel_sessions([book(client=practice.bo, starts_at=NINE + WEEK)], by=practice.finn, now=now)

    offer_freed(now)
    accept_offer(Offer.objects.get(), by=None, now=now)

    missing.refresh_from_db()
    session = missing.appointment
    assert (session.series, session.position, session.starts_at) == (booked.series, 2, NINE + WEEK)
    assert (missing.outcome, session.status) == (Outcome.KEPT, AppointmentStatus.BOOKED)
    send_due(now)
    assert "Booked: Tuesday 16 March at 9:00" in [message.subject for message in mailoutbox]


def test_a_series_that_was_given_up_is_not_mended(book, book_series, practice, now):
    spring = {"starts_at": datetime(2027, 3, 12, tzinfo=UTC), "ends_at": datetime(2027, 3, 20, tzinfo=UTC)}
    closure = Closure.objects.create(location=practice.tess.location, name="Break", **spring)
    booked = book_series(count=3)
    closure.delete()
    cancel_sessions(booked.appointments, by=practice.finn, now=now)
    cancel_sessions([book(client=practice.bo, starts_at=NINE + WEEK)], by=practice.finn, now=now)

    assert offer_freed(now) == 0


def test_of_wishes_the_best_filling_then_the_named_then_the_longest_waiting_comes_first(waits, frees, practice, now):
    short = TreatmentFactory(name="Short", length=20 * MINUTE, turnaround=10 * MINUTE, by=[practice.tess])
    names = ["short", "anyone", "late", "early"]
    people = {name: somebody(name.title()) for name in names}
    waits(people["short"], since=now - 9 * DAY, treatment=short, therapists=[practice.tess])
    waits(people["anyone"], since=now - 5 * DAY)
    waits(people["late"], since=now - 1 * DAY, therapists=[practice.tess])
    waits(people["early"], since=now - 2 * DAY, therapists=[practice.tess, practice.jonas])
    frees(now)

    asked = []
    for _ in names:
        assert offer_freed(now) == 1
        offer = Offer.objects.get(state=OfferState.OPEN)
        asked.append(offer.client)
        decline_offer(offer, by=None, now=now)

    assert asked == [people[name] for name in ("early", "late", "anyone", "short")]
    assert offer_freed(now) == 0


def test_a_declined_time_goes_to_the_next_and_never_back(waits, frees, practice, now):
    first, second = somebody("Cem"), somebody("Dora")
    waits(first, since=now - DAY)
    waits(second)
    freed = frees(now)
    offer_freed(now)
    assert offer_freed(now) == 0  # one at a time

    decline_offer(Offer.objects.get(client=first), by=None, now=now + MINUTE)
    offer_freed(now + MINUTE)

    assert Offer.objects.get(state=OfferState.OPEN).client == second
    lapse_offers(now + MINUTE + LASTS)
    assert offer_freed(now + MINUTE + LASTS) == 0
    freed.refresh_from_db()
    assert freed.closed_at is not None
    assert sorted(freed.offers.values_list("state", flat=True)) == [OfferState.DECLINED, OfferState.LAPSED]
    assert not Hold.objects.filter(state="live").exists()
    assert {entry.state for entry in WaitlistEntry.objects.all()} == {WishState.WAITING}


def test_accepting_books_serves_the_wish_and_says_so_once(waits, frees, practice, now, mailoutbox):
    entry = waits()
    frees(now)
    offer_freed(now)
    offer = Offer.objects.get()

    first = accept_offer(offer, by=practice.bo.user, now=now + MINUTE)
    again = accept_offer(offer, by=practice.bo.user, now=now + 2 * HOUR)

    assert first.appointment == again.appointment == Appointment.objects.get(status=AppointmentStatus.BOOKED)
    assert (first.appointment.client, first.appointment.starts_at) == (practice.bo, NINE)
    assert first.answered_at == again.answered_at == now + MINUTE
    entry.refresh_from_db()
    assert (entry.state, entry.ended_at) == (WishState.SERVED, now + MINUTE)
    send_due(now + MINUTE)
    assert len(sent(mailoutbox, "Booked: Tuesday 9 March at 9:00")) == 1  # Ada's own was cancelled before it was sent
    assert not sent(mailoutbox, "Free for you")  # it was answered before its notice was due


def test_what_lapsed_says_so_plainly_before_and_after_the_worker_saw_it(waits, frees, practice, now):
    waits()
    frees(now)
    offer_freed(now)
    offer = Offer.objects.get()

    with pytest.raises(OfferOver, match="next person"):
        accept_offer(offer, by=None, now=now + LASTS)
    assert lapse_offers(now + LASTS) == 1
    with pytest.raises(OfferOver):
        accept_offer(offer, by=None, now=now + LASTS)
    with pytest.raises(OfferOver):
        decline_offer(offer, by=None, now=now + LASTS)

    assert not Appointment.objects.filter(client=practice.bo).exists()


def test_an_earlier_time_moves_the_session_and_its_old_time_goes_on(waits, frees, book, practice, now, mailoutbox):
    theirs = book(client=practice.bo, starts_at=NINE + DAY)
    waits(instead_of=theirs, latest_on=theirs.local_date, earliest_on=now.date())
    cem = somebody("Cem")
    waits(cem, earliest_on=NINE.date() + DAY, latest_on=NINE.date() + DAY)
    frees(now)

    offer_freed(now)
    accept_offer(Offer.objects.get(client=practice.bo), by=None, now=now)
    offer_freed(now)

    theirs.refresh_from_db()
    assert (theirs.starts_at, theirs.moves, theirs.status) == (NINE, 0, AppointmentStatus.BOOKED)
    chained = Offer.objects.get(client=cem)
    assert (chained.starts_at, chained.state) == (NINE + DAY, OfferState.OPEN)
    send_due(now)
    assert len(sent(mailoutbox, "Moved to Tuesday 9 March at 9:00")) == 1


@pytest.mark.parametrize(("minutes", "offered"), [(30, True), (60, False)])
def test_an_earlier_time_has_to_be_as_long_as_its_therapist_made_the_session(
    waits, frees, book, lengthen, practice, now, minutes, offered
):
    theirs = lengthen(book(client=practice.bo, starts_at=NINE + DAY), minutes)
    waits(instead_of=theirs, latest_on=NINE.date(), earliest_on=NINE.date(), starts_until=time(9))
    book(client=somebody("Cem"), starts_at=NINE + 45 * MINUTE)
    frees(now)

    assert bool(offer_freed(now)) == offered


def test_only_an_earlier_time_than_the_one_they_have_is_offered(waits, frees, book, practice, now):
    theirs = book(client=practice.bo, therapist=practice.jonas)
    waits(instead_of=theirs, latest_on=theirs.local_date, earliest_on=now.date())

    frees(now)
    frees(now, starts_at=NINE + HOUR)

    assert offer_freed(now) == 0


@pytest.mark.parametrize("what", ["cancelled", "begun"])
def test_a_wish_whose_session_is_gone_is_no_longer_matched(waits, frees, book, practice, now, what):
    theirs = book(client=practice.bo, starts_at=NINE + HOUR)
    entry = waits(instead_of=theirs, latest_on=theirs.local_date, earliest_on=now.date())
    frees(now)
    later = now
    if what == "cancelled":
        cancel_sessions([theirs], by=practice.finn, now=now)
    else:
        later = NINE + HOUR

    offer_freed(later)
    lapse_offers(later)

    assert not Offer.objects.exists()
    entry.refresh_from_db()
    assert entry.state == WishState.OVER


def test_an_offer_whose_session_was_cancelled_meanwhile_is_withdrawn(waits, frees, book, practice, now):
    theirs = book(client=practice.bo, starts_at=NINE + DAY)
    waits(instead_of=theirs, latest_on=theirs.local_date, earliest_on=now.date())
    frees(now)
    offer_freed(now)
    cancel_sessions([theirs], by=practice.finn, now=now, undo_for=UNDO_LASTS)

    with pytest.raises(OfferOver):
        accept_offer(Offer.objects.get(), by=None, now=now)

    assert lapse_offers(now) == 1
    assert Offer.objects.get().state == OfferState.WITHDRAWN


def test_a_time_that_is_no_longer_earlier_cannot_be_accepted(waits, frees, book, practice, now):
    theirs = book(client=practice.bo, starts_at=NINE + DAY)
    waits(instead_of=theirs, latest_on=theirs.local_date, earliest_on=now.date())
    frees(now)
    offer_freed(now)
    assert Offer.objects.answerable(now).exists()

    move_sessions([Move(theirs, practice.tess.pk, NINE - DAY)], by=practice.bo.user, now=now)

    with pytest.raises(OfferOver):
        accept_offer(Offer.objects.get(), by=None, now=now)
    assert lapse_offers(now) == 1
    assert Offer.objects.get().state == OfferState.WITHDRAWN


def test_the_usual_time_is_not_offered_any_more_once_the_series_wishes_for_another(book, book_series, practice, now):
    in_the_way = book(client=practice.bo, starts_at=NINE + WEEK)
    booked = book_series(count=3)
    cancel_sessions([in_the_way], by=practice.finn, now=now)
    offer_freed(now)
    offer = Offer.objects.get()
    assert Offer.objects.answerable(now).get() == offer

    at_ten = First(Start(practice.tess.pk, NINE.date(), 10 * 60), practice.tess.pk)
    plan = replan(sessions_in(booked.appointments[0], Scope.ALL, now=now), at_ten, others=(), now=now)
    change = move_sessions(plan.moves, wishes=plan.wishes, by=practice.ada.user, now=now, undo_for=UNDO_LASTS)

    with pytest.raises(OfferOver):
        accept_offer(offer, by=None, now=now)
    undo_change(change, by=practice.ada.user, now=now)
    assert Offer.objects.answerable(now).get() == offer


def test_the_usual_time_is_told_by_the_clock_on_the_wall(book, book_series, practice, now):
    practice.treatment.horizon = 20 * WEEK
    practice.treatment.save()
    after_the_clocks_changed = NINE + 3 * WEEK - HOUR
    in_the_way = book(client=practice.bo, starts_at=after_the_clocks_changed)
    book_series(count=4)
    cancel_sessions([in_the_way], by=practice.finn, now=now)

    offer_freed(now)

    assert Offer.objects.answerable(now).get().starts_at == after_the_clocks_changed


def test_an_offer_whose_time_is_no_longer_held_is_withdrawn(waits, frees, practice, now):
    waits()
    frees(now)
    offer_freed(now)
    offer = Offer.objects.get()
    let_go(offer.hold)

    with pytest.raises(OfferOver):
        accept_offer(offer, by=None, now=now)

    assert lapse_offers(now) == 1
    offer.refresh_from_db()
    assert offer.state == OfferState.WITHDRAWN


def test_a_time_that_somebody_holds_is_offered_once_they_let_it_go(waits, frees, practice, now):
    waits()
    frees(now)
    hold_choices([Choice(practice.tess.pk, NINE)], owner="a browser", treatment=practice.treatment, now=now)

    assert offer_freed(now) == 0
    assert offer_freed(now + 9 * MINUTE) == 0

    assert offer_freed(now + 10 * MINUTE) == 1


def test_a_time_freed_twice_is_offered_once_to_each(waits, frees, practice, now):
    """Freed, booked and freed again while somebody decides: nobody is asked a second time."""
    waits()
    waits(somebody("Cem"))
    first = frees(now)
    FreedTime.objects.create(therapist=first.therapist, starts_at=first.starts_at, ends_at=first.ends_at, offer_from=now)

    asked = []
    while offer_freed(now) or offer_freed(now + LASTS):
        offer = Offer.objects.get(state=OfferState.OPEN)
        asked.append(offer.client.name)
        decline_offer(offer, by=None, now=offer.made_at)

    assert sorted(asked) == ["Bo Lindqvist", "Cem"]
    assert not FreedTime.objects.filter(closed_at=None).exists()


def test_policy_does_not_stand_in_the_way_of_what_the_practice_offers(waits, frees, book, practice, now):
    """Inside the free window and moved as often as allowed, a client cannot move by themselves, but may take an offer."""
    theirs = book(client=practice.bo, starts_at=NINE + 2 * HOUR)
    Appointment.objects.filter(pk=theirs.pk).update(moves=3)
    waits(instead_of=theirs, latest_on=theirs.local_date, earliest_on=now.date())
    late = NINE - 20 * HOUR
    frees(late)

    offer_freed(late)
    accept_offer(Offer.objects.get(), by=None, now=late)

    theirs.refresh_from_db()
    assert (theirs.starts_at, theirs.moves) == (NINE, 3)


def test_withdrawing_a_wish_lets_go_of_what_is_offered_for_it(waits, frees, book, now):
    entry = waits()
    frees(now)
    offer_freed(now)

    first = withdraw_wish(entry, by=None, now=now)
    again = withdraw_wish(entry, by=None, now=now + MINUTE)

    assert (first.state, first.ended_at) == (again.state, again.ended_at) == (WishState.WITHDRAWN, now)
    assert Offer.objects.get().state == OfferState.WITHDRAWN
    assert book().starts_at == NINE
    assert offer_freed(now) == 0


def test_a_wish_ends_with_its_last_day_on_the_practices_clock(waits, practice, now):
    location = practice.treatment.location
    location.zone = "Pacific/Auckland"
    location.save()
    entry = waits()

    lapse_offers(datetime(2027, 3, 9, 10, 59, tzinfo=UTC))
    entry.refresh_from_db()
    assert entry.state == WishState.WAITING

    lapse_offers(datetime(2027, 3, 9, 11, tzinfo=UTC))
    entry.refresh_from_db()
    assert entry.state == WishState.OVER


def test_nothing_is_offered_at_night_and_it_goes_on_in_the_morning(waits, frees, now):
    waits()
    night = datetime(2027, 3, 1, 23, tzinfo=UTC)
    freed = frees(night)

    assert offer_freed(night) == 0

    freed.refresh_from_db()
    morning = datetime(2027, 3, 2, 8, tzinfo=UTC)
    assert (freed.offer_from, freed.closed_at) == (morning, None)
    assert offer_freed(morning - MINUTE) == 0
    assert offer_freed(morning) == 1


def test_a_time_whose_notice_is_over_by_the_morning_is_closed_at_night(waits, frees, now):
    waits()
    freed = frees(NINE - 11 * HOUR)

    assert offer_freed(NINE - 11 * HOUR) == 0  # ten at night; two hours' notice end at seven

    freed.refresh_from_db()
    assert freed.closed_at == NINE - 11 * HOUR


def test_an_offer_never_outlasts_the_notice(waits, frees, now):
    waits(starts_from=time(11))
    at = NINE - 10 * MINUTE  # 8:50, and 11:00 can be booked until 9:00
    frees(at, starts_at=NINE + 2 * HOUR)

    offer_freed(at)

    offer = Offer.objects.get()
    assert offer.expires_at == offer.hold.expires_at == NINE
    last = accept_offer(offer, by=None, now=NINE - timedelta(seconds=1))
    assert last.appointment.starts_at == NINE + 2 * HOUR


def test_who_decides_about_one_time_is_not_asked_about_another_until_they_answered(waits, frees, practice, now):
    waits()
    frees(now)
    frees(now, starts_at=NINE + 2 * HOUR)

    assert offer_freed(now) == 1
    other = FreedTime.objects.exclude(offers__client=practice.bo).get()
    assert (other.closed_at, other.offer_from) == (None, now + MINUTE)

    decline_offer(Offer.objects.get(), by=None, now=now)
    assert offer_freed(now + MINUTE) == 1
    assert Offer.objects.get(state=OfferState.OPEN).freed == other


def test_what_is_left_of_a_time_goes_on_to_others(waits, frees, practice, now):
    hour = TreatmentFactory(name="Hour", length=80 * MINUTE, turnaround=10 * MINUTE, by=[practice.tess])
    waits(since=now - DAY)
    dora = somebody("Dora")
    waits(dora)
    frees(now, treatment=hour)
    offer_freed(now)

    accept_offer(Offer.objects.get(client=practice.bo), by=None, now=now)
    offer_freed(now)

    assert Offer.objects.get(client=dora).starts_at == NINE + 45 * MINUTE


def test_who_freed_a_time_is_not_offered_it(waits, frees, practice, now):
    waits(practice.ada)
    frees(now)

    assert offer_freed(now) == 0


def test_who_has_no_address_or_is_busy_then_is_passed_by(waits, frees, book, practice, now):
    silent = somebody("Cem")
    silent.email = ""
    silent.save()
    waits(silent)
    book(client=practice.bo, therapist=practice.jonas, starts_at=NINE + 15 * MINUTE)
    waits(practice.bo, starts_until=time(9, 15))
    frees(now)

    assert offer_freed(now) == 0


def test_the_desk_offers_by_hand_and_the_freed_time_waits_for_the_answer(waits, frees, book, practice, now):
    other, entry = somebody("Cem"), waits(weekdays=[4])
    waits(other)
    freed = frees(now)

    offer = offer_by_hand(entry, therapist=practice.tess, starts_at=NINE, by=practice.finn, now=now)

    assert (offer.freed, offer.reason, offer.made_by, offer.by) == (freed, OfferReason.DESK, practice.finn, None)
    assert offer_freed(now) == 0
    accept_offer(offer, by=None, now=now)
    entry.refresh_from_db()
    assert entry.state == WishState.SERVED
    with pytest.raises(CannotWait):
        offer_by_hand(entry, therapist=practice.tess, starts_at=NINE + DAY, by=practice.finn, now=now)


def test_the_desk_cannot_offer_what_is_taken_at_night_or_to_somebody_deciding(waits, book, practice, now):
    entry = waits()
    book()

    def offered(at, now):
        return offer_by_hand(entry, therapist=practice.tess, starts_at=at, by=practice.finn, now=now)

    with pytest.raises(SlotTaken):
        offered(NINE, now)
    with pytest.raises(OutsideAvailability):
        offered(NINE - HOUR, now)
    with pytest.raises(NoTimeToAnswer):
        offered(NINE + HOUR, now + 14 * HOUR)
    offered(NINE + HOUR, now)
    with pytest.raises(AlreadyOffered), transaction.atomic():
        offered(NINE + 2 * HOUR, now)
    practice.bo.email = ""
    practice.bo.save()
    entry.refresh_from_db()
    with pytest.raises(NobodyToTell):
        offered(NINE + 2 * HOUR, now)


def test_by_hand_nothing_is_offered_that_is_not_earlier_than_the_session_it_replaces(waits, book, practice, now):
    theirs = book(client=practice.bo, starts_at=NINE + DAY)
    entry = waits(instead_of=theirs, earliest_on=now.date(), latest_on=theirs.local_date)

    with pytest.raises(CannotWait, match="not earlier"):
        offer_by_hand(entry, therapist=practice.jonas, starts_at=NINE + DAY, by=practice.finn, now=now)

    assert offer_by_hand(entry, therapist=practice.jonas, starts_at=NINE, by=practice.finn, now=now).replaces == theirs


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda p, s: {"latest_on": NINE.date() - DAY}, id="days reversed"),
        pytest.param(lambda p, s: {"earliest_on": NINE.date() - 60 * DAY, "latest_on": NINE.date() - 50 * DAY}, id="all past"),
        pytest.param(lambda p, s: {"instead_of": s}, id="somebody else's session"),
        pytest.param(lambda p, s: {"treatment": TreatmentFactory(name="Other", by=[])}, id="nobody gives it"),
    ],
)
def test_a_wish_that_nothing_could_meet_is_refused(waits, book, practice, wrong):
    with pytest.raises(CannotWait):
        waits(**wrong(practice, book()))

    assert not WaitlistEntry.objects.exists()


def test_the_same_wish_twice_is_one_and_eleven_are_too_many(waits, practice):
    assert waits(therapists=[practice.tess]) == waits(therapists=[practice.tess])
    assert waits() != waits(therapists=[practice.tess])

    for n in range(1, 9):
        waits(latest_on=NINE.date() + n * DAY)

    with pytest.raises(CannotWait, match="ten"):
        waits(latest_on=NINE.date() + 20 * DAY)


def test_one_session_has_one_wish(waits, book, practice):
    theirs = book(client=practice.bo)
    days = {"instead_of": theirs, "earliest_on": NINE.date() - 9 * DAY}
    waits(**days)

    with pytest.raises(CannotWait, match="already"):
        waits(**days, weekdays=[1])


def test_the_database_refuses_a_second_open_offer_for_a_time_and_for_a_person(waits, frees, practice, now):
    waits()
    frees(now)
    offer_freed(now)
    offer = Offer.objects.get()

    for change in ({"client": somebody("Cem")}, {"freed": None}):
        twin = Offer.objects.get(pk=offer.pk)
        twin.hold = None
        for field, value in change.items():
            setattr(twin, field, value)
        twin.id = uuid4()
        with pytest.raises(IntegrityError), transaction.atomic():
            twin.save(force_insert=True)


def test_a_fault_in_one_free_time_holds_up_no_other(waits, frees, practice, now, request):
    request.addfinalizer(forget_rules)
    waits()
    broken = frees(now, therapist=practice.jonas, starts_at=NINE - DAY)
    practice.jonas.location = LocationFactory(name="Elsewhere", zone="Nowhere/At_All")
    practice.jonas.save()
    frees(now)

    with pytest.raises(ExceptionGroup):
        offer_freed(now)

    assert Offer.objects.get().starts_at == NINE
    assert FreedTime.objects.get(pk=broken.pk).closed_at is None


def test_no_offer_speaks_of_anything_but_the_name_of_the_treatment(waits, frees, practice, now, mailoutbox):
    practice.treatment.description = "For migraine and jaw pain"
    practice.treatment.areas = ["NECK"]
    practice.treatment.save()
    waits()
    frees(now)
    offer_freed(now)

    send_due(now)

    [message] = sent(mailoutbox, "Free for you")
    said = message.body + str(message.alternatives)
    assert "Two areas" in said
    assert not any(word in said for word in ("migraine", "jaw", "Neck"))


def test_an_answered_offer_is_not_told_any_more(waits, frees, now):
    waits()
    frees(now)
    offer_freed(now)
    decline_offer(Offer.objects.get(), by=None, now=now)

    send_due(now)

    assert Notification.objects.get(kind=NotificationKind.OFFER).state == "dropped"


def test_looking_takes_a_bounded_number_of_queries_a_candidate(waits, frees, practice, now, django_assert_max_num_queries):
    for n in range(12):
        waits(somebody(f"Person{n}"), since=now - n * MINUTE)
    freed = frees(now)
    askers_by_fit(freed, now=now)

    with django_assert_max_num_queries(6 + 3 * 12):
        assert len(askers_by_fit(freed, now=now)) == 12
