"""Health answers of the invented clients of the demonstration practice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from clients.models import Client, ResponseKind, User
from clients.services.consents import health_data_question, record_agreement
from clients.services.reference import SHIPPED
from clients.services.responses import open_response, save_section, submit_response

ANSWERS = SHIPPED / "demonstration_answers.json"


def load_demonstration_answers(clients: Sequence[Client], *, by: User, now: datetime) -> None:
    """Fill in a first form for some of the clients, one of each severity that is worth looking at."""
    content = json.loads(ANSWERS.read_text(encoding="utf-8"))
    question = health_data_question()
    for client, person in zip(clients, content["people"], strict=False):
        sent_at = now - timedelta(days=9)
        record_agreement(client, question, by=by, now=sent_at)
        response = open_response(client, ResponseKind.FIRST, now=sent_at)
        signed = {"c_sign": {"name": client.name, "on": sent_at.date().isoformat()}}
        save_section(response, content["well"] | person["changes"] | signed, now=sent_at)
        submit_response(response, by=by, on=sent_at.date(), now=sent_at)
