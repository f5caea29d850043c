"""What a therapist reads of a client's answers before one session: why its light is what it is, and what changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from booking.enums import Light
from booking.models import Appointment, Clearance
from booking.services.intake import LIGHTS, Standing, standings
from clients.models import BodyRegion, Question, QuestionType, Response, User
from clients.sheets import Sheet
from clients.triage import Reason, Severity
from clients.wording import PRESSURES, in_words

#: Written anew in every form, so that they always differ.
SIGNED = (QuestionType.CONSENT, QuestionType.SIGNATURE)

Regions = Mapping[str, BodyRegion]


@dataclass(frozen=True)
class Reading:
    """Where a session stands and the forms its client sent, newest first. ``regions`` come in the order of the body.

    ``clearances`` are those that lift something of what the answers say about its date.
    """

    session: Appointment
    standing: Standing
    sheets: Sequence[Sheet]
    regions: Regions
    clearances: Sequence[Clearance]

    @classmethod
    def of(cls, session: Appointment, *, by: User, now: datetime) -> Self | None:
        """None where nothing was sent. Every form leaves a row that the client can see. Raises NoConsent."""
        assert session.client is not None
        standing = standings(session.client, [session], now=now).get(session.pk)
        if standing is None:
            return None
        sent = session.client.responses.current().select_related("client", "questionnaire", "supersedes__questionnaire")
        sheets = [Sheet.of(response, by=by, now=now) for response in sent.order_by("-submitted_at")]
        return cls(session, standing, sheets, body(), _lifting(session, standing))

    def answer(self, code: str) -> Any:
        """The newest answer to a question; None where there is none."""
        sheet, _question = self._asked(code)
        return sheet.answers[code] if sheet else None

    def answer_in_words(self, code: str) -> list[str]:
        sheet, question = self._asked(code)
        return in_words(question, sheet.answers[code], self.regions) if sheet and question else []

    def grounds(self, only: Collection[str] | None = None) -> list[Ground]:
        """The reasons in words, the gravest first, each said once; ``only`` those with these grounds."""
        gravest_first = sorted(self.standing.flags.reasons, key=lambda reason: -reason.severity)
        wanted = [each for each in gravest_first if each.severity > Severity.NONE and (only is None or each.ground in only)]
        return list(dict.fromkeys(self._ground(reason) for reason in wanted))

    def places(self, codes: Iterable[str]) -> tuple[str, ...]:
        return tuple(region.label for region in whole(codes, self.regions))

    def _asked(self, code: str) -> tuple[Sheet | None, Question | None]:
        asked = ((sheet, each) for sheet in self.sheets for each in sheet.questions if each.code == code in sheet.answers)
        return next(asked, (None, None))

    def _ground(self, reason: Reason) -> Ground:
        sheet, question = self._asked(reason.question)
        return Ground(
            LIGHTS[reason.severity],
            reason.note,
            sheet.title_of(question) if sheet and question else "",
            tuple(self._answer_to(question, sheet, reason)) if sheet and question else (),
            self.places(reason.regions) if reason.is_local else (),
            PRESSURES[reason.cap] if reason.cap is not None else "",
            reason.ask,
        )

    def _answer_to(self, question: Question, sheet: Sheet, reason: Reason) -> list[str]:
        """The part of an answer that a reason is about: of a list of medicines, those it names."""
        value = sheet.answers[question.code]
        if question.type == QuestionType.MEDICATION_LIST:
            value = [item for item in value if item["name"] in reason.because] or value
        return in_words(question, value, self.regions)


@dataclass(frozen=True)
class Ground:
    """One reason for the light in words: what to know, the answer it comes from, and where and how it limits."""

    light: Light
    note: str
    title: str
    answer: tuple[str, ...]
    places: tuple[str, ...]
    cap: str | Promise
    ask: tuple[str, ...]


def body() -> Regions:
    return {region.code: region for region in BodyRegion.objects.all()}


def whole(codes: Iterable[str], regions: Regions) -> list[BodyRegion]:
    """These parts of the body in its order; an area of which every part is meant stands for its parts."""
    left = {code for code in codes if code in regions}
    for area in regions.values():
        if area.treatable == BodyRegion.Treatable.GROUP:
            parts = parts_of(area, regions)
            left = left - parts | {area.code} if parts and parts <= left else left
    return [region for code, region in regions.items() if code in left]


def parts_of(area: BodyRegion, regions: Regions) -> set[str]:
    return {each.code for each in regions.values() if each.area == area.code and each.code != area.code}


def _lifting(session: Appointment, standing: Standing) -> list[Clearance]:
    assert session.client is not None
    said = {reason.ground for reason in standing.flags.reasons}
    return [
        each
        for each in session.client.clearances.select_related("recorded_by")
        if each.covers(session.local_date) and not said.isdisjoint(each.grounds)
    ]


# ---- what changed -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    word: str | Promise
    title: str
    was: list[str]
    now: list[str]


@dataclass(frozen=True)
class Since:
    """What differs from the form that the newest one replaced."""

    before: Response
    differences: list[Difference]


def since_the_form_before(reading: Reading, *, by: User, now: datetime) -> Since | None:
    """None where no form replaced another. The form before leaves a row too."""
    for sheet in reading.sheets:
        before = sheet.response.supersedes
        if before is not None and not before.is_draft:
            return Since(before, _differences(Sheet.of(before, by=by, now=now), sheet, reading.regions))
    return None


def _differences(was: Sheet, sheet: Sheet, regions: Regions) -> list[Difference]:
    asked: dict[str, Question] = {each.code: each for each in (*sheet.questions, *was.questions)}
    return [
        _difference(was, sheet, question, regions)
        for code, question in asked.items()
        if question.type not in SIGNED and was.answers.get(code) != sheet.answers.get(code)
    ]


def _difference(was: Sheet, sheet: Sheet, question: Question, regions: Regions) -> Difference:
    old, new = was.answers.get(question.code), sheet.answers.get(question.code)
    return Difference(
        _("New") if old is None else _("No longer") if new is None else _("Changed"),
        (sheet if question in sheet.questions else was).title_of(question),
        [] if old is None else in_words(question, old, regions),
        [] if new is None else in_words(question, new, regions),
    )
