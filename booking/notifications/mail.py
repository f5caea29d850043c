"""Hand a message to the mail server, and keep what it answers."""

from __future__ import annotations

from contextlib import suppress
from email.utils import parseaddr
from functools import lru_cache
from smtplib import SMTP, SMTPDataError, SMTPException, SMTPResponseException

from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.smtp import EmailBackend
from django.core.mail.message import sanitize_address

from booking.notifications.errors import DeliveryError


class MailServer:
    """One connection for a whole batch, opened when it is first needed and again after it broke."""

    def __init__(self) -> None:
        self._backend = get_connection()
        #: It could not even be reached, so trying it with the next notice would only take time.
        self.is_away = False

    def send(self, message: EmailMessage) -> str:
        """Hand over one message to its one recipient and return the server's answer. Raises DeliveryError."""
        try:
            self._backend.open()
        except OSError as fault:
            self.is_away = True
            raise DeliveryError(_in_words(fault)) from fault
        if isinstance(self._backend, EmailBackend):
            return self._converse(self._backend, message)
        self._backend.send_messages([message])
        return ""

    def close(self) -> None:
        with suppress(OSError):
            self._backend.close()

    def _converse(self, backend: EmailBackend, message: EmailMessage) -> str:
        """The conversation step by step: whether the text was handed over decides what a broken connection means."""
        connection = backend.connection
        assert isinstance(connection, SMTP)
        encoding = message.encoding or "utf-8"
        [recipient] = message.recipients()
        text = message.message().as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        handed_over = False
        try:
            connection.ehlo_or_helo_if_needed()
            self._accepted(connection, connection.mail(_bare(message.from_email, encoding)))
            self._accepted(connection, connection.rcpt(_bare(recipient, encoding)), of_address=True)
            handed_over = True
            return self._accepted(connection, connection.data(text))
        except SMTPDataError as refusal:
            self._accepted(connection, (refusal.smtp_code, refusal.smtp_error))
            raise
        except OSError as fault:
            self.close()
            raise DeliveryError(_in_words(fault), perhaps_taken=handed_over) from fault

    def _accepted(self, connection: SMTP, answer: tuple[int, bytes | str], *, of_address: bool = False) -> str:
        """What the server said, if it agrees. Raises DeliveryError; the connection can be used again after a refusal."""
        code, said = answer
        if 200 <= code < 300:
            return _answer(code, said)
        try:
            connection.rset()
        except OSError:
            self.close()
        permanent = code >= 500
        raise DeliveryError(_answer(code, said), permanent=permanent, bounced=permanent and of_address)


@lru_cache(maxsize=64)
def _bare(address: str, encoding: str) -> str:
    """An address without the name before it, as the conversation wants it."""
    return parseaddr(sanitize_address(address, encoding))[1]


def _in_words(fault: OSError) -> str:
    """The server's own answer, or what happened to the connection."""
    if isinstance(fault, SMTPResponseException):
        return _answer(fault.smtp_code, fault.smtp_error)
    if isinstance(fault, SMTPException) or str(fault):
        return f"{type(fault).__name__}: {fault}"
    return type(fault).__name__


def _answer(code: int, said: bytes | str) -> str:
    return f"{code} {said.decode(errors='replace') if isinstance(said, bytes) else said}"
