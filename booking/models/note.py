"""What a therapist wrote about a session: sealed, kept version by version, locked some hours after it was signed or left."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from clients.fields import SealedField
from clients.models import HealthView
from lines import LineField, one_line

#: Set aside only by what forgets or erases (booking.services.notes), and for versions and addenda by what re-encrypts.
NOTES_STAY = ("booking.Note:signed_stays", "booking.NoteVersion:stays", "booking.Addendum:stays")


class Note(models.Model):
    """The note of one session. What it says stands in its versions; once locked, in its addenda as well.

    It is signed once. Until ``locks_at`` it can still be corrected, by one more version under the same signature. One that
    nobody signs is locked as well in the end (booking.services.notes); it can be signed afterwards, as it is.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    appointment = models.OneToOneField("booking.Appointment", models.PROTECT, related_name="note", verbose_name=_("appointment"))
    started_at = models.DateTimeField(_("begun"))
    signed_at = models.DateTimeField(_("signed"), null=True)
    signed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("by"))
    # stays when the account goes
    signed_name = models.CharField(_("signed by"), max_length=120, blank=True)
    locks_at = models.DateTimeField(_("locked from"), null=True)

    personal = {"signed_name": "readings"}
    personal_of = "appointment__client"

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        constraints = [
            models.CheckConstraint(
                condition=Q(signed_at=None, signed_name="")
                | Q(signed_at__isnull=False, locks_at__isnull=False) & ~Q(signed_name=""),
                name="note_signed_with_name_and_lock",
            ),
        ]
        indexes = [
            # notes that nothing locks yet, for what locks them
            models.Index(fields=["appointment"], condition=Q(locks_at=None), name="note_not_locking"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="signed_stays",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func="""
                    IF TG_OP = 'DELETE' THEN
                        RAISE EXCEPTION 'a note stays' USING ERRCODE = 'check_violation';
                    END IF;
                    IF NEW.appointment_id <> OLD.appointment_id
                        OR OLD.locks_at IS NOT NULL AND NEW.locks_at IS DISTINCT FROM OLD.locks_at
                        OR OLD.signed_at IS NOT NULL AND ROW(NEW.signed_at, NEW.signed_name)
                            IS DISTINCT FROM ROW(OLD.signed_at, OLD.signed_name) THEN
                        RAISE EXCEPTION 'a signed note stays signed and locked' USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return str(self.appointment)

    def is_locked(self, now: datetime) -> bool:
        return self.locks_at is not None and self.locks_at <= now


class NoteVersion(models.Model):
    """The whole note as it was saved once. Nothing changes or deletes it, and none is added to a locked note."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    note = models.ForeignKey(Note, models.CASCADE, related_name="versions", verbose_name=_("note"))
    number = models.PositiveIntegerField(_("number"))
    # booking.services.notes: NoteText
    content = SealedField(_("content"))
    # the page it was written on, so that one page never disagrees with itself
    writer = models.UUIDField(editable=False)
    saved_at = models.DateTimeField(_("saved"))
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("by"))
    by_name = models.CharField(_("name"), max_length=120)

    personal = {"content": "health", "by_name": "readings"}
    personal_of = "note__appointment__client"

    class Meta:
        verbose_name = _("version of a note")
        verbose_name_plural = _("versions of notes")
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["note", "number"], name="note_version_number_once")]
        triggers = [
            pgtrigger.Trigger(
                name="stays",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func="""
                    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - 'by_id' = to_jsonb(OLD) - 'by_id' AND NEW.by_id IS NULL THEN
                        RETURN NEW;
                    END IF;
                    RAISE EXCEPTION 'a version of a note stays as it is' USING ERRCODE = 'check_violation';
                """,
            ),
            pgtrigger.Trigger(
                name="none_once_locked",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF EXISTS (SELECT 1 FROM booking_note WHERE id = NEW.note_id AND locks_at <= NEW.saved_at) THEN
                        RAISE EXCEPTION 'a locked note takes addenda only' USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return str(self.number)


class Addendum(models.Model):
    """What was added to a locked note, with its date. It stays as it is."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    note = models.ForeignKey(Note, models.CASCADE, related_name="addenda", verbose_name=_("note"))
    text = SealedField(_("text"))
    written_at = models.DateTimeField(_("written"))
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("by"))
    by_name = models.CharField(_("name"), max_length=120)

    personal = {"text": "health", "by_name": "readings"}
    personal_of = "note__appointment__client"

    class Meta:
        verbose_name = _("addendum")
        verbose_name_plural = _("addenda")
        ordering = ["written_at"]
        triggers = [
            pgtrigger.Trigger(
                name="stays",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func="""
                    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - 'by_id' = to_jsonb(OLD) - 'by_id' AND NEW.by_id IS NULL THEN
                        RETURN NEW;
                    END IF;
                    RAISE EXCEPTION 'an addendum stays as it is' USING ERRCODE = 'check_violation';
                """,
            ),
            pgtrigger.Trigger(
                name="once_locked",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF NOT EXISTS (SELECT 1 FROM booking_note WHERE id = NEW.note_id AND locks_at <= NEW.written_at) THEN
                        RAISE EXCEPTION 'a note takes addenda once it is locked' USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.written_at:%Y-%m-%d %H:%M}"


class NoteView(HealthView):
    """Somebody of the practice read a note."""

    note = models.ForeignKey(Note, models.CASCADE, related_name="views", verbose_name=_("note"))

    personal = {"by_name": "readings"}
    personal_of = "note__appointment__client"

    class Meta:
        verbose_name = _("reading of a note")
        verbose_name_plural = _("readings of notes")
        ordering = ["-at"]
        indexes = [models.Index(fields=["note", "-at"], name="note_view_by_note")]


class NoteTemplate(models.Model):
    """Words that a therapist begins notes with. They are about nobody, so they are not sealed."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    therapist = models.ForeignKey("therapists.Therapist", models.CASCADE, related_name="note_templates")
    name = LineField(_("name"), max_length=60)
    subjective = models.TextField(_("subjective"), max_length=2000, blank=True)
    objective = models.TextField(_("objective"), max_length=2000, blank=True)
    assessment = models.TextField(_("assessment"), max_length=2000, blank=True)
    plan = models.TextField(_("plan"), max_length=2000, blank=True)

    class Meta:
        verbose_name = _("note template")
        verbose_name_plural = _("note templates")
        ordering = ["name"]
        constraints = [
            one_line("note_template_name_on_one_line", "name"),
            models.UniqueConstraint(fields=["therapist", "name"], name="note_template_name_once"),
        ]

    def __str__(self) -> str:
        return self.name
