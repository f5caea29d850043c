"""The client's form: one part a screen, saved as it is filled in; what it meant; and who may use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate
from uuid import UUID

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from clients.access import client_of, responses_of
from clients.exceptions import Incomplete, NoQuestionnaire
from clients.forms import SectionForm, StartForm
from clients.models import (
    BodyRegion,
    Client,
    Medication,
    Question,
    QuestionType,
    ResponseKind,
    ResponseView,
    User,
)
from clients.services.consents import (
    agreements,
    health_data_question,
    may_use_health_data,
    record_agreement,
    withdraw,
    withdraw_health_data,
)
from clients.services.medications import Found, find_medications
from clients.services.responses import (
    full_form_is_due,
    open_response,
    read_response,
    save_section,
    submit_response,
)
from clients.sheets import Sheet, Step, parts_in_words
from clients.triage import Severity
from clients.wording import TOLD, in_words, messages_of

Page = Callable[Concatenate[HttpRequest, Client, ...], HttpResponse]


def of_a_client(page: Page) -> Callable[..., HttpResponse]:
    """Hand a page its client: who is not signed in is sent a code first, and for staff the page does not exist."""

    @never_cache
    @wraps(page)
    def checked(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(request.path, login_url=settings.CLIENT_LOGIN_URL)
        client = client_of(request.user)
        if client is None:
            raise Http404
        return page(request, client, **kwargs)

    return checked


def user_of(client: Client) -> User:
    """The sign-in of a client whose page this is."""
    user = client.user
    assert user is not None  # of_a_client found the client by it
    return user


# ---- pages ------------------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@of_a_client
def overview(request: HttpRequest, client: Client) -> HttpResponse:
    """Where a form is begun and gone on with; what was sent, who read it, and the way to withdraw."""
    now = timezone.now()
    try:
        question = health_data_question()
    except NoQuestionnaire:
        return render(request, "clients/overview.html", {"nothing": True}, status=200)
    agreed = may_use_health_data(client)
    form = StartForm(request.POST or None, question=question)
    if request.method == "POST" and (agreed or form.is_valid()):
        record_agreement(client, question, by=user_of(client), now=now)
        response = open_response(client, ResponseKind.FIRST, now=now)
        return redirect("intake:part", response.pk, "part-1")
    mine = responses_of(client)
    draft = mine.drafts().order_by("-saved_at").first()
    context = {
        "agreed": agreed,
        "form": form,
        "questionnaire": question.section.questionnaire,
        "draft": draft,
        "sheet": Sheet.of(draft, by=user_of(client), now=now) if draft else None,
        "is_due": full_form_is_due(client, on=timezone.localdate(now)),
        "sent": mine.submitted().order_by("-submitted_at"),
        "views": ResponseView.objects.filter(response__in=mine).select_related("response"),
    }
    return render(request, "clients/overview.html", context, status=422 if request.method == "POST" else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@of_a_client
def part(request: HttpRequest, client: Client, pk: UUID, slug: str) -> HttpResponse:
    """One part. Every button saves what is there; only going on asks for what is missing."""
    response = get_object_or_404(responses_of(client), pk=pk)
    if not response.is_draft:
        return redirect("intake:form", response.pk)
    now = timezone.now()
    sheet = Sheet.of(response, by=user_of(client), now=now)
    step = next((step for step in sheet.steps if step.slug == slug), None)
    if step is None:
        raise Http404
    if request.method != "POST":
        return _part_page(request, sheet, step, _form(sheet, step))
    filled = _form(sheet, step, request.POST)
    asked = _Asked.of(request, filled)
    save_section(response, filled.values | asked.values, now=now)
    sheet = Sheet.of(response, by=user_of(client), now=now)
    if asked.action == "next" and not asked.found:
        return _go_on(request, sheet, step, filled)
    if any(name.startswith(f"{asked.code}-") for name in filled.errors):
        return _part_page(request, sheet, step, filled, status=422)
    return _part_page(request, sheet, step, _form(sheet, step, extra=asked.extra), asked=asked)


def _go_on(request: HttpRequest, sheet: Sheet, step: Step, filled: SectionForm) -> HttpResponse:
    """To the next part, if nothing is missing here and no answer brought up another question."""
    visible = sheet.shown(step.questions)
    if new := [question for question in visible if question not in filled.questions]:
        return _part_page(request, sheet, step, _form(sheet, step), brought_up=new)
    if not filled.check_complete(visible):
        return _part_page(request, sheet, step, filled, status=422)
    after = [each for each in sheet.steps if each.number > step.number]
    if after:
        return redirect("intake:part", sheet.response.pk, after[0].slug)
    return redirect("intake:form", sheet.response.pk)


def _form(
    sheet: Sheet, step: Step, data: Mapping[str, Any] | None = None, *, extra: Mapping[str, list[Any]] | None = None
) -> SectionForm:
    visible = sheet.shown(step.questions)
    controls = {question.show_if["question"] for question in step.questions if question.show_if}
    answers = _with_activities(sheet, visible) | {
        code: [*(sheet.answers.get(code) or []), *items] for code, items in (extra or {}).items()
    }
    return SectionForm(
        data,
        questions=visible,
        controls=controls,
        answers=answers,
        regions=list(BodyRegion.objects.all()),
        on=timezone.localdate(),
    )


def _with_activities(sheet: Sheet, questions: list[Question]) -> dict[str, Any]:
    """The answers, and for activities that are scored again the names given before."""
    answers = dict(sheet.answers)
    for question in questions:
        if question.copies_from and question.code not in answers:
            client = sheet.response.client
            before = responses_of(client).current().filter(kind=ResponseKind.FIRST).order_by("-submitted_at").first()
            named = read_response(before, by=user_of(client), now=sheet.response.saved_at) if before else {}
            answers[question.code] = [{"name": item["name"]} for item in named.get(question.copies_from) or []]
    return answers


def _part_page(
    request: HttpRequest,
    sheet: Sheet,
    step: Step,
    form: SectionForm,
    *,
    asked: _Asked | None = None,
    brought_up: list[Question] | None = None,
    status: int = 200,
) -> HttpResponse:
    if asked and asked.found is not None:
        form.fields[f"{asked.code}-typed"].initial = asked.typed
    context = {
        "sheet": sheet,
        "here": step,
        "form": form,
        "asked": asked,
        "brought_up": brought_up,
        "left": len(sheet.steps) - step.number + 1,
    }
    return render(request, "clients/part.html", context, status=status)


@dataclass(frozen=True)
class _Asked:
    """What a button of a part asks for beside saving: ``do`` is the action, the question and what it needs."""

    action: str
    code: str
    #: answers changed by it, and items shown but not kept as long as they are empty
    values: dict[str, Any]
    extra: dict[str, list[Any]]
    typed: str = ""
    found: list[Found] | None = None

    @classmethod
    def of(cls, request: HttpRequest, form: SectionForm) -> _Asked:
        action, _colon, rest = str(request.POST.get("do", "next")).partition(":")
        code, _colon, what = rest.partition(":")
        question = next((each for each in form.questions if each.code == code), None)
        if question is None:
            return cls._not_added_yet(request, form, action)
        items = list(form.values.get(code) or [])
        full = len(items) >= (question.max_items or 10)
        typed = str(request.POST.get(f"{code}-typed", "")).strip()[:120]
        if action == "remove" and what.isdecimal():
            return cls(action, code, {code: [item for n, item in enumerate(items) if n != int(what)] or None}, {})
        if action == "find":
            return cls(action, code, {}, {}, typed, find_medications(typed))
        if action == "add" and question.type == QuestionType.BODY_MAP:
            spot = cls._spot(str(request.POST.get(f"{code}-add", "")), form, items)
            return cls(action, code, {code: [*items, *spot]} if spot and not full else {}, {})
        if action == "add" and question.type == QuestionType.REPEAT_GROUP and not full:
            return cls(action, code, {}, {code: [{}]})
        if action == "pick" and question.type == QuestionType.MEDICATION_LIST and not full:
            return cls(action, code, {code: [*items, _medicine(what, typed)]} if typed or what else {}, {})
        return cls("save", code, {}, {})

    @classmethod
    def _not_added_yet(cls, request: HttpRequest, form: SectionForm, action: str) -> _Asked:
        """Going on with a name still in the search field looks it up first, so that it is not lost."""
        for question in form.questions:
            typed = str(request.POST.get(f"{question.code}-typed", "")).strip()[:120]
            if action == "next" and typed and question.type == QuestionType.MEDICATION_LIST:
                return cls(action, question.code, {}, {}, typed, find_medications(typed))
        return cls(action, "", {}, {})

    @staticmethod
    def _spot(region: str, form: SectionForm, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        known = region in form.regions and form.regions[region].treatable != BodyRegion.Treatable.GROUP
        return [{"region": region}] if known and region not in {item["region"] for item in items} else []


def _medicine(chosen: str, typed: str) -> dict[str, Any]:
    """A medicine chosen from the list, by route and name; anything else is taken as typed, for the therapist to look at."""
    route, _colon, name = chosen.partition(":")
    listed = Medication.objects.filter(route=route, name=name).exists()
    return (
        {"name": name, "route": route, "listed": True} if listed else {"name": typed or name[:120], "route": "", "listed": False}
    )


@require_http_methods(["GET", "HEAD", "POST"])
@of_a_client
def form(request: HttpRequest, client: Client, pk: UUID) -> HttpResponse:
    """Before sending: all answers to look over. After: what they mean for the session."""
    response = get_object_or_404(responses_of(client), pk=pk)
    now = timezone.now()
    if not response.is_draft:
        return _what_it_means(request, Sheet.of(response, by=user_of(client), now=now))
    missing: list[str] = []
    if request.method == "POST":
        sheet = Sheet.of(response, by=user_of(client), now=now)
        try:
            submit_response(response, by=user_of(client), on=sheet.on, now=now)
            return redirect("intake:form", response.pk)
        except Incomplete as refusal:
            missing = list(refusal.codes)
    sheet = Sheet.of(response, by=user_of(client), now=now)
    context = {"sheet": sheet, "parts": parts_in_words(sheet), "missing": missing}
    return render(request, "clients/review.html", context, status=422 if missing else 200)


def _what_it_means(request: HttpRequest, sheet: Sheet) -> HttpResponse:
    if not may_use_health_data(sheet.response.client):
        return render(request, "clients/withdrawn.html", {"response": sheet.response})
    flags = sheet.flags
    shape, word, sentence = TOLD[flags.severity]
    context = {
        "sheet": sheet,
        "shape": shape,
        "word": word,
        "sentence": sentence,
        "messages_of_rules": messages_of(flags),
        "is_stop": flags.severity is Severity.STOP,
    }
    return render(request, "clients/sent.html", context)


@require_safe
@of_a_client
def copy(request: HttpRequest, client: Client, pk: UUID) -> HttpResponse:
    """What was sent, to keep or to print."""
    response = get_object_or_404(responses_of(client).submitted(), pk=pk)
    sheet = Sheet.of(response, by=user_of(client), now=timezone.now())
    return render(request, "clients/copy.html", {"sheet": sheet, "parts": parts_in_words(sheet)})


@require_safe
@of_a_client
def doctor(request: HttpRequest, client: Client, pk: UUID) -> HttpResponse:
    """What the client takes to a doctor: what has to be cleared first, or else what a therapist wants to hear a doctor about."""
    response = get_object_or_404(responses_of(client).submitted(), pk=pk)
    sheet = Sheet.of(response, by=user_of(client), now=timezone.now())
    flags = sheet.flags
    if not (grounds := flags.stops or flags.to_decide):
        raise Http404
    regions = {region.code: region for region in BodyRegion.objects.all()}
    asked = {reason.question for reason in flags.reasons if reason.ground in grounds}
    about = [
        (sheet.title_of(question), in_words(question, sheet.answers[question.code], regions))
        for question in sheet.questions
        if question.code in asked
    ]
    return render(request, "clients/doctor.html", {"sheet": sheet, "about": about})


@require_http_methods(["GET", "HEAD", "POST"])
@of_a_client
def consents(request: HttpRequest, client: Client) -> HttpResponse:
    """What a client agreed to, word by word, and the way to take it back."""
    now = timezone.now()
    given = agreements(client)
    if request.method == "POST":
        chosen = next((each for each in given if each.kind == request.POST.get("withdraw")), None)
        if chosen is None:
            raise Http404
        if chosen.is_health_data:
            withdraw_health_data(client, now=now)
        else:
            withdraw(client, chosen.kind, now=now)
        return redirect("intake:consents")
    taken_back = client.consents.exclude(withdrawn_at=None)
    return render(
        request, "clients/consents.html", {"given": given, "taken_back": taken_back, "used": may_use_health_data(client)}
    )
