"""The chain over the audit entries: sealed minute by minute, verified link by link, and what may be taken out of it.

Entries are sealed after they are written, by a task, and not by the transaction that writes them: a lock that every booking held
until its commit would let only one of them through at a time, and could lock out another that waits for the same client.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Model, QuerySet

from booking.enums import AuditAction
from booking.models import AuditEntry, AuditSeal, NoteView
from clients.models import Client, HealthView, ResponseView, User
from clients.personal import whom_it_is_about
from clients.services.retention import years_ago

AT_ONCE = 10_000
#: How much later than others an entry may come to its seal, in the longest transaction there is.
LATEST = "1 hour"


class Wrong(StrEnum):
    """What can be wrong with a link or an entry."""

    CHANGED = "changed"
    REMOVED = "removed"
    INSERTED = "inserted"
    TOLD_CHANGED = "reason or address changed"
    CHAIN_BROKEN = "chain broken"
    HEAD_GONE = "not the chain whose head was kept"


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain at some moment. Kept elsewhere, it vouches for everything before it."""

    position: int
    hash: str

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Written as ``position:hash``. Raises ValueError."""
        position, _colon, digest = text.partition(":")
        return cls(int(position), bytes.fromhex(digest).hex())

    def __str__(self) -> str:
        return f"{self.position}:{self.hash}"


@dataclass(frozen=True, slots=True)
class Finding:
    wrong: Wrong
    entry: str

    def __str__(self) -> str:
        return f"{self.wrong}: {self.entry}"


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found; ``waiting`` entries have no seal yet, of ``taken_out`` ones reason and address were erased."""

    findings: list[Finding]
    sealed: int
    waiting: int
    taken_out: int
    head: Head | None


def seal() -> int:
    """Seal what was written since, in the order in which it was; says how much that was."""
    sealed, some = 0, AT_ONCE
    while some == AT_ONCE:
        with connection.cursor() as cursor:
            cursor.execute("SELECT audit_seal(%s)", [AT_ONCE])
            some = cursor.fetchone()[0]
        sealed += some
    return sealed


def head_of_chain() -> Head | None:
    """None before anything was sealed."""
    last = AuditSeal.objects.last()
    return Head(last.position, bytes(last.hash).hex()) if last else None


@transaction.atomic
def verify(kept: Head | None = None) -> Report:
    """Work every link out anew, by no function of the database's own, and name what is not as it was sealed.

    ``kept``: a head that was noted down elsewhere, which the chain must still go through.
    """
    findings = [Finding(Wrong(wrong), str(entry)) for wrong, entry in _asked(LINKS) + _asked(UNLINKED)]
    if kept is not None and not AuditSeal.objects.filter(position=kept.position, hash=bytes.fromhex(kept.hash)).exists():
        findings.append(Finding(Wrong.HEAD_GONE, str(kept)))
    return Report(
        findings=findings,
        sealed=AuditSeal.objects.count(),
        waiting=AuditEntry.objects.filter(is_sealed=False).count(),
        taken_out=AuditEntry.objects.filter(salt=None).count(),
        head=head_of_chain(),
    )


# ---- what is written and taken out beside it ---------------------------------------------------------------------------------


def on_health_read(sender: object, view: HealthView, **more: object) -> None:
    """Whoever reads answers or a note is in the chain too: the row that the client sees goes with what was read, this stays."""
    if isinstance(view, NoteView):
        action, client, record = AuditAction.READ_NOTE, view.note.appointment.client_id, view.note_id
    else:
        assert isinstance(view, ResponseView)
        action, client, record = AuditAction.READ_ANSWERS, view.response.client_id, view.response_id
    AuditEntry.objects.create(action=action, client_id=client, record=record, by=view.by, at=view.at)


def on_details_changed(sender: object, client: Client, by: User | None, now: datetime, **more: object) -> None:
    """That a name, a number or an address changed, not from what to what: a copy of it would have to be erased as well."""
    AuditEntry.objects.create(action=AuditAction.CORRECTED, client=client, record=client.pk, by=by, at=now)


def on_looked_at(record: Model, *, by: User, now: datetime) -> None:
    """Somebody of the practice opened what is kept about a client; of anything else nothing is written. One query more."""
    about = whom_it_is_about(record)
    if about is not None:
        AuditEntry.objects.create(
            action=AuditAction.LOOKED_AT,
            client_id=about,
            record=record.pk,
            by=by,
            at=now,
            after={"what": record._meta.label_lower},
        )


def on_taken_along(what: type[Model], whose: Iterable[tuple[UUID, UUID | None]], *, by: User, now: datetime) -> None:
    """Data left the system, in a file or on paper: an entry for each record in it, with the client it is about. One query."""
    told = {"what": what._meta.label_lower}
    AuditEntry.objects.bulk_create(
        AuditEntry(action=AuditAction.TAKEN_ALONG, client_id=client, record=record, by=by, at=now, after=told)
        for record, client in whose
    )


def on_done_by_hand(
    action: AuditAction, records: Iterable[Model], *, by: User, now: datetime, fields: Sequence[str] = ()
) -> None:
    """Rows were added, changed or deleted through a form: which ones and which fields, never what stood in them."""
    AuditEntry.objects.bulk_create(
        AuditEntry(
            action=action,
            client_id=_still_there(action, each),
            record=each.pk,
            by=by,
            at=now,
            after={"what": each._meta.label_lower} | ({"fields": list(fields)} if fields else {}),
        )
        for each in records
    )


def _still_there(action: AuditAction, record: Model) -> UUID | None:
    """Whom a row is about; nobody once that is a client who is deleted with it."""
    return None if action == AuditAction.DELETED and isinstance(record, Client) else whom_it_is_about(record)


def take_out(entries: QuerySet[AuditEntry]) -> int:
    """Take reasons and addresses out of entries, which the chain allows; says of how many. Who did what and when stays."""
    return entries.exclude(salt=None).update(reason="", address=None, salt=None)


def forget_told(*, now: datetime, dry_run: bool = False) -> int:
    """Take out what is older than INTAKE_KEEP_YEARS; says of how many entries that was, or would be."""
    old = AuditEntry.objects.filter(at__lt=years_ago(now, settings.INTAKE_KEEP_YEARS)).exclude(salt=None)
    return old.count() if dry_run else take_out(old)


# ---- a role that cannot touch it ---------------------------------------------------------------------------------------------


class RoleRefused(Exception):
    """A role for which nothing was changed; the message says why."""


@transaction.atomic
def restrict(role: str) -> None:
    """Let a role of the database do all that the app does, and nothing to the audit and the history but add to it.

    To be run as the role that owns the tables. Of an entry it may update what can be taken out; triggers see to it that this is
    all. Seals are made by ``audit_seal()`` alone, which works for the owner. Raises RoleRefused.
    """
    with connection.cursor() as cursor:
        cursor.execute(OWNS, {"role": role})
        [owns] = cursor.fetchone() or [None]
        if owns is None:
            raise RoleRefused(f"There is no role {role}.")
        if owns:
            raise RoleRefused(f"{role} is a superuser or an owner of the tables, whom nothing keeps from changing them.")
        cursor.execute("SELECT quote_ident(%s), quote_ident(current_schema())", [role])
        name, schema = cursor.fetchone()
        cursor.execute(GRANTS.format(role=name, schema=schema))


# ---- the questions to the database -------------------------------------------------------------------------------------------


def _asked(query: str) -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


#: The same as in the migration that made ``audit_seal()``.
DIGEST = """
    sha256(convert_to(jsonb_build_array(
        e.id, e.appointment_id, e.client_id, e.record, e.change_id, e.action, e.sequence, e.actor, extract(epoch FROM e.at),
        extract(epoch FROM e.recorded_at), encode(e.told_digest, 'hex'), e.before, e.after
    )::text, 'UTF8'))
"""
TOLD_AS_WRITTEN = """
    CASE WHEN e.salt IS NULL THEN e.reason = '' AND e.address IS NULL
        ELSE e.told_digest = sha256(convert_to(jsonb_build_array(e.salt, e.reason, host(e.address))::text, 'UTF8')) END
"""
LINKS = f"""
    WITH links AS (
        SELECT s.position, s.entry, s.digest, s.hash, e.id, e.recorded_at,
            {DIGEST} AS fresh,
            {TOLD_AS_WRITTEN} AS told_as_written,
            lag(s.position, 1, 0::bigint) OVER w AS position_before,
            lag(s.hash, 1, ''::bytea) OVER w AS hash_before,
            max(s.sealed_at) OVER (ORDER BY s.position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS sealed_before
        FROM booking_auditseal AS s LEFT JOIN booking_auditentry AS e ON e.id = s.entry
        WINDOW w AS (ORDER BY s.position)
    ), found AS (
        SELECT position, entry, CASE
            WHEN position <> position_before + 1 OR hash <> sha256(hash_before || int8send(position) || digest)
                THEN '{Wrong.CHAIN_BROKEN}'
            WHEN id IS NULL THEN '{Wrong.REMOVED}'
            WHEN fresh <> digest THEN '{Wrong.CHANGED}'
            WHEN NOT told_as_written THEN '{Wrong.TOLD_CHANGED}'
            WHEN recorded_at < sealed_before - interval '{LATEST}' THEN '{Wrong.INSERTED}'
        END AS wrong
        FROM links
    )
    SELECT wrong, entry FROM found WHERE wrong IS NOT NULL ORDER BY position
"""  # nosec B608 - our own words
UNLINKED = f"""
    SELECT CASE WHEN e.is_sealed OR e.recorded_at < last.sealed_at - interval '{LATEST}' THEN '{Wrong.INSERTED}'
        ELSE '{Wrong.TOLD_CHANGED}' END, e.id
    FROM booking_auditentry AS e CROSS JOIN (SELECT max(sealed_at) AS sealed_at FROM booking_auditseal) AS last
    WHERE NOT EXISTS (SELECT 1 FROM booking_auditseal AS s WHERE s.entry = e.id)
        AND (e.is_sealed OR e.recorded_at < last.sealed_at - interval '{LATEST}' OR NOT {TOLD_AS_WRITTEN})
    ORDER BY e.recorded_at
"""  # nosec B608 - our own words
OWNS = """
    SELECT r.rolsuper OR pg_has_role(r.oid, t.relowner, 'MEMBER')
    FROM pg_roles AS r CROSS JOIN pg_class AS t
    WHERE r.rolname = %(role)s AND t.oid = 'booking_auditentry'::regclass
"""
GRANTS = """
    GRANT USAGE ON SCHEMA {schema} TO {role};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};
    GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role};
    ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role};
    ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE, SELECT ON SEQUENCES TO {role};
    REVOKE ALL ON booking_auditentry, booking_auditseal, booking_appointmentevent, booking_seriesevent FROM {role};
    GRANT SELECT, INSERT ON booking_auditentry, booking_appointmentevent, booking_seriesevent TO {role};
    GRANT SELECT ON booking_auditseal TO {role};
    GRANT UPDATE (by_id, reason, address, salt) ON booking_auditentry TO {role};
"""
