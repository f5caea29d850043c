"""What clients agreed to."""

from __future__ import annotations

from uuid import uuid4

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.models.people import Client


class Consent(models.Model):
    """What a client agreed to: the very words, their version, when, and through whom."""

    class Kind(models.TextChoices):
        BOOKING = "booking", _("keeping contact details for appointments")

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    client = models.ForeignKey(Client, models.CASCADE, related_name="consents", verbose_name=_("client"))
    kind = models.CharField(_("kind"), max_length=24, choices=Kind.choices)
    version = models.PositiveSmallIntegerField(_("version"))
    text = models.TextField(_("text"))
    agreed_at = models.DateTimeField(_("agreed"))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("given through")
    )

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        ordering = ["-agreed_at"]
        constraints = [
            models.UniqueConstraint(fields=["client", "kind", "version"], name="consent_once_per_version"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.version})"
