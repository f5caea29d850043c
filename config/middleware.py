"""What every request needs: no NUL, the practice's clock, redirects for htmx, its headers, and its one line in the log; and what
a session needs: an end, and a second factor of whoever works here."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import structlog
from allauth.account.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.middleware.security import SecurityMiddleware
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect
from django_structlog.middlewares import RequestMiddleware

from booking.queries import practice_zone
from clients.access import lacks_second_factor, works_here
from clients.origin import asked_from

#: What is secret in an address: the token of a link in a notice, of a form on a tablet, of a click that stops a kind, of a feed;
#: the key of a mail that lets somebody choose a password, or proves an address.
TOKEN = re.compile(r"^(/(?:l|intake/tablet|stop|feed|demo|account/password/reset/key|account/confirm-email)/).+")
Handler = Callable[[HttpRequest], HttpResponse]

#: Seconds. Whoever works here is signed out after so long without doing anything, and so long after signing in.
STAFF_IDLE, STAFF_LONGEST = 15 * 60, 12 * 60 * 60
#: Clients are asked who they are before their health form after so long without doing anything.
FORM_IDLE = 30 * 60
#: What is done is written down once in so many seconds.
SEEN_EVERY = 60
SIGNED_IN_AT, SEEN_AT, WAS_IDLE = "signed_in_at", "seen_at", "was_idle"
#: Why somebody was signed out, for the page on which they sign in again.
SIGNED_OUT = "signed_out"
IDLE, LONG, FORM = "idle", "long", "form"
#: The pages of the health form on which something is typed.
FILLED_IN = ("intake:part", "intake:brief")

#: What is open to somebody who works here and has no second factor yet, and to somebody who has not proved the one they have.
ENROL = {
    *("mfa_index", "mfa_activate_totp", "mfa_add_webauthn", "mfa_view_recovery_codes"),
    *("account_reauthenticate", "account_logout", "admin:logout"),
}
PROVE = {"mfa_reauthenticate", "mfa_reauthenticate_webauthn", "account_logout", "admin:logout"}


class SessionEndMiddleware:
    """Signs out whoever did nothing for too long, or, of those who work here, signed in too long ago.

    Pages that look again by themselves do nothing. An answer that is on its way into a form when the time is over is kept first.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., HttpResponse], args: Any, more: Any) -> HttpResponse | None:
        if not _has_session(request) or not request.user.is_authenticated:
            return None
        now = int(timezone.now().timestamp())
        why = _why_over(request, now)
        if not why:
            _note_seen(request, now)
            return None
        if why == FORM and request.method == "POST" and _name(request) in FILLED_IN:
            _only_save(request)
            view(request, *args, **more)
        return _signed_out(request, why)


def _only_save(request: HttpRequest) -> None:
    """Of the buttons, those that add to a list do so; those that go on or send, which whoever is there now may not, save."""
    if ":" not in request.POST.get("do", ""):
        posted = request.POST.copy()
        posted["do"] = "save"
        request.POST = posted  # type: ignore[assignment]


def _has_session(request: HttpRequest) -> bool:
    """Whether there is one to ask for: an answer that never looked into it may be the same for everybody."""
    return settings.SESSION_COOKIE_NAME in request.COOKIES


def begin_anew(request: HttpRequest, **more: Any) -> None:
    """Whoever signs in has all the time again, also in a session they had before."""
    for key in (SIGNED_IN_AT, SEEN_AT, WAS_IDLE, SIGNED_OUT):
        request.session.pop(key, None)


def _why_over(request: HttpRequest, now: int) -> str:
    """Why this session is over, or nothing."""
    session = request.session
    idle = now - session.get(SEEN_AT, now)
    if works_here(request.user):
        if now - session.get(SIGNED_IN_AT, now) >= STAFF_LONGEST:
            return LONG
        return IDLE if idle >= STAFF_IDLE else ""
    is_form = _name(request).startswith("intake:")
    return FORM if is_form and (WAS_IDLE in session or idle >= FORM_IDLE) else ""


def _note_seen(request: HttpRequest, now: int) -> None:
    session = request.session
    if SIGNED_IN_AT not in session:
        session[SIGNED_IN_AT] = session[SEEN_AT] = now
    if now - session[SEEN_AT] >= FORM_IDLE:
        session[WAS_IDLE] = True
    if now - session[SEEN_AT] >= SEEN_EVERY and not _looks_by_itself(request):
        session[SEEN_AT] = now


def _looks_by_itself(request: HttpRequest) -> bool:
    """Whether the board or the calendar asks whether anything changed, without anybody having done anything."""
    is_watched = "X-Board" in request.headers or _name(request) == "booking:calendar_events"
    return is_watched and request.method == "GET" and "If-None-Match" in request.headers


def _signed_out(request: HttpRequest, why: str) -> HttpResponse:
    """To the sign-in, which says why and leads back."""
    sign_in = settings.LOGIN_URL if works_here(request.user) else settings.CLIENT_LOGIN_URL
    logout(request)
    request.session[SIGNED_OUT] = why
    return redirect_to_login(_page_of(request), login_url=sign_in)


def _name(request: HttpRequest) -> str:
    return request.resolver_match.view_name if request.resolver_match else ""


def _page_of(request: HttpRequest) -> str:
    """The page somebody is on: the one asked for, or the one that the request came from."""
    if request.method == "GET" and not request.headers.get("HX-Request") and "X-Board" not in request.headers:
        return request.get_full_path()
    from_page = urlsplit(request.headers.get("Referer", ""))
    return from_page.path if from_page.netloc == request.get_host() else "/"


class SecondFactorMiddleware:
    """Whoever works here sees no page before their second factor: they are sent to add one, or to prove the one they have."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., HttpResponse], args: Any, more: Any) -> HttpResponse | None:
        if not _has_session(request) or not lacks_second_factor(request):
            return None
        has_app = is_mfa_enabled(request.user, [Authenticator.Type.TOTP])
        if not has_app and not is_mfa_enabled(request.user, [Authenticator.Type.WEBAUTHN]):
            return None if _name(request) in ENROL else redirect_to_login(_page_of(request), login_url="mfa_index")
        way = "mfa_reauthenticate" if has_app else "mfa_reauthenticate_webauthn"
        return None if _name(request) in PROVE else redirect_to_login(_page_of(request), login_url=way)


class HeadersMiddleware:
    """What every answer tells the browser, also one refused on the way in; unless it says otherwise, nobody keeps it."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        self._security = SecurityMiddleware(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store, private")
        self._security.process_response(request, response)
        return response


class NulMiddleware:
    """A NUL is in no name, date or id, and PostgreSQL takes none: a query with one is a bad request."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "%00" in request.META.get("QUERY_STRING", ""):
            raise SuspiciousOperation("NUL in the query")
        return self.get_response(request)


class PracticeZoneMiddleware:
    """Times are shown and typed on the practice's clock, wherever the server and the browser stand."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path in ("/healthz", "/readyz", "/metrics"):
            return self.get_response(request)
        with timezone.override(ZoneInfo(practice_zone(timezone.now()))):
            return self.get_response(request)


class OriginMiddleware:
    """What is written down while a request is answered says from which address that came."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with asked_from(_address_of(request)):
            return self.get_response(request)


def _address_of(request: HttpRequest) -> str | None:
    """As allauth knows it, which believes the declared proxies only; None where the server names none."""
    try:
        return str(get_adapter(request).get_client_ip(request))
    except PermissionDenied:
        return None


class HtmxRedirectMiddleware:
    """A redirect during an htmx request (a login, mostly) leads the whole page there, not a fragment of it."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if getattr(request, "htmx", False) and response.status_code in (301, 302, 303):
            redirect = HttpResponseClientRedirect(response["Location"])
            redirect.cookies = response.cookies
            return redirect
        return response


class RequestLogMiddleware(RequestMiddleware):
    """One line a request, with its path and without its query string or a token: what it asks for is nobody else's business."""

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """From where the request comes, as everything else here understands it."""
        structlog.contextvars.bind_contextvars(ip=get_adapter().get_client_ip(request))

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        path = TOKEN.sub(r"\1…", request.path)
        return f"{request.method} {path}"


class MethodMiddleware:
    """No page takes anything but GET and POST, and their likes; whoever asks, everything else is refused."""

    TAKEN = ("GET", "HEAD", "POST", "OPTIONS")

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request) if request.method in self.TAKEN else HttpResponseNotAllowed(self.TAKEN)
