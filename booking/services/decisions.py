"""A therapist decides about a client's answers, or somebody notices that nobody did."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from django.db import transaction

from booking.enums import TURNED_AWAY, AuditAction, DecisionOutcome, FlagState, NotificationKind
from booking.exceptions import DecidedMeanwhile
from booking.models import Appointment, AuditEntry, Decision, Notification, SessionFlag
from booking.notifications.outbox import enqueue
from booking.services.guard import lock_client
from booking.services.intake import tell_of_review, weigh
from booking.services.repairs import find_other_therapists
from clients.models import User
from clients.triage import Pressure
from therapists.models import Location


@dataclass(frozen=True)
class Terms:
    """Within what a session goes ahead, beside what the answers limit: at most this pressure (``Pressure`` by name, in lower
    case), without these regions, for so many minutes. ``reason`` is for the record.
    """

    pressure: str = ""
    regions: tuple[str, ...] = ()
    minutes: int | None = None
    reason: str = ""

    @classmethod
    def of(cls, decision: Decision) -> Self:
        kept: dict[str, Any] = decision.terms
        return cls(kept["pressure"], tuple(kept["regions"]), kept["minutes"], kept["reason"])

    @property
    def cap(self) -> Pressure | None:
        return Pressure[self.pressure.upper()] if self.pressure else None


@transaction.atomic
def decide(session: Appointment, outcome: DecisionOutcome, terms: Terms, *, by: User, now: datetime, seen_round: int) -> Decision:
    """Decide about the answers of a session's client, as its therapist. It holds for their other sessions on the same grounds.

    ``seen_round`` is the round of the flag that was on the page. Who is turned away is offered another therapist at the nearest
    time, held for them. Raises DecidedMeanwhile when the answers or the decision are no longer those; nothing is written then.
    """
    assert session.client_id is not None
    lock_client(session.client_id)
    flag = SessionFlag.objects.select_for_update().filter(appointment=session).first()
    if flag is None or flag.round != seen_round or flag.state != FlagState.TO_DECIDE:
        raise DecidedMeanwhile
    return _decide(flag, outcome, terms, by=by, now=now)


def _decide(flag: SessionFlag, outcome: DecisionOutcome, terms: Terms, *, by: User | None, now: datetime) -> Decision:
    session = Appointment.objects.select_related("client", "therapist").get(pk=flag.appointment_id)
    assert session.client is not None
    decision = Decision.objects.create(
        client=session.client,
        therapist=session.therapist,
        appointment=session,
        outcome=outcome,
        terms=asdict(terms),
        grounds=flag.grounds,
        by=by,
        at=now,
    )
    AuditEntry.objects.create(appointment=session, action=AuditAction.DECIDED, by=by, at=now, sequence=session.sequence)
    weigh(session.client, now=now)
    if outcome in TURNED_AWAY:
        find_other_therapists(session.client, by=by, now=now, cause=str(session.therapist))
    return decision


# ---- nobody decided ---------------------------------------------------------------------------------------------------------


def escalate(now: datetime) -> int:
    """Remind therapists of what waits too long, then tell the desk, then let it lapse where the practice chose so.

    Says how many lapsed. Each notice goes out once a round.
    """
    lapsed = 0
    for flag in SessionFlag.objects.open(now).select_related("appointment__treatment__location", "appointment__client"):
        practice = flag.appointment.treatment.location
        assert flag.open_since is not None
        left = flag.appointment.starts_at - now
        if practice.review_lapses is not None and left <= practice.review_lapses:
            lapsed += _lapse(flag, now=now)
        elif left <= practice.review_to_desk:
            _tell_desk(flag, practice, now=now)
        elif now - flag.open_since >= practice.review_again:
            _remind(flag, now=now)
    return lapsed


@transaction.atomic
def _lapse(flag: SessionFlag, *, now: datetime) -> bool:
    assert flag.appointment.client_id is not None
    lock_client(flag.appointment.client_id)
    current = SessionFlag.objects.select_for_update().filter(pk=flag.pk, state=FlagState.TO_DECIDE, round=flag.round).first()
    if current is None:
        return False
    _decide(current, DecisionOutcome.LAPSED, Terms(), by=None, now=now)
    return True


@transaction.atomic
def _remind(flag: SessionFlag, *, now: datetime) -> None:
    session = flag.appointment
    assert session.client is not None
    if not _was_told(NotificationKind.REVIEW_AGAIN, flag):
        tell_of_review(NotificationKind.REVIEW_AGAIN, session.client, session, now=now)


@transaction.atomic
def _tell_desk(flag: SessionFlag, practice: Location, *, now: datetime) -> None:
    session = flag.appointment
    assert session.client is not None
    if practice.email and not _was_told(NotificationKind.REVIEW_LATE, flag):
        enqueue(
            NotificationKind.REVIEW_LATE,
            client=session.client,
            appointment=session,
            now=now,
            recipient=practice.email,
            version=flag.round,
        )


def _was_told(kind: NotificationKind, flag: SessionFlag) -> bool:
    lock_client(flag.appointment.client_id)  # type: ignore[arg-type]
    return Notification.objects.filter(kind=kind, appointment=flag.appointment_id, sequence=flag.round).exists()
