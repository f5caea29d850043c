"""A client's answers: begun, saved as they come, sent, read, and weighed for a session."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from clients import triage
from clients.exceptions import Incomplete, NoConsent, NoQuestionnaire, Submitted
from clients.models import (
    Answer,
    BodyRegion,
    Client,
    FlagRule,
    Medication,
    MedicationClass,
    Question,
    Questionnaire,
    QuestionType,
    Response,
    ResponseKind,
    ResponseView,
    User,
)
from clients.services.consents import HEALTH_DATA, may_use_health_data, record_agreement, withdraw
from clients.spelling import key_of
from clients.triage import UNKNOWN, Flags, Knowledge, Severity

Answers = dict[str, Any]
AGREED = {"agreed": True}


@transaction.atomic
def open_response(client: Client, kind: str, *, now: datetime, session_on: date | None = None) -> Response:
    """The form a client is filling in for an occasion: the one under way, or a new one.

    A new first form begins with the answers sent last, except what is asked anew each time and what has to be signed again; sent,
    it replaces them. Raises NoConsent and NoQuestionnaire.
    """
    Client.objects.select_for_update().get(pk=client.pk)
    if not may_use_health_data(client):
        raise NoConsent
    # there is one first form, whichever session it was asked for
    occasion: dict[str, Any] = {"kind": kind} | ({} if kind == ResponseKind.FIRST else {"session_on": session_on})
    under_way = client.responses.drafts().filter(**occasion).first()
    if under_way is not None:
        return under_way
    version = Questionnaire.objects.active()
    if version is None:
        raise NoQuestionnaire
    before = client.responses.current().filter(**occasion).order_by("-submitted_at").first()
    made = Response.objects.create(
        client=client,
        questionnaire=version,
        kind=kind,
        session_on=session_on,
        supersedes=before,
        started_at=now,
        saved_at=now,
    )
    _begin(made, before)
    return made


def _begin(response: Response, before: Response | None) -> None:
    """Write what is known: that health data may be used, and the lasting answers given before."""
    known = _stored(before) if before else {}
    lasting = {
        question.code: known[question.code]
        for question in asked(response)
        if question.code in known and not question.ask_every_session and question.type not in _SIGNED
    }
    _write(response, lasting | {HEALTH_DATA: AGREED})


_SIGNED = (QuestionType.CONSENT, QuestionType.SIGNATURE)


@transaction.atomic
def save_section(response: Response, answers: Mapping[str, Any], *, now: datetime) -> None:
    """Keep answers of a form under way, by question code; None takes one back.

    Codes that the form does not ask are ignored. Raises Submitted, and NoConsent once the consent was withdrawn.
    """
    _locked(response)
    if not may_use_health_data(response.client):
        raise NoConsent
    _write(response, answers)
    response.saved_at = now
    response.save(update_fields=["saved_at"])


def _locked(response: Response) -> None:
    """Hold the response until the transaction ends. Raises Submitted."""
    if not Response.objects.select_for_update().get(pk=response.pk).is_draft:
        raise Submitted


def _write(response: Response, answers: Mapping[str, Any]) -> None:
    there = {answer.question_id: answer for answer in response.answers.all()}
    for question in asked(response):
        if question.code not in answers:
            continue
        value, answer = answers[question.code], there.get(question.pk)
        if value is None:
            Answer.objects.filter(response=response, question=question).delete()
        elif answer is None:
            Answer.objects.create(response=response, question=question, value=value)
        elif answer.value != value:
            answer.value = value
            answer.save(update_fields=["value"])


@transaction.atomic
def submit_response(response: Response, *, by: User, on: date, now: datetime) -> Flags:
    """Send a form: from now on it stays as it is. ``on`` is the date its flag is worked out for.

    What a later answer hid again is dropped; agreements are recorded with their words, and those no longer ticked are withdrawn.
    Raises Submitted, NoConsent, and Incomplete with the questions that have to be answered; then nothing changes.
    """
    _locked(response)
    if not may_use_health_data(response.client):
        raise NoConsent
    answers = _stored(response)
    questions = asked(response)
    seen = shown(questions, answers, on)
    if missing := [question.code for question in seen if question.required and is_missing(question, answers)]:
        raise Incomplete(missing)
    response.answers.exclude(question__in=seen).delete()
    _record_agreements(response, seen, answers, by=by, now=now)
    kept = {question.code: answers[question.code] for question in seen if question.code in answers}
    flags = triage.triage(with_classes(kept, questions), knowledge(response.questionnaire), on)
    response.state = Response.State.SUBMITTED
    response.submitted_at = now
    response.submitted_by = by
    response.severity = flags.severity.name.lower()
    response.save(update_fields=["state", "submitted_at", "submitted_by", "severity"])
    return flags


def _record_agreements(response: Response, questions: Iterable[Question], answers: Answers, *, by: User, now: datetime) -> None:
    for question in questions:
        if question.type == QuestionType.CONSENT and answers.get(question.code):
            record_agreement(response.client, question, by=by, now=now)
        elif question.type == QuestionType.CONSENT:
            withdraw(response.client, question.code, now=now)


@transaction.atomic
def read_response(response: Response, *, by: User, now: datetime) -> Answers:
    """The answers by question code. Whoever is not the client leaves a row that the client can see.

    Whether ``by`` may read them is for the caller to ask. Raises NoConsent for others once the consent was withdrawn.
    """
    if response.client.user_id != by.pk:
        if not may_use_health_data(response.client):
            raise NoConsent
        ResponseView.objects.create(response=response, by=by, by_name=str(by), at=now)
    return _stored(response)


def _stored(response: Response) -> Answers:
    return {answer.question.code: answer.value for answer in response.answers.select_related("question")}


def full_form_is_due(client: Client, *, on: date) -> bool:
    """Whether the whole form has to be filled in before a session on a date: never sent, or longer ago than its version says."""
    return is_over(client.responses.current().filter(kind=ResponseKind.FIRST).order_by("-submitted_at").first(), on=on)


def is_over(latest: Response | None, *, on: date) -> bool:
    """Whether the whole form sent last, or none, no longer serves for a session on a date."""
    if latest is None or latest.submitted_at is None:
        return True
    return (on - timezone.localdate(latest.submitted_at)).days > latest.questionnaire.valid_days


def asks_for_form(client: Client, *, on: date) -> bool:
    """Whether a client is to be asked for the whole form before a session on a date; nobody is while no version is in use."""
    return full_form_is_due(client, on=on) and Questionnaire.objects.active() is not None


def who_is_asked(sessions: Collection[tuple[UUID, date]]) -> set[tuple[UUID, date]]:
    """Of clients and the date of a session each, those for whom ``asks_for_form`` holds; in two queries."""
    if Questionnaire.objects.active() is None:
        return set()
    sent = Response.objects.current().filter(kind=ResponseKind.FIRST, client__in={client for client, _on in sessions})
    latest = {each.client_id: each for each in sent.select_related("questionnaire").order_by("submitted_at")}
    return {(client, on) for client, on in sessions if is_over(latest.get(client), on=on)}


# ---- which questions --------------------------------------------------------------------------------------------------------


def asked(response: Response) -> list[Question]:
    """Every question of the form, in order, whether its condition holds or not."""
    full = Questionnaire.objects.complete().get(pk=response.questionnaire_id)
    return [question for _section, questions in full.asked(response.kind) for question in questions]


def shown(questions: Sequence[Question], answers: Mapping[str, Any], on: date) -> list[Question]:
    """Those of ``questions`` that the answers so far bring up."""
    visible: list[Question] = []
    by_code = {question.code: question for question in questions}
    for question in questions:
        condition = question.show_if
        if condition and not (
            by_code.get(condition["question"], question) in visible
            and triage.holds(condition, answers.get(condition["question"]), on)
        ):
            continue
        visible.append(question)
    return visible


def is_missing(question: Question, answers: Mapping[str, Any]) -> bool:
    """Whether nothing was answered. Zero is an answer, "none" is one, an empty list is not."""
    value = answers.get(question.code)
    return value is None or value in ("", [], {})


# ---- what they mean ---------------------------------------------------------------------------------------------------------


def flags_of(client: Client, *, on: date) -> Flags | None:
    """What a client's answers mean for a session on a date; None when nothing was sent yet. Raises NoConsent once withdrawn.

    The newest answer to each question counts, from whichever form. Nothing is logged: nobody reads.
    """
    sent = list(client.responses.current().order_by("submitted_at").select_related("questionnaire"))
    if not sent:
        return None
    if not may_use_health_data(client):
        raise NoConsent
    answers: Answers = {}
    given_in: dict[str, Questionnaire] = {}
    for response in sent:
        stored = _stored(response)
        answers |= stored
        given_in |= dict.fromkeys(stored, response.questionnaire)
    return triage.combined(
        [reason for version in dict.fromkeys(given_in.values()) for reason in _reasons(version, given_in, answers, on)]
    )


def _reasons(
    version: Questionnaire, given_in: Mapping[str, Questionnaire], answers: Answers, on: date
) -> Sequence[triage.Reason]:
    """What the answers given to one version mean by that version's own rules."""
    own = {code: value for code, value in answers.items() if given_in[code] == version}
    questions = Question.objects.filter(section__questionnaire=version)
    return triage.triage(with_classes(own, questions), knowledge(version), on).reasons


def knowledge(version: Questionnaire) -> Knowledge:
    """What the answers to a version are held against, in four queries."""
    rules = FlagRule.objects.filter(question__section__questionnaire=version).select_related("question")
    lists = Question.objects.filter(section__questionnaire=version, type=QuestionType.MEDICATION_LIST)
    return Knowledge(
        rules=[rule.as_rule() for rule in rules.order_by("question__section__order", "question__order", "order")],
        classes={row.code: row.as_class() for row in MedicationClass.objects.all()},
        regions={row.code: row.as_region() for row in BodyRegion.objects.all()},
        medicines=frozenset(lists.values_list("code", flat=True)),
    )


def with_classes(answers: Mapping[str, Any], questions: Iterable[Question]) -> Answers:
    """The answers with each listed medicine's precaution classes, as the list of medicines stands now."""
    lists = [each.code for each in questions if each.type == QuestionType.MEDICATION_LIST and each.code in answers]
    keys = {key_of(item["name"]) for code in lists for item in answers[code]}
    rows = list(Medication.objects.filter(key__in=keys)) if keys else []
    ranks = {row.code: Severity[row.severity.upper()] for row in MedicationClass.objects.all()} if keys else {}
    return dict(answers) | {
        code: [{**item, "classes": classes_of(item, rows, ranks)} for item in answers[code]] for code in lists
    }


def classes_of(item: Mapping[str, Any], rows: Iterable[Medication], ranks: Mapping[str, Severity]) -> list[str]:
    """The classes of one medicine. Without a route the most severe one of its name counts.

    A name that is not found, or that the client did not recognise in the list, is UNKNOWN, beside what its spelling says.
    """
    named = [row for row in rows if row.key == key_of(item["name"])]
    exact = [row for row in named if row.route == item.get("route")] or named
    worst = max(exact, key=lambda row: _rank(row.class_codes, ranks), default=None)
    codes = list(worst.class_codes) if worst else []
    return codes if codes and item.get("listed", True) else [*codes, UNKNOWN]


def _rank(codes: Collection[str], ranks: Mapping[str, Severity]) -> Severity:
    return max(ranks.get(code, Severity.REVIEW) for code in codes)
