"""``manage.py reseal``: seal everything that is sealed with the first key of INTAKE_KEYS."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from clients.crypto import CannotOpen
from clients.services.keys import reseal


class Command(BaseCommand):
    help = (
        "Seals health answers, notes and the secrets of second factors anew with the first key of INTAKE_KEYS. "
        "Runs beside everything else, and goes on after a stop."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        changed = 0
        try:
            for count in reseal():
                changed += count
        except CannotOpen as fault:
            raise CommandError(f"{changed} values were sealed anew, then one could not be opened: {fault}") from None
        self.stdout.write(f"{changed} values sealed anew. Keys that are not the first can be taken out of INTAKE_KEYS now.")
