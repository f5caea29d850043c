"""The client's form: one part a screen, saved as it is filled in; what it meant; and who may use it."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from clients.access import handout_of, responses_of
from clients.exceptions import Incomplete, NoQuestionnaire
from clients.forms import SectionForm, StartForm
from clients.models import BodyRegion, Client, Question, Response, ResponseKind
from clients.services.consents import (
    agreements,
    health_data_question,
    may_use_health_data,
    record_agreement,
    withdraw,
    withdraw_health_data,
)
from clients.services.responses import full_form_is_due, open_response, readings_of, save_section, submit_response
from clients.sheets import Sheet, Step, parts_in_words
from clients.triage import Severity
from clients.views.filling import Asked, of_a_client, of_a_form, section_form, user_of
from clients.views.tablet import handed_back
from clients.wording import TOLD, in_words, messages_of

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
    draft = mine.drafts().filter(kind=ResponseKind.FIRST).order_by("-saved_at").first()
    context = {
        "agreed": agreed,
        "form": form,
        "questionnaire": question.section.questionnaire,
        "draft": draft,
        "sheet": Sheet.of(draft, by=user_of(client), now=now) if draft else None,
        "is_due": full_form_is_due(client, on=timezone.localdate(now)),
        "sent": mine.submitted().order_by("-submitted_at"),
        "views": readings_of(client),
    }
    return render(request, "clients/overview.html", context, status=422 if request.method == "POST" else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@of_a_form
def part(request: HttpRequest, response: Response, slug: str) -> HttpResponse:
    """One part. Every button saves what is there; only going on asks for what is missing."""
    if not response.is_draft:
        return redirect("intake:form", response.pk)
    now = timezone.now()
    sheet = Sheet.of(response, by=response.client.user, now=now)
    step = next((step for step in sheet.steps if step.slug == slug), None)
    if step is None:
        raise Http404
    if request.method != "POST":
        return _part_page(request, sheet, step, section_form(sheet, step.questions))
    filled = section_form(sheet, step.questions, request.POST)
    asked = Asked.of(request, filled)
    save_section(response, filled.values | asked.values, now=now)
    sheet = Sheet.of(response, by=response.client.user, now=now)
    if asked.action == "next" and not asked.found:
        return _go_on(request, sheet, step, filled)
    if any(name.startswith(f"{asked.code}-") for name in filled.errors):
        return _part_page(request, sheet, step, filled, status=422)
    return _part_page(request, sheet, step, section_form(sheet, step.questions, extra=asked.extra), asked=asked)


def _go_on(request: HttpRequest, sheet: Sheet, step: Step, filled: SectionForm) -> HttpResponse:
    """To the next part, if nothing is missing here and no answer brought up another question."""
    visible = sheet.shown(step.questions)
    if new := [question for question in visible if question not in filled.questions]:
        return _part_page(request, sheet, step, section_form(sheet, step.questions), brought_up=new)
    if not filled.check_complete(visible):
        return _part_page(request, sheet, step, filled, status=422)
    after = [each for each in sheet.steps if each.number > step.number]
    if after:
        return redirect("intake:part", sheet.response.pk, after[0].slug)
    return redirect("intake:form", sheet.response.pk)


def _part_page(
    request: HttpRequest,
    sheet: Sheet,
    step: Step,
    form: SectionForm,
    *,
    asked: Asked | None = None,
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
        "on_tablet": handout_of(request, timezone.now()),
    }
    return render(request, "clients/part.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@of_a_form
def form(request: HttpRequest, response: Response) -> HttpResponse:
    """Before sending: all answers to look over. After: what they mean for the session."""
    now = timezone.now()
    client = response.client
    if not response.is_draft:
        return _what_it_means(request, Sheet.of(response, by=client.user, now=now))
    if response.kind != ResponseKind.FIRST:
        return redirect("intake:brief", response.pk)
    missing: list[str] = []
    if request.method == "POST":
        sheet = Sheet.of(response, by=client.user, now=now)
        try:
            submit_response(response, by=client.user, on=sheet.on, now=now)
            return handed_back(request, response, now) or redirect("intake:form", response.pk)
        except Incomplete as refusal:
            missing = list(refusal.codes)
    sheet = Sheet.of(response, by=client.user, now=now)
    context = {"sheet": sheet, "parts": parts_in_words(sheet), "missing": missing, "on_tablet": handout_of(request, now)}
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
