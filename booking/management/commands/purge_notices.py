"""``manage.py purge_notices``: empty the copies of notices that are kept no longer, or say how many."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from booking.services.retention import purge_copies


class Command(BaseCommand):
    help = "Empties the text of notices older than the practice keeps them. Runs every night by itself."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would be emptied")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        report = purge_copies(now=timezone.now(), dry_run=dry_run)
        verb = "would be emptied" if dry_run else "emptied"
        self.stdout.write(f"{report.notices} copies of notices and {report.earlier} earlier ones {verb}.")
