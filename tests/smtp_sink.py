"""An SMTP server in a process of its own: it notes what it took and when, and misbehaves by the domain that is written to."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from aiosmtpd.smtp import SMTP

ROOT = Path(__file__).resolve().parents[1]
#: 450, 550, and 554 to the text.
LATER, NOBODY, DISLIKES = "later.example", "nobody.example", "dislikes.example"
#: Takes the text and never says so; says so after SLOW_ANSWER seconds.
HANGS, SLOW = "hangs.example", "slow.example"
SLOW_ANSWER = 3.0
#: A name that begins with this is slow at any domain.
SLOW_PERSON = "slow-"
#: Says 250 to a message it has not seen before and kills whoever sent it, who gives its process id as the name in EHLO.
KILLS = "kills.example"
MESSAGE_ID = re.compile(rb"^Message-ID: <([0-9a-f-]{36})@", re.MULTILINE | re.IGNORECASE)


class Taken(NamedTuple):
    """A message the server said 250 to, or left its sender in doubt about. ``at``: seconds since 1970."""

    at: float
    notice: UUID | None
    recipient: str


class Behaviour:
    def __init__(self, notes: int) -> None:
        self.notes = notes
        self.seen: set[bytes] = set()

    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]) -> list[str]:  # noqa: N802
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        domain = address.rpartition("@")[2]
        if domain == LATER:
            return "450 try later"
        if domain == NOBODY:
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        recipient = envelope.rcpt_tos[0]
        domain = recipient.rpartition("@")[2]
        if domain == DISLIKES:
            return "554 we do not like this"
        found = MESSAGE_ID.search(envelope.content)
        notice = found[1] if found else b"-"
        is_new = notice not in self.seen
        self.seen.add(notice)
        os.write(self.notes, f"{time.time()} {notice.decode()} {recipient}\n".encode())
        if domain == HANGS:
            await asyncio.sleep(3600)
        if domain == SLOW or recipient.startswith(SLOW_PERSON):
            await asyncio.sleep(SLOW_ANSWER)
        if domain == KILLS and is_new:
            sender = int(session.host_name)
            os.kill(sender, signal.SIGSTOP)  # or it would at times be quicker than the kill
            await server.push("250 OK")
            os.kill(sender, signal.SIGKILL)
        return "250 OK"


async def _serve(listener: socket.socket, notes: int) -> None:
    behaviour = Behaviour(notes)
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(behaviour, hostname="sink", timeout=600), sock=listener)
    await server.serve_forever()


class Sink:
    def __init__(self, port: int, notes: Path) -> None:
        self.port = port
        self._notes = notes

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def taken(self) -> list[Taken]:
        """All of it so far, in order."""
        rows = (line.split() for line in self._notes.read_text().splitlines())
        return [Taken(float(at), None if notice == "-" else UUID(notice), recipient) for at, notice, recipient in rows]


@contextmanager
def sink() -> Iterator[Sink]:
    """A server that runs until the end of the block."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener, tempfile.NamedTemporaryFile("a") as notes:
        command = [sys.executable, "-m", "tests.smtp_sink", str(listener.fileno()), str(notes.fileno())]
        server = subprocess.Popen(command, cwd=ROOT, pass_fds=(listener.fileno(), notes.fileno()))
        try:
            yield Sink(listener.getsockname()[1], Path(notes.name))
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    asyncio.run(_serve(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])))
