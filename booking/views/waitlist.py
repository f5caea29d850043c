"""Waiting for a time, and answering when one is offered."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from booking.access import actor, appointments_of, offers_of, waiting_client, wishes_of
from booking.enums import CHANGEABLE, OfferReason, OfferState
from booking.exceptions import BookingError, OfferOver
from booking.forms.waitlist import EarlierForm, WishForm
from booking.models import Appointment, Offer, WaitlistEntry
from booking.services.candidates import suiting
from booking.services.waitlist import accept_offer, decline_offer, wish, withdraw_wish
from booking.templatetags.unknot import clock, long_day


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def join(request: HttpRequest) -> HttpResponse:
    """Say what would suit, and wait for it."""
    now = timezone.now()
    client = waiting_client(request, now)
    if client is None:
        return render(request, "booking/waitlist_who.html", status=403 if request.method == "POST" else 200)
    form = WishForm.after(request.GET, request.POST if request.method == "POST" else None, today=timezone.localdate(now))
    problem = ""
    if form.is_bound and form.is_valid():
        try:
            entry = wish(client=client, by=actor(request), now=now, **form.wanted)
        except BookingError as refusal:
            problem = str(refusal)
        else:
            return _waiting(request, entry, now)
    context = {"form": form, "problem": problem, "back": f"{reverse('booking:when')}?{request.GET.urlencode()}"}
    return render(request, "booking/waitlist.html", context, status=_status(form, problem))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def earlier(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Wait for an earlier time than that of a session; the session stays until another time is taken."""
    now = timezone.now()
    session = _own_session(request, pk, now)
    form = EarlierForm(
        request.POST if request.method == "POST" else None,
        therapists=session.treatment.therapists.filter(is_active=True),
    )
    problem = ""
    if form.is_bound and form.is_valid():
        assert session.client is not None
        try:
            entry = wish(
                client=session.client,
                treatment=session.treatment,
                earliest_on=timezone.localdate(now),
                latest_on=session.local_date,
                instead_of=session,
                by=actor(request),
                now=now,
                **form.wanted,
            )
        except BookingError as refusal:
            problem = str(refusal)
        else:
            return _waiting(request, entry, now)
    context = {"form": form, "problem": problem, "first": session, "treatment": session.treatment, "zone": session.zone}
    return render(request, "booking/waitlist.html", context, status=_status(form, problem))


@require_POST
@never_cache
def withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Stop waiting for something."""
    now = timezone.now()
    entry = wishes_of(request, now).filter(pk=pk).first()
    if entry is None:
        raise Http404
    withdraw_wish(entry, by=actor(request), now=now)
    messages.success(request, _("You are no longer waiting for this."))
    return redirect("booking:sessions")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def offer(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A time offered to one client: take it or not. Looking changes nothing."""
    now = timezone.now()
    asked = _own_offer(request, pk, now)
    answer = {"take": accept_offer, "no": decline_offer}.get(request.POST.get("answer", ""))
    problem = ""
    if answer is not None:
        try:
            answer(asked, by=actor(request), now=now)
        except OfferOver:
            return redirect("booking:offer", pk)
        except BookingError as refusal:
            problem = str(refusal)
        else:
            return redirect("booking:offer", pk)
    return render(
        request, "booking/offer.html", _offer_context(asked, now) | {"problem": problem}, status=409 if problem else 200
    )


def waiting_context(request: HttpRequest, now: datetime) -> dict[str, Any]:
    """The wishes of whoever asks (booking/_waiting.html), and the offers they can answer now (booking/_open_offers.html)."""
    wishes = wishes_of(request, now).matchable(now).select_related("treatment", "instead_of").prefetch_related("therapists")
    offers = offers_of(request, now).filter(pk__in=Offer.objects.answerable(now).values("pk"))
    return {
        "wishes": list(wishes),
        "open_offers": list(offers.select_related("treatment__location", "therapist", "replaces").order_by("expires_at")),
    }


def _offer_context(asked: Offer, now: datetime) -> dict[str, Any]:
    """The offer as it stands: open, or what became of it."""
    open_now = Offer.objects.answerable(now).filter(pk=asked.pk).exists()
    state = asked.state
    if state == OfferState.OPEN and not open_now:
        state = OfferState.LAPSED if asked.expires_at <= now else OfferState.WITHDRAWN
    places = Appointment.objects.select_related("therapist", "room")
    place = asked.appointment_id and places.filter(pk=asked.appointment_id).first()
    if open_now:
        place = places.filter(hold=asked.hold_id).first()
    return {
        "offer": asked,
        "state": state,
        "usual": asked.reason == OfferReason.USUAL_TIME,
        "first": place,
        "treatment": asked.treatment,
        "zone": asked.treatment.location.zone,
        "local_start": asked.starts_at.astimezone(asked.treatment.location.tz),
        "name": asked.client.name.partition(" ")[0],
        "minutes_left": max(0, -int(-(asked.expires_at - now).total_seconds() // 60)),
    }


def _own_offer(request: HttpRequest, pk: UUID, now: datetime) -> Offer:
    offers = offers_of(request, now).select_related("client", "treatment__location", "therapist", "replaces__therapist")
    found = offers.filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _own_session(request: HttpRequest, pk: UUID, now: datetime) -> Appointment:
    """A session of theirs that is still ahead; any other does not exist for the asker."""
    session = appointments_of(request, now).filter(pk=pk, status__in=CHANGEABLE, starts_at__gt=now).first()
    if session is None:
        raise Http404
    return session


def _waiting(request: HttpRequest, entry: WaitlistEntry, now: datetime) -> HttpResponse:
    """Say that they wait, and, if such a time is free already, where."""
    free = next(iter(suiting(entry, now=now)), None)
    if free is None:
        messages.success(request, _("You are on the waiting list. We write to you when a time like this becomes free."))
    else:
        messages.success(
            request,
            _("You are on the waiting list, and a time like this is free now: %(day)s, %(time)s.")
            % {"day": long_day(free.day), "time": clock(free.minute)},
        )
    return redirect("booking:sessions")


def _status(form: EarlierForm, problem: str) -> int:
    if problem:
        return 409
    return 422 if form.is_bound else 200
