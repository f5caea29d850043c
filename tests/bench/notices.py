"""How fast one process sends reminders, against a bare loop that sends one fixed message over one connection.

Both talk to the same server in turn. A reminder is claimed, checked, put in words (text, HTML with its style inlined, and an
invitation), noted as handed over, sent and marked; the message of the bare loop is one of them, written beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from smtplib import SMTP
from statistics import median
from time import perf_counter

from booking.models import Notification
from booking.notifications.delivery import send_due
from booking.notifications.reminders import queue_due
from booking.notifications.render import written
from tests.figures import Figure
from tests.post_office import mail_to, sessions_to_remind_of, sleepless_practice
from tests.smtp_sink import sink

REMINDERS = 10_000
BATCHES = 20


def figures() -> Iterator[Figure]:
    now = datetime.now(UTC)
    sessions_to_remind_of(sleepless_practice(), REMINDERS, due=now)
    began = perf_counter()
    queue_due(now)
    yield Figure(f"{REMINDERS:,} reminders found due and queued, seconds", perf_counter() - began, ">= 0")
    text = _one_message(now)
    size = REMINDERS // BATCHES
    rates: dict[str, list[float]] = {"ours": [], "bare": []}
    with sink() as server, mail_to(server), SMTP("127.0.0.1", server.port) as line:
        for _ in range(BATCHES):
            began = perf_counter()
            assert send_due(now, limit=size) == size
            rates["ours"].append(size / (perf_counter() - began))
            began = perf_counter()
            for _ in range(size):
                line.sendmail("desk@localhost", ["client@example.org"], text)
            rates["bare"].append(size / (perf_counter() - began))
        sent = {taken.notice for taken in server.taken()}
    ours, bare = median(rates["ours"]), median(rates["bare"])
    yield Figure("reminders sent by one process, a second", ours, ">= 0")
    yield Figure("fixed messages of a bare loop, a second", bare, ">= 0")
    yield Figure("rate of reminders / rate of fixed messages", ours / bare, ">= 0.4")
    yield Figure("reminders that did not arrive", REMINDERS - Notification.objects.filter(pk__in=sent).count(), "== 0")


def _one_message(now: datetime) -> bytes:
    message = written(Notification.objects.earliest("due_at"), now)
    assert message is not None
    assert message.email is not None
    return message.email.message().as_bytes(linesep="\r\n")
