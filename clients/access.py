"""Who may see and do what with health answers. Views ask here only; a foreign response does not exist for the asker."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser

from clients.models import Client, Response, User
from clients.models.response import ResponseQuerySet


def client_of(user: User | AnonymousUser) -> Client | None:
    """The client who is signed in, if any."""
    return Client.objects.filter(user=user).first() if isinstance(user, User) else None


def responses_of(client: Client) -> ResponseQuerySet:
    """The forms a client may see and, while they are under way, fill in: their own."""
    return Response.objects.filter(client=client).select_related("client", "questionnaire")
