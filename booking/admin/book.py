"""A client calls: who is new, what is free for them, why not what they want, and one press that holds a session or a course."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from booking.access import (
    SEE_SESSIONS,
    books_for_callers,
    holder_for_caller,
    keeps_waitlist,
    lifts_rules,
    registers_clients,
    takes_walk_ins,
)
from booking.admin.times import week_of
from booking.callers import callers
from booking.engine.planner import Start
from booking.engine.recurrence import InvalidCourse
from booking.engine.slots import Offer
from booking.engine.zones import instant_of
from booking.exceptions import BookingError, OutsideAvailability
from booking.forms.booking import Rhythm, course_of
from booking.forms.changes import key_of, start_from
from booking.forms.desk import CallerForm, NewClientForm
from booking.models import Appointment, Hold
from booking.objections import Answer, answers
from booking.openings import Times, start_of, times_for
from booking.queries import OVERRIDDEN_HORIZON, moment_of
from booking.services.appointments import book_appointment
from booking.services.audit import on_looked_at
from booking.services.guard import Choice
from booking.services.holds import hold_choices
from booking.services.series import hold_course
from clients.crypto import words_from_address
from clients.models import Client, User
from clients.services.people import take_down
from clients.services.search import find_clients
from therapists.models import Therapist, Treatment

#: So many who may be the same are shown.
ALIKE = 6
#: How many sessions a course has unless the caller wants another number.
USUAL = 4


@dataclass(frozen=True)
class Call:
    """Who calls, and what they want."""

    client: Client
    form: CallerForm

    @property
    def is_one(self) -> bool:
        return self.form.is_one

    @property
    def treatment(self) -> Treatment:
        treatment: Treatment = self.form.cleaned_data["treatment"]
        return treatment

    @property
    def url(self) -> str:
        """The page with what is wanted, but for the day."""
        given = self.form.cleaned_data
        said = {
            "treatment": given["treatment"].pk,
            "therapist": given["therapist"].pk if given["therapist"] else "",
            "rhythm": given["rhythm"],
            "count": given["count"],
        }
        return f"{reverse('admin:book_for', args=[self.client.pk])}?{urlencode(said)}"

    @property
    def in_vain(self) -> str:
        """What was looked at, as the page of the waitlist takes it; a day only if the caller named one."""
        given = self.form.cleaned_data
        said = {"treatment": given["treatment"].pk, "therapist": given["therapist"], "day": given["day"]}
        return urlencode({name: getattr(each, "pk", each) for name, each in said.items() if each})


@require_http_methods(["GET", "HEAD", "POST"])
def new_client(request: HttpRequest) -> HttpResponse:
    """Take down who calls for the first time. While it is typed, whoever may be the same is shown, and can be taken instead.

    What is typed so far is posted with ``?alike``, and nothing is written. ``?name`` is what was sought before, sealed.
    """
    user, now = request.user, timezone.now()
    if not registers_clients(user):
        raise PermissionDenied
    sought = {"name": words_from_address(request.GET.get("name", ""))}
    typed = request.POST.dict() if request.method == "POST" else sought
    is_sent = request.method == "POST" and "alike" not in request.GET
    form = NewClientForm(typed) if is_sent else NewClientForm(initial=typed)
    if form.is_bound and form.is_valid():
        given = form.cleaned_data
        made = take_down(name=given["name"], email=given["email"], phone=str(given["phone"] or ""))
        messages.success(request, _("%(name)s is taken down.") % {"name": made.name})
        return redirect(*_next_of(made, request))
    context = {
        "title": _("New client"),
        "form": form,
        "found": callers(_alike(typed), now=now),
        "typed": typed.get("name", ""),
        "sees_sessions": user.has_perm(SEE_SESSIONS),
        "may_book": books_for_callers(user),
        "may_walk_in": takes_walk_ins(user),
    }
    status = 422 if form.is_bound else 200
    return render(request, "admin/new_client.html", admin.site.each_context(request) | context, status=status)


def _next_of(made: Client, request: HttpRequest) -> tuple[str, ...]:
    """Where it goes on for who was taken down: at what is free now for whoever stands there, else at any time."""
    if "now" in request.POST and takes_walk_ins(request.user):
        return "admin:walk_in_for", str(made.pk)
    return ("admin:book_for", str(made.pk)) if books_for_callers(request.user) else ("admin:find_client",)


def _alike(typed: dict[str, str]) -> list[Client]:
    """Clients like the address, the number or the name that was typed, the surest first."""
    found: dict[UUID, Client] = {}
    for name in ("email", "phone", "name"):
        found |= {each.pk: each for each in find_clients(typed.get(name, ""), limit=ALIKE) if each.pk not in found}
    return list(found.values())[:ALIKE]


@require_http_methods(["GET", "HEAD", "POST"])
def book_for(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What is free for a client; a press on a time holds it, or the plan of a course around it."""
    if not books_for_callers(request.user):
        raise PermissionDenied
    client, now = get_object_or_404(Client, pk=pk), timezone.now()
    asks = "treatment" in request.GET
    form = CallerForm(request.GET if asks else as_last_time(client))
    if not asks:
        form.begin_here()
    call = Call(client, form)
    if not form.is_valid():
        return _shown(request, call, {}, status=422)
    if request.method == "POST":
        return _pressed(request, call, now)
    return _page(request, call, now)


def as_last_time(client: Client) -> dict[str, Any]:
    """The treatment and the therapist of their last session, once; the first treatment for who is new."""
    last = Appointment.objects.real().filter(client=client, treatment__is_active=True).order_by("starts_at").last()
    usual = {"rhythm": Rhythm.ONCE, "count": USUAL}
    if last is None:
        first = Treatment.objects.filter(is_active=True).first()
        return usual | {"treatment": str(first.pk) if first else "", "therapist": ""}
    gives_it = last.therapist.is_active and last.therapist.treatments.filter(pk=last.treatment_id).exists()
    return usual | {"treatment": str(last.treatment_id), "therapist": str(last.therapist_id) if gives_it else ""}


def _page(
    request: HttpRequest,
    call: Call,
    now: datetime,
    *,
    asked: Sequence[Start] | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    """``asked``: the starts that are spoken of, instead of the time that the caller wants."""
    given = call.form.cleaned_data
    times = _times(call, now, asked[0] if asked else None)
    today = now.astimezone(call.treatment.location.tz).date()
    starts = asked if asked is not None else _wanted(call)
    found = _answers(call, starts, now)
    context: dict[str, Any] = {
        "times": times,
        "free": [(each.therapist, [(start, key_of(start)) for start in each.starts]) for each in times.free],
        **week_of(times, today=today, base=f"{call.url}&day="),
        "answers": [(each, key_of(each.start)) for each in found],
        "nearest": _nearest(times, found),
        "therapist": given["therapist"],
        "problem": problem,
    }
    return _shown(request, call, context, status=status)


def _shown(request: HttpRequest, call: Call, context: dict[str, Any], *, status: int) -> HttpResponse:
    on_looked_at(call.client, by=cast(User, request.user), now=timezone.now())
    always = {
        "title": _("Book for %(client)s") % {"client": call.client},
        "client": call.client,
        "call": call,
        "form": call.form,
        "may_lift": lifts_rules(request.user),
        "may_wait": keeps_waitlist(request.user),
    }
    return render(request, "admin/book.html", admin.site.each_context(request) | always | context, status=status)


def _times(call: Call, now: datetime, start: Start | None) -> Times:
    given = call.form.cleaned_data
    day = start.on if start else given["day"]
    return times_for(call.client, call.treatment, day, therapist=given["therapist"], daily=call.form.is_daily, now=now)


def _wanted(call: Call) -> list[Start]:
    """The time that the caller wants, with the therapist they want or with each who gives the treatment."""
    wanted, therapist = call.form.wanted, call.form.cleaned_data["therapist"]
    if wanted is None:
        return []
    able = [therapist] if therapist else call.treatment.therapists.filter(is_active=True).order_by("name")
    return [Start(each.pk, *wanted) for each in able]


def _answers(call: Call, starts: Sequence[Start], now: datetime) -> list[Answer]:
    found = answers(call.treatment, starts, now=now, client=call.client.pk)
    return sorted(found, key=lambda each: (not each.is_free, not each.is_liftable))


def _nearest(times: Times, found: Sequence[Answer]) -> list[tuple[Start, Therapist, str]]:
    if not found or all(each.is_free for each in found):
        return []
    on, minute = found[0].start.on, found[0].start.minute
    near = times.nearest(on, minute, besides=[each.start for each in found])
    return [(start, who, key_of(start)) for start, who in near]


# ---- what is pressed --------------------------------------------------------------------------------------------------------


def _pressed(request: HttpRequest, call: Call, now: datetime) -> HttpResponse:
    start = start_from(request.POST.get("start", ""))
    today = now.astimezone(call.treatment.location.tz).date()
    if start is None or not today <= start.on <= today + timedelta(days=OVERRIDDEN_HORIZON):
        return _page(request, call, now, problem=_("Please choose a time. Nothing was booked."), status=422)
    offer = next((each for each in _times(call, now, start).offers.of(start.on) if start_of(each) == start), None)
    reason = request.POST.get("override_reason", "").strip()
    try:
        if offer is not None:
            hold = _held(request, call, offer, now)
            return redirect("booking:you" if call.is_one else "booking:plan", hold.pk)
        if reason and call.is_one:
            return _booked_with(reason[:300], request, call, start, now)
    except (BookingError, InvalidCourse) as refusal:
        return _page(request, call, now, asked=[start], problem=str(refusal), status=409)
    return _page(request, call, now, asked=[start], problem=_("This time is not offered. Nothing was booked."), status=409)


def _held(request: HttpRequest, call: Call, offer: Offer, now: datetime) -> Hold:
    """Of a course as much as can be with the therapist whose time was pressed; the caller was told that name.

    Raises what holding raises: somebody was faster, or nothing can be planned.
    """
    given = call.form.cleaned_data
    course = course_of(given["rhythm"], given["count"], offer, wished=offer.therapist)
    asker: dict[str, Any] = {"owner": holder_for_caller(request.session, call.client), "now": now, "client": call.client}
    if call.is_one:
        choice = Choice(offer.therapist, moment_of(offer.instant))
        return hold_choices([choice], treatment=call.treatment, course=course.as_json(), **asker)
    return hold_course(course, call.treatment, **asker)


def _booked_with(reason: str, request: HttpRequest, call: Call, start: Start, now: datetime) -> HttpResponse:
    """A time that only a soft rule keeps from being offered, booked with the reason that lifts it."""
    instant = instant_of(call.treatment.location.zone, start.on, start.minute)
    if instant is None:
        raise OutsideAvailability
    made = book_appointment(
        client=call.client,
        therapist=get_object_or_404(Therapist, pk=start.therapist),
        treatment=call.treatment,
        starts_at=moment_of(instant),
        by=cast(User, request.user),
        now=now,
        override_reason=reason,
    )
    messages.success(request, _("Booked. %(name)s is told of 1 session.") % {"name": call.client.name})
    return redirect("admin:session", made.pk)
