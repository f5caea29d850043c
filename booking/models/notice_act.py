"""What the desk did to a notice, and what it was before."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from booking.enums import NoticeAction


class NoticeAct(models.Model):
    """Written beside each act of the desk. ``before`` keeps the copy, answer and errors that the next sending overwrites."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    notification = models.ForeignKey("booking.Notification", models.CASCADE, related_name="acts", verbose_name=_("notification"))
    action = models.CharField(_("action"), max_length=12, choices=NoticeAction.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("by"))
    at = models.DateTimeField(_("at"))
    before: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(_("before"), default=dict, blank=True)

    personal = {"action": "messages", "before": "messages"}
    personal_of = "notification__client"

    class Meta:
        verbose_name = _("act of the desk")
        verbose_name_plural = _("acts of the desk")
        ordering = ["-at"]

    def __str__(self) -> str:
        return str(self.get_action_display())
