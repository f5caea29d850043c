"""The therapist's pages: the sessions of the week, and what the client of one answered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from allauth.account.decorators import reauthentication_required
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from booking.access import answers_to_decide, reads_many, sessions_given_by, sessions_read_by, therapist_of
from booking.models import Appointment
from booking.plans import plan_of
from booking.reading import Reading, since_the_form_before
from booking.services.intake import light_of, lights_of
from booking.views.calendar import calendar_facts
from clients.exceptions import NoConsent
from clients.models import User
from clients.sheets import parts_in_words

View = Callable[..., HttpResponse]

#: Days after today that the list reaches.
AHEAD = 7
QUARTER = timedelta(minutes=15)


@require_safe
@never_cache
@login_required
def week(request: HttpRequest) -> HttpResponse:
    """The calendar; until its script draws it, a therapist's sessions of today and the next days, each with its light."""
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
    assert isinstance(request.user, User)
    context = {"page": "therapist", "therapist": therapist, "days": days, "today": today}
    context |= calendar_facts(therapist, request.user, now) | {"block_url": _block_from(now.astimezone(therapist.location.tz))}
    return render(request, "booking/therapist.html", context | {"waiting": answers_to_decide(request.user, now)})


def _block_from(local: datetime) -> str:
    """Where the hour from the next quarter on is taken out of the calendar; the form lets it be another."""
    since = local.replace(minute=local.minute // 15 * 15, second=0, microsecond=0, tzinfo=None) + QUARTER
    span = {"from": since.isoformat(timespec="minutes"), "to": (since + timedelta(hours=1)).isoformat(timespec="minutes")}
    return f"{reverse('booking:add_away')}?{urlencode(span)}"


def not_too_many(view: View) -> View:
    """A page on which a therapist reads about a client's health: after many clients it asks once more who is reading."""
    asking: View = reauthentication_required(enabled=lambda request: reads_many(request, timezone.now()))(view)
    return asking


@require_safe
@never_cache
@login_required
@not_too_many
def intake(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What the client of a session answered and what it means on that day. Every look leaves a row the client can see."""
    assert isinstance(request.user, User)
    now = timezone.now()
    session = get_object_or_404(sessions_read_by(request.user, now), pk=pk)
    context: dict[str, Any] = {
        "session": session,
        "light": light_of(session, now=now),
        "waiting": answers_to_decide(request.user, now),
    }
    try:
        context |= _read(session, by=request.user, now=now)
    except NoConsent:
        context["is_locked"] = True
    return render(request, "booking/session_intake.html", context)


def _read(session: Appointment, *, by: User, now: datetime) -> dict[str, Any]:
    """The plan, the reasons, the answers and what changed; nothing where none were sent. Raises NoConsent."""
    reading = Reading.of(session, by=by, now=now)
    if reading is None:
        return {}
    return {
        "plan": plan_of(reading),
        "reasons": reading.grounds(),
        "forms": [(sheet, parts_in_words(sheet)) for sheet in reading.sheets],
        "since": since_the_form_before(reading, by=by, now=now),
    }
