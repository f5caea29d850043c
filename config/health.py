"""``/healthz``: this process answers. ``/readyz``: what it needs, part by part."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version

from django.core.cache import cache
from django.db import connection
from django.db.models import Min
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from booking.models import Notification
from config.celery import app

ALIVE_WITHIN = 60  # seconds since the last sign of life
OUTBOX_AGE_LIMIT = 600  # seconds a due notice may wait


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when every part is as it should be, 503 otherwise; ``outbox`` is the age in seconds of the oldest notice due."""
    parts = state()
    ready = all(is_well(name, found) for name, found in parts.items())
    return JsonResponse({**parts, "tzdata": version("tzdata")}, status=200 if ready else 503)


def state() -> dict[str, bool | int]:
    """What each check found; False for a part that could not be asked."""
    parts: dict[str, bool | int] = {}
    for name, check in CHECKS.items():
        try:
            parts[name] = check()
        except Exception:  # whatever a broken part raises, the answer names the part
            parts[name] = False
    return parts


def is_well(name: str, found: bool | int) -> bool:
    """Whether a part is as it should be; ``outbox`` is an age in seconds, the others are or are not."""
    if name == "outbox":
        return found is not False and found <= OUTBOX_AGE_LIMIT
    return bool(found)


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True


def _broker() -> bool:
    with app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, timeout=2)
    return True


def _alive(who: str) -> bool:
    seen = cache.get(f"alive:{who}")
    return seen is not None and time.time() - seen < ALIVE_WITHIN


def _outbox_age() -> int:
    """Seconds since the oldest notice was due that nobody is sending: not taken up, or taken up by somebody who is gone."""
    now = datetime.now(UTC)
    oldest: datetime | None = Notification.objects.waiting(now).aggregate(oldest=Min("due_at"))["oldest"]
    return int((now - oldest).total_seconds()) if oldest else 0


CHECKS: dict[str, Callable[[], bool | int]] = {
    "database": _database,
    "broker": _broker,
    "worker": lambda: _alive("worker"),
    "beat": lambda: _alive("beat"),
    "outbox": _outbox_age,
}
