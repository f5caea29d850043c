"""Forgetting: unfinished forms after weeks, sent ones years after the last session."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import pgtrigger
from django.conf import settings
from django.db import transaction
from django.db.models import Max, Q

from clients.models import SUBMITTED_STAYS, Client, Response


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much was, or in a dry run would be, deleted."""

    drafts: int
    responses: int
    clients: int


def forget(*, now: datetime, here_since: Callable[[datetime], Collection[UUID]], dry_run: bool = False) -> Forgotten:
    """Delete drafts nobody saved for INTAKE_KEEP_DRAFTS_DAYS, and all answers of clients who were last here, or last sent
    something, more than INTAKE_KEEP_YEARS ago. Consents stay: they say what was agreed to and hold no answer.

    ``here_since`` names the clients with a session at or after a moment, those ahead included.
    """
    drafts = Response.objects.drafts().filter(saved_at__lt=now - timedelta(days=settings.INTAKE_KEEP_DRAFTS_DAYS))
    limit = years_ago(now, settings.INTAKE_KEEP_YEARS)
    old = _silent_since(limit) - set(here_since(limit))
    responses = Response.objects.submitted().filter(client__in=old)
    report = Forgotten(drafts.count(), responses.count(), len(old))
    if not dry_run:
        with transaction.atomic(), pgtrigger.ignore(SUBMITTED_STAYS):
            drafts.delete()
            responses.delete()
    return report


def _silent_since(limit: datetime) -> set[UUID]:
    """Clients with answers who sent the last of them before ``limit``."""
    sent = Q(responses__state=Response.State.SUBMITTED)
    found = Client.objects.filter(sent).annotate(latest=Max("responses__submitted_at")).filter(latest__lt=limit)
    return set(found.values_list("pk", flat=True))


def years_ago(now: datetime, years: int) -> datetime:
    """The same day and time, years ago; the last of February for the 29th."""
    try:
        return now.replace(year=now.year - years)
    except ValueError:
        return now.replace(year=now.year - years, day=28)
