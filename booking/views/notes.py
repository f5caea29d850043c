"""The note of a session: written, kept while it is typed, signed, added to, read and printed; and a therapist's templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import groupby
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from booking.access import (
    answers_to_decide,
    note_templates_of,
    notes_added_to_by,
    notes_read_by,
    sessions_read_by,
    therapist_of,
)
from booking.exceptions import BookingError, NoteChanged, NoteLocked
from booking.forms.notes import ABOUT, AddendumForm, NoteForm, NoteTemplateForm, TemplateChoice
from booking.models import Appointment, Note, NoteTemplate, NoteVersion
from booking.reading import Regions, body
from booking.services.notes import (
    PARTS,
    NoteText,
    Point,
    add_addendum,
    begin_with,
    copy_forward,
    last_note,
    read_note,
    save_note,
    sign_note,
    without_a_signed_note,
)
from booking.templatetags.unknot import clock
from booking.views.treating import not_too_many
from clients.exceptions import NoConsent
from clients.models import BodyRegion, User
from clients.services.consents import withdrew_health_data
from clients.wording import place_in_words, pressure_in_words
from therapists.models import Therapist

GROUP = BodyRegion.Treatable.GROUP


@dataclass(frozen=True)
class Page:
    """The note of a session as one person sees it: ``note`` is None before anything was saved."""

    request: HttpRequest
    by: User
    session: Appointment
    note: Note | None
    is_theirs: bool
    now: datetime

    @classmethod
    def of(cls, request: HttpRequest, pk: UUID) -> Page:
        """Raises Http404 for whom there is nothing to write and nothing to read."""
        assert isinstance(request.user, User)
        now = timezone.now()
        note = notes_read_by(request.user, now).filter(appointment=pk).first()
        theirs = sessions_read_by(request.user, now).filter(pk=pk).exists()
        if note is None and not theirs:
            raise Http404
        session = Appointment.objects.select_related("client", "therapist", "room", "treatment__location").get(pk=pk)
        if note is not None:
            note.appointment = session
        return cls(request, request.user, session, note, theirs, now)

    @property
    def is_locked(self) -> bool:
        return self.note is not None and self.note.is_locked(self.now)

    @property
    def is_written(self) -> bool:
        """Whether this person goes on writing it."""
        return self.is_theirs and not self.is_locked

    @property
    def may_sign_late(self) -> bool:
        """Whether it locked before this person signed it."""
        return self.is_theirs and self.is_locked and self.note is not None and self.note.signed_at is None

    @cached_property
    def latest(self) -> NoteVersion | None:
        return self.note.versions.first() if self.note else None

    @cached_property
    def is_shut(self) -> bool:
        assert self.session.client is not None
        return withdrew_health_data(self.session.client)

    @property
    def may_add(self) -> bool:
        if self.note is None or not self.is_locked:
            return False
        return notes_added_to_by(self.by, self.now).filter(pk=self.note.pk).exists()

    def context(self) -> dict[str, Any]:
        return {
            "page": "notes",
            "waiting": answers_to_decide(self.by, self.now),
            "session": self.session,
            "note": self.note,
            "is_locked": self.is_locked,
            "is_theirs": self.is_theirs,
            "may_sign_late": self.may_sign_late,
            "lock_hours": settings.NOTES_LOCK_HOURS,
            "latest": self.latest,
        }

    def render(self, *, status: int = 200, **more: Any) -> HttpResponse:
        return render(self.request, "booking/note.html", self.context() | more, status=status)


# ---- the page ---------------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@not_too_many
def note(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Write or read a note. Every button saves what is there; ``do=keep`` is the page saving by itself and answers JSON."""
    page = Page.of(request, pk)
    try:
        if request.method == "POST":
            return _written(page)
        return _writing(page) if page.is_written else _reading(page)
    except NoConsent:
        if request.POST.get("do") == "keep":
            return _refused(_("Your client took back the agreement that health data is used. Nothing can be saved here."))
        return page.render(is_shut=True, status=409 if request.method == "POST" else 200)


def _writing(page: Page) -> HttpResponse:
    """Raises NoConsent once the client withdrew, also where nothing was written yet."""
    if page.is_shut:
        raise NoConsent
    text = read_note(page.note, by=page.by, now=page.now) if page.note else NoteText()
    return _form(page, NoteForm(regions=body(), text=text, seen=page.latest.number if page.latest else 0))


def _form(page: Page, form: NoteForm, *, status: int = 200, **more: Any) -> HttpResponse:
    templates = list(note_templates_of(page.by))
    return page.render(
        form=form,
        before=last_note(page.session),
        choice=TemplateChoice(templates=templates) if templates else None,
        others=_others(page),
        places={code: [each.label, each.x, each.y] for code, each in form.regions.items() if each.treatable != GROUP},
        status=status,
        **more,
    )


def _others(page: Page) -> QuerySet[Note]:
    """The other notes about the client, the latest session first."""
    seen = notes_read_by(page.by, page.now).filter(appointment__client=page.session.client).exclude(appointment=page.session)
    return seen.select_related("appointment__therapist", "appointment__treatment").order_by("-appointment__starts_at")


def _reading(
    page: Page, *, form: AddendumForm | None = None, template: str = "booking/note.html", status: int = 200, **more: Any
) -> HttpResponse:
    assert page.note is not None
    text, regions = read_note(page.note, by=page.by, now=page.now), body()
    context = {
        "text": text,
        "parts": said(text, regions),
        "regions": regions,
        "addenda": page.note.addenda.all(),
        "adding": (form or AddendumForm()) if page.may_add else None,
        "others": _others(page),
    }
    return render(page.request, template, page.context() | context | more, status=status)


# ---- what was written -------------------------------------------------------------------------------------------------------


def _written(page: Page) -> HttpResponse:
    if not page.is_theirs:
        raise Http404
    if page.request.POST.get("do") == "sign-locked":
        _sign(page)
        return redirect("booking:note", page.session.pk)
    form, by_itself = NoteForm(page.request.POST, regions=body()), page.request.POST.get("do") == "keep"
    if not form.is_valid():
        return _refused(_not_valid(form), status=422) if by_itself else _form(page, form, status=422)
    try:
        version = _saved(page, form.text if by_itself else _as_asked(page, form), form)
    except NoteChanged as refusal:
        return _refused(str(refusal)) if by_itself else _both(page, form, refusal)
    except NoteLocked as refusal:
        return _refused(str(refusal)) if by_itself else _too_late(page, form, refusal)
    if by_itself:
        return _kept(page, version)
    return _done(page)


def _saved(page: Page, text: NoteText, form: NoteForm) -> NoteVersion | None:
    return save_note(page.session, text, seen=form.seen_version, writer=form.writing_page, by=page.by, now=page.now)


def _kept(page: Page, version: NoteVersion | None) -> HttpResponse:
    """The page hears which version it is at, and when that was saved on the practice's clock."""
    if version is None:
        return JsonResponse({"seen": 0, "at": ""})
    return JsonResponse({"seen": version.number, "at": clock(version.saved_at.astimezone(ZoneInfo(page.session.zone)))})


def _refused(words: str, *, status: int = 409) -> HttpResponse:
    return JsonResponse({"problem": words}, status=status)


def _not_valid(form: NoteForm) -> str:
    return " ".join(str(error) for errors in form.errors.values() for error in errors)


def _as_asked(page: Page, form: NoteForm) -> NoteText:
    """What was written, with what the pressed button adds to it or takes away."""
    do, _colon, what = page.request.POST.get("do", "").partition(":")
    if do == "remove":
        return form.without(what)
    before = last_note(page.session) if do == "copy" else None
    if before is not None:
        return copy_forward(form.text, before, by=page.by, now=page.now)
    if do == "begin":
        return _begun(page, form)
    return form.with_added


def _begun(page: Page, form: NoteForm) -> NoteText:
    templates = list(note_templates_of(page.by))
    choice = TemplateChoice(page.request.POST, templates=templates)
    if not choice.is_valid():
        return form.text
    return begin_with(form.text, next(each for each in templates if str(each.pk) == choice.cleaned_data["template"]))


def _done(page: Page) -> HttpResponse:
    do = page.request.POST.get("do", "").partition(":")[0]
    there = reverse("booking:note", args=[page.session.pk])
    if do == "sign":
        _sign(page)
    elif do in ("copy", "begin"):
        messages.success(page.request, _("Filled in where the note said nothing. What you had written stayed."))
    elif do in ("add", "remove"):
        return redirect(f"{there}#points")
    else:
        messages.success(page.request, _("Saved."))
    return redirect(there)


def _sign(page: Page) -> None:
    try:
        sign_note(page.session, by=page.by, now=page.now)
    except BookingError as refusal:
        messages.warning(page.request, str(refusal))
    else:
        messages.success(page.request, _("Signed."))


def _both(page: Page, form: NoteForm, refusal: NoteChanged) -> HttpResponse:
    """The page with what was written on it, and beside it what another window saved; saving once more keeps this one."""
    latest: NoteVersion = refusal.detail["latest"]
    data: QueryDict = page.request.POST.copy()
    data["seen"] = str(latest.number)
    return _form(
        page,
        NoteForm(data, regions=form.regions),
        status=409,
        problem=str(refusal),
        theirs=latest,
        differs=differences(NoteText.of(latest), form.text, form.regions),
    )


def _too_late(page: Page, form: NoteForm, refusal: NoteLocked) -> HttpResponse:
    """What was typed into a note that locked meanwhile comes back as the addendum it can become."""
    assert page.note is not None
    before, typed = NoteText.of(page.latest), form.text
    new = "\n\n".join(getattr(typed, part) for part in PARTS if getattr(typed, part) not in ("", getattr(before, part)))
    return _reading(page, form=AddendumForm(initial={"text": new}), status=409, problem=str(refusal))


# ---- added, printed, looked back on -----------------------------------------------------------------------------------------


@require_POST
@never_cache
@login_required
def addendum(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Add to a locked note of one's own."""
    page = Page.of(request, pk)
    if page.note is None or not page.may_add:
        raise Http404
    form = AddendumForm(request.POST)
    try:
        if not form.is_valid():
            return _reading(page, form=form, status=422)
        add_addendum(page.note, form.cleaned_data["text"], by=page.by, now=page.now)
    except NoConsent:
        return page.render(is_shut=True, status=409)
    messages.success(request, _("Added."))
    return redirect("booking:note", pk)


@require_safe
@never_cache
@login_required
@not_too_many
def print_note(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The note on paper: all of it and its addenda, nothing else."""
    page = Page.of(request, pk)
    if page.note is None:
        raise Http404
    try:
        return _reading(page, template="booking/note_print.html")
    except NoConsent:
        return page.render(is_shut=True)


@require_safe
@never_cache
@login_required
@not_too_many
def versions(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Every version of a note, the latest first, each with what differs from the one before it."""
    page = Page.of(request, pk)
    if page.note is None:
        raise Http404
    try:
        read_note(page.note, by=page.by, now=page.now)
    except NoConsent:
        return page.render(is_shut=True)
    regions, kept = body(), list(page.note.versions.all())
    texts = [NoteText.of(version) for version in kept]
    rows = [
        (version, differences(text, before, regions), said(text, regions))
        for version, text, before in zip(kept, texts, [*texts[1:], NoteText()], strict=True)
    ]
    return render(request, "booking/note_versions.html", page.context() | {"rows": rows})


# ---- in words ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """One part of a note in words; ``lines`` is empty where it says nothing."""

    title: str | Promise
    lines: Sequence[str]
    is_list: bool = False


def said(text: NoteText, regions: Regions) -> list[Said]:
    """All of a note, part by part."""
    points = [_point_in_words(point, regions) for point in text.points]
    pains = ((_("%(score)s before"), text.pain_before), (_("%(score)s after"), text.pain_after))
    return [
        *(Said(ABOUT[part][0], getattr(text, part).splitlines()) for part in PARTS),
        Said(_("Treated points"), points, is_list=True),
        Said(_("Pain, 0 to 10"), [words % {"score": score} for words, score in pains if score is not None]),
    ]


def differences(text: NoteText, other: NoteText, regions: Regions) -> list[Said]:
    """The parts of ``text`` that differ from ``other``."""
    pairs = zip(said(text, regions), said(other, regions), strict=True)
    return [mine for mine, its in pairs if mine.lines != its.lines]


def _point_in_words(point: Point, regions: Regions) -> str:
    facts = [pressure_in_words(point.pressure) if point.pressure else "", point.how]
    return ": ".join(part for part in (place_in_words(point.region, regions), ", ".join(filter(None, facts))) if part)


# ---- what is left to write, and templates -----------------------------------------------------------------------------------


@require_safe
@never_cache
@login_required
def notes(request: HttpRequest) -> HttpResponse:
    """The sessions whose note is still to be written or signed, and the therapist's templates."""
    therapist, now = _therapist(request), timezone.now()
    unsigned = without_a_signed_note(sessions_read_by(request.user, now), now).select_related("note")
    by_day = groupby(unsigned, key=lambda session: session.local_date)
    context = {
        "page": "notes",
        "waiting": answers_to_decide(request.user, now),
        "days": [(day, list(sessions)) for day, sessions in by_day],
        "today": timezone.localdate(now, therapist.location.tz),
        "templates": note_templates_of(request.user),
        "readable_days": settings.INTAKE_READABLE_DAYS,
    }
    return render(request, "booking/notes.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def new_template(request: HttpRequest) -> HttpResponse:
    return _template(request, NoteTemplate(therapist=_therapist(request)))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def template(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Change a template, or delete it."""
    return _template(request, get_object_or_404(note_templates_of(request.user), pk=pk))


def _template(request: HttpRequest, template: NoteTemplate) -> HttpResponse:
    is_new = template._state.adding
    if request.POST.get("do") == "delete" and not is_new:
        template.delete()
        messages.success(request, _("Deleted. Notes that began with it stay as they are."))
        return redirect("booking:notes")
    form = NoteTemplateForm(request.POST if request.method == "POST" else None, instance=template)
    if form.is_bound and form.is_valid():
        form.save()
        messages.success(request, _("Kept. You find it above every note that is still open."))
        return redirect("booking:notes")
    context = {"page": "notes", "waiting": answers_to_decide(request.user, timezone.now()), "form": form, "is_new": is_new}
    return render(request, "booking/note_template.html", context, status=422 if form.is_bound else 200)


def _therapist(request: HttpRequest) -> Therapist:
    therapist = therapist_of(request.user)
    if therapist is None:
        raise Http404
    return therapist
