"""A therapist's own set-up: what clients read, whom they treat, and what is mailed to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_http_methods, require_safe

from booking.access import answers_to_decide, photos_shown, therapist_of
from booking.forms.abilities import known_classes, known_conditions
from booking.forms.profile import AboutForm, LimitsForm, MailForm, WorkForm
from booking.services.abilities import change_abilities
from clients.models import User
from therapists.models import Photo, Therapist

#: A picture's address changes with the picture.
FOR_GOOD = 365 * 24 * 3600


class Writes(Protocol):
    @property
    def is_bound(self) -> bool: ...
    def is_valid(self) -> bool: ...
    def write(self) -> None: ...


@require_safe
@never_cache
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """All of it at a glance."""
    therapist = _own(request)
    classes, conditions = known_classes(), known_conditions()
    context = {
        "photo": Photo.objects.filter(therapist=therapist).defer("picture").first(),
        "treatments": therapist.treatments.filter(is_active=True).prefetch_related("rooms").order_by("order", "name"),
        "medicines": _labelled(therapist.medication_policies.all(), "medication_class", classes),
        "conditions": _labelled(therapist.condition_policies.all(), "condition", conditions),
        "painkillers": therapist.painkillers.all(),
    }
    return render(request, "booking/profile.html", _frame(request, therapist) | context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def about(request: HttpRequest) -> HttpResponse:
    """What clients read and see."""
    data, files = (request.POST, request.FILES) if request.method == "POST" else (None, None)
    return _answer(request, "booking/profile_about.html", lambda own: AboutForm(data, files, instance=own))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def treatments(request: HttpRequest) -> HttpResponse:
    """Treatments, areas and pressures."""
    data = request.POST if request.method == "POST" else None
    return _answer(request, "booking/profile_treatments.html", lambda own: WorkForm(data, instance=own))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def limits(request: HttpRequest) -> HttpResponse:
    """Medicines, conditions and painkillers."""
    assert isinstance(request.user, User)
    data, by = request.POST if request.method == "POST" else None, request.user
    return _answer(request, "booking/profile_limits.html", lambda own: LimitsForm(data, own, by))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def mails(request: HttpRequest) -> HttpResponse:
    """What is mailed to them."""
    data = request.POST if request.method == "POST" else None
    return _answer(request, "booking/profile_mails.html", lambda own: MailForm(data, instance=own))


@require_safe
@cache_control(public=True, max_age=FOR_GOOD, immutable=True)
def photo(request: HttpRequest, digest: str) -> HttpResponse:
    """The picture with this digest, as long as somebody who takes bookings shows it."""
    return HttpResponse(bytes(get_object_or_404(photos_shown(), digest=digest).picture), content_type="image/webp")


def _answer(request: HttpRequest, template: str, form_for: Callable[[Therapist], Writes]) -> HttpResponse:
    """Show the form, or save it and say what that means for booked sessions."""
    therapist = _own(request)
    form = form_for(Therapist.objects.get(pk=therapist.pk))  # a wrong name must not stand in the page's own heading
    if request.method == "POST" and form.is_valid():
        more = change_abilities(therapist, form.write, now=timezone.now())
        text = ngettext(
            "Saved. %(n)d booked session now waits for your decision.",
            "Saved. %(n)d booked sessions now wait for your decision.",
            more,
        )
        messages.success(request, text % {"n": more} if more else _("Saved."))
        return redirect("booking:profile")
    context: dict[str, Any] = _frame(request, therapist) | {"form": form}
    return render(request, template, context, status=422 if request.method == "POST" else 200)


def _labelled(policies: Any, about: str, known: Any) -> list[tuple[str, Any]]:
    """Each policy after the name of what it is about; one that nobody asks about any more after its code."""
    codes = [(getattr(policy, about), policy) for policy in policies]
    return [(known[code].label if code in known else code, policy) for code, policy in codes]


def _own(request: HttpRequest) -> Therapist:
    therapist = therapist_of(request.user)
    if therapist is None:
        raise Http404
    return therapist


def _frame(request: HttpRequest, therapist: Therapist) -> dict[str, Any]:
    return {"page": "profile", "therapist": therapist, "waiting": answers_to_decide(request.user, timezone.now())}
