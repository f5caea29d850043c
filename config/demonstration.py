"""Signing in by a link of the demonstration practice, on the machine it runs on and nowhere else."""

from __future__ import annotations

from ipaddress import ip_address

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from clients.access import DEMONSTRATION
from clients.models import User
from clients.services.demonstration import user_of_link

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


@require_safe
@never_cache
def sign_in(request: HttpRequest, token: str) -> HttpResponse:
    """Sign in one of the people of the demonstration practice, fully; a second factor they have is not asked for."""
    user = user_of_link(token) if _counts(request) else None
    if user is None or not user.is_active:
        raise Http404
    logout(request)
    record_authentication(request, user, method=DEMONSTRATION)
    get_adapter().login(request, user)
    return redirect(_home(user))


def _counts(request: HttpRequest) -> bool:
    """Whether such links count: under ``manage.py up`` only, and only for a browser on the same machine."""
    host = request.get_host().rpartition(":")[0] or request.get_host()
    is_forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    return settings.DEMONSTRATION_LINKS and host in LOOPBACK and not is_forwarded and _is_loopback(request)


def _is_loopback(request: HttpRequest) -> bool:
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _home(user: User) -> str:
    if user.is_staff:
        return "admin:index"
    return "booking:therapist" if hasattr(user, "therapist") else "booking:sessions"
