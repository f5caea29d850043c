"""Book the next session, or a whole course, for the client of one: with the planner and the holds that clients use."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from booking.access import answers_to_decide, holder_for, sessions_given_by, therapist_of
from booking.engine.recurrence import InvalidCourse
from booking.engine.slots import Offer
from booking.engine.zones import instant_of
from booking.exceptions import BookingError, CourseInvalid, OutsideAvailability
from booking.forms.next_session import NextForm
from booking.models import Appointment, Hold
from booking.queries import availability, moment_of
from booking.services.guard import Choice
from booking.services.holds import hold_choices
from booking.services.series import hold_course


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def next_session(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask what comes next and hold it; the plan is then looked through and booked on the pages that clients use."""
    therapist, now = therapist_of(request.user), timezone.now()
    if therapist is None:
        raise Http404
    after = get_object_or_404(sessions_given_by(therapist), pk=pk)
    form = NextForm(request.POST if request.method == "POST" else None, after=after, last=_last(after))
    problem, free = "", []
    if form.is_bound and form.is_valid():
        try:
            hold = _held(request, form, after, now)
        except BookingError as refusal:
            problem, free = str(refusal), _free(form, after, now)
        else:
            return redirect("booking:you" if form.is_one else "booking:plan", hold.pk)
    context = {
        "page": "therapist",
        "session": after,
        "form": form,
        "problem": problem,
        "free": free,
        "waiting": answers_to_decide(request.user, now),
    }
    status = 409 if problem else 422 if form.is_bound else 200
    return render(request, "booking/next.html", context, status=status)


def _last(after: Appointment) -> Appointment:
    """The last session that is booked in the same series, or else with the same therapist."""
    booked = sessions_given_by(after.therapist).filter(client=after.client)
    if after.series_id is not None:
        booked = booked.filter(series=after.series_id)
    return booked.latest("starts_at")


def _held(request: HttpRequest, form: NextForm, after: Appointment, now: datetime) -> Hold:
    """Raises what holding raises: the time is not free, or nothing can be planned."""
    treatment = form.cleaned_data["treatment"]
    try:
        course = form.course
    except InvalidCourse as invalid:
        raise CourseInvalid(str(invalid)) from invalid
    owner = holder_for(request.session, after)
    if not form.is_one:
        return hold_course(course, treatment, owner=owner, now=now, client=after.client)
    instant = instant_of(treatment.location.zone, course.starts_on, course.minutes[0])
    if instant is None:
        raise OutsideAvailability
    choice = Choice(after.therapist_id, moment_of(instant))
    asker: dict[str, Any] = {"owner": owner, "now": now, "client": after.client}
    return hold_choices([choice], treatment=treatment, course=course.as_json(), by_hand=True, **asker)


def _free(form: NextForm, after: Appointment, now: datetime) -> list[Offer]:
    """What this therapist has free on the day that was asked for, however soon that is."""
    on, treatment = form.cleaned_data["on"], form.cleaned_data["treatment"]
    asker: dict[str, Any] = {"now": now, "therapists": [after.therapist_id], "client": after.client_id}
    return availability(treatment.pk, first=on, last=on, overriding=True, **asker).of(on)
