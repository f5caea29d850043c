"""``manage.py restore <file>``: put a backup into an empty database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from config.backup import BackupRefused, Database, key_from, restore


class Command(BaseCommand):
    help = "Puts a backup into the database that DATABASE_URL names, which must be empty. All of it, or nothing."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            restore(file, Database.of(connection.settings_dict), key_from(settings.BACKUP_KEY))
        except (BackupRefused, OSError) as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"The database holds what {file} held. If the app is newer, run manage.py migrate.")
