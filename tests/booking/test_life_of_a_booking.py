"""Random lives of many bookings, against a model that fits on a page.

People book, move, cancel and undo; they wait, and are offered what became free; therapists go on leave, and what that breaks is
repaired. The model knows sessions and kept times as plain starts, and decides by itself what must succeed and what must be
refused. After every step the database holds exactly the model's sessions.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.db import transaction
from django.db.models import Q
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from booking.enums import BLOCKING, UNSETTLED, AppointmentStatus, HoldState, OfferState, RepairState
from booking.exceptions import BookingError
from booking.models import Appointment, Change, Hold, Offer, Repair, Replacement
from booking.services.appointments import book_appointment
from booking.services.changes import UNDO_LASTS, Move, cancel_sessions, move_sessions, undo_change
from booking.services.holds import release_expired
from booking.services.repairs import accept_repair, change_rules, decline_repair, foresee, lapse_repairs
from booking.services.waitlist import accept_offer, decline_offer, lapse_offers, offer_freed, wish
from tests.factories import ClientFactory, RoomFactory
from therapists.models import TimeOff

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

MORNINGS = [datetime(2027, 3, day, 9, tzinfo=UTC) for day in (9, 10)]
STARTS = [morning + timedelta(minutes=15 * n) for morning in MORNINGS for n in range(9)]
SESSION, FOOTPRINT = timedelta(minutes=30), timedelta(minutes=40)


@dataclass(frozen=True)
class Place:
    therapist: UUID
    start: datetime

    def meets(self, other: Place) -> bool:
        return self.therapist == other.therapist and abs(self.start - other.start) < FOOTPRINT


@dataclass(frozen=True)
class Known:
    """A session as the model knows it; gone, it keeps nothing."""

    client: UUID
    place: Place
    version: int = 0
    gone: bool = False


@dataclass(frozen=True)
class Undoable:
    change: Change
    session: UUID
    before: Known
    versions: list[int]  # those of its session that are its doing: its own, and what stood again when a later one was undone


class Life(RuleBasedStateMachine):
    practice: SimpleNamespace

    sessions = Bundle("sessions")
    changes = Bundle("changes")

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2027, 2, 1, 8, tzinfo=UTC)
        self.known: dict[UUID, Known] = {}
        self.undoable: list[Undoable] = []
        self.kept: dict[UUID, tuple[Place, datetime]] = {}  # by change, offer or replacement, until when
        self.away: set[tuple[UUID, date]] = set()  # who, on which day
        self.example = transaction.atomic()
        self.example.__enter__()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.example.__exit__(None, None, None)

    # what the model thinks

    def is_free(self, place: Place, client: UUID, *, moving: UUID | None = None, giving_up: UUID | None = None) -> bool:
        return not self.is_away(place) and self.is_untaken(place, client, moving=moving, giving_up=giving_up)

    def is_away(self, place: Place) -> bool:
        return (place.therapist, place.start.date()) in self.away

    def is_untaken(self, place: Place, client: UUID, *, moving: UUID | None = None, giving_up: UUID | None = None) -> bool:
        others = [each for key, each in self.known.items() if key != moving and not each.gone]
        kept = [at for key, (at, until) in self.kept.items() if until > self.now and key != giving_up]
        return not (
            any(place.meets(each.place) for each in others)
            or any(place.meets(at) for at in kept)
            or any(each.client == client and abs(each.place.start - place.start) < SESSION for each in others)
        )

    def place(self, therapist: int, start: datetime) -> Place:
        return Place([self.practice.tess, self.practice.jonas][therapist].pk, start)

    def row(self, session: UUID) -> Appointment:
        return Appointment.objects.select_related("client", "treatment__location").get(pk=session)

    def keep(self, change: Change, old: Place, new: Place | None) -> None:
        """While it can be undone the old time is kept, unless the session itself moved onto a part of it."""
        if change.undo_until > self.now and not (new and old.meets(new)):
            self.kept[change.pk] = (old, change.undo_until)

    def noted(self, undoable: Undoable) -> Undoable:
        self.undoable.append(undoable)
        return undoable

    # what people do

    @rule(target=sessions, client=st.integers(0, 2), therapist=st.integers(0, 1), start=st.sampled_from(STARTS))
    def book(self, client, therapist, start):
        who, place = self.practice.clients[client], self.place(therapist, start)
        asked = {"client": who, "treatment": self.practice.treatment, "starts_at": start, "by": who.user, "now": self.now}
        try:
            made = book_appointment(therapist=[self.practice.tess, self.practice.jonas][therapist], **asked)
        except BookingError:
            assert not self.is_free(place, who.pk)
            return None
        assert self.is_free(place, who.pk)
        self.known[made.pk] = Known(who.pk, place)
        return made.pk

    @rule(
        target=changes,
        session=sessions,
        therapist=st.integers(0, 1),
        start=st.sampled_from(STARTS),
        undo_for=st.sampled_from([timedelta(0), UNDO_LASTS]),
    )
    def move(self, session, therapist, start, undo_for):
        if session is None:
            return None
        was, place = self.known[session], self.place(therapist, start)
        try:
            change = move_sessions([Move(self.row(session), place.therapist, start)], by=None, now=self.now, undo_for=undo_for)
        except BookingError:
            assert was.gone or not self.is_free(place, was.client, moving=session)
            return None
        assert not was.gone
        assert self.is_free(place, was.client, moving=session)
        self.known[session] = replace(was, place=place, version=was.version + 1)
        self.keep(change, was.place, place)
        return self.noted(Undoable(change, session, was, [was.version + 1]))

    @rule(target=changes, session=sessions, undo_for=st.sampled_from([timedelta(0), UNDO_LASTS]))
    def cancel(self, session, undo_for):
        if session is None:
            return None
        was = self.known[session]
        try:
            change = cancel_sessions([self.row(session)], by=None, now=self.now, undo_for=undo_for)
        except BookingError:
            assert was.gone
            return None
        assert not was.gone
        self.known[session] = replace(was, gone=True, version=was.version + 1)
        self.keep(change, was.place, None)
        return self.noted(Undoable(change, session, was, [was.version + 1]))

    @rule(undoable=consumes(changes))
    def undo(self, undoable):
        if undoable is None:
            return
        now_is = self.known[undoable.session]
        in_time = self.now < undoable.change.undo_until and now_is.version == undoable.versions[-1]
        possible = in_time and self.is_untaken(
            undoable.before.place, now_is.client, moving=undoable.session, giving_up=undoable.change.pk
        )
        try:
            undo_change(undoable.change, by=None, now=self.now)
        except BookingError:  # or the old time stands no more; where it was broken before, its repair is open again instead
            assert not possible or self.is_away(undoable.before.place)
            return
        assert possible
        self.kept.pop(undoable.change.pk, None)
        self.known[undoable.session] = replace(undoable.before, version=now_is.version + 1)
        self.undoable.remove(undoable)
        for each in self.undoable:
            if each.session == undoable.session and undoable.versions[0] - 1 in each.versions:
                each.versions.append(now_is.version + 1)

    @rule(minutes=st.one_of(st.integers(1, 5), st.sampled_from([31, 60 * 11, 60 * 25])))
    def wait(self, minutes):
        self.now += timedelta(minutes=minutes)

    @rule(client=st.integers(0, 2), morning=st.sampled_from(MORNINGS))
    def join_the_waitlist(self, client, morning):
        days = {"earliest_on": morning.date(), "latest_on": morning.date()}
        wish(client=self.practice.clients[client], treatment=self.practice.treatment, by=None, now=self.now, **days)

    @rule(session=sessions)
    def wait_for_an_earlier_time(self, session):
        if session is None or self.known[session].gone:
            return
        row = self.row(session)
        days = {"earliest_on": self.now.date(), "latest_on": row.local_date}
        with suppress(BookingError):  # who waits for it already is told so
            wish(client=row.client, treatment=row.treatment, instead_of=row, by=None, now=self.now, **days)

    @rule()
    def the_beat_comes_round(self):
        """Holds, offers and repairs that ran out end; what is free is offered, each time to one person, and never at night."""
        release_expired(self.now)
        lapse_offers(self.now)
        lapse_repairs(self.now)
        for key in [key for key, (_at, until) in self.kept.items() if until > self.now and not self.is_still_held(key)]:
            assert self.nothing_hangs_on(key)
            del self.kept[key]
        before = set(self.open_offers().values_list("pk", flat=True))
        made = offer_freed(self.now)
        new = list(self.open_offers().exclude(pk__in=before))
        assert len(new) == made
        assert not new or 8 <= self.now.hour < 21
        for offer in new:
            place = Place(offer.therapist_id, offer.starts_at)
            assert self.is_free(place, offer.client_id, moving=offer.replaces_id)
            self.kept[offer.pk] = (place, offer.expires_at)
        assert not Appointment.objects.filter(status=AppointmentStatus.HELD, held_until__lte=self.now).exists()

    @precondition(lambda self: self.open_offers().exists())
    @rule(data=st.data(), takes_it=st.booleans())
    def answer_an_offer(self, data, takes_it):
        offer = data.draw(st.sampled_from(sorted(self.open_offers(), key=lambda each: (each.starts_at, each.made_at))))
        place, until = self.kept[offer.pk]
        try:
            (accept_offer if takes_it else decline_offer)(offer, by=None, now=self.now)
        except BookingError:
            assert (
                until <= self.now
                or self.has_no_reason_any_more(offer)
                or not self.is_free(place, offer.client_id, moving=offer.replaces_id, giving_up=offer.pk)
            )
            return
        assert until > self.now
        del self.kept[offer.pk]
        if not takes_it:
            return
        offer.refresh_from_db()
        if offer.replaces_id:
            was = self.known[offer.replaces_id]
            self.known[offer.replaces_id] = replace(was, place=place, version=was.version + 1)
        else:
            self.known[offer.appointment_id] = Known(offer.client_id, place)

    @rule(therapist=st.integers(0, 1), morning=st.sampled_from(MORNINGS))
    def go_on_leave(self, therapist, morning):
        """Everyone whose session breaks is offered times that are free, and no two people the same."""
        who = [self.practice.tess, self.practice.jonas][therapist]
        day = (who.pk, morning.date())
        if day in self.away:
            return
        span = {"starts_at": morning.replace(hour=0), "ends_at": morning.replace(hour=0) + timedelta(days=1)}

        def leave():
            return TimeOff.objects.create(therapist=who, **span)

        agreed = foresee(leave, now=self.now).signature
        change_rules(leave, cause=lambda: "leave", by=None, now=self.now, agreed=agreed)
        self.away.add(day)
        self.kept = {key: at for key, at in self.kept.items() if self.is_still_held(key)}
        for each in Replacement.objects.filter(repair__in=self.open_repairs(), repair__made_at=self.now, starts_at__isnull=False):
            if each.pk not in self.kept:
                place = Place(each.therapist_id, each.starts_at)
                assert self.is_free(place, each.repair.client_id, moving=each.appointment_id)
                self.kept[each.pk] = (place, each.repair.expires_at)

    @precondition(lambda self: self.open_repairs().exists())
    @rule(data=st.data(), takes_it=st.booleans())
    def answer_a_repair(self, data, takes_it):
        repair = data.draw(st.sampled_from(sorted(self.open_repairs(), key=lambda each: (each.made_at, str(each.client_id)))))
        pending = list(repair.replacements.pending())
        try:
            (accept_repair if takes_it else decline_repair)(repair, by=None, now=self.now)
        except BookingError:
            return
        for each in repair.replacements.all():
            self.kept.pop(each.pk, None)
        for each in pending:
            was = self.known[each.appointment_id]
            if not takes_it:
                self.known[each.appointment_id] = replace(was, gone=True, version=was.version + 1)
            elif each.starts_at is not None:
                place = Place(each.therapist_id, each.starts_at)
                self.known[each.appointment_id] = replace(was, place=place, version=was.version + 1)

    # what the model asks the database

    def open_offers(self):
        return Offer.objects.filter(state=OfferState.OPEN)

    def open_repairs(self):
        return Repair.objects.filter(state=RepairState.OPEN)

    def is_still_held(self, key):
        return Hold.objects.filter(Q(change=key) | Q(offer=key) | Q(repair__replacements=key), state=HoldState.LIVE).exists()

    def nothing_hangs_on(self, key):
        """An offer whose session or wish is gone, or a replacement for a session that is no longer where it broke."""
        if Offer.objects.filter(pk=key).exists():
            return Offer.objects.get(pk=key).state == OfferState.WITHDRAWN
        return not Replacement.objects.pending().filter(repair__replacements=key).exists()

    def has_no_reason_any_more(self, offer):
        return not Offer.objects.answerable(self.now).filter(pk=offer.pk).exists()

    # what always holds

    @invariant()
    def the_database_holds_exactly_the_known_sessions(self):
        stored = Appointment.objects.filter(status__in=BLOCKING).exclude(status=AppointmentStatus.HELD)
        assert {each.pk: Place(each.therapist_id, each.starts_at) for each in stored} == {
            key: each.place for key, each in self.known.items() if not each.gone
        }

    @invariant()
    def nobody_and_no_room_is_there_twice(self):
        rows = list(Appointment.objects.filter(status__in=BLOCKING))
        for one, other in combinations(rows, 2):
            if one.blocked_from < other.blocked_until and other.blocked_from < one.blocked_until:
                assert one.therapist_id != other.therapist_id
                assert one.room_id != other.room_id

    @invariant()
    def nobody_is_left_with_a_therapist_who_is_away_and_does_not_know(self):
        seen_to = set(Replacement.objects.pending().filter(repair__state__in=UNSETTLED).values_list("appointment", flat=True))
        for key, each in self.known.items():
            if not each.gone and (each.place.therapist, each.place.start.date()) in self.away:
                assert key in seen_to

    @invariant()
    def what_is_held_is_held_by_the_model_too(self):
        live = Appointment.objects.filter(status=AppointmentStatus.HELD, held_until__gt=self.now)
        assert {Place(each.therapist_id, each.starts_at) for each in live} == {
            place for place, until in self.kept.values() if until > self.now
        }


def test_whatever_people_do_no_session_is_lost_and_no_time_sold_twice(practice):
    location = practice.treatment.location
    location.moves_allowed = None
    location.save()
    practice.treatment.rooms.add(RoomFactory(name="Ash"), RoomFactory(name="Yew"))
    Life.practice = practice
    practice.clients = [practice.ada, practice.bo, ClientFactory(user__email="cleo@example.org")]

    run_state_machine_as_test(Life, settings=settings(max_examples=60, stateful_step_count=30, deadline=None, derandomize=True))
