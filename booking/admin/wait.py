"""Nothing suits who is on the phone: what they would take instead, and what they wait for no longer."""

from __future__ import annotations

from datetime import datetime
from typing import cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from booking.access import books_for_callers, keeps_waitlist, sees_board
from booking.admin.book import as_last_time
from booking.exceptions import BookingError
from booking.forms.waitlist import WishForm
from booking.models import WaitlistEntry
from booking.services.audit import on_looked_at
from booking.services.candidates import suiting
from booking.services.waitlist import wish, withdraw_wish
from booking.templatetags.unknot import clock, long_day
from clients.models import Client, User


@require_http_methods(["GET", "HEAD", "POST"])
def wait_for(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Put a client on the waitlist, or take a wish of theirs off it. The address may say what was looked at in vain."""
    if not keeps_waitlist(request.user):
        raise PermissionDenied
    client, now = get_object_or_404(Client, pk=pk), timezone.now()
    user = cast(User, request.user)
    if "off" in request.POST:
        return _taken_off(request, client, user, now)
    asked = request.GET.dict() or {"treatment": as_last_time(client)["treatment"]}
    form = WishForm.after(asked, request.POST if request.method == "POST" else None, today=timezone.localdate(now))
    problem = ""
    if form.is_bound and form.is_valid():
        try:
            return _put_on(request, wish(client=client, by=user, now=now, **form.wanted), now)
        except BookingError as refusal:
            problem = str(refusal)
    on_looked_at(client, by=user, now=now)
    context = {
        "client": client,
        "form": form,
        "problem": problem,
        "wishes": WaitlistEntry.objects.waiting().filter(client=client).select_related("treatment"),
        "back": reverse("admin:book_for", args=[client.pk]) if books_for_callers(user) else reverse("admin:find_client"),
    }
    return render(request, "admin/wait.html", context, status=409 if problem else 422 if form.is_bound else 200)


def _put_on(request: HttpRequest, entry: WaitlistEntry, now: datetime) -> HttpResponse:
    """Say that they wait and lead back to the day; where such a time is free already, lead to it while they are on the phone."""
    said = {"client": entry.client.name}
    free = next(iter(suiting(entry, now=now)), None)
    if free is None or not books_for_callers(request.user):
        messages.success(request, _("%(client)s is on the waiting list, and hears from us when such a time becomes free.") % said)
        return _home(request)
    said |= {"day": long_day(free.day), "time": clock(free.minute)}
    messages.success(request, _("%(client)s is on the waiting list, and a time like this is free now: %(day)s, %(time)s.") % said)
    found = {"treatment": entry.treatment_id, "rhythm": "once", "count": 1, "day": free.day.isoformat()}
    return redirect(f"{reverse('admin:book_for', args=[entry.client_id])}?{urlencode(found)}")


def _taken_off(request: HttpRequest, client: Client, user: User, now: datetime) -> HttpResponse:
    theirs = WaitlistEntry.objects.filter(client=client).select_related("treatment")
    entry = next((each for each in theirs if str(each.pk) == request.POST["off"]), None)
    if entry is None:
        raise Http404
    withdraw_wish(entry, by=user, now=now)
    said = {"client": client, "treatment": entry.treatment}
    messages.success(request, _("%(client)s no longer waits for %(treatment)s.") % said)
    return _home(request)


def _home(request: HttpRequest) -> HttpResponse:
    return redirect("admin:index" if sees_board(request.user) else "admin:find_client")
