"""``manage.py up`` says in one line what is in the way, and leaves nothing half-made."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]


def up(var: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    surroundings = {key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "REDIS_URL", "CACHE_URL")}
    return subprocess.run(
        [sys.executable, "manage.py", "up", *arguments],
        cwd=ROOT,
        env=surroundings | {"UNKNOT_VAR": str(var)} | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_taken_port_is_named_with_the_way_out(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        answer = up(tmp_path, PORT=str(port))

    assert answer.returncode == 1
    assert answer.stdout.splitlines() == [f"Port {port} is taken. Choose another: PORT={port + 1} python3 manage.py up"]
    assert not (tmp_path / "postgres").exists()


@pytest.mark.parametrize("port", ["http", "0", "70000", "-1"])
def test_a_port_that_is_none_is_refused(tmp_path, port):
    answer = up(tmp_path, PORT=port)

    assert answer.returncode == 1
    assert "must be a number from 1 to 65535" in answer.stdout


def test_a_database_that_cannot_be_reached_is_one_line_without_its_password(tmp_path):
    answer = up(tmp_path, PORT="18999", DATABASE_URL="postgres://unknot:geheim@127.0.0.1:9/unknot")

    assert answer.returncode == 1
    last = answer.stdout.splitlines()[-1]
    assert last.startswith("The database at 127.0.0.1/unknot (DATABASE_URL) cannot be reached:")
    assert "geheim" not in answer.stdout + answer.stderr


@pytest.mark.parametrize("named", ["mysql://unknot:geheim@127.0.0.1/unknot", "geheim", ""])
def test_a_database_that_is_no_postgresql_is_one_line_without_its_password(tmp_path, named):
    answer = up(tmp_path, PORT="18999", DATABASE_URL=named)

    assert answer.returncode == 1
    assert answer.stdout.splitlines() == ["DATABASE_URL must begin with postgres:// and name a PostgreSQL database."]
    assert answer.stderr == ""


@pytest.mark.parametrize(
    ("named", "says"),
    [
        pytest.param("redis://:geheim@127.0.0.1:9/0", "The broker at 127.0.0.1 (REDIS_URL) cannot be reached.", id="nobody"),
        pytest.param("amqp://geheim", "REDIS_URL must begin with redis://, rediss:// or unix://", id="something else"),
    ],
)
def test_a_broker_that_cannot_be_used_is_one_line_and_nothing_is_started(tmp_path, named, says):
    answer = up(tmp_path, PORT="18998", REDIS_URL=named)

    assert answer.returncode == 1
    [line] = answer.stdout.splitlines()
    assert line.startswith(says)
    assert "geheim" not in answer.stdout + answer.stderr
    assert not (tmp_path / "postgres").exists()


def test_an_old_python_is_told_so(tmp_path):
    script = "import sys; sys.version_info = (3, 10, 9); sys.argv = ['manage.py', 'up']; exec(open('manage.py').read())"

    answer = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)

    assert answer.returncode == 1
    assert answer.stderr.strip() == "Unknot needs Python 3.11 or newer; this is 3.10."


def test_without_a_registry_nothing_half_made_is_left(tmp_path):
    for name in ("manage.py", "requirements.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    local = tmp_path / "config" / "local"
    local.mkdir(parents=True)
    for name in ("__init__.py", "bootstrap.py"):
        (local / name).write_bytes((ROOT / "config" / "local" / name).read_bytes())
    (tmp_path / "config" / "__init__.py").touch()
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1", "PIP_FIND_LINKS": ""}
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}

    answer = subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=tmp_path,
        env=environment | nowhere | {"PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
    )

    assert answer.returncode == 1
    assert "The packages could not be installed; nothing was kept." in answer.stderr
    assert not (tmp_path / ".venv").exists()
