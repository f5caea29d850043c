from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller


class Sink:
    """What an SMTP server took, connection by connection; bo@example.org gets the answer ``refusal`` when it is set."""

    def __init__(self) -> None:
        self.refusal = ""
        self.refuses_text = ""
        self.hangs_up = False  # once it has the text, without a word
        self.connections = 0
        self.taken: list[Any] = []

    async def handle_EHLO(self, server, session, envelope, hostname, responses):  # noqa: N802 - aiosmtpd's name
        self.connections += 1
        self._server = server
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
        if self.refusal and address == "bo@example.org":
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        if self.refuses_text:
            return self.refuses_text
        self.taken.append(envelope)
        if self.hangs_up:
            self._server.transport.abort()
        return "250 OK"

    @property
    def recipients(self) -> list[str]:
        return [recipient for envelope in self.taken for recipient in envelope.rcpt_tos]


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def sink(settings, unused_port: int) -> Iterator[Sink]:
    """A real SMTP server on the loopback, to which mail goes."""
    handler = Sink()
    controller = Controller(handler, hostname="127.0.0.1", port=unused_port, ready_timeout=60)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", unused_port
    yield handler
    controller.stop()
