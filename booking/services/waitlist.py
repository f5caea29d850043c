"""The waitlist: wishes, the offers made from times that become free, and the answers to them.

A freed time is offered to one person after the other. Everything is decided from the database when it is due, each free time and
each offer in a transaction of its own, so that ten workers do no harm and one that is killed leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from booking.engine.offering import Answering, Quiet, answering, last_call
from booking.engine.zones import local_date
from booking.enums import CHANGEABLE, AppointmentStatus, HoldState, NotificationKind, OfferReason, OfferState, Outcome, WishState
from booking.exceptions import (
    AlreadyOffered,
    BookingError,
    CannotWait,
    HoldOver,
    NobodyToTell,
    NoTimeToAnswer,
    OfferOver,
)
from booking.models import Appointment, FreedTime, Offer, WaitlistEntry
from booking.notifications.outbox import enqueue
from booking.queries import minute_of, moment_of
from booking.services.candidates import Asker, asker_of, askers_by_fit
from booking.services.changes import Move, move_sessions
from booking.services.guard import Choice, lock_client, refusals_raise
from booking.services.holds import book_hold, hold_choices, let_go
from booking.services.policy import require_agreement
from clients.models import Client, User
from therapists.models import Location, Therapist, Treatment

MOST_WISHES = 10
#: When to look again at a free time that somebody holds, or whose only candidates are deciding about another one.
LOOK_AGAIN = timedelta(minutes=1)

OFFERED_ONCE = dict.fromkeys(
    ("client_offered_one_at_a_time", "freed_time_offered_to_one_at_a_time", "freed_time_offered_once_to_each"), AlreadyOffered
)


@transaction.atomic
def wish(
    *,
    client: Client,
    treatment: Treatment,
    by: User | None,
    now: datetime,
    earliest_on: date,
    latest_on: date,
    therapists: Collection[Therapist] = (),
    weekdays: Collection[int] = (),
    starts_from: time | None = None,
    starts_until: time | None = None,
    instead_of: Appointment | None = None,
) -> WaitlistEntry:
    """Put a client on the waitlist; the same wish twice is one. Dates and times are on the practice's clock, ends included.

    ``instead_of`` is a session of theirs for which they want an earlier time. Raises CannotWait; nothing is written then.
    """
    lock_client(client.pk)
    _require_sensible(client, treatment, therapists, earliest_on, latest_on, starts_from, starts_until, instead_of, now)
    facts = {
        "treatment": treatment,
        "weekdays": sorted(set(weekdays)),
        "starts_from": starts_from,
        "starts_until": starts_until,
        "earliest_on": earliest_on,
        "latest_on": latest_on,
        "instead_of": instead_of,
    }
    waiting = WaitlistEntry.objects.waiting().filter(client=client)
    wanted = {therapist.pk for therapist in therapists}
    for entry in waiting.filter(**facts).prefetch_related("therapists"):
        if {therapist.pk for therapist in entry.therapists.all()} == wanted:
            return entry
    if instead_of is not None and waiting.filter(instead_of=instead_of).exists():
        raise CannotWait(_("You already wait for an earlier time than this session. Take that wish off the list first."))
    if waiting.count() >= MOST_WISHES:
        raise CannotWait(_("You are waiting for ten things already. Take one of them off the list first."))
    entry = WaitlistEntry.objects.create(client=client, by=by, created_at=now, **facts)
    entry.therapists.set(therapists)
    return entry


@transaction.atomic
def withdraw_wish(entry: WaitlistEntry, *, by: User | None, now: datetime) -> WaitlistEntry:
    """Take a wish off the list, and what is being offered for it. Twice is the same as once."""
    lock_client(entry.client_id)
    for offer in _locked_offers(Offer.objects.filter(entry=entry, state=OfferState.OPEN)):
        _end(offer, OfferState.WITHDRAWN, by=by, now=now)
    entry = WaitlistEntry.objects.select_for_update(no_key=True, of=("self",)).get(pk=entry.pk)
    if entry.state == WishState.WAITING:
        entry.state, entry.ended_at, entry.by = WishState.WITHDRAWN, now, by
        entry.save(update_fields=["state", "ended_at", "by"])
    return entry


def offer_freed(now: datetime) -> int:
    """Offer every free time that nobody is deciding about to whom it fits best, and say how many offers were made.

    A time that suits nobody is closed, unless somebody holds some of it: then it waits until they let it go. Raises
    ExceptionGroup at the end for those that could not be looked at; they wait for the next try and hold up no other.
    """
    due = FreedTime.objects.to_offer(now).order_by("starts_at").values_list("pk", flat=True)
    return sum(_one_by_one(due, lambda pk: _offer_next(pk, now)))


def lapse_offers(now: datetime) -> int:
    """End the offers that nobody answered in time and those whose reason is gone, and the wishes whose days are over.

    Says how many offers ended; their times go on to the next person.
    """
    unanswerable = Offer.objects.unanswerable(now).values_list("pk", flat=True)
    ended = sum(_one_by_one(unanswerable, lambda pk: _end_unanswered(pk, now)))
    for location in Location.objects.all():
        waiting = WaitlistEntry.objects.filter(treatment__location=location)
        waiting.over(local_date(location.zone, minute_of(now)), now).update(state=WishState.OVER, ended_at=now)
    return ended


@transaction.atomic
def accept_offer(offer: Offer, *, by: User | None, now: datetime) -> Offer:
    """Book the offered time, or move there the session it replaces. Accepted twice it is the same booking.

    The practice offered the time itself, so its policy on changes does not stand in the way and no move is counted. Raises
    OfferOver when the time to answer is over or the reason gone, AgreementWithdrawn, and what booking and moving raise; nothing
    is written then.
    """
    lock_client(offer.client_id)
    [offer] = _locked_offers(Offer.objects.filter(pk=offer.pk))
    if offer.state == OfferState.ACCEPTED:
        return offer
    if not Offer.objects.answerable(now).filter(pk=offer.pk).exists():
        raise OfferOver
    require_agreement(offer.client, by=by)
    offer.appointment = _moved(offer, by, now) if offer.replaces else _booked(offer, by, now)
    if offer.planned_date is not None:
        offer.planned_date.appointment = offer.appointment
        offer.planned_date.outcome, offer.planned_date.reason = Outcome.KEPT, {}
        offer.planned_date.save(update_fields=["appointment", "outcome", "reason"])
    WaitlistEntry.objects.waiting().filter(offers=offer).update(state=WishState.SERVED, ended_at=now, by=by)
    offer.state, offer.answered_at, offer.by = OfferState.ACCEPTED, now, by
    offer.save(update_fields=["appointment", "state", "answered_at", "by"])
    return offer


@transaction.atomic
def decline_offer(offer: Offer, *, by: User | None, now: datetime) -> Offer:
    """Say no; the time goes on to the next person and the wish stays. Twice is the same as once. Raises OfferOver."""
    [offer] = _locked_offers(Offer.objects.filter(pk=offer.pk))
    if offer.state == OfferState.DECLINED:
        return offer
    if not Offer.objects.answerable(now).filter(pk=offer.pk).exists():
        raise OfferOver
    return _end(offer, OfferState.DECLINED, by=by, now=now)


@transaction.atomic
def take_back_offer(offer: Offer, *, by: User, now: datetime) -> Offer:
    """Hold the time no longer; it goes on to the next person and the wish stays. Raises OfferOver once it was answered."""
    [offer] = _locked_offers(Offer.objects.filter(pk=offer.pk))
    if not Offer.objects.answerable(now).filter(pk=offer.pk).exists():
        raise OfferOver
    return _end(offer, OfferState.WITHDRAWN, by=by, now=now)


@transaction.atomic
def offer_by_hand(entry: WaitlistEntry, *, therapist: Therapist, starts_at: datetime, by: User, now: datetime) -> Offer:
    """Offer a free time to somebody who waits, before everybody else; whether it suits them is for the desk to say.

    Raises CannotWait for a wish that is over or a time that is not earlier than the session it would replace, NobodyToTell,
    AlreadyOffered, NoTimeToAnswer, and what holding raises; nothing is written then.
    """
    freed = (
        FreedTime.objects.to_offer(now)
        .select_for_update(skip_locked=True, of=("self",))
        .filter(therapist=therapist, starts_at__lte=starts_at, ends_at__gt=starts_at)
        .exclude(offers__client=entry.client_id)
        .first()
    )
    lock_client(entry.client_id)
    waiting = WaitlistEntry.objects.matchable(now).filter(pk=entry.pk).first()
    if waiting is None:
        raise CannotWait(_("This wish is no longer waiting. Nothing was offered."))
    if waiting.instead_of is not None and starts_at >= waiting.instead_of.starts_at:
        raise CannotWait(_("This time is not earlier than the session it would replace. Nothing was offered."))
    until = _answering(waiting.treatment, starts_at, now).until
    if until is None:
        raise NoTimeToAnswer
    asker = replace(asker_of(waiting), reason=OfferReason.DESK)
    return _make_offer(asker, Choice(therapist.pk, starts_at), until=until, now=now, freed=freed, made_by=by)


def _require_sensible(
    client: Client,
    treatment: Treatment,
    therapists: Collection[Therapist],
    earliest_on: date,
    latest_on: date,
    starts_from: time | None,
    starts_until: time | None,
    instead_of: Appointment | None,
    now: datetime,
) -> None:
    """Raises CannotWait for a wish that no time could ever meet, or that is about somebody else's session."""
    if starts_from is not None and starts_until is not None and starts_until < starts_from:
        raise CannotWait(_("The latest time of day is before the earliest. Nothing was changed."))
    if latest_on < max(earliest_on, local_date(treatment.location.zone, minute_of(now))):
        raise CannotWait(_("The last day is over, or before the first. Nothing was changed."))
    able = set(treatment.therapists.filter(is_active=True).values_list("pk", flat=True)) if treatment.is_active else set()
    if not able or any(therapist.pk not in able for therapist in therapists):
        raise CannotWait(_("This therapist does not give this treatment. Nothing was changed."))
    if instead_of is None:
        return
    theirs = instead_of.client_id == client.pk and instead_of.treatment_id == treatment.pk
    if not theirs or instead_of.status not in CHANGEABLE or instead_of.starts_at <= now:
        raise CannotWait(_("This session cannot be changed any more, so there is no earlier time to wait for."))


def _one_by_one(keys: Iterable[UUID], settle: Callable[[UUID], bool]) -> Iterator[bool]:
    """Settle each in a transaction of its own; what could not be settled is raised together at the end."""
    faults: list[Exception] = []
    for key in list(keys):
        try:
            with transaction.atomic():
                yield settle(key)
        except Exception as fault:  # a fault of ours in one must not hold up the others; it is raised after them
            faults.append(fault)
    if faults:
        raise ExceptionGroup("free times or offers that could not be settled", faults)


def _offer_next(pk: UUID, now: datetime) -> bool:
    """Offer one free time to the best of those who were not asked yet, put it off, or close it; whether it was offered."""
    freed = (
        FreedTime.objects.to_offer(now)
        .select_for_update(skip_locked=True, of=("self",))
        .select_related("change", "therapist__location")
        .filter(pk=pk)
        .first()
    )
    if freed is None or freed.offers.filter(state=OfferState.OPEN).exists():  # made between looking and claiming
        return False
    undecided = False
    for asker, start in askers_by_fit(freed, now=now):
        starts_at = moment_of(start.instant)
        answer = _answering(asker.treatment, starts_at, now)
        if answer.retry is not None:
            return _put_off(freed, moment_of(answer.retry))
        if answer.until is None:
            continue
        position = asker.planned.position if asker.planned else None
        try:
            with transaction.atomic():
                _make_offer(asker, Choice(start.therapist, starts_at, position), until=answer.until, now=now, freed=freed)
        except AlreadyOffered:
            undecided = True
        except BookingError:  # somebody took it, or the wish was withdrawn, while we looked
            continue
        else:
            return True
    if undecided or _somebody_holds(freed, now):
        return _put_off(freed, now + LOOK_AGAIN)
    freed.closed_at = now
    freed.save(update_fields=["closed_at"])
    return False


def _somebody_holds(freed: FreedTime, now: datetime) -> bool:
    """Whether some of a free time is held, so that it may soon be free again."""
    slots = Appointment.objects.blocking(now).filter(status=AppointmentStatus.HELD, therapist=freed.therapist_id)
    return slots.filter(blocked_from__lt=freed.ends_at, blocked_until__gt=freed.starts_at).exists()


def _put_off(freed: FreedTime, until: datetime) -> bool:
    freed.offer_from = until
    freed.save(update_fields=["offer_from"])
    return False


def _answering(treatment: Treatment, starts_at: datetime, now: datetime) -> Answering:
    practice = treatment.location
    minute = timedelta(minutes=1)
    quiet = Quiet(*(at.hour * 60 + at.minute for at in (practice.quiet_from, practice.quiet_until)))
    call = last_call(practice.zone, minute_of(starts_at), treatment.notice)
    this_minute = int(now.timestamp()) // 60
    return answering(practice.zone, quiet, this_minute, max(1, practice.offer_lasts // minute), call)


def _make_offer(
    asker: Asker, choice: Choice, *, until: int, now: datetime, freed: FreedTime | None = None, made_by: User | None = None
) -> Offer:
    """Hold the time, note the offer and queue its notice; raises AlreadyOffered for somebody who decides about another.

    Whoever is refused here is refused before a therapist is locked. PostgreSQL lets others wait for the whole transaction once
    a lock came from a savepoint that was released, so a refusal after that would end in a deadlock between workers.
    """
    lock_client(asker.client.pk)
    require_agreement(asker.client, by=made_by)
    if not asker.client.email:
        raise NobodyToTell
    if Offer.objects.filter(client=asker.client, state=OfferState.OPEN).exists():
        raise AlreadyOffered
    if asker.entry is not None and not WaitlistEntry.objects.matchable(now).filter(pk=asker.entry.pk).exists():
        raise CannotWait
    pk, expires_at = uuid4(), moment_of(until)
    hold = hold_choices(
        [replace(choice, lasting=asker.lasting)],
        owner=f"offer-{pk}",
        treatment=asker.treatment,
        now=now,
        client=asker.client,
        ignoring=asker.moving,
        lasts=expires_at - now,
    )
    with refusals_raise(OFFERED_ONCE):
        offer = Offer.objects.create(
            pk=pk,
            client=asker.client,
            freed=freed,
            entry=asker.entry,
            planned_date=asker.planned,
            replaces=asker.replaces,
            reason=asker.reason,
            treatment=asker.treatment,
            therapist_id=choice.therapist_id,
            starts_at=choice.starts_at,
            hold=hold,
            made_at=now,
            made_by=made_by,
            expires_at=expires_at,
        )
    enqueue(NotificationKind.OFFER, client=asker.client, offer=offer, now=now)
    return offer


def _locked_offers(offers: QuerySet[Offer]) -> list[Offer]:
    return list(
        offers.select_for_update(of=("self",))
        .select_related("client", "hold", "planned_date__series", "replaces__client", "replaces__treatment__location")
        .order_by("pk")
    )


def _end(offer: Offer, state: OfferState, *, by: User | None, now: datetime) -> Offer:
    """Close an offer that was not accepted and let its time go."""
    if offer.hold is not None and offer.hold.state == HoldState.LIVE:
        let_go(offer.hold)
    offer.state, offer.answered_at, offer.by = state, now, by
    offer.save(update_fields=["state", "answered_at", "by"])
    return offer


def _end_unanswered(pk: UUID, now: datetime) -> bool:
    claimed = Offer.objects.unanswerable(now).select_for_update(skip_locked=True, of=("self",)).select_related("hold")
    offer = claimed.filter(pk=pk).first()
    if offer is None:
        return False
    state = OfferState.LAPSED if offer.expires_at <= now else OfferState.WITHDRAWN
    _end(offer, state, by=None, now=now)
    return True


def _moved(offer: Offer, by: User | None, now: datetime) -> Appointment:
    assert offer.replaces is not None
    move = Move(offer.replaces, offer.therapist_id, offer.starts_at)
    move_sessions([move], by=by, now=now, reason=_("An offered time was accepted"), releasing=offer.hold, practice_initiated=True)
    return offer.replaces


def _booked(offer: Offer, by: User | None, now: datetime) -> Appointment:
    assert offer.hold is not None
    joining = offer.planned_date.series if offer.planned_date else None
    try:
        booked = book_hold(offer.hold, client=offer.client, key=offer.pk, by=by, now=now, joining=joining)
    except HoldOver as over:
        raise OfferOver from over
    return booked.appointments[0]
