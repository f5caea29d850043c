"""Changing the key that health answers and the secrets of second factors are sealed with, while everything runs."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Generator, Iterator
from uuid import UUID

import pgtrigger
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db import connection, models, transaction

from clients.crypto import Keyring, keyring
from clients.fields import SealedField

BATCH = 500
#: Where the secrets of second factors are kept; sealed for it, they open nowhere else.
SECOND_FACTORS = "mfa_authenticator.data"


def seal_secret(secret: str) -> str:
    """A second factor's secret as text that allauth can keep."""
    return _as_text(keyring().seal(secret.encode(), place=SECOND_FACTORS))


def open_secret(kept: str) -> str:
    """Raises CannotOpen."""
    return keyring().open(b64decode(kept), place=SECOND_FACTORS).decode()


def sealed_columns() -> list[tuple[type[models.Model], SealedField]]:
    return [
        (model, field) for model in apps.get_models() for field in model._meta.concrete_fields if isinstance(field, SealedField)
    ]


def reseal(*, batch: int = BATCH) -> Iterator[int]:
    """Seal everything anew with the first key, batch by batch; yields how many values each batch changed.

    Each batch is a transaction of its own, and what has the first key already is left alone: a run that was stopped goes on where
    it was. It ends when a whole pass finds nothing, so that values written meanwhile with an older key are caught too. Raises
    CannotOpen for a value whose key is missing; the batches before it stay changed.
    """
    ring = keyring()
    for model, field in sealed_columns():
        while (yield from _pass(model, field, ring, batch)):
            pass
    while changed := _pass_of_secrets(ring):
        yield changed


def _pass(model: type[models.Model], field: SealedField, ring: Keyring, batch: int) -> Generator[int, None, int]:
    """Once through a column; returns how many values were changed."""
    after, changed = UUID(int=0), 0
    while True:
        with transaction.atomic(), pgtrigger.ignore(*_what_keeps(model)):
            rows = _not_sealed_with(ring.keys[0].prefix, model, field, after, batch)
            if not rows:
                return changed
            _write(model, field, [(pk, _anew(sealed, field.place(pk), ring)) for pk, sealed in rows])
        after = rows[-1][0]
        changed += len(rows)
        yield len(rows)


@transaction.atomic
def _pass_of_secrets(ring: Keyring) -> int:
    """Once through the apps of those who work here, who are few: whatever is kept of one as text is sealed."""
    changed = 0
    for app in Authenticator.objects.select_for_update().filter(type=Authenticator.Type.TOTP).order_by("pk"):
        secrets = {name: b64decode(value) for name, value in app.data.items() if isinstance(value, str)}
        old = {name: sealed for name, sealed in secrets.items() if not sealed.startswith(ring.keys[0].prefix)}
        if old:
            app.data |= {name: _as_text(_anew(sealed, SECOND_FACTORS, ring)) for name, sealed in old.items()}
            app.save(update_fields=["data"])
            changed += len(old)
    return changed


def _as_text(sealed: bytes) -> str:
    return b64encode(sealed).decode()


def _what_keeps(model: type[models.Model]) -> list[str]:
    """The triggers by which rows stay as they are: sealed anew, they say what they said."""
    return [f"{model._meta.label}:{trigger.name}" for trigger in getattr(model._meta, "triggers", ())]


def _anew(sealed: bytes, place: str, ring: Keyring) -> bytes:
    return ring.seal(ring.open(sealed, place=place), place=place)


def _not_sealed_with(
    prefix: bytes, model: type[models.Model], field: SealedField, after: UUID, batch: int
) -> list[tuple[UUID, bytes]]:
    """The next rows in the order of their keys, locked until the batch is written."""
    table, column, key = _quoted(model, field)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {key}, {column} FROM {table} WHERE {key} > %s AND substring({column} FOR %s) <> %s"  # nosec B608
            f" ORDER BY {key} LIMIT %s FOR UPDATE",
            [after, len(prefix), prefix, batch],
        )
        return [(pk, bytes(sealed)) for pk, sealed in cursor.fetchall()]


def _write(model: type[models.Model], field: SealedField, rows: list[tuple[UUID, bytes]]) -> None:
    table, column, key = _quoted(model, field)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {column} = new.sealed"  # nosec B608 - names of our own tables
            f" FROM unnest(%s::uuid[], %s::bytea[]) AS new(id, sealed) WHERE {table}.{key} = new.id",
            [[pk for pk, _sealed in rows], [sealed for _pk, sealed in rows]],
        )


def _quoted(model: type[models.Model], field: SealedField) -> tuple[str, str, str]:
    quote = connection.ops.quote_name
    return quote(model._meta.db_table), quote(str(field.column)), quote(str(model._meta.pk.column))
