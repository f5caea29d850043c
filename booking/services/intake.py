"""What a session knows of its client's form: whether it is there, and the light. Never an answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from booking.enums import Light
from booking.models import Appointment
from booking.services.asking import sessions_that_ask
from clients.exceptions import NoConsent
from clients.models import Consent, Response, ResponseKind
from clients.services.consents import HEALTH_DATA
from clients.services.responses import flags_of, full_form_is_due, is_over
from clients.triage import Severity

LIGHTS = {
    Severity.NONE: Light.READY,
    Severity.ADAPT: Light.ADJUSTED,
    Severity.REVIEW: Light.TO_CHECK,
    Severity.STOP: Light.ON_HOLD,
}


def light_of(appointment: Appointment, *, now: datetime) -> Light:
    """The light of one session, with the answers weighed for its date. Nothing is logged: no answer is shown."""
    client = appointment.client
    if client is None:
        return Light.WAITING
    try:
        flags = flags_of(client, on=appointment.local_date)
    except NoConsent:
        return Light.WAITING
    severity = flags.severity if flags else Severity.NONE
    is_due = full_form_is_due(client, on=appointment.local_date) or bool(sessions_that_ask([appointment], now=now))
    return _light(severity, is_due=is_due)


def lights_of(appointments: Collection[Appointment], *, now: datetime) -> Mapping[UUID, Light]:
    """The lights of many sessions in a few queries, by what was stored when the forms were sent.

    An answer that has gained or lost weight with time since then shows in ``light_of`` alone.
    """
    clients = {each.client_id for each in appointments}
    agreed = Consent.objects.standing().filter(kind=HEALTH_DATA, client__in=clients)
    sent: dict[UUID | None, list[Response]] = {pk: [] for pk in agreed.values_list("client_id", flat=True)}
    for response in Response.objects.current().filter(client__in=sent).select_related("questionnaire").order_by("submitted_at"):
        sent[response.client_id].append(response)
    asking = sessions_that_ask(appointments, now=now)
    return {each.pk: _listed(each, sent.get(each.client_id, []), asks=each.pk in asking) for each in appointments}


def _listed(appointment: Appointment, sent: Sequence[Response], *, asks: bool) -> Light:
    """The light by the forms a client sent, in that order."""
    full = [response for response in sent if response.kind == ResponseKind.FIRST]
    counting = _counting(appointment, sent)
    severity = max((Severity[response.severity.upper()] for response in counting), default=Severity.NONE)
    return _light(severity, is_due=asks or is_over(full[-1] if full else None, on=appointment.local_date))


def _counting(appointment: Appointment, sent: Sequence[Response]) -> Sequence[Response]:
    """The forms whose flags say something about a session.

    That of a form sent before this very session stands for all that was sent until then. Of those sent before other sessions
    the latest counts when it is a stop, for an emergency sign lasts until it is answered anew.
    """
    for number, response in reversed(list(enumerate(sent))):
        if response.kind == ResponseKind.EVERY and response.session_on == appointment.local_date:
            return [response, *(each for each in sent[number + 1 :] if each.kind != ResponseKind.EVERY)]
    latest = {response.kind: response for response in sent}
    return [each for kind, each in latest.items() if kind != ResponseKind.EVERY or each.severity == "stop"]


def _light(severity: Severity, *, is_due: bool) -> Light:
    """A stop stands until it is lifted; anything less says little while the form itself is waited for."""
    return Light.WAITING if is_due and severity is not Severity.STOP else LIGHTS[severity]
