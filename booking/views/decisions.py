"""The therapist's queue: answers that wait for a decision, and sessions on hold until a doctor has spoken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from booking.access import cases_of, sessions_given_by, therapist_of
from booking.enums import DecisionOutcome, FlagState
from booking.exceptions import BookingError
from booking.forms.decisions import ClearanceForm, DecideForm, DeclineForm
from booking.ical import GONE
from booking.models import Appointment, Decision, SessionFlag
from booking.reading import Ground, Reading, body
from booking.services.clearances import record_clearance
from booking.services.decisions import Terms, decide
from booking.services.intake import standings
from booking.services.replacements import nearest_elsewhere
from booking.views.treating import not_too_many
from clients.models import User
from clients.wording import PRESSURES
from therapists.models import Therapist

#: For how long what was decided stays on the page.
LOOK_BACK = timedelta(days=7)


@dataclass(frozen=True)
class About:
    """One answer, and everything it means."""

    title: str
    answer: Sequence[str]
    grounds: Sequence[Ground]


@dataclass(frozen=True)
class Elsewhere:
    """Who could treat a client instead, and when, on the practice's clock."""

    therapist: Therapist
    start: datetime


@dataclass(frozen=True)
class Case:
    """A client who waits: the soonest of their sessions, and how many ``more`` of them wait.

    ``of`` is how many dates its series has. ``elsewhere`` is what they would be offered if they were turned away.
    """

    session: Appointment
    is_on_hold: bool
    more: int
    of: int | None
    is_first_visit: bool
    cap: str | Promise
    untouched: Sequence[str]
    about: Sequence[About]
    forms: Mapping[str, forms.BaseForm]
    elsewhere: Elsewhere | None


@require_safe
@never_cache
@login_required
@not_too_many
def queue(request: HttpRequest) -> HttpResponse:
    """All that waits. The answers are on the page, so that looking leaves a row for each form."""
    return _queue(request, _therapist(request), timezone.now())


@require_POST
@never_cache
@login_required
def decide_case(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Decide about one client's answers. What was decided meanwhile, or is asked anew, answers 409 with the page as it stands."""
    therapist, now = _therapist(request), timezone.now()
    assert isinstance(request.user, User)
    session = get_object_or_404(sessions_given_by(therapist), pk=pk)
    if not cases_of(request.user, now).filter(appointment=session, state=FlagState.TO_DECIDE).exists():
        return _queue(request, therapist, now, problem=_("This does not wait for you any more. Here is how it stands."))
    form = DeclineForm(request.POST, session=session) if _declines(request) else _limits(request, session, now)
    if not form.is_valid():
        return _queue(request, therapist, now, unfinished=form, at=session)
    outcome, terms = _what_was_decided(request, form)
    try:
        decide(session, outcome, terms, by=request.user, now=now, seen_round=form.cleaned_data["seen_round"])
    except BookingError as refusal:
        return _queue(request, therapist, now, problem=str(refusal))
    messages.success(request, _said(session, outcome))
    return redirect("booking:decisions")


@require_POST
@never_cache
@login_required
def clear(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Record what a doctor said about the client of a session on hold."""
    therapist, now = _therapist(request), timezone.now()
    assert isinstance(request.user, User)
    session = get_object_or_404(sessions_given_by(therapist), pk=pk)
    assert session.client is not None
    form = ClearanceForm(request.POST, session=session, today=timezone.localdate(now, therapist.location.tz))
    if not form.is_valid():
        return _queue(request, therapist, now, unfinished=form, at=session)
    try:
        record_clearance(session.client, **form.cleaned_data, by=request.user, now=now)
    except BookingError as refusal:
        return _queue(request, therapist, now, problem=str(refusal))
    messages.success(request, _("Recorded. %(name)s is told by mail what is confirmed now.") % {"name": session.client})
    return redirect("booking:decisions")


def _therapist(request: HttpRequest) -> Therapist:
    therapist = therapist_of(request.user)
    if therapist is None:
        raise Http404
    return therapist


def _declines(request: HttpRequest) -> bool:
    return request.POST.get("do") == "decline"


def _limits(request: HttpRequest, session: Appointment, now: datetime) -> DecideForm:
    assert session.client is not None
    standing = standings(session.client, [session], now=now)[session.pk]
    return DecideForm(request.POST, session=session, cap=standing.flags.everywhere.cap, regions=body())


def _what_was_decided(request: HttpRequest, form: forms.Form) -> tuple[DecisionOutcome, Terms]:
    if isinstance(form, DecideForm):
        if request.POST.get("do") == "doctor":
            return DecisionOutcome.DOCTOR_FIRST, Terms()
        return form.outcome, form.terms
    return DecisionOutcome.DECLINED, Terms(reason=form.cleaned_data["reason"])


def _said(session: Appointment, outcome: DecisionOutcome) -> str:
    sentences = {
        DecisionOutcome.APPROVED: _("Decided: %(name)s can come as booked."),
        DecisionOutcome.ADAPTED: _("Decided: %(name)s can come, within your limits. They stand in the plan of the session."),
        DecisionOutcome.DOCTOR_FIRST: _("Decided: %(name)s is asked to see a doctor first. The time stays theirs."),
        DecisionOutcome.DECLINED: _("Decided: we ask %(name)s by mail to take another therapist. Until then nothing moves."),
    }
    return sentences[outcome] % {"name": session.client}


# ---- the page ---------------------------------------------------------------------------------------------------------------


def _queue(
    request: HttpRequest,
    therapist: Therapist,
    now: datetime,
    *,
    problem: str = "",
    unfinished: forms.BaseForm | None = None,
    at: Appointment | None = None,
) -> HttpResponse:
    """The page; 422 with the ``unfinished`` form ``at`` its session, 409 with a ``problem``."""
    assert isinstance(request.user, User)
    cases = _cases(request.user, now, unfinished, at)
    to_decide = [case for case in cases if not case.is_on_hold]
    context = {
        "page": "decisions",
        "therapist": therapist,
        "cases": cases,
        "waiting": len(to_decide),
        "on_hold": len(cases) - len(to_decide),
        "decided": Decision.objects.filter(therapist=therapist, at__gt=now - LOOK_BACK).select_related("client", "appointment"),
        "today": timezone.localdate(now, therapist.location.tz),
        "now": now,
        "problem": problem,
        "unfinished": unfinished,
    }
    status = 409 if problem else 422 if unfinished is not None else 200
    return render(request, "booking/decisions.html", context, status=status)


def _cases(user: User, now: datetime, unfinished: forms.BaseForm | None, at: Appointment | None) -> list[Case]:
    flags = cases_of(user, now).select_related(
        "appointment__client", "appointment__therapist__location", "appointment__treatment__location", "appointment__series"
    )
    by_client: dict[tuple[str, UUID | None], list[SessionFlag]] = {}
    for flag in flags:
        by_client.setdefault((flag.state, flag.appointment.client_id), []).append(flag)
    found = (_case(each, user, now, unfinished if _is_at(at, each) else None) for each in by_client.values())
    return [case for case in found if case is not None]


def _is_at(at: Appointment | None, flags: Sequence[SessionFlag]) -> bool:
    return at is not None and flags[0].appointment_id == at.pk


def _case(flags: Sequence[SessionFlag], user: User, now: datetime, unfinished: forms.BaseForm | None) -> Case | None:
    flag, session = flags[0], flags[0].appointment
    reading = Reading.of(session, by=user, now=now)
    if reading is None:
        return None
    on_hold = flag.state == FlagState.ON_HOLD
    return Case(
        session=session,
        is_on_hold=on_hold,
        more=len(flags) - 1,
        of=session.series.planned_dates.count() if session.series else None,
        is_first_visit=_is_first_visit(session),
        cap=PRESSURES[reading.standing.flags.everywhere.cap],
        untouched=reading.places(reading.standing.flags.untouched),
        about=_about(reading.grounds(flag.grounds)),
        forms=_clearance(session, unfinished, now) if on_hold else _choice(reading, flag, unfinished),
        elsewhere=None if on_hold else _elsewhere(session, now),
    )


def _elsewhere(session: Appointment, now: datetime) -> Elsewhere | None:
    found = nearest_elsewhere(session, now=now)
    if found.therapist_id is None or found.starts_at is None:
        return None
    return Elsewhere(Therapist.objects.get(pk=found.therapist_id), found.starts_at.astimezone(ZoneInfo(session.zone)))


def _choice(reading: Reading, flag: SessionFlag, unfinished: forms.BaseForm | None) -> dict[str, forms.BaseForm]:
    """The two forms of a case that waits for a decision."""
    seen = {"seen_round": flag.round}
    cap = reading.standing.flags.everywhere.cap
    found: dict[str, forms.BaseForm] = {
        "decide": DecideForm(session=reading.session, cap=cap, regions=reading.regions, initial=seen),
        "decline": DeclineForm(session=reading.session, initial=seen),
    }
    if unfinished is not None:
        found["decide" if isinstance(unfinished, DecideForm) else "decline"] = unfinished
    return found


def _clearance(session: Appointment, unfinished: forms.BaseForm | None, now: datetime) -> dict[str, forms.BaseForm]:
    return {
        "clearance": unfinished or ClearanceForm(session=session, today=timezone.localdate(now, session.therapist.location.tz))
    }


def _is_first_visit(session: Appointment) -> bool:
    earlier = Appointment.objects.real().filter(client=session.client_id, starts_at__lt=session.starts_at)
    return not earlier.exclude(status__in=GONE).exists()


def _about(grounds: Sequence[Ground]) -> list[About]:
    """The grounds by the answer they come from, in order."""
    by_answer: dict[tuple[str, tuple[str, ...]], list[Ground]] = {}
    for ground in grounds:
        by_answer.setdefault((ground.title, ground.answer), []).append(ground)
    return [About(title, answer, found) for (title, answer), found in by_answer.items()]
