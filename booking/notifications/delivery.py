"""Send what is due: each notice once, and none that is no longer true."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from smtplib import SMTPDataError, SMTPRecipientsRefused, SMTPResponseException
from time import monotonic

from django.core.mail import EmailMessage, get_connection
from django.db import transaction

from booking.enums import NotificationState
from booking.models import Notification
from booking.notifications.render import written

#: How long to wait before the next try, by the number of tries so far; from the last on it stays the same.
BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10))
GIVE_UP_AFTER = timedelta(days=2)
#: Seconds after which a batch takes on no more, so that it ends long before its task counts as lost.
BATCH_LASTS = 60


class DeliveryError(Exception):
    """A notice could not be sent. ``permanent`` means that trying again would not help."""

    def __init__(self, reason: str, *, permanent: bool) -> None:
        super().__init__(reason)
        self.permanent = permanent


class MailServer:
    """One connection for a whole batch, opened when it is first needed and again after it broke."""

    def __init__(self) -> None:
        self._backend = get_connection()
        #: It could not even be reached, so trying it with the next notice would only take time.
        self.is_away = False

    def send(self, message: EmailMessage) -> None:
        """Hand over one message. Raises DeliveryError; only a refusal of this address or this text is permanent."""
        try:
            self._backend.open()
        except OSError as fault:
            self.is_away = True
            raise DeliveryError(_in_words(fault), permanent=False) from fault
        try:
            self._backend.send_messages([message])
        except OSError as fault:
            self.close()
            raise DeliveryError(_in_words(fault), permanent=_is_permanent(fault)) from fault

    def close(self) -> None:
        with suppress(OSError):
            self._backend.close()


def send_due(now: datetime, limit: int = 500) -> int:
    """Send at most ``limit`` notices that are due, oldest first, and say how many went out.

    Each is claimed in a transaction of its own, so another worker passes it by, and one that cannot be sent delays no other.
    Raises ExceptionGroup at the end if some could not be written; these wait for another try like those a server puts off.
    """
    ends = monotonic() + BATCH_LASTS
    server = MailServer()
    sent = 0
    faults: list[Exception] = []
    try:
        for _ in range(limit):
            outcome = _send_next(server, now, faults)
            sent += outcome == NotificationState.SENT
            if outcome is None or server.is_away or monotonic() > ends:
                break
    finally:
        server.close()
    if faults:
        raise ExceptionGroup("notices that could not be written", faults)
    return sent


@transaction.atomic
def _send_next(server: MailServer, now: datetime, faults: list[Exception]) -> NotificationState | None:
    """Claim the oldest due notice and say what became of it; None when nothing is due."""
    notice = (
        Notification.objects.due(now)
        .select_for_update(skip_locked=True, of=("self",))
        .select_related("client", "series", "appointment", "change", "offer", "repair")
        .order_by("due_at")
        .first()
    )
    if notice is None:
        return None
    notice.attempts += 1
    try:
        with transaction.atomic():  # so that a fault of the database leaves the claim usable
            message = written(notice, now)
        if message is None:
            notice.state = NotificationState.DROPPED
            notice.save(update_fields=["state"])
            return NotificationState.DROPPED
        server.send(message.email)
    except DeliveryError as problem:
        return _put_off(notice, now, str(problem), permanent=problem.permanent)
    except Exception as fault:  # a fault of ours in one notice must not hold up the others; it is raised after them
        faults.append(fault)
        return _put_off(notice, now, repr(fault), permanent=False)
    notice.state = NotificationState.SENT
    notice.sent_at = now
    notice.last_error = ""
    notice.subject, notice.body = message.email.subject[:200], message.kept
    notice.save(update_fields=["state", "attempts", "sent_at", "last_error", "subject", "body"])
    return NotificationState.SENT


def _put_off(notice: Notification, now: datetime, reason: str, *, permanent: bool) -> NotificationState:
    """Note why it was not sent and when it is tried again, or that it never will be."""
    notice.last_error = reason[:300]
    if permanent or now - notice.created_at >= GIVE_UP_AFTER:
        notice.state = NotificationState.FAILED
    else:
        notice.due_at = now + BACK_OFF[min(notice.attempts, len(BACK_OFF)) - 1]
    notice.save(update_fields=["state", "attempts", "last_error", "due_at"])
    return NotificationState(notice.state)


def _is_permanent(fault: OSError) -> bool:
    if isinstance(fault, SMTPRecipientsRefused):
        return all(code >= 500 for code, _answer in fault.recipients.values())
    return isinstance(fault, SMTPDataError) and fault.smtp_code >= 500


def _in_words(fault: OSError) -> str:
    """The server's own answer, or what happened to the connection."""
    if isinstance(fault, SMTPRecipientsRefused):
        return "; ".join(_answer(code, said) for code, said in fault.recipients.values())
    if isinstance(fault, SMTPResponseException):
        return _answer(fault.smtp_code, fault.smtp_error)
    return f"{type(fault).__name__}: {fault}"


def _answer(code: int, said: bytes | str) -> str:
    return f"{code} {said.decode(errors='replace') if isinstance(said, bytes) else said}"
