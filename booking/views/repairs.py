"""What the practice had to change: the replacement a client is asked to take, to change or to leave."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from math import ceil
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from booking.access import actor, repairs_of
from booking.engine.recurrence import ClockChange, clock_changes
from booking.engine.slots import Why
from booking.enums import UNSETTLED, Fit, Outcome, RepairState
from booking.exceptions import BookingError, RepairOver
from booking.ical import GONE
from booking.models import Appointment, Repair, Replacement
from booking.queries import rules_in_force
from booking.services.promises import unkept
from booking.services.repairs import accept_repair, decline_repair

#: What a replacement means for the date it replaces, in the words of the plan.
OUTCOMES = {
    Fit.SAME_THERAPIST: Outcome.MOVED,
    Fit.SAME_TIME: Outcome.OTHER_THERAPIST,
    Fit.OTHER: Outcome.OTHER_THERAPIST,
    Fit.NONE: Outcome.NOT_POSSIBLE,
}
ANSWERS = {"accept": accept_repair, "cancel": decline_repair}


@dataclass(frozen=True)
class Line:
    """One broken date as the page shows it, times on the practice's clock."""

    replacement: Replacement
    was: datetime
    new: datetime | None
    why: Why | None
    clock_change: ClockChange | None

    @property
    def outcome(self) -> str:
        return OUTCOMES[Fit(self.replacement.fit)].value


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def repair(request: HttpRequest, pk: UUID) -> HttpResponse:
    """All broken dates and what is held instead. Looking changes nothing; one press takes it, another cancels at no cost."""
    now = timezone.now()
    asked = get_object_or_404(repairs_of(request, now).select_related("client", "hold"), pk=pk)
    problem = ""
    if request.method == "POST":
        answer = ANSWERS.get(request.POST.get("answer", ""))
        if answer is None:
            return redirect("booking:repair", pk)
        try:
            answer(asked, by=actor(request), now=now)
        except BookingError as refusal:
            problem = str(refusal)
        else:
            return redirect("booking:repair", pk)
        asked.refresh_from_db()
    return render(request, "booking/repair.html", _context(asked, now, problem), status=409 if problem else 200)


def repairs_waiting(request: HttpRequest, now: datetime) -> list[Repair]:
    """The repairs somebody has not answered yet, for the page of their sessions (``booking/_repairs.html``)."""
    mine = Repair.objects.unsettled().filter(pk__in=repairs_of(request, now).values("pk"))
    pending = Replacement.objects.pending().filter(appointment__starts_at__gt=now).select_related("appointment")
    waiting = mine.filter(pk__in=pending.values("repair"))
    return list(waiting.prefetch_related(Prefetch("replacements", pending)).order_by("expires_at"))


def _context(asked: Repair, now: datetime, problem: str) -> dict[str, Any]:
    every = asked.replacements.select_related("appointment__therapist", "appointment__treatment__location", "therapist")
    pending = list(every.pending().order_by("appointment__starts_at"))
    answered = asked.state in UNSETTLED and asked.answered_at is not None
    first = every.order_by("appointment__starts_at")[0].appointment
    lines = _lines(pending, now)
    is_open = asked.is_open(now)
    lapsed = asked.state == RepairState.LAPSED and asked.answered_at is None
    return {
        "repair": asked,
        "first_name": asked.client.name.partition(" ")[0],
        "lines": lines,
        "placed": [line for line in lines if line.new],
        "lost": [line for line in lines if not line.new],
        "outcomes": [line.outcome for line in lines],
        "taken": _taken(asked) if asked.state == RepairState.ACCEPTED or answered else [],
        "unsettled": asked.state in UNSETTLED and bool(lines),
        "may_accept": is_open and asked.answered_at is None and any(line.new for line in lines),
        "treatment": first.treatment,
        "zone": first.zone,
        "minutes_left": max(0, ceil((asked.expires_at - now).total_seconds() / 60)),
        "newer": Repair.objects.unsettled().filter(client=asked.client_id, made_at__gt=asked.made_at).first(),
        "problem": problem or (str(RepairOver.message) if lapsed else ""),
    }


def _taken(asked: Repair) -> list[Appointment]:
    """The sessions that were moved by the answer, as they are now; what was cancelled is nobody's any more."""
    pending = asked.replacements.pending().values("appointment")
    moved = Appointment.objects.filter(replacements__repair=asked).exclude(pk__in=pending).exclude(status__in=GONE)
    return list(moved.select_related("therapist", "room").order_by("starts_at"))


def _lines(pending: list[Replacement], now: datetime) -> list[Line]:
    why = unkept(Appointment.objects.filter(pk__in=[each.appointment_id for each in pending]), rules_in_force(now))
    lines: list[Line] = []
    before: date | None = None
    for each in pending:
        zone = ZoneInfo(each.appointment.zone)
        new = each.starts_at.astimezone(zone) if each.starts_at else None
        changes = clock_changes(zone, before, new.date()) if before and new and new.date() > before else ()
        before = new.date() if new else before
        lines.append(Line(each, each.appointment.local_start, new, why.get(each.appointment_id), changes[0] if changes else None))
    return lines
