"""A form on a tablet of the practice: handed out, begun by one browser, ended by sending it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.db import transaction

from clients.exceptions import HandoutOver
from clients.models import Client, Handout, Response, User
from clients.services.responses import open_response

LASTS = timedelta(minutes=30)


@transaction.atomic
def hand_out(client: Client, kind: str, *, session_on: date | None, by: User, now: datetime) -> str:
    """Let one browser fill in one form of a client for half an hour, and return the token that opens it.

    What was handed out for this client before ends.
    """
    Handout.objects.live(now).filter(client=client).update(ended_at=now)
    made = Handout(client=client, kind=kind, session_on=session_on, made_by=by, made_at=now, expires_at=now + LASTS)
    token = made.renew()
    made.save(force_insert=True)
    return token


@transaction.atomic
def begin(handout: Handout, *, now: datetime) -> Response:
    """Open the form; from now on the token opens nothing. Raises HandoutOver, NoConsent and NoQuestionnaire."""
    current = Handout.objects.live(now).select_for_update(of=("self",)).filter(pk=handout.pk, response=None).first()
    if current is None:
        raise HandoutOver
    current.response = open_response(current.client, current.kind, now=now, session_on=current.session_on)
    current.save(update_fields=["response"])
    return current.response


def end(handout: Handout, *, now: datetime) -> None:
    handout.ended_at = now
    handout.save(update_fields=["ended_at"])
