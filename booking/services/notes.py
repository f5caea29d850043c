"""What a therapist writes about a session: saved version by version, signed, locked, added to, read and in the end forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

import pgtrigger
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from booking.enums import AppointmentStatus
from booking.exceptions import NoteChanged, NoteLocked, NoteStillOpen, NothingToSign, SessionAhead
from booking.models import NOTES_STAY, Addendum, Appointment, Note, NoteTemplate, NoteVersion, NoteView
from booking.services.asking import clients_here_since
from clients.exceptions import NoConsent
from clients.models import Client, User
from clients.services.consents import withdrew_health_data
from clients.services.retention import years_ago

#: The parts written in words, in their order.
PARTS = ("subjective", "objective", "assessment", "plan")


@dataclass(frozen=True)
class Point:
    """A treated part of the body (the code of a region), the pressure used from 1 to 8, and how, where that was said."""

    region: str
    pressure: int | None = None
    how: str = ""


@dataclass(frozen=True)
class NoteText:
    """What a note says; pain from 0 to 10 where it was asked."""

    subjective: str = ""
    objective: str = ""
    assessment: str = ""
    plan: str = ""
    points: tuple[Point, ...] = ()
    pain_before: int | None = None
    pain_after: int | None = None

    @classmethod
    def of(cls, version: NoteVersion | None) -> Self:
        """Empty where nothing was saved yet. Nothing is logged."""
        if version is None:
            return cls()
        kept: dict[str, Any] = version.content
        return cls(**kept | {"points": tuple(Point(**point) for point in kept["points"])})

    @property
    def is_empty(self) -> bool:
        return self == NoteText()

    def with_gaps_filled(self, words: Mapping[str, str], points: tuple[Point, ...] = ()) -> Self:
        """The same with each part that says nothing taken from ``words``, and its points from ``points``; the rest stays."""
        missing: dict[str, Any] = {part: words[part] for part in PARTS if not getattr(self, part)}
        return replace(self, **missing, points=self.points or points)


# ---- writing ----------------------------------------------------------------------------------------------------------------


@transaction.atomic
def save_note(session: Appointment, text: NoteText, *, seen: int, writer: UUID, by: User, now: datetime) -> NoteVersion | None:
    """Keep what was written as the next version; the same text again, or nothing at all, makes none.

    ``seen`` is the number of the version that the page began with, ``writer`` names the page: it may go on from its own versions
    whether or not it heard that they were saved. Raises NoteChanged with the ``latest`` version when another page saved since,
    NoteLocked, and NoConsent once the client withdrew; nothing is written then.
    """
    _require_consent(session)
    if text.is_empty and not Note.objects.filter(appointment=session).exists():
        return None
    Note.objects.get_or_create(appointment=session, defaults={"started_at": now})
    note = Note.objects.select_for_update().get(appointment=session)
    if note.is_locked(now):
        raise NoteLocked
    latest = note.versions.first()
    if latest is not None and NoteText.of(latest) == text:
        return latest
    if latest is not None and note.versions.filter(number__gt=seen).exclude(writer=writer).exists():
        raise NoteChanged(latest=latest)
    number = latest.number + 1 if latest else 1
    return note.versions.create(number=number, content=asdict(text), writer=writer, saved_at=now, by=by, by_name=str(by))


@transaction.atomic
def sign_note(session: Appointment, *, by: User, now: datetime) -> Note:
    """Sign what was saved last, once the session has begun; NOTES_LOCK_HOURS later it locks. Signed again it stays as it was.

    One that is locked already, because nobody had signed it, is signed as it is and stays locked.
    Raises NothingToSign, SessionAhead, and NoConsent once the client withdrew.
    """
    _require_consent(session)
    note = Note.objects.select_for_update().filter(appointment=session).first()
    if note is None or NoteText.of(note.versions.first()).is_empty:
        raise NothingToSign
    if session.starts_at > now:
        raise SessionAhead
    if note.signed_at is None:
        note.signed_at, note.signed_by, note.signed_name = now, by, str(by)
        note.locks_at = note.locks_at or now + timedelta(hours=settings.NOTES_LOCK_HOURS)
        note.save(update_fields=["signed_at", "signed_by", "signed_name", "locks_at"])
    return note


@transaction.atomic
def lock_unsigned(now: datetime) -> int:
    """Lock what nobody signed, NOTES_LOCK_HOURS after its last change and the end of its session; say how many. Waits for nobody.

    A note that says nothing stays open: there is nothing to keep as it is.
    """
    limit = now - timedelta(hours=settings.NOTES_LOCK_HOURS)
    changed_since = NoteVersion.objects.filter(note=OuterRef("pk"), saved_at__gt=limit)
    left = Note.objects.filter(~Exists(changed_since), locks_at=None, appointment__ends_at__lte=limit)
    notes = left.select_for_update(skip_locked=True, of=("self",))
    locked = [note.pk for note in notes if _is_left(note, limit)]
    return Note.objects.filter(pk__in=locked).update(locks_at=now)


def _is_left(note: Note, limit: datetime) -> bool:
    """Whether something stands in it that was saved at the ``limit`` at the latest; asked again now that nobody can save."""
    latest = note.versions.first()
    return latest is not None and latest.saved_at <= limit and not NoteText.of(latest).is_empty


@transaction.atomic
def add_addendum(note: Note, text: str, *, by: User, now: datetime) -> Addendum:
    """Add to a locked note. The same words sent twice in a row are added once.

    Raises NoteStillOpen before it is locked, and NoConsent once the client withdrew.
    """
    _require_consent(note.appointment)
    note = Note.objects.select_for_update().get(pk=note.pk)
    if not note.is_locked(now):
        raise NoteStillOpen
    latest = note.addenda.last()
    if latest is not None and latest.by_id == by.pk and latest.text == text:
        return latest
    return note.addenda.create(text=text, written_at=now, by=by, by_name=str(by))


def last_note(session: Appointment) -> Note | None:
    """The note of the same therapist about the client's session before this one of which there is any."""
    earlier = Note.objects.filter(appointment__client=session.client_id, appointment__therapist=session.therapist_id)
    before = earlier.filter(appointment__starts_at__lt=session.starts_at, versions__isnull=False).distinct()
    return before.select_related("appointment__client").order_by("-appointment__starts_at").first()


def copy_forward(text: NoteText, note: Note, *, by: User, now: datetime) -> NoteText:
    """``text`` with its gaps filled from an earlier note, which is read for it; pain is asked anew. Raises NoConsent."""
    before = read_note(note, by=by, now=now)
    return text.with_gaps_filled({part: getattr(before, part) for part in PARTS}, before.points)


def begin_with(text: NoteText, template: NoteTemplate) -> NoteText:
    """``text`` with its gaps filled from a template."""
    return text.with_gaps_filled({part: getattr(template, part) for part in PARTS})


# ---- reading ----------------------------------------------------------------------------------------------------------------


@transaction.atomic
def read_note(note: Note, *, by: User, now: datetime) -> NoteText:
    """What a note says. It leaves a row that the client can see, but not for who goes on writing what they wrote last.

    Whether ``by`` may read it is for the caller to ask. Raises NoConsent once the client withdrew.
    """
    _require_consent(note.appointment)
    latest = note.versions.first()
    goes_on = latest is not None and latest.by_id == by.pk and not note.is_locked(now)
    if not goes_on:
        NoteView.leave(by=by, at=now, note=note)
    return NoteText.of(latest)


def _require_consent(session: Appointment) -> None:
    assert session.client is not None
    if withdrew_health_data(session.client):
        raise NoConsent


def views_of(client: Client) -> QuerySet[NoteView]:
    """Who read a client's notes, and when."""
    return NoteView.objects.filter(note__appointment__client=client).select_related("note__appointment")


def on_readings_asked(sender: object, client: Client, **more: object) -> QuerySet[NoteView]:
    return views_of(client)


def without_a_signed_note(sessions: QuerySet[Appointment], now: datetime) -> QuerySet[Appointment]:
    """Of these sessions, those that took place and whose note is to be written or signed, the latest first."""
    held = sessions.filter(starts_at__lte=now, note__signed_at=None).exclude(status=AppointmentStatus.NO_SHOW)
    return held.order_by("-starts_at")


# ---- forgetting -------------------------------------------------------------------------------------------------------------


def forget_notes(*, now: datetime, dry_run: bool = False) -> int:
    """Delete the notes of clients who were last here more than INTAKE_KEEP_YEARS ago; says how many were, or would be."""
    limit = years_ago(now, settings.INTAKE_KEEP_YEARS)
    old = Note.objects.exclude(appointment__client__in=clients_here_since(limit))
    count = old.count()
    if not dry_run:
        with transaction.atomic(), pgtrigger.ignore(*NOTES_STAY):
            old.delete()
    return count
