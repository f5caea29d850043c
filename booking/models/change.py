"""One action on one or more sessions, as somebody took it: a move or a cancellation, which can be undone for a while."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self
from uuid import uuid4

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from booking.enums import ChangeKind


class ChangeQuerySet(models.QuerySet["Change"]):
    def undoable(self, now: datetime) -> Self:
        return self.filter(undone_at=None, undo_until__gt=now)


class Change(models.Model):
    """What was done to which sessions stands in its audit entries; one notice tells of all of them."""

    Kind = ChangeKind

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    kind = models.CharField(_("kind"), max_length=12, choices=ChangeKind.choices)
    client = models.ForeignKey("clients.Client", models.PROTECT, related_name="changes", verbose_name=_("client"))
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("by"))
    at = models.DateTimeField(_("at"))
    # until then it can be undone and its notice waits; equal to ``at`` where nothing is to be undone
    undo_until = models.DateTimeField(_("can be undone until"))
    undone_at = models.DateTimeField(_("undone"), null=True, blank=True)
    # keeps the old times while it can be undone
    hold = models.OneToOneField("booking.Hold", models.SET_NULL, null=True, blank=True, related_name="change", editable=False)
    # what its series wished for these sessions before, by planned date, where the wishes moved along
    wishes: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(
        default=dict, blank=True, editable=False, encoder=DjangoJSONEncoder
    )
    # the random key of the form: pressed twice, it is the same change
    key = models.UUIDField(null=True, blank=True, editable=False)
    content = models.CharField(max_length=64, blank=True, editable=False)

    personal = {"kind": "sessions", "wishes": "sessions"}
    personal_of = "client"

    objects = ChangeQuerySet.as_manager()

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        ordering = ["-at"]
        constraints = [
            models.UniqueConstraint(fields=["client", "key"], name="change_key_once_per_client"),
            models.CheckConstraint(condition=Q(kind__in=ChangeKind.values), name="change_kind_listed"),
            models.CheckConstraint(condition=Q(undo_until__gte=F("at")), name="change_undo_not_reversed"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.client}"

    def can_be_undone(self, now: datetime) -> bool:
        return self.undone_at is None and now < self.undo_until
