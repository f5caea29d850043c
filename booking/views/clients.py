"""The clients of a therapist: who comes next, and how the course of each one stands."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from booking.access import answers_to_decide, clients_treated_by, sessions_given_by, sessions_read_by, therapist_of
from booking.courses import Course, sessions_by_series
from booking.enums import CHANGEABLE, AppointmentStatus, Light
from booking.models import Appointment
from booking.services.audit import on_looked_at
from booking.services.intake import lights_of
from booking.views.progress import course_context
from booking.views.treating import not_too_many
from clients.crypto import sealed_for_address, words_from_address
from clients.exceptions import NoConsent
from clients.models import Client, User

ON_A_PAGE = 30
#: Under way counts as next.
STILL = (*CHANGEABLE, AppointmentStatus.ARRIVED, AppointmentStatus.IN_SESSION)


@dataclass(frozen=True)
class Care:
    """One client of a therapist: the next session with them and its light, the last one before it, and their courses."""

    client: Client
    next: Appointment | None
    light: Light | None
    last: Appointment | None
    courses: Sequence[Course]


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def clients(request: HttpRequest) -> HttpResponse:
    """All of them, whoever comes next first; ``q`` is part of a name, posted as it was typed and sealed in the address."""
    therapist, now = therapist_of(request.user), timezone.now()
    if therapist is None:
        raise Http404
    if request.method == "POST":
        sealed = sealed_for_address(request.POST.get("q", "").strip())
        return redirect(f"{reverse('booking:clients')}?q={sealed}" if sealed else "booking:clients")
    asked = words_from_address(request.GET.get("q", ""))
    treated = clients_treated_by(request.user, now).filter(name__icontains=asked)
    cared = _cared(treated, sessions_given_by(therapist).filter(client__in=treated), now)
    cared.sort(key=lambda care: (care.next is None, care.next.starts_at if care.next else now, care.client.name))
    context = {
        "page": "clients",
        "therapist": therapist,
        "waiting": answers_to_decide(request.user, now),
        "asked": asked,
        "sealed": sealed_for_address(asked),
        "shown": Paginator(cared, ON_A_PAGE).get_page(request.GET.get("page")),
    }
    return render(request, "booking/clients.html", context)


@require_safe
@never_cache
@login_required
@not_too_many
def client(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One of them, with the whole course. Every look leaves rows the client can see."""
    assert isinstance(request.user, User)
    now = timezone.now()
    who = get_object_or_404(clients_treated_by(request.user, now), pk=pk)
    therapist = therapist_of(request.user)
    assert therapist is not None
    on_looked_at(who, by=request.user, now=now)
    sessions = sessions_given_by(therapist).filter(client=who)
    [care] = _cared([who], sessions, now)
    context: dict[str, Any] = {
        "page": "clients",
        "therapist": therapist,
        "waiting": answers_to_decide(request.user, now),
        "care": care,
        "now": now,
        "sessions": sessions.order_by("-starts_at"),
        "readable": frozenset(sessions_read_by(request.user, now).filter(client=who).values_list("pk", flat=True)),
    }
    try:
        context |= course_context(who, by=request.user, now=now)
    except NoConsent:
        context["is_locked"] = True
    return render(request, "booking/client.html", context)


def _cared(who: Collection[Client], sessions: Collection[Appointment], now: datetime) -> list[Care]:
    """A few queries for any number of clients."""
    by_client: dict[UUID | None, list[Appointment]] = {}
    for session in sorted(sessions, key=lambda session: session.starts_at):
        by_client.setdefault(session.client_id, []).append(session)
    following = {key: _next(rows, now) for key, rows in by_client.items()}
    lights = lights_of([each for each in following.values() if each], now=now)
    courses = {
        key: Course.of(rows)
        for key, rows in sessions_by_series({each.series_id for each in sessions if each.series_id}).items()
        if rows[-1].ends_at > now or any(row.status in STILL for row in rows)
    }
    return [
        Care(
            each,
            upcoming := following.get(each.pk),
            lights[upcoming.pk] if upcoming else None,
            next((row for row in reversed(by_client.get(each.pk, [])) if row.status == AppointmentStatus.DONE), None),
            [course for course in courses.values() if course.session.client_id == each.pk],
        )
        for each in who
    ]


def _next(sessions: Sequence[Appointment], now: datetime) -> Appointment | None:
    return next((each for each in sessions if each.status in STILL and each.ends_at > now), None)
