"""When a therapist works, and when not."""

from __future__ import annotations

from datetime import date, time
from typing import Any
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from therapists.models.people import Therapist

MIDNIGHT = time(0)
MINUTES_PER_DAY = 24 * 60


class Weekday(models.IntegerChoices):
    MONDAY = 0, _("Monday")
    TUESDAY = 1, _("Tuesday")
    WEDNESDAY = 2, _("Wednesday")
    THURSDAY = 3, _("Thursday")
    FRIDAY = 4, _("Friday")
    SATURDAY = 5, _("Saturday")
    SUNDAY = 6, _("Sunday")


class HoursBase(models.Model):
    """An interval ``[opens, closes)`` on the practice's clock; closing at 00:00 means the end of the day."""

    class Meta:
        abstract = True

    opens: models.TimeField[Any, Any]
    closes: models.TimeField[Any, Any]

    def clean(self) -> None:
        for field in ("opens", "closes"):
            value = getattr(self, field)
            if value is not None and (value.second or value.microsecond):
                raise ValidationError({field: _("Use whole minutes.")})
        if self.opens is not None and self.closes is not None and MIDNIGHT != self.closes <= self.opens:
            raise ValidationError({"closes": _("This is not after the beginning; 00:00 is the end of the day.")})

    @property
    def wall_minutes(self) -> tuple[int, int]:
        """Minutes of the local day, ``(opens, closes)``, with 1440 for the end of the day."""
        closes = MINUTES_PER_DAY if self.closes == MIDNIGHT else self.closes.hour * 60 + self.closes.minute
        return self.opens.hour * 60 + self.opens.minute, closes


class WorkingHours(HoursBase):
    """One interval of a weekday; a split day has two rows, an alternate week has ``every_weeks`` 2."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    therapist = models.ForeignKey(Therapist, models.CASCADE, related_name="working_hours", verbose_name=_("therapist"))
    weekday = models.PositiveSmallIntegerField(_("weekday"), choices=Weekday.choices)
    opens = models.TimeField(_("from"))
    closes = models.TimeField(_("to"), help_text=_("00:00 is the end of the day."))
    valid_from = models.DateField(_("first day"), default=date(2000, 1, 3))
    valid_until = models.DateField(_("last day"), null=True, blank=True)
    every_weeks = models.PositiveSmallIntegerField(
        _("every … weeks"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(8)],
        help_text=_("2 means every other week, counted from the week of the first day."),
    )

    class Meta:
        verbose_name = _("working hours")
        verbose_name_plural = _("working hours")
        ordering = ["therapist", "weekday", "opens"]
        constraints = [
            models.CheckConstraint(condition=Q(closes__gt=F("opens")) | Q(closes=MIDNIGHT), name="working_hours_not_reversed"),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gte=F("valid_from")), name="working_hours_valid_from_to"
            ),
            models.CheckConstraint(condition=Q(weekday__lte=6), name="working_hours_weekday"),
            models.CheckConstraint(condition=Q(every_weeks__gte=1), name="working_hours_every_weeks"),
        ]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.opens:%H:%M}–{self.closes:%H:%M}"

    def clean(self) -> None:
        super().clean()
        if self.valid_from is not None and self.valid_until is not None and self.valid_until < self.valid_from:
            raise ValidationError({"valid_until": _("This is before the first day.")})


class HoursOverride(HoursBase):
    """The hours of one date instead of the weekly ones; without times the therapist does not work on that date."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    therapist = models.ForeignKey(Therapist, models.CASCADE, related_name="hours_overrides", verbose_name=_("therapist"))
    applies_on = models.DateField(_("date"))
    opens = models.TimeField(_("from"), null=True, blank=True)
    closes = models.TimeField(_("to"), null=True, blank=True, help_text=_("00:00 is the end of the day."))

    class Meta:
        verbose_name = _("hours of one date")
        verbose_name_plural = _("hours of single dates")
        ordering = ["therapist", "applies_on", "opens"]
        constraints = [
            models.CheckConstraint(
                condition=Q(opens=None, closes=None)
                | Q(opens__isnull=False, closes__isnull=False) & (Q(closes__gt=F("opens")) | Q(closes=MIDNIGHT)),
                name="hours_override_both_or_neither",
            ),
        ]

    def __str__(self) -> str:
        if self.opens is None:
            return f"{self.applies_on}: –"
        return f"{self.applies_on} {self.opens:%H:%M}–{self.closes:%H:%M}"


class TimeOff(models.Model):
    """A therapist is away for a span, which may be two hours or three weeks."""

    class Kind(models.TextChoices):
        LEAVE = "leave", _("leave")
        ILLNESS = "illness", _("illness")
        TRAINING = "training", _("training")
        OTHER = "other", _("other")

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    therapist = models.ForeignKey(Therapist, models.CASCADE, related_name="time_off", verbose_name=_("therapist"))
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices, default=Kind.LEAVE)
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))

    class Meta:
        verbose_name = _("time off")
        verbose_name_plural = _("time off")
        ordering = ["starts_at"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="time_off_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.therapist}: {self.get_kind_display()}"
