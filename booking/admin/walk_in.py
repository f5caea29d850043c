"""Somebody without an appointment: what is free now, and one click that books it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from booking.access import takes_walk_ins
from booking.exceptions import BookingError
from booking.queries import moment_of
from booking.services.audit import on_looked_at
from booking.services.walk_in import book_walk_in, first_now
from booking.templatetags.unknot import clock
from clients.models import Client, User
from therapists.models import Therapist, Treatment


@dataclass(frozen=True)
class Free:
    """The first start of a treatment, for its button: ``value`` is what the button sends."""

    treatment: Treatment
    therapist: Therapist
    starts_at: datetime
    minute: int

    @property
    def value(self) -> str:
        return f"{self.treatment.pk}/{self.therapist.pk}/{self.starts_at.isoformat()}"


@require_safe
def walk_in(request: HttpRequest) -> HttpResponse:
    """Who is free first, by treatment, and a search for whoever stands there."""
    if not takes_walk_ins(request.user):
        raise PermissionDenied
    now = timezone.now()
    return render(request, "admin/walk_in.html", admin.site.each_context(request) | _page(None, _free(now, None), now))


@require_http_methods(["GET", "HEAD", "POST"])
def walk_in_for(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Who is free first for this client; a button books that."""
    if not takes_walk_ins(request.user):
        raise PermissionDenied
    client, now = get_object_or_404(Client, pk=pk), timezone.now()
    free, problem = _free(now, client), ""
    if request.method == "POST":
        chosen = next((each for each in free if each.value == request.POST.get("take")), None)
        try:
            if chosen is not None:
                return _booked(request, client, chosen, now)
            problem = gettext("This is not free any more, or not for this client. Here is what is free now.")
        except BookingError as refusal:
            problem = str(refusal)
    on_looked_at(client, by=cast(User, request.user), now=now)
    context = _page(client, free, now) | {"problem": problem}
    return render(request, "admin/walk_in.html", admin.site.each_context(request) | context, status=409 if problem else 200)


def _page(client: Client | None, free: list[Free], now: datetime) -> dict[str, Any]:
    title = gettext("Walk-in: %(client)s") % {"client": client.name} if client else gettext("Walk-in")
    return {"title": title, "client": client, "free": free, "now": timezone.localtime(now)}


def _free(now: datetime, client: Client | None) -> list[Free]:
    """The first start of each treatment today; what has none is left out."""
    people = Therapist.objects.in_bulk()
    treatments = Treatment.objects.filter(is_active=True).select_related("location").order_by("order", "name")
    found = ((treatment, first_now(treatment, now=now, client=client)) for treatment in treatments)
    return [
        Free(treatment, people[offer.therapist], moment_of(offer.instant), offer.minute)
        for treatment, offer in found
        if offer is not None
    ]


def _booked(request: HttpRequest, client: Client, free: Free, now: datetime) -> HttpResponse:
    made = book_walk_in(
        client, free.treatment, therapist=free.therapist, starts_at=free.starts_at, by=cast(User, request.user), now=now
    )
    said = gettext("Booked: %(client)s at %(time)s with %(therapist)s%(room)s.") % {
        "client": client.name,
        "time": clock(free.minute),
        "therapist": free.therapist,
        "room": f", {made.room}" if made.room else "",
    }
    messages.success(request, said)
    return redirect("admin:index")
