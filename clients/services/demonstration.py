"""Health answers of the invented clients of the demonstration practice."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.signing import BadSignature, Signer

from clients.models import Client, ResponseKind, User
from clients.services.consents import health_data_question, record_agreement
from clients.services.reference import SHIPPED
from clients.services.responses import open_response, save_section, submit_response

ANSWERS = SHIPPED / "demonstration_answers.json"
SIGNER = Signer(salt="clients.services.demonstration")


def link_of(user: User) -> str:
    """The path that signs an invented person in; see config/demonstration.py for where it counts."""
    return f"/demo/{SIGNER.sign(str(user.pk))}/"


def user_of_link(token: str) -> User | None:
    """Whose link it is, if the demonstration practice of this machine was told of it when it was loaded."""
    try:
        pk = SIGNER.unsign(token)
        told = (settings.VAR / "demo-sign-ins.txt").read_text()
    except (BadSignature, OSError):
        return None
    return User.objects.filter(pk=pk).first() if f"/demo/{token}/" in told.split() else None


def load_demonstration_answers(clients: Sequence[Client], *, by: User, now: datetime) -> None:
    """Fill in a first form for some of the clients, one of each severity that is worth looking at."""
    content = json.loads(ANSWERS.read_text(encoding="utf-8"))
    for client, person in zip(clients, content["people"], strict=False):
        _send_whole_form(client, content["well"] | person["changes"], by=by, at=now - timedelta(days=9))


def load_demonstration_course(client: Client, sessions: Sequence[datetime], *, by: User) -> None:
    """Fill in what was asked along a client's past sessions, given by their starts; how the last one was is still open."""
    content = json.loads(ANSWERS.read_text(encoding="utf-8"))
    well, told = content["well"], content["returning"]
    starts = sessions[-len(told["stages"]) :]
    stages = told["stages"][: len(starts)]
    _send_whole_form(client, well | told["changes"] | stages[0]["before"], by=by, at=starts[0] - timedelta(hours=2))
    for start, stage in zip(starts[1:], stages[1:], strict=True):
        answers = well | told["nothing_new"] | stage["before"]
        _send(client, ResponseKind.EVERY, answers, on=start.date(), by=by, at=start - timedelta(days=1))
    for start, stage in zip(starts[:-1], stages[:-1], strict=True):
        _send(client, ResponseKind.AFTER, stage["after"], on=start.date(), by=by, at=start + timedelta(days=1))


def _send_whole_form(client: Client, answers: Mapping[str, Any], *, by: User, at: datetime) -> None:
    record_agreement(client, health_data_question(), by=by, now=at)
    signed = {"c_sign": {"name": client.name, "on": at.date().isoformat()}}
    _send(client, ResponseKind.FIRST, {**answers, **signed}, on=None, by=by, at=at)


def _send(client: Client, kind: str, answers: Mapping[str, Any], *, on: date | None, by: User, at: datetime) -> None:
    response = open_response(client, kind, now=at, session_on=on)
    save_section(response, answers, now=at)
    submit_response(response, by=by, on=on or at.date(), now=at)
