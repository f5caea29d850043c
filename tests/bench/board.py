"""How long the day board takes at the server for 50 therapists, against merely fetching the rows it shows.

The clinic of ``availability``: 60 % of the hours booked on the day, by as many clients who sent the form and are coming, and on
the same day of the weeks before. The board is asked for through the whole stack, as the desk does: in columns, as a list, and
again with nothing changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import time_machine
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from booking.enums import AppointmentStatus, AuditAction, FlagState
from booking.models import Appointment, AuditEntry, SessionFlag
from clients.models import Client, Consent, Questionnaire, Response, ResponseKind
from clients.services.consents import HEALTH_DATA
from clients.services.questionnaires import load_questionnaire
from clients.services.reference import SHIPPED, load_reference
from tests.bench.availability import MONDAY, NOW, book, clinic, settle, timed
from tests.bench.calendar import MANY, fetch
from tests.factories import UserFactory
from tests.figures import Figure

THERAPISTS = 50
EARLIER = 28


def at_the_desk() -> Browser:
    """Somebody at the front desk, at their browser."""
    finn = UserFactory(name="Finn Desk", email="bench@example.org", is_staff=True)
    finn.user_permissions.set(Permission.objects.filter(codename__in=("view_appointment", "change_appointment", "view_client")))
    browser = Browser()
    browser.force_login(finn)
    return browser


def one_client_each() -> None:
    """Give every session of the day a client of its own, as it is in a practice."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM booking_appointment")
        count = cursor.fetchone()[0]
        Client.objects.bulk_create(Client(name=f"C{n:03}", email=f"c{n}@example.org") for n in range(count))
        cursor.execute(
            "WITH a AS (SELECT id, row_number() OVER (ORDER BY id) AS n FROM booking_appointment),"
            " c AS (SELECT id, row_number() OVER (ORDER BY id) AS n FROM clients_client WHERE email LIKE 'c%%@example.org')"
            " UPDATE booking_appointment SET client_id = c.id FROM a JOIN c USING (n) WHERE booking_appointment.id = a.id"
        )


def answered_and_confirmed() -> None:
    """Every client of the day sent the form and said that they are coming."""
    load_reference()
    load_questionnaire((SHIPPED / "intake_questionnaire.json").read_text())
    version = Questionnaire.objects.active()
    assert version is not None
    sent = NOW - timedelta(days=3)
    sessions = list(Appointment.objects.all())
    clients = {each.client_id for each in sessions}
    Consent.objects.bulk_create(Consent(client_id=pk, kind=HEALTH_DATA, version=1, text="Yes", agreed_at=sent) for pk in clients)
    Response.objects.bulk_create(
        Response(
            client_id=pk,
            questionnaire=version,
            kind=ResponseKind.FIRST,
            state=Response.State.SUBMITTED,
            started_at=sent,
            saved_at=sent,
            submitted_at=sent,
            severity="none",
        )
        for pk in clients
    )
    SessionFlag.objects.bulk_create(
        SessionFlag(appointment=each, severity="none", state=FlagState.CLEAR, grounds=[], weighed_at=sent) for each in sessions
    )
    AuditEntry.objects.bulk_create(
        AuditEntry(appointment=each, action=AuditAction.STATUS, at=sent, after={"status": AppointmentStatus.CONFIRMED})
        for each in sessions
    )
    Appointment.objects.update(status=AppointmentStatus.CONFIRMED)


def figures() -> Iterator[Figure]:
    treatment = clinic(THERAPISTS)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE booking_appointment DISABLE TRIGGER USER")
        cursor.execute("ALTER TABLE booking_appointment DROP CONSTRAINT client_never_twice")
    sessions = book(treatment, MONDAY, 1)
    one_client_each()
    answered_and_confirmed()
    with connection.cursor() as cursor:
        cursor.execute(MANY, [EARLIER])
    settle()
    with time_machine.travel(NOW):
        browser = at_the_desk()
        etag = browser.get("/desk/").headers["ETag"]
        yard, columns, listed, again = timed(
            fetch(MONDAY, 1),
            lambda: browser.get("/desk/"),
            lambda: browser.get("/desk/?view=time"),
            lambda: browser.get("/desk/", headers={"If-None-Match": etag}),
        )
        with CaptureQueriesContext(connection) as asked:
            shown = browser.get("/desk/").content.count(b"data-session=")
    yield Figure("sessions on the board of 50 therapists", shown, f"== {sessions}")
    yield Figure("queries for it", len(asked), "<= 35")
    yield Figure("board of 50 therapists in columns, ms", columns * 1e3, "<= 100")
    yield Figure("board of 50 therapists as a list, ms", listed * 1e3, "<= 100")
    yield Figure("board of 50 therapists unchanged, ms", again * 1e3, ">= 0")
    yield Figure("board of 50 therapists in columns / fetch of its rows", columns / yard, "<= 60")
