"""Who did what to which appointment or read what, when, from where and why; and the chain by which none of it changes unnoticed.

Triggers let nobody change, delete or empty these tables, whoever asks and through whichever program; they do not look at
``pgtrigger.ignore``. Three things of an entry may change: its reason and its address can be taken out together (whoever is
erased), ``by`` goes when the account does (``actor`` stays), and it is marked once as sealed. The role that owns the tables could
drop the triggers and a superuser of the database could switch them off; either would show in ``manage.py audit verify``, unless
they also worked out the rest of the chain anew. Against that helps only a head of the chain that is kept elsewhere: the worker
logs it after each sealing. A role that does not own them (``manage.py audit restrict``) can do neither.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from booking.enums import AuditAction
from booking.models.appointment import Appointment
from clients.models import Client
from clients.origin import origin


class AuditEntry(models.Model):
    """Written by services beside each change of an appointment or of a client's details, and beside each reading of health data.

    The trigger history says what changed; this says who, from where and why.
    """

    Action = AuditAction

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    # none where something else was read or changed
    appointment = models.ForeignKey(
        Appointment, models.PROTECT, null=True, related_name="audit_entries", verbose_name=_("appointment")
    )
    # whose it is; of an appointment a trigger fills it in
    client = models.ForeignKey("clients.Client", models.PROTECT, null=True, related_name="+", verbose_name=_("client"))
    # the form or note that was read, or the client whose details changed: an id and no foreign key, for it may go and this stays
    record = models.UUIDField(null=True, editable=False)
    action = models.CharField(_("action"), max_length=16, choices=AuditAction.choices)
    # the action it was part of, when that was a move or a cancellation
    change = models.ForeignKey(
        "booking.Change", models.PROTECT, null=True, blank=True, related_name="audit_entries", verbose_name=_("change")
    )
    # the version of the time since then
    sequence = models.PositiveIntegerField(_("version"), default=0)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, db_index=False, related_name="+", verbose_name=_("by")
    )
    at = models.DateTimeField(_("at"))
    # none for what the worker did
    address = models.GenericIPAddressField(_("from the address"), null=True, default=origin, editable=False)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    before: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(_("before"), default=dict, blank=True)
    after: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(_("after"), default=dict, blank=True)
    # set by a trigger, whatever is written here: who it was, kept when the account goes; when it was by the database's clock; and
    # what reason and address are recognised by, which says nothing once its salt is gone
    actor = models.UUIDField(null=True, editable=False)
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)
    salt = models.UUIDField(null=True, editable=False)
    told_digest = models.BinaryField(max_length=32, default=bytes)
    is_sealed = models.BooleanField(default=False, editable=False)

    personal = {"action": "sessions", "reason": "words", "address": "words", "before": "sessions", "after": "sessions"}
    personal_of = "client"

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        ordering = ["-at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(appointment__isnull=False, record=None) | Q(appointment=None, record__isnull=False),
                name="audit_entry_of_a_session_or_a_record",
            ),
        ]
        indexes = [
            # what the next sealing takes
            models.Index(fields=["recorded_at", "id"], condition=Q(is_sealed=False), name="audit_entry_not_sealed"),
            models.Index(fields=["by", "at"], name="audit_entry_by_whom"),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()}, {date_format(timezone.localtime(self.at), 'D j M Y, H:i')}"

    @property
    def session(self) -> Appointment:
        """The appointment, of an entry that is about one."""
        assert self.appointment is not None
        return self.appointment

    def withheld_from(self, client: Client) -> Collection[str]:
        """The columns that tell a client of somebody else: from where others acted."""
        return () if self.actor is not None and self.actor == client.user_id else ("address",)


class AuditSeal(models.Model):
    """One link of the chain: an entry, what it said when it was sealed, and a hash over that and the hash before.

    Written by ``audit_seal()`` in the database alone (see ``booking.services.audit``), one after the other.
    """

    position = models.BigIntegerField(primary_key=True)
    # its id and no foreign key: an entry that is removed leaves its seal behind
    entry = models.UUIDField(unique=True)
    digest = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32)
    sealed_at = models.DateTimeField()

    class Meta:
        verbose_name = _("seal of an audit entry")
        verbose_name_plural = _("seals of audit entries")
        ordering = ["position"]

    def __str__(self) -> str:
        return str(self.position)
