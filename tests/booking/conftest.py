"""Sessions of Ada with Tess, as the services book them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from booking.engine.recurrence import Course, Phase, Weekly
from booking.models import Appointment
from booking.services.appointments import book_appointment
from booking.services.changes import ByHand, Move, move_sessions
from booking.services.holds import Booked, book_hold
from booking.services.series import hold_course
from clients.models import Client, Response, User
from clients.services.consents import health_data_question, record_agreement
from clients.services.responses import open_response, save_section, submit_response
from tests.clients.answers import WELL
from tests.clients.conftest import few_medicines, intake
from tests.factories import UserFactory

__all__ = ["few_medicines", "intake"]  # fixtures, for the form that belongs to a session

NINE = datetime(2027, 3, 9, 9, tzinfo=UTC)


@pytest.fixture
def book(practice: SimpleNamespace, now: datetime) -> Callable[..., Appointment]:
    """Book Ada with Tess on Tuesday 9 March 2027, 9:00 in London, unless told otherwise."""

    def book(**change: Any) -> Appointment:
        facts = {"client": practice.ada, "therapist": practice.tess, "treatment": practice.treatment, "starts_at": NINE}
        return book_appointment(**facts | {"by": practice.finn, "now": now} | change)

    return book


@pytest.fixture
def lengthen(practice: SimpleNamespace, now: datetime) -> Callable[[Appointment, int], Appointment]:
    """By hand, a session is made to last so many minutes where it is."""

    def lengthen(session: Appointment, minutes: int) -> Appointment:
        by_hand = ByHand(timedelta(minutes=minutes))
        move = Move(session, session.therapist_id, session.starts_at, by_hand)
        move_sessions([move], by=practice.finn, now=now, practice_initiated=True)
        session.refresh_from_db()
        return session

    return lengthen


@pytest.fixture
def tess(practice: SimpleNamespace) -> User:
    """The sign-in of Tess."""
    practice.tess.user = UserFactory(name="Tess Oduya", email="tess@example.org")
    practice.tess.save()
    return practice.tess.user


@pytest.fixture
def book_series(practice: SimpleNamespace, now: datetime) -> Callable[..., Booked]:
    """Book Ada with Tess on eight Tuesdays at 9:00, from 9 March 2027 on."""

    def book_series(count: int = 8, **more: Any) -> Booked:
        course = Course(
            starts_on=NINE.date(), phases=(Phase(Weekly((1,)), count=count),), minutes=(540,), therapists=(practice.tess.pk,)
        )
        hold = hold_course(course, practice.treatment, owner="a browser", now=now)
        return book_hold(hold, client=practice.ada, key=uuid4(), by=practice.ada.user, now=now, **more)

    return book_series


def fill_in(client: Client, now: datetime, **answers: Any) -> Response:
    """The client sends the whole form: in good health, except for these answers."""
    record_agreement(client, health_data_question(), by=client.user, now=now)
    response = open_response(client, "first", now=now)
    save_section(response, WELL | answers, now=now)
    submit_response(response, by=client.user, on=now.date(), now=now)
    return response
