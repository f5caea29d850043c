"""Whom a therapist can treat: what they do about medicines and conditions, and what they have at hand.

Medicine classes and conditions are named by codes of the questionnaire, which this side of the practice does not know.
"""

from __future__ import annotations

from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lines import LineField, one_line
from therapists.models.people import Therapist


class Stance(models.TextChoices):
    """What a therapist does about something that a client said; without one the questionnaire's own severity stands."""

    ACCEPT = "accept", _("treats, within limits")
    REVIEW = "review", _("decides before the session")
    DECLINE = "decline", _("does not treat")


class Policy(models.Model):
    """A therapist's own stance. Being stricter is free; ``accept`` can be milder than the severity, so it gives its reason."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    therapist: models.ForeignKey[Therapist]
    stance = models.CharField(_("stance"), max_length=8, choices=Stance.choices)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+", verbose_name=_("set by")
    )
    set_at = models.DateTimeField(_("set at"), auto_now=True)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=~Q(stance=Stance.ACCEPT) | ~Q(reason=""), name="%(class)s_accepts_with_reason",
                violation_error_message=_("Treating what the form would have decided about first needs a reason."),
            ),
        ]  # fmt: skip


class MedicationPolicy(Policy):
    therapist = models.ForeignKey(Therapist, models.CASCADE, related_name="medication_policies", verbose_name=_("therapist"))
    medication_class = models.SlugField(_("medicine class"), max_length=40)

    class Meta(Policy.Meta):
        verbose_name = _("policy on a medicine class")
        verbose_name_plural = _("policies on medicines")
        ordering = ["medication_class"]
        constraints = [
            *Policy.Meta.constraints,
            models.UniqueConstraint(fields=["therapist", "medication_class"], name="medicationpolicy_once_per_class"),
        ]

    def __str__(self) -> str:
        return f"{self.medication_class}: {self.get_stance_display()}"


class ConditionPolicy(Policy):
    """``condition`` is the code of the question that asks about it."""

    therapist = models.ForeignKey(Therapist, models.CASCADE, related_name="condition_policies", verbose_name=_("therapist"))
    condition = models.SlugField(_("condition"), max_length=40)

    class Meta(Policy.Meta):
        verbose_name = _("policy on a condition")
        verbose_name_plural = _("policies on conditions")
        ordering = ["condition"]
        constraints = [
            *Policy.Meta.constraints,
            models.UniqueConstraint(fields=["therapist", "condition"], name="conditionpolicy_once_per_condition"),
        ]

    def __str__(self) -> str:
        return f"{self.condition}: {self.get_stance_display()}"


class Painkiller(models.Model):
    """A painkiller, patch or cream that the practice approved this therapist to inform about."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    therapist = models.ForeignKey(Therapist, models.CASCADE, related_name="painkillers", verbose_name=_("therapist"))
    name = LineField(_("name"), max_length=120)
    note = models.CharField(_("note"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("approved painkiller")
        verbose_name_plural = _("approved painkillers")
        ordering = ["name"]
        constraints = [
            one_line("painkiller_name_on_one_line", "name"),
            models.UniqueConstraint(fields=["therapist", "name"], name="painkiller_once_per_therapist"),
        ]

    def __str__(self) -> str:
        return self.name
