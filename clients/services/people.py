"""What happens to clients: registering one, recording what they agreed to."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from clients.models import Client, Consent, User

#: The words a client agrees to when booking. A change of the text is a new version.
BOOKING_CONSENT = (
    1,
    _("I agree that the practice keeps my name, address and phone number to run my sessions."),
)


@transaction.atomic
def register_client(*, email: str, name: str, phone: str = "", language: str = "") -> Client:
    """The client who owns a proved e-mail address; created, with a sign-in, when there is none yet.

    ``language``: a code, in which we write to them. What is already known of a client is never overwritten by what was typed.
    """
    user, _created = User.objects.get_or_create(email=email.strip().lower(), defaults={"name": name})
    if not user.has_usable_password() and not user.password:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    details = {"name": name, "email": user.email, "phone": phone, "language": language}
    client, _created = Client.objects.get_or_create(user=user, defaults=details)
    return client


def record_booking_consent(client: Client, *, by: User, now: datetime) -> None:
    """Keep the very words agreed to; agreeing twice to the same version changes nothing."""
    version, text = BOOKING_CONSENT
    Consent.objects.standing().get_or_create(
        client=client,
        kind=Consent.Kind.BOOKING,
        version=version,
        defaults={"text": str(text), "agreed_at": now, "by": by},
    )


def booking_consent_missing(client: Client) -> bool:
    """Whether the client has not yet agreed to the current words."""
    version, _text = BOOKING_CONSENT
    return not client.consents.filter(withdrawn_at=None, kind=Consent.Kind.BOOKING, version=version).exists()
