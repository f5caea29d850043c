"""Sessions that the practice itself broke (leave, illness, a closure, other hours), and what is offered instead."""

from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from booking.enums import CHANGEABLE, UNSETTLED, Fit, RepairState


class RepairQuerySet(models.QuerySet["Repair"]):
    def lapsed(self, now: datetime) -> Self:
        """Open repairs whose time to answer is over."""
        return self.filter(state=RepairState.OPEN, expires_at__lte=now)

    def unsettled(self) -> Self:
        """What stands on the desk's list: unanswered, whether there is time left or not."""
        return self.filter(state__in=UNSETTLED)


class Repair(models.Model):
    """One client's broken sessions and the replacement for all of them, held while they decide."""

    State = RepairState

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    client = models.ForeignKey("clients.Client", models.CASCADE, related_name="repairs", verbose_name=_("client"))
    # what broke them, in the words of the desk: "Tess Oduya: illness"
    cause = models.CharField(_("cause"), max_length=200)
    hold = models.OneToOneField("booking.Hold", models.SET_NULL, null=True, blank=True, related_name="repair", editable=False)
    state = models.CharField(_("state"), max_length=12, choices=RepairState.choices, default=RepairState.OPEN)
    made_at = models.DateTimeField(_("found"), editable=False)
    expires_at = models.DateTimeField(_("held until"))
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("by")
    )

    personal = {"cause": "words", "state": "sessions"}
    personal_of = "client"

    objects = RepairQuerySet.as_manager()

    class Meta:
        verbose_name = _("repair")
        verbose_name_plural = _("repairs")
        ordering = ["expires_at"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=RepairState.values), name="repair_state_listed"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("made_at")), name="repair_not_empty"),
        ]
        indexes = [
            # the desk's list, and what lapses
            models.Index(fields=["expires_at"], condition=Q(state__in=("open", "lapsed")), name="repair_unsettled"),
        ]

    def __str__(self) -> str:
        return f"{self.client}: {self.cause}"

    def is_open(self, now: datetime) -> bool:
        return self.state == RepairState.OPEN and now < self.expires_at


class ReplacementQuerySet(models.QuerySet["Replacement"]):
    def pending(self) -> Self:
        """Those whose session still is where it broke; one that was moved or cancelled meanwhile is settled."""
        return self.filter(appointment__sequence=F("sequence"), appointment__status__in=CHANGEABLE)


class Replacement(models.Model):
    """One broken session and the start proposed instead; none where nothing was found."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    repair = models.ForeignKey(Repair, models.CASCADE, related_name="replacements", verbose_name=_("repair"))
    appointment = models.ForeignKey(
        "booking.Appointment", models.CASCADE, related_name="replacements", verbose_name=_("broken session")
    )
    # the version of the time that broke; a session moved meanwhile is no longer this one
    sequence = models.PositiveIntegerField(_("version"))
    fit = models.CharField(_("replacement"), max_length=16, choices=Fit.choices)
    therapist = models.ForeignKey(
        "therapists.Therapist", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("therapist")
    )
    starts_at = models.DateTimeField(_("starts"), null=True, blank=True)

    personal = {"fit": "sessions", "starts_at": "sessions"}
    personal_of = "repair__client"

    objects = ReplacementQuerySet.as_manager()

    class Meta:
        verbose_name = _("replacement")
        verbose_name_plural = _("replacements")
        ordering = ["repair", "appointment__starts_at"]
        constraints = [
            models.UniqueConstraint(fields=["repair", "appointment"], name="replacement_once_per_session"),
            models.CheckConstraint(condition=Q(fit__in=Fit.values), name="replacement_fit_listed"),
            models.CheckConstraint(
                condition=Q(fit=Fit.NONE, therapist=None, starts_at=None)
                | Q(~Q(fit=Fit.NONE), therapist__isnull=False, starts_at__isnull=False),
                name="replacement_has_a_start_or_none",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.appointment}: {self.get_fit_display()}"
