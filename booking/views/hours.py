"""A therapist's own hours: the usual week, single dates, leave; each shows what it does before it is saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from booking.access import answers_to_decide, therapist_of
from booking.exceptions import BreaksSessions
from booking.forms.hours import AwayForm, DateForm, WeekForm
from booking.services.repairs import Consequences, change_rules, foresee
from booking.weeks import Week, hour_marks, monday_of, weeks_from
from clients.models import User
from therapists.models import HoursOverride, Therapist, TimeOff

#: For how long what is over stays on the page.
LOOKS_BACK = timedelta(days=14)


class Saved(Protocol):
    @property
    def is_bound(self) -> bool: ...
    def is_valid(self) -> bool: ...


@dataclass(frozen=True)
class Page:
    """One page that changes the hours: how its form is made anew, what writes it, and what the desk reads as the cause."""

    template: str
    form: Callable[[], Saved]
    write: Callable[[Any], None]
    cause: str
    remove: Callable[[], object] | None = None
    #: where one comes from and goes back to
    back: str = ""


@require_safe
@never_cache
@login_required
def hours(request: HttpRequest) -> HttpResponse:
    """The weeks as they are, and what makes them so."""
    therapist = _own(request)
    now = timezone.now()
    weekly = therapist.working_hours.all()
    today = timezone.localdate(now)
    dates: dict[date, list[HoursOverride]] = {}
    for row in therapist.hours_overrides.filter(applies_on__gte=today - LOOKS_BACK).order_by("applies_on", "opens"):
        dates.setdefault(row.applies_on, []).append(row)
    context = {
        "today": today,
        "weekly": [row for row in weekly if row.valid_until is None or row.valid_until >= today],
        "dates": dates.items(),
        "away": therapist.time_off.filter(ends_at__gte=now - LOOKS_BACK),
    }
    return render(request, "booking/hours.html", _frame(request, therapist) | _picture(request, therapist) | context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def usual_week(request: HttpRequest) -> HttpResponse:
    """The intervals of every week, and how much of a day."""
    therapist, data = _own(request), request.POST if request.method == "POST" else None
    today = timezone.localdate()
    page = Page(
        "booking/hours_week.html",
        form=lambda: WeekForm(data, Therapist.objects.get(pk=therapist.pk), today),
        write=lambda form: form.write(),
        cause=_("other hours: %(name)s") % {"name": therapist.name},
    )
    return _answer(request, therapist, page)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def single_date(request: HttpRequest, iso: str = "") -> HttpResponse:
    """The hours of one date (``iso``, where it has some) instead of the usual ones."""
    therapist, data = _own(request), request.POST if request.method == "POST" else None
    on = _date_of(iso)
    rows = list(therapist.hours_overrides.filter(applies_on=on).order_by("opens")) if on else []
    if iso and not rows:
        raise Http404
    initial = DateForm.initial_of(rows) if rows else {"on": request.GET.get("on", "")}
    page = Page(
        "booking/hours_date.html",
        form=lambda: DateForm(data, initial=initial),
        write=lambda form: form.write(therapist, on),
        cause=_("other hours: %(name)s") % {"name": therapist.name},
        remove=(lambda: therapist.hours_overrides.filter(applies_on=on).delete()) if on else None,
    )
    return _answer(request, therapist, page, {"on": on})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def away(request: HttpRequest, pk: UUID | None = None) -> HttpResponse:
    """Leave, or ill from now, or a time that was marked in the calendar (``from``, ``to``: 2027-03-09T09:00)."""
    therapist, data = _own(request), request.POST if request.method == "POST" else None
    absence = get_object_or_404(therapist.time_off, pk=pk) if pk else TimeOff(therapist=therapist)
    local = timezone.localtime()
    block = _block_of(request.GET)
    if pk:
        initial = AwayForm.initial_of(absence, therapist.location.tz)
    elif block is not None:
        initial = {"kind": TimeOff.Kind.OTHER} | AwayForm.initial_between(*block)
    elif "now" in request.GET:
        now_to_midnight = {
            "first_on": local.date(),
            "since": local.time().replace(second=0, microsecond=0),
            "last_on": local.date(),
        }
        initial = {"kind": TimeOff.Kind.ILLNESS} | now_to_midnight
    else:
        initial = {"kind": TimeOff.Kind.LEAVE}
    page = Page(
        "booking/hours_away.html",
        form=lambda: AwayForm(data, initial=initial),
        write=lambda form: form.write(absence),
        cause=_("away: %(name)s") % {"name": therapist.name},
        remove=absence.delete if pk else None,
        back=f"{reverse('booking:therapist')}?on={block[0].date()}" if block else "",
    )
    return _answer(request, therapist, page, {"is_new": pk is None, "is_block": block is not None})


def _answer(request: HttpRequest, therapist: Therapist, page: Page, more: Mapping[str, Any] | None = None) -> HttpResponse:
    """Show the form; what it would do, where somebody looks; or save it, if nothing breaks or they agreed to just what does."""
    assert isinstance(request.user, User)
    do = request.POST.get("do", "")
    form = page.form()
    back = page.back or reverse("booking:hours")
    context = _frame(request, therapist) | {"can_remove": page.remove is not None, "back": back} | dict(more or {})
    is_removed = do == "remove" and page.remove is not None
    if not form.is_bound or do == "more" or not (is_removed or form.is_valid()):
        context |= _picture(request, therapist) | {"form": form}
        return render(request, page.template, context, status=422 if form.is_bound and do != "more" else 200)

    seen: dict[str, Any] = {}

    def change() -> None:
        if page.remove is not None and is_removed:
            page.remove()
        else:
            page.write(form)
        seen.update(_picture(request, therapist))

    now, agreed = timezone.now(), request.POST.get("agreed", "")
    try:
        if do == "look":
            found = foresee(change, now=now)
        else:
            _nothing, found = change_rules(change, cause=lambda: page.cause, by=request.user, now=now, agreed=agreed)
            _say(request, found)
            return redirect(back)
    except BreaksSessions as refusal:
        found = refusal.detail["consequences"]
        context |= {"asks": "remove" if is_removed else "save", "changed": bool(agreed)}
    people = {each.pk: each for each in Therapist.objects.all()}
    context |= seen | {
        "form": page.form(),
        "looked": True,
        "found": found,
        "rows": [(each, people.get(each.therapist_id) if each.therapist_id else None) for each in found.dates],
    }
    return render(request, page.template, context, status=409 if context.get("changed") else 200)


def _own(request: HttpRequest) -> Therapist:
    therapist = therapist_of(request.user)
    if therapist is None:
        raise Http404
    return therapist


def _frame(request: HttpRequest, therapist: Therapist) -> dict[str, Any]:
    return {"page": "hours", "therapist": therapist, "waiting": answers_to_decide(request.user, timezone.now())}


def _picture(request: HttpRequest, therapist: Therapist) -> dict[str, Any]:
    """The weeks that are looked at, as the rules are at this moment."""
    now = timezone.now()
    this_monday = monday_of(timezone.localdate(now))
    asked = _date_of(request.POST.get("week") or request.GET.get("week", "")) or this_monday
    monday = min(max(monday_of(asked), this_monday - timedelta(weeks=4)), this_monday + timedelta(weeks=104))
    weeks: list[Week] = weeks_from(monday, therapist.pk, therapist.location_id, now=now)
    marks = list(hour_marks(weeks))
    return {
        "weeks": weeks,
        "monday": monday,
        "earlier": monday - timedelta(weeks=len(weeks)),
        "later": monday + timedelta(weeks=len(weeks)),
        "marks": marks,
        "minutes_shown": marks[-1] - marks[0],
    }


def _block_of(query: Mapping[str, str]) -> tuple[datetime, datetime] | None:
    """From when until when, on the practice's clock; None where that is not two moments in order."""
    try:
        since, until = (datetime.fromisoformat(query.get(end, "")).replace(tzinfo=None) for end in ("from", "to"))
    except ValueError:
        return None
    return (since, until) if since < until else None


def _date_of(iso: str) -> date | None:
    try:
        return date.fromisoformat(iso)
    except ValueError:
        return None


def _say(request: HttpRequest, found: Consequences) -> None:
    n = len(found.proposals)
    if n:
        text = ngettext("Saved. %(n)d client was asked.", "Saved. %(n)d clients were asked.", n) % {"n": n}
    else:
        text = _("Saved. No booked session is touched.")
    messages.success(request, text)
