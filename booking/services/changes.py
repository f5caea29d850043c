"""Move, cancel and undo: what happens to sessions between their booking and their day.

A change is one action on the sessions of one client, in one transaction: the rows, their audit entries, the times it freed and
its one notice, or none of it. While it can be undone its notice waits and the old times are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from booking.engine.slots import Rule, Why
from booking.engine.zones import instant_of
from booking.enums import (
    CHANGEABLE,
    NOT_ON_HOLD,
    OWN_VERSION,
    UNSETTLED,
    AppointmentStatus,
    AuditAction,
    ChangeKind,
    FlagState,
    HoldState,
    NotificationKind,
    NotificationState,
    Scope,
)
from booking.exceptions import CannotChange, ChangedMeanwhile, KeyReused, SlotTaken, UndoOver
from booking.models import (
    Appointment,
    AuditEntry,
    BookingRequest,
    Change,
    FreedTime,
    Hold,
    Notification,
    PlannedDate,
    Replacement,
    SessionFlag,
)
from booking.notifications.outbox import enqueue
from booking.queries import availability, minute_of, moment_of
from booking.services.appointments import WHERE, unsaved_appointment
from booking.services.guard import Choice, Place, lock, lock_client, places_change, require_offered
from booking.services.holds import let_go
from booking.services.intake import weigh
from booking.services.policy import bound, late_ones, require_movable, require_override
from booking.services.promises import broken_promises
from clients.models import Client, User

#: How long a client can undo what they did.
UNDO_LASTS = timedelta(minutes=3)
AT_ONCE = timedelta(0)
#: The fields that a move can change.
MOVED = (*WHERE, "is_length_by_hand", "status", "sequence", "moves")
#: The fields that say what a planned date wishes for, and what became of it.
WISH = ("wished_date", "wished_time", "wished_therapist_id", "outcome", "reason")


@dataclass(frozen=True)
class ByHand:
    """How a therapist places a session: how long it lasts, in which room (without one, in its own or any that is free)."""

    length: timedelta
    room_id: UUID | None = None


@dataclass(frozen=True)
class Move:
    """A session and where it shall go; ``by_hand`` where its therapist or the desk says so, at any minute."""

    appointment: Appointment
    therapist_id: UUID
    starts_at: datetime
    by_hand: ByHand | None = None
    #: the version of the time that was on the page, so that nobody moves what somebody else has just moved
    version: int | None = None


class NewWish(NamedTuple):
    """What the series of a session wishes for it from now on, and what became of that; ``minute`` is a wall minute."""

    appointment: Appointment
    on: date
    minute: int
    therapist_id: UUID
    outcome: str
    reason: Mapping[str, str]


def sessions_in(
    appointment: Appointment, scope: Scope, *, now: datetime, of: QuerySet[Appointment] | None = None
) -> list[Appointment]:
    """The sessions that a change of this scope is about, in order: those that are still ahead and can be changed.

    ``of`` are those that whoever asks may change; without it, all.
    """
    if scope == Scope.ONE or appointment.series_id is None:
        return [appointment]
    ahead = Appointment.objects.upcoming(now).filter(series=appointment.series_id)
    if of is not None:
        ahead = ahead.filter(pk__in=of.values("pk"))
    if scope == Scope.FOLLOWING:
        ahead = ahead.filter(starts_at__gte=appointment.starts_at)
    return list(ahead.select_related("client", "therapist", "room", "treatment__location"))


@transaction.atomic
def move_sessions(
    moves: Sequence[Move],
    *,
    by: User | None,
    now: datetime,
    wishes: Sequence[NewWish] = (),
    reason: str = "",
    override_reason: str = "",
    key: UUID | None = None,
    undo_for: timedelta = AT_ONCE,
    releasing: Hold | None = None,
    practice_initiated: bool = False,
    tell: bool = True,
) -> Change:
    """Move sessions of one client to other starts or therapists, all or none; each keeps its old time until then.

    ``wishes`` are what their series wishes from now on, for sessions that stay as well, where a part of it moves as a whole.
    The same ``key`` with the same moves is the same change. ``undo_for``: how long it can be undone and its notice waits.
    ``releasing`` is the hold that kept the new times. ``practice_initiated``: the practice broke the sessions, or offered the
    times itself, so neither its policy nor its soft rules stand in the way and the move does not count. Of sessions with a
    repair that is not settled the policy lets go as well. What is moved by hand needs ``practice_initiated``: the soft rules bind
    only another therapist it goes to, unless an ``override_reason`` lifts them, and the times that earlier moves kept for an
    undo are let go. ``tell`` the client or not.
    Raises CannotChange, ChangedMeanwhile, TooLate, TooManyMoves, KeyReused, NotAllowed, and what a booking raises
    (OutsideAvailability, SlotTaken, ClientBusy); nothing is written then.
    """
    client = _one_client(move.appointment for move in moves)
    content = _hash(ChangeKind.MOVED, *(_wanted(move) for move in moves))
    earlier = _pressed_before(client, key, content)
    if earlier is not None:
        return earlier
    override = require_override(by, override_reason)
    lock(
        client=client,
        therapists={each for move in moves for each in (move.appointment.therapist_id, move.therapist_id)},
        treatments={move.appointment.treatment for move in moves},
        now=now,
    )
    if releasing is not None:
        let_go(releasing)
    if any(move.by_hand for move in moves):
        _let_go_of_old_places([move.appointment for move in moves], now)
    rows = _changeable([move.appointment for move in moves])
    _require_as_seen(rows, moves)
    own = [] if override or practice_initiated else bound(rows.values())
    for current in own:
        require_movable(current, now)
    before = {pk: current.facts() for pk, current in rows.items()}
    old = [_copy(current) for current in rows.values()]
    _place(rows, moves, client, now=now, override=override, practice_initiated=practice_initiated)
    for current in rows.values():
        current.sequence += 1
        current.moves += current in own
        current.status = AppointmentStatus.BOOKED  # who said that they are coming said so of the old time
    with places_change():
        Appointment.objects.bulk_update(rows.values(), MOVED)
    change = _recorded(ChangeKind.MOVED, client, by, now, key, content, undo_for)
    _audit(change, AuditAction.MOVED, rows.values(), before, reason or override_reason)
    _wish(change, wishes)
    _free(change, _left_behind(old, rows.values()))
    if tell:
        enqueue(NotificationKind.CHANGED, client=client, change=change, now=now, due_at=change.undo_until)
    weigh(client, now=now)
    return change


@transaction.atomic
def cancel_sessions(
    appointments: Sequence[Appointment],
    *,
    by: User | None,
    now: datetime,
    reason: str = "",
    override_reason: str = "",
    key: UUID | None = None,
    undo_for: timedelta = AT_ONCE,
    practice_initiated: bool = False,
) -> Change:
    """Cancel sessions of one client that are still ahead, all or none; one notice tells of all of them.

    Those inside the practice's deadline are marked as cancelled late, unless ``override_reason`` lifts that or the practice
    broke them itself (``practice_initiated``, or a repair that is not settled). Raises CannotChange, KeyReused or NotAllowed;
    nothing is written then.
    """
    client = _one_client(appointments)
    content = _hash(ChangeKind.CANCELLED, *(str(each.pk) for each in appointments))
    earlier = _pressed_before(client, key, content)
    if earlier is not None:
        return earlier
    lenient = require_override(by, override_reason) or practice_initiated
    rows = _changeable(appointments)
    if any(current.starts_at <= now for current in rows.values()):
        raise CannotChange
    late = [] if lenient else late_ones(rows.values(), now)
    before = {pk: current.facts() for pk, current in rows.items()}
    for current in rows.values():
        current.status = AppointmentStatus.LATE_CANCELLED if current in late else AppointmentStatus.CANCELLED
        current.sequence += 1
    Appointment.objects.bulk_update(rows.values(), ["status", "sequence"])
    change = _recorded(ChangeKind.CANCELLED, client, by, now, key, content, undo_for)
    _audit(change, AuditAction.CANCELLED, rows.values(), before, reason or override_reason)
    _free(change, [_copy(current) for current in rows.values()])
    enqueue(NotificationKind.CANCELLED, client=client, change=change, now=now, due_at=change.undo_until)
    return change


@transaction.atomic
def undo_change(change: Change, *, by: User | None, now: datetime) -> Change:
    """Put everything back as it was before a change; its notice is never sent. Twice is the same as once.

    Raises UndoOver when the time for it is over, a session was changed again or an old time is no more, and SlotTaken when
    an old time that could not be kept is taken; nothing is written then.
    """
    list(change.freed.select_for_update().order_by("pk"))
    lock_client(change.client_id)
    change = Change.objects.select_for_update(of=("self",)).select_related("client", "hold").get(pk=change.pk)
    if change.undone_at is not None:
        return change
    history = list(change.audit_entries.select_related("appointment__treatment").order_by("sequence"))
    if not change.can_be_undone(now):
        raise UndoOver
    entries = {entry.session.pk: entry for entry in reversed(history)}
    version = {entry.session.pk: entry.sequence for entry in history}
    now_with = {entry.session.therapist_id for entry in entries.values()}
    then_with = {UUID(entry.before["therapist"]) for entry in entries.values()}
    treatments = {entry.session.treatment for entry in entries.values()}
    lock(client=change.client, therapists=now_with | then_with, treatments=treatments, now=now)
    if change.hold is not None:
        change.hold.refresh_from_db(fields=["state"])
        if change.hold.state != HoldState.LIVE:
            raise UndoOver
        let_go(change.hold)
    rows = _locked([entry.session for entry in entries.values()])
    before = {pk: current.facts() for pk, current in rows.items()}
    if any(current.sequence != version[pk] for pk, current in rows.items()):
        raise UndoOver
    given_up = [_copy(current) for current in rows.values() if current.status in CHANGEABLE and current.starts_at > now]
    _put_back(rows, {pk: entry.before for pk, entry in entries.items()}, now)
    for current in rows.values():
        current.sequence += 1
    with places_change():
        Appointment.objects.bulk_update(rows.values(), MOVED)
    true_again = _true_before(entries.values())
    AuditEntry.objects.bulk_create(
        _entry(current, AuditAction.UNDONE, before[pk], change_id=true_again.get(pk), by=by, at=now)
        for pk, current in rows.items()
    )
    _wish_as_before(change)
    _speak_of_the_restored({pk: (entries[pk].sequence - 1, current.sequence) for pk, current in rows.items()})
    if broken_promises(now, among=rows):
        raise UndoOver
    change.freed.all().delete()
    _note_free(_left_behind(given_up, rows.values()), offer_from=now)
    change.undone_at = now
    change.save(update_fields=["undone_at"])
    weigh(change.client, now=now)
    return change


@transaction.atomic
def tell_client(change: Change, *, tell: bool, now: datetime) -> Change:
    """Let the notice of a move go out once it cannot be undone any more, or not at all; the last word counts.

    Raises UndoOver when it is too late to choose.
    """
    change = Change.objects.select_for_update(of=("self",)).select_related("client").get(pk=change.pk)
    if not change.can_be_undone(now):
        raise UndoOver(_("It is too late to choose this. What was chosen last stands."))
    notices = Notification.objects.filter(change=change)
    if tell and not notices.exists():
        enqueue(NotificationKind.CHANGED, client=change.client, change=change, now=now, due_at=change.undo_until)
    before, after = NotificationState.QUEUED, NotificationState.DROPPED
    if tell:
        before, after = after, before
    notices.filter(state=before).update(state=after)
    return change


@transaction.atomic
def undo_booking(request: BookingRequest, *, by: User | None, now: datetime) -> BookingRequest:
    """Take back what was just booked; its client is told of neither. Twice is the same as once.

    Raises UndoOver when the time for it is over or one of its sessions was changed since; nothing is written then.
    """
    lock_client(request.client_id)
    request = BookingRequest.objects.select_for_update(of=("self",)).get(pk=request.pk)
    if request.undone_at is not None:
        return request
    rows = _locked(request.appointments.all())
    as_booked = all(each.status == AppointmentStatus.BOOKED and each.sequence == 0 for each in rows.values())
    if not request.can_be_undone(now) or not as_booked:
        raise UndoOver
    before = {pk: current.facts() for pk, current in rows.items()}
    for current in rows.values():
        current.status = AppointmentStatus.CANCELLED
        current.sequence += 1
    Appointment.objects.bulk_update(rows.values(), ["status", "sequence"])
    AuditEntry.objects.bulk_create(_entry(current, AuditAction.UNDONE, before[pk], by=by, at=now) for pk, current in rows.items())
    _note_free(rows.values(), offer_from=now)
    request.undone_at = now
    request.save(update_fields=["undone_at"])
    return request


def _one_client(appointments: Iterable[Appointment]) -> Client:
    clients = {each.client for each in appointments}
    [client] = clients
    assert client is not None
    return client


def _hash(*content: str) -> str:
    return hashlib.sha256("\n".join(content).encode()).hexdigest()


def _pressed_before(client: Client, key: UUID | None, content: str) -> Change | None:
    """The change that a press with this key already made. Raises KeyReused for the same key with another content."""
    if key is None:
        return None
    lock_client(client.pk)
    made = Change.objects.filter(client=client, key=key).first()
    if made is not None and made.content != content:
        raise KeyReused
    return made


def _locked(appointments: Iterable[Appointment]) -> dict[UUID, Appointment]:
    rows = (
        Appointment.objects.select_for_update(of=("self",))
        .select_related("client", "therapist", "treatment__location")
        .filter(pk__in=[each.pk for each in appointments])
        .order_by("pk")
    )
    return {each.pk: each for each in rows}


def _changeable(appointments: Iterable[Appointment]) -> dict[UUID, Appointment]:
    rows = _locked(appointments)
    if any(each.status not in CHANGEABLE for each in rows.values()):
        raise CannotChange
    return rows


def _copy(appointment: Appointment) -> Appointment:
    """Where a session is now, as a row of its own that is not stored."""
    return Appointment(
        treatment_id=appointment.treatment_id,
        price=appointment.price,
        **{field: getattr(appointment, field) for field in WHERE},
    )


def _put(current: Appointment, place: Appointment) -> None:
    for field in WHERE:
        setattr(current, field, getattr(place, field))


def _wanted(move: Move) -> str:
    by_hand = f" {move.by_hand.length} {move.by_hand.room_id}" if move.by_hand else ""
    return f"{move.appointment.pk} {move.therapist_id} {move.starts_at.isoformat()}{by_hand}"


def _require_as_seen(rows: Mapping[UUID, Appointment], moves: Iterable[Move]) -> None:
    for move in moves:
        if move.version not in (None, rows[move.appointment.pk].sequence):
            raise ChangedMeanwhile


def _let_go_of_old_places(appointments: Iterable[Appointment], now: datetime) -> None:
    """Free what earlier moves of these sessions kept for an undo, which moving again makes impossible."""
    undoable = Change.objects.undoable(now).filter(audit_entries__appointment__in=appointments)
    for hold in Hold.objects.filter(change__in=undoable, state=HoldState.LIVE).order_by("pk"):
        let_go(hold)


def _place(
    rows: dict[UUID, Appointment],
    moves: Sequence[Move],
    client: Client,
    *,
    now: datetime,
    override: bool,
    practice_initiated: bool,
) -> None:
    """Give each row its new place; the engine must offer it, with all of these sessions out of the way."""
    for move in moves:
        if move.by_hand is not None:
            current = rows[move.appointment.pk]
            lifted = override or (practice_initiated and move.therapist_id == current.therapist_id)
            current.is_length_by_hand |= move.by_hand.length != current.length
            _put(current, _by_hand(current, move, move.by_hand, ignoring=list(rows), now=now, override=lifted))
    ordered = sorted((move for move in moves if move.by_hand is None), key=lambda move: rows[move.appointment.pk].treatment_id)
    for treatment, group in groupby(ordered, key=lambda move: rows[move.appointment.pk].treatment):
        own = list(group)
        choices = [Choice(move.therapist_id, move.starts_at, lasting=rows[move.appointment.pk].kept_length) for move in own]
        places = require_offered(
            treatment, choices, client=client, now=now, ignoring=list(rows), override=override or practice_initiated
        )
        for move, choice, place in zip(own, choices, places, strict=True):
            _put(rows[move.appointment.pk], unsaved_appointment(treatment, choice, place))


def _by_hand(
    current: Appointment, move: Move, wanted: ByHand, *, ignoring: Collection[UUID], now: datetime, override: bool
) -> Appointment:
    """The place of a session that is moved by hand, as a row of its own that is not stored; in its own room if none is named."""
    room_id = wanted.room_id or current.room_id
    choice = Choice(move.therapist_id, move.starts_at, room_id=room_id)
    [place] = require_offered(
        current.treatment,
        [choice],
        client=current.client,
        now=now,
        ignoring=ignoring,
        override=override,
        length=wanted.length,
    )
    if wanted.room_id not in (None, place.room_id):
        raise SlotTaken(choice=choice, why=(Why(Rule.NO_ROOM),))
    return unsaved_appointment(current.treatment, choice, place)


def _put_back(rows: dict[UUID, Appointment], before: Mapping[UUID, Mapping[str, Any]], now: datetime) -> None:
    """Give each row the place and state it had; another room where somebody is in the old one now.

    What was put on hold meanwhile stays unconfirmed.
    """
    on_hold = set(SessionFlag.objects.filter(appointment__in=rows, state=FlagState.ON_HOLD).values_list("appointment", flat=True))

    def alike(current: Appointment) -> tuple[UUID, int]:
        return current.treatment_id, before[current.pk]["minutes"]

    for (treatment_id, minutes), group in groupby(sorted(rows.values(), key=alike), key=alike):
        own, length = list(group), timedelta(minutes=minutes)
        dates = [date.fromisoformat(before[current.pk]["local_date"]) for current in own]
        first, last = min(dates), max(dates)
        offers = availability(treatment_id, first=first, last=last, now=now, ignoring=list(rows), overriding=True, lasting=length)
        for current in own:
            was = before[current.pk]
            choice = Choice(UUID(was["therapist"]), _start(was, current.zone))
            free = offers.rooms(minute_of(choice.starts_at))
            room_id = UUID(was["room"]) if was["room"] else None
            if room_id not in free and free:
                room_id = free[0]
            _put(current, unsaved_appointment(current.treatment, choice, Place(room_id, length)))
            current.is_length_by_hand = was.get("is_length_by_hand", False)
            may_be_as_it_was = current.pk not in on_hold or was["status"] not in NOT_ON_HOLD
            current.status = was["status"] if may_be_as_it_was else AppointmentStatus.BOOKED
            current.moves = was["moves"]


def _start(was: Mapping[str, str], zone: str) -> datetime:
    at = time.fromisoformat(was["local_time"])
    instant = instant_of(zone, date.fromisoformat(was["local_date"]), at.hour * 60 + at.minute)
    if instant is None:
        raise SlotTaken
    return moment_of(instant)


def _recorded(
    kind: ChangeKind,
    client: Client,
    by: User | None,
    now: datetime,
    key: UUID | None,
    content: str,
    undo_for: timedelta,
) -> Change:
    return Change.objects.create(
        kind=kind,
        client=client,
        by=by,
        at=now,
        undo_until=now + undo_for,
        key=key,
        content=content,
    )


def _entry(current: Appointment, action: AuditAction, before: dict[str, Any], **more: Any) -> AuditEntry:
    return AuditEntry(appointment=current, action=action, sequence=current.sequence, before=before, after=current.facts(), **more)


def _audit(
    change: Change,
    action: AuditAction,
    rows: Iterable[Appointment],
    before: dict[UUID, dict[str, Any]],
    reason: str,
) -> None:
    AuditEntry.objects.bulk_create(
        _entry(current, action, before[current.pk], change=change, by=change.by, at=change.at, reason=reason) for current in rows
    )


def _wish(change: Change, wishes: Sequence[NewWish]) -> None:
    """Let planned dates wish for what they moved to, and remember what they wished before."""
    new = {wish.appointment.pk: wish for wish in wishes}
    planned = list(PlannedDate.objects.filter(appointment__in=new))
    if not planned:
        return
    change.wishes = {str(each.pk): {field: getattr(each, field) for field in WISH} for each in planned}
    change.save(update_fields=["wishes"])
    for each in planned:
        assert each.appointment_id is not None
        wish = new[each.appointment_id]
        each.wished_date, each.wished_time = wish.on, time(wish.minute // 60, wish.minute % 60)
        each.wished_therapist_id = wish.therapist_id
        each.outcome, each.reason = wish.outcome, dict(wish.reason)
    PlannedDate.objects.bulk_update(planned, WISH)


def _wish_as_before(change: Change) -> None:
    planned = list(PlannedDate.objects.filter(pk__in=change.wishes))
    for each in planned:
        for field, value in change.wishes[str(each.pk)].items():
            setattr(each, field, value)
    PlannedDate.objects.bulk_update(planned, WISH)


def _true_before(undone: Iterable[AuditEntry]) -> dict[UUID, UUID]:
    """By session, the change that an undone one had taken the place of. Its notice holds again, so it must not be lost."""
    wanted = {(entry.appointment_id, entry.sequence - 1) for entry in undone}
    earlier = AuditEntry.objects.filter(appointment__in=[pk for pk, _sequence in wanted], change__undone_at=None)
    return {
        pk: change
        for pk, sequence, change in earlier.exclude(change=None).values_list("appointment", "sequence", "change")
        if (pk, sequence) in wanted
    }


def _speak_of_the_restored(versions: Mapping[UUID, tuple[int, int]]) -> None:
    """Let what spoke of a session as it was, and is again, speak of its version now: notices and repairs.

    What waits is not lost by that, and what was sent is not sent again.
    """
    spoken = Notification.objects.filter(appointment__in=versions).exclude(kind__in=OWN_VERSION)
    spoken = spoken.exclude(state=NotificationState.DROPPED)
    holding = [notice for notice in spoken if notice.appointment_id and notice.sequence == versions[notice.appointment_id][0]]
    for notice in holding:
        assert notice.appointment_id is not None
        notice.sequence = versions[notice.appointment_id][1]
    Notification.objects.bulk_update(holding, ["sequence"])
    replacements = Replacement.objects.filter(appointment__in=versions, repair__state__in=UNSETTLED)
    open_again = [each for each in replacements if each.sequence == versions[each.appointment_id][0]]
    for replacement in open_again:
        replacement.sequence = versions[replacement.appointment_id][1]
    Replacement.objects.bulk_update(open_again, ["sequence"])


def _note_free(places: Iterable[Appointment], *, offer_from: datetime, change: Change | None = None) -> None:
    FreedTime.objects.bulk_create(
        FreedTime(
            therapist_id=place.therapist_id,
            starts_at=place.blocked_from,
            ends_at=place.blocked_until,
            change=change,
            offer_from=offer_from,
        )
        for place in places
    )


def _free(change: Change, places: Sequence[Appointment]) -> None:
    """Note what became free, and keep it while the change can be undone."""
    ahead = [place for place in places if place.starts_at > change.at]
    _note_free(ahead, offer_from=change.undo_until, change=change)
    if change.undo_until == change.at or not ahead:
        return
    hold = Hold.objects.create(
        owner=f"undo-{change.pk}",
        treatment_id=ahead[0].treatment_id,
        created_at=change.at,
        expires_at=change.undo_until,
        size=len(ahead),
    )
    for place in ahead:
        place.status = AppointmentStatus.HELD
        place.hold, place.held_until = hold, hold.expires_at
    Appointment.objects.bulk_create(ahead)
    change.hold = hold
    change.save(update_fields=["hold"])


def _left_behind(old: Iterable[Appointment], rows: Collection[Appointment]) -> list[Appointment]:
    """The old places that none of the sessions reaches into any more; without the room where only that is shared."""
    left = []
    for place in old:
        near = [each for each in rows if place.blocked_from < each.blocked_until and each.blocked_from < place.blocked_until]
        if any(each.room_id == place.room_id for each in near):
            place.room_id = None
        if all(each.therapist_id != place.therapist_id for each in near):
            left.append(place)
    return left
