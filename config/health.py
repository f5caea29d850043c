"""``/healthz``: this process answers. ``/readyz``: what it needs, part by part."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version

from django.core.cache import cache
from django.db import connection
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
    parts: dict[str, object] = {}
    for name, check in CHECKS.items():
        try:
            parts[name] = check()
        except Exception:  # whatever a broken part raises, the answer names the part
            parts[name] = False
    age = parts["outbox"]
    parts["tzdata"] = version("tzdata")
    fresh = age is not False and isinstance(age, int) and age <= OUTBOX_AGE_LIMIT
    ready = fresh and all(parts[name] for name in ("database", "broker", "worker", "beat"))
    return JsonResponse(parts, status=200 if ready else 503)


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
    now = datetime.now(UTC)
    oldest = Notification.objects.filter(state=Notification.State.QUEUED, due_at__lte=now).order_by("due_at").first()
    return int((now - oldest.due_at).total_seconds()) if oldest else 0


CHECKS: dict[str, Callable[[], bool | int]] = {
    "database": _database,
    "broker": _broker,
    "worker": lambda: _alive("worker"),
    "beat": lambda: _alive("beat"),
    "outbox": _outbox_age,
}
