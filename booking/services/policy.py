"""What the practice allows its clients to change by themselves, and who may lift that."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from booking.engine.zones import earlier
from booking.enums import UNSETTLED
from booking.exceptions import AgreementWithdrawn, NotAllowed, TooLate, TooManyMoves
from booking.models import Appointment, Replacement
from booking.queries import minute_of, moment_of
from clients.models import Client, User
from clients.services.consents import withdrew_health_data
from therapists.models import Treatment

OVERRIDE = "booking.override_rules"


def free_until(treatment: Treatment) -> timedelta:
    """How long before a session it can be changed freely; the treatment's own rule goes before the practice's."""
    return treatment.location.free_until if treatment.free_until is None else treatment.free_until


def deadline(appointment: Appointment) -> datetime:
    """The last moment at which a session can be changed freely. 24 hours before is the same clock time the day before."""
    before = free_until(appointment.treatment)
    return moment_of(earlier(appointment.zone, minute_of(appointment.starts_at), before))


def is_late(appointment: Appointment, now: datetime) -> bool:
    return now > deadline(appointment)


def has_moves_left(appointment: Appointment) -> bool:
    allowed = appointment.treatment.location.moves_allowed
    return allowed is None or appointment.moves < allowed


def bound(sessions: Collection[Appointment]) -> list[Appointment]:
    """Those that the policy is about: all but the ones that the practice itself broke and nobody has settled yet."""
    pending = Replacement.objects.pending().filter(appointment__in=[each.pk for each in sessions])
    broken = set(pending.filter(repair__state__in=UNSETTLED).values_list("appointment", flat=True))
    return [each for each in sessions if each.pk not in broken]


def late_ones(sessions: Collection[Appointment], now: datetime) -> list[Appointment]:
    """Those whose cancellation counts as late."""
    return [each for each in bound(sessions) if is_late(each, now)]


def fixed_ones(sessions: Collection[Appointment], now: datetime) -> list[Appointment]:
    """Those that cannot be moved: too late, or moved as often as the practice allows."""
    return [each for each in bound(sessions) if is_late(each, now) or not has_moves_left(each)]


def require_movable(appointment: Appointment, now: datetime) -> None:
    """Raises TooLate or TooManyMoves where the policy stands in the way of a move."""
    if is_late(appointment, now):
        raise TooLate(appointment=appointment)
    if not has_moves_left(appointment):
        raise TooManyMoves(appointment=appointment)


def require_agreement(client: Client, *, by: User | None) -> None:
    """Raises AgreementWithdrawn, in the words for who asks, when the client took back that health answers are used.

    Moving and cancelling what is booked stays possible.
    """
    if withdrew_health_data(client):
        raise AgreementWithdrawn(AgreementWithdrawn.to_staff if by is not None and by.is_staff else None)


def require_override(by: User | None, reason: str) -> bool:
    """Whether a rule is lifted, which a typed reason does. Raises NotAllowed for somebody who may not."""
    if reason and (by is None or not by.has_perm(OVERRIDE)):
        raise NotAllowed
    return bool(reason)
