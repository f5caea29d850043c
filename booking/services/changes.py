"""Move, cancel and undo: what happens to sessions between their booking and their day.

A change is one action on the sessions of one client, in one transaction: the rows, their audit entries, the times it freed and
its one notice, or none of it. While it can be undone its notice waits and the old times are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from uuid import UUID

from django.db import transaction

from booking.engine.zones import instant_of
from booking.enums import CHANGEABLE, AppointmentStatus, AuditAction, ChangeKind, HoldState, NotificationKind, Scope
from booking.exceptions import CannotChange, KeyReused, SlotTaken, UndoOver
from booking.models import Appointment, AuditEntry, Change, FreedTime, Hold
from booking.notifications.outbox import enqueue
from booking.queries import moment_of
from booking.services.appointments import WHERE, facts, unsaved_appointment
from booking.services.guard import Choice, lock, places_change, require_offered
from booking.services.holds import let_go
from booking.services.policy import is_late, require_movable, require_override
from clients.models import Client, User

#: How long a client can undo what they did.
UNDO_LASTS = timedelta(minutes=3)
AT_ONCE = timedelta(0)


@dataclass(frozen=True)
class Move:
    """A session and where it shall go."""

    appointment: Appointment
    therapist_id: UUID
    starts_at: datetime


def sessions_in(appointment: Appointment, scope: Scope, *, now: datetime) -> list[Appointment]:
    """The sessions that a change of this scope is about, in order: those that are still ahead and can be changed."""
    if scope == Scope.ONE or appointment.series_id is None:
        return [appointment]
    ahead = Appointment.objects.upcoming(now).filter(series=appointment.series_id)
    if scope == Scope.FOLLOWING:
        ahead = ahead.filter(starts_at__gte=appointment.starts_at)
    return list(ahead.select_related("client", "therapist", "room", "treatment__location"))


@transaction.atomic
def move_sessions(
    moves: Sequence[Move],
    *,
    by: User | None,
    now: datetime,
    reason: str = "",
    override_reason: str = "",
    key: UUID | None = None,
    undo_for: timedelta = AT_ONCE,
    releasing: Hold | None = None,
    own_fault: bool = False,
) -> Change:
    """Move sessions of one client to other starts or therapists, all or none; each keeps its old time until then.

    The same ``key`` with the same moves is the same change. ``undo_for``: how long it can be undone and its notice waits.
    ``releasing`` is the hold that kept the new times. ``own_fault``: the practice broke the sessions, so neither its policy
    nor its soft rules apply to what it offers instead, and the move does not count.
    Raises CannotChange, TooLate, TooManyMoves, KeyReused, NotAllowed, and what a booking
    raises (OutsideAvailability, SlotTaken, ClientBusy); nothing is written then.
    """
    client = _one_client(move.appointment for move in moves)
    content = _hash(ChangeKind.MOVED, *(f"{m.appointment.pk} {m.therapist_id} {m.starts_at.isoformat()}" for m in moves))
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
    rows = _changeable([move.appointment for move in moves])
    for current in rows.values():
        if not override and not own_fault:
            require_movable(current, now)
    before = {pk: facts(current) for pk, current in rows.items()}
    old = [_copy(current) for current in rows.values()]
    _place(rows, moves, client, now=now, override=override or own_fault)
    for current in rows.values():
        current.sequence += 1
        current.moves += 0 if own_fault or override else 1
    with places_change():
        Appointment.objects.bulk_update(rows.values(), [*WHERE, "sequence", "moves"])
    change = _recorded(ChangeKind.MOVED, client, by, now, key, content, undo_for)
    _audit(change, AuditAction.MOVED, rows.values(), before, reason or override_reason)
    _free(change, [each for each in old if not any(_meet(each, current) for current in rows.values())])
    enqueue(NotificationKind.CHANGED, client=client, change=change, now=now, due_at=change.undo_until)
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
    own_fault: bool = False,
) -> Change:
    """Cancel sessions of one client that are still ahead, all or none; one notice tells of all of them.

    Those inside the practice's deadline are marked as cancelled late, unless ``override_reason`` lifts that or the practice
    broke them itself (``own_fault``). Raises CannotChange, KeyReused or NotAllowed; nothing is written then.
    """
    client = _one_client(appointments)
    content = _hash(ChangeKind.CANCELLED, *(str(each.pk) for each in appointments))
    earlier = _pressed_before(client, key, content)
    if earlier is not None:
        return earlier
    lenient = require_override(by, override_reason) or own_fault
    rows = _changeable(appointments)
    before = {pk: facts(current) for pk, current in rows.items()}
    for current in rows.values():
        late = not lenient and is_late(current, now)
        current.status = AppointmentStatus.LATE_CANCELLED if late else AppointmentStatus.CANCELLED
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
    list(Client.objects.select_for_update(no_key=True, of=("self",)).filter(pk=change.client_id).values_list("pk"))
    change = Change.objects.select_for_update(of=("self",)).select_related("client", "hold").get(pk=change.pk)
    if change.undone_at is not None:
        return change
    entries = {entry.appointment_id: entry for entry in change.audit_entries.select_related("appointment__treatment")}
    if not change.can_be_undone(now):
        raise UndoOver
    now_with = {entry.appointment.therapist_id for entry in entries.values()}
    then_with = {UUID(entry.before["therapist"]) for entry in entries.values()}
    treatments = {entry.appointment.treatment for entry in entries.values()}
    lock(client=change.client, therapists=now_with | then_with, treatments=treatments, now=now)
    if change.hold is not None:
        change.hold.refresh_from_db(fields=["state"])
        if change.hold.state != HoldState.LIVE:
            raise UndoOver
        let_go(change.hold)
    rows = _locked([entry.appointment for entry in entries.values()])
    before = {pk: facts(current) for pk, current in rows.items()}
    for pk, current in rows.items():
        if current.sequence != entries[pk].sequence:
            raise UndoOver
        _restore(current, entries[pk])
        if change.kind == ChangeKind.MOVED:
            current.moves = max(0, current.moves - 1)
    with places_change():
        Appointment.objects.bulk_update(rows.values(), [*WHERE, "status", "sequence", "moves"])
    _audit(change, AuditAction.UNDONE, rows.values(), before, "", by=by, now=now)
    change.freed.all().delete()
    change.undone_at = now
    change.save(update_fields=["undone_at"])
    return change


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
    list(Client.objects.select_for_update(no_key=True, of=("self",)).filter(pk=client.pk).values_list("pk"))
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


def _place(rows: dict[UUID, Appointment], moves: Sequence[Move], client: Client, *, now: datetime, override: bool) -> None:
    """Give each row its new place; the engine must offer it, with all of these sessions out of the way."""
    ordered = sorted(moves, key=lambda move: rows[move.appointment.pk].treatment_id)
    for treatment, group in groupby(ordered, key=lambda move: rows[move.appointment.pk].treatment):
        own = list(group)
        choices = [Choice(move.therapist_id, move.starts_at) for move in own]
        rooms = require_offered(treatment, choices, client=client, now=now, ignoring=list(rows), override=override)
        for move, choice, room_id in zip(own, choices, rooms, strict=True):
            _put(rows[move.appointment.pk], unsaved_appointment(treatment, choice, room_id=room_id))


def _restore(current: Appointment, entry: AuditEntry) -> None:
    was = entry.before
    at = time.fromisoformat(was["local_time"])
    instant = instant_of(current.zone, date.fromisoformat(was["local_date"]), at.hour * 60 + at.minute)
    if instant is None:
        raise SlotTaken
    choice = Choice(UUID(was["therapist"]), moment_of(instant))
    _put(current, unsaved_appointment(current.treatment, choice, room_id=UUID(was["room"]) if was["room"] else None))
    current.status = was["status"]
    current.sequence += 1


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


def _audit(
    change: Change,
    action: AuditAction,
    rows: Iterable[Appointment],
    before: dict[UUID, dict[str, str | None]],
    reason: str,
    *,
    by: User | None = None,
    now: datetime | None = None,
) -> None:
    AuditEntry.objects.bulk_create(
        AuditEntry(
            appointment=current,
            action=action,
            # an undone change is true of no session any more
            change=None if action == AuditAction.UNDONE else change,
            sequence=current.sequence,
            by=by or change.by,
            at=now or change.at,
            reason=reason,
            before=before[current.pk],
            after=facts(current),
        )
        for current in rows
    )


def _free(change: Change, places: Sequence[Appointment]) -> None:
    """Note what became free, and keep it while the change can be undone."""
    ahead = [place for place in places if place.starts_at > change.at]
    FreedTime.objects.bulk_create(
        FreedTime(
            therapist_id=place.therapist_id,
            starts_at=place.blocked_from,
            ends_at=place.blocked_until,
            change=change,
            offer_from=change.undo_until,
        )
        for place in ahead
    )
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


def _meet(place: Appointment, other: Appointment) -> bool:
    """Whether two places cannot both be taken."""
    shared = place.therapist_id == other.therapist_id or (place.room_id is not None and place.room_id == other.room_id)
    return shared and place.blocked_from < other.blocked_until and other.blocked_from < place.blocked_until
