"""The plan of a course, date by date, each of which can be swapped."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from django_htmx.http import replace_url
from django_htmx.middleware import HtmxDetails

from booking.access import booked_for
from booking.engine.planner import Outcome, Plan, PlanDate, PlanKind
from booking.engine.recurrence import Course, clock_changes
from booking.enums import HoldState
from booking.exceptions import BookingError
from booking.models import Hold
from booking.services.series import Planning, held_plan, hold_course, hold_plan, plan_course
from booking.views.held import frame_of, held_context, over, own_hold, to_what_was_booked
from therapists.models import Therapist

DAYS_FOR_ADDITIONS = 28


class HtmxRequest(HttpRequest):
    htmx: HtmxDetails


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def plan(request: HtmxRequest, pk: UUID) -> HttpResponse:
    """What is held and what else there is. Every change holds the changed plan anew, under an address of its own."""
    hold = own_hold(request, pk)
    if not hold.plan:
        raise Http404
    if hold.state == HoldState.BOOKED:
        return to_what_was_booked(request, hold)
    now = timezone.now()
    if not hold.is_live(now):
        return over(request, hold)
    problem = ""
    if request.method == "POST":
        try:
            hold = _changed(request, hold, now)
        except BookingError as refusal:
            problem = str(refusal)
        else:
            if not request.htmx:
                return redirect("booking:plan", hold.pk)
    context = _plan_context(request, hold, now) | {"problem": problem}
    page = render(request, "booking/plan.html", context, status=409 if problem else 200)
    return replace_url(page, reverse("booking:plan", args=[hold.pk]))


def _changed(request: HttpRequest, hold: Hold, now: datetime) -> Hold:
    """The hold after what was pressed; the same one when that is nothing the page offers."""
    asker: dict[str, Any] = {"owner": hold.owner, "now": now, "client": booked_for(request, hold), "replacing": hold}
    course = Course.from_json(hold.course)
    if "swap" in request.POST:
        swapped = _swapped(request, hold, _planning(request, hold, now))
        return hold_plan(swapped, course, hold.treatment, **asker) if swapped else hold
    kind = request.POST.get("plan")
    if kind in set(PlanKind) - {PlanKind.OWN}:
        return hold_course(course, hold.treatment, kind=PlanKind(kind), **asker)
    return hold


def _swapped(request: HttpRequest, hold: Hold, planning: Planning) -> Plan | None:
    """The held plan with the chosen date in the place of another, or at the end. None when it was not among the options."""
    current = held_plan(hold)
    position = request.POST["swap"]
    chosen = request.POST.get(f"swap{position}", "")
    options = (_options(planning, current, planned) for planned in current.dates if str(planned.position) == position)
    found = next(options, {}).get(chosen)
    return current.with_date(found) if found else None


def _planning(request: HttpRequest, hold: Hold, now: datetime) -> Planning:
    client = booked_for(request, hold)
    return plan_course(Course.from_json(hold.course), hold.treatment, now=now, client=client, held=hold, ahead=DAYS_FOR_ADDITIONS)


def _options(planning: Planning, current: Plan, planned: PlanDate) -> dict[str, PlanDate]:
    """By form value: what could stand instead of one date; for a date that is not possible, also what could be added."""
    options = planning.swaps(current, planned.position)
    if planned.placed is None:
        options += planning.additions(current)
    return {
        f"{option.position}/{start.therapist}/{start.on}/{start.minute}": option
        for option in options
        if (start := option.placed) is not None
    }


def _plan_context(request: HttpRequest, hold: Hold, now: datetime) -> dict[str, Any]:
    planning = _planning(request, hold, now)
    current = held_plan(hold)
    names = Therapist.objects.in_bulk()
    return {
        "step": "when",
        "plans": _choices(planning, current, names),
        "dates": _dates(hold, planning, current, names),
        "placed": len(current.starts),
        "minute": planning.course.minutes[0],
        "is_narrowed": planning.offers.is_narrowed,
        "rest_days": planning.offers.rest_days,
        **held_context(hold, now),
        **frame_of(request, hold),
    }


def _choices(planning: Planning, current: Plan, names: Mapping[UUID, Therapist]) -> list[dict[str, Any]]:
    """The plans to choose from; a plan that was swapped into shape is the last of them."""
    plans = [(each.kind, each) for each in planning.plans]
    if all(each.starts != current.starts for _kind, each in plans):
        plans.append((PlanKind.OWN, current))
    return [
        {
            "kind": kind.value,
            "chosen": each.starts == current.starts,
            "lead": names[each.lead],
            "outcomes": [planned.outcome.value for planned in each.dates],
            "tally": {outcome.value: each.tally[outcome] for outcome in Outcome if each.tally[outcome]},
        }
        for kind, each in plans
    ]


def _dates(hold: Hold, planning: Planning, current: Plan, names: Mapping[UUID, Therapist]) -> list[dict[str, Any]]:
    """One row a date: what became of it, why, whether the clocks change before it, and what could stand there instead."""
    zone = hold.treatment.location.tz
    reasons = {facts["position"]: facts["reason"] for facts in hold.plan["dates"]}
    rows = []
    before = None
    for planned in current.dates:
        start = planned.placed
        on = start.on if start else planned.wish.on
        changes = clock_changes(zone, before, on) if before and start else ()
        before = on
        rows.append(
            {
                "planned": planned,
                "outcome": planned.outcome.value,
                "therapist": names[start.therapist] if start else None,
                "wished_therapist": names[planned.lead],
                "reason": reasons.get(planned.position, {}),
                "clock_change": changes[0] if changes else None,
                "swaps": [
                    (value, option.placed, names[option.placed.therapist])
                    for value, option in _options(planning, current, planned).items()
                    if option.placed
                ],
            }
        )
    return rows
