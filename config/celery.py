"""The Celery app, the static table of what beat wakes and how often, and the signs of life of both."""

from __future__ import annotations

import os
import time
from typing import Any

from celery import Celery, signals
from celery.schedules import crontab
from redis.exceptions import RedisError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

app = Celery("unknot")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "queue due notices": {"task": "booking.tasks.queue_due_notifications", "schedule": 15, "options": {"expires": 15}},
    "queue mail to the practice": {
        "task": "booking.tasks.queue_mail_to_the_practice",
        "schedule": 60,
        "options": {"expires": 60},
    },
    "send due notices": {"task": "booking.tasks.send_due_notifications", "schedule": 5, "options": {"expires": 5}},
    "clear expired holds": {"task": "booking.tasks.expire_holds", "schedule": 60, "options": {"expires": 60}},
    "end unanswered offers": {"task": "booking.tasks.end_unanswered_offers", "schedule": 5, "options": {"expires": 5}},
    "offer freed times": {"task": "booking.tasks.offer_freed_times", "schedule": 5, "options": {"expires": 5}},
    "tell of unanswered repairs": {
        "task": "booking.tasks.tell_of_unanswered_repairs",
        "schedule": 60,
        "options": {"expires": 60},
    },
    "seal the audit": {"task": "booking.tasks.seal_audit", "schedule": 60, "options": {"expires": 60}},
    "weigh answers": {"task": "booking.tasks.weigh_answers", "schedule": crontab(hour="1", minute="10")},
    "escalate decisions": {
        "task": "booking.tasks.escalate_decisions",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "lock unsigned notes": {
        "task": "booking.tasks.lock_unsigned_notes",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "check promises": {"task": "booking.tasks.check_promises", "schedule": crontab(hour="2", minute="40")},
    "forget old answers": {
        "task": "booking.tasks.forget_old_answers",
        "schedule": crontab(hour=3, minute=20),
        "options": {"expires": 3600},
    },
    "purge old copies of notices": {
        "task": "booking.tasks.purge_old_copies",
        "schedule": crontab(hour=3, minute=50),
        "options": {"expires": 3600},
    },
}

SIGN_OF_LIFE_EVERY = 5  # seconds


def sign_of_life(who: str) -> None:
    """Leave the time in the cache for /readyz; a cache that is away is /readyz's own finding."""
    from django.core.cache import cache  # settings are not loaded when this module is imported

    if time.monotonic() - _last.get(who, float("-inf")) < SIGN_OF_LIFE_EVERY:
        return
    _last[who] = time.monotonic()
    try:
        cache.set(f"alive:{who}", time.time(), timeout=None)
    except RedisError:
        return


_last: dict[str, float] = {}


@signals.heartbeat_sent.connect
def worker_is_alive(**kwargs: Any) -> None:
    sign_of_life("worker")


@signals.beat_init.connect
def beat_publishes_from_here(**kwargs: Any) -> None:
    signals.before_task_publish.connect(beat_is_alive)


def beat_is_alive(**kwargs: Any) -> None:
    sign_of_life("beat")
