"""A therapist's calendar feed: what a calendar program fetches, and the page where its address is made and taken back."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.http import http_date
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from booking.access import answers_to_decide, therapist_of
from booking.enums import FeedShows
from booking.exceptions import BookingError
from booking.forms.feeds import FeedForm
from booking.models import Feed
from booking.services.feeds import choose_shown, give_address, read_feed, revoke_address, rotate_address
from therapists.models import Therapist


@require_safe
def feed(request: HttpRequest, token: str) -> HttpResponse:
    """The calendar of whoever gave this address away: the token is all that is asked for, and the rest of the request ignored."""
    found = Feed.objects.for_token(token)
    if found is None:
        raise Http404
    reading = read_feed(found, now=timezone.now())
    since = int(reading.changed_at.timestamp())
    etag = f'"{reading.file.digest[:32]}-{since:x}"'
    response = get_conditional_response(request, etag=etag, last_modified=since)
    if response is None:
        response = HttpResponse(reading.file.written(reading.changed_at), content_type="text/calendar; charset=utf-8")
        response["Content-Disposition"] = 'inline; filename="sessions.ics"'
    response["ETag"] = etag
    response["Last-Modified"] = http_date(since)
    response["Cache-Control"] = "private, no-cache"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def address(request: HttpRequest) -> HttpResponse:
    """Give the feed an address, which is shown once; make a new one, take it back, choose what it says."""
    therapist = therapist_of(request.user)
    if therapist is None:
        raise Http404
    if request.method != "POST":
        return _page(request, therapist)
    act = request.POST.get("act")
    form = FeedForm(request.POST)
    now = timezone.now()
    try:
        if act == "rotate":
            return _page(request, therapist, token=rotate_address(therapist, now=now))
        if act == "revoke":
            revoke_address(therapist)
            messages.success(request, _("The address no longer works."))
            return redirect("booking:feed_address")
        if act in ("give", "show") and form.is_valid():
            shows = FeedShows(form.cleaned_data["shows"])
            if act == "give":
                return _page(request, therapist, token=give_address(therapist, shows=shows, now=now))
            choose_shown(therapist, shows)
            messages.success(request, _("Kept. Your calendar shows it so when it next looks."))
            return redirect("booking:feed_address")
    except BookingError as error:
        return _page(request, therapist, problem=str(error.message), status=409)
    return _page(request, therapist, form=form, status=422)


def _page(
    request: HttpRequest,
    therapist: Therapist,
    *,
    token: str = "",
    form: FeedForm | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    """``token`` is shown as an address this once."""
    found = Feed.objects.filter(therapist=therapist).first()
    context = {
        "page": "feed",
        "therapist": therapist,
        "feed": found,
        "zone": therapist.location.zone,
        "address": settings.SITE_URL.rstrip("/") + reverse("booking:feed", args=[token]) if token else "",
        "form": form or FeedForm(initial={"shows": found.shows if found else FeedShows.INITIALS}),
        "problem": problem,
        "waiting": answers_to_decide(request.user, timezone.now()),
    }
    return render(request, "booking/feed.html", context, status=status)
