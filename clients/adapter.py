from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.stagekit import clear_login
from django.contrib import messages
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
