"""A client's answers: begun, saved as they come, sent, read, and weighed for a session."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, TypeVar, cast
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from clients import triage
from clients.exceptions import Incomplete, NoConsent, NoQuestionnaire, Submitted
from clients.models import (
    Answer,
    BodyRegion,
    Client,
    Consent,
    FlagRule,
    HealthView,
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
from clients.record import Record, Sent, Stretch
from clients.services.consents import HEALTH_DATA, may_use_health_data, record_agreement, withdraw
from clients.signals import answers_changed, readings_asked
from clients.spelling import key_of
from clients.triage import UNKNOWN, Flags, Knowledge, Severity

Answers = dict[str, Any]
Items = list[dict[str, Any]]
Key = TypeVar("Key", bound=Hashable)
AGREED = {"agreed": True}


@transaction.atomic
def open_response(client: Client, kind: str, *, now: datetime, session_on: date | None = None) -> Response:
    """The form a client is filling in for an occasion: the one under way, or a new one.

    A new first form begins with the answers sent last, except what is asked anew each time and what has to be signed again; sent,
    it replaces them. The form before a later session begins with the spots marked last. Raises NoConsent and NoQuestionnaire.
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
    if kind == ResponseKind.EVERY:
        _write(made, _spots_marked_last(client))
    return made


#: The question whether anything changed since last time.
CHANGED = "changed"


@transaction.atomic
def begin_before(client: Client, *, session_on: date, changed: bool, now: datetime) -> Response:
    """Open the form before a later session, with the client's word on whether anything changed. Raises as ``open_response``."""
    response = open_response(client, ResponseKind.EVERY, now=now, session_on=session_on)
    _write(response, {CHANGED: "yes" if changed else "no"})
    return response


def _spots_marked_last(client: Client) -> Answers:
    """The places on the body, by question; how much they hurt is for the client to say anew."""
    marked = Answer.objects.filter(response__in=client.responses.current(), question__type=QuestionType.BODY_MAP)
    newest_last = marked.order_by("response__submitted_at").select_related("question")
    return {
        answer.question.code: [{**item, "pain": None} if "pain" in item else item for item in answer.value]
        for answer in newest_last
    }


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
def submit_response(response: Response, *, by: User | None, on: date, now: datetime) -> Flags:
    """Send a form: from now on it stays as it is. ``on`` is the date its flag is worked out for.

    The flag kept with a form sent before a later session is that of all answers which count then, and of its own with any other.
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
    answers_changed.send(Response, client=response.client, now=now)
    return flags


def _record_agreements(
    response: Response, questions: Iterable[Question], answers: Answers, *, by: User | None, now: datetime
) -> None:
    for question in questions:
        if question.type == QuestionType.CONSENT and answers.get(question.code):
            record_agreement(response.client, question, by=by, now=now)
        elif question.type == QuestionType.CONSENT:
            withdraw(response.client, question.code, now=now)


@transaction.atomic
def read_response(response: Response, *, by: User | None, now: datetime) -> Answers:
    """The answers by question code. Whoever is not the client leaves a row that the client can see.

    ``by`` is None for a client without a sign-in, who fills in a form on a tablet of the practice.

    Whether ``by`` may read them is for the caller to ask. Raises NoConsent for others once the consent was withdrawn.
    """
    if by is not None and response.client.user_id != by.pk:
        if not may_use_health_data(response.client):
            raise NoConsent
        ResponseView.leave(by=by, at=now, response=response)
    return _stored(response)


def readings_of(client: Client) -> list[HealthView]:
    """Who of the practice read what about a client's health, the latest first."""
    answered = readings_asked.send(Client, client=client)
    elsewhere = [view for _receiver, views in answered for view in cast(Iterable[HealthView], views)]
    answers = ResponseView.objects.filter(response__client=client).select_related("response")
    return sorted([*answers, *elsewhere], key=lambda view: view.at, reverse=True)


def _stored(response: Response) -> Answers:
    return {answer.question.code: answer.value for answer in response.answers.select_related("question")}


def full_form_is_due(client: Client, *, on: date) -> bool:
    """Whether the whole form has to be filled in before a session on a date: never sent, or longer ago than its version says."""
    sent = dated(client.responses.current().filter(kind=ResponseKind.FIRST))
    return is_over(sent[-1] if sent else None, on=on)


def is_over(latest: Dated | None, *, on: date) -> bool:
    """Whether the whole form sent last, or none, no longer serves for a session on a date."""
    return latest is None or (on - timezone.localdate(latest.submitted_at)).days > latest.valid_days


def asks_for_form(client: Client, *, on: date) -> bool:
    """Whether a client is to be asked for the whole form before a session on a date; nobody is while no version is in use."""
    return full_form_is_due(client, on=on) and Questionnaire.objects.active() is not None


def who_is_asked(sessions: Collection[tuple[UUID, date]]) -> set[tuple[UUID, date]]:
    """Of clients and the date of a session each, those for whom ``asks_for_form`` holds; in two queries."""
    if Questionnaire.objects.active() is None:
        return set()
    sent = Response.objects.current().filter(kind=ResponseKind.FIRST, client__in={client for client, _on in sessions})
    latest = {each.client_id: each for each in dated(sent)}
    return {(client, on) for client, on in sessions if is_over(latest.get(client), on=on)}


class Dated(NamedTuple):
    """Of what a client sent no more than lists ask of it: whose, for what, when sent, and how many days it serves."""

    client_id: UUID
    kind: str
    session_on: date | None
    submitted_at: datetime
    valid_days: int


def dated(sent: QuerySet[Response]) -> list[Dated]:
    """The oldest first, in one query."""
    rows = sent.order_by("submitted_at").values_list(*Dated._fields[:4], "questionnaire__valid_days")
    return [Dated(*row) for row in rows]


def is_asked(kind: str) -> bool:
    """Whether the version in use asks anything on an occasion."""
    in_use = Question.objects.filter(section__questionnaire__state=Questionnaire.State.ACTIVE, is_retired=False)
    return in_use.filter(section__when=kind).exists()


def sheet_for_doctor(client: Client | None) -> Response | None:
    """The form a client takes to a doctor: the newest with something to clear, or else to look at.

    A stop outlives the form it was said in, so that one answered anew since counts as well.
    """
    if client is None or not may_use_health_data(client):
        return None
    grave = client.responses.submitted().filter(severity__in=(Severity.STOP.name.lower(), Severity.REVIEW.name.lower()))
    return max(grave, key=lambda each: (each.severity == Severity.STOP.name.lower(), each.submitted_at), default=None)


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

    Which answers count is said in ``Record``. Nothing is logged: nobody reads.
    """
    record = record_of(client.pk)
    return record.flags(on) if record else None


def flags_between(client: UUID, first: date, last: date) -> list[Stretch]:
    """The same for all dates from ``first`` to ``last``, both inclusive, as stretches on which it does not change.

    Empty when nothing was sent yet, and once the consent was withdrawn: then nothing is known.
    """
    record = known_of(client)
    return record.stretches(first, last) if record else []


def known_of(client: UUID) -> Record | None:
    """What a client sent, as far as it may be used; None where it may not."""
    try:
        return record_of(client)
    except NoConsent:
        return None


def record_of(client: UUID) -> Record | None:
    """What a client sent; None when that is nothing, which takes one query. Raises NoConsent once withdrawn.

    Otherwise the number of queries depends on the number of versions alone, not on how many forms were sent.
    """
    sent = list(Response.objects.submitted().filter(client=client).order_by("submitted_at").select_related("questionnaire"))
    if not sent:
        return None
    if not Consent.objects.filter(client=client, kind=HEALTH_DATA, withdrawn_at=None).exists():
        raise NoConsent
    given: defaultdict[UUID, Answers] = defaultdict(dict)
    medicines: dict[tuple[UUID, str], Items] = {}
    of_the_day: set[str] = set()
    for answer in Answer.objects.filter(response__in=sent).select_related("question"):
        question = answer.question
        given[answer.response_id][question.code] = answer.value
        if question.type == QuestionType.MEDICATION_LIST:
            medicines[answer.response_id, question.code] = answer.value
        if question.ask_every_session and not question.is_emergency:
            of_the_day.add(question.code)
    for (response, code), items in _classified(medicines).items():
        given[response][code] = items
    known = {version: knowledge(version) for version in {each.questionnaire for each in sent}}
    replaced = {each.supersedes_id for each in sent}
    return Record([_sent(each, given[each.pk], known[each.questionnaire], of_the_day, each.pk in replaced) for each in sent])


def _sent(response: Response, answers: Answers, known: Knowledge, of_the_day: Collection[str], replaced: bool) -> Sent:
    """A follow-up speaks of what came after a session, so it is about no day."""
    on = None if response.kind == ResponseKind.AFTER else response.session_on
    return Sent(answers, known, on, frozenset(code for code in of_the_day if code in answers), replaced)


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
    return dict(answers) | _classified({code: answers[code] for code in lists})


def _classified(lists: Mapping[Key, Items]) -> dict[Key, Items]:
    """Lists of medicines with their classes, in two queries, or none where nothing is listed."""
    keys = {key_of(item["name"]) for items in lists.values() for item in items}
    rows = list(Medication.objects.filter(key__in=keys)) if keys else []
    ranks = {row.code: Severity[row.severity.upper()] for row in MedicationClass.objects.all()} if keys else {}
    return {key: [{**item, "classes": classes_of(item, rows, ranks)} for item in items] for key, items in lists.items()}


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
