"""The practice: its clock and days, its rooms, and the number of everything that decides what is offered."""

from __future__ import annotations

from datetime import time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from lines import LineField, one_line


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
    name = LineField(_("name"), max_length=120)
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
    keeps_notices = models.DurationField(
        _("keeps the text of notices for"),
        default=timedelta(days=180),
        help_text=_("After that only to whom, when and whether a notice was sent is kept, not what it said."),
    )

    class Meta:
        verbose_name = _("location")
        verbose_name_plural = _("locations")
        ordering = ["name"]
        constraints = [
            one_line("location_name_on_one_line", "name"),
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
            models.CheckConstraint(condition=Q(keeps_notices__gt=timedelta(0)), name="location_keeps_notices_positive"),
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
    name = LineField(_("name"), max_length=80)
    is_active = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("room")
        verbose_name_plural = _("rooms")
        ordering = ["name"]
        constraints = [
            one_line("room_name_on_one_line", "name"),
            models.UniqueConstraint(fields=["location", "name"], name="room_name_once_per_location"),
        ]

    def __str__(self) -> str:
        return self.name


class Closure(models.Model):
    """The whole practice is shut for a span."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    location = models.ForeignKey(Location, models.CASCADE, related_name="closures", verbose_name=_("location"))
    name = LineField(_("reason"), max_length=120, help_text=_("Clients read it, like “Summer break”."))
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))

    class Meta:
        verbose_name = _("closure")
        verbose_name_plural = _("closures")
        ordering = ["starts_at"]
        constraints = [
            one_line("closure_name_on_one_line", "name"),
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
