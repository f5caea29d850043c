"""All that a client sent, over time: which answer counts on which date, and how long its meaning stays the same. Plain Python."""

from __future__ import annotations

from calendar import isleap
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from clients.triage import (
    Answers,
    Condition,
    Flags,
    Knowledge,
    Pressure,
    Reason,
    Severity,
    combined,
    latest_day,
    places_of,
    triage,
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Dates, both inclusive, on all of which the same flags hold."""

    first: date
    last: date
    flags: Flags


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a client would like: the regions that hurt, each with its area, whom they prefer, how firmly. All may be empty."""

    regions: Mapping[str, str] = field(default_factory=dict)
    gender: str = ""
    pressure: Pressure | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A form that was sent, beside what its answers are held against.

    ``on``: the date of the session it was for, if it speaks of one. ``of_the_day``: the questions whose answers count for that
    day alone. ``replaced``: a later form took its place.
    """

    answers: Answers
    known: Knowledge
    on: date | None = None
    of_the_day: frozenset[str] = frozenset()
    replaced: bool = False

    def speaks_of_another_day(self, question: str, on: date) -> bool:
        return question in self.of_the_day and self.on is not None and self.on != on

    def reasons(self, questions: Collection[str], on: date) -> Iterator[Reason]:
        """What the answers to these questions mean for a session on a date."""
        yield from triage({code: self.answers[code] for code in questions}, self.known, on).reasons


@dataclass(frozen=True, slots=True)
class Record:
    """All forms that a client sent, the oldest first."""

    forms: Sequence[Sent]

    def flags(self, on: date) -> Flags:
        """The flags for a session on a date.

        The newest answer to each question counts, from whichever form. What was said about the day of one session says nothing
        about the day of another, so there it counts for neither. A stop that was said once stands, whatever was answered since,
        until it is cleared or its own time is over; only how somebody felt one day is as good as answered anew.
        """
        counting = self._counting(on)
        now = [reason for form in self.forms for reason in form.reasons(_given_in(form, counting), on)]
        before = [reason for form in self.forms for reason in form.reasons(_lasting(form, counting), on)]
        stops = {reason.ground: reason for reason in before if reason.severity is Severity.STOP}
        said = {reason.ground for reason in now}
        return combined([*now, *(reason for ground, reason in stops.items() if ground not in said)])

    def _counting(self, on: date) -> dict[str, Sent]:
        """By question, the form whose answer to it counts.

        An answer about another day ends what counted before, unless that is about ``on`` itself.
        """
        counting: dict[str, Sent] = {}
        for form in self.forms:
            for code in () if form.replaced else form.answers:
                if not form.speaks_of_another_day(code, on):
                    counting[code] = form
                elif code in counting and counting[code].on != on:
                    del counting[code]
        return counting

    def stretches(self, first: date, last: date) -> list[Stretch]:
        """The flags from ``first`` to ``last`` (both inclusive), worked out once for dates on which they cannot differ."""
        turns = {turn for form in self.forms for turn in turning_points(form.answers, form.known, first, last)}
        days = {day for form in self.forms if form.on for day in (form.on, form.on + timedelta(days=1)) if first < day <= last}
        begins = [first, *sorted(turns | days)]
        ends = [*(begin - timedelta(days=1) for begin in begins[1:]), last]
        return [Stretch(begin, end, self.flags(begin)) for begin, end in zip(begins, ends, strict=True)]

    @property
    def wishes(self) -> Wishes:
        """Read from the questions of the questionnaire that ships; a version without them wishes nothing."""
        found = Wishes()
        for form in self.forms:
            if not form.replaced:
                spots = form.known.parts(places_of(form.answers.get("areas", [])))
                found = Wishes(
                    regions={code: form.known.regions[code].area for code in spots} or found.regions,
                    gender=str(form.answers.get("therapist_pref", found.gender)),
                    pressure=_PRESSURES.get(str(form.answers.get("pressure_pref", "")), found.pressure),
                )
        return found


def _given_in(form: Sent, counting: Mapping[str, Sent]) -> list[str]:
    return [code for code in form.answers if counting.get(code) is form]


def _lasting(form: Sent, counting: Mapping[str, Sent]) -> list[str]:
    """The questions that were answered anew since, without those about one day."""
    return [code for code in form.answers if code not in form.of_the_day and counting.get(code) is not form]


_PRESSURES = {pressure.name.lower(): pressure for pressure in Pressure if pressure > Pressure.NONE}


def turning_points(answers: Answers, known: Knowledge, first: date, last: date) -> list[date]:
    """The dates after ``first`` and up to ``last`` on which flags may differ from those of the day before, in order."""
    turns = {
        turn
        for rule in known.rules
        if answers.get(rule.question) is not None
        for condition in (rule.when, rule.when.get("and", {}))
        for turn in _turns(condition, answers[rule.question], last)
    }
    return sorted(turn for turn in turns if first < turn <= last)


def _turns(condition: Condition, value: Any, last: date) -> Iterator[date]:
    """The first date, not after ``last``, on which a condition that looks at the calendar is met otherwise than before."""
    match condition.get("op"):
        case "item_within_days" | "item_older_days":
            for item in value:
                latest = latest_day(str(item.get("date") or ""))
                if latest is not None and (last - latest).days > condition["value"]:
                    yield latest + timedelta(days=condition["value"] + 1)
        case "age_lt" | "age_gte":
            born = date.fromisoformat(value)
            if born.year + condition["value"] <= last.year:
                yield _birthday(born, born.year + condition["value"])


def _birthday(born: date, year: int) -> date:
    """The day somebody turns older in a year: in most years the first of March for a child of the leap day."""
    return born.replace(year=year) if (born.month, born.day) != (2, 29) or isleap(year) else date(year, 3, 1)
