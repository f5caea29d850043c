"""``manage.py load_intake``: the questionnaire's first version, the medicines and the parts of the body."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from clients.services.questionnaires import QuestionnaireRefused, load_questionnaire
from clients.services.reference import SHIPPED, ReferenceRefused, load_reference


class Command(BaseCommand):
    help = "Loads the questionnaire and its reference data; what is there already stays, so it can run at every start."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--folder", type=Path, default=SHIPPED, help="where the files are, if not those that ship with the app"
        )

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        try:
            with transaction.atomic():
                changes = load_reference(folder)
                questionnaire, new = load_questionnaire((folder / "intake_questionnaire.json").read_text(encoding="utf-8"))
        except (QuestionnaireRefused, ReferenceRefused) as refusal:
            raise CommandError(f"Nothing was loaded:\n{refusal}") from None
        if new or any(changes.values()):
            self.stdout.write(
                f"Questionnaire version {questionnaire.version} {'loaded' if new else 'is there already'}; changed rows: "
                + ", ".join(f"{count} {name}" for name, count in changes.items())
            )
