"""How a series stands: what of it was used, missed or moved, and what is to come."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from booking.enums import AppointmentStatus, Outcome
from booking.ical import GONE
from booking.models import Appointment, PlannedDate


@dataclass(frozen=True)
class Course:
    """A series as one thread. ``session``: its first."""

    session: Appointment
    outcomes: Sequence[str]
    done: int
    missed: int
    cancelled: int

    @classmethod
    def of(cls, rows: Sequence[Appointment]) -> Course:
        """From all sessions of a series, in order of the dates planned; the wishes behind them are at hand."""
        states = [row.status for row in rows]
        return cls(
            rows[0],
            [outcome_of(row).value for row in rows],
            done=states.count(AppointmentStatus.DONE),
            missed=states.count(AppointmentStatus.NO_SHOW),
            cancelled=sum(state in GONE for state in states),
        )

    @property
    def left(self) -> int:
        return len(self.outcomes) - self.done - self.missed - self.cancelled

    @property
    def deviated(self) -> int:
        """How many are not where, or with whom, they were wished for."""
        return sum(outcome in (Outcome.MOVED, Outcome.OTHER_THERAPIST) for outcome in self.outcomes)


def outcome_of(session: Appointment) -> Outcome:
    """What became of the date that the series wished for; a session of its own is always as wished."""
    if session.status in GONE:
        return Outcome.NOT_POSSIBLE
    wish: PlannedDate | None = getattr(session, "planned_date", None)
    return Outcome.KEPT if wish is None else wish.outcome_of(session)


def sessions_by_series(series: Collection[UUID]) -> dict[UUID, list[Appointment]]:
    """All sessions of some series in order of the dates planned, one query."""
    found: dict[UUID, list[Appointment]] = {}
    rows = Appointment.objects.filter(series__in=series).select_related("planned_date", "treatment")
    for row in rows.order_by("position"):
        assert row.series_id is not None
        found.setdefault(row.series_id, []).append(row)
    return found
