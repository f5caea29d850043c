"""What the practice itself is sent by e-mail, and what its desk was told of."""

from __future__ import annotations

from datetime import time, timedelta
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from booking.enums import Matter

NOON = time(12)


class StaffMail(models.Model):
    """A practice's choices about the mail to its own people. Without a row: both, at the times that stand here."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    location = models.OneToOneField("therapists.Location", models.CASCADE, related_name="staff_mail", verbose_name=_("location"))
    day_ahead_at = models.TimeField(
        _("day ahead, to each therapist"),
        null=True,
        blank=True,
        default=time(18),
        help_text=_("On the practice’s clock. From noon on: the evening before; earlier: on the day itself. Empty means none."),
    )
    desk_every = models.DurationField(
        _("to the desk, at most every"),
        null=True,
        blank=True,
        default=timedelta(minutes=30),
        help_text=_("Like 00:30:00. It is sent when there is something new to see to. Empty means never."),
    )

    class Meta:
        verbose_name = _("mail to the practice itself")
        verbose_name_plural = _("mail to the practice itself")
        ordering = ["location"]
        constraints = [
            models.CheckConstraint(
                condition=Q(desk_every=None) | Q(desk_every__gte=timedelta(minutes=1), desk_every__lte=timedelta(days=7)),
                name="staff_mail_desk_within_a_week",
            ),
        ]

    def __str__(self) -> str:
        return str(self.location)

    def clean(self) -> None:
        if self.day_ahead_at is not None and self.day_ahead_at.second:
            raise ValidationError({"day_ahead_at": _("Use whole minutes.")})

    @property
    def evening_before(self) -> bool:
        return self.day_ahead_at is not None and self.day_ahead_at >= NOON


class DeskItem(models.Model):
    """One thing the desk was told of, in one notice and never again."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    notice = models.ForeignKey("booking.Notification", models.CASCADE, related_name="items", verbose_name=_("notice"))
    matter = models.CharField(_("what"), max_length=12, choices=Matter.choices)
    # the id of a notice, a session or a freed time, as the matter says
    about = models.UUIDField(_("about"))
    # a notice that fails again, or a session elsewhere, is another matter
    version = models.PositiveIntegerField(_("version"), default=0)

    class Meta:
        verbose_name = _("matter for the desk")
        verbose_name_plural = _("matters for the desk")
        ordering = ["notice", "matter"]
        constraints = [
            models.UniqueConstraint(fields=["matter", "about", "version"], name="desk_told_once"),
            models.CheckConstraint(condition=Q(matter__in=Matter.values), name="desk_matter_listed"),
        ]

    def __str__(self) -> str:
        return str(self.get_matter_display())
