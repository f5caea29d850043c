"""Many reminders at once for drills and benchmarks, and the real processes that send them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time as clock
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from pathlib import Path

from django.db.models import QuerySet
from django.test import override_settings

from booking.enums import NotificationState
from booking.models import Appointment, Change, FreedTime, NoticeRule, Notification
from booking.notifications.render import written
from clients.models import Client
from tests.factories import LocationFactory, NoticeRuleFactory, TreatmentFactory
from tests.http_crowd import ROOT, environment
from tests.rewound import forget_sessions
from tests.smtp_sink import Sink
from therapists.models import Location, Room, Therapist, Treatment

DAY = timedelta(days=1)
HALF_HOUR = timedelta(minutes=30)
LENGTH = timedelta(minutes=10)
AT_ONCE = 100  # sessions that begin at the same minute


def sleepless_practice() -> Treatment:
    """A place without quiet hours, so that it reminds at any hour of a drill: 24 hours before."""
    location = LocationFactory(address="Linden Street 14", directions="The lift is on the left")
    Location.objects.filter(pk=location.pk).update(quiet_from=time(0), quiet_until=time(0))
    location.refresh_from_db()
    NoticeRule.objects.all().delete()
    NoticeRuleFactory(location=location, lead=DAY)
    people = Therapist.objects.bulk_create(Therapist(location=location, name=f"Tess {n:03}") for n in range(AT_ONCE))
    rooms = Room.objects.bulk_create(Room(location=location, name=f"Room {n:03}") for n in range(AT_ONCE))
    return TreatmentFactory(location=location, by=people, in_rooms=rooms, length=LENGTH, turnaround=timedelta(0))


def sessions_to_remind_of(
    treatment: Treatment,
    count: int,
    *,
    due: datetime,
    address: Callable[[int], str] = "client{}@example.org".format,
) -> list[Appointment]:
    """Sessions of as many clients, whose reminders come due one after the other and the last one at ``due``."""
    people, rooms = list(treatment.therapists.order_by("name")), list(treatment.rooms.order_by("name"))
    clients = Client.objects.bulk_create(Client(name=f"Ada Okafor {n}", email=address(n)) for n in range(count))
    last = (due + DAY).replace(second=0, microsecond=0)
    sessions = []
    for n, client in enumerate(clients):
        starts_at = last - ((count - 1) // AT_ONCE - n // AT_ONCE) * LENGTH
        local = starts_at.astimezone(treatment.location.tz)
        sessions.append(
            Appointment(
                client=client,
                therapist=people[n % AT_ONCE],
                treatment=treatment,
                room=rooms[n % AT_ONCE],
                zone=treatment.location.zone,
                local_date=local.date(),
                local_time=local.time(),
                starts_at=starts_at,
                ends_at=starts_at + LENGTH,
                blocked_from=starts_at,
                blocked_until=starts_at + LENGTH,
                price=treatment.price,
                created_at=due - 30 * DAY,
            )
        )
    return Appointment.objects.bulk_create(sessions, batch_size=1000)


def waiting() -> QuerySet[Notification]:
    """Notices that are yet to leave, or are leaving."""
    return Notification.objects.filter(state__in=(NotificationState.QUEUED, NotificationState.SENDING))


class Celery:
    """One worker, or one beat, as in production and on the data of this run."""

    def __init__(self, *words: str, given: Mapping[str, str]) -> None:
        self._command = [sys.executable, "-m", "celery", "-A", "config.celery", *words, "--loglevel", "ERROR"]
        self._environment = environment("config.settings.local") | given
        self.start()

    def start(self) -> None:
        # a session of its own, so that a kill meets the worker and its children alike, as when a machine dies
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # what it says of an outage is expected
            start_new_session=True,
        )

    def kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def worker(given: Mapping[str, str]) -> Celery:
    return Celery("worker", "--concurrency", "1", "--without-gossip", "--without-mingle", given=given)


def beat(given: Mapping[str, str], folder: Path) -> Celery:
    return Celery("beat", "--pidfile=", "--schedule", str(folder / "schedule"), given=given)


@contextmanager
def staff(workers: int, beats: int, given: Mapping[str, str]) -> Iterator[list[Celery]]:
    """Workers and beats until the end of the block; yields the workers."""
    with tempfile.TemporaryDirectory() as home:
        folders = [Path(tempfile.mkdtemp(dir=home)) for _ in range(beats)]
        at_work = [worker(given) for _ in range(workers)]
        beating = [beat(given, folder) for folder in folders]
        try:
            yield at_work
        finally:
            for each in (*beating, *at_work):
                each.kill()


def until(done: Callable[[], bool], *, within: float, every: float = 0.25) -> float:
    """Wait until something holds, but no longer; how many seconds that took."""
    began = clock.monotonic()
    while not done() and clock.monotonic() - began < within:
        clock.sleep(every)
    return clock.monotonic() - began


def emptied() -> None:
    """The practice without sessions and notices, for the next drill."""
    for model in (Notification, FreedTime):
        model.objects.all().delete()
    forget_sessions()
    Change.objects.all().delete()


def learn(now: datetime) -> None:
    """What a worker learns with its first message of a kind, before it is copied."""
    for notice in Notification.objects.distinct("kind").order_by("kind"):
        written(notice, now)


@contextmanager
def mail_to(server: Sink) -> Iterator[None]:
    """Let this process send its mail there."""
    with override_settings(
        EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend", EMAIL_HOST="127.0.0.1", EMAIL_PORT=server.port
    ):
        yield
