"""What every request needs: no NUL, the practice's clock, redirects for htmx, its headers, and its one line in the log."""

from __future__ import annotations

import re
from collections.abc import Callable
from zoneinfo import ZoneInfo

import structlog
from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.middleware.security import SecurityMiddleware
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect
from django_structlog.middlewares import RequestMiddleware

from booking.queries import practice_zone
from clients.origin import asked_from

#: What is secret in an address: the token of a link in a notice, of a form on a tablet, of a click that stops a kind, of a feed.
TOKEN = re.compile(r"(?<=^/l/).+|(?<=^/intake/tablet/).+|(?<=^/stop/).+|(?<=^/feed/).+")
Handler = Callable[[HttpRequest], HttpResponse]


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
        return f"{request.method} {TOKEN.sub('…', request.path)}"


class MethodMiddleware:
    """No page takes anything but GET and POST, and their likes; whoever asks, everything else is refused."""

    TAKEN = ("GET", "HEAD", "POST", "OPTIONS")

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request) if request.method in self.TAKEN else HttpResponseNotAllowed(self.TAKEN)
