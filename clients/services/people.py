"""What happens to clients: registering one, correcting what is known of them, recording what they agreed to."""

from __future__ import annotations

from datetime import datetime

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from clients.exceptions import AddressTaken
from clients.models import Client, Consent, User
from clients.signals import details_changed

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
    nobody_knows = make_password(None)
    user, _created = User.objects.get_or_create(email=email.strip().lower(), defaults={"name": name, "password": nobody_knows})
    details = {"name": name, "email": user.email, "phone": phone, "language": language}
    client, _created = Client.objects.get_or_create(user=user, defaults=details)
    return client


def take_down(*, name: str, email: str, phone: str) -> Client:
    """A new client of the desk. With an address, which is nobody else's yet, they can sign in there by a code."""
    if email:
        return register_client(email=email, name=name, phone=phone)
    return Client.objects.create(name=name, phone=phone)


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


@transaction.atomic
def correct_client(client: Client, *, name: str, phone: str, now: datetime) -> None:
    """Keep what a client says they are called, and by which number they are reached; their sign-in is called the same."""
    client.name, client.phone = name, phone
    client.save(update_fields=["name", "phone"])
    User.objects.filter(client=client).update(name=name)
    details_changed.send(Client, client=client, by=client.user, now=now)


@transaction.atomic
def change_address(client: Client, email: str, *, now: datetime) -> None:
    """Write to a client, and let them sign in, by an address they have proved. The old one no longer opens anything.

    Raises AddressTaken when it is somebody else's; nothing is changed then.
    """
    user = User.objects.select_for_update(of=("self",)).get(client=client)
    if User.objects.filter(email=email).exclude(pk=user.pk).exists():
        raise AddressTaken
    user.email = client.email = email
    user.save(update_fields=["email"])
    client.save(update_fields=["email"])
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    details_changed.send(Client, client=client, by=user, now=now)
