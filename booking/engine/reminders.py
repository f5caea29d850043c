"""When a notice around a session is due, by the practice's rules; or why there is none.

Instants and wall minutes are those of ``booking.engine.zones``. Nothing is scheduled: what is due follows at
any moment from where the session is now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto

from booking.engine.offering import Quiet, is_quiet
from booking.engine.zones import earlier, later

#: Minutes before the quiet hours at which a notice leaves that would fall into them, so that many can still leave in time.
BEFORE_NIGHT = 60


@dataclass(frozen=True)
class Rule:
    """A notice ``lead`` before a session. ``since``: the instant it was switched on.

    ``to_morning``: the quiet hours move it to the morning after, where that is before the start; otherwise to the evening before.
    """

    lead: timedelta
    since: int
    to_morning: bool = False


@dataclass(frozen=True)
class Session:
    """Where a session is. ``made``: the instant it was booked, or moved there."""

    zone: str
    start: int
    made: int


class NotDue(Enum):
    """Why a rule sends nothing about a session."""

    JUST_TOLD = auto()  # booked or moved later than that; the notice of this serves
    BEFORE_RULE = auto()  # it would have been due before the rule was switched on
    SERVED = auto()  # a notice nearer the start is due at the same minute, or before it


Plan = Mapping[Rule, int | NotDue]


def plan(rules: Iterable[Rule], session: Session, quiet: Quiet) -> Plan:
    """By rule, the instant at which its notice about a session is due; always before the start, never in the quiet hours."""
    found: dict[Rule, int | NotDue] = {}
    nearest: int | None = None
    for rule in sorted(rules, key=lambda rule: rule.lead):
        due = _due(rule, session, quiet)
        if isinstance(due, int) and nearest is not None and nearest <= due:
            due = NotDue.SERVED
        elif isinstance(due, int):
            nearest = due
        found[rule] = due
    return found


def _due(rule: Rule, session: Session, quiet: Quiet) -> int | NotDue:
    nominal = earlier(session.zone, session.start, rule.lead)
    due = nominal
    if is_quiet(session.zone, quiet, nominal):
        morning = waking(session.zone, quiet, nominal)
        due = morning if rule.to_morning and morning < session.start else _evening(session.zone, quiet, nominal)
    if min(nominal, due) <= session.made:
        return NotDue.JUST_TOLD
    return due if min(nominal, due) >= rule.since else NotDue.BEFORE_RULE


def due_after(rule: Rule, zone: str, end: int, quiet: Quiet) -> int | NotDue:
    """The instant at which the notice ``lead`` after a session is due; the quiet hours move it to the morning."""
    nominal = later(zone, end, rule.lead)
    return waking(zone, quiet, nominal) if nominal >= rule.since else NotDue.BEFORE_RULE


def waking(zone: str, quiet: Quiet, instant: int) -> int:
    """The instant itself, or in quiet hours the first after them."""
    while is_quiet(zone, quiet, instant):
        instant += 1
    return instant


def _evening(zone: str, quiet: Quiet, instant: int) -> int:
    """BEFORE_NIGHT minutes before the quiet hours around an instant, or as many as there are between two nights."""
    while is_quiet(zone, quiet, instant):
        instant -= 1
    left = 1
    while left < BEFORE_NIGHT and not is_quiet(zone, quiet, instant - 1):
        instant -= 1
        left += 1
    return instant
