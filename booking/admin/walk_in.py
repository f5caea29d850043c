"""Somebody without an appointment: what is free now, and one click that books it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from booking.access import takes_walk_ins
from booking.exceptions import BookingError
from booking.models import Appointment
from booking.queries import moment_of
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


class WalkInForm(forms.Form):
    client: forms.ModelChoiceField[Client] = forms.ModelChoiceField(label=_("Client"), queryset=Client.objects.all())

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        widget = AutocompleteSelect(Appointment._meta.get_field("client"), admin.site)
        field = cast("forms.ModelChoiceField[Client]", self.fields["client"])
        field.widget = widget
        widget.choices = field.choices


@require_http_methods(["GET", "HEAD", "POST"])
def walk_in(request: HttpRequest) -> HttpResponse:
    """By treatment, who is free first; the button books that for the client who was chosen."""
    if not takes_walk_ins(request.user):
        raise PermissionDenied
    now = timezone.now()
    form = WalkInForm(request.POST) if request.method == "POST" else WalkInForm(initial={"client": request.GET.get("client")})
    problem = ""
    if form.is_bound and form.is_valid():
        client: Client = form.cleaned_data["client"]
        chosen = next((free for free in _free(now, client) if free.value == request.POST.get("take")), None)
        try:
            if chosen is not None:
                return _booked(request, client, chosen, now)
            problem = gettext("This is not free any more, or not for this client. Here is what is free now.")
        except BookingError as refusal:
            problem = str(refusal)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": gettext("Walk-in"),
        "form": form,
        "media": form.media,
        "free": _free(now, _known(form)),
        "problem": problem,
        "now": timezone.localtime(now),
    }
    status = 409 if problem else 422 if form.is_bound else 200
    return render(request, "admin/walk_in.html", context, status=status)


def _known(form: WalkInForm) -> Client | None:
    return form.cleaned_data.get("client") if form.is_bound and form.is_valid() else None


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
