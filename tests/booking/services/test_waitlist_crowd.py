"""The waitlist with several workers at once, with one that is killed, and over a long random day."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, time, timedelta
from random import Random

import pytest
from django.db import OperationalError, connection, transaction

from booking.engine.offering import Quiet
from booking.engine.zones import later, local_date, local_day
from booking.enums import AppointmentStatus, HoldState, OfferState, WishState
from booking.exceptions import BookingError
from booking.models import Appointment, FreedTime, Hold, Notification, Offer, WaitlistEntry
from booking.queries import minute_of, why_not
from booking.services.changes import cancel_sessions
from booking.services.waitlist import accept_offer, decline_offer, lapse_offers, offer_by_hand, offer_freed, wish, withdraw_wish
from clients.models import Client
from tests.booking.conftest import NINE
from tests.factories import ClientFactory, TreatmentFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def people(count):
    return [ClientFactory(user__name=f"Person {n}", user__email=f"person-{n}@example.org") for n in range(count)]


def waits(client, practice, now, **change):
    facts = {"treatment": practice.treatment, "earliest_on": NINE.date(), "latest_on": NINE.date() + 4 * DAY} | change
    return wish(client=client, by=None, now=now, **facts)


def at_once(*works):
    """Start all of them at one barrier and give what each returned or raised."""
    barrier = threading.Barrier(len(works))
    results = [None] * len(works)

    def run(place, work):
        barrier.wait()
        try:
            results[place] = work()
        except Exception as refusal:
            results[place] = refusal
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def nothing_is_held_but_what_is_offered(now):
    kept = set(Offer.objects.filter(state=OfferState.OPEN).values_list("hold", flat=True))
    live = Hold.objects.filter(owner__startswith="offer-", state=HoldState.LIVE, expires_at__gt=now)
    assert set(live.values_list("pk", flat=True)) == kept
    slots = Appointment.objects.filter(status=AppointmentStatus.HELD, held_until__gt=now, hold__owner__startswith="offer-")
    assert sorted(slots.values_list("hold", flat=True)) == sorted(kept)


@pytest.mark.parametrize("workers", [2, 4])
def test_workers_at_once_offer_each_time_once_and_nobody_two(practice, book, now, workers):
    for person in people(6):
        waits(person, practice, now)
    for n in range(4):
        cancel_sessions([book(starts_at=NINE + n * HOUR)], by=practice.finn, now=now)

    for round_ in range(10):
        at = now + round_ * 10 * MINUTE
        made = at_once(*[lambda at=at: offer_freed(at)] * workers)

        offered = list(Offer.objects.filter(state=OfferState.OPEN).values_list("freed", "client"))
        assert sum(made) == len(offered)
        assert len({freed for freed, _client in offered}) == len({client for _freed, client in offered}) == len(offered)
        offer_freed(at + MINUTE)
        assert Offer.objects.filter(state=OfferState.OPEN).count() == 4
        nothing_is_held_but_what_is_offered(at + MINUTE)
        for offer in Offer.objects.filter(state=OfferState.OPEN):
            decline_offer(offer, by=None, now=at + MINUTE)
        Offer.objects.all().delete()


def test_an_offer_accepted_twice_at_once_is_one_booking(practice, book, now):
    waits(practice.bo, practice, now)
    cancel_sessions([book()], by=practice.finn, now=now)
    offer_freed(now)
    offer = Offer.objects.get()

    answers = at_once(*[lambda: accept_offer(offer, by=None, now=now)] * 4)

    [appointment] = Appointment.objects.filter(client=practice.bo)
    assert [answer.appointment for answer in answers] == [appointment] * 4
    assert Notification.objects.filter(kind="confirmation", appointment=appointment).count() == 1


def test_yes_no_withdrawing_and_the_clock_at_once_end_in_one_of_them(practice, book, now):
    for round_ in range(12):
        at = NINE + (round_ % 6) * HOUR + (round_ // 6) * DAY
        entry = waits(practice.bo, practice, now)
        cancel_sessions([book(starts_at=at)], by=practice.finn, now=now)
        offer_freed(now)
        offer = Offer.objects.get(state=OfferState.OPEN)

        answers = at_once(
            lambda offer=offer: accept_offer(offer, by=None, now=now + 29 * MINUTE),
            lambda offer=offer: decline_offer(offer, by=None, now=now + 29 * MINUTE),
            lambda entry=entry: withdraw_wish(entry, by=None, now=now + 29 * MINUTE),
            lambda: lapse_offers(now + 30 * MINUTE),
        )

        assert all(answer is None or isinstance(answer, (BookingError, Offer, WaitlistEntry, int)) for answer in answers), answers
        offer.refresh_from_db()
        entry.refresh_from_db()
        booked = Appointment.objects.filter(client=practice.bo, starts_at=at, status=AppointmentStatus.BOOKED).exists()
        assert offer.state != OfferState.OPEN
        assert booked == (offer.state == OfferState.ACCEPTED) == (entry.state == WishState.SERVED)
        withdraw_wish(entry, by=None, now=now)
        FreedTime.objects.update(closed_at=now)
        nothing_is_held_but_what_is_offered(now)


def test_a_worker_killed_between_claim_and_commit_leaves_nothing_behind(practice, book, now):
    waits(practice.bo, practice, now)
    cancel_sessions([book()], by=practice.finn, now=now)
    faults, pids = [], []

    def work():
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                pids.append(cursor.fetchone()[0])
            offer_freed(now)
        except (ExceptionGroup, OperationalError) as fault:
            faults.append(fault)
        finally:
            connection.close()

    with transaction.atomic():  # keep it from going on once it has claimed the time and looked for whom
        list(Client.objects.select_for_update().filter(pk=practice.bo.pk))
        worker = threading.Thread(target=work)
        worker.start()
        with connection.cursor() as cursor:
            waits_for_lock = 0
            while not waits_for_lock:
                cursor.execute("SELECT count(*) FROM pg_locks WHERE pid = ANY(%s) AND NOT granted", [pids])
                [waits_for_lock] = cursor.fetchone()
            assert offer_freed(now) == 0  # claimed, so others pass it by
            cursor.execute("SELECT pg_terminate_backend(%s)", pids)
        worker.join()

    assert faults
    assert not Offer.objects.exists()
    assert not Hold.objects.exists()
    assert FreedTime.objects.get().closed_at is None
    assert offer_freed(now) == 1


class Day:
    """A practice on a random day: whatever may happen to its waitlist happens, in random order, as time goes on."""

    def __init__(self, practice, book, now, seed):
        self.random, self.practice, self.book, self.now = Random(seed), practice, book, now
        self.clients = people(5)
        self.long = TreatmentFactory(
            name="Long", length=50 * MINUTE, turnaround=10 * MINUTE, notice=DAY, by=[practice.tess, practice.jonas]
        )

    def step(self):
        self.now += self.random.choice([7 * MINUTE, 20 * MINUTE, 45 * MINUTE, 3 * HOUR])
        what = self.random.choice([self.books, self.books, self.cancels, self.cancels, self.waits, self.answers, self.by_hand])
        try:
            what()
        except BookingError:
            return
        finally:
            lapse_offers(self.now)
            offer_freed(self.now)

    def a_start(self):
        day = self.now.date() + self.random.randrange(0, 4) * DAY
        return datetime.combine(day, time(self.random.randrange(9, 17), self.random.choice([0, 15, 30, 45])), UTC)

    def books(self):
        self.book(
            client=self.random.choice(self.clients),
            therapist=self.random.choice([self.practice.tess, self.practice.jonas]),
            treatment=self.random.choice([self.practice.treatment, self.long]),
            starts_at=self.a_start(),
            now=self.now,
        )

    def cancels(self):
        ahead = list(Appointment.objects.upcoming(self.now).select_related("client", "treatment__location"))
        if ahead:
            cancel_sessions([self.random.choice(ahead)], by=self.practice.finn, now=self.now)

    def waits(self):
        client = self.random.choice(self.clients)
        theirs = list(Appointment.objects.upcoming(self.now).filter(client=client).select_related("treatment__location"))
        instead = self.random.choice([None, *theirs])
        wish(
            client=client,
            treatment=instead.treatment if instead else self.random.choice([self.practice.treatment, self.long]),
            therapists=self.random.choice([[], [], [self.practice.tess], [self.practice.jonas]]),
            weekdays=self.random.choice([[], [0, 1, 2], [1, 3]]),
            earliest_on=self.now.date(),
            latest_on=instead.local_date if instead else self.now.date() + self.random.randrange(0, 5) * DAY,
            instead_of=instead,
            by=None,
            now=self.now,
        )

    def answers(self):
        for offer in Offer.objects.filter(state=OfferState.OPEN):
            self.random.choice([accept_offer, decline_offer, lambda *args, **kwargs: None])(offer, by=None, now=self.now)

    def by_hand(self):
        entries = list(WaitlistEntry.objects.waiting())
        if entries:
            offer_by_hand(
                self.random.choice(entries),
                therapist=self.practice.tess,
                starts_at=self.a_start(),
                by=self.practice.finn,
                now=self.now,
            )


def is_sound(offer):
    """Whether the whole time to answer lay by day and before the notice was over."""
    location, quiet = offer.treatment.location, Quiet(21 * 60, 8 * 60)
    made, ends = int(offer.made_at.timestamp()) // 60, minute_of(offer.expires_at)

    def wall(instant):
        return local_day(location.zone, local_date(location.zone, instant)).minute(instant)

    return (
        not any(quiet.covers(wall(instant)) for instant in range(made, ends))
        and later(location.zone, ends, offer.treatment.notice) <= minute_of(offer.starts_at)
        and ends - made <= 30
    )


@pytest.mark.parametrize("seed", range(3))
def test_over_a_long_random_day_every_rule_of_the_waitlist_holds(practice, book, now, seed):
    day = Day(practice, book, now, seed)

    for _ in range(60):
        day.step()

        open_offers = Offer.objects.filter(state=OfferState.OPEN)
        freed = [pk for pk in open_offers.values_list("freed", flat=True) if pk is not None]
        assert len(freed) == len(set(freed))
        clients = list(open_offers.values_list("client", flat=True))
        assert len(clients) == len(set(clients))
        nothing_is_held_but_what_is_offered(day.now)

    offers = Offer.objects.select_related("treatment__location", "appointment")
    assert offers.exists()
    assert [offer for offer in offers if not is_sound(offer)] == []
    assert all((offer.appointment is not None) == (offer.state == OfferState.ACCEPTED) for offer in offers)
    asked = [pair for pair in offers.values_list("freed", "client") if pair[0] is not None]
    assert len(asked) == len(set(asked))
    day.now += 30 * DAY
    lapse_offers(day.now)
    offer_freed(day.now.replace(hour=12))
    assert not Offer.objects.filter(state=OfferState.OPEN).exists()
    assert not FreedTime.objects.filter(closed_at=None).exists()
    nothing_is_held_but_what_is_offered(day.now)


def whom_to_ask(practice, freed, entries, now):
    """Whom the rules name, found by scanning every minute of the free time for every wish; with the start."""
    found = []
    for entry in entries:
        client, treatment, therapists = entry.client, entry.treatment, set(entry.therapists.all())
        if therapists and freed.therapist not in therapists:
            continue
        minute = freed.starts_at
        while minute < freed.ends_at:
            day, clock = minute.date(), minute.hour * 60 + minute.minute  # London is at UTC then
            suits = (
                entry.earliest_on <= day <= entry.latest_on
                and (not entry.weekdays or day.weekday() in entry.weekdays)
                and (entry.starts_from is None or minute.time() >= entry.starts_from)
                and (entry.starts_until is None or minute.time() <= entry.starts_until)
            )
            [why] = why_not(treatment.pk, [(freed.therapist_id, day, clock)], now=now, client=client.pk)
            if suits and not why:
                ends = minute + treatment.length + treatment.turnaround
                fills = min(ends, freed.ends_at) - max(minute - treatment.preparation, freed.starts_at)
                found.append((-fills, minute, not therapists, entry.created_at, entry))
            minute += MINUTE
    best = {}
    for fills, minute, _anyone, _since, entry in found:
        best[entry.pk] = min(best.get(entry.pk, (fills, minute)), (fills, minute))
    ranked = sorted(
        {entry.pk: (best[entry.pk][0], anyone, since, str(entry.pk)) for _f, _m, anyone, since, entry in found}.items(),
        key=lambda item: item[1],
    )
    return [(pk, best[pk][1]) for pk, _rank in ranked]


@pytest.mark.parametrize("seed", range(8))
def test_whoever_is_asked_is_whom_a_scan_of_every_minute_finds(practice, book, now, seed):
    random = Random(seed)
    treatments = [
        practice.treatment,
        TreatmentFactory(name="Short", length=20 * MINUTE, step=10 * MINUTE, by=[practice.tess], in_rooms=practice.rooms[:1]),
        TreatmentFactory(
            name="Long", length=45 * MINUTE, preparation=5 * MINUTE, turnaround=15 * MINUTE, by=[practice.tess, practice.jonas]
        ),
    ]
    clients = people(7)
    for hour in random.sample(range(8), 4):
        try:
            book(client=random.choice(clients), therapist=practice.jonas, starts_at=NINE + hour * HOUR)
            book(client=random.choice(clients), starts_at=NINE + hour * HOUR + 30 * MINUTE)
        except BookingError:
            continue
    gone = None
    while gone is None:
        try:
            gone = book(treatment=random.choice(treatments), starts_at=NINE + random.randrange(28) * 15 * MINUTE)
        except BookingError:
            continue
    for client in clients:
        waits(
            client,
            practice,
            now - random.randrange(5) * DAY,
            treatment=random.choice(treatments),
            therapists=random.choice([[], [practice.tess]]),
            weekdays=random.choice([[], [1], [1, 2], [4]]),
            starts_from=random.choice([None, time(9), gone.starts_at.time()]),
            starts_until=random.choice([None, time(17), (gone.starts_at + 75 * MINUTE).time()]),
        )
    cancel_sessions([gone], by=practice.finn, now=now)
    freed = FreedTime.objects.select_related("therapist").get()
    entries = list(WaitlistEntry.objects.select_related("client", "treatment").prefetch_related("therapists"))
    expected = whom_to_ask(practice, freed, entries, now)

    asked = []
    while offer_freed(now):
        offer = Offer.objects.get(state=OfferState.OPEN)
        asked.append((offer.entry_id, offer.starts_at))
        decline_offer(offer, by=None, now=now)

    assert asked == expected
