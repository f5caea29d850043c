"""What the carrier of text messages posts to us: what clients answer, and what became of what we sent."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from booking.enums import TextMeaning

#: What carriers take for the wish to get no more messages, and to get them again.
STOP = {"stop", "stopall", "stop all", "unsubscribe", "end", "quit", "cancel", "revoke", "optout", "opt out", "arret"}
START = {"start", "unstop"}
#: How people say that they are coming, by language; without accents and signs.
COMING = {
    "any": {"👍", "ok", "okay", "okey"},
    "de": {"ja", "jep", "ja danke", "ich komme", "ja ich komme", "bestatigt"},
    "en": {
        "y", "yes", "yep", "yeah", "yes please", "yes thanks", "yes thank you", "ok thanks", "ok thank you", "coming",
        "im coming", "i am coming", "yes im coming", "yes i am coming", "confirm", "confirmed", "i confirm", "yes i confirm",
    },
    "es": {"si", "si gracias", "vale", "voy", "confirmo"},
    "fr": {"oui", "oui merci", "daccord", "je viens", "je confirme"},
    "it": {"va bene", "vengo", "si grazie", "confermo"},
    "nl": {"ja dank je", "ik kom", "bevestigd"},
    "pl": {"tak", "bede", "potwierdzam"},
    "pt": {"sim", "vou", "sim obrigada", "sim obrigado"},
    "tr": {"evet", "geliyorum"},
}  # fmt: skip
MEANINGS = (
    (TextMeaning.STOP, STOP),
    (TextMeaning.START, START),
    (TextMeaning.COMING, frozenset().union(*COMING.values())),
)


class Malformed(Exception):
    """The carrier posted something that cannot be read; the message says what."""

    def __init__(self, message: str | Promise) -> None:
        super().__init__(str(message))


@dataclass(frozen=True)
class Reply:
    """A client's text message. ``id``: the carrier's name for it; ``number``: in E.164."""

    id: str
    number: str
    text: str

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Raises Malformed."""
        posted = _posted(body)
        if not re.fullmatch(r"[!-~]{1,100}", _said(posted, "id")):
            raise Malformed(_("“id” is 1 to 100 signs of ASCII without a space."))
        if not re.fullmatch(r"\+[1-9][0-9]{6,14}", _said(posted, "from")):
            raise Malformed(_("“from” is a number in E.164, like +442079460018."))
        return cls(posted["id"], posted["from"], _said(posted, "text"))


@dataclass(frozen=True)
class Report:
    """What became of a notice sent as a text message."""

    notice: UUID
    is_delivered: bool
    reason: str

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Raises Malformed."""
        posted = _posted(body)
        try:
            notice = UUID(_said(posted, "id"))
        except ValueError:
            raise Malformed(_("“id” is the one we posted.")) from None
        if _said(posted, "status") not in ("delivered", "failed"):
            raise Malformed(_("“status” is “delivered” or “failed”."))
        reason = "".join(filter(str.isprintable, _said(posted, "reason"))) if "reason" in posted else ""
        return cls(notice, posted["status"] == "delivered", reason[:300])


def meaning_of(text: str) -> TextMeaning:
    """What a message says as a whole, whatever its case, accents and punctuation; one that says more is something else.

    CANCEL is STOP: that is how carriers read it, and they stop our messages by themselves then. It never cancels a session.
    """
    bare = re.sub(r"[^\w\s👍]", "", unicodedata.normalize("NFKD", text).casefold())
    words = " ".join(bare.split())
    return next((meaning for meaning, known in MEANINGS if words in known), TextMeaning.OTHER)


def _posted(body: bytes) -> dict[str, Any]:
    try:
        posted = json.loads(body)
    except (ValueError, RecursionError):
        posted = None
    if not isinstance(posted, dict):
        raise Malformed(_("The body is an object in JSON."))
    return posted


def _said(posted: dict[str, Any], name: str) -> str:
    if not isinstance(posted.get(name), str):
        raise Malformed(_("“%(name)s” is missing, or is no text.") % {"name": name})
    said: str = posted[name]
    return said
