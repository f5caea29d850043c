"""``manage.py up`` on a copy of the project: from nothing, warm, stopped, and killed without warning."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import psutil

from tests.figures import Figure

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(".venv", "var", ".git", "*_cache", "__pycache__")


def figures() -> Iterator[Figure]:
    home = Path(tempfile.mkdtemp(prefix="unknot-up-")) / "unknot"
    shutil.copytree(ROOT, home, ignore=LEFT_OUT)
    try:
        began = time.monotonic()
        first = _start(home)
        yield Figure("from nothing to the first page, seconds", time.monotonic() - began, "<= 60")
        yield Figure("orderly stop, seconds", _stop(first), "<= 10")
        yield Figure("servers left after the stop", len(_processes(home)), "== 0")

        began = time.monotonic()
        second = _start(home)
        yield Figure("warm start to the first page, seconds", time.monotonic() - began, "<= 4")

        second.send_signal(signal.SIGKILL)
        second.wait()
        third = _start(home)
        yield Figure("after SIGKILL and a new start: web masters", _count(home, "gunicorn"), "== 1")
        yield Figure("after SIGKILL and a new start: beats", _count(home, " beat "), "== 1")
        yield Figure("after SIGKILL and a new start: databases", _count(home, "postgres -D"), "== 1")
        _stop(third)
        yield Figure("servers left in the end", len(_processes(home)), "== 0")
    finally:
        for left in _processes(home):
            left.kill()
        shutil.rmtree(home.parent, ignore_errors=True)


def _start(home: Path) -> subprocess.Popen[bytes]:
    """Start as a person would, with the system's Python, and wait until the page is there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    named = ("DATABASE_URL", "REDIS_URL", "CACHE_URL", "CELERY_BROKER_URL", "DJANGO_SETTINGS_MODULE", "XDG_RUNTIME_DIR")
    environment = {key: value for key, value in os.environ.items() if key not in named} | {"PORT": str(port)}
    python = Path(sys.base_prefix) / "bin" / "python3"
    supervisor = subprocess.Popen([python, "manage.py", "up"], cwd=home, env=environment, stdout=subprocess.DEVNULL)
    while supervisor.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/", timeout=30) as page:
                page.read()
            return supervisor
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"up ended with {supervisor.returncode}")


def _stop(supervisor: subprocess.Popen[bytes]) -> float:
    began = time.monotonic()
    supervisor.send_signal(signal.SIGINT)
    supervisor.wait(30)
    return time.monotonic() - began


def _processes(home: Path) -> list[psutil.Process]:
    """Everything that runs in or from this copy of the project."""
    found = []
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline())
            if process.pid != os.getpid() and str(home) in f"{words} {process.cwd()}":
                found.append(process)
        except psutil.Error:
            continue
    return found


def _count(home: Path, words: str) -> int:
    """Processes with these words whose parent has them not: masters without their workers."""
    mine = {process.pid: " ".join(process.cmdline()) for process in _processes(home)}
    return sum(words in line and words not in mine.get(psutil.Process(pid).ppid(), "") for pid, line in mine.items())
