"""Sessions cancelled or moved at the very moment their reminder leaves: once the client reads so, no old reminder leaves."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from queue import SimpleQueue
from random import Random
from threading import Thread
from typing import NamedTuple, NoReturn
from uuid import UUID

from django.db import connection, connections
from django.utils import timezone

from booking.enums import NotificationKind, NotificationState
from booking.exceptions import BookingError
from booking.models import Appointment, Notification
from booking.notifications.delivery import send_due
from booking.notifications.reminders import queue_due
from booking.services.changes import UNDO_LASTS, Move, cancel_sessions, move_sessions
from tests.factories import WorkingHoursFactory
from tests.figures import Figure
from tests.http_crowd import deadlocks
from tests.post_office import emptied, learn, mail_to, sessions_to_remind_of, sleepless_practice
from tests.smtp_sink import sink
from therapists.models import Treatment, WorkingHours

SESSIONS = 2000
A_SECOND = 20  # reminders that come due
AROUND = 2.0  # seconds between a reminder and what is done to its session, at most
PEOPLE = 4
WEEK = timedelta(weeks=1)


class Plan(NamedTuple):
    """Cancel or move a session at a moment (seconds since 1970)."""

    at: float
    notice: UUID
    session: Appointment
    is_move: bool


class Done(NamedTuple):
    """``at``: when the page could be shown. ``handed_over``: its reminder was with the mail server then, or had left."""

    at: float
    late: float
    notice: UUID
    handed_over: bool


def figures() -> Iterator[Figure]:
    treatment = sleepless_practice()
    yield from changed_while_a_reminder_leaves(treatment)
    emptied()


def changed_while_a_reminder_leaves(treatment: Treatment) -> Iterator[Figure]:
    WorkingHours.objects.bulk_create(
        WorkingHoursFactory.build(therapist=person, weekday=day, opens="00:00", closes="23:50")
        for person in treatment.therapists.all()
        for day in range(7)
    )
    now = datetime.now(UTC)
    sessions = sessions_to_remind_of(treatment, SESSIONS, due=now)
    queue_due(now)
    Notification.objects.update(due_at=now + WEEK)
    learn(now)
    before = deadlocks()
    with sink() as server, mail_to(server), _senders(2):
        done = _carried_out(sessions, Random(5))
        time.sleep(AROUND)
        left = {taken.notice: taken.at for taken in server.taken()}
    after = [each for each in done if left.get(each.notice, 0.0) > each.at]
    name = "changed within 2 s of its reminder"
    yield Figure(f"{name}: sessions", len(done), f">= {SESSIONS}")
    yield Figure(f"{name}: changed later than that, on this machine", sum(each.late > 1 for each in done), ">= 0")
    yield Figure(f"{name}: the reminder had left before", sum(left.get(each.notice, each.at) < each.at for each in done), ">= 1")
    yield Figure(f"{name}: it never left", sum(each.notice not in left for each in done), ">= 1")
    yield Figure(f"{name}: it was inside SMTP", sum(each.handed_over for each in after), ">= 0")
    yield Figure(f"{name}: it left afterwards", sum(not each.handed_over for each in after), "== 0")
    yield Figure(f"{name}: deadlocks that PostgreSQL saw", deadlocks() - before, "== 0")


@contextmanager
def _senders(count: int) -> Iterator[None]:
    """Processes that send whatever is due, without a pause."""
    connection.close()  # each has its own
    children = []
    for _ in range(count):
        child = os.fork()
        if child == 0:
            _send_for_ever()
        children.append(child)
    try:
        yield
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _send_for_ever() -> NoReturn:
    try:
        while True:
            send_due(timezone.now())
            time.sleep(0.02)
    finally:
        os._exit(1)


def _carried_out(sessions: Iterable[Appointment], random: Random) -> list[Done]:
    """Let reminders come due one by one, as fast as the senders and the people who change the sessions get on."""
    notices = dict(Notification.objects.filter(kind=NotificationKind.REMINDER).values_list("appointment", "pk"))
    left = deque(sessions)
    planned: list[Plan] = []
    to_do: SimpleQueue[Plan | None] = SimpleQueue()
    done: list[Done] = []
    people = [Thread(target=_carry_out, args=(to_do, done)) for _ in range(PEOPLE)]
    for person in people:
        person.start()
    last = 0.0
    while left or planned:
        now = time.time()
        if left and now - last > 1 / A_SECOND and to_do.empty() and not _is_behind():
            session, due, last = left.popleft(), now + AROUND + 0.1, now
            Notification.objects.filter(pk=notices[session.pk]).update(due_at=datetime.fromtimestamp(due, UTC))
            at = due + random.uniform(-AROUND, AROUND)
            heappush(planned, Plan(at, notices[session.pk], session, random.random() < 0.5))
        while planned and planned[0].at <= time.time():
            to_do.put(heappop(planned))
        time.sleep(0.002)
    for _ in people:
        to_do.put(None)
    for person in people:
        person.join()
    return done


def _is_behind() -> bool:
    """Whether the senders have yet to send what came due a while ago."""
    return Notification.objects.due(timezone.now() - timedelta(seconds=AROUND / 4)).exists()


def _carry_out(to_do: SimpleQueue[Plan | None], done: list[Done]) -> None:
    while (plan := to_do.get()) is not None:
        _change(plan)
        shown = time.time()
        done.append(Done(shown, shown - plan.at, plan.notice, _is_handed_over(plan.notice)))
    connections.close_all()


def _change(plan: Plan) -> None:
    now, session = timezone.now(), plan.session
    try:
        if plan.is_move:
            there = Move(session, session.therapist_id, session.starts_at + WEEK)
            move_sessions([there], by=None, now=now, practice_initiated=True, undo_for=UNDO_LASTS)
            return
    except BookingError:
        pass  # a holiday or the edge of the day; then it is cancelled instead
    cancel_sessions([session], by=None, now=now, practice_initiated=True, undo_for=UNDO_LASTS)


def _is_handed_over(notice: UUID) -> bool:
    row = Notification.objects.get(pk=notice)
    return row.state == NotificationState.SENT or row.handed_at is not None
