"""The practice's side: places, people who treat, what they offer and when they work.

Everything here except names and texts decides what is offered. The tables that do are listed in the migration
``rulebook``: a trigger gives ``Rulebook`` a new revision whenever one of them changes.
"""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

MIDNIGHT = time(0)
MINUTES_PER_DAY = 24 * 60


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


class Weekday(models.IntegerChoices):
    MONDAY = 0, _("Monday")
    TUESDAY = 1, _("Tuesday")
    WEDNESDAY = 2, _("Wednesday")
    THURSDAY = 3, _("Thursday")
    FRIDAY = 4, _("Friday")
    SATURDAY = 5, _("Saturday")
    SUNDAY = 6, _("Sunday")


def validate_zone(value: str) -> None:
    if value not in available_timezones():
        raise ValidationError(_("“%(value)s” is not a time zone. Write it like Europe/London."), params={"value": value})


def validate_country(value: str) -> None:
    from holidays import list_supported_countries  # slow to import, and only needed when a location is edited

    if value not in list_supported_countries(include_aliases=False):
        raise ValidationError(
            _("No public holidays are known for country “%(value)s”. Use two letters, like GB."),
            params={"value": value},
        )


class Rulebook(models.Model):
    """One row: the revision of everything that decides what is offered.

    Written only by the database (a statement trigger on each rule table). The number comes from a sequence, so it never
    repeats, not even after a rollback, and whoever keeps rules in memory can trust an equal number.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    revision = models.BigIntegerField(editable=False)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="rulebook_has_one_row")]

    def __str__(self) -> str:
        return str(self.revision)


class Location(models.Model):
    """The practice. Its zone is the one in which working hours, series and public holidays are meant."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    name = models.CharField(_("name"), max_length=120)
    zone = models.CharField(
        _("time zone"),
        max_length=64,
        validators=[validate_zone],
        help_text=_("The clock on the wall, like Europe/London."),
    )
    country = models.CharField(
        _("country"),
        max_length=2,
        validators=[validate_country],
        help_text=_("Two letters, like GB. Decides the public holidays."),
    )
    subdivision = models.CharField(
        _("region"),
        max_length=8,
        blank=True,
        help_text=_("For public holidays of a region, like ENG or BY. Leave empty for national ones only."),
    )
    address = models.CharField(_("address"), max_length=200, blank=True)
    directions = models.CharField(_("how to get in"), max_length=200, blank=True)
    phone = models.CharField(_("phone"), max_length=32, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    currency = models.CharField(_("currency"), max_length=3, default="GBP")
    free_until = models.DurationField(
        _("free changes until"),
        default=timedelta(hours=24),
        help_text=_(
            "Clients may move and cancel without further ado until this long before. Whole days mean the same clock time."
        ),
    )
    moves_allowed = models.PositiveSmallIntegerField(
        _("moves a session"), null=True, blank=True, default=3, help_text=_("By the client. Empty means as often as they like.")
    )
    offer_lasts = models.DurationField(
        _("an offer lasts"), default=timedelta(minutes=30), help_text=_("A free time is held this long for somebody who waits.")
    )
    repair_lasts = models.DurationField(
        _("a replacement lasts"),
        default=timedelta(hours=24),
        help_text=_("When we have to change a session, its replacement is held this long."),
    )
    review_again = models.DurationField(
        _("remind of a decision after"),
        default=timedelta(hours=24),
        help_text=_("When a therapist has not decided about a client's answers for this long, we write once more."),
    )
    review_to_desk = models.DurationField(
        _("tell the desk before"),
        default=timedelta(hours=24),
        help_text=_("When nobody has decided this long before the session, the desk is told."),
    )
    review_lapses = models.DurationField(
        _("an undecided one lapses before"),
        null=True,
        blank=True,
        help_text=_("This long before the session the client is offered another therapist. Empty means never."),
    )
    quiet_from = models.TimeField(_("quiet from"), default=time(21), help_text=_("Nothing is offered by mail after this time."))
    quiet_until = models.TimeField(_("quiet until"), default=time(8))

    class Meta:
        verbose_name = _("location")
        verbose_name_plural = _("locations")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(free_until__gte=timedelta(0)) & Q(offer_lasts__gt=timedelta(0)) & Q(repair_lasts__gt=timedelta(0)),
                name="location_policy_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(review_again__gt=timedelta(0))
                & Q(review_to_desk__gte=timedelta(0))
                & (Q(review_lapses=None) | Q(review_lapses__gte=timedelta(0))),
                name="location_reviews_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        from holidays import list_supported_countries  # slow to import, and only needed when a location is edited

        regions = list_supported_countries(include_aliases=True).get(self.country, [])
        if self.subdivision and self.subdivision not in regions:
            raise ValidationError({"subdivision": _("%(country)s has no region with this code.") % {"country": self.country}})

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)


class Room(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    location = models.ForeignKey(Location, models.PROTECT, related_name="rooms", verbose_name=_("location"))
    name = models.CharField(_("name"), max_length=80)
    is_active = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("room")
        verbose_name_plural = _("rooms")
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["location", "name"], name="room_name_once_per_location")]

    def __str__(self) -> str:
        return self.name


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
    name = models.CharField(_("name"), max_length=120)
    focus = models.CharField(_("focus"), max_length=120, blank=True, help_text=_("Like “Neck, shoulder and jaw”."))
    about = models.CharField(_("about"), max_length=300, blank=True)
    is_active = models.BooleanField(_("takes bookings"), default=True)
    daily_sessions = models.PositiveSmallIntegerField(
        _("most sessions a day"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    daily_minutes = models.PositiveSmallIntegerField(
        _("most session minutes a day"), null=True, blank=True, validators=[MinValueValidator(1)]
    )

    class Meta:
        verbose_name = _("therapist")
        verbose_name_plural = _("therapists")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def first_name(self) -> str:
        return self.name.partition(" ")[0]


class Treatment(models.Model):
    """What is offered: how long, what it blocks around itself, by whom and where."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    location = models.ForeignKey(Location, models.PROTECT, related_name="treatments", verbose_name=_("location"))
    name = models.CharField(_("name"), max_length=120)
    description = models.CharField(_("description"), max_length=300, blank=True)
    length = models.DurationField(_("length"), help_text=_("Of the session itself, like 00:30:00."))
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
    def minutes(self) -> int:
        return int(self.length.total_seconds() // 60)


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


class Closure(models.Model):
    """The whole practice is shut for a span."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    location = models.ForeignKey(Location, models.CASCADE, related_name="closures", verbose_name=_("location"))
    name = models.CharField(_("reason"), max_length=120, help_text=_("Clients read it, like “Summer break”."))
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))

    class Meta:
        verbose_name = _("closure")
        verbose_name_plural = _("closures")
        ordering = ["starts_at"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="closure_not_empty"),
        ]

    def __str__(self) -> str:
        return self.name


class HolidayOpening(models.Model):
    """A public holiday on which the practice works all the same."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    location = models.ForeignKey(Location, models.CASCADE, related_name="holiday_openings", verbose_name=_("location"))
    opens_on = models.DateField(_("date"))

    class Meta:
        verbose_name = _("open on a public holiday")
        verbose_name_plural = _("open on public holidays")
        ordering = ["opens_on"]
        constraints = [models.UniqueConstraint(fields=["location", "opens_on"], name="holiday_opening_once")]

    def __str__(self) -> str:
        return str(self.opens_on)
