"""How tests and benches are signed in at once as somebody who works here."""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows.login import record_authentication
from django.http import HttpRequest

from clients.models import User


def fully(request: HttpRequest, user: User, **_more: Any) -> None:
    """Connected to ``user_logged_in``: ``force_login`` is with a second factor, a sign-in over HTTP with what it really had."""
    if "REQUEST_METHOD" not in request.META:
        record_authentication(request, user, "mfa", type="totp")
