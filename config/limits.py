"""How often something may be asked for, counted in Valkey by address and by account; and what is answered beyond that.

The numbers are LIMITS in the settings; here stands which pages they are about. Counting is one atomic step in a window of fixed
length, so at the edge of two windows twice the number can come through at most. allauth's own limits, per address mailed and per
password tried, hold beside these and get the same answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_network
from math import ceil
from typing import Any

import structlog
from allauth.account.adapter import get_adapter
from allauth.core.exceptions import RateLimited
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.crypto import salted_hmac
from django_htmx.http import reselect, reswap, retarget
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)
Handler = Callable[[HttpRequest], HttpResponse]

#: What looking at a page counts as.
READING = {
    "booking:landing": "availability",
    "booking:what": "availability",
    "booking:when": "availability",
    "booking:plan": "availability",
    "booking:move": "availability",
    "booking:confirm_move": "availability",
    "booking:wish_earlier": "availability",
    "booking:feed": "feeds",
    "booking:link": "links",
    "booking:stop": "links",
    "intake:tablet": "links",
}
#: What sending something there counts as.
WRITING = {
    "booking:what": "availability",
    "booking:when": "holds",
    "booking:plan": "holds",
    "booking:hold_again": "holds",
    "booking:you": "booking",
    "booking:confirm_move": "booking",
    "booking:cancel": "booking",
    "booking:undo": "booking",
    "booking:undo_booked": "booking",
    "booking:offer": "booking",
    "booking:repair": "booking",
    "booking:wish": "booking",
    "booking:wish_earlier": "booking",
    "booking:stop": "links",
    "booking:sign_in": "sign_in",
    "intake:overview": "intake",
    "intake:part": "intake",
    "intake:form": "intake",
    "intake:brief": "intake",
    "intake:tablet": "links",
}
#: allauth's pages, on all of which somebody proves who they are; leaving is always possible.
PROVING, LEAVING = ("account_", "mfa_"), "account_logout"
#: Without a count nobody gets in; everything else goes on uncounted.
FAIL_CLOSED = {"sign_in"}
#: Seconds after which to try again, where the limit does not say so itself: the shortest window of allauth's, and a new start.
AGAIN_AFTER, BACK_AFTER = 60, 30
#: A household has as many IPv6 addresses as it likes, all of them in one network of this size.
HOUSEHOLD = 64


class LimitMiddleware:
    """Counts what a request asks for before it gets it. The work of desk and therapists, on their own pages, is not counted."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, given: Mapping[str, Any]) -> HttpResponse | None:
        action = action_of(request)
        if action not in settings.LIMITS:
            return None
        try:
            wait = seconds_to_wait(request, action, given)
        except RedisError:
            logger.warning("limits_away", action=action)
            return away(request) if action in FAIL_CLOSED else None
        return too_many(request, wait) if wait else None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A code asked for too often; or none to be had, as nobody counts: what is counted inside a page fails closed."""
        if isinstance(exception, RateLimited):
            return too_many(request)
        if isinstance(exception, RedisError):
            logger.warning("limits_away", action="codes")
            return away(request)
        return None


def action_of(request: HttpRequest) -> str:
    """What a request counts as; nothing for most pages."""
    match = request.resolver_match
    name = match.view_name if match else ""
    if request.method != "POST":
        return READING.get(name, "")
    if name.startswith(PROVING) and name != LEAVING:
        return "sign_in"
    return WRITING.get(name, "")


def seconds_to_wait(request: HttpRequest, action: str, given: Mapping[str, Any]) -> int:
    """Count one request; 0 if it is within the limits, else the seconds until it would be. RedisError when nobody counts."""
    window, *most = settings.LIMITS[action]
    number, into = divmod(time.time(), window)
    for who, allowed in zip(_who(request, given), most, strict=False):
        if who and _count(f"limit:{action}:{int(number)}:{salted_hmac('limits', who).hexdigest()}", window) > allowed:
            return max(1, ceil(window - into))
    return 0


def _who(request: HttpRequest, given: Mapping[str, Any]) -> Iterator[str]:
    """From where a request comes, then from whom: the token it shows, who is signed in, or the session of the browser."""
    network = ip_network(get_adapter(request).get_client_ip(request))
    yield str(network.supernet(new_prefix=HOUSEHOLD) if network.version == 6 else network)
    if "token" in given:
        yield f"token {given['token']}"
    elif request.user.is_authenticated:
        yield f"user {request.user.pk}"
    else:
        yield f"session {key}" if (key := request.session.session_key) else ""


def _count(key: str, window: int) -> int:
    """One more in a window, which is over before Valkey forgets it."""
    if cache.add(key, 1, timeout=2 * window):
        return 1
    try:
        return int(cache.incr(key))
    except ValueError:  # emptied in between
        return 1


def too_many(request: HttpRequest, seconds: int = AGAIN_AFTER) -> HttpResponse:
    """429, when to come back, and that nothing was lost."""
    return _put_off(request, "429.html", 429, seconds)


def away(request: HttpRequest) -> HttpResponse:
    """503: signing in has to wait until somebody counts again."""
    return _put_off(request, "503.html", 503, BACK_AFTER)


def _put_off(request: HttpRequest, template: str, status: int, seconds: int) -> HttpResponse:
    """The page; where htmx asked, a line above the page that is there, so that nothing typed goes."""
    response = render(request, template, {"minutes": ceil(seconds / 60)}, status=status)
    response["Retry-After"] = str(seconds)
    if getattr(request, "htmx", False):
        return reselect(reswap(retarget(response, "#main"), "afterbegin"), "#put-off")
    return response
