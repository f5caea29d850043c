"""Appointments, the holds they may begin as, and the requests that booked them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Self
from uuid import uuid4
from zoneinfo import ZoneInfo

import pghistory
import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import Deferrable, F, Func, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from booking.enums import BLOCKING, CHANGEABLE, NOT_ON_HOLD, AppointmentStatus, HoldState


class TsTzRange(Func):
    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


class IsFinite(Func):
    function = "isfinite"
    output_field = models.BooleanField()


def never_overlaps(name: str, owner: str, start: str, end: str) -> ExclusionConstraint:
    """No two blocking appointments of one ``owner`` share an instant of ``[start, end)``.

    Checked at once, unless a service defers it to the end of its statements, so that sessions can change places.
    """
    return ExclusionConstraint(
        name=name,
        expressions=[
            (owner, RangeOperators.EQUAL),
            (TsTzRange(F(start), F(end), RangeBoundary()), RangeOperators.OVERLAPS),
        ],
        condition=Q(status__in=BLOCKING),
        deferrable=Deferrable.IMMEDIATE,
    )


class Hold(models.Model):
    """One or more slots kept briefly while someone confirms. Its slots are appointments in the state ``held``."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    # a random token of the browser that holds, or the id of the staff member who does
    owner = models.CharField(max_length=64, editable=False)
    treatment = models.ForeignKey("therapists.Treatment", models.PROTECT, related_name="+", verbose_name=_("treatment"))
    state = models.CharField(_("state"), max_length=12, choices=HoldState.choices, default=HoldState.LIVE)
    created_at = models.DateTimeField(_("since"), editable=False)
    expires_at = models.DateTimeField(_("until"))
    # how many slots it keeps
    size = models.PositiveSmallIntegerField(_("slots"))
    # what was asked for (booking.engine.recurrence.Course) and the plan being held, date by date; empty for a single session
    course = models.JSONField(_("course"), default=dict, blank=True)
    plan = models.JSONField(_("plan"), default=dict, blank=True)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="hold_not_empty"),
            models.CheckConstraint(condition=Q(state__in=HoldState.values), name="hold_state_listed"),
        ]
        indexes = [
            # how many live holds has this person?
            models.Index(fields=["owner", "expires_at"], condition=Q(state="live"), name="hold_live_by_owner"),
        ]

    def __str__(self) -> str:
        return f"{self.treatment} ({self.get_state_display()})"

    def is_live(self, now: datetime) -> bool:
        return self.state == HoldState.LIVE and self.expires_at > now


class BookingRequest(models.Model):
    """One confirmed request. A repeat with the same key gets the same answer; other content is refused."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    client = models.ForeignKey("clients.Client", models.CASCADE, related_name="requests", verbose_name=_("client"))
    key = models.UUIDField(editable=False)
    content = models.CharField(max_length=64, editable=False, help_text="SHA-256 of what was asked for.")
    created_at = models.DateTimeField(_("made"), editable=False)
    # until then it can be undone and its notice waits; none where nothing is to be undone
    undo_until = models.DateTimeField(_("can be undone until"), null=True, blank=True, editable=False)
    undone_at = models.DateTimeField(_("undone"), null=True, blank=True, editable=False)

    personal = {"created_at": "sessions"}
    personal_of = "client"

    class Meta:
        verbose_name = _("booking request")
        verbose_name_plural = _("booking requests")
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["client", "key"], name="request_key_once_per_client")]

    def __str__(self) -> str:
        return str(self.id)

    def can_be_undone(self, now: datetime) -> bool:
        return self.undone_at is None and self.undo_until is not None and now < self.undo_until


class AppointmentQuerySet(models.QuerySet["Appointment"]):
    def real(self) -> Self:
        """Appointments somebody made, without the slots merely held."""
        return self.exclude(status=AppointmentStatus.HELD)

    def blocking(self, now: datetime) -> Self:
        return self.filter(status__in=BLOCKING).exclude(status=AppointmentStatus.HELD, held_until__lte=now)

    def upcoming(self, now: datetime) -> Self:
        return self.filter(status__in=CHANGEABLE, starts_at__gte=now).order_by("starts_at")

    def expired_holds(self, now: datetime) -> Self:
        return self.filter(status=AppointmentStatus.HELD, held_until__lte=now)


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Appointment(models.Model):
    """One booked treatment.

    The truth of a future appointment is its wall time: ``local_date``, ``local_time`` and ``zone``. The four instants are
    derived from it (the first of two when the time occurs twice), and the constraints stand on them.
    """

    Status = AppointmentStatus

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    client = models.ForeignKey("clients.Client", models.PROTECT, null=True, related_name="appointments", verbose_name=_("client"))
    therapist = models.ForeignKey(
        "therapists.Therapist", models.PROTECT, related_name="appointments", verbose_name=_("therapist")
    )
    treatment = models.ForeignKey(
        "therapists.Treatment", models.PROTECT, related_name="appointments", verbose_name=_("treatment")
    )
    room = models.ForeignKey(
        "therapists.Room", models.PROTECT, null=True, blank=True, related_name="appointments", verbose_name=_("room")
    )
    status = models.CharField(_("state"), max_length=16, choices=AppointmentStatus.choices, default=AppointmentStatus.BOOKED)

    zone = models.CharField(_("time zone"), max_length=64)
    local_date = models.DateField(_("date"))
    local_time = models.TimeField(_("time"))
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    blocked_from = models.DateTimeField(_("blocked from"))
    blocked_until = models.DateTimeField(_("blocked until"))

    hold = models.ForeignKey(Hold, models.CASCADE, null=True, blank=True, related_name="appointments")
    held_until = models.DateTimeField(_("held until"), null=True, blank=True)
    series = models.ForeignKey(
        "booking.Series", models.PROTECT, null=True, blank=True, related_name="appointments", verbose_name=_("series")
    )
    position = models.PositiveSmallIntegerField(_("position in the series"), null=True, blank=True)
    request = models.ForeignKey(
        BookingRequest, models.PROTECT, null=True, blank=True, related_name="appointments", editable=False
    )
    # as it was when booked; the price list may change afterwards
    price = models.DecimalField(_("price"), max_digits=8, decimal_places=2)
    # version of the time, rising with every move and with the cancellation: SEQUENCE in calendar files
    sequence = models.PositiveIntegerField(_("version"), default=0, editable=False)
    # its therapist said how long this one takes, so it takes that wherever it is moved
    is_length_by_hand = models.BooleanField(_("length set by hand"), default=False, editable=False)
    # how often its client moved it; the practice may limit that
    moves = models.PositiveSmallIntegerField(_("moves"), default=0, editable=False)
    created_at = models.DateTimeField(_("made"), default=timezone.now, editable=False)

    personal = {
        "status": "sessions",
        "local_date": "sessions",
        "local_time": "sessions",
        "position": "sessions",
        "price": "sessions",
    }
    personal_of = "client"

    objects = AppointmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("appointment")
        verbose_name_plural = _("appointments")
        permissions = [
            ("override_rules", _("Can lift a soft rule with a reason")),
            ("see_colleagues", _("Can see the columns of colleagues in the calendar")),
        ]
        ordering = ["starts_at"]
        constraints = [
            never_overlaps("therapist_never_twice", "therapist", "blocked_from", "blocked_until"),
            never_overlaps("room_never_twice", "room", "blocked_from", "blocked_until"),
            never_overlaps("client_never_twice", "client", "starts_at", "ends_at"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at"))
                & Q(blocked_from__lte=F("starts_at"))
                & Q(blocked_until__gte=F("ends_at")),
                name="appointment_span_in_order",
            ),
            models.CheckConstraint(
                condition=Q(IsFinite("blocked_from")) & Q(blocked_until__lte=F("blocked_from") + timedelta(hours=24)),
                name="appointment_footprint_within_a_day",
            ),
            models.CheckConstraint(condition=Q(status__in=AppointmentStatus.values), name="appointment_status_listed"),
            models.CheckConstraint(
                condition=Q(status=AppointmentStatus.HELD, held_until__isnull=False, hold__isnull=False)
                | Q(~Q(status=AppointmentStatus.HELD), held_until=None, client__isnull=False),
                name="appointment_held_or_of_a_client",
            ),
            models.CheckConstraint(
                condition=Q(series=None) | Q(position__gte=1),
                name="appointment_position_in_series",
            ),
            models.UniqueConstraint(fields=["series", "position"], name="position_once_per_series"),
        ]
        indexes = [
            # busy footprints in a window, for the engine: footprints last at most a day, so the scan is bounded
            models.Index(
                "blocked_from",
                name="appointment_busy",
                condition=Q(status__in=BLOCKING),
                include=["blocked_until", "therapist", "room", "held_until", "starts_at", "ends_at"],
            ),
            # "my sessions", and a client's own busy spans
            models.Index(fields=["client", "starts_at"], name="appointment_by_client"),
            # a therapist's calendar
            models.Index(fields=["therapist", "starts_at"], name="appointment_by_therapist"),
            # the practice's day, for the desk; also the admin's date hierarchy
            models.Index(fields=["starts_at"], name="appointment_by_start"),
            # expired holds, cleared while their therapists are locked
            models.Index(fields=["held_until"], condition=Q(status="held"), name="appointment_held"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="on_hold_stays",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf("status"),  # type: ignore[no-untyped-call]
                condition=pgtrigger.Q(new__status__in=NOT_ON_HOLD),
                func="""
                    IF EXISTS (SELECT 1 FROM booking_sessionflag WHERE appointment_id = NEW.id AND state = 'on_hold') THEN
                        RAISE EXCEPTION 'a session on hold is not confirmed' USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return f"{self.local_date} {self.local_time:%H:%M}"

    @property
    def local_start(self) -> datetime:
        """The start on the practice's clock, as an aware datetime."""
        return self.starts_at.astimezone(ZoneInfo(self.zone))

    @property
    def local_end(self) -> datetime:
        return self.ends_at.astimezone(ZoneInfo(self.zone))

    @property
    def length(self) -> timedelta:
        return self.ends_at - self.starts_at

    @property
    def kept_length(self) -> timedelta | None:
        """How long it takes wherever it is moved; None where that is worked out from its treatment."""
        return self.length if self.is_length_by_hand else None

    def facts(self) -> dict[str, Any]:
        """What an audit entry keeps of it, before and after."""
        return {
            "status": self.status,
            "local_date": self.local_date.isoformat(),
            "local_time": f"{self.local_time:%H:%M}",
            "minutes": self.length // timedelta(minutes=1),
            "is_length_by_hand": self.is_length_by_hand,
            "therapist": str(self.therapist_id),
            "room": str(self.room_id) if self.room_id else None,
            "moves": self.moves,
        }
