"""Mail without a mail server: one ``.eml`` file a message, in a folder that ``up`` prints."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


class EmlFileBackend(BaseEmailBackend):
    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        folder = Path(settings.MAIL_FOLDER)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for message in messages:
            who = re.sub(r"[^A-Za-z0-9@.+-]", "_", ", ".join(message.to))[:80]
            name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{who}-{uuid4().hex[:6]}.eml"
            unfinished = folder / f".{name}"
            unfinished.write_bytes(message.message().as_bytes())
            unfinished.rename(folder / name)
        return len(messages)
