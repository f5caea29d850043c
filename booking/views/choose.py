"""Screens one and two: what and with whom, and when."""

from __future__ import annotations

from calendar import Calendar, monthrange
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from booking.access import holder
from booking.engine.recurrence import Course, InvalidCourse
from booking.engine.slots import Offer, Offers
from booking.exceptions import BookingError
from booking.forms.booking import (
    ANYONE,
    MOST_SESSIONS,
    AreasForm,
    Rhythm,
    WhatForm,
    WhenForm,
    course_of,
    days_of_week,
    rhythm_of,
)
from booking.models import Hold
from booking.queries import availability, first_free, moment_of
from booking.services.guard import Choice
from booking.services.holds import hold_choices
from booking.services.series import hold_course
from booking.templatetags.unknot import clock, day
from clients.access import client_of
from therapists.models import Therapist, Treatment

AREAS_KEY = "areas"
SOONEST_DAYS = 14
NEXT_FREE_TIMES = 5
YEARS = timedelta(days=5 * 366)
NOON, EVENING, MIDNIGHT = 12 * 60, 17 * 60, 24 * 60


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def landing(request: HttpRequest) -> HttpResponse:
    """The question, the chart, and real free times."""
    if request.method == "POST":
        form = AreasForm(request.POST)
        request.session[AREAS_KEY] = form.cleaned_data["areas"] if form.is_valid() else []
        return redirect("booking:what")
    now = timezone.now()
    therapists = list(_therapists())
    context = {
        "form": AreasForm(initial={"areas": request.session.get(AREAS_KEY, [])}),
        "free": _next_free(therapists, now, _asker(request)),
        "therapists": therapists,
        "today": timezone.localdate(),
    }
    return render(request, "booking/landing.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def what(request: HttpRequest) -> HttpResponse:
    """Treatment, therapist, rhythm. What hurts narrows the treatments and goes no further than the session."""
    if request.method == "POST":
        areas = AreasForm(request.POST)
        request.session[AREAS_KEY] = areas.cleaned_data["areas"] if areas.is_valid() else []
    marked = request.session.get(AREAS_KEY, [])
    treatments = _treatments(marked)
    therapists = list(_therapists())
    form = WhatForm(
        request.POST if request.method == "POST" and "narrow" not in request.POST else None,
        treatments=treatments,
        therapists=therapists,
        soonest=_soonest(treatments, therapists, timezone.now(), _asker(request)),
        initial=_wanted_before(request, treatments) | {"areas": marked},
    )
    if form.is_bound and form.is_valid():
        chosen = {name: form.cleaned_data[name] for name in ("treatment", "therapist", "rhythm")}
        if chosen["rhythm"] != Rhythm.ONCE:
            chosen["count"] = form.cleaned_data["count"]
        return redirect(f"{reverse('booking:when')}?{urlencode(chosen)}")
    context = {"form": form, "step": "what", "narrowed": bool(marked), "treatments": treatments}
    return render(request, "booking/what.html", context, status=422 if form.is_bound else 200)


@dataclass(frozen=True)
class Wanted:
    """What screen one asked for, checked again: it comes from the address bar."""

    treatment: Treatment
    therapist: Therapist | None
    rhythm: str
    count: int

    @property
    def query(self) -> str:
        facts = {
            "treatment": self.treatment.pk,
            "therapist": self.therapist.pk if self.therapist else ANYONE,
            "rhythm": self.rhythm,
        }
        return urlencode(facts if self.rhythm == Rhythm.ONCE else facts | {"count": self.count})

    @property
    def therapists(self) -> list[UUID] | None:
        return [self.therapist.pk] if self.therapist else None

    @property
    def daily(self) -> bool:
        return self.rhythm in (Rhythm.DAILY, Rhythm.BOTH)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def when(request: HttpRequest) -> HttpResponse:
    """Days with free times. Choosing one holds it; for a course the whole plan around it."""
    wanted = _wanted(request)
    if wanted is None:
        return redirect("booking:what")
    now, client = timezone.now(), _asker(request)
    problem, status = "", 200
    if request.method == "POST":
        day = day_asked(request) or timezone.localdate(now)
        free = availability(
            wanted.treatment.pk, first=day, last=day, now=now, therapists=wanted.therapists, client=client, daily=wanted.daily
        )
        form = WhenForm(request.POST, offers=one_a_time(free.of(day)))
        if form.is_valid():
            try:
                return _held(request, wanted, form.chosen, now)
            except (BookingError, InvalidCourse) as refusal:
                problem, status = str(refusal), 409
        else:
            problem, status = str(form.errors["start"][0]), 409 if request.POST.get("start") else 422
    offers, shown = offers_around(
        day_asked(request), wanted.treatment, now, therapists=wanted.therapists, client=client, daily=wanted.daily
    )
    context = {
        "step": "when",
        "wanted": wanted,
        "what_url": reverse("booking:what"),
        "problem": problem,
        **times_context(offers, shown, wanted.treatment, now, base=f"{reverse('booking:when')}?{wanted.query}"),
    }
    return render(request, "booking/when.html", context, status=status)


def _held(request: HttpRequest, wanted: Wanted, offer: Offer, now: datetime) -> HttpResponse:
    owner, client = holder(request.session), client_of(request.user)
    course = course_of(wanted.rhythm, wanted.count, offer, wished=wanted.therapist.pk if wanted.therapist else None)
    if wanted.rhythm == Rhythm.ONCE:
        choice = Choice(offer.therapist, moment_of(offer.instant))
        hold = hold_choices([choice], owner=owner, treatment=wanted.treatment, now=now, client=client, course=course.as_json())
        return redirect("booking:you", hold.pk)
    hold = hold_course(course, wanted.treatment, owner=owner, now=now, client=client)
    return redirect("booking:plan", hold.pk)


def times_context(offers: Offers, shown: date, treatment: Treatment, now: datetime, *, base: str) -> dict[str, Any]:
    """What the pages with days and free times show of ``offers``, for the day ``shown``; ``base`` is their own address."""
    today = timezone.localdate(now)
    form = WhenForm(offers=one_a_time(offers.of(shown)))
    free = {each: starts.bit_count() for each in offers.axis.days if (starts := offers.by_anyone(each))}
    week = days_of_week(shown)
    parts = (
        (_("Morning"), range(NOON)),
        (_("Afternoon"), range(NOON, EVENING)),
        (_("Evening"), range(EVENING, MIDNIGHT)),
    )
    times = [(name, [item for item in form.offers.items() if item[1].minute in minutes]) for name, minutes in parts]
    month = Calendar().monthdatescalendar(shown.year, shown.month)
    return {
        "base": base,
        "shown": shown,
        "week": [(each, free.get(each, 0), each < today) for each in week],
        "week_before": week[0] - timedelta(days=1) if week[0] > today else None,
        "week_after": week[6] + timedelta(days=1) if week[6] < today + treatment.horizon else None,
        "month": [[(each if each.month == shown.month else None, free.get(each, 0)) for each in row] for row in month],
        "parts": [(name, offers) for name, offers in times if offers],
        "form": form,
        "zone": treatment.location.zone,
        "is_narrowed": offers.is_narrowed,
        "extra_minutes": max((offers.longer_by(offer.instant) for offer in form.offers.values()), default=0),
        "next_free": next((each for each in sorted(free) if each > shown), None) if not form.offers else None,
    }


def offers_around(
    asked: date | None,
    treatment: Treatment,
    now: datetime,
    *,
    therapists: Collection[UUID] | None,
    client: UUID | None,
    **situation: Any,
) -> tuple[Offers, date]:
    """Every offer of the month (and the week) of the day asked for, and that day; without one the first that is free.

    ``situation`` is whatever else ``availability`` shall know.
    """
    today = timezone.localdate(now)
    if asked is None:
        soonest = first_free(treatment.pk, now=now, therapists=therapists, client=client)
        shown = soonest.day if soonest else today
    else:
        shown = min(max(asked, today), today + treatment.horizon)
    week = days_of_week(shown)
    first = min(shown.replace(day=1), week[0])
    last = max(shown.replace(day=monthrange(shown.year, shown.month)[1]), week[6])
    offers = availability(treatment.pk, first=first, last=last, now=now, therapists=therapists, client=client, **situation)
    return offers, shown


def day_asked(request: HttpRequest) -> date | None:
    """The day in the address; None without one, and for one that lies years away."""
    try:
        day = date.fromisoformat(request.GET.get("day", ""))
    except ValueError:
        return None
    return day if abs(day - timezone.localdate()) <= YEARS else None


def times_for_anyone(hold: Hold) -> str:
    """The address of the times for what was held, with anyone suitable."""
    rhythm, count = rhythm_of(Course.from_json(hold.course))
    return f"{reverse('booking:when')}?{Wanted(hold.treatment, None, rhythm, count).query}"


def one_a_time(offers: Iterable[Offer]) -> list[Offer]:
    """Of several therapists who are free at the same time the first; the list is by time already."""
    times: dict[int, Offer] = {}
    for offer in offers:
        times.setdefault(offer.minute, offer)
    return list(times.values())


def _wanted(request: HttpRequest) -> Wanted | None:
    """What the address asks for; None when it is anything but a bookable treatment by somebody who gives it."""
    try:
        treatment = Treatment.objects.select_related("location").get(pk=UUID(request.GET.get("treatment", "")), is_active=True)
        said = request.GET.get("therapist", ANYONE)
        therapist = None if said == ANYONE else treatment.therapists.get(pk=UUID(said), is_active=True)
        count = int(request.GET.get("count", "1"))
    except (ValueError, Treatment.DoesNotExist, Therapist.DoesNotExist):
        return None
    rhythm = request.GET.get("rhythm", Rhythm.ONCE)
    if rhythm not in {value for value, *_rest in Rhythm.LABELS} or not 1 <= count <= MOST_SESSIONS:
        return None
    return Wanted(treatment, therapist, rhythm, count)


def _wanted_before(request: HttpRequest, treatments: Sequence[Treatment]) -> dict[str, Any]:
    """What a link to this screen proposes: a therapist's own button, or the way back from the times."""
    proposed = {name: request.GET[name] for name in ("treatment", "therapist", "rhythm", "count") if name in request.GET}
    if "treatment" not in proposed and treatments:
        proposed["treatment"] = str(treatments[0].pk)
    return proposed


def _treatments(areas: Sequence[str] = ()) -> list[Treatment]:
    """What is offered; with areas marked, what suits one of them (all of it, should nothing do)."""
    offered = list(Treatment.objects.filter(is_active=True).select_related("location"))
    suited = [treatment for treatment in offered if not treatment.areas or set(areas) & set(treatment.areas)]
    return suited if areas and suited else offered


def _therapists() -> Any:
    """Who takes bookings, each with the address of their photo, if any."""
    offered = Therapist.objects.filter(is_active=True, treatments__is_active=True).distinct()
    return offered.annotate(photo_digest=F("photo__digest"))


def _asker(request: HttpRequest) -> UUID | None:
    """The client who is signed in: they are shown what can be booked for them."""
    client = client_of(request.user)
    return client.pk if client else None


def _soon(treatments: Sequence[Treatment], now: datetime, client: UUID | None) -> Iterator[Offer]:
    """What is free in the next two weeks for the first treatment on the list, soonest first."""
    today = timezone.localdate(now)
    for treatment in treatments[:1]:
        last = today + timedelta(days=SOONEST_DAYS)
        yield from availability(treatment.pk, first=today, last=last, now=now, client=client)


def _next_free(therapists: Sequence[Therapist], now: datetime, client: UUID | None) -> list[dict[str, Any]]:
    """The soonest start of each therapist, soonest first."""
    treatments = _treatments()
    names = {therapist.pk: therapist for therapist in therapists}
    seen: dict[UUID, Offer] = {}
    for offer in _soon(treatments, now, client):
        if offer.therapist in names:
            seen.setdefault(offer.therapist, offer)
    return [
        {"offer": offer, "therapist": names[offer.therapist], "treatment": treatments[0]}
        for offer in list(seen.values())[:NEXT_FREE_TIMES]
    ]


def _soonest(
    treatments: Sequence[Treatment], therapists: Sequence[Therapist], now: datetime, client: UUID | None
) -> dict[str, str]:
    """For each therapist, and for anyone, the soonest start in words."""
    today = timezone.localdate(now)
    found: dict[str, str] = {}
    for offer in _soon(treatments, now, client):
        words = _("soonest %(day)s, %(time)s") % {
            "day": _("today") if offer.day == today else day(offer.day),
            "time": clock(offer.minute),
        }
        found.setdefault(ANYONE, words)
        found.setdefault(str(offer.therapist), words)
        if len(found) > len(therapists):
            break
    return found
