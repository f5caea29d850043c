"""What clients agreed to."""

from __future__ import annotations

from typing import Self
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from clients.models.people import Client


class ConsentQuerySet(models.QuerySet["Consent"]):
    def standing(self) -> Self:
        """Given and not withdrawn since."""
        return self.filter(withdrawn_at__isnull=True)


class Consent(models.Model):
    """What a client agreed to: the very words, their version, when, and through whom."""

    class Kind(models.TextChoices):
        """Beside these, each agreement of the questionnaire is a kind of its own, by its question's code."""

        BOOKING = "booking", _("keeping contact details for appointments")
        HEALTH_DATA = "c_data", _("keeping and using health answers")

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    client = models.ForeignKey(Client, models.CASCADE, related_name="consents", verbose_name=_("client"))
    kind = models.CharField(_("kind"), max_length=40)
    version = models.PositiveSmallIntegerField(_("version"))
    text = models.TextField(_("text"))
    agreed_at = models.DateTimeField(_("agreed"))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("given through")
    )

    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)

    personal = {"kind": "agreements", "version": "agreements", "text": "agreements"}
    personal_of = "client"

    objects = ConsentQuerySet.as_manager()

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        ordering = ["-agreed_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["client", "kind", "version"],
                condition=Q(withdrawn_at__isnull=True),
                name="consent_once_per_version",
            ),
        ]

    def __str__(self) -> str:
        return f"{dict(self.Kind.choices).get(self.kind, self.kind)} ({self.version})"

    @property
    def is_health_data(self) -> bool:
        """Whether taking it back ends the use of all health answers."""
        return self.kind == self.Kind.HEALTH_DATA
