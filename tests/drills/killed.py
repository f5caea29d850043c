"""Workers that die while they send: nothing is lost, and what a client may have twice is counted."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

from django.core.mail.utils import DNS_NAME
from django.db import connection

from booking.enums import NotificationKind, NotificationState
from booking.models import Notification
from booking.notifications.delivery import send_due
from booking.notifications.reminders import queue_due
from booking.services.changes import cancel_sessions
from tests.figures import Figure
from tests.post_office import emptied, learn, mail_to, sessions_to_remind_of, sleepless_practice, staff, waiting
from tests.smtp_sink import KILLS, Sink, sink
from therapists.models import Treatment

REMINDERS = 10_000
KILL_EVERY = 5.0
LONGEST = 300.0
KILLS_PLACED = 1000


def figures() -> Iterator[Figure]:
    treatment = sleepless_practice()
    yield from a_worker_killed_every_five_seconds(treatment)
    emptied()
    yield from killed_between_the_answer_and_the_commit(treatment)
    emptied()


def a_worker_killed_every_five_seconds(treatment: Treatment) -> Iterator[Figure]:
    sessions_to_remind_of(treatment, REMINDERS, due=datetime.now(UTC))
    kills = 0
    with sink() as server, staff(4, 1, {"EMAIL_URL": server.url}) as workers:
        began = time.monotonic()
        while time.monotonic() - began < LONGEST and (waiting().exists() or Notification.objects.count() < REMINDERS):
            time.sleep(KILL_EVERY)
            workers[kills % len(workers)].kill()
            workers[kills % len(workers)].start()
            kills += 1
        took, stuck = time.monotonic() - began, set(waiting().values_list("pk", flat=True))
        copies = _copies(server)
    name = f"{REMINDERS:,} reminders, one of 4 workers killed every 5 s"
    yield Figure(f"{name}: kills", kills, ">= 10")
    yield Figure(f"{name}: seconds", took, f"<= {LONGEST:.0f}")
    yield Figure(f"{name}: lost", REMINDERS - len(copies.keys() | stuck), "== 0")
    yield Figure(f"{name}: stuck", len(stuck), "== 0")
    yield Figure(f"{name}: in doubt", sum(_doubts().values()), ">= 0")
    yield Figure(f"{name}: twice without a doubt", _beyond_doubt(copies), "== 0")


def killed_between_the_answer_and_the_commit(treatment: Treatment) -> Iterator[Figure]:
    """Every message kills its sender with the server's 250, once; three in ten are cancellations."""
    now = datetime.now(UTC)
    sessions = sessions_to_remind_of(treatment, KILLS_PLACED, due=now, address=f"client{{}}@{KILLS}".format)
    for session in [each for n, each in enumerate(sessions) if n % 10 < 3]:
        cancel_sessions([session], by=None, now=now)
    queue_due(now)
    learn(now)
    with sink() as server, mail_to(server):
        placed = sum(_sends_until_killed(now) for _ in sessions)
        _lease_is_over(now)
        send_due(now)
        copies = _copies(server)
    reminders = set(Notification.objects.filter(kind=NotificationKind.REMINDER).values_list("pk", flat=True))
    cancelled = Notification.objects.filter(kind=NotificationKind.CANCELLED)
    name = "killed between 250 and our commit"
    yield Figure(f"{name}: times", placed, f"== {KILLS_PLACED}")
    yield Figure(f"{name}: lost", len(sessions) - len(copies), "== 0")
    yield Figure(f"{name}: reminders sent twice", sum(copies[each] > 1 for each in reminders), ">= 0")
    yield Figure(f"{name}: twice without a doubt", _beyond_doubt(copies), "== 0")
    yield Figure(f"{name}: cancellations twice", sum(copies[each.pk] > 1 for each in cancelled), "== 0")
    unsure = cancelled.filter(state=NotificationState.UNSURE, doubts=1)
    yield Figure(f"{name}: cancellations the desk is not told of", len(cancelled) - len(unsure), "== 0")
    yield Figure(f"{name}: stuck", waiting().count(), "== 0")


def _sends_until_killed(now: datetime) -> bool:
    """Let a process send until it is killed; whether that left exactly one notice handed over and not marked."""
    _lease_is_over(now)
    connection.close()  # each process has its own
    child = os.fork()
    if child == 0:
        DNS_NAME._fqdn = str(os.getpid())
        send_due(now)
        os._exit(0)
    _pid, status = os.waitpid(child, 0)
    left = Notification.objects.filter(state=NotificationState.SENDING, handed_at__isnull=False)
    return os.WIFSIGNALED(status) and left.count() == 1


def _lease_is_over(now: datetime) -> None:
    Notification.objects.filter(state=NotificationState.SENDING).update(lease_until=now)


def _copies(server: Sink) -> Counter[UUID]:
    return Counter(taken.notice for taken in server.taken() if taken.notice)


def _doubts() -> dict[UUID, int]:
    return dict(Notification.objects.values_list("pk", "doubts"))


def _beyond_doubt(copies: Counter[UUID]) -> int:
    """Notices of which a client has more copies than the desk is told may be out there."""
    doubts = _doubts()
    return sum(count > 1 + doubts[notice] for notice, count in copies.items())
