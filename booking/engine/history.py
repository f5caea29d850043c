"""What people decided about a client's answers, and what that leaves of the flags of a session. Plain Python.

A decision or a clearance stands for the grounds it was made on, so it holds for every session on the same grounds or fewer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from booking.engine.matching import Match, Verdict
from booking.engine.slots import Key
from clients.triage import Flags


@dataclass(frozen=True)
class Cleared:
    """A doctor's word about ``grounds``, for sessions until a date; None means for good."""

    grounds: frozenset[str]
    until: date | None = None


@dataclass(frozen=True)
class Decided:
    key: UUID
    therapist: Key
    grounds: frozenset[str]
    turned_away: bool = False
    doctor_first: bool = False


@dataclass(frozen=True)
class History:
    """``decided`` has the newest first."""

    cleared: Sequence[Cleared] = ()
    decided: Sequence[Decided] = ()

    def left_of(self, said: Flags, on: date) -> Flags:
        """The flags without what is cleared for a session on a date."""
        standing = [each.grounds for each in self.cleared if each.until is None or on <= each.until]
        return said.cleared(frozenset().union(*standing)) if standing else said

    def about(self, therapist: Key, match: Match) -> Decided | None:
        """The decision of a therapist that covers everything there is to decide; None too where there is nothing."""
        own = (each for each in self.decided if each.therapist == therapist)
        return next((each for each in own if match.to_decide <= each.grounds), None) if match.to_decide else None

    def settled(self, therapist: Key, match: Match) -> Match:
        """The match with what this therapist decided about just this client, which goes before their policies."""
        decided = self.about(therapist, match)
        if decided is None:
            return match
        return replace(match, verdict=Verdict.DECLINES if decided.turned_away else Verdict.REVIEW)
