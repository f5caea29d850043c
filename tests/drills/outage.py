"""What notices depend on goes away or misbehaves: the broker, beat, the mail server. All leave, once, and soon after."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import pairwise
from math import inf
from pathlib import Path

from django.core.cache import cache
from redis import Redis

from booking.enums import NotificationState
from booking.models import Notification
from booking.notifications.delivery import send_due
from booking.notifications.reminders import queue_due
from config.local import servers
from tests.factories import NoticeRuleFactory
from tests.figures import Figure
from tests.post_office import DAY, HALF_HOUR, emptied, mail_to, sessions_to_remind_of, sleepless_practice, staff, until, waiting
from tests.smtp_sink import DISLIKES, HANGS, LATER, NOBODY, SLOW, SLOW_PERSON, Sink, sink
from therapists.models import Treatment

LOT = 1000
FLUSH_EVERY = 10.0
AWAY = 20.0
GOOD = "example.org"


def figures() -> Iterator[Figure]:
    treatment = sleepless_practice()
    for drill in (the_broker_forgets_and_goes, three_beats, beat_dead_for_an_hour, a_mail_server_at_its_worst):
        yield from drill(treatment)
        emptied()


def the_broker_forgets_and_goes(treatment: Treatment) -> Iterator[Figure]:
    home = Path(tempfile.mkdtemp(prefix="unknot-"))
    with sink() as server, ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        broker = stack.enter_context(ExitStack())
        addresses, pid = broker.enter_context(servers.valkey(home / "valkey", durable=False))
        stack.enter_context(staff(2, 1, addresses | {"EMAIL_URL": server.url}))
        until(lambda: Redis.from_url(addresses["CACHE_URL"]).exists(":1:alive:worker") == 1, within=60)

        sessions_to_remind_of(treatment, LOT, due=datetime.now(UTC))
        flushes = 0
        while flushes < 3 or (waiting().exists() and flushes < 30):
            time.sleep(FLUSH_EVERY)
            Redis.from_url(addresses["CACHE_URL"]).flushall()
            flushes += 1
        yield Figure("Valkey emptied every 10 s: times", flushes, ">= 3")
        yield from _all_once("Valkey emptied every 10 s", server, LOT)

        os.kill(pid, signal.SIGKILL)
        sessions_to_remind_of(treatment, LOT, due=datetime.now(UTC) - 4 * HALF_HOUR)
        time.sleep(AWAY)
        yield Figure("Valkey gone: sent meanwhile of what came due then", len(server.taken()) - LOT, ">= 0")
        broker.close()
        shutil.rmtree(home / "valkey")
        broker.enter_context(servers.valkey(home / "valkey", durable=False))
        took = until(lambda: Notification.objects.count() == 2 * LOT and not waiting().exists(), within=180)
        yield Figure("Valkey back, and empty: seconds until all had left", took, "<= 120")
        yield from _all_once("Valkey gone and back", server, 2 * LOT)


def three_beats(treatment: Treatment) -> Iterator[Figure]:
    with sink() as server, staff(2, 3, {"EMAIL_URL": server.url}):
        sessions_to_remind_of(treatment, LOT, due=datetime.now(UTC))
        until(lambda: Notification.objects.count() == LOT and not waiting().exists(), within=120)
        yield from _all_once("three beats", server, LOT)


def beat_dead_for_an_hour(treatment: Treatment) -> Iterator[Figure]:
    """At four o'clock beat dies, at five it is back; reminders of sessions that began meanwhile are no use any more."""
    five = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    near = NoticeRuleFactory(location=treatment.location, lead=HALF_HOUR)
    sessions_to_remind_of(treatment, 500, due=five)
    begun = sessions_to_remind_of(treatment, 300, due=five - DAY)
    sessions_to_remind_of(treatment, 200, due=five - DAY + HALF_HOUR)
    old = five - 2 * HALF_HOUR
    queue_due(old)
    Notification.objects.filter(due_at__lte=old).update(state=NotificationState.SENT)
    with sink() as server, mail_to(server):
        queue_due(five)
        backlog = list(Notification.objects.filter(state=NotificationState.QUEUED).order_by("due_at"))
        sent = send_due(five, limit=10_000) + send_due(five, limit=10_000)
        taken = [each.notice for each in server.taken()]
    due = {notice.pk: notice for notice in backlog}
    order = [due[notice].due_at for notice in taken if notice]
    stale = Notification.objects.filter(appointment__in=begun, pk__in=taken)
    near.delete()
    yield Figure("beat dead for an hour: the useful ones", len(backlog), ">= 100")
    yield Figure("beat dead for an hour: not sent exactly once", len(backlog) - sent + len(taken) - len(set(taken)), "== 0")
    yield Figure("beat dead for an hour: sent before an older one", sum(a > b for a, b in pairwise(order)), "== 0")
    yield Figure("beat dead for an hour: stale ones sent", stale.count(), "== 0")
    missed = Notification.objects.filter(state=NotificationState.MISSED)
    yield Figure("beat dead for an hour: missed, for the desk to see", missed.count(), ">= 1")


def a_mail_server_at_its_worst(treatment: Treatment) -> Iterator[Figure]:
    """Of a thousand addresses one in ten is slow, some hang after the text, some are refused for now or for good.

    The slow ones are of a provider of their own, but for a few that are at the one where nearly everybody is.
    """
    with sink() as server, staff(4, 1, {"EMAIL_URL": server.url}):
        until(lambda: cache.get("alive:worker") is not None, within=60)
        began = time.time()
        sessions_to_remind_of(treatment, LOT, due=datetime.now(UTC), address=_address)
        others = {_address(n) for n in range(LOT) if _address(n).endswith(GOOD)}
        until(lambda: others <= {each.recipient for each in server.taken()}, within=120)
        took = {each.recipient: each.at - began for each in server.taken()}
        yield Figure("mail server at its worst: the others", len(others), ">= 800")
        in_time = sum(took.get(address, inf) <= 60 for address in others)
        yield Figure("mail server at its worst: of the others within 60 s", in_time / len(others), ">= 0.95")
        taken = Counter(each.notice for each in server.taken() if each.recipient in others)
        yield Figure("mail server at its worst: others written to twice", sum(n > 1 for n in taken.values()), "== 0")
    refused = Notification.objects.filter(recipient__endswith=NOBODY) | Notification.objects.filter(recipient__endswith=DISLIKES)
    failed = refused.filter(state=NotificationState.FAILED)
    yield Figure("mail server at its worst: refused for good and still tried", len(refused) - len(failed), "== 0")
    put_off = Notification.objects.filter(recipient__endswith=LATER)
    yield Figure("mail server at its worst: refused for now and tried", put_off.filter(attempts__gte=1).count(), ">= 1")
    given_up = put_off.exclude(state__in=(NotificationState.QUEUED, NotificationState.SENDING))
    yield Figure("mail server at its worst: refused for now and given up", given_up.count(), "== 0")


def _address(n: int) -> str:
    """Of 1000: 90 at a slow provider and 10 slow ones among the others, 10 that hang, 30 put off, 30 and 20 refused."""
    kind = n % 100
    if kind < 9:
        return f"client{n}@{SLOW}"
    if kind == 9:
        return f"{SLOW_PERSON}{n}@{GOOD}"
    if kind == 10:
        return f"client{n}@{HANGS}"
    if kind in (11, 12, 13):
        return f"client{n}@{LATER}"
    if kind in (14, 15, 16):
        return f"client{n}@{NOBODY}"
    return f"client{n}@{DISLIKES if kind in (17, 18) else GOOD}"


def _all_once(name: str, server: Sink, count: int) -> Iterator[Figure]:
    copies = Counter(taken.notice for taken in server.taken())
    yield Figure(f"{name}: lost", count - len(copies), "== 0")
    yield Figure(f"{name}: twice", sum(n > 1 for n in copies.values()), "== 0")
