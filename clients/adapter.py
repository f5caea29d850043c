"""What allauth asks us: who may sign up and sign in how, and how the secrets of second factors are kept."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.account.internal.stagekit import clear_login
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from clients.access import proved_recently, works_here
from clients.crypto import keyring
from clients.models import User

#: Where the secrets of second factors are kept; sealed for it, they open nowhere else.
PLACE = "mfa_authenticator.data"


def on_authenticator_added(request: HttpRequest, user: User, authenticator: Authenticator, **more: Any) -> None:
    """Whoever just typed the first code of a new app, or used a new passkey, proved it: nobody asks again at once."""
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:
        record_authentication(request, user, "mfa", id=authenticator.pk, type=authenticator.type)


class AccountAdapter(DefaultAccountAdapter):
    """Clients come into being by booking, staff by a manager: nobody signs up on a page of its own."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_login(self, request: HttpRequest, user: User, **more: Any) -> HttpResponse | None:
        """A mailed code is enough for a client; who reads about others, at the desk or as a therapist, has a password as well."""
        by = {record["method"] for record in get_authentication_records(request, user)}
        if by == {"code"} and works_here(user):
            clear_login(request)
            messages.info(request, _("Please sign in with your password: a code by mail is for clients."))
            answer: HttpResponse = redirect("account_login")
            return answer
        refused: HttpResponse | None = super().pre_login(request, user, **more)
        return refused

    def is_reauthentication_required(self, *, app: str, **more: Any) -> bool:
        """Whoever signed in a moment ago is not asked who they are once more."""
        return not proved_recently(context.request)


class SecondFactorAdapter(DefaultMFAAdapter):
    """Secrets of second factors are sealed like health answers, with the keys that are not in the database."""

    def encrypt(self, text: str) -> str:
        return b64encode(keyring().seal(text.encode(), place=PLACE)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return keyring().open(b64decode(encrypted_text), place=PLACE).decode()
