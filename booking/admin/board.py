"""The day at the desk: the board, the steps taken on it and taken back, and the day on paper and as a table.

Every address takes the same parameters: ``date``, ``location``, ``view`` and, of what the board narrows down or opens, ``only``
and ``session``.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from django.contrib import admin, messages
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from booking.access import offers_by_hand, runs_board, sees_board, sessions_at_desk, steps_at_desk, takes_walk_ins
from booking.board import DAY, Board, Column, Gap, Session, day_board
from booking.enums import AppointmentStatus, Light
from booking.exceptions import BookingError
from booking.models import Appointment
from booking.notifications.staff import LOOKS_BACK
from booking.services.appointments import set_status, undo_step
from booking.services.audit import on_taken_along
from booking.services.changes import UNDO_LASTS, cancel_sessions, undo_change
from booking.templatetags.unknot import BLOCKS, ICONS, clock
from clients.models import User
from therapists.models import Location, TimeOff

COLUMNS, TIME = "columns", "time"
#: What the list of the day can be narrowed down to.
ONLY: dict[str, Callable[[Session], bool]] = {
    "unconfirmed": lambda each: each.state == AppointmentStatus.BOOKED and not each.is_open,
    "form": lambda each: each.form_is_late,
    "check": lambda each: each.light == Light.TO_CHECK,
}
#: Drawn sessions that are kept: some days of a large practice.
KEPT = 4096
#: With this header the board is asked for without the page around it.
PART = "X-Board"
#: Minutes; the hours shown of a day on which nothing is known.
ROW, HOUR, OPENS, CLOSES = 5, 60, 9 * 60, 17 * 60
#: What a spreadsheet takes for the beginning of a formula.
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
#: Where a spreadsheet of another country, which takes other separators, begins a cell inside of ours.
INNER_CELL = re.compile(r"([;\"]\s*)(?=[=+\-@＝＋－＠])")
LINE_END = re.compile(r"[\r\n]+")
#: The columns of the table to take away.
HEAD = (
    _("Date"), _("From"), _("Until"), _("Client"), _("Treatment"), _("Therapist"), _("Room"), _("State"), _("In the series"),
)  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """Which day of which location is asked for, and how it is to be shown; by default where it was not understood."""

    location: Location
    locations: list[Location]
    day: date
    today: date
    view: str
    only: str
    session: UUID | None

    def asked(self, **change: Any) -> dict[str, Any]:
        """The parameters of the same page with some of them changed; those that go without saying are left out."""
        asked = {
            "date": None if self.day == self.today else self.day.isoformat(),
            "location": None if self.location == self.locations[0] else self.location.pk,
            "view": None if self.view == COLUMNS else self.view,
            "only": self.only or None,
            "session": self.session,
        }
        return {name: value for name, value in (asked | change).items() if value is not None}

    def query(self, **change: Any) -> str:
        return "?" + urlencode(self.asked(**change))


@dataclass(frozen=True)
class Way:
    """A step that a button takes: what it sends, its word, and the key that presses it."""

    value: str
    word: Any
    key: str


#: The words of the steps, and their keys.
STEPS = {
    AppointmentStatus.CONFIRMED: (_("Confirm"), "c"),
    AppointmentStatus.ARRIVED: (_("Arrived"), "a"),
    AppointmentStatus.IN_SESSION: (_("Start"), "s"),
    AppointmentStatus.DONE: (_("Done"), "d"),
    AppointmentStatus.NO_SHOW: (_("No-show"), "x"),
    AppointmentStatus.LATE_CANCELLED: (_("Cancel late"), "l"),
}
#: How a state looks in the list: class, icon, and the word.
STATES = {
    AppointmentStatus.BOOKED: ("booked", "circle", _("Not confirmed")),
    AppointmentStatus.CONFIRMED: ("confirmed", "check-circle", _("Confirmed")),
    AppointmentStatus.ARRIVED: ("arrived", "box-arrow-in-right", _("Arrived")),
    AppointmentStatus.IN_SESSION: ("in", "play-circle", _("In session")),
    AppointmentStatus.DONE: ("done", "check2-all", _("Done")),
    AppointmentStatus.NO_SHOW: ("noshow", "x-circle", _("No-show")),
    AppointmentStatus.CANCELLED: ("done", "calendar-x", _("Cancelled")),
    AppointmentStatus.LATE_CANCELLED: ("late", "calendar-x", _("Cancelled late")),
    AppointmentStatus.HELD: ("booked", "clock", _("Held")),
}


@dataclass(frozen=True)
class Line:
    """A session as the board draws it."""

    session: Session
    grid: Grid
    # where a click on it leads
    url: str
    may_act: bool
    sees_clients: bool
    is_opened: bool

    @property
    def block(self) -> str:
        return BLOCKS[self.session.state]

    @property
    def look(self) -> tuple[str, str, Any]:
        return STATES[self.session.state]

    @property
    def icon(self) -> tuple[str, str]:
        return ICONS[self.session.light]

    @property
    def spot(self) -> str:
        return self.grid.spot(self.session.start, self.session.end)

    @property
    def around(self) -> list[str]:
        """Where preparation and turnaround stand."""
        each = self.session
        spans = ((each.start - each.before, each.start), (each.end, each.end + each.after))
        return [self.grid.spot(*span) for span in spans if span[0] < span[1]]

    @property
    def ways(self) -> list[Way]:
        """The steps that can be taken, the next one first."""
        return [Way(f"{self.session.id}/{step}", *STEPS[step]) for step in self.session.steps] if self.may_act else []

    @property
    def all_ways(self) -> list[Way]:
        """The same and, last, what gives the time away."""
        late = AppointmentStatus.LATE_CANCELLED
        gives_up = [Way(f"{self.session.id}/{late}", *STEPS[late])] if self.may_act and self.session.may_cancel_late else []
        return [*self.ways, *gives_up]

    @property
    def undo(self) -> UUID | None:
        return self.session.undo if self.may_act else None

    @property
    def as_block(self) -> SafeString:
        return _drawn("admin/_board_block.html", self, get_language())

    @property
    def as_row(self) -> SafeString:
        return _drawn("admin/_board_row.html", self, get_language())


@dataclass(frozen=True)
class Strip:
    """A therapist's column as the board draws it; of everything in it the classes that say where it stands."""

    name: str
    rooms: str
    open: tuple[str, ...]
    away: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]
    gaps: tuple[tuple[str, Gap, str], ...]
    # how many rows it has, and in which of them it is now
    rows: int
    now_at: int | None
    may_offer: bool
    # where they are reported ill or away; empty for whoever may not
    away_url: str

    @property
    def as_column(self) -> SafeString:
        return _drawn("admin/_board_column.html", self, get_language())


@lru_cache(maxsize=KEPT)
def _drawn(template: str, part: Line | Strip, language: str) -> SafeString:
    """A part of the board in HTML, in the language that is on. Kept, as most of a day is drawn again and again unchanged."""
    return render_to_string(template, {"part": part})


@dataclass(frozen=True)
class Grid:
    """The hours shown, and where in them a time stands: rows of five minutes, as in the style sheets."""

    first: int
    last: int

    @classmethod
    def of(cls, board: Board) -> Grid:
        """From the hour in which anybody begins to the one in which all have ended."""
        hours = [(span.start, span.end) for column in board.columns for span in column.hours]
        times = hours + [(each.start, each.end + each.after) for column in board.columns for each in column.sessions]
        first = min((max(start, 0) for start, _end in times), default=OPENS)
        last = max((min(end, DAY) for _start, end in times), default=CLOSES)
        return cls(first // HOUR, -(-last // HOUR))

    def at(self, minute: int) -> int:
        return (min(max(minute, self.first * HOUR), self.last * HOUR) - self.first * HOUR) // ROW

    def spot(self, start: int, end: int) -> str:
        """The classes of a stretch; it reaches over every row that it touches."""
        at, until = self.at(start), self.at(end + ROW - 1)
        return f"at-{at} len-{max(until - at, 1)}"

    def now(self, minute: int | None) -> int | None:
        """The row of the line that says what time it is; none on another day or at another hour."""
        return self.at(minute) if minute is not None and self.first * HOUR <= minute < self.last * HOUR else None

    @property
    def hours(self) -> list[tuple[int, int]]:
        """The full hours after the first, in minutes of the day, and their rows."""
        return [(hour * HOUR, self.at(hour * HOUR)) for hour in range(self.first + 1, self.last)]

    @property
    def rows(self) -> int:
        return self.at(self.last * HOUR)


def _strips(board: Board, grid: Grid, lines: dict[UUID, Line], user: User | AnonymousUser) -> list[Strip]:
    may_offer, sends_away = offers_by_hand(user), user.has_perm("therapists.add_timeoff") and board.day >= board.today
    return [
        Strip(
            name=column.name,
            rooms=", ".join(column.rooms),
            open=tuple(grid.spot(*span) for span in column.hours),
            away=tuple((grid.spot(each.start, each.end), each.why) for each in column.away),
            lines=tuple(lines[each.id] for each in _apart(column)),
            gaps=tuple(
                (grid.spot(gap.start, gap.start + gap.wishes[0].minutes), gap, _offer_url(gap, board)) for gap in column.gaps
            ),
            rows=grid.rows,
            now_at=grid.now(board.minute),
            may_offer=may_offer,
            away_url=_away_url(column, board) if sends_away else "",
        )
        for column in board.columns
    ]


def _offer_url(gap: Gap, board: Board) -> str:
    """Where a gap is offered to whom it suits best; leads back to the day."""
    asked = {"therapist": gap.therapist, "day": board.day, "minute": gap.start}
    return f"{reverse('admin:booking_waitlistentry_offer', args=[gap.wishes[0].id])}?{urlencode(asked)}"


def _away_url(column: Column, board: Board) -> str:
    """The form of leave, filled in: ill for the rest of today, or for the whole of a later day."""
    away = "now" if board.day == board.today else board.day.isoformat()
    asked = {"therapist": column.therapist, "kind": TimeOff.Kind.ILLNESS, "away": away}
    return f"{reverse('admin:therapists_timeoff_add')}?{urlencode(asked)}"


def _apart(column: Column) -> list[Session]:
    """What stands in a column, without whoever did not come where somebody else has the time."""
    taken = [each for each in column.sessions if each.state != AppointmentStatus.NO_SHOW]
    return [
        each
        for each in column.sessions
        if each in taken or not any(each.start < other.end and other.start < each.end for other in taken)
    ]


# ---- the board --------------------------------------------------------------------------------------------------------------


@require_safe
def day(request: HttpRequest) -> HttpResponse:
    """The day as columns or as a list. Whoever has the same already, and is not to be told anything, gets 304."""
    now = timezone.now()
    shown = _shown(request)
    if shown is None:
        return render(request, "admin/index.html", admin.site.each_context(request) | {"title": gettext("Day board")})
    board = day_board(shown.location, shown.day, now=now)
    etag = quote_etag(hashlib.sha256(repr((board, shown, request.user.pk)).encode()).hexdigest()[:32])
    if not messages.get_messages(request):
        unchanged = get_conditional_response(request, etag)
        if unchanged is not None:
            return unchanged
    context = _context(request, board, shown) | {"etag": etag}
    if PART in request.headers:
        response = render(request, "admin/_board.html", context)
    else:
        response = render(request, "admin/index.html", admin.site.each_context(request) | context)
    response["ETag"] = etag
    return response


def _context(request: HttpRequest, board: Board, shown: Shown) -> dict[str, Any]:
    user, grid = request.user, Grid.of(board)
    base = shown.query(session=None)
    opening = f"{base}{'&' if base != '?' else ''}session="
    may_act, sees_clients = runs_board(user), user.has_perm("clients.view_client")
    lines = {
        each.id: Line(each, grid, f"{opening}{each.id}", may_act, sees_clients, each.id == shown.session)
        for each in board.sessions
    }
    only = ONLY.get(shown.only)
    rows = board.rows if only is None else [each for each in board.sessions if only(each)]
    return {
        "title": gettext("Day board"),
        "board": board,
        "shown": shown,
        "grid": grid,
        "links": _links(shown),
        "may_walk_in": takes_walk_ins(request.user),
        "tallies": _tallies(board, shown),
        "strips": _strips(board, grid, lines, user) if shown.view == COLUMNS else [],
        "rows": [
            (lines[each.id], None, "") if isinstance(each, Session) else (None, each, _offer_url(each, board)) for each in rows
        ],
        "open": [lines[each.id] for each in board.open],
        "opened": lines.get(shown.session) if shown.session else None,
        "forgotten": [(on, count, shown.query(date=on.isoformat(), session=None)) for on, count in board.forgotten],
        "states": [(block, STATES[state][2]) for state, block in BLOCKS.items()],
        "lights": [(*icon, light.label) for light, icon in ICONS.items()],
        "may_act": may_act,
        "may_offer": offers_by_hand(user),
        "sees_clients": sees_clients,
        "asked": shown.asked().items(),
    }


def _links(shown: Shown) -> dict[str, str]:
    def on(other: date) -> str:
        return shown.query(date=None if other == shown.today else other.isoformat(), session=None)

    return {
        "before": on(shown.day - timedelta(days=1)),
        "after": on(shown.day + timedelta(days=1)),
        "today": on(shown.today),
        "columns": shown.query(view=None, only=None),
        "time": shown.query(view=TIME, only=None),
        "everything": shown.query(only=None),
        "closed": shown.query(session=None),
        "same": shown.query(),
        "print": reverse("admin:board_print") + shown.query(view=None, only=None, session=None),
        "csv": reverse("admin:board_csv") + shown.query(view=None, only=None, session=None),
    }


def _tallies(board: Board, shown: Shown) -> dict[str, dict[str, Any]]:
    """Of each what there is to be seen to: how much, and where it is listed."""
    counted = board.tallies
    since = (timezone.now() - LOOKS_BACK).isoformat(timespec="minutes")
    undelivered = urlencode({"state": "undelivered", "due_at__gte": since})
    lists = {
        "undelivered": (counted.undelivered, f"{reverse('admin:booking_notification_changelist')}?{undelivered}"),
        "offers": (counted.offers, f"{reverse('admin:booking_offer_changelist')}?state__exact=open"),
    }
    here = {"unconfirmed": counted.unconfirmed, "form": counted.form_missing, "check": counted.to_check}
    narrowed = {name: (count, shown.query(view=TIME, only=name, session=None)) for name, count in here.items()}
    return {name: {"count": count, "url": url} for name, (count, url) in (narrowed | lists).items()}


def _shown(request: HttpRequest) -> Shown | None:
    """What is asked for; None before there is a location."""
    locations = list(Location.objects.order_by("name"))
    if not locations:
        return None
    asked = request.POST if request.method == "POST" else request.GET
    location = next((each for each in locations if str(each.pk) == asked.get("location")), locations[0])
    today = timezone.localdate(timezone=location.tz)
    on = _date(asked.get("date", "")) or today
    only = asked.get("only", "")
    narrowed = only if only in ONLY else ""
    view = TIME if narrowed or asked.get("view") == TIME else COLUMNS
    return Shown(location, locations, on, today, view, narrowed, _uuid(asked.get("session", "")))


def _date(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1900 < found.year < 9000 else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


# ---- steps ------------------------------------------------------------------------------------------------------------------


@require_POST
def take_step(request: HttpRequest) -> HttpResponse:
    """Take a session to a next state, or cancel it late. Pressed twice, it is the same step."""
    user = _at_desk(request)
    pressed, _slash, state = request.POST.get("step", "").partition("/")
    pk = _uuid(pressed)
    if pk is None or state not in STEPS:
        return HttpResponseBadRequest()
    session = get_object_or_404(sessions_at_desk(user), pk=pk)
    try:
        if session.status != state:
            _take(session, AppointmentStatus(state), user)
    except BookingError as refusal:
        messages.error(request, f"{session.client}: {refusal}")
        return _back(request)
    _say(request, session)
    return _back(request)


def _take(session: Appointment, state: AppointmentStatus, user: User) -> None:
    now = timezone.now()
    if state == AppointmentStatus.LATE_CANCELLED:
        cancel_sessions([session], by=user, now=now, undo_for=UNDO_LASTS)
    else:
        set_status(session, state, by=user, now=now)


@require_POST
def undo(request: HttpRequest) -> HttpResponse:
    """Take the last step of a session back, or restore what was just cancelled."""
    user, now = _at_desk(request), timezone.now()
    pk = _uuid(request.POST.get("entry", ""))
    if pk is None:
        return HttpResponseBadRequest()
    entry = get_object_or_404(steps_at_desk(user), pk=pk)
    try:
        if entry.change is not None:
            undo_change(entry.change, by=user, now=now)
        else:
            undo_step(entry, by=user, now=now)
    except BookingError as refusal:
        messages.error(request, f"{entry.session.client}: {refusal}")
        return _back(request)
    _say(request, entry.session)
    return _back(request)


def _say(request: HttpRequest, session: Appointment) -> None:
    """How a session stands now."""
    session.refresh_from_db(fields=["status"])
    said = {"client": session.client, "state": STATES[AppointmentStatus(session.status)][2]}
    messages.success(request, gettext("%(client)s: %(state)s.") % said)


def _at_desk(request: HttpRequest) -> User:
    if not runs_board(request.user):
        raise PermissionDenied
    assert isinstance(request.user, User)
    return request.user


def _back(request: HttpRequest) -> HttpResponse:
    shown = _shown(request)
    return redirect(reverse("admin:index") + (shown.query() if shown else ""))


# ---- out of the system ------------------------------------------------------------------------------------------------------


@require_safe
def day_on_paper(request: HttpRequest) -> HttpResponse:
    """The day for the wall: no flag and no form, as paper lies about."""
    board = _to_take_away(request)
    lines = [each for each in board.sessions if each.kept is None]
    _taken_along(lines, request)
    context = admin.site.each_context(request) | {
        "title": gettext("The day on paper"),
        "board": board,
        "lines": [(each, STATES[each.state][2]) for each in lines],
        "printed_at": timezone.localtime(),
    }
    return render(request, "admin/board_print.html", context)


@require_safe
def day_as_csv(request: HttpRequest) -> HttpResponse:
    """The day as a table for a spreadsheet: the same as on paper, and no cell that would be run.

    Whoever takes it away showed a moment ago who they are.
    """
    board = _to_take_away(request)
    if is_reauthentication_required(request, app="account"):
        messages.info(request, gettext("Before the day leaves as a table, show that it is you; then take the table once more."))
        return redirect_to_login(f"{reverse('admin:index')}?{request.GET.urlencode()}", login_url="account_reauthenticate")
    lines = [each for each in board.sessions if each.kept is None]
    _taken_along(lines, request)
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(HEAD)
    table.writerows([defused(cell) for cell in _cells(board, each)] for each in lines)
    name = f"day-{board.day.isoformat()}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    # spreadsheets know by the mark that it is UTF-8
    return HttpResponse("\ufeff" + text.getvalue(), content_type="text/csv; charset=utf-8", headers=headers)


def _cells(board: Board, each: Session) -> list[str]:
    place = f"{each.position}/{each.of}" if each.position else ""
    times = (board.day.isoformat(), clock(each.start), clock(each.end))
    return [*times, each.name, each.treatment, each.therapist_name, each.room, str(STATES[each.state][2]), place]


def defused(cell: str) -> str:
    """A cell as text on one line, whatever it begins with and whichever separator its reader believes in."""
    begins = cell.startswith(FORMULA) or cell.lstrip().startswith(FORMULA)
    whole = INNER_CELL.sub(r"\1'", LINE_END.sub(" ", cell))
    return f"'{whole}" if begins else whole


def _taken_along(lines: Sequence[Session], request: HttpRequest) -> None:
    whose = [(each.id, each.client) for each in lines]
    on_taken_along(Appointment, whose, by=cast(User, request.user), now=timezone.now())


def _to_take_away(request: HttpRequest) -> Board:
    shown = _shown(request)
    if not sees_board(request.user) or shown is None:
        raise PermissionDenied
    return day_board(shown.location, shown.day, now=timezone.now())
