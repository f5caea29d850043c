"""A phone call about one session: when it is, what else is free, and one press that moves it, gives it away or cancels it.

Every address takes the same parameters: ``scope``, which of its series it is about; ``day``, the day whose free times are shown;
and of a time that the caller wants ``at`` and ``therapist``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from booking.access import changes_at_desk, lifts_rules, runs_board, sessions_at_desk
from booking.admin.times import day_in, week_of
from booking.deeds import deeds_of
from booking.engine.planner import Start
from booking.enums import CHANGEABLE, Scope
from booking.exceptions import BookingError, TooLate, TooManyMoves
from booking.forms.changes import key_of, start_from
from booking.forms.desk import CancelAtDeskForm, MoveAtDeskForm, SubstituteForm, WantedForm
from booking.models import Appointment, PlannedDate
from booking.models.appointment import AppointmentQuerySet
from booking.moving import dates_of, other_days, scopes_of
from booking.objections import Answer, answers
from booking.openings import Free, Times, substitutes, times_around
from booking.queries import OVERRIDDEN_HORIZON
from booking.services.audit import on_looked_at
from booking.services.changes import UNDO_LASTS, ByHand, Move, cancel_sessions, move_sessions, undo_change
from booking.services.intake import light_of
from booking.services.policy import fixed_ones, is_late, late_ones
from booking.services.replan import First, as_chosen, replan
from clients.models import User

#: Of the history so many are shown; the rest stands on the page of the appointment.
DEEDS = 6
#: Of those who are busy so many are told why.
BUSY = 8
#: So many of what the client has ahead are a click away.
AHEAD = 16


@dataclass(frozen=True)
class Call:
    """What the caller speaks of: a session, and which of its series with it."""

    session: Appointment
    scope: Scope
    scopes: dict[Scope, list[Appointment]]
    day: date | None

    @property
    def going(self) -> list[Appointment]:
        return self.scopes[self.scope]

    @property
    def is_one(self) -> bool:
        return len(self.going) == 1

    @property
    def query(self) -> str:
        day = {"day": self.day.isoformat()} if self.day else {}
        return urlencode({"scope": self.scope.value} | day)

    def url(self, name: str = "session") -> str:
        return f"{reverse(f'admin:{name}', args=[self.session.pk])}?{self.query}"

    def to(self, start: Start) -> str:
        """What the button of a start sends."""
        return f"{self.session.pk}/{key_of(start)}" if self.is_one else key_of(start)


@require_safe
def session(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The session, its free times and what can be done."""
    user, now = _at_desk(request), timezone.now()
    return _page(request, _call(request, user, pk, now), now)


@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Move a session to a start; of several first show where each would go."""
    user, now = _at_desk(request), timezone.now()
    call = _call(request, user, pk, now)
    if request.method == "POST":
        return _moved(request, call, user, now)
    start = start_from(request.GET.get("start", ""))
    if start is None or not _is_ahead(call.session, now):
        return redirect(call.url())
    return _plan(request, call, start, now)


@require_POST
def substitute(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Give sessions to another therapist or put them into another room, each at its own time."""
    user, now = _at_desk(request), timezone.now()
    call = _call(request, user, pk, now)
    form = SubstituteForm(request.POST, among=_kin(call.session, user), session=call.session)
    if not form.is_valid():
        return _page(request, call, now, problem=_first_error(form), status=422)
    therapist, room = form.cleaned_data["therapist"], form.cleaned_data["room"]
    moves = [
        Move(
            each,
            therapist.pk if therapist else each.therapist_id,
            each.starts_at,
            ByHand(each.length, room.pk if room else None),
            form.cleaned_data["version"] if each == call.session else None,
        )
        for each in form.chosen
    ]
    try:
        move_sessions(
            moves,
            by=user,
            now=now,
            override_reason=form.cleaned_data["override_reason"],
            key=form.cleaned_data["key"],
            undo_for=UNDO_LASTS,
            practice_initiated=True,
            tell=therapist is not None,
        )
    except BookingError as refusal:
        return _refused(request, call, user, refusal, now, by_hand=True)
    return redirect(call.url())


@require_POST
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Cancel the sessions that were shown."""
    user, now = _at_desk(request), timezone.now()
    call = _call(request, user, pk, now)
    form = CancelAtDeskForm(request.POST, among=_kin(call.session, user))
    if not form.is_valid():
        return _page(request, call, now, cancelling=form, problem=_first_error(form), status=422)
    given = form.cleaned_data
    reason = _("the practice cancelled: %(reason)s") % given if form.is_by_practice else given["reason"]
    try:
        cancel_sessions(
            form.chosen,
            by=user,
            now=now,
            reason=reason,
            override_reason=reason if given["forgive"] and not form.is_by_practice else "",
            key=given["key"],
            undo_for=UNDO_LASTS,
            practice_initiated=form.is_by_practice,
        )
    except BookingError as refusal:
        return _refused(request, call, user, refusal, now)
    return redirect(call.url())


@require_POST
def undo(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Put back what a change did, and lead to the session it was opened from."""
    user, now = _at_desk(request), timezone.now()
    change = get_object_or_404(changes_at_desk(user), pk=pk)
    touched = sessions_at_desk(user).filter(audit_entries__change=change).order_by("starts_at")
    asked = [each for each in touched if str(each.pk) == request.POST.get("session")]
    try:
        undo_change(change, by=user, now=now)
        messages.success(request, _("Undone. Everything is as it was before, and nothing was sent."))
    except BookingError as refusal:
        messages.error(request, str(refusal))
    return redirect("admin:session", (asked or list(touched))[0].pk)


# ---- the page ---------------------------------------------------------------------------------------------------------------


def _page(
    request: HttpRequest,
    call: Call,
    now: datetime,
    *,
    problem: str = "",
    refused: tuple[Answer, str] | None = None,
    cancelling: CancelAtDeskForm | None = None,
    status: int = 200,
) -> HttpResponse:
    found = call.session
    on_looked_at(found, by=cast(User, request.user), now=now)
    of = PlannedDate.objects.counted([found.series_id]).get(found.series_id, 0) if found.series_id else 0
    deeds = deeds_of(found)
    context: dict[str, Any] = {
        "title": _("%(client)s, %(treatment)s") % {"client": found.client, "treatment": found.treatment.name},
        "session": found,
        "call": call,
        "scopes": list(call.scopes.items()),
        "scopes_url": reverse("admin:session", args=[found.pk]),
        "minutes": found.length // timedelta(minutes=1),
        "light": light_of(found, now=now),
        "of": max(of, found.position or 0),
        "theirs": list(_theirs(found, request.user, now)[:AHEAD]),
        "deeds": deeds[:DEEDS],
        "change": changes_at_desk(request.user).undoable(now).filter(audit_entries__appointment=found).first(),
        "is_ahead": _is_ahead(found, now),
        "may_lift": lifts_rules(request.user),
        "board_url": f"{reverse('admin:index')}?{urlencode({'date': found.local_date.isoformat(), 'session': found.pk})}",
        "problem": problem,
        "refused": refused,
    }
    if context["is_ahead"]:
        context |= _moving(request, call, now) | _giving_away(call, now) | _cancelling(call, now, cancelling)
    return render(request, "admin/session.html", admin.site.each_context(request) | context, status=status)


def _theirs(found: Appointment, user: User | AnonymousUser, now: datetime) -> AppointmentQuerySet:
    """What the client has ahead, this session among it: a caller speaks of any of their dates."""
    return sessions_at_desk(user).upcoming(now).filter(client=found.client_id)


def _moving(request: HttpRequest, call: Call, now: datetime) -> dict[str, Any]:
    """The free times, and what is said of a time that the caller wants."""
    times = times_around(call.day, call.going, now=now)
    asks = "at" in request.GET
    given = request.GET if asks else None
    wanted = WantedForm(given, session=call.session, initial={"day": times.day})
    base = f"{reverse('admin:session', args=[call.session.pk])}?scope={call.scope.value}&day="
    today = now.astimezone(call.session.treatment.location.tz).date()
    fixed = fixed_ones(call.going, now)
    context: dict[str, Any] = {
        "fixed": [(each, is_late(each, now)) for each in fixed],
        "needs_reason": call.is_one and bool(fixed),
        "is_movable": not (call.is_one and fixed) or lifts_rules(request.user),
        "times": times,
        "free": [_buttons(call, each) for each in times.free],
        **week_of(times, today=today, base=base),
        "moving": MoveAtDeskForm(among=[], days=(today, today), initial={"version": call.session.sequence}),
        "wanted": wanted,
    }
    if asks and wanted.is_valid():
        able = list(call.session.treatment.therapists.filter(is_active=True).order_by("name"))
        found = answers(call.session.treatment, wanted.starts(able), now=now, **_situation(call))
        found.sort(key=lambda each: (not each.is_free, not each.is_liftable))
        context |= {
            "answers": [(each, call.to(each.start), each.start == _now_at(call.going[0])) for each in found],
            "nearest": [] if all(each.is_free for each in found) else _nearest(call, times, wanted, found),
        }
    return context


def _nearest(call: Call, times: Times, wanted: WantedForm, found: Sequence[Answer]) -> list[tuple[Start, Any, str]]:
    near = times.nearest(wanted.on, wanted.minute, besides=[each.start for each in found])
    return [(start, who, call.to(start)) for start, who in near]


def _buttons(call: Call, free: Free) -> tuple[Any, list[tuple[Start, str]]]:
    return free.therapist, [(start, call.to(start)) for start in free.starts]


def _giving_away(call: Call, now: datetime) -> dict[str, Any]:
    """Who and which room could take the sessions where they are; of one session also why others cannot."""
    found = substitutes(call.going, now=now)
    busy: list[Answer] = []
    if call.is_one and found.busy:
        there = _now_at(call.session)
        asked = [there._replace(therapist=who.pk) for who in found.busy[:BUSY]]
        situation: dict[str, Any] = {"client": call.session.client_id, "ignoring": [call.session.pk]}
        situation["length"] = call.session.length
        busy = answers(call.session.treatment, asked, now=now, **situation)
    return {
        "substitutes": [*found.therapists, *found.rooms],
        "busy": busy,
        "giving": SubstituteForm(among=call.going, session=call.session, initial={"version": call.session.sequence}),
    }


def _cancelling(call: Call, now: datetime, form: CancelAtDeskForm | None) -> dict[str, Any]:
    shown = {"sessions": [str(each.pk) for each in call.going]}
    return {
        "cancelling": form or CancelAtDeskForm(among=call.going, initial=shown),
        "late": late_ones(call.going, now),
    }


def _plan(request: HttpRequest, call: Call, start: Start, now: datetime, *, problem: str = "", status: int = 200) -> HttpResponse:
    """Old and new of several sessions, date by date; nothing is moved yet."""
    wished = start.therapist
    try:
        plan = replan(call.going, First(start, wished), others=other_days(call.going, now), now=now)
    except BookingError as refusal:
        return _page(request, call, now, problem=str(refusal), status=409)
    if not plan.moves:
        return _page(request, call, now, problem=_("Nothing can be moved to there; all stays as it is."), status=409)
    on_looked_at(call.session, by=cast(User, request.user), now=now)
    values = MoveAtDeskForm.values({each.session: each.planned.placed if each.moves else None for each in plan.dates})
    initial = {"to": values, "version": call.session.sequence}
    context = {
        "title": _("Move %(n)d sessions of %(client)s?") % {"n": len(call.going), "client": call.session.client},
        "call": call,
        "session": call.session,
        "dates": dates_of(plan),
        "plan": plan,
        "tally": {outcome.value: count for outcome, count in plan.tally.items()},
        "fixed": [(each, is_late(each, now)) for each in fixed_ones(call.going, now)],
        "may_lift": lifts_rules(request.user),
        "form": MoveAtDeskForm(among=call.going, days=(start.on, start.on), initial=initial),
        "start": key_of(start),
        "problem": problem,
    }
    return render(request, "admin/session_plan.html", admin.site.each_context(request) | context, status=status)


# ---- what is pressed --------------------------------------------------------------------------------------------------------


def _moved(request: HttpRequest, call: Call, user: User, now: datetime) -> HttpResponse:
    today = now.astimezone(call.session.treatment.location.tz).date()
    last = today + timedelta(days=OVERRIDDEN_HORIZON)
    form = MoveAtDeskForm(request.POST, among=_kin(call.session, user), days=(today, last))
    if not form.is_valid():
        return _page(request, call, now, problem=_first_error(form), status=422)
    starts: dict[UUID, Start] = form.cleaned_data["to"]
    first = start_from(request.GET.get("start", "")) or next(iter(starts.values()))
    try:
        plan = as_chosen(form.chosen, starts, First(first, first.therapist), now=now)
        version = form.cleaned_data["version"]
        move_sessions(
            [replace(each, version=version) if each.appointment == call.session else each for each in plan.moves],
            wishes=plan.wishes,
            by=user,
            now=now,
            override_reason=form.cleaned_data["override_reason"],
            key=form.cleaned_data["key"],
            undo_for=UNDO_LASTS,
        )
    except BookingError as refusal:
        return _refused(request, call, user, refusal, now)
    return redirect("admin:session", call.session.pk)


def _refused(
    request: HttpRequest, call: Call, user: User, refusal: BookingError, now: datetime, *, by_hand: bool = False
) -> HttpResponse:
    """The page as it is now, with what stood in the way: of a start who is there, else the words of the refusal.

    ``by_hand``: it was to stay at its time.
    """
    call = _call(request, user, call.session.pk, now)
    if isinstance(refusal, TooLate | TooManyMoves):
        return _page(request, call, now, problem=_("Nothing was changed: it needs a reason."), status=409)
    choice = refusal.detail.get("choice")
    if choice is None:
        return _page(request, call, now, problem=str(refusal), status=409)
    local = choice.starts_at.astimezone(call.session.treatment.location.tz)
    start = Start(choice.therapist_id, local.date(), local.hour * 60 + local.minute)
    situation = _situation(call) | ({"length": call.session.length, "lasting": None} if by_hand else {})
    found = next((each for each in answers(call.session.treatment, [start], now=now, **situation) if each.why), None)
    if found is None:
        return _page(request, call, now, problem=str(refusal), status=409)
    refused = (found, "" if by_hand else call.to(start))
    return _page(request, call, now, problem=_("Nothing was changed."), refused=refused, status=409)


def _situation(call: Call) -> dict[str, Any]:
    """What bears on a time beside the rules: the client's other sessions, and that these make room."""
    return {
        "client": call.session.client_id,
        "ignoring": [each.pk for each in call.going],
        "lasting": call.going[0].kept_length,
    }


def _at_desk(request: HttpRequest) -> User:
    if not runs_board(request.user):
        raise PermissionDenied
    return cast(User, request.user)


def _call(request: HttpRequest, user: User, pk: UUID, now: datetime) -> Call:
    mine = sessions_at_desk(user).select_related("client", "therapist", "room", "treatment__location", "series")
    found = get_object_or_404(mine, pk=pk)
    scopes = scopes_of(found, now=now)
    scope = Scope(said) if (said := request.GET.get("scope", "")) in scopes else Scope.ONE
    return Call(found, scope, scopes, day_in(request.GET.get("day", "")))


def _kin(found: Appointment, user: User) -> Sequence[Appointment]:
    """The session and those of its series, whatever became of them meanwhile."""
    return list(sessions_at_desk(user).filter(series=found.series_id)) if found.series_id else [found]


def _now_at(found: Appointment) -> Start:
    return Start(found.therapist_id, found.local_date, found.local_time.hour * 60 + found.local_time.minute)


def _is_ahead(found: Appointment, now: datetime) -> bool:
    return found.status in CHANGEABLE and found.starts_at > now


def _first_error(form: Form) -> str:
    return str(next(iter(form.errors.values()))[0])
