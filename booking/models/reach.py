"""How a client wants to be told, and by which ways they cannot be."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from booking.enums import DECLINABLE, Channel
from clients.models import Client


class ReachManager(models.Manager["Reach"]):
    def note_bounce(self, client_id: UUID, address: str, now: datetime) -> None:
        """An address refused for good; it is that of the client, or nothing is noted."""
        if Client.objects.filter(pk=client_id, email=address).exists():
            self.update_or_create(client_id=client_id, defaults={"bounced": address, "bounced_at": now})

    def note_unreached(self, number: str, now: datetime) -> None:
        """A number (E.164) that no text message reaches; of whoever has it."""
        for client in Client.objects.filter(phone=number):
            self.update_or_create(client=client, defaults={"unreached": number, "unreached_at": now})

    def note_reached(self, number: str) -> None:
        """Text messages arrive at a number (E.164), or come from there."""
        self.filter(unreached=number).update(unreached="", unreached_at=None)


class Reach(models.Model):
    """One client's choices. Without a row: by e-mail, and everything."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    client = models.OneToOneField("clients.Client", models.CASCADE, related_name="reach", verbose_name=_("client"))
    channel = models.CharField(_("prefers"), max_length=8, choices=Channel.choices, default=Channel.EMAIL)
    declined: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=24, choices=[(kind.value, kind.label) for kind in DECLINABLE]),
        default=list,
        blank=True,
        verbose_name=_("does not want"),
    )
    # the address that refused for good; a new address of the client is tried again
    bounced = models.CharField(_("address that does not work"), max_length=254, blank=True)
    bounced_at = models.DateTimeField(_("refused"), null=True, blank=True)
    # the number from which STOP came
    stopped = models.CharField(_("number that wants no messages"), max_length=20, blank=True)
    stopped_at = models.DateTimeField(_("stopped"), null=True, blank=True)
    # the number that a message could not be delivered to; tried again where there is no other way
    unreached = models.CharField(_("number that does not work"), max_length=20, blank=True)
    unreached_at = models.DateTimeField(_("not delivered"), null=True, blank=True)
    # the desk asked after somebody who had not been here for long
    called_at = models.DateTimeField(_("called"), null=True, blank=True)

    personal = {"channel": "contact", "declined": "contact", "bounced": "contact", "stopped": "contact", "unreached": "contact"}
    personal_of = "client"

    objects = ReachManager()

    class Meta:
        verbose_name = _("way to reach a client")
        verbose_name_plural = _("ways to reach clients")
        ordering = ["client"]
        constraints = [models.CheckConstraint(condition=Q(channel__in=Channel.values), name="reach_channel_listed")]

    def __str__(self) -> str:
        return str(self.get_channel_display())

    def works_again(self) -> None:
        """The client says that their address and number are right after all; they are used again once this is saved."""
        self.bounced, self.bounced_at = "", None
        self.unreached, self.unreached_at = "", None

    @property
    def is_refused(self) -> bool:
        return self.bounced != "" and self.bounced == self.client.email

    @property
    def is_stopped(self) -> bool:
        return self.stopped != "" and self.stopped == str(self.client.phone)
