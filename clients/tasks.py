"""What beat wakes in this app; thin, as every task."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone

from clients.services.retention import forget

log = structlog.get_logger(__name__)


@shared_task
def forget_old_answers() -> None:
    report = forget(now=timezone.now())
    log.warning("answers_forgotten", drafts=report.drafts, responses=report.responses, clients=report.clients)
