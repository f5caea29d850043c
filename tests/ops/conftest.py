from __future__ import annotations

import pytest
import time_machine

from booking.models import Notification
from config import celery
from tests.booking.conftest import book, few_medicines, intake
from tests.booking.notifications.conftest import sink, unused_port

__all__ = ["book", "few_medicines", "intake", "sink", "unused_port"]  # fixtures


@pytest.fixture
def notice(book, now):
    """One notice, due now."""
    book()
    return Notification.objects.get()


@pytest.fixture
def alive(now, monkeypatch):
    """Worker and beat gave a sign of life."""

    def at(moment):
        monkeypatch.setattr(celery, "_last", {})
        with time_machine.travel(moment, tick=False):
            celery.sign_of_life("worker")
            celery.sign_of_life("beat")

    return at
