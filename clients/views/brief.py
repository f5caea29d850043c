"""The short forms, each on one page: whether anything changed, before a later session; how it was, after one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from clients.access import handout_of
from clients.forms import Part, SectionForm, WentForm
from clients.models import Question, QuestionType, Response, ResponseKind
from clients.services.responses import open_response, save_section, submit_response
from clients.sheets import Sheet, said_last
from clients.views.filling import Asked, of_a_form, section_form
from clients.views.tablet import handed_back

YES_OR_NO = (QuestionType.YES_NO, QuestionType.YES_NO_UNSURE)
#: What ends the page; every other button saves and shows it again.
SENDS = ("none", "send")


@require_http_methods(["GET", "HEAD", "POST"])
@of_a_form
def brief(request: HttpRequest, response: Response) -> HttpResponse:
    """One page. Every button saves what is there; sending asks for what is missing."""
    if not response.is_draft or response.kind == ResponseKind.FIRST:
        return redirect("intake:form", response.pk)
    now = timezone.now()
    sheet = Sheet.of(response, by=response.client.user, now=now)
    if request.method != "POST":
        return _page(request, sheet, section_form(sheet, sheet.questions))
    signs = [question.code for question in sheet.questions if question.type in YES_OR_NO]
    contradicts = request.POST.get("do") == "none" and any(request.POST.get(code, "no") != "no" for code in signs)
    filled = section_form(sheet, sheet.questions, _in_full(request.POST, [] if contradicts else signs))
    asked = Asked.of(request, filled)
    save_section(response, filled.values | asked.values, now=now)
    if asked.action.startswith("edit"):
        return _whole_form(request, response, asked.action.removeprefix("edit-"))
    sheet = Sheet.of(response, by=response.client.user, now=now)
    if contradicts:
        return _page(request, sheet, filled, contradicts=True, status=422)
    if asked.action not in SENDS:
        return _page(request, sheet, section_form(sheet, sheet.questions, extra=asked.extra), asked=asked)
    visible = sheet.shown(sheet.questions)
    if new := [question for question in visible if question not in filled.questions]:
        return _page(request, sheet, section_form(sheet, sheet.questions), brought_up=new)
    if not filled.check_complete(visible):
        return _page(request, sheet, filled, status=422)
    submit_response(response, by=response.client.user, on=sheet.on, now=now)
    return handed_back(request, response, now) or redirect("intake:form", response.pk)


def _in_full(posted: QueryDict, signs: Sequence[str]) -> QueryDict:
    """What was posted, with the answers that one tap gave to several questions written out."""
    data = posted.copy()
    if posted.get("do") == "none":
        for code in signs:
            data[code] = "no"
    for code, value in WentForm.SHORT.get(posted.get("went", ""), {}).items():
        data[code] = value
    return data


def _whole_form(request: HttpRequest, response: Response, section: str) -> HttpResponse:
    """To the part of the whole form in which something changed, with the last answers filled in. Not on a tablet."""
    now = timezone.now()
    if handout_of(request, now) is not None:
        raise Http404
    draft = open_response(response.client, ResponseKind.FIRST, now=now)
    steps = Sheet.of(draft, by=response.client.user, now=now).steps
    step = next((each for each in steps if each.section.code == section), steps[0])
    return redirect("intake:part", draft.pk, step.slug)


@dataclass(frozen=True)
class Arranged:
    """The questions of the page in the order in which it asks them."""

    form: SectionForm
    went: WentForm | None

    @property
    def signs(self) -> list[Part]:
        """What can be answered with no all at once."""
        return [part for part in self.form.parts if part.question.type in YES_OR_NO]

    @property
    def after(self) -> list[Part]:
        """How the last session went; asked with one tap if it went well."""
        return [part for part in self.form.parts if self.went and part.question.code in WentForm.ASKED]

    @property
    def needed(self) -> list[Part]:
        return [part for part in self._others if part.question.required]

    @property
    def optional(self) -> list[Part]:
        return [part for part in self._others if not part.question.required]

    @property
    def _others(self) -> list[Part]:
        apart = {part.question.code for part in (*self.signs, *self.after)}
        return [part for part in self.form.parts if part.question.code not in apart]

    def has_error(self, parts: Sequence[Part]) -> bool:
        names = [name.partition("-")[0] for name in self.form.errors] if self.form.is_bound else []
        return any(part.question.code in names for part in parts)

    @property
    def one_by_one(self) -> bool:
        """Whether the signs are open for single answers: something was answered with yes, or is missing."""
        answers = self.form.values if self.form.is_bound else self.form.answers
        said = any(answers.get(part.question.code) in ("yes", "unsure") for part in self.signs)
        return said or self.has_error(self.signs)

    @property
    def after_in_full(self) -> bool:
        return self.has_error(self.after)


def _page(
    request: HttpRequest,
    sheet: Sheet,
    form: SectionForm,
    *,
    asked: Asked | None = None,
    brought_up: Sequence[Question] = (),
    contradicts: bool = False,
    status: int = 200,
) -> HttpResponse:
    context = {
        "sheet": sheet,
        "form": form,
        "asked": asked,
        "arranged": Arranged(form, WentForm.of(form.questions, sheet.answers)),
        "brought_up": brought_up,
        "contradicts": contradicts,
        "last": said_last(sheet.response.client, now=timezone.now()) if sheet.response.kind == ResponseKind.EVERY else None,
        "on_tablet": handout_of(request, timezone.now()),
    }
    template = "clients/before.html" if sheet.response.kind == ResponseKind.EVERY else "clients/after.html"
    return render(request, template, context, status=status)
