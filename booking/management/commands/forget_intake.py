"""``manage.py forget_intake``: delete answers and notes that are kept no longer, or say which."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from booking.services.asking import clients_here_since
from booking.services.audit import forget_told
from booking.services.notes import forget_notes
from clients.services.retention import forget


class Command(BaseCommand):
    help = "Deletes forms, answers, notes and the audit's reasons that are older than the practice keeps them; runs every night."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would be deleted")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        now = timezone.now()
        report = forget(now=now, here_since=clients_here_since, dry_run=dry_run)
        notes = forget_notes(now=now, dry_run=dry_run)
        told = forget_told(now=now, dry_run=dry_run)
        verb = "would be deleted" if dry_run else "deleted"
        self.stdout.write(
            f"{report.drafts} unfinished forms and {report.responses} sent ones of {report.clients} clients, "
            f"{notes} session notes, and the reasons and addresses of {told} audit entries {verb}."
        )
