"""Stops that were said once: a later answer does not take them back, only a clearance or their own time does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from clients import triage
from clients.models import Client, Response
from clients.services.responses import asked, knowledge, with_classes
from clients.triage import Reason, Severity

#: As forms are marked when they are sent; the stop of a single area makes a session one to review.
MAY_STOP = (Severity.STOP.name.lower(), Severity.REVIEW.name.lower())


def stops_said(client: Client, *, on: date) -> list[Reason]:
    """Every reason for a stop in any form a client ever sent, as it is on a date; each ground once.

    What was said about one day, like a fever, is left out: the next answer is as good. An emergency sign is not.
    """
    sent = client.responses.submitted().filter(severity__in=MAY_STOP).select_related("questionnaire").order_by("submitted_at")
    return list({reason.ground: reason for response in sent for reason in _stops(response, on)}.values())


def _stops(response: Response, on: date) -> Iterator[Reason]:
    lasting = [each for each in asked(response) if each.is_emergency or not each.ask_every_session]
    codes = {question.code for question in lasting}
    answers = {
        answer.question.code: answer.value
        for answer in response.answers.select_related("question")
        if answer.question.code in codes
    }
    flags = triage.triage(with_classes(answers, lasting), knowledge(response.questionnaire), on)
    yield from (reason for reason in flags.reasons if reason.severity is Severity.STOP)
