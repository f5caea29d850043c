"""Who may see and do what in booking. Views ask here and nowhere else; a foreign object does not exist for the asker."""

from __future__ import annotations

import secrets

from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase

from booking.models import BookingRequest, Hold
from clients.models import Client, User

OWNER_KEY = "hold_owner"


def holder(session: SessionBase) -> str:
    """The random token under which this browser holds; made when first needed."""
    if OWNER_KEY not in session:
        session[OWNER_KEY] = secrets.token_urlsafe(32)
    return str(session[OWNER_KEY])


def may_use_hold(session: SessionBase, hold: Hold) -> bool:
    """A hold belongs to the browser that made it."""
    return secrets.compare_digest(str(session.get(OWNER_KEY, "")), hold.owner)


def may_see_request(user: User | AnonymousUser, request: BookingRequest) -> bool:
    """What was booked is shown to its client."""
    client = client_of(user)
    return client is not None and request.client_id == client.pk


def client_of(user: User | AnonymousUser) -> Client | None:
    """The client who is signed in, if any."""
    return Client.objects.filter(user=user).first() if isinstance(user, User) else None
