"""Starting over between two drills, which the audit lets nobody do: for superusers of a throw-away database only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from booking.models import Appointment, AuditEntry, AuditSeal


@contextmanager
def no_triggers() -> Iterator[None]:
    """Let this connection write anything, as nobody may who runs a practice."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield
        cursor.execute("SET LOCAL session_replication_role = origin")


def forget_sessions(**which: object) -> None:
    """Delete sessions with all that was written down about them."""
    with no_triggers():
        gone = Appointment.objects.filter(**which)
        AuditSeal.objects.filter(entry__in=AuditEntry.objects.filter(appointment__in=gone).values("pk")).delete()
        AuditEntry.objects.filter(appointment__in=gone).delete()
        gone.delete()
