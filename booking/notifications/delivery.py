"""Send what is due: each notice once, and none that is no longer true."""

from __future__ import annotations

from datetime import datetime, timedelta
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException

from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction

from booking.enums import NotificationKind, NotificationState
from booking.ical import GONE
from booking.models import Notification
from booking.notifications.render import appointments_of, message_of

#: How long to wait before the next try, by the number of tries so far; after the last it has failed.
BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 30, 60, 120, 240))


class DeliveryError(Exception):
    """A notice could not be sent. ``permanent`` means that trying again would not help."""

    def __init__(self, reason: str, *, permanent: bool) -> None:
        super().__init__(reason)
        self.permanent = permanent


def send_due(now: datetime, limit: int = 100) -> int:
    """Send at most ``limit`` notices that are due, oldest first, and say how many went out.

    Each is claimed in a transaction of its own, so another worker passes it by, and one that cannot be sent delays no other.
    One connection to the mail server serves them all.
    """
    mail = get_connection()
    sent = 0
    try:
        for _ in range(limit):
            outcome = _send_next(mail, now)
            if outcome is None:
                break
            sent += outcome
    finally:
        mail.close()
    return sent


@transaction.atomic
def _send_next(mail: BaseEmailBackend, now: datetime) -> bool | None:
    """Claim the oldest due notice and bring it to an end; None when nothing is due."""
    notice = (
        Notification.objects.filter(state=NotificationState.QUEUED, due_at__lte=now)
        .select_for_update(skip_locked=True, of=("self",))
        .select_related("client", "series")
        .order_by("due_at")
        .first()
    )
    if notice is None:
        return None
    if not still_true(notice):
        notice.state = NotificationState.DROPPED
        notice.save(update_fields=["state"])
        return False
    message = message_of(notice, now)
    notice.attempts += 1
    try:
        _hand_over(mail, message)
    except DeliveryError as problem:
        notice.last_error = str(problem)[:300]
        if problem.permanent or notice.attempts > len(BACK_OFF):
            notice.state = NotificationState.FAILED
        else:
            notice.due_at = now + BACK_OFF[notice.attempts - 1]
        notice.save(update_fields=["state", "attempts", "last_error", "due_at"])
        return False
    notice.state = NotificationState.SENT
    notice.sent_at = now
    notice.subject, notice.body = message.subject[:200], str(message.body)
    notice.save(update_fields=["state", "attempts", "sent_at", "subject", "body"])
    return True


def still_true(notice: Notification) -> bool:
    """Whether what the notice says holds: its session is still at the time it speaks of, and not cancelled."""
    appointments = appointments_of(notice)
    if notice.series_id is not None:
        return bool(appointments)
    [appointment] = appointments
    gone = appointment.status in GONE
    if notice.kind == NotificationKind.CANCELLED:
        return gone
    return not gone and appointment.sequence == notice.sequence


def _hand_over(mail: BaseEmailBackend, message: object) -> None:
    """Give one message to the mail server. Raises DeliveryError."""
    try:
        mail.send_messages([message])  # type: ignore[list-item]
    except SMTPRecipientsRefused as refusal:
        code, reason = next(iter(refusal.recipients.values()))
        raise DeliveryError(f"{code} {_text(reason)}", permanent=code >= 500) from refusal
    except SMTPResponseException as refusal:
        mail.close()
        raise DeliveryError(
            f"{refusal.smtp_code} {_text(refusal.smtp_error)}", permanent=500 <= refusal.smtp_code < 600
        ) from refusal
    except (SMTPException, OSError) as fault:
        mail.close()
        raise DeliveryError(f"{type(fault).__name__}: {fault}", permanent=False) from fault


def _text(said: bytes | str) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said
