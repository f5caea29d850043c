"""My sessions: what is ahead and what was, the way in, and the calendar files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import Prefetch
from django.forms import HiddenInput
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from booking.access import appointments_of, changes_of, is_somebody
from booking.courses import Course, outcome_of, sessions_by_series
from booking.engine.recurrence import ClockChange, changes_met
from booking.enums import CHANGEABLE, AppointmentStatus, FlagState, Outcome
from booking.forms.codes import AddressForm, CodeForm
from booking.ical import GONE, calendar
from booking.models import Appointment, AuditEntry, Change, NoticeRule, SessionFlag
from booking.notifications.reminders import MOVED_AT_MOST
from booking.views.asking import asks_of
from booking.views.repairs import repairs_waiting
from booking.views.waitlist import waiting_context
from clients.access import client_of
from clients.models import Client, Questionnaire, Response, User
from clients.proof import AddressProof, sign_in
from clients.services.responses import full_form_is_due, sheet_for_doctor

#: How long before a session its client can say that they are coming, where no reminder asks earlier.
ASKED_AT_LEAST = timedelta(days=7)
#: The states of a session that is still to come or under way.
AHEAD = (*CHANGEABLE, AppointmentStatus.ARRIVED, AppointmentStatus.IN_SESSION)


@dataclass(frozen=True)
class Entry:
    """A session as its client sees it. ``number`` and ``of``: its place in its series, in order of the dates planned."""

    session: Appointment
    number: int
    of: int
    outcome: Outcome
    clock_change: ClockChange | None
    can_change: bool
    can_confirm: bool
    flag_state: str


@require_safe
@never_cache
def sessions(request: HttpRequest) -> HttpResponse:
    """A client's sessions, or those that the links they opened speak of; for nobody in particular the way in."""
    now = timezone.now()
    if not is_somebody(request, now):
        return _way_in(request)
    return sessions_page(request, now)


def sessions_page(request: HttpRequest, now: datetime, *, problem: str = "") -> HttpResponse:
    """The page itself. A ``problem`` says why something could not be done."""
    seen = list(_shown(request, now))
    courses = sessions_by_series({each.series_id for each in seen if each.series_id})
    entries = _entries(seen, courses, _asked_until(now), now)
    ahead = [entry for entry in entries if entry.session.status in AHEAD and entry.session.ends_at > now]
    past = [entry for entry in reversed(entries) if entry not in ahead]
    context = {
        "page": "sessions",
        "ahead": ahead,
        "past": past,
        "courses": [Course.of(rows) for rows in courses.values() if any(row.ends_at > now for row in rows)],
        "people": sorted({each.client.name for each in seen if each.client}),
        "undoable": _undoable(request, now),
        "problem": problem,
        "repairs": repairs_waiting(request, now),
        "doctor_sheet": _sheet_for_doctor(request, ahead),
        **asks_of(request.user, now=now),
        "form": _form_wanted(client_of(request.user), [entry.session for entry in ahead]),
        **waiting_context(request, now),
    }
    return render(request, "booking/sessions.html", context, status=409 if problem else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def sign_in_by_code(request: HttpRequest) -> HttpResponse:
    """The address, then the six digits that were sent there. Known and unknown addresses get the same answers until then."""
    if request.user.is_authenticated:
        return redirect(wanted(request) or "booking:sessions")
    return _way_in(request)


@require_safe
@never_cache
def session_calendar(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One session as a calendar file; fetched again later it brings what changed."""
    return _file(appointments_of(request, timezone.now()).filter(pk=pk), "session.ics")


@require_safe
@never_cache
def series_calendar(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The sessions of a series as one file, those cancelled since marked as such."""
    return _file(appointments_of(request, timezone.now()).filter(series=pk), "series.ics")


def _way_in(request: HttpRequest) -> HttpResponse:
    proof = AddressProof.resume(request)
    if proof is None or "again" in request.GET:
        return _address(request)
    if "resend" in request.POST:
        proof.resend()
        return redirect(_this_way(request))
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        if proof.accepts(form.cleaned_data["code"]):
            return _proved(request, proof)
        if AddressProof.resume(request) is None:
            messages.warning(request, _("That was the wrong code five times, so it no longer counts. Please ask for a new one."))
            return redirect(_this_way(request))
        form.add_error("code", _("This is not the code we sent. Please type it again."))
    return _ask(request, form, email=proof.email)


def _address(request: HttpRequest) -> HttpResponse:
    form = AddressForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        nothing_typed = {"name": "", "phone": ""}
        AddressProof.begin(request, email=form.cleaned_data["email"], details=nothing_typed)
        return redirect(_this_way(request))
    return _ask(request, form)


def _ask(request: HttpRequest, form: AddressForm | CodeForm, *, email: str = "") -> HttpResponse:
    context = {
        "page": "sessions",
        "form": form,
        "email": email,
        "goes_on": bool(wanted(request)),
        "here": _this_way(request),
        "again": _this_way(request, again=True),
        "redirect_field": HiddenInput().render("next", wanted(request) or reverse("booking:sessions")),
    }
    return render(request, "booking/sign_in.html", context, status=422 if form.is_bound else 200)


def _proved(request: HttpRequest, proof: AddressProof) -> HttpResponse:
    email = proof.email
    proof.abort()
    user = User.objects.filter(email=email, is_active=True).first()
    if user is None:
        messages.info(
            request,
            _("Nothing was booked here with this address. If we booked for you, open the link in our message, or call us."),
        )
        return redirect(_this_way(request))
    second_factor_first = sign_in(request, user)
    return second_factor_first or redirect(wanted(request) or "booking:sessions")


def wanted(request: HttpRequest) -> str:
    """The page of ours that somebody came from to sign in; nothing for an address elsewhere."""
    address = request.GET.get("next", "")
    ours = url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())
    return address if ours else ""


def _this_way(request: HttpRequest, *, again: bool = False) -> str:
    """The sign-in that leads on to the same page; ``again`` for another address than the one the code went to."""
    query = QueryDict(mutable=True)
    if again:
        query["again"] = "1"
    if address := wanted(request):
        query["next"] = address
    return resolve_url("booking:sign_in") + (f"?{query.urlencode(safe='/')}" if query else "")


def _shown(request: HttpRequest, now: datetime) -> Collection[Appointment]:
    seen = appointments_of(request, now).select_related("planned_date__wished_therapist", "flag").defer("flag__grounds")
    return seen.exclude(request__undone_at__isnull=False).order_by("starts_at")


@dataclass(frozen=True)
class FormWanted:
    """Whether the form is there for the next session, and until when it is asked for."""

    is_due: bool
    before: date


def _form_wanted(client: Client | None, ahead: Sequence[Appointment]) -> FormWanted | None:
    """For the client who is signed in and has a session ahead; whoever came by a link is told nothing about the form."""
    if client is None or Questionnaire.objects.active() is None:
        return None
    own = next((session for session in ahead if session.client_id == client.pk), None)
    return FormWanted(full_form_is_due(client, on=own.local_date), own.local_date) if own else None


def _sheet_for_doctor(request: HttpRequest, ahead: Sequence[Entry]) -> Response | None:
    on_hold = any(entry.flag_state == FlagState.ON_HOLD for entry in ahead)
    return sheet_for_doctor(client_of(request.user)) if on_hold else None


def _asked_until(now: datetime) -> Callable[[Appointment], datetime]:
    """Until which start clients are asked whether they are coming: from some time before the first reminder of a session on."""
    longest = NoticeRule.objects.longest_reminders()
    return lambda session: now + max(ASKED_AT_LEAST, longest.get(session.treatment.location_id, ASKED_AT_LEAST)) + MOVED_AT_MOST


def _can_confirm(session: Appointment, now: datetime, until: datetime) -> bool:
    is_ahead = session.status == AppointmentStatus.BOOKED and now < session.starts_at <= until
    return is_ahead and _flag_state(session) != FlagState.ON_HOLD


def _entries(
    seen: Sequence[Appointment],
    courses: dict[UUID, list[Appointment]],
    asked_until: Callable[[Appointment], datetime],
    now: datetime,
) -> list[Entry]:
    places = {row.pk: (number, len(rows)) for rows in courses.values() for number, row in enumerate(rows, 1)}
    met: dict[str, Any] = {
        zone: changes_met(ZoneInfo(zone), {each.local_date for each in seen if each.zone == zone and each.status not in GONE})
        for zone in {each.zone for each in seen}
    }
    return [
        Entry(
            session,
            *places.get(session.pk, (1, 1)),
            outcome_of(session),
            met[session.zone].get(session.local_date),
            session.status in CHANGEABLE and session.starts_at > now,
            _can_confirm(session, now, asked_until(session)),
            _flag_state(session),
        )
        for session in seen
    ]


def _flag_state(session: Appointment) -> str:
    flag: SessionFlag | None = getattr(session, "flag", None)
    return FlagState.CLEAR if flag is None else flag.state


def _undoable(request: HttpRequest, now: datetime) -> list[tuple[Change, list[Appointment]]]:
    """What can still be undone, the latest first, each with the sessions it was about."""
    entries = AuditEntry.objects.select_related("appointment").order_by("appointment__starts_at")
    changes = changes_of(request, now).undoable(now)
    return [
        (change, list({entry.session.pk: entry.session for entry in change.audit_entries.all()}.values()))
        for change in changes.prefetch_related(Prefetch("audit_entries", entries))
    ]


def _file(appointments: Collection[Appointment], name: str) -> HttpResponse:
    found = list(appointments)
    if not found:
        raise Http404
    response = HttpResponse(calendar(found, now=timezone.now()), content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
