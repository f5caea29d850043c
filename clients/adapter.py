"""What allauth asks us: who may sign up and sign in how, from where, and how the secrets of second factors are kept."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.account.internal.flows.reauthentication import get_reauthentication_flows
from allauth.account.internal.stagekit import clear_login
from allauth.core import context
from allauth.core.exceptions import RateLimited, ReauthenticationRequired
from allauth.core.internal.httpkit import clean_client_ip
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.forms import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from clients.access import proved_recently, works_here
from clients.models import User
from clients.services.keys import open_secret, seal_secret


def on_authenticator_added(request: HttpRequest, user: User, authenticator: Authenticator, **more: Any) -> None:
    """Whoever just typed the first code of a new app, or used a new passkey, proved it: nobody asks again at once."""
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:
        record_authentication(request, user, "mfa", id=authenticator.pk, type=authenticator.type)
        request.session.cycle_key()


def on_authenticator_used(request: HttpRequest, **more: Any) -> None:
    """What opens more than before goes on under another key, also in a session that had begun with less."""
    request.session.cycle_key()


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

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address a request comes from, for limits, logs and audit alike: what the outermost declared proxy saw.

        What a client wrote into the header before that is not believed. 0.0.0.0 where the server names none.
        """
        hops = settings.TRUSTED_PROXIES
        told = request.headers.get("X-Forwarded-For", "").split(",")
        seen = told[-hops] if 0 < hops <= len(told) else request.META.get("REMOTE_ADDR", "")
        address = ip_address(clean_client_ip(seen) or "0.0.0.0")  # nosec B104 - nothing listens there
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return str(mapped or address)

    def validation_error(self, code: str, *values: Any) -> ValidationError:
        """Raises RateLimited where allauth would say below a field that there were too many tries."""
        if code == "too_many_login_attempts":
            raise RateLimited
        said: ValidationError = super().validation_error(code, *values)
        return said

    def is_reauthentication_required(self, *, app: str, **more: Any) -> bool:
        """Whoever signed in a moment ago is not asked who they are once more.

        Raises ReauthenticationRequired for whoever has neither a password nor a second factor: allauth would not ask them.
        """
        if proved_recently(context.request):
            return False
        if not get_reauthentication_flows(context.request.user):
            raise ReauthenticationRequired
        return True

    def get_reauthentication_methods(self, user: User) -> list[dict[str, Any]]:
        """A client shows by a code that it is still them."""
        ways: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        return ways or [{"id": "code", "description": _("Send me a code"), "url": reverse(settings.CLIENT_PROOF_URL)}]


class SecondFactorAdapter(DefaultMFAAdapter):
    """Secrets of second factors are sealed like health answers, with the keys that are not in the database."""

    def is_mfa_enabled(self, user: User, types: Sequence[str] | None = None) -> bool:
        """Whether a second step is asked for. To a client a passkey is a quicker way in beside the code, and no second step."""
        asked = set(types or Authenticator.Type.values)
        if not works_here(user):
            asked &= {Authenticator.Type.TOTP}
        enabled: bool = super().is_mfa_enabled(user, asked)
        return enabled

    def generate_authenticator_name(self, user: User, type: str) -> str:
        """What a new passkey is called as long as nobody gives it another name."""
        return _("Passkey %(number)d") % {"number": Authenticator.objects.filter(user=user, type=type).count() + 1}

    def encrypt(self, text: str) -> str:
        return seal_secret(text)

    def decrypt(self, encrypted_text: str) -> str:
        return open_secret(encrypted_text)
