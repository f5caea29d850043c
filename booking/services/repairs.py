"""Series that heal: what the practice breaks, it offers to mend.

Leave, illness, a closure or other hours are saved through ``change_rules``. In one transaction it applies them, finds the
sessions that no longer stand, plans a replacement for all dates of each client in turn, holds it, and tells the client once.
Nothing moves before the client, or the desk for them, says so.

Locks are taken as ``guard`` says. Where rules are saved no client is locked, as nobody's session moves then.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from booking.engine.slots import Rule, Why
from booking.enums import (
    CHANGEABLE,
    UNSETTLED,
    AppointmentStatus,
    AuditAction,
    Fit,
    FlagState,
    HoldState,
    NotificationKind,
    OfferState,
    RepairState,
)
from booking.exceptions import BreaksSessions, RepairOver
from booking.models import Appointment, AuditEntry, Change, Hold, Notification, Offer, PlannedDate, Repair, Replacement
from booking.notifications.outbox import enqueue
from booking.queries import Rules, availability, forget_rules, minute_of, rules_in_force
from booking.services.appointments import unsaved_appointment
from booking.services.changes import Move, cancel_sessions, move_sessions
from booking.services.guard import lock, lock_client
from booking.services.holds import let_go
from booking.services.policy import require_agreement
from booking.services.promises import ahead, broken_promises, held, newly_unkept, unkept
from booking.services.replacements import MINUTE, Placed, Proposed, other_dates, places_for, proposed
from clients.models import Client, User
from therapists.models import Therapist, Treatment

T = TypeVar("T")
#: The cause of what the nightly check finds.
NIGHTLY = _("found by the nightly check")


@dataclass(frozen=True)
class Proposal:
    """All broken sessions of one client, in order."""

    client: Client
    dates: tuple[Proposed, ...]


@dataclass(frozen=True)
class Consequences:
    """What a change of the rules does to sessions that are booked: who is asked, and which only change their room."""

    proposals: tuple[Proposal, ...] = ()
    other_rooms: tuple[Appointment, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.proposals or self.other_rooms)

    @property
    def dates(self) -> list[Proposed]:
        """Every broken session, client by client."""
        return [proposed for proposal in self.proposals for proposed in proposal.dates]

    @property
    def signature(self) -> str:
        """The same for the same broken sessions with the same prospects; whoever agrees, agrees to these."""
        lines = [f"{each.appointment.pk} {each.appointment.sequence} {each.fit}" for each in self.dates]
        lines += [f"{each.pk} room" for each in self.other_rooms]
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def foresee(change: Callable[[], object], *, now: datetime) -> Consequences:
    """What ``change`` would do to sessions that are booked. Everything is gone through and rolled back."""
    try:
        with transaction.atomic():
            _nothing, found = _apply(change, cause=str, by=None, now=now)
            transaction.set_rollback(True)
    finally:
        forget_rules()
    return found


def change_rules(
    change: Callable[[], T], *, cause: Callable[[], str], by: User | None, now: datetime, agreed: str = ""
) -> tuple[T, Consequences]:
    """Do ``change``, which writes rules of the practice, and offer a replacement to everyone whose sessions it breaks.

    ``agreed`` is the signature of the consequences that were shown. ``cause`` is asked afterwards, for the desk. Returns
    what ``change`` does. Raises BreaksSessions when sessions break and nobody agreed to just these; nothing is written then.
    """
    try:
        with transaction.atomic():
            result, found = _apply(change, cause=cause, by=by, now=now)
            if found and found.signature != agreed:
                raise BreaksSessions(consequences=found)
    except Exception:
        forget_rules()
        raise
    return result, found


@transaction.atomic
def keep_promises(*, by: User | None, now: datetime, cause: str) -> Consequences:
    """Find every session that breaks a rule without anybody having seen to it, and make a repair. For the nightly check."""
    _lock_everybody(now)
    return _mend(broken_promises(now), (), rules_in_force(now), cause=cause, by=by, now=now)


@transaction.atomic
def find_other_therapists(client: Client, *, by: User | None, now: datetime, cause: str) -> Consequences:
    """Offer somebody else for every session of a client whose therapist turned them away, at the nearest time, held."""
    _lock_everybody(now)
    known = rules_in_force(now)
    turned_away = ahead(now).filter(client=client, flag__state=FlagState.DECLINED)
    return _mend(unkept(turned_away, known), (), known, cause=cause, by=by, now=now)


@transaction.atomic
def propose_again(repair: Repair, *, by: User | None, now: datetime) -> Repair | None:
    """Look for a replacement once more; what was proposed before is let go and a new notice goes out.

    The same repair where it is settled already. None where its sessions stand again, so that there is nothing to repair.
    """
    _lock_everybody(now)
    current = _locked(repair)
    if current.state not in UNSETTLED:
        return current
    known = rules_in_force(now)
    pending = ahead(now).filter(pk__in=current.replacements.pending().values("appointment"))
    _mend(unkept(pending, known), (), known, cause=current.cause, by=by, now=now)
    current.refresh_from_db()
    if current.state != RepairState.SETTLED:
        _close(current, RepairState.SETTLED, by=by, now=now)
    return Repair.objects.unsettled().filter(client=current.client_id).order_by("-made_at").first()


@transaction.atomic
def accept_repair(repair: Repair, *, by: User | None, now: datetime) -> Repair:
    """Move every broken session to the start held for it. Dates without a replacement stay on the desk's list.

    Accepting twice is the same as once. Raises RepairOver when the hold lapsed or the repair was settled otherwise,
    AgreementWithdrawn, and what a move raises (ClientBusy, SlotTaken, OutsideAvailability); nothing is written then.
    """
    offered = repair.replacements.pending().exclude(fit=Fit.NONE)
    before = list(offered.select_related("appointment__treatment"))
    lock(
        client=repair.client,
        therapists={each for one in before for each in (one.therapist_id, one.appointment.therapist_id) if each},
        treatments={one.appointment.treatment for one in before},
        now=now,
    )
    current = _locked(repair)
    if current.state == RepairState.ACCEPTED or (current.answered_at and current.state == RepairState.OPEN):
        return current
    moves = [
        Move(one.appointment, one.therapist_id, one.starts_at)
        for one in offered.select_related("appointment__client", "appointment__treatment__location")
        if one.therapist_id and one.starts_at
    ]
    if not current.is_open(now) or not moves:
        raise RepairOver
    require_agreement(current.client, by=by)
    move_sessions(moves, by=by, now=now, reason=current.cause, releasing=current.hold, practice_initiated=True)
    _note_what_became_of_wishes([move.appointment for move in moves])
    current.answered_at, current.by = now, by
    if not current.replacements.pending().exists():
        current.state = RepairState.ACCEPTED
    current.save(update_fields=["state", "answered_at", "by"])
    return current


@transaction.atomic
def decline_repair(repair: Repair, *, by: User | None, now: datetime) -> Repair:
    """Cancel the broken sessions that are ahead without penalty and let the replacements go. Twice is the same as once.

    Raises RepairOver when it was settled in another way.
    """
    lock_client(repair.client_id)
    current = _locked(repair)
    if current.state == RepairState.CANCELLED:
        return current
    pending = current.replacements.pending().filter(appointment__starts_at__gt=now)
    sessions = [each.appointment for each in pending.select_related("appointment__client")]
    if current.state not in UNSETTLED or not sessions:
        raise RepairOver
    cancel_sessions(sessions, by=by, now=now, reason=current.cause, practice_initiated=True)
    return _close(current, RepairState.CANCELLED, by=by, now=now)


@transaction.atomic
def settle_repair(repair: Repair, *, by: User | None, now: datetime) -> Repair:
    """Take a repair off the desk's list, because somebody there saw to it. A repair that is answered stays as it is."""
    current = _locked(repair)
    if current.state not in UNSETTLED:
        return current
    return _close(current, RepairState.SETTLED, by=by, now=now)


@transaction.atomic
def lapse_repairs(now: datetime) -> int:
    """Tell the desk of every repair that nobody answered in time, and say how many.

    Those whose sessions were all moved or cancelled in another way, beyond undoing, are closed instead.
    """
    waiting = Repair.objects.unsettled().select_for_update(skip_locked=True, of=("self",)).select_related("client", "hold")
    undoable = Change.objects.undoable(now).filter(audit_entries__appointment__replacements__repair=OuterRef("pk"))
    for repair in waiting.exclude(Exists(undoable) | Q(pk__in=Replacement.objects.pending().values("repair"))):
        _close(repair, _what_they_chose(repair), by=None, now=now)
    lapsed = list(waiting.lapsed(now))
    for repair in lapsed:
        repair.state = RepairState.LAPSED
        repair.save(update_fields=["state"])
        _tell_desk(repair, now)
    return len(lapsed)


def _apply(change: Callable[[], T], *, cause: Callable[[], str], by: User | None, now: datetime) -> tuple[T, Consequences]:
    _lock_everybody(now)
    before = rules_in_force(now)
    result = change()
    after = rules_in_force(now)
    if after.revision == before.revision:
        return result, Consequences()
    let_go_of = _holds_in_the_way(before, after, now)
    found = newly_unkept(ahead(now), before, after, now)
    return result, _mend(found, let_go_of, after, cause=cause(), by=by, now=now)


def _lock_everybody(now: datetime) -> None:
    """Who books meanwhile waits, and is then refused or was seen."""
    lock(
        client=None,
        therapists=list(Therapist.objects.values_list("pk", flat=True)),
        treatments=Treatment.objects.all(),
        now=now,
    )


def _locked(repair: Repair) -> Repair:
    return Repair.objects.select_for_update(of=("self",)).select_related("client", "hold").get(pk=repair.pk)


def _holds_in_the_way(before: Rules, after: Rules, now: datetime) -> list[Hold]:
    """Let go of what is held at times that are no more, and withdraw the offers made of it; the holder reads so.

    A hold that is being booked at this moment is waited for; it is a session then.
    """
    slots = newly_unkept(held(now), before, after, now)
    if not slots:
        return []
    keeping = Hold.objects.filter(appointments__in=slots).values("pk")
    offers = Offer.objects.filter(hold__in=keeping, state=OfferState.OPEN).select_for_update(skip_locked=True, of=("self",))
    withdrawn = list(offers.values_list("pk", flat=True))
    list(Repair.objects.filter(hold__in=keeping).select_for_update(of=("self",)).order_by("pk").values_list("pk"))
    holds = list(Hold.objects.select_for_update(no_key=True).filter(pk__in=keeping, state=HoldState.LIVE).order_by("pk"))
    for hold in holds:
        let_go(hold)
    Offer.objects.filter(pk__in=withdrawn).update(state=OfferState.WITHDRAWN, answered_at=now)
    return holds


def _mend(
    why: Mapping[UUID, Why], let_go_of: Collection[Hold], known: Rules, *, cause: str, by: User | None, now: datetime
) -> Consequences:
    """Plan, hold and offer a replacement for each of these sessions, client by client, whose first session comes first."""
    why = {**why, **_repaired_anew(why, let_go_of, known, by=by, now=now)}
    if not why:
        return Consequences()
    sessions = list(
        Appointment.objects.filter(pk__in=why)
        .select_related("client", "therapist", "treatment__location", "series")
        .order_by("starts_at", "pk")
    )
    other_rooms = [each for each in sessions if why[each.pk].rule == Rule.NO_ROOM and _takes_other_room(each, cause, by, now)]
    by_client: defaultdict[Client, list[Appointment]] = defaultdict(list)
    for session in sessions:
        if session not in other_rooms and session.client is not None:
            by_client[session.client].append(session)
    standing = other_dates(sessions)
    proposals = [_offer(client, own, why, standing, cause=cause, now=now) for client, own in by_client.items()]
    return Consequences(tuple(proposals), tuple(other_rooms))


def _repaired_anew(
    why: Mapping[UUID, Why], let_go_of: Collection[Hold], known: Rules, *, by: User | None, now: datetime
) -> dict[UUID, Why]:
    """Close the repairs that these sessions or these holds make out of date; what of theirs is still broken."""
    outdated = list(
        Repair.objects.unsettled()
        .select_for_update(of=("self",))
        .select_related("hold")
        .filter(Q(client__in=Appointment.objects.filter(pk__in=why).values("client")) | Q(hold__in=let_go_of))
        .order_by("pk")
    )
    unanswered = Replacement.objects.pending().filter(repair__in=outdated).values("appointment")
    still = unkept(ahead(now).filter(pk__in=list(unanswered.values_list("appointment", flat=True))), known)
    for repair in outdated:
        _close(repair, RepairState.SETTLED, by=by, now=now)
    return still


def _takes_other_room(session: Appointment, cause: str, by: User | None, now: datetime) -> bool:
    """Give a session whose room is out of use another one at the same time, if there is one. Nobody need be asked."""
    offers = availability(
        session.treatment_id,
        first=session.local_date,
        last=session.local_date,
        now=now,
        ignoring=[session.pk],
        overriding=True,
        lasting=session.length,
    )
    free = offers.rooms(minute_of(session.starts_at))
    if not free:
        return False
    before = session.facts()
    session.room_id = free[0]
    session.save(update_fields=["room"])
    AuditEntry.objects.create(
        appointment=session,
        action=AuditAction.MOVED,
        sequence=session.sequence,
        by=by,
        at=now,
        reason=cause,
        before=before,
        after=session.facts(),
    )
    return True


def _offer(
    client: Client,
    sessions: Sequence[Appointment],
    why: Mapping[UUID, Why],
    standing: Mapping[UUID, Sequence[date]],
    *,
    cause: str,
    now: datetime,
) -> Proposal:
    """Make one client's repair: plan all their dates, hold what is found, write it down and tell them."""
    places = places_for(client, sessions, why, standing, now)
    dates = [proposed(session, why[session.pk], places.get(session.pk)) for session in sessions]
    expires_at = _expiry(dates, now)
    repair = Repair.objects.create(
        client=client,
        cause=cause[:200],
        hold=_keep(sessions, places, now=now, until=expires_at),
        made_at=now,
        expires_at=expires_at,
    )
    Replacement.objects.bulk_create(
        Replacement(
            repair=repair,
            appointment=each.appointment,
            sequence=each.appointment.sequence,
            fit=each.fit,
            therapist_id=each.therapist_id,
            starts_at=each.starts_at,
        )
        for each in dates
    )
    if client.email:
        enqueue(NotificationKind.REPAIR, client=client, repair=repair, now=now)
    else:
        _tell_desk(repair, now)
    return Proposal(client, tuple(dates))


def _expiry(dates: Sequence[Proposed], now: datetime) -> datetime:
    """As long as the practice holds replacements, but never past the moment at which one of these times is used."""
    lasts = dates[0].appointment.treatment.location.repair_lasts
    moments = [each.appointment.starts_at for each in dates] + [each.starts_at for each in dates if each.starts_at]
    return max(min(now + lasts, *moments), now + MINUTE)


def _keep(sessions: Sequence[Appointment], places: Mapping[UUID, Placed], *, now: datetime, until: datetime) -> Hold | None:
    """Hold the places, so that nobody else gets them, the next client of this same repair included."""
    if not places:
        return None
    hold = Hold.objects.create(
        owner=f"repair-{uuid4()}", treatment=sessions[0].treatment, created_at=now, expires_at=until, size=len(places)
    )
    slots = []
    for session in sessions:
        place = places.get(session.pk)
        if place is not None:
            slot = unsaved_appointment(session.treatment, place.choice, place.found)
            slot.status, slot.hold, slot.held_until = AppointmentStatus.HELD, hold, until
            slots.append(slot)
    Appointment.objects.bulk_create(slots)
    return hold


def _close(repair: Repair, state: RepairState, *, by: User | None, now: datetime) -> Repair:
    """Settle a repair and let go of what it still keeps."""
    if repair.hold is not None and repair.hold.is_live(now):
        let_go(repair.hold)
    repair.state, repair.answered_at, repair.by = state, now, by
    repair.save(update_fields=["state", "answered_at", "by"])
    return repair


def _note_what_became_of_wishes(moved: Collection[Appointment]) -> None:
    """Their series wish as before, and had to deviate: so they come first where that time is free again."""
    planned = list(PlannedDate.objects.filter(appointment__in=moved).select_related("appointment"))
    for each in planned:
        assert each.appointment is not None
        each.outcome, each.reason = each.outcome_of(each.appointment), {}
    PlannedDate.objects.bulk_update(planned, ["outcome", "reason"])


def _what_they_chose(repair: Repair) -> RepairState:
    if repair.answered_at is not None:
        return RepairState.ACCEPTED
    stays = repair.replacements.filter(appointment__status__in=CHANGEABLE).exists()
    return RepairState.CHOSEN if stays else RepairState.CANCELLED


def _tell_desk(repair: Repair, now: datetime) -> None:
    """One notice to the practice's own address; where it has none, the desk's list says it."""
    broken = repair.replacements.select_related("appointment__treatment__location").first()
    practice = broken.appointment.treatment.location if broken else None
    told = Notification.objects.filter(repair=repair, kind=NotificationKind.REPAIR_LAPSED).exists()
    if practice is not None and practice.email and not told:
        enqueue(NotificationKind.REPAIR_LAPSED, client=repair.client, repair=repair, now=now, recipient=practice.email)
