"""What the pages share on which a form is filled in: for whom they are, and what their buttons ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate
from uuid import UUID

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.cache import never_cache

from clients.access import client_of, forms_to_fill_in, responses_of
from clients.forms import SectionForm
from clients.models import BodyRegion, Client, Medication, Question, QuestionType, Response, ResponseKind, User
from clients.services.medications import Found, find_medications
from clients.services.responses import read_response
from clients.sheets import Sheet

Page = Callable[Concatenate[HttpRequest, Client, ...], HttpResponse]
FormPage = Callable[Concatenate[HttpRequest, Response, ...], HttpResponse]


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


def of_a_form(page: FormPage) -> Callable[..., HttpResponse]:
    """Hand a page the form it is about, for its client or for the tablet it was handed out on; anybody else finds nothing."""

    @never_cache
    @wraps(page)
    def checked(request: HttpRequest, pk: UUID, **kwargs: Any) -> HttpResponse:
        forms = forms_to_fill_in(request, timezone.now())
        if forms is None:
            return redirect_to_login(request.path, login_url=settings.CLIENT_LOGIN_URL)
        return page(request, get_object_or_404(forms, pk=pk), **kwargs)

    return checked


def user_of(client: Client) -> User:
    """The sign-in of a client whose page this is."""
    user = client.user
    assert user is not None  # of_a_client found the client by it
    return user


def section_form(
    sheet: Sheet, asked: list[Question], data: Mapping[str, Any] | None = None, *, extra: Mapping[str, list[Any]] | None = None
) -> SectionForm:
    """Those of the asked questions that are shown now, with their answers. ``extra``: items shown but not kept while empty."""
    visible = sheet.shown(asked)
    controls = {question.show_if["question"] for question in asked if question.show_if}
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
            named = read_response(before, by=client.user, now=sheet.response.saved_at) if before else {}
            answers[question.code] = [{"name": item["name"]} for item in named.get(question.copies_from) or []]
    return answers


@dataclass(frozen=True)
class Asked:
    """What a button of a part asks for beside saving: ``do`` is the action, the question and what it needs."""

    action: str
    code: str
    #: answers changed by it, and items shown but not kept as long as they are empty
    values: dict[str, Any]
    extra: dict[str, list[Any]]
    typed: str = ""
    found: list[Found] | None = None

    @classmethod
    def of(cls, request: HttpRequest, form: SectionForm) -> Asked:
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
            return cls(action, code, {code: [*items, medicine_of(what, typed)]} if typed or what else {}, {})
        return cls("save", code, {}, {})

    @classmethod
    def _not_added_yet(cls, request: HttpRequest, form: SectionForm, action: str) -> Asked:
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


def medicine_of(chosen: str, typed: str) -> dict[str, Any]:
    """A medicine chosen from the list, by route and name; anything else is taken as typed, for the therapist to look at."""
    route, _colon, name = chosen.partition(":")
    listed = Medication.objects.filter(route=route, name=name).exists()
    return (
        {"name": name, "route": route, "listed": True} if listed else {"name": typed or name[:120], "route": "", "listed": False}
    )
