"""Backups: what pg_dump writes, encrypted as it comes, and put back into an empty database.

A file is MAGIC, 16 random bytes that make its own key from BACKUP_KEY, then chunks of at most CHUNK bytes, each sealed with
AES-256-GCM under its number and whether it is the last one: nothing can be changed, left out, swapped or cut off unnoticed.
The keys of the health answers (INTAKE_KEYS) are in no table, so in no backup; answers in it stay sealed with them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import psycopg2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from psycopg2.extensions import make_dsn

from config.local.servers import client_program

MAGIC = b"UNKNOT-BACKUP-1\n"
SALT_BYTES = 16
KEY_BYTES = 32
TAG_BYTES = 16
CHUNK = 1 << 20
HOW_TO_MAKE_A_KEY = (
    "Set BACKUP_KEY to the output of: "
    'python3 -c "import base64, secrets; print(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())"'
)


class BackupRefused(Exception):
    """A backup that was not made, or not put back; the message says why. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Database:
    """Where a database is and who signs in, in libpq's words. The password goes where lists of processes do not show it."""

    parameters: Mapping[str, str]
    password: str

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """From an entry of DATABASES, its options (like ``sslmode``) included."""
        names = {"dbname": "NAME", "host": "HOST", "port": "PORT", "user": "USER"}
        told = {libpq: str(settings[django]) for libpq, django in names.items()} | settings.get("OPTIONS", {})
        return cls({name: value for name, value in told.items() if value}, settings["PASSWORD"])

    @property
    def name(self) -> str:
        return self.parameters["dbname"]

    @property
    def address(self) -> str:
        """For --dbname."""
        return str(make_dsn(**self.parameters))

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | ({"PGPASSWORD": self.password} if self.password else {})

    def ask(self, query: str) -> Any:
        """The one value that a query answers."""
        connection = psycopg2.connect(self.address, password=self.password or None)
        try:
            with connection.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetchone()[0]
        finally:
            connection.close()

    @property
    def major(self) -> int:
        return int(self.ask("SHOW server_version_num")) // 10_000


def key_from(text: str) -> bytes:
    """BACKUP_KEY as bytes. Raises BackupRefused for none or a weak one; the message never quotes it."""
    try:
        raw = base64.urlsafe_b64decode(text)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != KEY_BYTES or len(set(raw)) < KEY_BYTES // 2:
        raise BackupRefused(f"BACKUP_KEY must be {KEY_BYTES} random bytes in base64. {HOW_TO_MAKE_A_KEY}")
    return raw


# ---- making one -------------------------------------------------------------------------------------------------------------


def back_up(database: Database, target: Path, key: bytes) -> str:
    """Write a backup, and beside it its SHA-256 for ``sha256sum --check``; returns that sum.

    A file that is there is never overwritten, and a half-written one has another name. Raises BackupRefused.
    """
    beside = target.with_name(f"{target.name}.sha256")
    if target.exists() or beside.exists():
        raise BackupRefused(f"{target} or its checksum is there already.")
    part = target.with_name(f"{target.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            digest = _dump(database, file, key)
            file.flush()
            os.fsync(file.fileno())
        beside.write_text(f"{digest}  {target.name}\n")
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        beside.unlink(missing_ok=True)
        raise
    return digest


def _dump(database: Database, file: IO[bytes], key: bytes) -> str:
    command = [str(client_program("pg_dump", database.major)), "--format=custom"]
    command += ["--no-owner", "--no-privileges", f"--dbname={database.address}"]
    digest = hashlib.sha256()
    with subprocess.Popen(
        command, env=database.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as dump:
        assert dump.stdout is not None
        assert dump.stderr is not None
        for piece in sealed(_pieces(dump.stdout), key):
            digest.update(piece)
            file.write(piece)
        said = dump.stderr.read().decode(errors="replace").strip()
    if dump.returncode:
        raise BackupRefused(f"pg_dump ended with {dump.returncode}: {said}")
    return digest.hexdigest()


def _pieces(source: IO[bytes]) -> Iterator[bytes]:
    while piece := source.read(CHUNK):
        yield piece


# ---- putting one back -------------------------------------------------------------------------------------------------------

NOT_EMPTY = """
    SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
"""


def restore(source: Path, database: Database, key: bytes) -> None:
    """Put a backup into an empty database, in one transaction. Every byte is checked before the first one is used.

    Raises BackupRefused for a file that is no backup, was changed or belongs to another key, and for a database in which
    there is anything at all.
    """
    for _piece in _read(source, key):
        pass
    if database.ask(NOT_EMPTY):
        raise BackupRefused(f"The database {database.name} is not empty. A backup is only put into an empty one.")
    command = [str(client_program("pg_restore", database.major)), "--single-transaction", "--exit-on-error"]
    command += ["--no-owner", "--no-privileges", f"--dbname={database.address}"]
    with subprocess.Popen(command, env=database.environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        try:
            for piece in _read(source, key):
                process.stdin.write(piece)
            process.stdin.close()
        except BrokenPipeError:
            pass  # it ended early, and says why
        except BaseException:
            process.kill()
            raise
        said = process.stderr.read().decode(errors="replace").strip()
    if process.returncode:
        raise BackupRefused(f"pg_restore ended with {process.returncode}, and the database is empty as before: {said}")


def _read(source: Path, key: bytes) -> Iterator[bytes]:
    with source.open("rb") as file:
        yield from opened(file, key)


# ---- sealing ----------------------------------------------------------------------------------------------------------------


def sealed(pieces: Iterator[bytes], key: bytes) -> Iterator[bytes]:
    """A backup of these pieces (of at most CHUNK bytes, all but the last one full)."""
    salt = secrets.token_bytes(SALT_BYTES)
    cipher = _cipher(key, salt)
    yield MAGIC + salt
    number, piece = 0, next(pieces, b"")
    for following in pieces:
        yield cipher.encrypt(_nonce(number, is_last=False), piece, MAGIC)
        number, piece = number + 1, following
    yield cipher.encrypt(_nonce(number, is_last=True), piece, MAGIC)


def opened(file: IO[bytes], key: bytes) -> Iterator[bytes]:
    """The pieces of a backup. Raises BackupRefused at the first that is not as it was written."""
    if file.read(len(MAGIC)) != MAGIC:
        raise BackupRefused("This is not a backup of Unknot.")
    cipher = _cipher(key, file.read(SALT_BYTES))
    number, piece = 0, file.read(CHUNK + TAG_BYTES)
    while True:
        following = file.read(CHUNK + TAG_BYTES)
        try:
            yield cipher.decrypt(_nonce(number, is_last=not following), piece, MAGIC)
        except (InvalidTag, ValueError):
            raise BackupRefused("This backup was changed or cut off, or BACKUP_KEY is not the one it was made with.") from None
        if not following:
            return
        number, piece = number + 1, following


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    """The cipher of one file, whose key is used for that file alone, so that a counter is nonce enough."""
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, MAGIC).derive(key))


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])
