"""How a client is told of things: what they choose, and what their carrier says of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from booking.enums import DECLINABLE, AuditAction, Channel
from booking.models import AuditEntry, Reach
from clients.models import Client, User


@transaction.atomic
def choose(client: Client, *, channel: Channel, declined: Collection[str], language: str) -> Reach:
    """By which channel and in which language a client is told, and which kinds they do without.

    Kinds that cannot be declined are ignored; an empty language is the practice's own.
    """
    client.language = language
    client.save(update_fields=["language"])
    kinds = [kind.value for kind in DECLINABLE if kind in declined]
    reach, _made = Reach.objects.update_or_create(client=client, defaults={"channel": channel, "declined": kinds})
    return reach


@transaction.atomic
def decline(client: Client, kind: str) -> Reach:
    """One kind less, for good. Twice is the same as once; a kind that cannot be declined stays."""
    reach, _made = Reach.objects.select_for_update().get_or_create(client=client)
    if kind in DECLINABLE and kind not in reach.declined:
        reach.declined = [*reach.declined, kind]
        reach.save(update_fields=["declined"])
    return reach


@transaction.atomic
def note_called(clients: Iterable[UUID], *, by: User, now: datetime) -> None:
    """The desk asked after clients who had not been here for long: they are not listed as such again for as long."""
    for client in clients:
        Reach.objects.update_or_create(client_id=client, defaults={"called_at": now})
    AuditEntry.objects.bulk_create(
        AuditEntry(action=AuditAction.CALLED, client_id=client, record=client, by=by, at=now) for client in clients
    )


def stop_texts(number: str, *, now: datetime) -> int:
    """No text message to a number (E.164) any more; says for how many clients. They are told by the other way until START."""
    clients = Client.objects.filter(phone=number)
    for client in clients:
        Reach.objects.update_or_create(client=client, defaults={"stopped": number, "stopped_at": now})
    return len(clients)


def start_texts(number: str) -> int:
    """Text messages to a number that had stopped them; says for how many clients."""
    return Reach.objects.filter(stopped=number).update(stopped="", stopped_at=None)
