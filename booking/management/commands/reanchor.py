"""``manage.py reanchor``: run it after the zone database was updated."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand

from booking.models import Appointment
from booking.services.reanchor import reanchor_appointments


class Command(BaseCommand):
    help = "Recomputes the instants of future appointments from their wall time, after a change of the zone database."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would move, and change nothing")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        report = reanchor_appointments(now=datetime.now(UTC), dry_run=dry_run)
        for shift in report.moved:
            self.stdout.write(f"moved by {shift.by}: {describe(shift.appointment)}")
        for shift in report.clashes:
            self.stdout.write(f"CLASH, not moved by {shift.by}: {describe(shift.appointment)}")
        for appointment in report.gone:
            self.stdout.write(f"NO SUCH TIME any more: {describe(appointment)}")
        self.stdout.write(
            f"{len(report.moved)} moved, {len(report.clashes)} clashes, {len(report.gone)} without a time"
            + (" (dry run, nothing changed)" if dry_run else "")
        )


def describe(appointment: Appointment) -> str:
    where = f"{appointment.local_date} {appointment.local_time:%H:%M} {appointment.zone}"
    return f"{where}, therapist {appointment.therapist_id}, appointment {appointment.pk}"
