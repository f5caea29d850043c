"""How fast the audit is sealed and verified."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from time import perf_counter

from booking.models import AuditEntry
from booking.services.audit import seal, verify
from tests.factories import AppointmentFactory
from tests.figures import Figure

ENTRIES = 50_000


def figures() -> Iterator[Figure]:
    session, now = AppointmentFactory(), datetime.now(UTC)
    facts = {"appointment": session, "action": "moved", "at": now, "before": session.facts(), "after": session.facts()}
    AuditEntry.objects.bulk_create((AuditEntry(**facts) for _ in range(ENTRIES)), batch_size=5_000)
    began = perf_counter()
    sealed = seal()
    yield Figure("audit entries sealed, a second", sealed / (perf_counter() - began), ">= 1000")
    began = perf_counter()
    report = verify()
    yield Figure("audit entries verified, a second", report.sealed / (perf_counter() - began), ">= 5000")
    yield Figure("audit: findings in what nobody touched", len(report.findings), "== 0")
