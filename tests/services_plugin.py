"""Starts a throw-away PostgreSQL and Valkey before settings load, unless the environment names real ones.

Named in pyproject.toml by ``-p``. Workers of xdist inherit the addresses and start nothing; each has a cache of its own, as every
test empties it.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from config.local import servers

running = ExitStack()


def start() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
    home = Path(tempfile.mkdtemp(prefix="unknot-tests-"))
    running.callback(shutil.rmtree, home, ignore_errors=True)
    if "DATABASE_URL" not in os.environ:
        os.environ["DATABASE_URL"], _pid = running.enter_context(servers.postgres(home / "postgres", durable=False))
    if "REDIS_URL" not in os.environ:
        addresses, _pid = running.enter_context(servers.valkey(home / "valkey", durable=False))
        os.environ.update(addresses)
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        own = 2 + int(worker.removeprefix("gw"))
        os.environ["CACHE_URL"] = re.sub(r"db=1$", f"db={own}", os.environ.get("CACHE_URL", os.environ["REDIS_URL"]))


# pytest-django reads the settings before any hook of a plugin named by -p could run
start()


def pytest_unconfigure(config: pytest.Config) -> None:
    running.close()
