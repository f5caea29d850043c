"""What the answers of clients mean for their sessions: weighed for each session's date, and kept beside it.

``weigh`` runs whenever that may have changed: answers or agreements, a booking, a move, a decision, a clearance, and every night
for what time has done. Lists read what it stored; whoever reads one session's answers gets ``standings`` worked out afresh.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from booking.engine.history import Decided
from booking.engine.matching import Match
from booking.enums import (
    CHANGEABLE,
    AppointmentStatus,
    AuditAction,
    FlagState,
    Light,
    NotificationKind,
)
from booking.models import Appointment, AuditEntry, Decision, Notification, SessionFlag
from booking.notifications.outbox import enqueue
from booking.queries import history_of, matches
from booking.services.asking import sent_by, sessions_that_ask
from booking.services.guard import lock_client
from clients.exceptions import NoConsent
from clients.models import Client, Response
from clients.services.responses import is_over, record_of
from clients.triage import Flags, Severity

#: Sessions that the answers can still change.
OPEN = (*CHANGEABLE, AppointmentStatus.ARRIVED)


@dataclass(frozen=True)
class Standing:
    """Where a session stands: what the answers mean at its date, without what was cleared, and what is still in the way.

    ``grounds`` are those to be cleared where it is on hold, and else those to be decided. ``decision`` is the one that counts.
    """

    flags: Flags
    state: FlagState
    grounds: frozenset[str]
    decision: Decision | None


def standings(client: Client, sessions: Sequence[Appointment], *, now: datetime) -> dict[UUID, Standing]:
    """Where sessions of one client stand, by id; nothing while nothing was sent. Raises NoConsent once that was withdrawn."""
    record = record_of(client.pk)
    if record is None:
        return {}
    history = history_of(client.pk)
    decisions = {decision.pk: decision for decision in client.decisions.all()}
    asked = [(session.therapist_id, session.local_date) for session in sessions]
    found = matches(client.pk, asked, now=now)
    return {
        session.pk: _standing(match, history.about(session.therapist_id, match), decisions)
        for session, match in zip(sessions, found, strict=True)
    }


def _standing(match: Match, decided: Decided | None, decisions: Mapping[UUID, Decision]) -> Standing:
    decision = decisions[decided.key] if decided else None
    if match.flags.severity is Severity.STOP:
        return Standing(match.flags, FlagState.ON_HOLD, match.flags.stops, decision)
    if not match.to_decide:
        return Standing(match.flags, FlagState.CLEAR, frozenset(), decision)
    return Standing(match.flags, _decided(decided), match.to_decide, decision)


def _decided(decided: Decided | None) -> FlagState:
    if decided is None:
        return FlagState.TO_DECIDE
    if decided.turned_away:
        return FlagState.DECLINED
    return FlagState.ON_HOLD if decided.doctor_first else FlagState.DECIDED


# ---- weighing ---------------------------------------------------------------------------------------------------------------


def weigh(client: Client, *, now: datetime) -> None:
    """Work out anew where every session of a client stands that is still ahead, and keep it.

    What is newly to be decided is told to its therapist once, for the soonest session. A session that is on hold is no longer
    confirmed. Once the consent was withdrawn nothing is kept. Must run inside a transaction that holds the client's lock.
    """
    ahead = Appointment.objects.filter(client=client, status__in=OPEN, ends_at__gt=now)
    if not client.responses.submitted().exists():
        SessionFlag.objects.filter(appointment__in=ahead).delete()
        return
    sessions = list(ahead.select_related("therapist__user").order_by("starts_at", "pk"))
    try:
        found = standings(client, sessions, now=now)
    except NoConsent:
        found = {}
    if not found:
        SessionFlag.objects.filter(appointment__in=sessions).delete()
        return
    kept = {flag.appointment_id: flag for flag in SessionFlag.objects.filter(appointment__in=sessions)}
    raised = [each for each in sessions if _keep(each, found[each.pk], kept.get(each.pk), now=now)]
    _tell_therapists(client, raised, now=now)


@transaction.atomic
def weigh_alone(client: Client, *, now: datetime) -> None:
    """Weigh one client, as the whole of a transaction or before all its other locks."""
    lock_client(client.pk)
    weigh(client, now=now)


def on_answers_changed(client: Client, now: datetime, **_signal: object) -> None:
    """Receives ``clients.signals.answers_changed``."""
    weigh_alone(client, now=now)


def weigh_all(now: datetime) -> int:
    """Weigh every client with answers and sessions ahead, each in a transaction of their own, and say how many there were."""
    ahead = Appointment.objects.filter(status__in=OPEN, ends_at__gt=now, client__responses__state=Response.State.SUBMITTED)
    clients = Client.objects.filter(pk__in=ahead.values("client"))
    for client in clients.iterator():
        weigh_alone(client, now=now)
    return clients.count()


def _keep(session: Appointment, standing: Standing, flag: SessionFlag | None, *, now: datetime) -> bool:
    """Store where a session stands, if that changed, and say whether there is something new to decide."""
    was = flag.state if flag else None
    grounds = sorted(standing.grounds)
    severity = standing.flags.severity.name.lower()
    if flag is not None and (flag.state, flag.severity, flag.grounds) == (standing.state, severity, grounds):
        return False
    is_new = standing.state == FlagState.TO_DECIDE and (was != FlagState.TO_DECIDE or flag is None or flag.grounds != grounds)
    flag = flag or SessionFlag(appointment=session, round=_rounds_before(session))
    flag.state, flag.severity, flag.grounds, flag.weighed_at = standing.state, severity, grounds, now
    flag.round += is_new
    if is_new:
        flag.open_since = now
    elif standing.state != FlagState.TO_DECIDE:
        flag.open_since = None
    if standing.state == FlagState.ON_HOLD and was != FlagState.ON_HOLD:
        _put_on_hold(session, now=now)
    flag.save()
    return is_new


def _rounds_before(session: Appointment) -> int:
    """How often somebody was told, where the answers were locked away and are used again."""
    told = Notification.objects.filter(appointment=session, kind=NotificationKind.REVIEW)
    return told.aggregate(last=Max("sequence", default=0))["last"]  # type: ignore[no-any-return]


def _put_on_hold(session: Appointment, *, now: datetime) -> None:
    before = session.facts()
    if session.status == AppointmentStatus.CONFIRMED:
        session.status = AppointmentStatus.BOOKED
        session.save(update_fields=["status"])
    AuditEntry.objects.create(
        appointment=session,
        action=AuditAction.ON_HOLD,
        at=now,
        sequence=session.sequence,
        before=before,
        after=session.facts(),
    )


def _tell_therapists(client: Client, raised: Sequence[Appointment], *, now: datetime) -> None:
    soonest = {session.therapist_id: session for session in reversed(raised)}
    for session in soonest.values():
        tell_of_review(NotificationKind.REVIEW, client, session, now=now)


def tell_of_review(kind: NotificationKind, client: Client, session: Appointment, *, now: datetime) -> None:
    """Write to the therapist, once a round, that something waits for a decision; one without a sign-in has only the list."""
    user = session.therapist.user
    if user is not None:
        version = SessionFlag.objects.get(appointment=session).round
        enqueue(kind, client=client, appointment=session, now=now, recipient=user.email, version=version)


# ---- lights -----------------------------------------------------------------------------------------------------------------


LIGHTS = {
    Severity.NONE: Light.READY,
    Severity.ADAPT: Light.ADJUSTED,
    Severity.REVIEW: Light.TO_CHECK,
    Severity.STOP: Light.ON_HOLD,
}


def light_of(appointment: Appointment, *, now: datetime) -> Light:
    """The light of one session. Nothing is logged: no answer is shown."""
    return lights_of([appointment], now=now)[appointment.pk]


def lights_of(appointments: Collection[Appointment], *, now: datetime) -> Mapping[UUID, Light]:
    """The lights of many sessions in a few queries, by what was weighed last."""
    sent = sent_by({each.client_id for each in appointments})
    flags = SessionFlag.objects.filter(appointment__in=[each.pk for each in appointments])
    weighed = {pk: (state, severity) for pk, state, severity in flags.values_list("appointment_id", "state", "severity")}
    asking = sessions_that_ask(appointments, now=now, sent=sent)
    due = {each.pk for each in appointments if is_over(sent.full.get(each.client_id), on=each.local_date)} | asking
    return {each.pk: _light(*weighed.get(each.pk, (None, "")), is_due=each.pk in due) for each in appointments}


def _light(state: str | None, severity: str, *, is_due: bool) -> Light:
    """What is on hold stays so until it is lifted; anything less says little while the form itself is waited for.

    Without a ``state`` nothing was weighed.
    """
    if state == FlagState.ON_HOLD:
        return Light.ON_HOLD
    if state is None or is_due:
        return Light.WAITING
    if state in (FlagState.TO_DECIDE, FlagState.DECLINED):
        return Light.TO_CHECK
    return Light.READY if severity == Severity.NONE.name.lower() else Light.ADJUSTED
