"""A client's answers, and who read them."""

from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import uuid4

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from clients.fields import SealedField
from clients.models.people import Client, User
from clients.models.questionnaire import SEVERITIES, Question, Questionnaire, ResponseKind
from clients.signals import health_read

#: Set aside only by what re-encrypts, forgets or erases (clients.services).
SUBMITTED_STAYS = "clients.Answer:submitted_stays"


class ResponseQuerySet(models.QuerySet["Response"]):
    def drafts(self) -> Self:
        return self.filter(state=Response.State.DRAFT)

    def submitted(self) -> Self:
        return self.filter(state=Response.State.SUBMITTED)

    def current(self) -> Self:
        """Submitted, and not replaced by a later answer."""
        return self.submitted().exclude(superseded_by__state=Response.State.SUBMITTED)


class Response(models.Model):
    """One client's answers to one version of a form. Once submitted it stays as it is: a change is a new response."""

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        SUBMITTED = "submitted", _("submitted")

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    client = models.ForeignKey(Client, models.CASCADE, related_name="responses", verbose_name=_("client"))
    questionnaire = models.ForeignKey(Questionnaire, models.PROTECT, related_name="responses", verbose_name=_("questionnaire"))
    kind = models.CharField(_("kind"), max_length=8, choices=ResponseKind.choices)
    session_on = models.DateField(_("for the session on"), null=True, blank=True)
    state = models.CharField(_("state"), max_length=12, choices=State.choices, default=State.DRAFT)
    started_at = models.DateTimeField(_("started"))
    saved_at = models.DateTimeField(_("saved"))
    submitted_at = models.DateTimeField(_("submitted"), null=True, blank=True)
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("submitted by")
    )
    supersedes = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="superseded_by", verbose_name=_("replaces")
    )
    #: the one thing kept in clear, for lists: no answer can be read from it
    severity = models.CharField(_("flag"), max_length=8, choices=SEVERITIES, blank=True)

    personal = {"kind": "health", "session_on": "sessions", "state": "health", "severity": "health"}
    personal_of = "client"

    objects = ResponseQuerySet.as_manager()

    class Meta:
        verbose_name = _("response")
        verbose_name_plural = _("responses")
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["client", "kind", "session_on"],
                condition=Q(state="draft"),
                nulls_distinct=False,
                name="response_one_draft_per_session",
            ),
            models.CheckConstraint(
                condition=Q(state="draft", submitted_at__isnull=True, severity="")
                | Q(state="submitted", submitted_at__isnull=False) & ~Q(severity=""),
                name="response_submitted_with_time_and_flag",
            ),
        ]
        indexes = [
            # the latest answers of a client
            models.Index(fields=["client", "kind", "-submitted_at"], name="response_by_client"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.get_state_display()})"

    @property
    def is_draft(self) -> bool:
        return self.state == self.State.DRAFT


class Answer(models.Model):
    """The answer to one question, sealed."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    response = models.ForeignKey(Response, models.CASCADE, related_name="answers", verbose_name=_("response"))
    question = models.ForeignKey(Question, models.PROTECT, related_name="+", verbose_name=_("question"))
    value = SealedField(_("value"))

    personal = {"value": "health"}
    personal_of = "response__client"

    class Meta:
        verbose_name = _("answer")
        verbose_name_plural = _("answers")
        constraints = [models.UniqueConstraint(fields=["response", "question"], name="answer_once")]
        triggers = [
            pgtrigger.Trigger(
                name="submitted_stays",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                declare=[("row_", "clients_answer%ROWTYPE")],
                func="""
                    IF TG_OP = 'INSERT' THEN row_ := NEW; ELSE row_ := OLD; END IF;
                    IF EXISTS (SELECT 1 FROM clients_response WHERE id = row_.response_id AND state = 'submitted') THEN
                        RAISE EXCEPTION 'a submitted answer stays as it is' USING ERRCODE = 'check_violation';
                    END IF;
                    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)


class HealthView(models.Model):
    """Somebody of the practice read what is known of a client's health. The client can see these rows."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("read by"))
    #: stays when the account goes
    by_name = models.CharField(_("name"), max_length=120)
    at = models.DateTimeField(_("at"))

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.by_name

    @classmethod
    def leave(cls, *, by: User, at: datetime, **of: models.Model) -> None:
        """Write down that somebody read what ``of`` names, and say so to whoever wants to hear of it."""
        health_read.send(cls, view=cls._default_manager.create(by=by, by_name=str(by), at=at, **of))


class ResponseView(HealthView):
    """Somebody of the practice read a client's answers."""

    response = models.ForeignKey(Response, models.CASCADE, related_name="views", verbose_name=_("response"))

    personal = {"by_name": "readings"}
    personal_of = "response__client"

    class Meta:
        verbose_name = _("reading of answers")
        verbose_name_plural = _("readings of answers")
        ordering = ["-at"]
        indexes = [models.Index(fields=["response", "-at"], name="response_view_by_response")]
