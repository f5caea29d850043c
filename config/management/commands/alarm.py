"""``manage.py alarm``: for cron or a timer outside of everything that could be down."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from config.alarm import Told, tell, what_is_wrong


class Command(BaseCommand):
    help = "Looks whether anything is wrong, writes to ALARM_MAIL if so, and exits 1 with the reasons on stderr."
    # a setting that is wrong must not keep it from telling what else is
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        now = datetime.now(UTC)
        reasons = what_is_wrong(now)
        for text in reasons.values():
            self.stderr.write(text)
        try:
            tell(reasons, Told.read(settings.ALARM_FILE), now).write(settings.ALARM_FILE)
        except (OSError, ValueError) as fault:
            self.stderr.write(f"The alarm could not be sent or remembered: {type(fault).__name__}: {fault}")
            sys.exit(1)
        if reasons:
            sys.exit(1)
