"""Who treats, and what is offered by whom and where."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from django.conf import settings
from django.conf.locale import LANG_INFO
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q, Value
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from lines import LineField, one_line
from therapists.models.practice import Location, Room


class BodyArea(models.TextChoices):
    """The fourteen areas of the pain chart that a visitor can point at."""

    HEAD = "HEAD", _("Head and jaw")
    NECK = "NECK", _("Neck")
    SHOULDER = "SHOULDER", _("Shoulders")
    CHEST = "CHEST", _("Chest")
    BACK_UPPER = "BACK_UPPER", _("Upper back")
    BACK_LOWER = "BACK_LOWER", _("Lower back")
    BUTTOCK_HIP = "BUTTOCK_HIP", _("Buttocks and hips")
    ARM = "ARM", _("Arms")
    HAND = "HAND", _("Wrists and hands")
    ABDOMEN = "ABDOMEN", _("Belly")
    THIGH = "THIGH", _("Thighs")
    KNEE = "KNEE", _("Knees")
    LOWER_LEG = "LOWER_LEG", _("Shins and calves")
    FOOT = "FOOT", _("Ankles and feet")


class Pressure(models.IntegerChoices):
    """How firmly one works, by the most that it means on the scale from 0 to 10 of which 9 and 10 are never used."""

    LIGHT = 3, _("light (1–3)")
    MEDIUM = 5, _("medium (4–5)")
    FIRM = 7, _("firm (6–7)")
    INTENSE = 8, _("intense (8)")


class Gender(models.TextChoices):
    """In the words of the question about whom one prefers."""

    FEMALE = "female", _("female")
    MALE = "male", _("male")
    OTHER = "other", _("another")


def validate_language(value: str) -> None:
    if value not in LANG_INFO or "name" not in LANG_INFO[value]:
        raise ValidationError(_("“%(value)s” is not a language. Write it like en or de."), params={"value": value})


class Therapist(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="therapist",
        verbose_name=_("sign-in"),
    )
    location = models.ForeignKey(Location, models.PROTECT, related_name="therapists", verbose_name=_("location"))
    name = LineField(_("name"), max_length=120)
    focus = LineField(_("focus"), max_length=120, blank=True, help_text=_("Like “Neck, shoulder and jaw”."))
    about = models.CharField(_("about"), max_length=300, blank=True)
    is_active = models.BooleanField(_("takes bookings"), default=True)
    daily_sessions = models.PositiveSmallIntegerField(
        _("most sessions a day"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    daily_minutes = models.PositiveSmallIntegerField(
        _("most session minutes a day"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    daily_firm_minutes = models.PositiveSmallIntegerField(
        _("most minutes of firm pressure a day"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    rest_after_sessions = models.PositiveSmallIntegerField(
        _("rest after so many sessions in a row"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    rest_after_firm_minutes = models.PositiveSmallIntegerField(
        _("rest after so many firm minutes in a row"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    rest_minutes = models.PositiveSmallIntegerField(
        _("minutes of rest"),
        null=True,
        blank=True,
        validators=[MinValueValidator(5), MaxValueValidator(240)],
        help_text=_("Sessions with less than this between them are in a row."),
    )
    least_pressure = models.PositiveSmallIntegerField(
        _("least pressure"),
        choices=Pressure.choices,
        default=Pressure.LIGHT,
        help_text=_("Who may only be touched more lightly than this is not offered this therapist."),
    )
    most_pressure = models.PositiveSmallIntegerField(_("most pressure"), choices=Pressure.choices, default=Pressure.INTENSE)
    areas: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=16, choices=BodyArea.choices),
        default=list,
        blank=True,
        verbose_name=_("body areas treated"),
        help_text=_("None ticked means all of them."),
    )
    gives_daily = models.BooleanField(_("gives daily courses"), default=True)
    languages: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=8, validators=[validate_language]),
        default=list,
        blank=True,
        verbose_name=_("languages"),
        help_text=_("Codes with commas between, like en, de. Clients see them by name."),
    )
    gender = models.CharField(
        _("gender"),
        max_length=8,
        choices=Gender.choices,
        blank=True,
        help_text=_("For clients who prefer a therapist of a certain gender. May be left open."),
    )
    is_told_of_day = models.BooleanField(
        _("gets a mail about the sessions of the next day"), default=True, help_text=_("On days on which there are any.")
    )

    personal = {"name": "identity", "focus": "words", "about": "words", "languages": "identity", "gender": "identity"}

    class Meta:
        verbose_name = _("therapist")
        verbose_name_plural = _("therapists")
        ordering = ["name"]
        constraints = [
            one_line("therapist_name_on_one_line", "name", "focus"),
            models.CheckConstraint(condition=Q(most_pressure__gte=F("least_pressure")), name="therapist_pressures_in_order"),
            models.CheckConstraint(
                condition=Q(rest_after_sessions=None, rest_after_firm_minutes=None)
                | Q(rest_minutes__isnull=False, rest_minutes__gte=5),
                name="therapist_rest_has_minutes",
                violation_error_message=_("Say how many minutes a rest lasts, at least 5."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def first_name(self) -> str:
        return self.name.partition(" ")[0]

    @property
    def initials(self) -> str:
        """TO"""
        return "".join(part[0] for part in self.name.split()[:2])

    @property
    def area_names(self) -> list[str]:
        return [str(BodyArea(code).label) for code in self.areas]

    @property
    def language_names(self) -> list[str]:
        """The languages spoken, each by its name in the reader's own."""
        return [str(gettext(LANG_INFO[code]["name"])) for code in self.languages]


class Treatment(models.Model):
    """What is offered: how long, what it blocks around itself, by whom and where."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    location = models.ForeignKey(Location, models.PROTECT, related_name="treatments", verbose_name=_("location"))
    name = LineField(_("name"), max_length=120)
    neutral_name = LineField(
        _("name in messages"),
        max_length=60,
        blank=True,
        help_text=_("In mails, text messages and calendars, which others may read. Empty: “session”."),
    )
    description = models.CharField(_("description"), max_length=300, blank=True)
    length = models.DurationField(_("length"), help_text=_("Of the session itself, like 00:30:00."))
    firm_minutes = models.PositiveSmallIntegerField(
        _("minutes with firm pressure"),
        default=0,
        help_text=_("How much of it is pressing firmly on tender spots; therapists can limit how much of that they do."),
    )
    preparation = models.DurationField(
        _("preparation"), default=timedelta(0), help_text=_("Therapist and room are blocked this long before.")
    )
    turnaround = models.DurationField(
        _("turnaround"), default=timedelta(0), help_text=_("Therapist and room are blocked this long after.")
    )
    step = models.DurationField(
        _("step"), default=timedelta(minutes=15), help_text=_("Between two possible starts, from the start of a shift.")
    )
    notice = models.DurationField(
        _("notice"),
        default=timedelta(hours=2),
        help_text=_("How soon one may book. Whole days mean the same clock time that many days before."),
    )
    horizon = models.DurationField(
        _("horizon"), default=timedelta(days=90), help_text=_("How far ahead one may book, in whole days.")
    )
    free_until = models.DurationField(
        _("free changes until"), null=True, blank=True, help_text=_("Only where it differs from the practice's own.")
    )
    price = models.DecimalField(_("price"), max_digits=8, decimal_places=2, validators=[MinValueValidator(0)])
    areas: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=16, choices=BodyArea.choices),
        default=list,
        blank=True,
        verbose_name=_("body areas"),
        help_text=_("Empty means any area."),
    )
    therapists = models.ManyToManyField(
        Therapist, related_name="treatments", blank=True, verbose_name=_("therapists who can do it")
    )
    rooms = models.ManyToManyField(
        Room,
        related_name="treatments",
        blank=True,
        verbose_name=_("rooms it can be done in"),
        help_text=_("Empty means that it needs no room."),
    )
    is_active = models.BooleanField(_("offered"), default=True)
    order = models.PositiveSmallIntegerField(_("order"), default=0)

    class Meta:
        verbose_name = _("treatment")
        verbose_name_plural = _("treatments")
        ordering = ["order", "name"]
        constraints = [
            one_line("treatment_name_on_one_line", "name", "neutral_name"),
            models.CheckConstraint(
                condition=Q(length__gt=timedelta(0)) & Q(preparation__gte=timedelta(0)) & Q(turnaround__gte=timedelta(0)),
                name="treatment_spans_are_positive",
            ),
            models.CheckConstraint(
                condition=Q(length__lte=timedelta(hours=24) - F("preparation") - F("turnaround")),
                name="treatment_footprint_within_a_day",
            ),
            models.CheckConstraint(condition=Q(step__gte=timedelta(minutes=1)), name="treatment_step_is_positive"),
            models.CheckConstraint(
                condition=Q(notice__gte=timedelta(0))
                & Q(horizon__gte=timedelta(0))
                & (Q(free_until=None) | Q(free_until__gte=timedelta(0))),
                name="treatment_notice_and_horizon_not_negative",
            ),
            models.CheckConstraint(condition=Q(price__gte=0), name="treatment_price_not_negative"),
            models.CheckConstraint(
                condition=Q(length__gte=F("firm_minutes") * Value(timedelta(minutes=1))),
                name="treatment_no_firmer_than_long",
                violation_error_message=_("It cannot be firm for longer than it lasts."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        whole = timedelta(minutes=1)
        for field in ("length", "preparation", "turnaround", "step", "notice"):
            value = getattr(self, field)
            if value is not None and value % whole:
                raise ValidationError({field: _("Use whole minutes.")})
        if self.horizon is not None and self.horizon % timedelta(days=1):
            raise ValidationError({"horizon": _("Use whole days.")})

    @property
    def told_as(self) -> str:
        """What it is called where others may read it: by the name the practice chose for that, and never by its own."""
        return self.neutral_name or gettext("session")

    @property
    def minutes(self) -> int:
        return int(self.length.total_seconds() // 60)
