"""``manage.py up``: everything one practice needs, on one machine, until Ctrl-C."""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import StringIO
from pathlib import Path
from types import FrameType
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from config.local import reaper, servers
from config.local.bootstrap import ROOT, say

VAR = Path(os.environ.get("UNKNOT_VAR", ROOT / "var"))
FIRST_PAGE_WITHIN = 30  # seconds
STOP_WITHIN = 6  # seconds for one process, then it is killed


class Stop(Exception):
    """Somebody asked to stop."""


class CannotStart(Exception):
    """The message is all a person needs."""


def main(arguments: list[str]) -> int:
    """Run until stopped. Returns 0 after an orderly stop, 1 when something is in the way or a process ended by itself."""
    parser = argparse.ArgumentParser(prog="manage.py up", description=__doc__)
    parser.add_argument("--no-demo", action="store_true", help="start with an empty practice")
    options = parser.parse_args(arguments)
    for asked in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked, _raise_stop)
    try:
        with ExitStack() as running:
            running.callback(_ignore_signals)
            return _run(running, demo=not options.no_demo)
    except Stop:
        say("Stopped. The data stays in var/.")
        return 0
    except CannotStart as reason:
        say(str(reason))
        return 1


def _run(running: ExitStack, *, demo: bool) -> int:
    port = _port()
    _require_postgres()
    VAR.mkdir(exist_ok=True)
    lock = running.enter_context(_only_one(port))
    _require_free(port)
    if "REDIS_URL" in os.environ:
        _require_broker(os.environ["REDIS_URL"])
    left_behind = running.enter_context(_reaper(lock))

    if "DATABASE_URL" not in os.environ:
        fresh = not (VAR / "postgres" / "PG_VERSION").exists()
        say("Making a database …" if fresh else "Starting PostgreSQL …")
        url, pid = running.enter_context(servers.postgres(VAR / "postgres", durable=True))
        os.environ["DATABASE_URL"] = url
        left_behind(pid, signal.SIGINT)
    if "REDIS_URL" not in os.environ:
        say("Starting Valkey …")
        addresses, pid = running.enter_context(servers.valkey(VAR / "valkey", durable=True))
        os.environ.update(addresses)
        left_behind(pid, signal.SIGTERM)
    os.environ.setdefault("SECRET_KEY", _kept("secret-key", lambda: secrets.token_urlsafe(64)))
    os.environ.setdefault("INTAKE_KEYS", _kept("intake-keys", _new_intake_key))
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.local"
    os.environ.setdefault("SITE_URL", f"http://localhost:{port}")
    os.environ["UNKNOT_VAR"] = str(VAR)
    _prepare(demo=demo)

    say("Starting web, worker and beat …")
    python, logs = sys.executable, VAR / "logs"
    logs.mkdir(exist_ok=True)
    (VAR / "beat.pid").unlink(missing_ok=True)
    celery = [python, "-m", "celery", "-A", "config.celery"]
    commands = {
        "web": [python, "-m", "gunicorn", "config.wsgi", "--no-control-socket", "--worker-class", "gthread"]
        + ["--workers", "2", "--threads", "4", "--bind", f"{os.environ.get('HOST', '127.0.0.1')}:{port}"],
        "worker": [*celery, "worker", "--concurrency", "2", "--without-gossip", "--without-mingle", "--loglevel", "INFO"],
        "beat": [*celery, "beat", "--pidfile=", "--schedule", str(VAR / "beat-schedule"), "--loglevel", "INFO"],
    }
    children = {}
    for name, command in commands.items():
        log = running.enter_context((logs / f"{name}.log").open("ab"))
        child = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        running.callback(_stop, name, child)
        left_behind(child.pid, signal.SIGTERM)
        children[name] = child

    _wait_for_first_page(port, children)
    _tell(port)
    while True:
        for name, child in children.items():
            if child.poll() is not None:
                raise CannotStart(f"The {name} process ended by itself (see {logs / name}.log), so everything was stopped.")
        time.sleep(0.5)


def _port() -> int:
    said = os.environ.get("PORT", "8000")
    if not said.isdecimal() or not 0 < int(said) < 65536:
        raise CannotStart(f"PORT is {said!r}; it must be a number from 1 to 65535.")
    return int(said)


def _require_postgres() -> None:
    named = os.environ.get("DATABASE_URL", "postgres:")
    if not named.startswith(("postgres:", "postgresql:")):
        raise CannotStart("DATABASE_URL must begin with postgres:// and name a PostgreSQL database.")


@contextmanager
def _only_one(port: int) -> Iterator[int]:
    """Hold the lock file while running. The reaper of a killed run holds it too, until it has cleaned up."""
    path = VAR / "up.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + 3 * reaper.GRACE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            owner = os.pread(descriptor, 64, 0).decode().split()
            alive = len(owner) == 3 and reaper.started_at(int(owner[0])) == owner[1]
            if alive or time.monotonic() > deadline:
                os.close(descriptor)
                where = f" at http://localhost:{owner[2]}/ (process {owner[0]})" if alive else ""
                raise CannotStart(f"Unknot is already running{where}.") from None
            time.sleep(0.1)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()} {reaper.started_at(os.getpid())} {port}".encode(), 0)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((os.environ.get("HOST", "127.0.0.1"), port))
        except OSError:
            raise CannotStart(f"Port {port} is taken. Choose another: PORT={port + 1} python3 manage.py up") from None


def _require_broker(address: str) -> None:
    from redis import Redis, RedisError

    try:
        Redis.from_url(address, socket_connect_timeout=5, socket_timeout=5).ping()
    except ValueError:
        raise CannotStart("REDIS_URL must begin with redis://, rediss:// or unix:// and name a Redis or Valkey.") from None
    except RedisError:
        where = urlsplit(address).hostname or "the local socket"
        raise CannotStart(f"The broker at {where} (REDIS_URL) cannot be reached.") from None


@contextmanager
def _reaper(lock: int) -> Iterator[reaper.Remember]:
    """A process that outlives this one and stops what was named to it, should this one be killed."""
    read, write = os.pipe()
    os.set_inheritable(lock, True)
    process = subprocess.Popen(
        [sys.executable, "-I", str(Path(reaper.__file__))], stdin=read, pass_fds=[lock], start_new_session=True
    )
    os.close(read)

    def remember(pid: int, sign: int) -> None:
        os.write(write, f"{pid} {reaper.started_at(pid)} {int(sign)}\n".encode())

    try:
        yield remember
    finally:
        os.write(write, b"bye\n")
        os.close(write)
        process.wait()


def _kept(name: str, make: Callable[[], str]) -> str:
    """A secret that is made at the first start and stays in var/, readable for its owner only."""
    path = VAR / name
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(make())
    return path.read_text()


def _new_intake_key() -> str:
    from clients.crypto import new_key

    return new_key("k1")


def _prepare(*, demo: bool) -> None:
    """Bring database and static files to the state of the code; fill an empty database."""
    import django
    from django.core.management import call_command
    from django.db import OperationalError, connection, connections

    django.setup()
    try:
        connection.ensure_connection()
    except OperationalError as refusal:
        database = urlsplit(os.environ["DATABASE_URL"])
        where = f"{database.hostname or 'the local socket'}{database.path}"
        why = str(refusal).strip().splitlines()[0]
        raise CannotStart(f"The database at {where} (DATABASE_URL) cannot be reached: {why}") from None
    say("Checking the database …")
    call_command("migrate", verbosity=0, interactive=False)
    call_command("load_intake")
    _collect_static()

    from therapists.models import Location

    if demo and not Location.objects.exists():
        say("Loading the demonstration practice …")
        call_command("demo", stdout=StringIO())  # its sign-ins are told last, beside the address
    connections.close_all()


def _collect_static() -> None:
    from django.core.management import call_command

    content = hashlib.sha256((ROOT / "requirements.txt").read_bytes())
    for file in sorted((ROOT / "static").rglob("*")):
        if file.is_file():
            content.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    stamp, target = VAR / "staticfiles.sha256", VAR / "staticfiles"
    if target.exists() and stamp.exists() and stamp.read_text() == content.hexdigest():
        return
    say("Collecting static files …")
    shutil.rmtree(target, ignore_errors=True)
    call_command("collectstatic", verbosity=0, interactive=False)
    stamp.write_text(content.hexdigest())


def _wait_for_first_page(port: int, children: dict[str, subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + FIRST_PAGE_WITHIN
    while time.monotonic() < deadline and children["web"].poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:  # nosec B310 - the scheme is written here
                page.read()
            return
        except HTTPError as answer:
            if answer.code < 500:
                return
            raise CannotStart(f"The first page answers {answer.code}; see {VAR / 'logs' / 'web.log'}.") from None
        except (URLError, OSError):
            time.sleep(0.1)
    raise CannotStart(f"The web process does not answer; see {VAR / 'logs' / 'web.log'}.")


def _tell(port: int) -> None:
    say(f"\nUnknot runs at http://localhost:{port}/   (front desk: http://localhost:{port}/desk/)")
    if not os.environ.get("EMAIL_URL"):
        say(f"Mail is written to {VAR / 'mail'}")
    sign_ins = VAR / "demo-sign-ins.txt"
    if sign_ins.exists():
        say("\n" + sign_ins.read_text().rstrip().replace(" /demo/", f" http://localhost:{port}/demo/"))
    say("\nCtrl-C stops it; the data stays.")


def _stop(name: str, child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _raise_stop(number: int, frame: FrameType | None) -> None:
    _ignore_signals()
    raise Stop


def _ignore_signals() -> None:
    for asked in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked, signal.SIG_IGN)
