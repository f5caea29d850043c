"""Random weeks of a practice: whatever is booked, whatever breaks and whoever answers, nobody is forgotten."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from random import Random
from uuid import uuid4

import pytest

from booking.engine.recurrence import Course, Phase, Weekly
from booking.enums import AppointmentStatus, NotificationKind
from booking.exceptions import BookingError
from booking.models import Appointment, Notification, Repair, Replacement
from booking.queries import rules_in_force
from booking.services.appointments import book_appointment
from booking.services.holds import book_hold, release_expired
from booking.services.promises import broken_promises, unkept
from booking.services.repairs import (
    accept_repair,
    change_rules,
    decline_repair,
    foresee,
    lapse_repairs,
    propose_again,
    settle_repair,
)
from booking.services.series import hold_course
from tests.factories import ClientFactory
from therapists.models import Closure, HoursOverride, Room, Therapist, TimeOff, WorkingHours

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

MONDAY = datetime(2027, 3, 8, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STEPS = 25


class Weeks:
    """Four weeks, the spring night of the clocks among them, in which things happen in any order."""

    def __init__(self, practice, now, random):
        self.practice, self.now, self.random = practice, now, random
        self.clients = [practice.ada, practice.bo, *(ClientFactory() for _ in range(4))]
        self.people = [practice.tess, practice.jonas]

    def some_time(self):
        return MONDAY + self.random.randrange(28) * DAY + self.random.randrange(8, 17) * HOUR

    def do(self):
        self.now += self.random.choice((timedelta(0), HOUR, 5 * HOUR))
        happens = self.random.choice(
            (self.book, self.book, self.book_series, self.change, self.change, self.answer, self.pass_time)
        )
        try:
            happens()
        except BookingError:
            return

    def book(self):
        book_appointment(
            client=self.random.choice(self.clients),
            therapist=self.random.choice(self.people),
            treatment=self.practice.treatment,
            starts_at=self.some_time(),
            by=self.practice.finn,
            now=self.now,
        )

    def book_series(self):
        client = self.random.choice(self.clients)
        course = Course(
            self.some_time().date(),
            (Phase(Weekly((self.random.randrange(5),)), count=3),),
            (self.random.randrange(9, 16) * 60,),
            (self.random.choice(self.people).pk,),
        )
        hold = hold_course(course, self.practice.treatment, owner=str(client.pk), now=self.now, client=client)
        book_hold(hold, client=client, key=uuid4(), by=client.user, now=self.now)

    def change(self):
        starts_at = self.some_time()
        ends_at = starts_at + self.random.choice((2 * HOUR, DAY, 6 * DAY))
        who = self.random.choice(self.people)
        change = self.random.choice(
            (
                lambda: TimeOff.objects.create(therapist=who, starts_at=starts_at, ends_at=ends_at),
                lambda: TimeOff.objects.filter(pk__in=TimeOff.objects.order_by("starts_at").values("pk")[:1]).delete(),
                lambda: Closure.objects.create(location=who.location, name="x", starts_at=starts_at, ends_at=ends_at),
                lambda: Closure.objects.all().delete(),
                lambda: HoursOverride.objects.create(therapist=who, applies_on=starts_at.date(), opens=time(12), closes=time(15)),
                lambda: WorkingHours.objects.filter(therapist=who, weekday=starts_at.weekday()).update(closes=time(14)),
                lambda: Room.objects.filter(pk=self.practice.rooms[0].pk).update(is_active=self.random.random() < 0.5),
                lambda: Therapist.objects.filter(pk=who.pk).update(is_active=self.random.random() < 0.7),
            )
        )
        state = self.random.getstate()
        agreed = foresee(change, now=self.now).signature
        self.random.setstate(state)
        change_rules(change, cause=lambda: "x", by=self.practice.finn, now=self.now, agreed=agreed)

    def answer(self):
        repair = Repair.objects.unsettled().order_by("-expires_at", "client__email").first()
        if repair is not None:
            answer = self.random.choice((accept_repair, accept_repair, decline_repair, settle_repair, propose_again))
            answer(repair, by=self.practice.finn, now=self.now)

    def pass_time(self):
        self.now += self.random.choice((HOUR, DAY))
        release_expired(self.now)
        lapse_repairs(self.now)


def check(weeks):
    assert broken_promises(weeks.now) == {}
    pending = Replacement.objects.pending().filter(repair__state__in=("open", "lapsed"))
    assert max(Counter(pending.values_list("appointment", flat=True)).values(), default=1) == 1
    waiting = Appointment.objects.filter(status=AppointmentStatus.HELD, hold__repair__state="open", held_until__gt=weeks.now)
    assert unkept(waiting, rules_in_force(weeks.now)) == {}
    for repair in Repair.objects.filter(state="open"):
        starts = sorted(repair.replacements.exclude(starts_at=None).values_list("starts_at", flat=True))
        assert all(later - earlier >= HOUR / 2 for earlier, later in pairwise(starts))
    told = Counter(Notification.objects.filter(kind=NotificationKind.REPAIR).values_list("repair", flat=True))
    assert told == Counter(Repair.objects.values_list("pk", flat=True))


@pytest.mark.parametrize("seed", range(5))
def test_after_every_step_each_broken_session_is_in_exactly_one_repair_or_seen_to(practice, now, seed):
    weeks = Weeks(practice, now, Random(seed))
    for _ in range(STEPS):
        weeks.do()
        check(weeks)


def test_the_random_weeks_break_and_mend_something(practice, now):
    """Or the test above would prove nothing."""
    weeks = Weeks(practice, now, Random(3))
    for _ in range(5 * STEPS):
        weeks.do()

    assert set(Repair.objects.values_list("state", flat=True)) >= {"accepted", "settled"}
    assert Repair.objects.count() > 5
