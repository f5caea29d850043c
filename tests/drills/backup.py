"""A whole demonstration practice is backed up, put into an empty database, and compared table by table."""

from __future__ import annotations

import base64
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from django.core.management import call_command
from django.db import connection

from config.backup import BackupRefused, Database, back_up, key_from, restore
from tests.figures import Figure

TABLES = "SELECT array_agg(format('%I.%I', schemaname, tablename)) FROM pg_tables WHERE schemaname = 'public'"
SUM = "SELECT count(*) || ' ' || coalesce(md5(string_agg(r::text, '|' ORDER BY r::text)), '') FROM {} AS r"


def figures() -> Iterator[Figure]:
    call_command("load_intake", stdout=StringIO())
    call_command("demo", stdout=StringIO())
    key = key_from(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    here = Database.of(connection.settings_dict)
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE drill_restored TEMPLATE template0")
    there = Database.of(connection.settings_dict | {"NAME": "drill_restored"})
    home = Path(tempfile.mkdtemp(prefix="unknot-backup-"))
    try:
        yield from _there_and_back(here, there, home / "practice.backup", key)
    finally:
        shutil.rmtree(home)
        with connection.cursor() as cursor:
            cursor.execute("DROP DATABASE drill_restored WITH (FORCE)")


def _there_and_back(here: Database, there: Database, target: Path, key: bytes) -> Iterator[Figure]:
    began = time.monotonic()
    back_up(here, target, key)
    yield Figure("backup of a demonstration practice: seconds", time.monotonic() - began, "<= 60")
    began = time.monotonic()
    restore(target, there, key)
    yield Figure("restored into an empty database: seconds", time.monotonic() - began, "<= 60")
    before, after = sums(here), sums(there)
    yield Figure("backup: tables", len(before), ">= 50")
    yield Figure("backup: rows", sum(int(each.partition(" ")[0]) for each in before.values()), ">= 1000")
    yield Figure("backup: megabytes", target.stat().st_size / 1e6, ">= 0")
    yield Figure("restored: tables with other rows or another checksum", len(before.items() ^ after.items()), "== 0")
    yield Figure("restored over what is there already", not _is_refused(target, there, key), "== 0")
    target.write_bytes(target.read_bytes()[:-1])
    yield Figure("a backup cut off by one byte is taken", not _is_refused(target, there, key), "== 0")


def sums(database: Database) -> dict[str, str]:
    """Of every table how many rows it has, and a checksum of them all."""
    return {table: database.ask(SUM.format(table)) for table in database.ask(TABLES)}


def _is_refused(target: Path, database: Database, key: bytes) -> bool:
    try:
        restore(target, database, key)
    except BackupRefused:
        return True
    return False
