"""The plan of a course, screen three, and what was booked."""

from __future__ import annotations

from datetime import datetime
from math import ceil
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from booking.access import client_of, holder, may_see_request, may_use_hold
from booking.engine.planner import PlanKind
from booking.engine.recurrence import Course, clock_changes
from booking.enums import HoldState, Outcome
from booking.exceptions import BookingError, HoldOver, HoldReleased
from booking.forms import CodeForm, ConfirmForm, DetailsForm, KnownForm, NameForm
from booking.ical import calendar
from booking.models import BookingRequest, Hold
from booking.queries import moment_of
from booking.services.guard import Choice
from booking.services.holds import book_hold, hold_choices
from booking.services.series import held_plan, hold_course, hold_plan, plan_course
from clients.models import Client, User
from clients.proof import AddressProof, sign_in
from clients.services import BOOKING_CONSENT, booking_consent_missing, record_booking_consent, register_client
from therapists.models import Therapist

PROVED_KEY = "proved_address"
DAYS_FOR_ADDITIONS = 28


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def plan(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The plan of a course, date by date, each of which can be swapped. Every change holds the changed plan anew."""
    hold = _own_hold(request, pk)
    if not hold.plan:
        raise Http404
    if hold.state == HoldState.BOOKED:
        return _to_what_was_booked(hold)
    now = timezone.now()
    if not hold.is_live(now):
        return _over(request, hold)
    problem = ""
    if request.method == "POST":
        try:
            return redirect("booking:plan", _changed_plan(request, hold, now).pk)
        except BookingError as refusal:
            problem = str(refusal)
    return render(request, "booking/plan.html", _plan_context(request, hold, now, problem), status=409 if problem else 200)


def _changed_plan(request: HttpRequest, hold: Hold, now: datetime) -> Hold:
    """The hold after what was pressed: another plan, one date swapped, or a date added at the end."""
    course, client = Course.from_json(hold.course), client_of(request.user)
    to_hold: dict[str, Any] = {"owner": hold.owner, "now": now, "client": client, "replacing": hold}
    if "swap" not in request.POST:
        kind = request.POST.get("plan", "")
        if kind not in {each.value for each in PlanKind} or kind == PlanKind.OWN:
            return hold
        return hold_course(course, hold.treatment, kind=PlanKind(kind), **to_hold)
    planning = plan_course(course, hold.treatment, now=now, client=client, held=hold, ahead=DAYS_FOR_ADDITIONS)
    current = held_plan(hold)
    position = request.POST["swap"]
    chosen = request.POST.get(f"swap{position}", "")
    choices = {
        _swap_value(choice): choice
        for choice in (
            *(planning.swaps(current, int(position)) if position.isdecimal() and 0 < int(position) <= len(current.dates) else ()),
            *planning.additions(current),
        )
    }
    if chosen not in choices:
        return hold
    return hold_plan(current.with_date(choices[chosen]), course, hold.treatment, **to_hold)


def _swap_value(choice: Any) -> str:
    return f"{choice.position}/{choice.placed.therapist}/{choice.placed.on}/{choice.placed.minute}"


def _plan_context(request: HttpRequest, hold: Hold, now: datetime, problem: str) -> dict[str, Any]:
    course = Course.from_json(hold.course)
    current = held_plan(hold)
    planning = plan_course(course, hold.treatment, now=now, client=client_of(request.user), held=hold, ahead=DAYS_FOR_ADDITIONS)
    names = {therapist.pk: therapist for therapist in Therapist.objects.all()}
    zone = hold.treatment.location.tz
    reasons = {facts["position"]: facts["reason"] for facts in hold.plan["dates"]}
    additions = planning.additions(current) if len(current.starts) < len(current.dates) else ()
    dates = []
    before = None
    for planned in current.dates:
        on = planned.placed.on if planned.placed else planned.wish.on
        changes = clock_changes(zone, before, on) if before else ()
        before = on
        swaps = planning.swaps(current, planned.position)
        dates.append(
            {
                "planned": planned,
                "outcome": planned.outcome.value,
                "therapist": names[planned.placed.therapist] if planned.placed else None,
                "wished_therapist": names[planned.lead],
                "reason": reasons.get(planned.position, {}),
                "clock_change": changes[0] if changes and planned.placed else None,
                "swaps": [
                    (_swap_value(choice), choice.placed, names[choice.placed.therapist])
                    for choice in (*swaps, *(additions if planned.placed is None else ()))
                    if choice.placed is not None
                ],
            }
        )
    plans = [(each.kind.value, each, each.starts == current.starts) for each in planning.plans]
    if not any(same for _kind, _plan, same in plans):
        plans.append((PlanKind.OWN.value, current, True))
    return {
        "step": "when",
        "hold": hold,
        "current": current,
        "lead": names[current.lead],
        "names": names,
        "plans": [
            {
                "kind": kind,
                "plan": each,
                "chosen": same,
                "lead": names[each.lead],
                "outcomes": [planned.outcome.value for planned in each.dates],
                "tally": {outcome.value: count for outcome, count in each.tally.items()},
            }
            for kind, each, same in plans
        ],
        "dates": dates,
        "placed": len(current.starts),
        "problem": problem,
        "minute": course.minutes[0],
        **_held_context(request, hold, now),
    }


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def you(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Who is coming. New clients type three things and a code; known ones the code; signed-in ones nothing."""
    hold = _own_hold(request, pk)
    client = client_of(request.user)
    if hold.state == HoldState.BOOKED and not (client and request.method == "POST"):
        return _to_what_was_booked(hold)
    now = timezone.now()
    if not hold.is_live(now) and hold.state != HoldState.BOOKED:
        return _over(request, hold)
    if client is not None:
        return _known(request, hold, client, now)
    if PROVED_KEY in request.session:
        return _named(request, hold, now)
    proof = AddressProof.resume(request)
    if proof is not None and "again" not in request.GET:
        return _coded(request, hold, proof, now)
    return _typed(request, hold, now)


def _known(request: HttpRequest, hold: Hold, client: Client, now: datetime) -> HttpResponse:
    consent = str(BOOKING_CONSENT[1]) if booking_consent_missing(client) else ""
    form = ConfirmForm(request.POST if request.method == "POST" else None, consent=consent)
    if form.is_bound and form.is_valid():
        return _book(request, hold, client, form.cleaned_data["key"], now, agreed=bool(consent))
    return _you(request, hold, form, now, stage="confirm", client=client)


def _typed(request: HttpRequest, hold: Hold, now: datetime) -> HttpResponse:
    was_here = "known" in request.GET
    data = request.POST if request.method == "POST" else None
    form = (KnownForm if was_here else DetailsForm)(data, consent=str(BOOKING_CONSENT[1]))
    if form.is_bound and form.is_valid():
        details = {"name": form.cleaned_data.get("name", ""), "phone": str(form.cleaned_data.get("phone") or "")}
        if AddressProof.begin(request, email=form.cleaned_data["email"], details=details) is not None:
            return redirect("booking:you", hold.pk)
        form.add_error(
            "email", _("Too many codes were asked for. Your times are still held; please wait a minute and try again.")
        )
    return _you(request, hold, form, now, stage="known" if was_here else "details")


def _coded(request: HttpRequest, hold: Hold, proof: AddressProof, now: datetime) -> HttpResponse:
    if request.method == "POST" and "resend" in request.POST:
        proof.resend()
        return redirect("booking:you", hold.pk)
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        if proof.accepts(form.cleaned_data["code"]):
            return _proved(request, hold, proof, form, now)
        if AddressProof.resume(request) is None:
            request.session["you_problem"] = True
            return redirect("booking:you", hold.pk)
        form.add_error("code", _("This is not the code we sent. Your times are still held. Please type it again."))
    return _you(request, hold, form, now, stage="code", proof=proof)


def _proved(request: HttpRequest, hold: Hold, proof: AddressProof, form: CodeForm, now: datetime) -> HttpResponse:
    email, details = proof.email, proof.details
    proof.abort()
    known = Client.objects.filter(user__email=email).exists()
    if not known and not details["name"]:
        request.session[PROVED_KEY] = email
        return redirect("booking:you", hold.pk)
    return _sign_in_and_book(request, hold, email, details, form, now)


def _named(request: HttpRequest, hold: Hold, now: datetime) -> HttpResponse:
    form = NameForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        email = request.session.pop(PROVED_KEY)
        details = {"name": form.cleaned_data["name"], "phone": str(form.cleaned_data["phone"] or "")}
        return _sign_in_and_book(request, hold, email, details, form, now)
    return _you(request, hold, form, now, stage="name")


def _sign_in_and_book(
    request: HttpRequest, hold: Hold, email: str, details: dict[str, str], form: ConfirmForm, now: datetime
) -> HttpResponse:
    client = register_client(email=email, name=details["name"] or email, phone=details["phone"])
    user = client.user
    if user is None or not user.is_active:
        raise Http404
    second_factor_first = sign_in(request, user)
    if second_factor_first is not None:
        return second_factor_first
    return _book(request, hold, client, form.cleaned_data["key"], now, agreed=True)


def _book(request: HttpRequest, hold: Hold, client: Client, key: UUID, now: datetime, *, agreed: bool) -> HttpResponse:
    assert isinstance(request.user, User)
    try:
        booked = book_hold(hold, client=client, key=key, by=request.user, now=now)
    except HoldOver:
        return _over(request, hold)
    except BookingError as refusal:
        again = ConfirmForm()
        return _you(request, hold, again, now, stage="confirm", client=client, problem=str(refusal))
    if agreed:
        record_booking_consent(client, by=request.user, now=now)
    return redirect("booking:booked", booked.request.pk)


def _you(
    request: HttpRequest,
    hold: Hold,
    form: Any,
    now: datetime,
    *,
    stage: str,
    client: Client | None = None,
    proof: AddressProof | None = None,
    problem: str = "",
) -> HttpResponse:
    if request.session.pop("you_problem", False):
        problem = _("That was the wrong code five times, so it no longer counts. Your times are still held; ask for a new one.")
    context = {
        "step": "you",
        "hold": hold,
        "form": form,
        "stage": stage,
        "client": client,
        "email": proof.email if proof else "",
        "problem": problem,
        **_held_context(request, hold, now),
    }
    status = 409 if problem and form and not form.is_bound and client else 422 if form.is_bound else 200
    return render(request, "booking/you.html", context, status=status)


@require_POST
@never_cache
def hold_again(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Hold the same choices once more, after the ten minutes were over."""
    over = _own_hold(request, pk)
    if over.state == HoldState.BOOKED:
        return _to_what_was_booked(over)
    now = timezone.now()
    course, client = Course.from_json(over.course), client_of(request.user)
    owner = holder(request.session)
    try:
        if over.plan:
            hold = hold_plan(held_plan(over), course, over.treatment, owner=owner, now=now, client=client, replacing=over)
            return redirect("booking:plan", hold.pk)
        wish = course.wishes[0]
        local = datetime(wish.on.year, wish.on.month, wish.on.day, tzinfo=over.treatment.location.tz)
        from booking.engine.zones import instant_of

        instant = instant_of(over.treatment.location.zone, wish.on, wish.minutes[0])
        starts_at = moment_of(instant) if instant is not None else local
        hold = hold_choices(
            [Choice(course.therapists[0], starts_at)],
            owner=owner,
            treatment=over.treatment,
            now=now,
            client=client,
            replacing=over,
            course=over.course,
        )
        return redirect("booking:you", hold.pk)
    except BookingError as refusal:
        return _over(request, over, problem=str(refusal))


@require_safe
@never_cache
def booked(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What was booked, for its client's eyes."""
    made = _own_request(request, pk)
    appointments = list(made.appointments.select_related("therapist", "treatment__location", "room").order_by("starts_at"))
    series = getattr(made, "series", None)
    context = {
        "request_made": made,
        "appointments": appointments,
        "first": appointments[0],
        "client": made.client,
        "planned": list(series.planned_dates.select_related("appointment")) if series else [],
        "lost": [planned for planned in series.planned_dates.all() if planned.outcome == Outcome.NOT_POSSIBLE] if series else [],
        "zone": appointments[0].zone,
    }
    return render(request, "booking/booked.html", context)


@require_safe
@never_cache
def booked_calendar(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The same as a calendar file."""
    made = _own_request(request, pk)
    file = calendar(made.appointments.select_related("therapist", "room", "treatment__location"), now=timezone.now())
    response = HttpResponse(file, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="sessions.ics"'
    return response


def _own_hold(request: HttpRequest, pk: UUID) -> Hold:
    hold = Hold.objects.select_related("treatment__location").filter(pk=pk).first()
    if hold is None or not may_use_hold(request.session, hold):
        raise Http404
    return hold


def _own_request(request: HttpRequest, pk: UUID) -> BookingRequest:
    made = BookingRequest.objects.select_related("client").filter(pk=pk).first()
    if made is None or not may_see_request(request.user, made):
        raise Http404
    return made


def _to_what_was_booked(hold: Hold) -> HttpResponse:
    appointment = hold.appointments.exclude(request=None).first()
    if appointment is None:
        raise Http404
    return redirect("booking:booked", appointment.request_id)


def _over(request: HttpRequest, hold: Hold, *, problem: str = "") -> HttpResponse:
    """The ten minutes are over, or the times were let go before: say so, keep the choices, offer to hold them once more."""
    released = hold.expires_at > timezone.now()
    said = problem or str(HoldReleased.message if released else HoldOver.message)
    context = {"step": "when", "hold": hold, "problem": said, "retry": not problem, "released": released}
    context |= {"what_url": reverse("booking:what"), "treatment": hold.treatment}
    return render(request, "booking/over.html", context, status=409)


def _held_context(request: HttpRequest, hold: Hold, now: datetime) -> dict[str, Any]:
    appointments = list(hold.appointments.select_related("therapist", "room").order_by("starts_at"))
    facts = hold.plan.get("dates", [])
    return {
        "appointments": appointments,
        "first": appointments[0] if appointments else None,
        "outcomes": [each["outcome"] for each in facts],
        "lost_dates": [datetime.fromisoformat(each["date"]).date() for each in facts if each["placed"] is None],
        "zone": hold.treatment.location.zone,
        "minutes_left": max(0, ceil((hold.expires_at - now).total_seconds() / 60)),
        "what_url": reverse("booking:what"),
        "when_url": reverse("booking:plan", args=[hold.pk]) if hold.plan else reverse("booking:what"),
        "treatment": hold.treatment,
    }
