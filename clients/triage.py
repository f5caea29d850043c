"""What a client's answers mean for one session: plain Python, same input, same flags.

Answers are plain data by question code: text, a number, a list of choices, or a list of items (spots on the body, medicines,
injuries). A medicine carries the codes of its ``classes``; without any it counts as ``UNKNOWN``. Nothing here diagnoses: rules
say what a therapist must know or decide before touching somebody.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import IntEnum, StrEnum
from typing import Any

UNKNOWN = "UNKNOWN"

Answers = Mapping[str, Any]
Condition = Mapping[str, Any]


class Severity(IntEnum):
    NONE = 0
    ADAPT = 1
    REVIEW = 2
    STOP = 3


class Pressure(IntEnum):
    """The most that may be used, on the scale from 0 to 10 of which 9 and 10 are never used."""

    NONE = 0
    LIGHT = 3
    MEDIUM = 5
    FIRM = 7
    INTENSE = 8

    @classmethod
    def kind_of(cls, used: int) -> Pressure:
        """Light, medium, firm or intense: the kind of a pressure from 1 to 8. Raises ValueError for another number."""
        if not 1 <= used <= cls.INTENSE:
            raise ValueError(used)
        return next(kind for kind in cls if used <= kind)


class Source(StrEnum):
    """What a reason comes from: a rule, a medicine's class, or a rule that only says again what classes say."""

    RULE = "rule"
    MEDICATION_CLASS = "medication_class"
    SUMMARY = "summary"


class Scope(StrEnum):
    WHOLE_BODY = "whole_body"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a question: ``when`` it holds, the rest applies. No ``cap`` means that it limits no pressure.

    ``extra_minutes`` are added to a client's first session, ``rest_days`` lie between two of their sessions at least.
    """

    question: str
    code: str
    when: Condition
    severity: Severity
    scope: Scope
    cap: Pressure | None = None
    note: str = ""
    message: str = ""
    extra_minutes: int = 0
    rest_days: int = 0


@dataclass(frozen=True, slots=True)
class MedicationClass:
    code: str
    severity: Severity
    scope: Scope
    cap: Pressure | None = None
    label: str = ""
    client_label: str = ""
    note: str = ""
    message: str = ""
    #: what turns it into a stop, for the therapist to ask about
    ask: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the body, or (``treatable`` is "group") an area made of such parts."""

    code: str
    area: str
    treatable: str


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What answers are held against: one version's rules, the classes and the body."""

    rules: Sequence[Rule]
    classes: Mapping[str, MedicationClass]
    regions: Mapping[str, Region]
    #: the questions that list medicines
    medicines: frozenset[str] = frozenset()

    def parts(self, codes: Iterable[str]) -> frozenset[str]:
        """The regions meant: an area stands for all in it. Empty, or a code nobody knows, means the whole body: an empty set."""
        meant: set[str] = set()
        for code in codes:
            region = self.regions.get(code)
            if region is None:
                return frozenset()
            if region.treatable == "group":
                meant.update(each.code for each in self.regions.values() if each.area == code and each.treatable != "group")
            else:
                meant.add(code)
        return frozenset(meant)


@dataclass(frozen=True, slots=True)
class Limit:
    severity: Severity = Severity.NONE
    cap: Pressure | None = None

    def with_(self, other: Limit) -> Limit:
        """Both at once: the higher severity, the lower cap."""
        caps = [cap for cap in (self.cap, other.cap) if cap is not None]
        return Limit(max(self.severity, other.severity), min(caps, default=None))


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: the rule or class that applies, what in the answer made it apply, and where. No ``regions`` means everywhere."""

    code: str
    question: str
    severity: Severity
    scope: Scope
    cap: Pressure | None
    regions: frozenset[str]
    because: tuple[str, ...]
    note: str = ""
    message: str = ""
    ask: tuple[str, ...] = ()
    source: Source = Source.RULE
    extra_minutes: int = 0
    rest_days: int = 0

    @property
    def is_local(self) -> bool:
        return self.scope is Scope.LOCAL and bool(self.regions)

    @property
    def ground(self) -> str:
        """What somebody decides about: this rule, for this part of the answer, in these places. The same for the same facts."""
        return "/".join([self.question, self.code, "+".join(self.because), "+".join(sorted(self.regions))])


@dataclass(frozen=True, slots=True)
class Flags:
    """``severity`` decides about the session as a whole; a stop of one area only makes it one to review.

    ``everywhere`` holds for the whole body, ``regions`` for those that differ from it, ``blocked`` are those not to be treated
    before a clearance.
    """

    severity: Severity = Severity.NONE
    everywhere: Limit = Limit()
    regions: Mapping[str, Limit] = field(default_factory=dict)
    blocked: frozenset[str] = frozenset()
    reasons: tuple[Reason, ...] = ()

    @property
    def extra_minutes(self) -> int:
        """How much longer a first session has to be: the most that any reason asks for."""
        return max((reason.extra_minutes for reason in self.reasons), default=0)

    @property
    def rest_days(self) -> int:
        """How many whole days have to lie between two sessions: the most that any reason asks for."""
        return max((reason.rest_days for reason in self.reasons), default=0)

    def at(self, region: str) -> Limit:
        return self.regions.get(region, self.everywhere)

    @property
    def untouched(self) -> frozenset[str]:
        """Regions in which nobody may press, blocked or not, when it is not the whole body."""
        return frozenset(code for code, limit in self.regions.items() if limit.cap is Pressure.NONE) | self.blocked

    @property
    def stops(self) -> frozenset[str]:
        """The grounds that only a clearance lifts, those of single areas included."""
        return frozenset(reason.ground for reason in self.reasons if reason.severity is Severity.STOP)

    @property
    def to_decide(self) -> frozenset[str]:
        """The grounds that somebody has to decide about before the session."""
        return frozenset(reason.ground for reason in self.reasons if reason.severity >= Severity.REVIEW)

    def cleared(self, grounds: Collection[str]) -> Flags:
        """What is left when a doctor has cleared these grounds: something to know, and of a stop no limit either."""
        return combined([_cleared(reason) if reason.ground in grounds else reason for reason in self.reasons])


def _cleared(reason: Reason) -> Reason:
    cap = None if reason.severity is Severity.STOP else reason.cap
    return replace(reason, severity=min(reason.severity, Severity.ADAPT), cap=cap)


@dataclass(frozen=True, slots=True)
class _Hit:
    """One time a rule holds: for which item of a list (if it is one), where, and by which part of the answer."""

    item: int | None
    regions: frozenset[str]
    because: tuple[str, ...]


def triage(answers: Answers, known: Knowledge, on: date) -> Flags:
    """The flags for a session on the date ``on``. Of several date rules for one item only the most severe stand."""
    reasons = [reason for question in _questions(known) for reason in _reasons_of(question, answers, known, on)]
    return combined(reasons)


def _questions(known: Knowledge) -> list[str]:
    return list(dict.fromkeys([rule.question for rule in known.rules] + sorted(known.medicines)))


def _reasons_of(question: str, answers: Answers, known: Knowledge, on: date) -> list[Reason]:
    if question not in answers:
        return []
    value = answers[question]
    found = [(rule, hit) for rule in known.rules if rule.question == question for hit in _hits(rule.when, value, known, on)]
    worst: dict[int, Severity] = {}
    for rule, hit in found:
        if hit.item is not None:
            worst[hit.item] = max(rule.severity, worst.get(hit.item, Severity.NONE))
    reasons = [_reason(rule, hit) for rule, hit in found if hit.item is None or rule.severity == worst[hit.item]]
    if question in known.medicines:
        reasons += _reasons_of_classes(question, value, known)
    return reasons


def _reason(rule: Rule, hit: _Hit) -> Reason:
    return Reason(
        rule.code,
        rule.question,
        rule.severity,
        rule.scope,
        rule.cap,
        hit.regions,
        hit.because,
        rule.note,
        rule.message,
        source=Source.SUMMARY if rule.when["op"] == "medication_severity" else Source.RULE,
        extra_minutes=rule.extra_minutes,
        rest_days=rule.rest_days,
    )


def _reasons_of_classes(question: str, medicines: Sequence[Mapping[str, Any]], known: Knowledge) -> list[Reason]:
    """Each class of each medicine limits by itself, whatever the rules say about the list."""
    return [
        Reason(
            of.code,
            question,
            of.severity,
            of.scope,
            of.cap,
            known.parts(places_of([medicine])),
            (str(medicine.get("name", "")),),
            of.note,
            of.message,
            of.ask,
            Source.MEDICATION_CLASS,
        )
        for medicine in medicines
        for of in _classes(medicine, known)
        if of.severity > Severity.NONE
    ]


def combined(reasons: Sequence[Reason]) -> Flags:
    """The flags that all reasons make together."""
    everywhere = Limit()
    for reason in reasons:
        if not reason.is_local:
            everywhere = everywhere.with_(Limit(reason.severity, reason.cap))
    regions: dict[str, Limit] = {}
    for reason in reasons:
        for code in reason.regions if reason.is_local else ():
            regions[code] = regions.get(code, everywhere).with_(Limit(reason.severity, reason.cap))
    local = [min(reason.severity, Severity.REVIEW) for reason in reasons if reason.is_local]
    blocked = frozenset(
        code for reason in reasons if reason.is_local and reason.severity is Severity.STOP for code in reason.regions
    )
    return Flags(max([everywhere.severity, *local]), everywhere, regions, blocked, tuple(reasons))


# ---- conditions -------------------------------------------------------------------------------------------------------------


def holds(condition: Condition, value: Any, on: date) -> bool:
    """Whether a single answer meets a condition; what shows or hides a question is decided by this too."""
    if value is None:
        return False
    asked = condition["value"]
    match condition["op"]:
        case "equals":
            return bool(value == asked)
        case "in":
            return bool(value in asked)
        case "contains_any":
            return bool(set(value) & set(asked))
        case "gte":
            return bool(value >= asked)
        case "between":
            return bool(asked[0] <= value <= asked[1])
        case "not_empty":
            return not _is_empty(value)
        case "age_lt":
            return bool(_age(value, on) < asked)
        case "age_gte":
            return bool(_age(value, on) >= asked)
    raise ValueError(f"unknown operator {condition['op']!r}")


def _hits(when: Condition, value: Any, known: Knowledge, on: date) -> list[_Hit]:
    """Every time the condition, and the one joined to it, holds for an answer."""
    match when["op"]:
        case "item_within_days" | "item_older_days" | "item_kind_in":
            return [
                _Hit(number, known.parts(places_of([item])), (str(item.get("kind", "")), str(item.get("date", ""))))
                for number, item in enumerate(value)
                if _item_holds(when, item, on) and ("and" not in when or _item_holds(when["and"], item, on))
            ]
        case "region_treatable_in":
            places = [code for code in places_of(value) if code in known.regions]
            meant = tuple(code for code in places if known.regions[code].treatable in when["value"])
            return [_Hit(None, known.parts(meant), meant)] if meant else []
        case "medication_severity":
            named = Severity[str(when["value"]).upper()]
            meant = tuple(str(each.get("name", "")) for each in value if _highest(each, known) == named)
            return [_Hit(None, frozenset(), meant)] if meant else []
        case "medication_class_all":
            present = {of.code for medicine in value for of in _classes(medicine, known)}
            return [_Hit(None, frozenset(), tuple(when["value"]))] if present.issuperset(when["value"]) else []
    if not holds(when, value, on) or ("and" in when and not holds(when["and"], value, on)):
        return []
    return [_Hit(None, known.parts(places_of(value)), _plain(when, value))]


def _item_holds(condition: Condition, item: Mapping[str, Any], on: date) -> bool:
    asked = condition["value"]
    if condition["op"] == "item_kind_in":
        return bool(item.get("kind") in asked)
    latest = latest_day(str(item.get("date") or ""))
    if condition["op"] == "item_within_days":
        return latest is None or bool((on - latest).days <= asked)
    return latest is not None and bool((on - latest).days > asked)


def latest_day(text: str) -> date | None:
    """The last day that "2019", "2019-05" or "2019-05-03" can mean; None for a date nobody knows."""
    try:
        parts = [int(part) for part in text.split("-")] if text else []
        match parts:
            case [year]:
                return date(year, 12, 31)
            case [year, month]:
                return date(year, month, monthrange(year, month)[1])
            case [year, month, day]:
                return date(year, month, day)
    except ValueError:
        return None
    return None


def _age(born: str, on: date) -> int:
    day = date.fromisoformat(born)
    return on.year - day.year - ((on.month, on.day) < (day.month, day.day))


def _is_empty(value: Any) -> bool:
    return value.strip().rstrip(".").casefold() in ("", "none") if isinstance(value, str) else not value


def places_of(value: Any) -> list[str]:
    """The regions an answer names itself; an item without one reaches the whole body, so that all of them do."""
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        return []
    named = [item.get("region") or item.get("site_region") or "" for item in value]
    return named if all(named) else []


def _plain(when: Condition, value: Any) -> tuple[str, ...]:
    """The part of the answer that met the condition, never a free text."""
    if when["op"] == "contains_any":
        return tuple(each for each in when["value"] if each in value)
    return (str(value),) if when["op"] in ("equals", "in", "gte", "between") else ()


def _classes(medicine: Mapping[str, Any], known: Knowledge) -> list[MedicationClass]:
    codes = [code if code in known.classes else UNKNOWN for code in medicine.get("classes") or [UNKNOWN]]
    return [known.classes[code] for code in dict.fromkeys(codes)]


def _highest(medicine: Mapping[str, Any], known: Knowledge) -> Severity:
    return max(of.severity for of in _classes(medicine, known))
