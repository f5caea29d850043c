"""What beat wakes. Each task reads the clock and calls one function; a lost message only means the next one does the work."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from booking.notifications.delivery import send_due
from booking.services.holds import release_expired


@shared_task
def send_due_notifications() -> None:
    send_due(timezone.now())


@shared_task
def expire_holds() -> None:
    release_expired(timezone.now())
