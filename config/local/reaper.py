"""Stops what a killed supervisor leaves behind.

It reads ``pid started-at signal`` lines from a pipe. When the pipe closes without a ``bye`` the supervisor is gone, and every
process named there that is still the same one (pid and start time) is stopped, last first.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

Remember = Callable[[int, int], None]
"""Names a process to the reaper: its pid, and the signal that stops it in order."""

GRACE = 5.0  # seconds between asking and killing


def started_at(pid: int) -> str | None:
    """When a process began, in kernel ticks; None if there is none or it is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def stop(pid: int, began: str, sign: int) -> None:
    deadline = time.monotonic() + GRACE
    for attempt in (sign, signal.SIGKILL):
        if started_at(pid) != began:
            return
        os.kill(pid, attempt)
        while started_at(pid) == began and time.monotonic() < deadline:
            time.sleep(0.05)


def main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    left: list[tuple[int, str, int]] = []
    for line in sys.stdin:
        if line == "bye\n":
            return
        pid, began, sign = line.split()
        left.append((int(pid), began, int(sign)))
    for pid, began, sign in reversed(left):
        stop(pid, began, sign)


if __name__ == "__main__":
    main()
