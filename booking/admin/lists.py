"""What waits to be seen to, list by list, and what is done to many rows of a list at once.

Both addresses take ``list``, ``location`` and ``weeks``; the page itself also ``ticked``, which ticks every row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet, TextChoices
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from booking.access import acts_on, lists_seen, runs_board, sees_board, sessions_at_desk
from booking.enums import TO_DECIDE, AppointmentStatus, NotificationKind
from booking.exceptions import CannotChange, OfferOver, OnHold
from booking.models import Notification, Offer, Repair
from booking.services.appointments import set_status
from booking.services.notices import send_again
from booking.services.reach import note_called
from booking.services.repairs import propose_again
from booking.services.waitlist import take_back_offer
from booking.worklists import Asked, Row, Work, Worklist
from clients.models import Client, User
from therapists.models import Location

#: Weeks after which a client is one who was not seen lately, where nobody asks for others, and the most that can be asked for.
WEEKS, MOST_WEEKS = 8, 520
#: Rows of a list that stand on the page.
SHOWN = 300
#: Where a row is seen to, by its id; the other rows are sessions, and these two are seen to with their client.
SEEN_TO_AT = {
    Work.BROKEN: "admin:booking_repair_change",
    Work.OFFERED: "admin:booking_offer_change",
    Work.UNDELIVERED: "admin:booking_notification_change",
}
WITH_CLIENT = (Work.ENDING, Work.UNSEEN)


class Left(TextChoices):
    """Why a chosen row was left as it is."""

    GONE = "gone", _("no longer on this list")
    CHANGED = "changed", _("changed meanwhile")
    ON_HOLD = "on_hold", _("on hold until a doctor has spoken")
    NEVER_TOLD = "never_told", _("no message about it went out yet")
    ANSWERED = "answered", _("answered meanwhile")
    IN_TIME = "in_time", _("still has time to answer")
    NOTHING_FREE = "nothing_free", _("nothing is free instead: please call")


@dataclass
class Acted:
    """To how many rows something was done, and how many were left, by reason."""

    done: int = 0
    left: Counter[str | Promise] = field(default_factory=Counter)


@dataclass(frozen=True)
class Act:
    """What can be done to many rows: the word on its button, what is said of how many it was done to, and the doing."""

    word: str | Promise
    said: Any
    do: Callable[[Sequence[UUID], User, datetime], Acted]


@dataclass(frozen=True)
class Shown:
    """Which list of which location is asked for; what was not understood is as if it was not asked."""

    locations: list[Location]
    asked: Asked
    work: Work | None

    def query(self, work: Work | None, **more: Any) -> str:
        location = self.asked.location
        asked = {
            "list": work.value if work else None,
            "location": None if location == self.locations[0] else location.pk,
            "weeks": None if self.asked.weeks == WEEKS else self.asked.weeks,
        }
        return "?" + urlencode({name: value for name, value in (asked | more).items() if value is not None})


# ---- the page ---------------------------------------------------------------------------------------------------------------


@require_safe
def to_do(request: HttpRequest) -> TemplateResponse:
    """Every list with its number, and the rows of one: the one asked for, or the first with anything on it."""
    if not sees_board(request.user):
        raise PermissionDenied
    shown = _shown(request)
    context = _context(request, shown) if shown else {}
    frame = admin.site.each_context(request) | {"title": gettext("To do")}
    return TemplateResponse(request, "admin/lists.html", frame | context)


def _context(request: HttpRequest, shown: Shown) -> dict[str, Any]:
    lists = [Worklist(work, shown.asked) for work in lists_seen(request.user)]
    asked_for = next((each for each in lists if each.work == shown.work), None)
    opened = asked_for or next((each for each in lists if each.count), lists[0])
    rows = opened.rows(SHOWN)
    act = ACTS[opened.work] if acts_on(request.user, opened.work) else None
    return {
        "shown": shown,
        "lists": [(each, shown.query(each.work)) for each in lists],
        "opened": opened,
        "rows": [(row, _address(opened.work, row, shown, request.user)) for row in rows],
        "has_states": any(row.state or row.until for row in rows),
        "limit": SHOWN,
        "most_weeks": MOST_WEEKS,
        "act": act,
        "ticked": act and "ticked" in request.GET,
        "tick_all": shown.query(opened.work, ticked="all"),
        "tick_none": shown.query(opened.work),
    }


def _address(work: Work, row: Row, shown: Shown, user: User | AnonymousUser) -> str:
    """Where a row is seen to. Who may change no session sees it on the board."""
    if work in SEEN_TO_AT:
        return reverse(SEEN_TO_AT[work], args=[row.id])
    if work in WITH_CLIENT:
        return reverse("admin:clients_client_change", args=[row.client])
    if runs_board(user):
        return reverse("admin:session", args=[row.id])
    location = shown.asked.location
    on = row.when.astimezone(location.tz).date()
    return f"{reverse('admin:index')}?{urlencode({'date': on, 'location': location.pk, 'session': row.id})}"


def _shown(request: HttpRequest) -> Shown | None:
    """What is asked for; None before there is a location."""
    locations = list(Location.objects.order_by("name"))
    if not locations:
        return None
    asked = request.POST if request.method == "POST" else request.GET
    location = next((each for each in locations if str(each.pk) == asked.get("location")), locations[0])
    work = next((each for each in Work if each == asked.get("list")), None)
    return Shown(locations, Asked(location, _weeks(asked.get("weeks", "")), timezone.now()), work)


def _weeks(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 4 and 1 <= int(text) <= MOST_WEEKS else WEEKS


# ---- what is done to many rows ----------------------------------------------------------------------------------------------


@require_POST
def act(request: HttpRequest) -> HttpResponse:
    """Do to the chosen rows what can be done on their list, and say to how many, and what was left and why."""
    if not sees_board(request.user):
        raise PermissionDenied
    shown = _shown(request)
    if shown is None or shown.work is None:
        return HttpResponseBadRequest()
    if not acts_on(request.user, shown.work):
        raise PermissionDenied
    assert isinstance(request.user, User)
    try:
        chosen = {UUID(text) for text in request.POST.getlist("row")}
    except ValueError:
        return HttpResponseBadRequest()
    listed = Worklist(shown.work, shown.asked).ids(chosen)
    acted = ACTS[shown.work].do(listed, request.user, shown.asked.now)
    if gone := len(chosen) - len(listed):
        acted.left[Left.GONE.label] += gone
    _say(request, ACTS[shown.work], acted)
    return redirect(reverse("admin:lists") + shown.query(shown.work))


def _say(request: HttpRequest, way: Act, acted: Acted) -> None:
    left = [
        ngettext("%(n)d left: %(why)s", "%(n)d left: %(why)s", count) % {"n": count, "why": why}
        for why, count in acted.left.items()
    ]
    said = [way.said % {"n": acted.done}] if acted.done or left else [gettext("Nothing was chosen")]
    level = messages.SUCCESS if acted.done and not left else messages.WARNING
    messages.add_message(request, level, "; ".join(str(part) for part in [*said, *left]) + ".")


def _confirm(sessions: Sequence[UUID], by: User, now: datetime) -> Acted:
    acted = Acted()
    for session in sessions_at_desk(by).filter(pk__in=sessions):
        try:
            set_status(session, AppointmentStatus.CONFIRMED, by=by, now=now)
        except OnHold:
            acted.left[Left.ON_HOLD.label] += 1
        except CannotChange:
            acted.left[Left.CHANGED.label] += 1
        else:
            acted.done += 1
    return acted


def _ask_again(sessions: Sequence[UUID], by: User, now: datetime) -> Acted:
    """Send once more what asked for the form nearest to each session."""
    asked = Notification.objects.filter(kind=NotificationKind.FORM, appointment__in=sessions, sequence=F("appointment__sequence"))
    return _once_more(asked.order_by("appointment_id", "lead", "channel"), sessions, by, now)


def _remind_therapists(sessions: Sequence[UUID], by: User, now: datetime) -> Acted:
    """Send once more what last told the therapist of each session that there is something to decide."""
    told = Notification.objects.filter(kind__in=TO_DECIDE, appointment__in=sessions)
    return _once_more(told.order_by("appointment_id", "-created_at", "pk"), sessions, by, now)


def _say_it_ends(sessions: Sequence[UUID], by: User, now: datetime) -> Acted:
    """Send once more what told each client that their series ends."""
    told = Notification.objects.filter(kind=NotificationKind.SERIES_ENDING, appointment__in=sessions)
    return _once_more(told.order_by("appointment_id", "-created_at", "pk"), sessions, by, now)


def _once_more(told: QuerySet[Notification], sessions: Sequence[UUID], by: User, now: datetime) -> Acted:
    """Of each session the first of these notices."""
    acted = _send_again(list(told.distinct("appointment_id").values_list("pk", flat=True)), by, now)
    if never := len(sessions) - acted.done - acted.left.total():
        acted.left[Left.NEVER_TOLD.label] += never
    return acted


def _take_back(offers: Sequence[UUID], by: User, now: datetime) -> Acted:
    acted = Acted()
    for offer in Offer.objects.filter(pk__in=offers):
        try:
            take_back_offer(offer, by=by, now=now)
        except OfferOver:
            acted.left[Left.ANSWERED.label] += 1
        else:
            acted.done += 1
    return acted


def _propose_again(repairs: Sequence[UUID], by: User, now: datetime) -> Acted:
    """A new proposal for whoever has none that holds; each client hears of their own alone."""
    acted = Acted()
    for repair in Repair.objects.filter(pk__in=repairs):
        if repair.is_open(now) and repair.hold_id:
            acted.left[Left.IN_TIME.label] += 1
            continue
        again = propose_again(repair, by=by, now=now)
        if again is None:
            acted.left[Left.GONE.label] += 1
        elif again.hold_id is None:
            acted.left[Left.NOTHING_FREE.label] += 1
        else:
            acted.done += 1
    return acted


def _note_called(sessions: Sequence[UUID], by: User, now: datetime) -> Acted:
    clients = Client.objects.filter(appointments__in=sessions).values_list("pk", flat=True)
    note_called(clients, by=by, now=now)
    return Acted(len(clients))


def _send_again(notices: Sequence[UUID], by: User, now: datetime) -> Acted:
    sent = send_again(notices, by=by, now=now)
    return Acted(sent.done, Counter({why.label: count for why, count in sent.left.items()}))


ACTS = {
    Work.UNCONFIRMED: Act(_("Confirm the chosen"), ngettext_lazy("%(n)d confirmed", "%(n)d confirmed", "n"), _confirm),
    Work.FORM: Act(_("Ask the chosen again"), ngettext_lazy("%(n)d asked again", "%(n)d asked again", "n"), _ask_again),
    Work.BROKEN: Act(
        _("Look for new proposals for the chosen"),
        ngettext_lazy("%(n)d new proposal was sent", "%(n)d new proposals were sent", "n"),
        _propose_again,
    ),
    Work.UNDECIDED: Act(
        _("Remind the therapists of the chosen"),
        ngettext_lazy("%(n)d reminder leaves in a moment", "%(n)d reminders leave in a moment", "n"),
        _remind_therapists,
    ),
    Work.OFFERED: Act(
        _("Take the chosen back"), ngettext_lazy("%(n)d offer taken back", "%(n)d offers taken back", "n"), _take_back
    ),
    Work.ENDING: Act(
        _("Tell the chosen again that it ends"),
        ngettext_lazy("%(n)d message leaves in a moment", "%(n)d messages leave in a moment", "n"),
        _say_it_ends,
    ),
    Work.UNDELIVERED: Act(
        _("Send the chosen again"),
        ngettext_lazy("%(n)d notice leaves in a moment", "%(n)d notices leave in a moment", "n"),
        _send_again,
    ),
    Work.UNSEEN: Act(
        _("Note that the chosen were called"),
        ngettext_lazy("%(n)d noted as called", "%(n)d noted as called", "n"),
        _note_called,
    ),
}
