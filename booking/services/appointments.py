"""Book a session, and take it through its states. Moving and cancelling: ``changes``."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from booking.enums import CHANGEABLE, NEXT_STATES, NOT_ON_HOLD, AppointmentStatus, AuditAction, FlagState, NotificationKind
from booking.exceptions import CannotChange, OnHold, SlotTaken, UndoOver
from booking.models import Appointment, AuditEntry, SessionFlag
from booking.notifications.outbox import enqueue
from booking.services.guard import Choice, Place, lock, lock_client, overlap_raises, require_offered
from booking.services.intake import weigh
from booking.services.policy import require_agreement, require_override
from clients.models import Client, User
from therapists.models import Therapist, Treatment

#: The fields that say where a session is.
WHERE = (
    "therapist_id",
    "room_id",
    "zone",
    "local_date",
    "local_time",
    "starts_at",
    "ends_at",
    "blocked_from",
    "blocked_until",
)


def unsaved_appointment(treatment: Treatment, choice: Choice, place: Place) -> Appointment:
    """The row for one session: its wall time in the practice's zone and the instants derived from it."""
    local = choice.starts_at.astimezone(treatment.location.tz)
    ends_at = choice.starts_at + place.length
    return Appointment(
        therapist_id=choice.therapist_id,
        treatment=treatment,
        room_id=place.room_id,
        zone=treatment.location.zone,
        local_date=local.date(),
        local_time=local.time(),
        starts_at=choice.starts_at,
        ends_at=ends_at,
        blocked_from=choice.starts_at - treatment.preparation,
        blocked_until=ends_at + treatment.turnaround,
        price=treatment.price,
    )


@transaction.atomic
def book_appointment(
    *,
    client: Client,
    therapist: Therapist,
    treatment: Treatment,
    starts_at: datetime,
    by: User,
    now: datetime,
    override_reason: str = "",
) -> Appointment:
    """Book one session; audit it and queue its confirmation in the same transaction.

    ``starts_at`` and ``now`` are aware datetimes. Raises OutsideAvailability when a rule removes the start (a reason lifts the
    soft rules only, and NotAllowed is raised for whoever may not), AgreementWithdrawn, SlotTaken or ClientBusy when someone else
    was faster. Nothing is written in any of these cases.
    """
    require_agreement(client, by=by)
    choice = Choice(therapist.pk, starts_at)
    lock(client=client, therapists=[therapist.pk], treatments=[treatment], now=now)
    [place] = require_offered(treatment, [choice], client=client, now=now, override=require_override(by, override_reason))
    appointment = unsaved_appointment(treatment, choice, place)
    appointment.client = client
    with overlap_raises():
        appointment.save(force_insert=True)
    AuditEntry.objects.create(
        appointment=appointment,
        action=AuditAction.BOOKED,
        by=by,
        at=now,
        reason=override_reason,
        after=appointment.facts(),
    )
    enqueue(NotificationKind.CONFIRMATION, client=client, appointment=appointment, now=now)
    weigh(client, now=now)
    return appointment


def next_states(status: AppointmentStatus, starts_at: datetime, *, now: datetime) -> tuple[AppointmentStatus, ...]:
    """The states that can be set next; nobody has stayed away from what has not begun."""
    steps = NEXT_STATES.get(status, ())
    return tuple(step for step in steps if step != AppointmentStatus.NO_SHOW or starts_at <= now)


@transaction.atomic
def set_status(
    appointment: Appointment, status: AppointmentStatus, *, by: User | None, now: datetime, reason: str = ""
) -> Appointment:
    """Take a session to its next state (NEXT_STATES).

    Raises CannotChange for any other step, and OnHold for one that a session on hold may not take.
    """
    current = _locked(appointment)
    if status not in NEXT_STATES.get(AppointmentStatus(current.status), ()):
        raise CannotChange(
            _("A session that is “%(now)s” cannot become “%(next)s”. Nothing was changed.")
            % {"now": current.get_status_display(), "next": status.label}
        )
    if status in NOT_ON_HOLD and SessionFlag.objects.filter(appointment=current, state=FlagState.ON_HOLD).exists():
        raise OnHold
    before = current.facts()
    current.status = status
    current.save(update_fields=["status"])
    AuditEntry.objects.create(
        appointment=current, action=AuditAction.STATUS, by=by, at=now, reason=reason, before=before, after=current.facts()
    )
    return current


@transaction.atomic
def undo_step(step: AuditEntry, *, by: User | None, now: datetime) -> Appointment:
    """Take a session back to the state it had before its last step; twice is the same as once.

    Confirmed again is only what is not on hold by now. Raises UndoOver when something else was done to the session since, its
    time was given to somebody else, or the day of the step is over, and OnHold for what a session on hold may not be; nothing is
    written then.
    """
    current = _locked(step.session)
    since = current.audit_entries.filter(at__gte=step.at).exclude(pk=step.pk)
    if since.filter(action=AuditAction.UNDONE, before__status=step.after.get("status")).exists():
        return current
    is_last = step.action == AuditAction.STATUS and current.status == step.after.get("status")
    if not is_last or since.filter(at__gt=step.at).exists() or not _same_day(step, current, now):
        raise UndoOver
    before = current.facts()
    current.status = _was(step, current)
    try:
        with overlap_raises():
            current.save(update_fields=["status"])
    except SlotTaken:
        raise UndoOver(_("This time was given to somebody else since. Nothing was changed.")) from None
    AuditEntry.objects.create(
        appointment=current,
        action=AuditAction.UNDONE,
        sequence=current.sequence,
        by=by,
        at=now,
        before=before,
        after=current.facts(),
    )
    assert current.client is not None  # only what is merely held has none
    weigh(current.client, now=now)
    return current


def _same_day(step: AuditEntry, session: Appointment, now: datetime) -> bool:
    zone = session.treatment.location.tz
    return step.at.astimezone(zone).date() == now.astimezone(zone).date()


def _was(step: AuditEntry, session: Appointment) -> AppointmentStatus:
    """The state before a step, or the one short of it that a session on hold may have."""
    was = AppointmentStatus(step.before["status"])
    if was not in NOT_ON_HOLD or not SessionFlag.objects.filter(appointment=session, state=FlagState.ON_HOLD).exists():
        return was
    if was != AppointmentStatus.CONFIRMED:
        raise OnHold
    return AppointmentStatus.BOOKED


@transaction.atomic
def confirm_coming(appointment: Appointment, *, sequence: int, by: User | None, now: datetime, reason: str = "") -> Appointment:
    """Its client says that they are coming. Twice is the same as once.

    ``sequence`` is the version of the time they were told of. ``by`` is nobody where only a link was opened or a text message
    came. Raises CannotChange for a session that was moved since, has begun or is gone, and OnHold; nothing is written then. What
    is said never tells more than that something is still needed.
    """
    current = _locked(appointment)
    if current.status not in CHANGEABLE or current.starts_at <= now:
        raise CannotChange(_("This session has begun, or is no longer booked. Nothing was changed."))
    if current.sequence != sequence:
        raise CannotChange(_("This session was moved in the meantime. Nothing was changed; here is when it is now."))
    if current.status == AppointmentStatus.CONFIRMED:
        return current
    try:
        return set_status(current, AppointmentStatus.CONFIRMED, by=by, now=now, reason=reason)
    except OnHold:
        raise OnHold(_("Your time stays yours, but something is still needed before it is confirmed.")) from None


def _locked(appointment: Appointment) -> Appointment:
    """The row as it is now; whatever else is done to the sessions of its client waits until the end of the transaction."""
    if appointment.client_id is not None:
        lock_client(appointment.client_id)
    return (
        Appointment.objects.select_for_update(of=("self",))
        .select_related("client", "therapist", "treatment__location")
        .get(pk=appointment.pk)
    )
