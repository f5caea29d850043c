"""Hand a text message to whoever carries it: the console, a folder, or a signed post to an address of the practice's own.

``SMS_URL`` names it. What is posted, and what comes back (replies, reports), is signed alike with ``SMS_SECRET``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from django.conf import settings

from booking.notifications.errors import DeliveryError
from booking.notifications.gsm7 import segments

SIGNATURE = "Unknot-Signature"
#: How old a signed post may be, so that a recorded one is of no use later.
FRESH = timedelta(minutes=5)
TIMEOUT = 15  # seconds
LOOPBACK = ("localhost", "127.0.0.1", "::1")
#: Refusals that are only for now.
FOR_NOW = (408, 425, 429)
#: The refusal that is about the number itself.
NO_SUCH_NUMBER = 410


@dataclass(frozen=True)
class Sms:
    """``id`` stays the same when it is handed over again, so that the carrier can tell; ``to`` is a number in E.164."""

    id: UUID
    to: str
    text: str


class SmsSender(Protocol):
    def send(self, message: Sms) -> str:
        """Hand over one message and return the carrier's answer. Raises DeliveryError."""

    def close(self) -> None: ...


def sms_sender() -> SmsSender:
    """The carrier that ``SMS_URL`` names. Raises ValueError for an address of another kind."""
    address = urlsplit(settings.SMS_URL)
    if address.scheme == "console":
        return ConsoleSender()
    if address.scheme == "file":
        return FileSender(Path(address.path))
    if address.scheme == "https" or (address.scheme == "http" and address.hostname in LOOPBACK):
        return WebhookSender(address, settings.SMS_SECRET)
    raise ValueError("SMS_URL is console:, file:/a/folder or https://…")


class ConsoleSender:
    def send(self, message: Sms) -> str:
        sys.stdout.write(f"SMS to {message.to} ({segments(message.text)}): {message.text}\n")
        return ""

    def close(self) -> None:
        sys.stdout.flush()


class FileSender:
    """One ``.txt`` file a message."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def send(self, message: Sms) -> str:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = re.sub(r"[^0-9+]", "_", message.to)
        unfinished = self.folder / f".{message.id}"
        unfinished.write_text(f"To: {message.to}\nSegments: {segments(message.text)}\n\n{message.text}\n")
        unfinished.rename(self.folder / f"{name}-{message.id}.txt")
        return ""

    def close(self) -> None:
        pass


class WebhookSender:
    """Posts JSON: ``id``, ``to``, ``text``, ``segments``. The same ``id`` twice is the same message."""

    def __init__(self, address: SplitResult, secret: str) -> None:
        self.address, self.secret = address, secret
        kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
        self._connection = kind(address.hostname or "", address.port, timeout=TIMEOUT)

    def send(self, message: Sms) -> str:
        body = json.dumps(
            {"id": str(message.id), "to": message.to, "text": message.text, "segments": segments(message.text)}
        ).encode()
        headers = {"Content-Type": "application/json", SIGNATURE: sign(body, self.secret, datetime.now(UTC))}
        path = (self.address.path or "/") + (f"?{self.address.query}" if self.address.query else "")
        handed_over = False
        try:
            self._connection.connect()
            handed_over = True
            self._connection.request("POST", path, body, headers)
            answer = self._connection.getresponse()
            said = f"{answer.status} {answer.read(200).decode(errors='replace')}".strip()
        except (OSError, HTTPException) as fault:
            raise DeliveryError(f"{type(fault).__name__}: {fault}", perhaps_taken=handed_over) from fault
        finally:
            self._connection.close()
        if 200 <= answer.status < 300:
            return said
        permanent = 400 <= answer.status < 500 and answer.status not in FOR_NOW
        raise DeliveryError(said, permanent=permanent, bounced=answer.status == NO_SUCH_NUMBER)

    def close(self) -> None:
        self._connection.close()


def sign(body: bytes, secret: str, at: datetime) -> str:
    """``t=<seconds>,v1=<hex>``: an HMAC-SHA256 over the time and the body."""
    stamp = int(at.timestamp())
    return f"t={stamp},v1={_digest(body, secret, stamp)}"


def is_signed(body: bytes, secret: str, signature: str, now: datetime) -> bool:
    """Whether a post carries our signature and is fresh. Without a secret nothing is."""
    found = re.fullmatch(r"t=(\d{1,12}),v1=([0-9a-f]{64})", signature)
    if not secret or not found or abs(now.timestamp() - int(found[1])) > FRESH.total_seconds():
        return False
    return hmac.compare_digest(found[2], _digest(body, secret, int(found[1])))


def _digest(body: bytes, secret: str, stamp: int) -> str:
    return hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
