"""By which ways a client can be told, in the order they prefer."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

import phonenumbers
from django.conf import settings
from django.core import signing

from booking.enums import Channel, RuleChannel
from booking.models import Notification, Reach
from clients.models import Client

STOP = "booking.stop"  # salt: these tokens are good for nothing else


class Way(NamedTuple):
    """``recipient``: an e-mail address, or a number in E.164."""

    channel: Channel
    recipient: str


def reach_of(client: Client) -> Reach:
    """What a client chose; what goes without saying where they chose nothing."""
    return getattr(client, "reach", None) or Reach(client=client)


def ways_to(client: Client) -> list[Way]:
    """Every way that works, the preferred one first. Not: an address that refused, a number that sent STOP.

    A number that nothing could be delivered to is tried again where there is no other way: a telephone may only have been off.
    """
    reach = reach_of(client)
    ways = []
    if client.email and client.email != reach.bounced:
        ways.append(Way(Channel.EMAIL, client.email))
    number = number_for_texts(client)
    if number and number != reach.stopped and (number != reach.unreached or not ways):
        ways.append(Way(Channel.SMS, number))
    return sorted(ways, key=lambda way: way.channel != reach.channel)


def way_by(rule: str, client: Client) -> Way | None:
    """The way a rule asks for (RuleChannel); the only one there is, where there is one; None for a client out of reach."""
    ways = ways_to(client)
    if not ways:
        return None
    return ways[-1] if rule == RuleChannel.OTHER else ways[0]


def number_for_texts(client: Client) -> str:
    """The client's number in E.164; empty where there is none that could exist, or the practice sends no text messages."""
    number = client.phone
    if not settings.SMS_URL or not number or not phonenumbers.is_possible_number(number):
        return ""
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def stop_token(notice: Notification) -> str:
    """What lets whoever got a notice stop its kind, without a sign-in and for good."""
    return signing.Signer(salt=STOP).sign_object([str(notice.client_id), notice.kind])


def stopped_by(token: str) -> tuple[UUID, str] | None:
    """The client and the kind that a token stops; None for one that we did not give."""
    try:
        client, kind = signing.Signer(salt=STOP).unsign_object(token)
    except signing.BadSignature:
        return None
    return UUID(client), kind
