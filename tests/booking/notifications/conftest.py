from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from aiosmtpd.controller import Controller

from booking.engine.recurrence import Course, Phase, Weekly
from booking.models import Appointment
from booking.services.appointments import book_appointment
from booking.services.holds import Booked, book_hold
from booking.services.series import hold_course

NINE = datetime(2027, 3, 9, 9, tzinfo=UTC)


@pytest.fixture
def book(practice: SimpleNamespace, now: datetime) -> Callable[..., Appointment]:
    """Book Ada with Tess on Tuesday 9 March 2027, 9:00 in London, unless told otherwise."""

    def book(**change: Any) -> Appointment:
        facts = {"client": practice.ada, "therapist": practice.tess, "treatment": practice.treatment, "starts_at": NINE}
        return book_appointment(**facts | {"by": practice.finn, "now": now} | change)

    return book


@pytest.fixture
def book_series(practice: SimpleNamespace, now: datetime) -> Callable[..., Booked]:
    """Book Ada with Tess on eight Tuesdays at 9:00, from 9 March 2027 on."""

    def book_series(count: int = 8) -> Booked:
        course = Course(
            starts_on=NINE.date(), phases=(Phase(Weekly((1,)), count=count),), minutes=(540,), therapists=(practice.tess.pk,)
        )
        hold = hold_course(course, practice.treatment, owner="a browser", now=now)
        return book_hold(hold, client=practice.ada, key=uuid4(), by=practice.ada.user, now=now)

    return book_series


class Sink:
    """What an SMTP server took, connection by connection; bo@example.org gets the answer ``refusal`` when it is set."""

    def __init__(self) -> None:
        self.refusal = ""
        self.refuses_text = ""
        self.connections = 0
        self.taken: list[Any] = []

    async def handle_EHLO(self, server, session, envelope, hostname, responses):  # noqa: N802 - aiosmtpd's name
        self.connections += 1
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
    controller = Controller(handler, hostname="127.0.0.1", port=unused_port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", unused_port
    yield handler
    controller.stop()
