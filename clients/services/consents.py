"""Agreements of the questionnaire: given, and taken back."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from clients.exceptions import NoQuestionnaire
from clients.models import Client, Consent, Question, Questionnaire, User
from clients.models.questionnaire import QuestionType
from clients.signals import answers_changed

HEALTH_DATA = Consent.Kind.HEALTH_DATA


def health_data_question() -> Question:
    """The words in use that a client agrees to before any health question. Raises NoQuestionnaire."""
    question = Question.objects.filter(
        section__questionnaire__state=Questionnaire.State.ACTIVE, code=HEALTH_DATA, is_retired=False
    ).first()
    if question is None:
        raise NoQuestionnaire
    return question


def may_use_health_data(client: Client) -> bool:
    """Whether the client agreed that health answers are kept and used, and did not take it back."""
    return client.consents.filter(kind=HEALTH_DATA, withdrawn_at=None).exists()


def withdrew_health_data(client: Client) -> bool:
    """Whether the client took the agreement back and did not give it again; one who was never asked did not."""
    return client.consents.filter(kind=HEALTH_DATA).exists() and not may_use_health_data(client)


def record_agreement(client: Client, question: Question, *, by: User | None, now: datetime) -> None:
    """Keep the very words agreed to; agreeing twice to one version changes nothing."""
    Consent.objects.standing().get_or_create(
        client=client,
        kind=question.code,
        version=question.consent_version or 1,
        defaults={"text": question.text, "agreed_at": now, "by": by},
    )


def withdraw(client: Client, kind: str, *, now: datetime) -> None:
    """Take an agreement back; that it was given stays on record."""
    client.consents.filter(kind=kind, withdrawn_at=None).update(withdrawn_at=now)


@transaction.atomic
def withdraw_health_data(client: Client, *, now: datetime) -> None:
    """Stop using a client's health answers: unfinished forms go, sent ones are locked away until the law lets us delete them.

    From now on ``read_response`` by staff, ``flags_of`` and ``open_response`` raise NoConsent for this client.
    """
    withdraw(client, HEALTH_DATA, now=now)
    client.responses.drafts().delete()
    answers_changed.send(Consent, client=client, now=now)


def agreements(client: Client) -> list[Consent]:
    """What a client agreed to in a questionnaire and did not take back, the newest first."""
    asked = Question.objects.filter(type=QuestionType.CONSENT).values("code")
    return list(Consent.objects.standing().filter(client=client, kind__in=asked))
