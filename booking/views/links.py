"""Where the links in notices lead."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from booking.access import remember_link
from booking.enums import NotificationKind
from booking.models import Link


@require_safe
@never_cache
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    """Open what a notice is about. The token leaves the address bar at once; nothing but this browser's session changes."""
    link = Link.objects.for_token(token, timezone.now())
    if link is None:
        return render(request, "booking/link_over.html", status=410)
    remember_link(request.session, link)
    notice = link.notification
    if notice.offer_id is not None:
        return redirect("booking:offer", notice.offer_id)
    if notice.repair_id is not None:
        return redirect("booking:repair", notice.repair_id)
    if notice.kind == NotificationKind.REMINDER:
        return redirect(f"{reverse('booking:sessions')}#session-{notice.appointment_id}")
    return redirect("booking:sessions")
