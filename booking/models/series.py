"""A series: one decision for several dates."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID, uuid4

import pghistory
from django.db import models
from django.db.models import Count, Max, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from booking.enums import Outcome
from booking.models.appointment import Appointment


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Series(models.Model):
    """The rule that a client chose; the dates it made are appointments."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    client = models.ForeignKey("clients.Client", models.PROTECT, related_name="series", verbose_name=_("client"))
    treatment = models.ForeignKey("therapists.Treatment", models.PROTECT, related_name="series", verbose_name=_("treatment"))
    # booking.engine.recurrence.Course as JSON
    course = models.JSONField(_("course"))
    request = models.OneToOneField(
        "booking.BookingRequest", models.PROTECT, null=True, blank=True, related_name="series", editable=False
    )
    created_at = models.DateTimeField(_("made"), default=timezone.now, editable=False)

    personal = {"course": "sessions"}
    personal_of = "client"

    class Meta:
        verbose_name = _("series")
        verbose_name_plural = _("series")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.client}, {self.treatment}"

    @property
    def last_position(self) -> int:
        """The last one that is taken, by a session or by a date that was not possible; 0 where there is none."""
        taken = [rows.aggregate(last=Max("position"))["last"] or 0 for rows in (self.planned_dates, self.appointments)]
        return max(taken)


class PlannedDateQuerySet(models.QuerySet["PlannedDate"]):
    def counted(self, series: Collection[UUID]) -> dict[UUID, int]:
        """How many dates each of these series was planned with."""
        return dict(self.filter(series__in=series).values_list("series").annotate(Count("pk")).order_by())


class PlannedDate(models.Model):
    """One wished date of a series and what became of it, the dates that could not be placed included."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    series = models.ForeignKey(Series, models.CASCADE, related_name="planned_dates", verbose_name=_("series"))
    position = models.PositiveSmallIntegerField(_("position"))
    wished_date = models.DateField(_("wished date"))
    wished_time = models.TimeField(_("wished time"))
    wished_therapist = models.ForeignKey(
        "therapists.Therapist",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("wished therapist"),
    )
    outcome = models.CharField(_("outcome"), max_length=16, choices=Outcome.choices)
    # booking.engine.why.Why as JSON: the rule that stood in the way
    reason = models.JSONField(_("reason"), default=dict, blank=True)
    appointment = models.OneToOneField(
        "booking.Appointment",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="planned_date",
        verbose_name=_("appointment"),
    )

    personal = {
        "position": "sessions",
        "wished_date": "sessions",
        "wished_time": "sessions",
        "outcome": "sessions",
        "reason": "sessions",
    }
    personal_of = "series__client"

    objects = PlannedDateQuerySet.as_manager()

    class Meta:
        verbose_name = _("planned date")
        verbose_name_plural = _("planned dates")
        ordering = ["series", "position"]
        constraints = [
            models.UniqueConstraint(fields=["series", "position"], name="planned_date_position_once"),
            models.CheckConstraint(condition=Q(position__gte=1), name="planned_date_position_from_one"),
            models.CheckConstraint(condition=Q(outcome__in=Outcome.values), name="planned_date_outcome_listed"),
        ]

    def __str__(self) -> str:
        return f"{self.position}: {self.get_outcome_display()}"

    def outcome_of(self, session: Appointment) -> Outcome:
        """What this wish became where its session is now."""
        if self.wished_therapist_id not in (None, session.therapist_id):
            return Outcome.OTHER_THERAPIST
        as_wished = (session.local_date, session.local_time) == (self.wished_date, self.wished_time)
        return Outcome.KEPT if as_wished else Outcome.MOVED
