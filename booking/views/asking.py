"""Where a client begins the short form of a session: whether anything changed, before it; how it was, after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from booking.access import own_sessions
from booking.models import Appointment
from booking.services.asking import follow_ups, session_before, sessions_that_ask
from clients.access import client_of
from clients.models import ResponseKind, User
from clients.services.responses import begin_before, open_response


@dataclass(frozen=True)
class Ask:
    """What a client is asked: about the session ahead, with the one before it, or about one that was."""

    session: Appointment
    since: Appointment | None = None


def asks_of(user: User | AnonymousUser, *, now: datetime) -> dict[str, Ask | None]:
    """What the client who is signed in is asked now, for the page of their sessions (``booking/_asks.html``)."""
    client = client_of(user)
    if client is None:
        return {}
    ahead = list(own_sessions(user).upcoming(now))
    asking = sessions_that_ask(ahead, now=now)
    session = next((each for each in ahead if each.pk in asking), None)
    told = follow_ups(client, now=now)
    return {
        "ask_before": Ask(session, session_before(session)) if session else None,
        "ask_after": Ask(told[0]) if told else None,
    }


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def before(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Whether anything changed before a session. Looking begins nothing; either answer opens the form."""
    if not request.user.is_authenticated:
        return redirect_to_login(request.path, login_url=settings.CLIENT_LOGIN_URL)
    now = timezone.now()
    session = get_object_or_404(own_sessions(request.user), pk=pk)
    assert session.client is not None
    asks = session.pk in sessions_that_ask([session], now=now)
    if request.method == "POST" and asks:
        response = begin_before(
            session.client, session_on=session.local_date, changed=request.POST.get("changed") == "yes", now=now
        )
        return redirect("intake:brief", response.pk)
    context = {"page": "sessions", "ask_before": Ask(session, session_before(session)) if asks else None}
    return render(request, "booking/asked.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def after(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How a session was, from the day after it until that closes by itself."""
    if not request.user.is_authenticated:
        return redirect_to_login(request.path, login_url=settings.CLIENT_LOGIN_URL)
    now = timezone.now()
    session = get_object_or_404(own_sessions(request.user), pk=pk)
    assert session.client is not None
    asks = session in follow_ups(session.client, now=now)
    if request.method == "POST" and asks:
        response = open_response(session.client, ResponseKind.AFTER, now=now, session_on=session.local_date)
        return redirect("intake:brief", response.pk)
    return render(request, "booking/asked.html", {"page": "sessions", "ask_after": Ask(session) if asks else None})
