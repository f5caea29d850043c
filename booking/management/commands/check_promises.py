"""``manage.py check_promises``: proves that every booked session stands, or that somebody was told."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand

from booking.models import Appointment
from booking.services.promises import broken_promises
from booking.services.repairs import NIGHTLY, keep_promises


class Command(BaseCommand):
    help = "Finds sessions booked with somebody who is away or in a closed practice, and offers replacements. Exits 1 if any."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what was found, and change nothing")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        now = datetime.now(UTC)
        found = broken_promises(now)
        sessions = Appointment.objects.filter(pk__in=found).select_related("client", "therapist").order_by("starts_at")
        for session in sessions:
            self.stdout.write(
                f"{session} {session.zone}, {session.therapist}: {found[session.pk].rule}, appointment {session.pk}"
            )
        if found and not dry_run:
            keep_promises(by=None, now=now, cause=str(NIGHTLY))
        self.stdout.write(
            f"sessions that nobody had seen to: {len(found)}" + (" (dry run, nothing changed)" if found and dry_run else "")
        )
        if found:
            sys.exit(1)
