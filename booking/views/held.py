"""What every page about a hold asks first: whose it is, whether it still holds, and what the frame of the page shows."""

from __future__ import annotations

from datetime import date, datetime
from math import ceil
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from booking.access import answers_to_decide, booked_for, caller_of, comes_after, may_use_hold, runs_board, series_extended
from booking.engine.recurrence import Course
from booking.engine.zones import instant_of
from booking.enums import HoldState
from booking.exceptions import BookingError, HoldOver, HoldReleased, OutsideAvailability
from booking.models import Hold
from booking.queries import moment_of
from booking.services.guard import Choice
from booking.services.holds import hold_choices
from booking.services.series import held_plan, hold_plan


def own_hold(request: HttpRequest, pk: UUID) -> Hold:
    hold = Hold.objects.select_related("treatment__location").filter(pk=pk).first()
    if hold is None or not may_use_hold(request, hold):
        raise Http404
    return hold


def frame_of(request: HttpRequest, hold: Hold) -> dict[str, Any]:
    """What the pages of a hold show around it: the client's frame, or that of whoever books for a client."""
    after = comes_after(request, hold)
    if after is not None:
        frame = {"frame": "booking/staff.html", "page": "therapist", "waiting": answers_to_decide(request.user, timezone.now())}
        frame |= {"for_whom": after.client, "extended": series_extended(request, hold)}
        return frame | _ways_back(hold, reverse("booking:next", args=[after.pk]))
    caller = caller_of(request, hold)
    if caller is not None:
        return {"frame": "booking/desk.html", "for_whom": caller} | _ways_back(hold, reverse("admin:book_for", args=[caller.pk]))
    return {}


def _ways_back(hold: Hold, start: str) -> dict[str, str]:
    """The links of a page that lead to where the times were asked for."""
    plan = reverse("booking:plan", args=[hold.pk]) if hold.plan else start
    return {"what_url": start, "when_url": plan, "free_url": start}


def to_what_was_booked(request: HttpRequest, hold: Hold) -> HttpResponse:
    after = comes_after(request, hold)
    if after is not None:
        return redirect("booking:therapist_session", after.pk)
    appointment = hold.appointments.exclude(request=None).order_by("starts_at").first()
    if caller_of(request, hold) is not None:
        return (
            redirect("admin:session", appointment.pk)
            if appointment and runs_board(request.user)
            else redirect("admin:find_client")
        )
    if appointment is None:
        raise Http404
    return redirect("booking:booked", appointment.request_id)


def over(request: HttpRequest, hold: Hold, *, problem: str = "") -> HttpResponse:
    """The ten minutes are over, or the times were let go before: say so, keep the choices, offer to hold them once more.

    With a ``problem``, that was tried already.
    """
    released = hold.expires_at > timezone.now()
    context = {
        "step": "when",
        "hold": hold,
        "problem": problem or str(HoldReleased.message if released else HoldOver.message),
        "retry": not problem,
        "released": released,
        "what_url": reverse("booking:what"),
        "free_url": f"{reverse('booking:when')}?treatment={hold.treatment_id}",
        **frame_of(request, hold),
    }
    return render(request, "booking/over.html", context, status=409)


@require_POST
@never_cache
def hold_again(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Hold the same choices once more, after the ten minutes were over."""
    past = own_hold(request, pk)
    if past.state == HoldState.BOOKED:
        return to_what_was_booked(request, past)
    asker: dict[str, Any] = {"owner": past.owner, "now": timezone.now(), "client": booked_for(request, past), "replacing": past}
    try:
        if past.plan:
            hold = hold_plan(held_plan(past), Course.from_json(past.course), past.treatment, **asker)
        else:
            by_hand = comes_after(request, past) is not None
            hold = hold_choices([_choice(past)], treatment=past.treatment, course=past.course, by_hand=by_hand, **asker)
    except BookingError as refusal:
        return over(request, past, problem=str(refusal))
    return redirect("booking:plan" if hold.plan else "booking:you", hold.pk)


def _choice(hold: Hold) -> Choice:
    """The one start that was held. Raises OutsideAvailability when the clocks never show its time any more."""
    course = Course.from_json(hold.course)
    wish = course.wishes[0]
    instant = instant_of(hold.treatment.location.zone, wish.on, wish.minutes[0])
    if instant is None:
        raise OutsideAvailability
    return Choice(course.therapists[0], moment_of(instant))


def held_context(hold: Hold, now: datetime) -> dict[str, Any]:
    """What the steps, the line with the minutes left and the slip show."""
    appointments = list(hold.appointments.select_related("therapist", "room").order_by("starts_at"))
    dates = hold.plan.get("dates", [])
    return {
        "hold": hold,
        "appointments": appointments,
        "first": appointments[0] if appointments else None,
        "outcomes": [each["outcome"] for each in dates],
        "lost_dates": [date.fromisoformat(each["date"]) for each in dates if each["placed"] is None],
        "zone": hold.treatment.location.zone,
        "minutes_left": max(0, ceil((hold.expires_at - now).total_seconds() / 60)),
        "what_url": reverse("booking:what"),
        "when_url": reverse("booking:plan", args=[hold.pk]) if hold.plan else reverse("booking:what"),
        "treatment": hold.treatment,
    }
