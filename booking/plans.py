"""The plan for the hands: where a session may be worked on, how firmly, and what to leave alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from booking.models import Clearance, Decision
from booking.reading import Reading, whole
from booking.services.decisions import Terms
from clients.models import BodyRegion, Medication, Route
from clients.spelling import key_of
from clients.triage import Flags, Pressure
from clients.wording import PRESSURES

#: The classes of medicines that a limit to one kind of pain relief rules out; aspirin works like the anti-inflammatory ones.
KINDS: Mapping[str, frozenset[str]] = {
    "nsaid": frozenset({"NSAID", "ASPIRIN"}),
    "aspirin": frozenset({"NSAID", "ASPIRIN"}),
    "acetaminophen": frozenset({"ANALGESIC"}),
    "opioid": frozenset({"OPIOID", "OPIOID_DEP_TX"}),
    "topical": frozenset({"TOPICAL_ANALGESIC"}),
}
ON_THE_SKIN = (Route.TOPICAL, Route.PATCH)
NO_LIMITS = ("none",)

#: The regions that somebody agrees to by an answer to ``consent_areas``; without it nobody works there.
BY_AGREEMENT: Mapping[str, tuple[str, ...]] = {
    "buttock": ("BUTTOCK_L", "BUTTOCK_R"),
    "hip_groin": ("HIP_FRONT_L", "HIP_FRONT_R"),
    "inner_thigh": ("THIGH_INNER_L", "THIGH_INNER_R"),
    "chest": ("CHEST_UPPER_L", "CHEST_UPPER_R", "BREASTBONE"),
    "abdomen": ("ABDOMEN_MID",),
}
WARM_UP = {
    "yes": _("Can warm up before the session: a warm shower, a short walk or gentle movement."),
    "limited": _("Only gentle movement beforehand."),
    "no": _("Not beforehand. Plan the warm-up within the session."),
}
#: What stands on the chart at the highest pressure allowed, and the word by which the style sheet knows it.
MARKS = {
    Pressure.NONE: ("×", "none"),
    Pressure.LIGHT: ("3", "light"),
    Pressure.MEDIUM: ("5", "medium"),
    Pressure.FIRM: ("7", "firm"),
    Pressure.INTENSE: ("8", "intense"),
}


@dataclass(frozen=True)
class Limited:
    """The parts of the body with one limit, and how the chart marks them."""

    cap: Pressure
    places: Sequence[BodyRegion]

    @property
    def mark(self) -> str:
        return MARKS[self.cap][0]

    @property
    def shade(self) -> str:
        return MARKS[self.cap][1]

    @property
    def words(self) -> str | Promise:
        return PRESSURES[self.cap]


@dataclass(frozen=True)
class Untouched:
    """Parts of the body that nobody works on, and why."""

    why: str | Promise
    places: Sequence[str]


@dataclass(frozen=True)
class SessionPlan:
    """What counts for one session: the answers, less what was cleared, within what its therapist decided.

    ``everywhere`` is the most for the whole body, ``limited`` the parts with less, ``untouched`` the parts to leave out.
    ``decision`` and ``terms`` are those that count, ``minutes`` the most that may be used.
    """

    everywhere: Pressure | None
    limited: Sequence[Limited]
    untouched: Sequence[Untouched]
    shades: Mapping[str, str]
    marks: Sequence[tuple[BodyRegion, str]]
    agreed_to: Sequence[str]
    warm_up: str | Promise
    patches: Sequence[str] | None
    not_to_mention: Sequence[str]
    decision: Decision | None
    terms: Terms
    clearances: Sequence[Clearance]

    @property
    def everywhere_in_words(self) -> str | Promise:
        return PRESSURES[self.everywhere]

    @property
    def legend(self) -> list[tuple[str, str, str | Promise]]:
        """The marks that stand on the chart, with their shade and words, the most careful first."""
        used = set(self.shades.values())
        words = PRESSURES | {Pressure.NONE: _("not to touch")}
        return [(mark, shade, words[cap]) for cap, (mark, shade) in MARKS.items() if shade in used]


def plan_of(reading: Reading) -> SessionPlan:
    """The plan for the session of a reading."""
    flags, regions = reading.standing.flags, reading.regions
    decision = reading.standing.decision if flags.to_decide else None
    terms = Terms.of(decision) if decision else Terms()
    agreed = reading.answer("consent_areas") or ()
    untouched = _untouched(reading, terms, agreed)
    parts = [code for code, region in regions.items() if region.treatable != BodyRegion.Treatable.GROUP]
    caps = caps_by_region(flags, terms, parts) | {code: Pressure.NONE for _why, codes in untouched for code in codes}
    everywhere = _lowest(flags.everywhere.cap, terms.cap)
    limited = _limited(caps, everywhere, reading)
    return SessionPlan(
        everywhere=everywhere,
        limited=[each for each in limited if each.cap is not Pressure.NONE],
        untouched=[Untouched(why, reading.places(codes)) for why, codes in untouched if codes],
        shades=_shades(caps, reading),
        marks=[(place, each.mark) for each in limited for place in each.places],
        agreed_to=reading.places(code for each in agreed for code in BY_AGREEMENT.get(each, ())),
        warm_up=WARM_UP.get(reading.answer("warmup_ok"), ""),
        patches=_patches(reading),
        not_to_mention=_not_to_mention(reading),
        decision=decision,
        terms=terms,
        clearances=reading.clearances,
    )


def caps_by_region(flags: Flags, terms: Terms, parts: Iterable[str]) -> dict[str, Pressure | None]:
    """The most pressure for each part of the body; None where nothing limits it."""
    return {code: _lowest(flags.at(code).cap, terms.cap) for code in parts}


def _lowest(*caps: Pressure | None) -> Pressure | None:
    return min((cap for cap in caps if cap is not None), default=None)


def _untouched(reading: Reading, terms: Terms, agreed: Collection[str]) -> list[tuple[str | Promise, set[str]]]:
    """The regions to leave out, each once, by the first of these reasons."""
    wish = {spot["region"] for spot in reading.answer("avoid_areas") or ()}
    without = {code for answer, codes in BY_AGREEMENT.items() if answer not in agreed for code in codes}
    found: list[tuple[str | Promise, set[str]]] = []
    seen: set[str] = set()
    for why, codes in (
        (_("By the answers"), set(reading.standing.flags.untouched) - wish),
        (_("Does not want to be touched"), wish),
        (_("Left out by the decision"), set(terms.regions)),
        (_("Not agreed to"), without),
    ):
        found.append((why, codes - seen))
        seen |= codes
    return found


def _limited(caps: Mapping[str, Pressure | None], everywhere: Pressure | None, reading: Reading) -> list[Limited]:
    """The parts whose limit is not that of the whole body, the lowest first."""
    by_cap: dict[Pressure, list[str]] = {}
    for code, cap in caps.items():
        if cap is not None and cap != everywhere:
            by_cap.setdefault(cap, []).append(code)
    return [Limited(cap, whole(by_cap[cap], reading.regions)) for cap in sorted(by_cap)]


def _shades(caps: Mapping[str, Pressure | None], reading: Reading) -> dict[str, str]:
    """The most careful first, as parts of the drawing are shared. An area whose parts are all alike is one part of it."""
    by_cap: dict[Pressure, list[str]] = {}
    for code, cap in caps.items():
        if cap is not None:
            by_cap.setdefault(cap, []).append(code)
    areas = {cap: [region.code for region in whole(codes, reading.regions)] for cap, codes in by_cap.items()}
    return {code: MARKS[cap][1] for cap in sorted(by_cap) for code in (*by_cap[cap], *areas[cap])}


def _patches(reading: Reading) -> tuple[str, ...] | None:
    """Where a medicine patch is; none named means that it has to be asked. None where there is none."""
    found = [reason for reason in reading.standing.flags.reasons if reason.code == "PATCH"]
    return reading.places({code for reason in found for code in reason.regions}) if found else None


# ---- pain relief ------------------------------------------------------------------------------------------------------------


def mentionable(names: Iterable[str], limits: Collection[str], listed: Iterable[Medication]) -> list[str]:
    """Of the painkillers with these names, those that a client with these ``pain_relief_limits`` may be told of.

    ``listed`` are the medicines of those names. None where the client is not sure or has not said; and with any limit none
    whose kind the list does not tell.
    """
    if "unsure" in limits or not limits:
        return []
    ruled_out = frozenset(code for limit in limits for code in KINDS.get(limit, ()))
    by_key: dict[str, list[Medication]] = {}
    for row in listed:
        by_key.setdefault(row.key, []).append(row)
    return [
        name
        for name in names
        if tuple(limits) == NO_LIMITS or _is_fine(by_key.get(key_of(name), []), ruled_out, skin="topical" not in limits)
    ]


def _is_fine(rows: Collection[Medication], ruled_out: frozenset[str], *, skin: bool) -> bool:
    kinds = {code for row in rows for code in row.class_codes}
    known = not kinds.isdisjoint(code for codes in KINDS.values() for code in codes)
    on_skin = any(row.route in ON_THE_SKIN for row in rows)
    return known and kinds.isdisjoint(ruled_out) and (skin or not on_skin)


def _not_to_mention(reading: Reading) -> list[str]:
    said = reading.answer("pain_relief_limits") or []
    return [] if tuple(said) == NO_LIMITS else reading.answer_in_words("pain_relief_limits")
