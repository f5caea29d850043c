"""My sessions: what is ahead and what was."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from booking.access import appointments_of


@require_safe
@never_cache
def sessions(request: HttpRequest) -> HttpResponse:
    """A client's sessions, or those that the links they opened speak of."""
    now = timezone.now()
    seen = appointments_of(request, now).order_by("starts_at")
    return render(request, "booking/sessions.html", {"ahead": [each for each in seen if each.ends_at > now]})
