"""Forgetting: unfinished forms after weeks, sent ones years after the last session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import pgtrigger
from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, Max, Q
from django.db.models.functions import Cast, Coalesce, Greatest

from clients.models import SUBMITTED_STAYS, Client, Response


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much was, or in a dry run would be, deleted."""

    drafts: int
    responses: int
    clients: int


def forget(*, now: datetime, dry_run: bool = False) -> Forgotten:
    """Delete drafts nobody saved for INTAKE_KEEP_DRAFTS_DAYS, and all answers of clients who were last here, or last sent
    something, more than INTAKE_KEEP_YEARS ago. Consents stay: they say what was agreed to and hold no answer.
    """
    drafts = Response.objects.drafts().filter(saved_at__lt=now - timedelta(days=settings.INTAKE_KEEP_DRAFTS_DAYS))
    old = _clients_last_here_before(_years_ago(now, settings.INTAKE_KEEP_YEARS))
    responses = Response.objects.submitted().filter(client__in=old)
    report = Forgotten(drafts.count(), responses.count(), len(old))
    if not dry_run:
        with transaction.atomic(), pgtrigger.ignore(SUBMITTED_STAYS):
            drafts.delete()
            responses.delete()
    return report


def _clients_last_here_before(limit: datetime) -> list[UUID]:
    """Clients with answers, whose latest session or sending lies before ``limit``."""
    on = Cast("responses__session_on", DateTimeField())
    latest = Max(Greatest("responses__submitted_at", Coalesce(on, "responses__submitted_at")))
    sent = Q(responses__state=Response.State.SUBMITTED)
    found = Client.objects.filter(sent).annotate(latest=latest).filter(latest__lt=limit)
    return list(found.values_list("pk", flat=True))


def _years_ago(now: datetime, years: int) -> datetime:
    """The same day and time, years ago; the last of February for the 29th."""
    try:
        return now.replace(year=now.year - years)
    except ValueError:
        return now.replace(year=now.year - years, day=28)
