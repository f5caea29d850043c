"""``manage.py backup <file>``: the whole database, encrypted, in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from config.backup import BackupRefused, Database, back_up, key_from


class Command(BaseCommand):
    help = "Writes the whole database into one encrypted file, with its SHA-256 beside it. Everything goes on meanwhile."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            digest = back_up(Database.of(connection.settings_dict), file, key_from(settings.BACKUP_KEY))
        except (BackupRefused, OSError) as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"{file}: {file.stat().st_size:,} bytes, SHA-256 {digest}")
