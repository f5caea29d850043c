"""Moving, cancelling and undoing, one page each, and one press to say “I'm coming”.

Nothing changes before the last press; every press that could do harm twice has its key.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from booking.access import actor, appointments_of, changes_of
from booking.engine.planner import Start
from booking.enums import CHANGEABLE, Scope
from booking.exceptions import BookingError
from booking.forms.booking import ANYONE, WhenForm
from booking.forms.changes import CancelForm, MoveForm, start_from
from booking.models import Appointment
from booking.moving import dates_of, other_days, scopes_of
from booking.queries import availability
from booking.services.appointments import confirm_coming
from booking.services.changes import UNDO_LASTS, cancel_sessions, move_sessions, undo_change
from booking.services.policy import fixed_ones, is_late, late_ones
from booking.services.replan import First, as_chosen, replan
from booking.templatetags.unknot import clock, long_day
from booking.views.choose import day_asked, offers_around, one_a_time, times_context
from booking.views.sessions import sessions_page
from therapists.models import Therapist


@dataclass(frozen=True)
class Asked:
    """What the address asks for, checked again: which sessions, and with whom they shall be."""

    session: Appointment
    scope: Scope
    scopes: dict[Scope, list[Appointment]]
    wished: Therapist | None

    @property
    def sessions(self) -> list[Appointment]:
        return self.scopes[self.scope]

    @property
    def situation(self) -> dict[str, Any]:
        """What bears on the free times beside the rules: the client's other sessions, and that these make room."""
        return {
            "therapists": [self.wished.pk] if self.wished else None,
            "client": self.session.client_id,
            "ignoring": [each.pk for each in self.sessions],
            "lasting": self.sessions[0].kept_length,
        }

    @property
    def query(self) -> str:
        return urlencode({"scope": self.scope.value, "therapist": self.wished.pk if self.wished else ANYONE})


@require_POST
@never_cache
def coming(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The client says that they are coming."""
    now = timezone.now()
    session = _session(request, pk, now)
    try:
        confirm_coming(session, sequence=_version_read(request), by=actor(request), now=now)
    except BookingError as refusal:
        return sessions_page(request, now, problem=str(refusal))
    said = _("Thank you. We expect you on %(day)s at %(time)s.")
    messages.success(request, said % {"day": long_day(session.local_date), "time": clock(session.local_time)})
    return redirect("booking:sessions")


@require_safe
@never_cache
def move(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Days and free times for a session, or for the first of several."""
    now = timezone.now()
    session = _session(request, pk, now)
    if not _is_ahead(session, now):
        return redirect("booking:sessions")
    return _times(request, _asked(request, session, now), now)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def confirm_move(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Old and new, date by date, at the time chosen; then the press that moves."""
    now = timezone.now()
    session = _session(request, pk, now)
    asked = _asked(request, session, now)
    if request.method == "POST":
        return _moved(request, asked, now)
    if not _is_ahead(session, now):
        return redirect("booking:sessions")
    return _plan(request, asked, now)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Exactly which dates go and which stay; then the press that cancels."""
    now = timezone.now()
    session = _session(request, pk, now)
    asked = _asked(request, session, now)
    if request.method == "POST":
        return _cancelled(request, asked, now)
    if not _is_ahead(session, now):
        return redirect("booking:sessions")
    return _cancel_page(request, asked, now)


@require_POST
@never_cache
def undo(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Put back what was moved or cancelled in the last minutes."""
    now = timezone.now()
    change = changes_of(request, now).filter(pk=pk).first()
    if change is None:
        raise Http404
    try:
        undo_change(change, by=actor(request), now=now)
    except BookingError as refusal:
        return sessions_page(request, now, problem=str(refusal))
    messages.success(request, _("Undone. Everything is as it was before."))
    return redirect("booking:sessions")


def _times(request: HttpRequest, asked: Asked, now: datetime, *, problem: str = "", status: int = 200) -> HttpResponse:
    fixed = fixed_ones(asked.sessions, now)
    context: dict[str, Any] = _context(asked, now) | {
        "fixed": [(each, is_late(each, now)) for each in fixed],
        "movable": next((each for each in asked.sessions if each not in fixed), None),
        "problem": problem,
    }
    if not fixed:
        own = f"{reverse('booking:move', args=[asked.session.pk])}?{asked.query}"
        day = day_asked(request) or asked.sessions[0].local_date
        offers, shown = offers_around(day, asked.session.treatment, now, **asked.situation)
        context |= times_context(offers, shown, asked.session.treatment, now, base=own)
    return render(request, "booking/move.html", context, status=status)


def _plan(request: HttpRequest, asked: Asked, now: datetime, *, problem: str = "", status: int = 200) -> HttpResponse:
    """The new plan for the start in the address; the times once more where that is not offered (any more)."""
    if not _is_ahead(asked.session, now):
        return sessions_page(request, now, problem=problem)
    day = day_asked(request)
    if day is None or fixed_ones(asked.sessions, now):
        return _times(request, asked, now, problem=problem, status=status)
    free = availability(asked.session.treatment_id, first=day, last=day, now=now, **asked.situation)
    form = WhenForm(request.GET, offers=one_a_time(free.of(day)))
    if not form.is_valid():
        said = problem or str(form.errors["start"][0])
        return _times(request, asked, now, problem=said, status=409 if request.GET.get("start") else 422)
    start = Start(form.chosen.therapist, day, form.chosen.minute)
    first = First(start, asked.wished.pk if asked.wished else None)
    try:
        plan = replan(asked.sessions, first, others=other_days(asked.sessions, now), now=now)
    except BookingError as refusal:
        return _times(request, asked, now, problem=str(refusal), status=409)
    if not plan.moves:
        return _times(request, asked, now, problem=_("You have this time already. Please choose another."), status=422)
    values = MoveForm.values({each.session: each.planned.placed if each.moves else None for each in plan.dates})
    context = _context(asked, now) | {
        "form": MoveForm(among=asked.sessions, days=_bookable_days(asked, now), initial={"to": values}),
        "dates": dates_of(plan),
        "plan": plan,
        "tally": {outcome.value: count for outcome, count in plan.tally.items()},
        "problem": problem,
        "times_url": f"{reverse('booking:move', args=[asked.session.pk])}?{asked.query}&day={day.isoformat()}",
    }
    return render(request, "booking/move_confirm.html", context, status=status)


def _moved(request: HttpRequest, asked: Asked, now: datetime) -> HttpResponse:
    form = MoveForm(request.POST, among=_kin(request, asked.session, now), days=_bookable_days(asked, now))
    if not form.is_valid():
        return _plan(request, asked, now, problem=_first_error(form), status=422)
    try:
        first = _first(request, asked)
        plan = as_chosen(form.chosen, form.cleaned_data["to"], first, now=now)
        move_sessions(
            plan.moves,
            wishes=plan.wishes,
            by=actor(request),
            now=now,
            key=form.cleaned_data["key"],
            undo_for=UNDO_LASTS,
        )
    except BookingError as refusal:
        return _plan(request, asked, now, problem=str(refusal), status=409)
    return redirect("booking:sessions")


def _cancelled(request: HttpRequest, asked: Asked, now: datetime) -> HttpResponse:
    form = CancelForm(request.POST, among=_kin(request, asked.session, now))
    if not form.is_valid():
        return _cancel_page(request, asked, now, problem=_first_error(form), status=422)
    try:
        cancel_sessions(form.chosen, by=actor(request), now=now, key=form.cleaned_data["key"], undo_for=UNDO_LASTS)
    except BookingError as refusal:
        return _cancel_page(request, asked, now, problem=str(refusal), status=409)
    return redirect("booking:sessions")


def _cancel_page(request: HttpRequest, asked: Asked, now: datetime, *, problem: str = "", status: int = 200) -> HttpResponse:
    if not _is_ahead(asked.session, now):
        return sessions_page(request, now, problem=problem)
    going = asked.sessions
    staying = [each for each in max(asked.scopes.values(), key=len) if each not in going]
    context = _context(asked, now) | {
        "form": CancelForm(among=going, initial={"sessions": [str(each.pk) for each in going]}),
        "staying": staying,
        "late": late_ones(going, now),
        "problem": problem,
    }
    return render(request, "booking/cancel.html", context, status=status)


def _context(asked: Asked, now: datetime) -> dict[str, Any]:
    return {
        "page": "sessions",
        "asked": asked,
        "session": asked.session,
        "going": asked.sessions,
        "free": not is_late(asked.sessions[0], now),
        "scopes": [(scope, each) for scope, each in asked.scopes.items()],
    }


def _session(request: HttpRequest, pk: UUID, now: datetime) -> Appointment:
    session = appointments_of(request, now).filter(pk=pk).first()
    if session is None:
        raise Http404
    return session


def _version_read(request: HttpRequest) -> int:
    """The version of the time that stood on the page; none that ever was for a page that is not ours."""
    said = request.POST.get("version", "")
    return int(said) if re.fullmatch(r"[0-9]{1,9}", said) else -1


def _is_ahead(session: Appointment, now: datetime) -> bool:
    return session.status in CHANGEABLE and session.starts_at > now


def _kin(request: HttpRequest, session: Appointment, now: datetime) -> Sequence[Appointment]:
    """The session and those of its series that somebody may change, whatever became of them meanwhile."""
    seen = appointments_of(request, now)
    return list(seen.filter(series=session.series_id)) if session.series_id else [session]


def _asked(request: HttpRequest, session: Appointment, now: datetime) -> Asked:
    scopes = scopes_of(session, now=now, of=appointments_of(request, now))
    scope = Scope(said) if (said := request.GET.get("scope", "")) in scopes else Scope.ONE
    return Asked(session, scope, scopes, _wished(request, session))


def _wished(request: HttpRequest, session: Appointment) -> Therapist | None:
    """The therapist asked for, if they give the treatment; without a word the one of the session."""
    said = request.GET.get("therapist", str(session.therapist_id))
    try:
        return session.treatment.therapists.filter(pk=UUID(said), is_active=True).first()
    except ValueError:
        return None


def _first(request: HttpRequest, asked: Asked) -> First:
    """The start in the address, by its form only; the services check whether it is offered."""
    therapist, _slash, minute = request.GET.get("start", "").partition("/")
    start = start_from(f"{therapist}/{day_asked(request)}/{minute}")
    if start is None:
        raise Http404
    return First(start, asked.wished.pk if asked.wished else None)


def _bookable_days(asked: Asked, now: datetime) -> tuple[date, date]:
    today = timezone.localdate(now)
    return today, today + asked.session.treatment.horizon


def _first_error(form: CancelForm | MoveForm) -> str:
    return str(next(iter(form.errors.values()))[0])
