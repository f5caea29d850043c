"""The therapist's calendar: what it shows, and the sessions that are opened, moved and taken through their day from it.

Each address answers a whole page, and to the calendar's script the part of it that changed.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from booking.access import (
    answers_to_decide,
    changes_by,
    columns_of,
    own_column,
    sees_colleagues,
    sessions_given_by,
    sessions_read_by,
    team_of,
    therapist_of,
)
from booking.diary import Days, diary, opening
from booking.enums import CHANGEABLE, AppointmentStatus, NotificationState
from booking.exceptions import BookingError
from booking.forms.calendar import MoveByHandForm
from booking.models import Appointment, Change
from booking.queries import rules_in_force
from booking.services.appointments import next_states, set_status
from booking.services.audit import on_looked_at
from booking.services.changes import UNDO_LASTS, move_sessions, tell_client, undo_change
from booking.services.intake import light_of
from booking.services.notes import last_note
from booking.templatetags.unknot import BLOCKS, ICONS
from clients.models import User
from therapists.models import Room, Therapist

#: Days that are shown at once at most: a month with the ends of the weeks around it.
MOST_DAYS = 45
MINE, TEAM, ROOMS = "mine", "team", "rooms"
#: The event on which the calendar looks again at once.
CHANGED = "calendar:changed"


def calendar_facts(therapist: Therapist, user: User, now: datetime) -> dict[str, Any]:
    """What the page of the calendar needs beside its events."""
    first, last = opening(rules_in_force(now))
    local = now.astimezone(therapist.location.tz)
    offset = local.strftime("%z")
    return {
        "calendar": {
            "therapist": str(therapist.pk),
            "offset": f"{offset[:3]}:{offset[3:]}",
            "opens": f"{first:02}:00",
            "closes": f"{last:02}:00",
            "team": [{"id": str(each.pk), "title": each.name} for each in _own_first(therapist, user)],
            "rooms": [{"id": str(each.pk), "title": each.name} for each in _rooms(therapist)],
        },
        "with_team": sees_colleagues(user),
        "states": [(state.value, block, state.label) for state, block in BLOCKS.items()],
        "lights": [(light.value, *icon, light.label) for light, icon in ICONS.items()],
    }


@require_safe
@never_cache
@login_required
def events(request: HttpRequest) -> HttpResponse:
    """The sessions and hours of some days as JSON. Whoever has the same already gets 304."""
    therapist, now = _therapist(request), timezone.now()
    days, columns = _days(request, therapist), request.GET.get("view", MINE)
    if days is None or columns not in (MINE, TEAM, ROOMS):
        return HttpResponseBadRequest()
    shown = [therapist.pk] if columns == MINE else [each.pk for each in team_of(therapist, request.user)]
    colleagues = [pk for pk in shown if pk != therapist.pk]
    theirs = columns_of(colleagues, now) if colleagues else None
    team = [] if columns == ROOMS else shown
    found = diary(days, own_column(therapist, now), theirs, team, now=now)
    body = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    etag = quote_etag(hashlib.sha256(body.encode()).hexdigest()[:32])
    response = HttpResponse(body, content_type="application/json", headers={"ETag": etag})
    return get_conditional_response(request, etag, response=response) or response


@require_safe
@never_cache
@login_required
def session(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One session: who comes, where its series stands, and what can be done with it."""
    return _session_page(request, _session(request, pk), timezone.now())


@require_POST
@never_cache
@login_required
def move_session(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Move a session to another time, length, therapist or room. A rule, a clash or a lost race answers 409 in words."""
    now = timezone.now()
    found = _session(request, pk)
    form = MoveByHandForm(request.POST, session=found, takers=team_of(_therapist(request), request.user))
    if not form.is_valid():
        return _not_moved(request, found, now, form=form, status=422)
    try:
        change = move_sessions(
            [form.move],
            by=_user(request),
            now=now,
            key=form.cleaned_data["key"],
            undo_for=UNDO_LASTS,
            practice_initiated=True,
            tell=form.cleaned_data["tell"],
        )
    except BookingError as refusal:
        return _not_moved(request, found, now, form=form, refusal=refusal, status=409)
    if request.htmx:  # type: ignore[attr-defined]
        return _bar(request, change, now)
    return redirect(_after(change, request))


@require_POST
@never_cache
@login_required
def set_state(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take a session to the next state."""
    now = timezone.now()
    found = _session(request, pk)
    wanted = request.POST.get("state", "")
    if wanted not in AppointmentStatus.values:
        return HttpResponseBadRequest()
    try:
        set_status(found, AppointmentStatus(wanted), by=_user(request), now=now)
    except BookingError as refusal:
        return _session_page(request, _session(request, pk), now, problem=str(refusal), status=409)
    if request.htmx:  # type: ignore[attr-defined]
        return trigger_client_event(_session_page(request, _session(request, pk), now), CHANGED)
    return redirect("booking:therapist_session", pk)


@require_POST
@never_cache
@login_required
def undo_move(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Put a session back where it was before somebody moved it by hand."""
    now = timezone.now()
    change = get_object_or_404(changes_by(request.user), pk=pk)
    _therapist(request)
    try:
        undo_change(change, by=_user(request), now=now)
    except BookingError as refusal:
        return _bar(request, change, now, problem=str(refusal), status=409)
    if request.htmx:  # type: ignore[attr-defined]
        return _bar(request, change, now)
    messages.success(request, _("Undone. Everything is as it was before."))
    return redirect(_after(change, request))


@require_POST
@never_cache
@login_required
def tell_of_move(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Choose whether the client is told of a move."""
    now = timezone.now()
    change = get_object_or_404(changes_by(request.user), pk=pk)
    _therapist(request)
    try:
        tell_client(change, tell=request.POST.get("tell") == "yes", now=now)
    except BookingError as refusal:
        return _bar(request, change, now, problem=str(refusal), status=409)
    if request.htmx:  # type: ignore[attr-defined]
        return _bar(request, change, now)
    return redirect(_after(change, request))


def _therapist(request: HttpRequest) -> Therapist:
    therapist = therapist_of(request.user)
    if therapist is None:
        raise Http404
    return therapist


def _own_first(therapist: Therapist, user: User) -> list[Therapist]:
    return sorted(team_of(therapist, user), key=lambda each: each.pk != therapist.pk)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _session(request: HttpRequest, pk: UUID) -> Appointment:
    return get_object_or_404(sessions_given_by(_therapist(request)).select_related("series"), pk=pk)


def _rooms(therapist: Therapist) -> list[Room]:
    return list(Room.objects.filter(location=therapist.location_id, is_active=True))


def _days(request: HttpRequest, therapist: Therapist) -> Days | None:
    """The dates asked for, ``to`` not included; None for anything that is no such stretch."""
    try:
        first, until = (date.fromisoformat(request.GET.get(name, "")) for name in ("from", "to"))
    except ValueError:
        return None
    if not timedelta(0) < until - first <= timedelta(days=MOST_DAYS) or not 1900 < first.year < 9000:
        return None
    return Days(therapist, first, until - timedelta(days=1))


def _session_page(
    request: HttpRequest,
    found: Appointment,
    now: datetime,
    *,
    form: MoveByHandForm | None = None,
    refusal: BookingError | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    on_looked_at(found, by=_user(request), now=now)
    change = changes_by(request.user).undoable(now).filter(audit_entries__appointment=found).first()
    context: dict[str, Any] = {
        "page": "therapist",
        "session": found,
        "light": light_of(found, now=now),
        "block": BLOCKS[AppointmentStatus(found.status)],
        "of": found.series.planned_dates.count() if found.series else None,
        "steps": next_states(AppointmentStatus(found.status), found.starts_at, now=now),
        "last_note": last_note(found),
        "is_readable": sessions_read_by(request.user, now).filter(pk=found.pk).exists(),
        "form": form or _move_form(request, found),
        "refused": _refused(refusal),
        "problem": problem,
        "waiting": answers_to_decide(request.user, now),
    }
    if change is not None:
        context |= _about(change, now)
    template = "booking/_session_panel.html" if request.htmx else "booking/therapist_session.html"  # type: ignore[attr-defined]
    return render(request, template, context, status=status)


def _move_form(request: HttpRequest, found: Appointment) -> MoveByHandForm | None:
    if found.status not in CHANGEABLE:
        return None
    return MoveByHandForm(session=found, takers=team_of(_therapist(request), request.user))


def _not_moved(
    request: HttpRequest,
    found: Appointment,
    now: datetime,
    *,
    form: MoveByHandForm,
    status: int,
    refusal: BookingError | None = None,
) -> HttpResponse:
    """Why not: to the calendar in a line, to the page beside the form."""
    if not request.htmx:  # type: ignore[attr-defined]
        found.refresh_from_db()
        return _session_page(request, found, now, form=form, refusal=refusal, status=status)
    context = {"session": found, "form": form, "refused": _refused(refusal)}
    return render(request, "booking/_not_moved.html", context, status=status)


def _refused(refusal: BookingError | None) -> dict[str, Any] | None:
    """What stood in the way: the foremost rule where it was one, and at what time with whom."""
    if refusal is None:
        return None
    why, choice = refusal.detail.get("why"), refusal.detail.get("choice")
    if not why or choice is None:
        return {"words": str(refusal)}
    starts_at = timezone.localtime(choice.starts_at)
    return {
        "reason": why[0],
        "who": Therapist.objects.get(pk=choice.therapist_id),
        "on": starts_at.date(),
        "minute": starts_at.hour * 60 + starts_at.minute,
    }


def _bar(request: HttpRequest, change: Change, now: datetime, *, problem: str = "", status: int = 200) -> HttpResponse:
    """The line about a move, as part of the page it was made from."""
    context = _about(change, now) | {"problem": problem}
    return trigger_client_event(render(request, "booking/_moved.html", context, status=status), CHANGED)


def _about(change: Change, now: datetime) -> dict[str, Any]:
    """A move as it stands: from where to where, whether it can be undone, and whether the client will be told."""
    change.refresh_from_db()
    about = (f"appointment__{each}" for each in ("client", "therapist", "room"))
    entry = change.audit_entries.select_related(*about).first()
    assert entry is not None
    queued = change.notifications.filter(state=NotificationState.QUEUED)
    return {
        "change": change,
        "moved": entry.appointment,
        "was": {"on": date.fromisoformat(entry.before["local_date"]), "at": time.fromisoformat(entry.before["local_time"])},
        "can_undo": change.can_be_undone(now),
        "is_told": queued.exists(),
    }


def _after(change: Change, request: HttpRequest) -> Any:
    """The session that was moved; the calendar where it is somebody else's now."""
    entry = change.audit_entries.select_related("appointment").first()
    assert entry is not None
    if sessions_given_by(_therapist(request)).filter(pk=entry.session.pk).exists():
        return redirect("booking:therapist_session", entry.session.pk).url
    return redirect("booking:therapist").url
