"""Notice that something is wrong, and say so to a person, without the worker, the broker or the database.

It runs from outside (cron, a systemd timer), looks, writes one mail straight to the mail server, and remembers in a small file
what it told. A table would be away when it is needed most.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit
from uuid import uuid4

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from booking.enums import NotificationKind, NotificationState
from booking.models import Notification
from config.health import is_well, state

REPEATED_EVERY = timedelta(hours=1)
FAILED_WITHIN = timedelta(days=1)

#: What is wrong, in words, by what is wrong.
Reasons = Mapping[str, str]


@dataclass(frozen=True)
class Told:
    """What the last mail said was wrong, and when; nothing, when all was well since."""

    reasons: frozenset[str] = field(default_factory=frozenset)
    at: datetime | None = None

    @classmethod
    def read(cls, file: Path) -> Self:
        """A file that is not there, or that nobody can read, says that nothing was told."""
        try:
            kept = json.loads(file.read_text())
            return cls(frozenset(kept["reasons"]), datetime.fromisoformat(kept["at"]))
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    def write(self, file: Path) -> None:
        """Raises OSError."""
        if self.at is None:
            file.unlink(missing_ok=True)
            return
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = file.with_name(f".{file.name}-{uuid4().hex}")
        unfinished.write_text(json.dumps({"reasons": sorted(self.reasons), "at": self.at.isoformat()}))
        unfinished.rename(file)


def what_is_wrong(now: datetime) -> Reasons:
    """Every part that is not as it should be, and the notices that fail in numbers."""
    os.environ.setdefault("PGCONNECT_TIMEOUT", "5")  # a database that does not even refuse is away as well
    parts = state()
    wrong = {name: _in_words(name, found) for name, found in parts.items() if not is_well(name, found)}
    if parts["outbox"] is not False:
        wrong |= _failing(now)
    return wrong


def _in_words(name: str, found: bool | int) -> str:
    if name == "outbox" and found is not False:
        return _("The oldest notice has been due for %(minutes)s minutes and nobody is sending it.") % {"minutes": found // 60}
    return {
        "database": _("The database does not answer."),
        "broker": _("The broker (Redis or Valkey) does not answer."),
        "worker": _("No worker has given a sign of life in the last minute: nothing is sent."),
        "beat": _("Beat has given no sign of life in the last minute: nothing new becomes due."),
        "outbox": _("Whether notices wait could not be asked."),
    }[name]


def _failing(now: datetime) -> Reasons:
    failed = Notification.objects.filter(state=NotificationState.FAILED, due_at__gt=now - FAILED_WITHIN)
    wrong = {}
    if (count := failed.count()) >= settings.ALARM_FAILED:
        text = ngettext(
            "%(count)s notice could not be delivered in the last 24 hours.",
            "%(count)s notices could not be delivered in the last 24 hours.",
            count,
        )
        wrong["failed"] = text % {"count": count}
    if failed.filter(kind=NotificationKind.DESK).exists():
        wrong["desk"] = _("The mail that tells the desk what it has to see to could not be delivered.")
    return wrong


def tell(reasons: Reasons, told: Told, now: datetime) -> Told:
    """Write a mail if there is something to say, and return what has been told since.

    Raises OSError when it cannot be sent, and ValueError for an address that is none.
    There is something to say when something new is wrong, when it has been an hour, and once when all is well again.
    """
    if reasons:
        is_news = not told.reasons.issuperset(reasons)
        if told.at is not None and not is_news and now - told.at < REPEATED_EVERY:
            return told
        _send(_("Unknot at %(host)s: something is wrong"), _alarm(reasons))
        return Told(frozenset(reasons), now)
    if told.at is not None:
        _send(_("Unknot at %(host)s: well again"), _("All parts answer, and no notice waits too long."))
    return Told()


def _alarm(reasons: Reasons) -> str:
    lines = [*(f"- {text}" for text in reasons.values()), ""]
    lines.append(_("This is told again every hour for as long as it lasts, and once when all is well again."))
    lines.append(_("Part by part: %(address)s") % {"address": settings.SITE_URL.rstrip("/") + "/readyz"})
    return "\n".join(lines) + "\n"


def _send(subject: str, text: str) -> None:
    """One mail to each address of ALARM_MAIL; nothing where there is none."""
    if not settings.ALARM_MAIL:
        return
    EmailMessage(
        subject=subject % {"host": urlsplit(settings.SITE_URL).hostname},
        body=text,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=settings.ALARM_MAIL,
        headers={"Auto-Submitted": "auto-generated"},
    ).send()
