"""A therapist's private calendar address: whoever holds it reads when they work, and nothing else."""

from __future__ import annotations

import secrets
from datetime import datetime
from uuid import uuid4

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from booking.enums import FeedShows
from booking.models.link import hash_of


class FeedQuerySet(models.QuerySet["Feed"]):
    def for_token(self, token: str) -> Feed | None:
        """The feed with this token; None for one that never was or is over, or whose therapist may no longer sign in."""
        found = self.select_related("therapist__location").filter(token_hash=hash_of(token), therapist__user__is_active=True)
        return found.first()


class Feed(models.Model):
    """The token is part of the address and is stored only as a hash. Without a row a therapist has no address."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    therapist = models.OneToOneField(
        "therapists.Therapist", models.CASCADE, related_name="feed", verbose_name=_("therapist"), editable=False
    )
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    shows = models.CharField(_("shows"), max_length=8, choices=FeedShows.choices, default=FeedShows.INITIALS)
    made_at = models.DateTimeField(_("made"), editable=False)
    last_read_at = models.DateTimeField(_("last read"), null=True, blank=True, editable=False)
    # SHA-256 of what was read last, and since when it has been so, in whole seconds
    content_hash = models.CharField(max_length=64, blank=True, editable=False)
    changed_at = models.DateTimeField(editable=False)

    objects = FeedQuerySet.as_manager()

    class Meta:
        verbose_name = _("calendar feed")
        verbose_name_plural = _("calendar feeds")
        constraints = [models.CheckConstraint(condition=Q(shows__in=FeedShows.values), name="feed_shows_listed")]

    def __str__(self) -> str:
        return str(self.therapist)

    def renew(self, now: datetime) -> str:
        """Give it a fresh random token (256 bits), which is returned and forgotten. An older token stops working."""
        token = secrets.token_urlsafe(32)
        self.token_hash = hash_of(token)
        self.made_at = now
        self.last_read_at = None
        return token
