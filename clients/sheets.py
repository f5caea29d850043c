"""A form with what was answered in it, part by part, and as text."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils import timezone

from clients import triage
from clients.models import BodyRegion, Client, Question, Questionnaire, QuestionType, Response, ResponseKind, Section, User
from clients.services.responses import is_missing, knowledge, read_response, shown, with_classes
from clients.triage import Flags
from clients.wording import in_words


@dataclass(frozen=True)
class Step:
    """One part of a form, as the list beside it shows it."""

    number: int
    section: Section
    questions: list[Question]
    is_done: bool

    @property
    def takes_not_sure(self) -> bool:
        return any(choice["value"] == "unsure" for question in self.questions for choice in question.choices)

    @property
    def slug(self) -> str:
        return f"part-{self.number}"


@dataclass(frozen=True)
class Sheet:
    """A form with what was answered so far."""

    response: Response
    answers: dict[str, Any]
    steps: list[Step]
    on: date

    @classmethod
    def of(cls, response: Response, *, by: User | None, now: datetime) -> Sheet:
        on = max(response.session_on or timezone.localdate(now), timezone.localdate(now))
        answers = read_response(response, by=by, now=now)
        full = Questionnaire.objects.complete().get(pk=response.questionnaire_id)
        asked = full.asked(response.kind)
        seen = set(shown([question for _section, questions in asked for question in questions], answers, on))
        steps = [
            Step(number, section, questions, _is_done([each for each in questions if each in seen], answers))
            for number, (section, questions) in enumerate(asked, start=1)
        ]
        return cls(response, answers, steps, on)

    @property
    def questions(self) -> list[Question]:
        return [question for step in self.steps for question in step.questions]

    def shown(self, questions: list[Question]) -> list[Question]:
        seen = set(shown(self.questions, self.answers, self.on))
        return [question for question in questions if question in seen]

    def title_of(self, question: Question) -> str:
        """What an answer is headed by: a question that another one brings up makes sense only with that one's words."""
        above = question.show_if.get("question") if question.show_if else None
        return next((each.text for each in self.questions if each.code == above), question.text)

    @property
    def done(self) -> int:
        return sum(step.is_done for step in self.steps)

    @property
    def next_step(self) -> Step | None:
        """The first part with something left to answer."""
        return next((step for step in self.steps if not step.is_done), None)

    @property
    def flags(self) -> Flags:
        seen = {question.code for question in self.shown(self.questions)}
        kept = {code: value for code, value in self.answers.items() if code in seen}
        return triage.triage(with_classes(kept, self.questions), knowledge(self.response.questionnaire), self.on)

    @property
    def urgent(self) -> list[str]:
        """The urgent-care text, when an answer is one of the emergency signs."""
        return list(
            dict.fromkeys(
                rule.client_message
                for question in self.questions
                if question.is_emergency
                for rule in question.rules.all()
                if rule.severity == "stop" and triage.holds(rule.when, self.answers.get(question.code), self.on)
            )
        )


def _is_done(questions: list[Question], answers: Mapping[str, Any]) -> bool:
    return any(question.code in answers for question in questions) and not any(
        question.required and is_missing(question, answers) for question in questions
    )


@dataclass(frozen=True)
class Line:
    title: str
    lines: list[str]
    is_missing: bool


def parts_in_words(sheet: Sheet) -> list[tuple[Step, list[Line]]]:
    """The form as text: each part with its shown questions and answers."""
    regions = {region.code: region for region in BodyRegion.objects.all()}
    return [
        (
            step,
            [
                Line(
                    question.text,
                    [] if question.code not in sheet.answers else in_words(question, sheet.answers[question.code], regions),
                    question.required and is_missing(question, sheet.answers),
                )
                for question in sheet.shown(step.questions)
            ],
        )
        for step in sheet.steps
    ]


@dataclass(frozen=True)
class Said:
    """What a client last said in one part of the whole form, in short words."""

    section: Section
    lines: list[str]


@dataclass(frozen=True)
class SaidLast:
    sent_at: datetime
    parts: list[Said]


LISTED = (QuestionType.MEDICATION_LIST, QuestionType.REPEAT_GROUP)


def said_last(client: Client, *, now: datetime) -> SaidLast | None:
    """What a client may want to look over before a later session: their lists, and whatever else asks for care.

    None for one who never sent the whole form.
    """
    full = client.responses.current().filter(kind=ResponseKind.FIRST).order_by("-submitted_at").first()
    if full is None or full.submitted_at is None:
        return None
    sheet = Sheet.of(full, by=client.user, now=now)
    regions = {region.code: region for region in BodyRegion.objects.all()}
    caring = {reason.question for reason in sheet.flags.reasons}
    parts = [
        Said(step.section, [line for question in step.questions for line in _in_short(question, sheet, caring, regions)])
        for step in sheet.steps
    ]
    lists = {step.section.code for step in sheet.steps if any(question.type in LISTED for question in step.questions)}
    return SaidLast(full.submitted_at, [part for part in parts if part.lines or part.section.code in lists])


def _in_short(question: Question, sheet: Sheet, caring: Collection[str], regions: Mapping[str, BodyRegion]) -> list[str]:
    if question.ask_every_session or question.code not in sheet.answers:
        return []
    words = in_words(question, sheet.answers[question.code], regions)
    if question.type in LISTED:
        return words
    return [f"{question.text} {'; '.join(words)}"] if question.code in caring else []
