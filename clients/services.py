"""What happens to clients: registering one, recording what they agreed to."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from clients.models import Client, Consent, User


@transaction.atomic
def register_client(*, email: str, name: str, phone: str = "") -> Client:
    """The client who owns a proved e-mail address; created, with a sign-in, when there is none yet.

    What is already known of a client is never overwritten by what was typed.
    """
    user, _created = User.objects.get_or_create(email=email.strip().lower(), defaults={"name": name})
    if not user.has_usable_password() and not user.password:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    client, _created = Client.objects.get_or_create(user=user, defaults={"name": name, "email": user.email, "phone": phone})
    return client


def record_consent(client: Client, *, kind: Consent.Kind, version: int, text: str, by: User, now: datetime) -> Consent:
    """Keep the very words agreed to; agreeing twice to the same version changes nothing."""
    consent, _created = Consent.objects.get_or_create(
        client=client, kind=kind, version=version, defaults={"text": text, "agreed_at": now, "by": by}
    )
    return consent
