"""A backup comes back as it was, only into an empty database, and nobody opens or changes it without the key."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import connection

from booking.models import AuditEntry
from clients.models import Answer, Client
from config import checks
from config.backup import CHUNK, MAGIC, SALT_BYTES, TAG_BYTES, BackupRefused, Database, back_up, key_from, opened, restore, sealed
from config.local.servers import client_program
from tests.planted import plant

KEY = bytes(range(32))
TEXT = base64.urlsafe_b64encode(KEY).decode()


def backup_of(plain, key=KEY):
    source = io.BytesIO(plain)
    return b"".join(sealed(iter(lambda: source.read(CHUNK), b""), key))


def plain_of(backup, key=KEY):
    return b"".join(opened(io.BytesIO(backup), key))


@pytest.mark.unit
class TestSealing:
    @pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK], ids=str)
    def test_what_is_sealed_comes_back(self, size):
        plain = os.urandom(size)

        assert plain_of(backup_of(plain)) == plain

    def test_two_backups_of_the_same_have_no_chunk_in_common(self):
        first, second = backup_of(b"x" * CHUNK), backup_of(b"x" * CHUNK)

        assert first[len(MAGIC) + SALT_BYTES :] != second[len(MAGIC) + SALT_BYTES :]

    @pytest.mark.parametrize("place", [0, len(MAGIC), len(MAGIC) + SALT_BYTES, -1], ids=["magic", "salt", "first chunk", "end"])
    def test_one_changed_bit_is_refused(self, place):
        backup = bytearray(backup_of(os.urandom(2 * CHUNK)))
        backup[place] ^= 1

        with pytest.raises(BackupRefused):
            plain_of(bytes(backup))

    def test_chunks_left_out_swapped_or_cut_off_are_refused(self):
        backup = backup_of(os.urandom(3 * CHUNK))
        head, size = len(MAGIC) + SALT_BYTES, CHUNK + TAG_BYTES
        one, two, three = (backup[head + n * size : head + (n + 1) * size] for n in range(3))

        for chunks in ((one, two), (one, three), (two, one, three), (one, two, three, three), (one,), ()):
            with pytest.raises(BackupRefused):
                plain_of(backup[:head] + b"".join(chunks))
        assert len(plain_of(backup[:head] + one + two + three)) == 3 * CHUNK

    def test_another_key_opens_nothing(self):
        with pytest.raises(BackupRefused, match="BACKUP_KEY is not the one"):
            plain_of(backup_of(b"plain"), bytes(range(1, 33)))

    @pytest.mark.parametrize("text", ["", "short", base64.urlsafe_b64encode(b"a" * 32).decode(), "é" * 44], ids=str)
    def test_a_missing_or_weak_key_is_refused_with_a_hint_and_never_quoted(self, text):
        with pytest.raises(BackupRefused, match="token_bytes") as refusal:
            key_from(text)

        assert not text or text not in str(refusal.value)

    def test_the_key_of_health_answers_is_no_key_for_backups(self, settings):
        settings.BACKUP_KEY = settings.INTAKE_KEYS.partition(":")[2]
        assert [found.id for found in checks.backup_key(None)] == ["unknot.E010"]

        settings.BACKUP_KEY = TEXT
        assert checks.backup_key(None) == []


@pytest.fixture
def filled(practice, intake, now, transactional_db):
    """A practice with a client of whom everything is known, committed."""
    return plant(practice, was_here=now - timedelta(days=30), now=now)


@pytest.fixture
def empty(transactional_db):
    """Another database on the same server, with nothing in it."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE restored TEMPLATE template0")
    yield Database.of(connection.settings_dict | {"NAME": "restored"})
    with connection.cursor() as cursor:
        cursor.execute("DROP DATABASE restored WITH (FORCE)")


def here():
    return Database.of(connection.settings_dict)


def sums(database):
    """Of every table how many rows it has, and a checksum of them all."""
    tables = database.ask(
        "SELECT array_agg(format('%I.%I', schemaname, tablename) ORDER BY 1)"
        " FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    )
    count = "SELECT count(*) || ' ' || coalesce(md5(string_agg(r::text, '|' ORDER BY r::text)), '') FROM {} AS r"
    return {table: database.ask(count.format(table)) for table in tables or ()}


def said_by(*arguments, **environment):
    """What a command of its own process says, with a database named in the environment."""
    ran = subprocess.run(
        [sys.executable, "manage.py", *arguments], capture_output=True, text=True, env=os.environ | environment, timeout=120
    )
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.integration
class TestTheWay:
    def test_every_row_of_every_table_comes_back_with_triggers_and_constraints(self, filled, empty, tmp_path):
        target = tmp_path / "practice.backup"

        digest = back_up(here(), target, KEY)
        restore(target, empty, KEY)

        before, after = sums(here()), sums(empty)
        assert len(before) > 50
        assert after == before
        assert hashlib.sha256(target.read_bytes()).hexdigest() == digest
        assert target.with_name("practice.backup.sha256").read_text() == f"{digest}  practice.backup\n"
        assert target.stat().st_mode & 0o777 == 0o600
        rules = "SELECT count(*) FROM pg_trigger"
        assert empty.ask(rules) == here().ask(rules) > 100

    def test_no_word_and_no_key_of_health_answers_is_in_the_file(self, filled, tmp_path):
        target = tmp_path / "practice.backup"
        back_up(here(), target, KEY)

        assert not [word for word in filled.words if word.encode() in target.read_bytes()]
        archive = tmp_path / "archive"
        archive.write_bytes(plain_of(target.read_bytes()))
        command = [client_program("pg_restore", here().major), "--file=-", archive]
        script = subprocess.run(command, check=True, capture_output=True).stdout
        secret = django_settings.INTAKE_KEYS.partition(":")[2]
        assert filled.client.name.encode() in script
        assert Answer.objects.exists()
        for hidden in (secret, base64.urlsafe_b64decode(secret).hex(), *filled.health):
            assert hidden.encode() not in script
            assert hidden.encode().hex().encode() not in script

    def test_a_database_with_anything_in_it_is_left_as_it_is(self, filled, empty, tmp_path):
        target = tmp_path / "practice.backup"
        back_up(here(), target, KEY)
        before = sums(here())

        with pytest.raises(BackupRefused, match="is not empty"):
            restore(target, here(), KEY)
        assert sums(here()) == before

        restore(target, empty, KEY)
        with pytest.raises(BackupRefused, match="is not empty"):
            restore(target, empty, KEY)

    def test_a_changed_file_leaves_the_database_empty(self, filled, empty, tmp_path):
        target = tmp_path / "practice.backup"
        back_up(here(), target, KEY)
        target.write_bytes(target.read_bytes()[:-1])

        with pytest.raises(BackupRefused, match="changed or cut off"):
            restore(target, empty, KEY)

        assert sums(empty) == {}

    def test_what_is_no_archive_leaves_the_database_empty(self, empty, tmp_path):
        target = tmp_path / "practice.backup"
        target.write_bytes(backup_of(b"PGDMP and then nothing of the kind" * 99))

        with pytest.raises(BackupRefused, match="pg_restore ended with 1"):
            restore(target, empty, KEY)

        assert sums(empty) == {}

    def test_nothing_is_overwritten_and_no_half_file_is_left(self, practice, tmp_path, transactional_db):
        target = tmp_path / "practice.backup"
        target.write_text("an older one")

        with pytest.raises(BackupRefused, match="is there already"):
            back_up(here(), target, KEY)
        nowhere = Database({**here().parameters, "user": "nobody_of_this_name"}, "")
        with pytest.raises(Exception, match="nobody_of_this_name"):
            back_up(nowhere, tmp_path / "other.backup", KEY)

        assert target.read_text() == "an older one"
        assert [path.name for path in tmp_path.iterdir()] == ["practice.backup"]

    def test_the_commands_do_the_same(self, filled, empty, tmp_path, settings, capsys):
        settings.BACKUP_KEY = TEXT
        target = tmp_path / "practice.backup"

        call_command("backup", str(target))
        assert "SHA-256" in capsys.readouterr().out
        address = f"postgres://postgres@/restored?host={empty.parameters['host']}"
        code, said = said_by("restore", str(target), DATABASE_URL=address, BACKUP_KEY=TEXT)

        assert (code, "The database holds what" in said) == (0, True), said
        assert empty.ask("SELECT count(*) FROM clients_client") == Client.objects.count()
        assert empty.ask("SELECT count(*) FROM booking_auditentry") == AuditEntry.objects.count() > 0
        with pytest.raises(CommandError, match="is there already"):
            call_command("backup", str(target))

    def test_without_a_key_the_command_says_how_to_make_one(self, practice, tmp_path, settings, transactional_db):
        settings.BACKUP_KEY = ""

        with pytest.raises(CommandError, match="token_bytes"):
            call_command("backup", str(tmp_path / "practice.backup"))

        assert list(tmp_path.iterdir()) == []


def test_programs_older_than_the_server_are_not_used():
    with pytest.raises(FileNotFoundError, match="postgresql-client-99"):
        client_program("pg_dump", 99)
