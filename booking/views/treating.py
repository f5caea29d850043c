"""The therapist's pages: the sessions of the week, and what the client of one answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from booking.access import sessions_given_by, sessions_read_by, therapist_of
from booking.enums import Light
from booking.models import Appointment
from booking.services.intake import LIGHTS, light_of, lights_of
from clients.exceptions import NoConsent
from clients.models import BodyRegion, Client, Question, QuestionType, User
from clients.services.responses import flags_of
from clients.sheets import Sheet, parts_in_words
from clients.triage import Flags, Pressure, Reason, Severity
from clients.wording import PRESSURES, in_words

#: Days after today that the list reaches.
AHEAD = 7
#: Written anew in every form, so that they always differ.
SIGNED = (QuestionType.CONSENT, QuestionType.SIGNATURE)

Regions = Mapping[str, BodyRegion]


@require_safe
@never_cache
@login_required
def week(request: HttpRequest) -> HttpResponse:
    """A therapist's sessions of today and the next days, each with the light of its form."""
    therapist = therapist_of(request.user)
    if therapist is None:
        raise Http404
    now = timezone.now()
    today = timezone.localdate(now, therapist.location.tz)
    sessions = list(
        sessions_given_by(therapist)
        .filter(local_date__range=(today, today + timedelta(days=AHEAD)))
        .order_by("local_date", "starts_at")
    )
    lights = lights_of(sessions, now=now)
    days = [
        (day, [(session, lights[session.pk]) for session in rows])
        for day, rows in groupby(sessions, key=lambda session: session.local_date)
    ]
    return render(request, "booking/therapist.html", {"page": "therapist", "therapist": therapist, "days": days, "today": today})


@require_safe
@never_cache
@login_required
def intake(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What the client of a session answered and what it means on that day. Every look leaves a row the client can see."""
    assert isinstance(request.user, User)
    now = timezone.now()
    session = get_object_or_404(sessions_read_by(request.user, now), pk=pk)
    assert session.client is not None
    context: dict[str, Any] = {"session": session, "light": light_of(session, now=now)}
    try:
        context |= _read(session, session.client, by=request.user, now=now)
    except NoConsent:
        context["is_locked"] = True
    return render(request, "booking/session_intake.html", context)


def _read(session: Appointment, client: Client, *, by: User, now: datetime) -> dict[str, Any]:
    """The answers, newest form first, and their meaning; nothing where none were sent. Raises NoConsent."""
    flags = flags_of(client, on=session.local_date)
    if flags is None:
        return {}
    sent = client.responses.current().select_related("client", "questionnaire", "supersedes__questionnaire")
    sheets = [Sheet.of(response, by=by, now=now) for response in sent.order_by("-submitted_at")]
    regions = {region.code: region for region in BodyRegion.objects.all()}
    return {
        "cap": PRESSURES[flags.everywhere.cap],
        "caps": _caps(flags, regions),
        "untouched": _places(flags.untouched, regions),
        "reasons": _reasons(flags, sheets, regions),
        "forms": [(sheet, parts_in_words(sheet)) for sheet in sheets],
        **_since_the_form_before(sheets, regions, by=by, now=now),
    }


def _places(codes: Iterable[str], regions: Regions) -> list[str]:
    return sorted(regions[code].label for code in codes)


def _caps(flags: Flags, regions: Regions) -> list[tuple[str | Promise, list[str]]]:
    """The lower limits of single regions, the lowest first; those not to be touched are listed by themselves."""
    by_cap: dict[Pressure, list[str]] = {}
    for code, limit in flags.regions.items():
        if code not in flags.untouched and limit.cap is not None and limit.cap != flags.everywhere.cap:
            by_cap.setdefault(limit.cap, []).append(code)
    return [(PRESSURES[cap], _places(by_cap[cap], regions)) for cap in sorted(by_cap)]


# ---- reasons ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ground:
    """One reason for the light in words: what to know, and the answer it comes from."""

    light: Light
    note: str
    title: str
    answer: list[str]
    places: list[str]
    ask: Sequence[str]


def _reasons(flags: Flags, sheets: Sequence[Sheet], regions: Regions) -> list[Ground]:
    """The gravest first, each said once."""
    gravest_first = sorted(flags.reasons, key=lambda reason: -reason.severity)
    grounds = [_ground(reason, sheets, regions) for reason in gravest_first if reason.severity > Severity.NONE]
    return [ground for number, ground in enumerate(grounds) if ground not in grounds[:number]]


def _ground(reason: Reason, sheets: Sequence[Sheet], regions: Regions) -> Ground:
    asked = ((sheet, each) for sheet in sheets for each in sheet.questions if each.code == reason.question in sheet.answers)
    sheet, question = next(asked, (None, None))
    return Ground(
        LIGHTS[reason.severity],
        reason.note,
        sheet.title_of(question) if sheet and question else "",
        _answer_to(question, sheet, reason, regions) if sheet and question else [],
        _places(reason.regions, regions) if reason.is_local else [],
        reason.ask,
    )


def _answer_to(question: Question, sheet: Sheet, reason: Reason, regions: Regions) -> list[str]:
    """The part of an answer that a reason is about: of a list of medicines, those it names."""
    value = sheet.answers[question.code]
    if question.type == QuestionType.MEDICATION_LIST:
        value = [item for item in value if item["name"] in reason.because] or value
    return in_words(question, value, regions)


# ---- what changed -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    word: str | Promise
    title: str
    was: list[str]
    now: list[str]


def _since_the_form_before(sheets: Iterable[Sheet], regions: Regions, *, by: User, now: datetime) -> dict[str, Any]:
    """What differs from the form that the newest one replaced; nothing where there was none."""
    for sheet in sheets:
        before = sheet.response.supersedes
        if before is not None and not before.is_draft:
            was = Sheet.of(before, by=by, now=now)
            return {"before": before, "differences": _differences(was, sheet, regions)}
    return {}


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
