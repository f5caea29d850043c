"""Random lives of many bookings, against a model that fits on a page.

The model knows sessions and the times kept for an undo, as plain starts, and decides by itself what must succeed and what must
be refused. After every step the database holds exactly the model's sessions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.db import transaction
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

from booking.enums import BLOCKING, AppointmentStatus
from booking.exceptions import BookingError
from booking.models import Appointment, Change
from booking.services.appointments import book_appointment
from booking.services.changes import UNDO_LASTS, Move, cancel_sessions, move_sessions, undo_change
from booking.services.holds import release_expired
from tests.factories import ClientFactory, RoomFactory

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
    version: int


class Life(RuleBasedStateMachine):
    practice: SimpleNamespace

    sessions = Bundle("sessions")
    changes = Bundle("changes")

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2027, 2, 1, 8, tzinfo=UTC)
        self.known: dict[UUID, Known] = {}
        self.kept: dict[UUID, tuple[Place, datetime]] = {}  # by change, until when
        self.example = transaction.atomic()
        self.example.__enter__()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.example.__exit__(None, None, None)

    # what the model thinks

    def is_free(self, place: Place, client: UUID, *, moving: UUID | None = None, giving_up: UUID | None = None) -> bool:
        others = [each for key, each in self.known.items() if key != moving and not each.gone]
        kept = [at for change, (at, until) in self.kept.items() if until > self.now and change != giving_up]
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
        return Undoable(change, session, was, was.version + 1)

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
        return Undoable(change, session, was, was.version + 1)

    @rule(undoable=consumes(changes))
    def undo(self, undoable):
        if undoable is None:
            return
        now_is = self.known[undoable.session]
        in_time = self.now < undoable.change.undo_until and now_is.version == undoable.version
        possible = in_time and self.is_free(
            undoable.before.place, now_is.client, moving=undoable.session, giving_up=undoable.change.pk
        )
        try:
            undo_change(undoable.change, by=None, now=self.now)
        except BookingError:
            assert not possible
            return
        assert possible
        self.kept.pop(undoable.change.pk, None)
        self.known[undoable.session] = replace(undoable.before, version=now_is.version + 1)

    @rule(minutes=st.integers(1, 5))
    def wait(self, minutes):
        self.now += timedelta(minutes=minutes)

    @precondition(lambda self: self.kept)
    @rule()
    def the_beat_clears_what_ran_out(self):
        release_expired(self.now)
        assert not Appointment.objects.filter(status=AppointmentStatus.HELD, held_until__lte=self.now).exists()

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

    run_state_machine_as_test(Life, settings=settings(max_examples=60, stateful_step_count=30, deadline=None))
