"""The practice's own words in a notice, with what they speak of filled in."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from django.template.loader import render_to_string

from booking.engine.placeholders import BrokenText, filled
from booking.enums import TO_CLIENTS, Channel
from booking.models import NoticeText
from booking.models.notice_text import placeholders_of
from booking.notifications.contents import Contents

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class OwnWords:
    """What is empty is said in our words."""

    subject: str = ""
    heading: str = ""
    opening: str = ""
    closing: str = ""


OURS = OwnWords()


def own_words(kind: str, channel: str, language: str, contents: Contents) -> OwnWords:
    """What the practice wrote for such a notice; nothing where it wrote nothing, or what cannot be filled in."""
    if kind not in TO_CLIENTS:
        return OURS
    wanted = (kind, channel, language)
    texts = contents.practice.notice_texts.all()
    text = next((each for each in texts if (each.kind, each.channel, each.language) == wanted), None)
    if text is None:
        return OURS
    try:
        return in_full(text, contents)
    except BrokenText:
        logger.warning("the words for %s by %s cannot be filled in; ours are sent", kind, channel)
        return OURS


def in_full(text: NoticeText, contents: Contents) -> OwnWords:
    """The words with what they speak of. Raises BrokenText."""
    values = values_of(text.kind, text.channel, contents)
    return OwnWords(
        subject=_on_one_line(filled(text.subject, values)),
        heading=_on_one_line(filled(text.heading, values)),
        opening=filled(text.opening, values).strip(),
        closing=filled(text.closing, values).strip(),
    )


def values_of(kind: str, channel: str, contents: Contents) -> dict[str, str]:
    """By placeholder, what it stands for, in the language that is active."""
    context = contents.context
    first, treatment = context["first"], context["treatment"]
    told = {
        **context,
        "n": len(context.get("sessions") or context.get("dates") or [first]),
        "is_short": channel == Channel.SMS,
        "expires_at": getattr(context.get("offer") or context.get("repair"), "expires_at", None),
    }
    known = {
        "name": context["name"],
        "practice": contents.practice.name,
        "therapist": first.therapist.first_name if channel == Channel.SMS else first.therapist.name,
        "treatment": treatment.told_as,
        "minutes": str(treatment.minutes),
    }
    formed = (name for name in placeholders_of(kind) if name not in known)
    return known | {name: render_to_string(f"emails/placeholders/{name}.txt", told) for name in formed}


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
