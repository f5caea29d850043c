"""What the desk sees of one day: who comes when, to whom and where, how far each session is, and what is still to be done.

All times are minutes of the practice's wall clock, counted from the midnight the day begins with; so 1500 is one o'clock of the
next morning. Nothing here says what a client answered: of a form only whether it is there, and the light that it was given.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Count, F, QuerySet, TextChoices
from django.db.models.fields.json import KT
from django.utils.translation import gettext_lazy as _

from booking.engine.slots import Treatment as Rule
from booking.engine.spans import Span, subtract
from booking.enums import (
    BLOCKING,
    CHANGEABLE,
    NOT_ON_HOLD,
    AppointmentStatus,
    AuditAction,
    Light,
    NotificationKind,
)
from booking.models import Appointment, AuditEntry, Hold, Notification, Offer, PlannedDate, WaitlistEntry
from booking.notifications.staff import FORM_BEFORE, LOOKS_BACK
from booking.queries import LONGEST_FOOTPRINT, moment_of, rules_in_force
from booking.services.appointments import next_states
from booking.services.candidates import wanted_by
from booking.services.intake import OPEN, lights_of
from booking.services.policy import is_late
from clients.models import Response, ResponseKind
from clients.services.responses import is_asked
from therapists.models import Location, Room, Therapist, Treatment

_MINUTE = timedelta(minutes=1)
DAY = 24 * 60
#: How far back sessions without a final state are looked for.
REMEMBERED = timedelta(days=30)
#: In these a session is over, whatever became of it.
FINAL = (
    AppointmentStatus.DONE,
    AppointmentStatus.NO_SHOW,
    AppointmentStatus.CANCELLED,
    AppointmentStatus.LATE_CANCELLED,
)
#: The time of these is free again.
GONE = (AppointmentStatus.CANCELLED, AppointmentStatus.LATE_CANCELLED)
#: Starts are offered at these minutes of the hour, so a gap begins at one.
GRID = 5
#: What is read of a session; the names of everything around it are looked up.
READ = (
    "client",
    "therapist",
    "treatment",
    "room",
    "status",
    "zone",
    "local_date",
    "starts_at",
    "ends_at",
    "blocked_from",
    "blocked_until",
    "hold",
    "held_until",
    "series",
    "position",
    "sequence",
)


class Form(TextChoices):
    """Whether what a session asks of its client is there."""

    NONE = "none", _("not asked")
    ASKED = "asked", _("asked")
    BEGUN = "begun", _("begun")
    ANSWERED = "answered", _("answered")
    MISSING = "missing", _("missing")


class Kept(TextChoices):
    """What a time is held for."""

    BOOKING = "booking", _("being booked")
    OFFER = "offer", _("offered")
    UNDO = "undo", _("kept for an undo")
    REPAIR = "repair", _("kept as a replacement")


@dataclass(frozen=True)
class Session:
    """One session, or one time that is held. ``before`` and ``after`` are the minutes blocked around it."""

    id: UUID
    therapist: UUID
    therapist_name: str
    start: int
    end: int
    before: int
    after: int
    state: AppointmentStatus
    client: UUID | None = None
    name: str = ""
    phone: str = ""
    treatment: str = ""
    room: str = ""
    position: int | None = None
    of: int | None = None
    form: Form = Form.NONE
    # open so shortly before the session that somebody has to see to it
    form_is_late: bool = False
    light: Light = Light.WAITING
    # whether the client said so themselves
    is_coming: bool = False
    # minutes since the client arrived
    waits: int | None = None
    # whether it is on, or should be
    is_now: bool = False
    # whether its time is over and nobody said what became of it
    is_open: bool = False
    steps: tuple[AppointmentStatus, ...] = ()
    may_cancel_late: bool = False
    # the audit entry of the last step, while it can be taken back
    undo: UUID | None = None
    kept: Kept | None = None
    # until when, and for whom
    held_until: int | None = None
    held_for: str = ""


@dataclass(frozen=True)
class Wish:
    """Somebody on the waitlist whom a gap may suit."""

    id: UUID
    name: str
    # how long their session is
    minutes: int


@dataclass(frozen=True)
class Gap:
    """Working time that nobody has, and who on the waitlist it may suit, the longest waiting first."""

    therapist: UUID
    therapist_name: str
    start: int
    end: int
    wishes: tuple[Wish, ...]

    @property
    def minutes(self) -> int:
        return self.end - self.start


@dataclass(frozen=True)
class Away:
    """When a therapist is away or the practice is shut; ``why`` is empty for leave, which is nobody's business."""

    start: int
    end: int
    why: str = ""


@dataclass(frozen=True)
class Column:
    """One therapist's day."""

    therapist: UUID
    name: str
    rooms: tuple[str, ...]
    hours: tuple[Span, ...]
    away: tuple[Away, ...]
    sessions: tuple[Session, ...]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True)
class Tallies:
    """What is to be seen to: of this day, and of everything that was sent or offered."""

    unconfirmed: int
    form_missing: int
    to_check: int
    undelivered: int
    offers: int


@dataclass(frozen=True)
class Board:
    """A day of one location."""

    location: str
    day: date
    today: date
    # the minute of the day that it is now; none on other days
    minute: int | None
    columns: tuple[Column, ...]
    tallies: Tallies
    # sessions of earlier days that have no final state, by date
    forgotten: tuple[tuple[date, int], ...] = ()
    # the public holiday, where the practice does not open on it
    shut: str = ""
    # cancelled late, or while it can be undone; nobody's time any more
    cancelled: tuple[Session, ...] = ()

    @cached_property
    def sessions(self) -> list[Session]:
        """All of the day in order."""
        shown = [session for column in self.columns for session in column.sessions]
        return sorted([*shown, *self.cancelled], key=lambda each: (each.start, each.therapist_name, each.end))

    @cached_property
    def rows(self) -> list[Session | Gap]:
        """Sessions and gaps in order of time."""
        gaps = [gap for column in self.columns for gap in column.gaps]
        return sorted([*self.sessions, *gaps], key=lambda each: (each.start, each.therapist_name, each.end))

    @cached_property
    def open(self) -> list[Session]:
        """What should be over and has no final state."""
        return [session for session in self.sessions if session.is_open]

    def session(self, pk: UUID) -> Session | None:
        return next((each for each in self.sessions if each.id == pk), None)


def day_board(location: Location, day: date, *, now: datetime) -> Board:
    """What happens at a location on a date. The number of queries depends neither on therapists nor on sessions."""
    return _Day(location, day, now).board()


class _Day:
    """One day while its board is made: what was read of it, and how instants stand on its clock."""

    def __init__(self, location: Location, day: date, now: datetime) -> None:
        self.location, self.day, self.now, self.tz = location, day, now, location.tz
        self.midnight = datetime.combine(day, time(0))
        self.today = now.astimezone(self.tz).date()
        self.known = rules_in_force(now)
        self.people = dict(Therapist.objects.filter(location=location).order_by("name").values_list("pk", "name"))
        self.rooms = dict(Room.objects.filter(location=location).values_list("pk", "name"))
        self.treatments = {each.pk: each for each in Treatment.objects.all()}
        self.rows = self._read()
        # by treatment and start, whether a cancellation now is late
        self.late: dict[tuple[UUID, datetime], bool] = {}
        # by state, start and light, what can be done next
        self.steps: dict[tuple[AppointmentStatus, datetime, Light], tuple[AppointmentStatus, ...]] = {}

    def _on_it(self) -> QuerySet[Appointment]:
        """What is on this day, to be asked about in the database."""
        starts_at = self.midnight.replace(tzinfo=self.tz)
        ends_at = (self.midnight + timedelta(days=1)).replace(tzinfo=self.tz)
        return (
            Appointment.objects.filter(therapist__in=list(self.people))
            .filter(starts_at__lt=ends_at, starts_at__gte=starts_at - LONGEST_FOOTPRINT * _MINUTE, ends_at__gt=starts_at)
            .exclude(status=AppointmentStatus.HELD, held_until__lte=self.now)
        )

    def _read(self) -> list[Appointment]:
        of_client = {"client_name": F("client__name"), "client_phone": F("client__phone"), "client_user": F("client__user")}
        return list(self._on_it().only(*READ).annotate(**of_client).order_by("starts_at", "pk"))

    def minute(self, moment: datetime) -> int:
        wall = moment.astimezone(self.tz).replace(tzinfo=None)
        return int((wall - self.midnight) // _MINUTE)

    def wall(self, span: Span) -> Span:
        """A span of instants on the clock of the day, without what lies on other days."""
        start, end = self.minute(moment_of(span.start)), self.minute(moment_of(span.end))
        return Span(max(start, 0), min(end, DAY))

    def board(self) -> Board:
        sessions = list(self._sessions())
        by_therapist: defaultdict[UUID, list[Session]] = defaultdict(list)
        for each in sessions:
            by_therapist[each.therapist].append(each)
        return Board(
            location=self.location.name,
            day=self.day,
            today=self.today,
            minute=self.minute(self.now) if self.day == self.today else None,
            columns=tuple(self._columns(by_therapist)),
            tallies=_tallies(sessions, self.now),
            forgotten=tuple(self._forgotten()),
            shut=self.known.practices[self.location.pk].holidays.get(self.day, ""),
            cancelled=tuple(each for each in sessions if each.state in GONE and _is_worth_showing(each)),
        )

    def _forgotten(self) -> Iterable[tuple[date, int]]:
        """The dates before this one with sessions that are over and have no final state, and how many."""
        over = Appointment.objects.real().filter(therapist__in=list(self.people)).exclude(status__in=FINAL)
        since = self.midnight.replace(tzinfo=self.tz)
        earlier = over.filter(starts_at__gte=since - REMEMBERED, starts_at__lt=since, ends_at__lte=self.now)
        return earlier.values_list("local_date").annotate(Count("pk")).order_by("local_date")

    # ---- sessions -----------------------------------------------------------------------------------------------------------

    def _sessions(self) -> Iterator[Session]:
        real = [row for row in self.rows if row.client_id is not None]
        lights = lights_of(real, now=self.now)
        forms = _Forms.of(self._on_it())
        steps = _last_steps(self._on_it(), {row.pk: row.status for row in real})
        dates = PlannedDate.objects.counted({row.series_id for row in real if row.series_id})
        holds = self._holds()
        for row in self.rows:
            if row.client_id is None:
                yield self._held(row, holds[row.hold_id])
                continue
            light, last, state = lights[row.pk], steps.get(row.pk), AppointmentStatus(row.status)
            form = forms.state(row, light, self.now)
            yield Session(
                **self._place(row),
                client=row.client_id,
                name=vars(row)["client_name"],
                phone=str(vars(row)["client_phone"] or ""),
                treatment=self.treatments[row.treatment_id].name,
                position=row.position,
                of=max(dates.get(row.series_id, 0), row.position or 0) if row.series_id else None,
                form=form,
                form_is_late=_is_late(form, row, self.now),
                light=light,
                is_coming=state == AppointmentStatus.CONFIRMED and last is not None and last.is_by_client(row),
                waits=(self.now - last.since) // _MINUTE if last is not None and state == AppointmentStatus.ARRIVED else None,
                is_now=row.starts_at <= self.now < row.ends_at and state not in FINAL,
                is_open=row.ends_at <= self.now and state not in FINAL,
                steps=self._steps(row, state, light),
                may_cancel_late=self._may_cancel_late(row),
                undo=last.pk if last is not None and self._can_be_undone(last, row) else None,
            )

    def _place(self, row: Appointment) -> dict[str, Any]:
        start, end = self.minute(row.starts_at), self.minute(row.ends_at)
        return {
            "id": row.pk,
            "therapist": row.therapist_id,
            "therapist_name": self.people[row.therapist_id],
            "start": start,
            "end": end,
            "before": start - self.minute(row.blocked_from),
            "after": self.minute(row.blocked_until) - end,
            "state": AppointmentStatus(row.status),
            "room": self.rooms.get(row.room_id, "") if row.room_id else "",
        }

    def _holds(self) -> dict[UUID | None, Hold]:
        held = [row.hold_id for row in self.rows if row.hold_id is not None]
        holds = Hold.objects.filter(pk__in=held).select_related("change", "repair__client", "offer__client")
        return {hold.pk: hold for hold in holds}

    def _held(self, row: Appointment, hold: Hold) -> Session:
        offer, repair = getattr(hold, "offer", None), getattr(hold, "repair", None)
        kept = Kept.OFFER if offer else Kept.REPAIR if repair else Kept.UNDO if hasattr(hold, "change") else Kept.BOOKING
        assert row.held_until is not None
        return Session(
            **self._place(row),
            treatment=self.treatments[row.treatment_id].name,
            kept=kept,
            held_until=self.minute(row.held_until) % DAY,
            held_for=next((each.client.name for each in (offer, repair) if each is not None), ""),
        )

    def _steps(self, row: Appointment, state: AppointmentStatus, light: Light) -> tuple[AppointmentStatus, ...]:
        """The steps that make sense at the desk: what has begun is not confirmed, and what is on hold waits for a clearance."""
        alike = state, row.starts_at, light
        if alike not in self.steps:
            not_now = {AppointmentStatus.CONFIRMED} if row.starts_at <= self.now else set()
            not_now |= set(NOT_ON_HOLD) if light == Light.ON_HOLD else set()
            steps = next_states(state, row.starts_at, now=self.now)
            self.steps[alike] = tuple(step for step in steps if step not in not_now)
        return self.steps[alike]

    def _may_cancel_late(self, row: Appointment) -> bool:
        if row.status not in CHANGEABLE or row.starts_at <= self.now:
            return False
        alike = row.treatment_id, row.starts_at
        if alike not in self.late:
            row.treatment = self.treatments[row.treatment_id]
            row.treatment.location = self.location
            self.late[alike] = is_late(row, self.now)
        return self.late[alike]

    def _can_be_undone(self, last: _Step, row: Appointment) -> bool:
        """What the desk did last: a step as long as its day lasts, a cancellation as long as the client is not told."""
        if last.action == AuditAction.CANCELLED:
            return last.undo_until is not None and last.undo_until > self.now
        is_ours = last.action == AuditAction.STATUS and not last.is_by_client(row)
        return is_ours and last.at.astimezone(self.tz).date() == self.today

    # ---- columns ------------------------------------------------------------------------------------------------------------

    def _columns(self, by_therapist: Mapping[UUID, list[Session]]) -> Iterator[Column]:
        """A column for everybody who works that day, would work but for leave, or has something in it."""
        shut = tuple(self._shut())
        wishes = list(self._wishes())
        for pk, name in self.people.items():
            sessions = [each for each in by_therapist.get(pk, ()) if each.state not in GONE]
            rule = self.known.therapists.get(pk)
            hours = rule.hours(self.day) if rule else ()
            if not hours and not sessions:
                continue
            off = (self.wall(span) for span in (rule.time_off if rule else ()))
            away = (*shut, *(Away(*span) for span in off if span.start < span.end))
            taken = [Span(each.start - each.before, each.end + each.after) for each in sessions if each.state in BLOCKING]
            yield Column(
                therapist=pk,
                name=name,
                rooms=tuple(sorted({each.room for each in sessions if each.room})),
                hours=hours,
                away=away,
                sessions=tuple(sessions),
                gaps=tuple(self._gaps(pk, hours, [*taken, *(Span(each.start, each.end) for each in away)], wishes)),
            )

    def _shut(self) -> Iterator[Away]:
        practice = self.known.practices[self.location.pk]
        if self.day in practice.holidays:
            yield Away(0, DAY, practice.holidays[self.day])
        for closure in practice.closures:
            span = self.wall(closure.span)
            if span.start < span.end:
                yield Away(*span, closure.name)

    def _wishes(self) -> Iterator[_Waiting]:
        """Who waits for something on this day, the longest waiting first."""
        waiting = WaitlistEntry.objects.matchable(self.now).filter(earliest_on__lte=self.day, latest_on__gte=self.day)
        for entry in waiting.select_related("client", "instead_of").prefetch_related("therapists").order_by("created_at"):
            offered = self.known.treatments.get(entry.treatment_id)
            wanted = wanted_by(entry)
            if offered is None or (wanted.weekdays and self.day.weekday() not in wanted.weekdays):
                continue
            latest = wanted.latest
            if wanted.before is not None:
                latest = min(latest, self.minute(moment_of(wanted.before)) - 1)
            able = wanted.therapists & frozenset(offered.therapists) if wanted.therapists else frozenset(offered.therapists)
            wish = Wish(entry.pk, entry.client.name, offered.treatment.length)
            yield _Waiting(wish, offered.treatment, able, wanted.earliest, latest)

    def _gaps(self, therapist: UUID, hours: Iterable[Span], taken: Iterable[Span], wishes: Iterable[_Waiting]) -> Iterator[Gap]:
        """The free stretches of working time still ahead that may suit somebody on the waitlist."""
        first = max(0, -(-self.minute(self.now) // GRID) * GRID)
        for free in subtract(hours, [*taken, Span(0, first)]):
            fitting = tuple(each.wish for each in wishes if therapist in each.able and each.fits(free, self.minute(self.now)))
            if fitting:
                yield Gap(therapist, self.people[therapist], free.start, free.end, fitting)


class _Waiting(NamedTuple):
    """A wish in wall minutes of the day, and by whom it can be met."""

    wish: Wish
    treatment: Rule
    able: frozenset[UUID]
    earliest: int
    latest: int

    def fits(self, free: Span, minute: int) -> bool:
        """Whether a start between two others is long enough before the end, late enough for the notice and as wished."""
        noticed = minute + self.treatment.notice // _MINUTE
        first = max(free.start + self.treatment.preparation, self.earliest, noticed)
        return first <= min(free.end - self.treatment.length, self.latest)


class _Step(NamedTuple):
    """The last thing that was done to a session, which has been in its state ``since`` then or longer."""

    pk: UUID
    action: str
    by: UUID | None
    at: datetime
    since: datetime
    undo_until: datetime | None

    def is_by_client(self, row: Appointment) -> bool:
        """Whether the client did it: signed in, or by a link or a text message, of which nobody knows who used it."""
        return self.by in (None, vars(row)["client_user"])


def _last_steps(sessions: QuerySet[Appointment], state: Mapping[UUID, str]) -> dict[UUID, _Step]:
    """By session, the last entry of its history, where that is what made it what it is; nothing since its booking is no step."""
    entries = AuditEntry.objects.filter(appointment__in=sessions.values("pk")).exclude(action=AuditAction.BOOKED).order_by("at")
    read = ("appointment_id", "pk", "action", "by_id", "at", "change__undo_until", "change__undone_at", KT("after__status"))
    found: dict[UUID, _Step] = {}
    for session, pk, action, by, at, undo_until, undone_at, became in entries.values_list(*read):
        if became == state.get(session):
            since = found[session].since if session in found else at
            found[session] = _Step(pk, action, by, at, since, None if undone_at else undo_until)
        elif session in found and found[session].at < at:
            del found[session]
    return found


class _Forms(NamedTuple):
    """Which forms are under way, and which were asked for."""

    is_asked: bool
    begun: frozenset[tuple[UUID, date | None]]
    asked: frozenset[UUID | None]

    @classmethod
    def of(cls, sessions: QuerySet[Appointment]) -> _Forms:
        drafts = Response.objects.drafts().exclude(kind=ResponseKind.AFTER).filter(client__in=sessions.values("client"))
        sent = Notification.objects.filter(kind=NotificationKind.FORM, appointment__in=sessions.values("pk"))
        return cls(
            is_asked(ResponseKind.FIRST),
            frozenset(drafts.values_list("client_id", "session_on")),
            frozenset(sent.values_list("appointment_id", flat=True)),
        )

    def state(self, row: Appointment, light: Light, now: datetime) -> Form:
        """By the light, which waits as long as something is to be answered."""
        assert row.client_id is not None
        if light != Light.WAITING:
            return Form.ANSWERED
        if not self.is_asked:
            return Form.NONE
        if {(row.client_id, None), (row.client_id, row.local_date)} & self.begun:
            return Form.BEGUN
        if row.starts_at <= now + FORM_BEFORE:
            return Form.MISSING
        return Form.ASKED if row.pk in self.asked else Form.NONE


def _is_late(form: Form, row: Appointment, now: datetime) -> bool:
    """Whether somebody has to see to a form that is still open, as the desk is told by then."""
    return form in (Form.BEGUN, Form.MISSING) and row.status in OPEN and row.starts_at <= now + FORM_BEFORE


def _is_worth_showing(session: Session) -> bool:
    return session.state == AppointmentStatus.LATE_CANCELLED or session.undo is not None


def _tallies(sessions: Collection[Session], now: datetime) -> Tallies:
    return Tallies(
        unconfirmed=sum(each.state == AppointmentStatus.BOOKED and not each.is_open for each in sessions),
        form_missing=sum(each.form_is_late for each in sessions),
        to_check=sum(each.light == Light.TO_CHECK and each.state in OPEN for each in sessions),
        undelivered=Notification.objects.undelivered().filter(due_at__gt=now - LOOKS_BACK).count(),
        offers=Offer.objects.answerable(now).count(),
    )
