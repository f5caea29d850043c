"""How long the day board takes at the server for 50 therapists, against merely fetching the rows it shows.

The clinic of ``availability``: 60 % of the hours booked on the day, and the 200 days before it in the table as well. The board is
asked for through the whole stack, as the desk does: in columns, as a list, and again with nothing changed.
"""

from __future__ import annotations

from collections.abc import Iterator

import time_machine
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from clients.models import Client
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


def figures() -> Iterator[Figure]:
    treatment = clinic(THERAPISTS)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE booking_appointment DISABLE TRIGGER USER")
        cursor.execute("ALTER TABLE booking_appointment DROP CONSTRAINT client_never_twice")
    sessions = book(treatment, MONDAY, 1)
    one_client_each()
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
