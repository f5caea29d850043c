from ipaddress import IPv6Address, ip_address
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.stagekit import clear_login
from allauth.core.exceptions import RateLimited
from allauth.core.internal.httpkit import clean_client_ip
from django.conf import settings
from django.contrib import messages
from django.forms import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from clients.models import User


class AccountAdapter(DefaultAccountAdapter):
    """Clients come into being by booking, staff by a manager: nobody signs up on a page of its own."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_login(self, request: HttpRequest, user: User, **more: Any) -> HttpResponse | None:
        """A mailed code is enough for a client; who reads about others, at the desk or as a therapist, has a password as well."""
        by = {record["method"] for record in get_authentication_records(request, user)}
        if by == {"code"} and (user.is_staff or hasattr(user, "therapist")):
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
