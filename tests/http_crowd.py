"""A crowd over real HTTP: gunicorn on the loopback as in production, and clients that all press at once."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection

from booking.access import OWNER_KEY
from booking.enums import BLOCKING
from booking.models import Appointment
from clients.models import Client
from tests.factories import ClientFactory

ROOT = Path(__file__).resolve().parents[1]
TOKEN = "a" * 32  # the same in cookie and form is all the protection against forgery asks for


def environment(settings_module: str) -> dict[str, str]:
    """That of a process of its own on the database of this run."""
    given = urlsplit(os.environ["DATABASE_URL"])
    return os.environ | {
        "DATABASE_URL": given._replace(path="/" + connection.settings_dict["NAME"]).geturl(),
        "DJANGO_SETTINGS_MODULE": settings_module,
        "SECRET_KEY": settings.SECRET_KEY,
        "LOG_LEVEL": "ERROR",  # refusals are counted, not read
        "INTAKE_KEYS": settings.INTAKE_KEYS,
    }


@contextmanager
def web() -> Iterator[int]:
    """Two processes of four threads on the database of this run; yields the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--no-control-socket", "--log-level", "error"]
    command += ["--worker-class", "gthread", "--workers", "2", "--threads", "4", "--backlog", "1024"]
    server = subprocess.Popen([*command, "--bind", f"127.0.0.1:{port}"], cwd=ROOT, env=environment("tests.bench_settings"))
    try:
        for _ in range(200):
            try:
                if request(port, "GET", "/healthz").status == 200:
                    break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait()


@dataclass(frozen=True)
class Answer:
    status: int
    location: str
    seconds: float


def request(port: int, method: str, path: str, *, session: str = "", form: dict[str, object] | None = None) -> Answer:
    began = time.perf_counter()
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    body = urlencode({"csrfmiddlewaretoken": TOKEN} | (form or {})) if method == "POST" else None
    headers = {"Cookie": f"csrftoken={TOKEN}; sessionid={session}", "Content-Type": "application/x-www-form-urlencoded"}
    try:
        line.request(method, path, body, headers)
        answer = line.getresponse()
        answer.read()
        return Answer(answer.status, answer.getheader("Location") or "", time.perf_counter() - began)
    finally:
        line.close()


def signed_in(count: int) -> list[tuple[Client, str]]:
    """Clients with a session each, under whose key they also hold."""
    made = []
    for number in range(count):
        client = ClientFactory(user__email=f"crowd{number}-{time.monotonic_ns()}@example.org")
        session = SessionStore()
        session[SESSION_KEY] = str(client.user.pk)
        session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        session[HASH_SESSION_KEY] = client.user.get_session_auth_hash()
        session[OWNER_KEY] = f"crowd-{client.pk}"
        session.create()
        made.append((client, session.session_key))
    return made


def all_at_once(work: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
    """Run ``work`` for every item in a thread of its own, all let go at one barrier; the results in order."""
    barrier = threading.Barrier(len(items))
    results: list[Any] = [None] * len(items)

    def run(number: int) -> None:
        barrier.wait()
        results[number] = work(items[number])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(items))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def overlaps() -> int:
    """Pairs of sessions that share a therapist or a room, counted by hand: the constraints are not believed here."""
    rows = list(Appointment.objects.filter(status__in=BLOCKING).values_list("therapist", "room", "blocked_from", "blocked_until"))
    return sum(
        (one[0] == other[0] or one[1] == other[1]) and one[2] < other[3] and other[2] < one[3]
        for n, one in enumerate(rows)
        for other in rows[:n]
    )


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
