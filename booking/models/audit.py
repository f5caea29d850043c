"""Who did what to which appointment, when, and why."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from booking.enums import AuditAction


class AuditEntry(models.Model):
    """Written by services beside each change. The trigger history says what changed; this says who and why."""

    Action = AuditAction

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    appointment = models.ForeignKey(
        "booking.Appointment", models.CASCADE, related_name="audit_entries", verbose_name=_("appointment")
    )
    action = models.CharField(_("action"), max_length=16, choices=AuditAction.choices)
    # the action it was part of, when that was a move or a cancellation
    change = models.ForeignKey(
        "booking.Change", models.CASCADE, null=True, blank=True, related_name="audit_entries", verbose_name=_("change")
    )
    # the version of the time since then
    sequence = models.PositiveIntegerField(_("version"), default=0)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("by"))
    at = models.DateTimeField(_("at"))
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    before: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(_("before"), default=dict, blank=True)
    after: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(_("after"), default=dict, blank=True)

    personal = {"action": "sessions", "reason": "words", "before": "sessions", "after": "sessions"}
    personal_of = "appointment__client"

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.get_action_display()}, {self.at:%Y-%m-%d %H:%M}"
