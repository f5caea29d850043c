"""A form handed out on a tablet of the practice, by a link that opens this one form and nothing else."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import Self
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from clients.models.people import Client
from clients.models.questionnaire import ResponseKind
from clients.models.response import Response


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class HandoutQuerySet(models.QuerySet["Handout"]):
    def live(self, now: datetime) -> Self:
        return self.filter(ended_at=None, expires_at__gt=now)

    def for_token(self, token: str, now: datetime) -> Handout | None:
        """The one that this token opens; None once a browser has begun with it, it ended, or its time is over."""
        return self.live(now).select_related("client__user").filter(token_hash=hash_of(token), response=None).first()


class Handout(models.Model):
    """The token is shown once, as a code to scan, and stored only as a hash."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    client = models.ForeignKey(Client, models.CASCADE, related_name="handouts", verbose_name=_("client"))
    kind = models.CharField(_("kind"), max_length=8, choices=ResponseKind.choices)
    session_on = models.DateField(_("for the session on"), null=True, blank=True)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("handed out by")
    )
    made_at = models.DateTimeField(_("handed out"))
    expires_at = models.DateTimeField(_("until"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    response = models.ForeignKey(
        Response, models.SET_NULL, null=True, blank=True, related_name="handouts", verbose_name=_("response")
    )

    personal = {"kind": "sessions", "session_on": "sessions"}
    personal_of = "client"

    objects = HandoutQuerySet.as_manager()

    class Meta:
        verbose_name = _("form on a tablet")
        verbose_name_plural = _("forms on a tablet")
        ordering = ["-made_at"]
        indexes = [
            # what of a client is still open, when another one is handed out
            models.Index(fields=["client"], condition=models.Q(ended_at=None), name="handout_open_by_client"),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()

    def renew(self) -> str:
        """Give it a fresh random token (256 bits), which is returned and forgotten."""
        token = secrets.token_urlsafe(32)
        self.token_hash = hash_of(token)
        return token
