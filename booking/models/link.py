"""Links in notices: whoever holds one may see and do what its notice is about, and nothing else."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Self
from uuid import uuid4

from django.db import models
from django.utils.translation import gettext_lazy as _


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class LinkQuerySet(models.QuerySet["Link"]):
    def live(self, now: datetime) -> Self:
        return self.filter(expires_at__gt=now)

    def give_out(self, links: Iterable[Link]) -> None:
        """Let these work, each in the place of an older one of its notice."""
        fields = ["token_hash", "expires_at"]
        self.bulk_create(links, update_conflicts=True, unique_fields=["notification"], update_fields=fields)

    def for_token(self, token: str, now: datetime) -> Link | None:
        """The live link with this token; None for one that never was or is over."""
        return self.live(now).select_related("notification__client").filter(token_hash=hash_of(token)).first()


class Link(models.Model):
    """The token goes out with the notice and is stored only as a hash. Its purpose and object are the notice's."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    notification = models.OneToOneField("booking.Notification", models.CASCADE, related_name="link")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    expires_at = models.DateTimeField(_("until"))

    objects = LinkQuerySet.as_manager()

    class Meta:
        verbose_name = _("link of a notice")
        verbose_name_plural = _("links of notices")

    def __str__(self) -> str:
        return str(self.notification)

    def renew(self, expires_at: datetime, *, is_short: bool = False) -> str:
        """Give it a fresh random token, which is returned and forgotten. An older token stops working.

        It has 256 bits; ``is_short``: 128, for a text message, where each sign costs.
        """
        token = secrets.token_urlsafe(16 if is_short else 32)
        self.token_hash = hash_of(token)
        self.expires_at = expires_at
        return token
