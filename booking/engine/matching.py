"""Who may treat whom: what a therapist can do, held against what a client's answers mean and wish.

``matched`` answers for one therapist and the flags of one date. Above every policy stands that a stop is never softened, and that
a medicine which nobody knows is never taken for granted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from clients.record import Wishes
from clients.triage import UNKNOWN, Flags, Pressure, Reason, Severity, Source, combined


class Stance(StrEnum):
    """What a therapist does about a medicine class or a condition; without one its own severity stands."""

    ACCEPT = "accept"
    REVIEW = "review"
    DECLINE = "decline"


@dataclass(frozen=True)
class Abilities:
    """What one therapist can do. ``medicines`` by class code, ``conditions`` by the code of the question that asks about them.

    No ``areas`` means all of them; no ``gender`` that it is not said.
    """

    medicines: Mapping[str, Stance] = field(default_factory=dict)
    conditions: Mapping[str, Stance] = field(default_factory=dict)
    least: Pressure = Pressure.LIGHT
    most: Pressure = Pressure.INTENSE
    areas: frozenset[str] = frozenset()
    daily: bool = True
    gender: str = ""


class Verdict(StrEnum):
    """``REVIEW``: somebody has to decide before the session, be it the therapist or, for a stop, a doctor."""

    FITS = "fits"
    REVIEW = "review"
    DECLINES = "declines"


class Ground(StrEnum):
    """What a therapist declines for."""

    POLICY = "policy"
    PRESSURE = "pressure"
    AREAS = "areas"
    DAILY = "daily"


NO_WISHES = Wishes()


@dataclass(frozen=True)
class Match:
    """``flags`` are those by which this therapist has to treat; ``declined`` are the reasons of a policy that declines."""

    verdict: Verdict
    flags: Flags
    grounds: tuple[Ground, ...] = ()
    declined: tuple[Reason, ...] = ()

    @property
    def to_decide(self) -> frozenset[str]:
        """What this therapist has to decide about before a booked session; a daily course is no question of a single one."""
        own = {f"declines/{ground}" for ground in self.grounds if ground is not Ground.DAILY}
        return self.flags.to_decide | {reason.ground for reason in self.declined} | own


def matched(abilities: Abilities, flags: Flags, wishes: Wishes = NO_WISHES, *, daily: bool = False) -> Match:
    """Whether one therapist can treat somebody with these flags; ``daily``: in a session of a daily course."""
    declined = tuple(reason for reason in flags.reasons if _stance(abilities, reason) is Stance.DECLINE)
    treated = as_treated(abilities, flags)
    grounds = {
        Ground.POLICY: bool(declined),
        Ground.PRESSURE: _is_too_firm(abilities, treated, wishes),
        Ground.AREAS: bool(abilities.areas and wishes.regions) and abilities.areas.isdisjoint(wishes.regions.values()),
        Ground.DAILY: daily and not abilities.daily,
    }
    found = tuple(ground for ground, applies in grounds.items() if applies)
    to_decide = treated.severity >= Severity.REVIEW
    return Match(
        Verdict.DECLINES if found else Verdict.REVIEW if to_decide else Verdict.FITS,
        treated,
        found,
        declined,
    )


def as_treated(abilities: Abilities, flags: Flags) -> Flags:
    """The flags as this therapist has to treat them: ``REVIEW`` raises what only adapts, ``ACCEPT`` lets a review adapt."""
    if not abilities.medicines and not abilities.conditions:
        return flags
    own = [_by_policy(abilities, reason) for reason in flags.reasons]
    classes = [pair for pair in zip(flags.reasons, own, strict=True) if pair[0].source is Source.MEDICATION_CLASS]
    return combined([_summed_up(reason, classes) if reason.source is Source.SUMMARY else reason for reason in own])


def suits(abilities: Abilities, wishes: Wishes) -> tuple[bool, bool]:
    """A place in an order by a client's own preferences, the best first. They are preferences: nobody is left out for them."""
    other_gender = wishes.gender not in ("", "any") and abilities.gender != wishes.gender
    other_pressure = wishes.pressure is not None and not abilities.least <= wishes.pressure <= abilities.most
    return other_gender, other_pressure


def _stance(abilities: Abilities, reason: Reason) -> Stance | None:
    match reason.source:
        case Source.MEDICATION_CLASS:
            return abilities.medicines.get(reason.code)
        case Source.RULE if reason.severity > Severity.NONE:
            return abilities.conditions.get(reason.question)
    return None


def _by_policy(abilities: Abilities, reason: Reason) -> Reason:
    match _stance(abilities, reason), reason.severity:
        case Stance.REVIEW, Severity.ADAPT:
            return replace(reason, severity=Severity.REVIEW)
        case Stance.ACCEPT, Severity.REVIEW if reason.code != UNKNOWN:
            return replace(reason, severity=Severity.ADAPT)
    return reason


def _summed_up(summary: Reason, classes: Sequence[tuple[Reason, Reason]]) -> Reason:
    """A summary says no more than the classes it sums up: where all of them were softened, so is it."""
    meant = [
        (was.severity, now.severity)
        for was, now in classes
        if was.question == summary.question and set(was.because) & set(summary.because)
    ]
    before, after = max((was for was, _now in meant), default=None), max((now for _was, now in meant), default=None)
    if summary.severity is Severity.REVIEW and before is Severity.REVIEW and after is Severity.ADAPT:
        return replace(summary, severity=Severity.ADAPT)
    return summary


def _is_too_firm(abilities: Abilities, flags: Flags, wishes: Wishes) -> bool:
    """Whether all that may be done is lighter than they work.

    Where nobody may press at all it is no question of pressure: then somebody has to decide what can be done.
    """
    caps = [flags.at(region).cap for region in wishes.regions] or [flags.everywhere.cap]
    return all(cap is not None and max(cap, Pressure.LIGHT) < abilities.least for cap in caps)
