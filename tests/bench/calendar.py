"""How long the calendar's feed takes at the server for a week of 20 therapists, against merely fetching the rows it shows.

The clinic of ``availability``: 60 % of the hours booked, here for one week, beside a million past sessions. The feed is asked for
through the whole stack by a therapist who sees all columns; so the time is that of a real request, without the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta

import time_machine
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from tests.bench.availability import MONDAY, NOW, book, clinic, settle, timed
from tests.factories import UserFactory
from tests.figures import Figure
from therapists.models import Treatment

PAST = 1_000_000

#: A million sessions that are over, from one of each therapist on: the same day's again and again, always further back.
MANY = """
INSERT INTO booking_appointment (
    id, client_id, therapist_id, treatment_id, room_id, status, zone, local_date, local_time, starts_at, ends_at,
    blocked_from, blocked_until, price, sequence, moves, is_length_by_hand, created_at
)
SELECT gen_random_uuid(), client_id, therapist_id, treatment_id, room_id, 'done', zone, local_date, local_time,
       starts_at - n * INTERVAL '7 days', ends_at - n * INTERVAL '7 days',
       blocked_from - n * INTERVAL '7 days', blocked_until - n * INTERVAL '7 days', price, 0, 0, false, created_at
FROM booking_appointment CROSS JOIN generate_series(1, %s) AS n
"""

YARDSTICK = """
SELECT a.id, a.therapist_id, a.room_id, a.status, a.starts_at, a.ends_at, a.blocked_from, a.blocked_until, c.name
FROM booking_appointment a LEFT JOIN clients_client c ON c.id = a.client_id
WHERE a.starts_at >= %s AND a.starts_at < %s AND a.status NOT IN ('cancelled', 'late_cancelled')
"""


def fetch(first: date, days: int) -> Callable[[], int]:
    """The yardstick: the rows of these days with the names of their clients, as psycopg2 gives them."""
    since = datetime.combine(first, time(0), NOW.tzinfo)

    def run() -> int:
        with connection.connection.cursor() as cursor:
            cursor.execute(YARDSTICK, (since, since + timedelta(days=days)))
            return len(cursor.fetchall())

    return run


def at_work(treatment: Treatment) -> Browser:
    """A therapist of the clinic who sees the columns of colleagues, at their browser."""
    therapist = treatment.therapists.order_by("name").first()
    assert therapist is not None
    therapist.user = UserFactory(name=therapist.name, email="bench@example.org")
    therapist.save()
    therapist.user.user_permissions.add(Permission.objects.get(codename="see_colleagues"))
    browser = Browser()
    browser.force_login(therapist.user)
    return browser


def figures() -> Iterator[Figure]:
    treatment = clinic(20)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE booking_appointment DISABLE TRIGGER USER")
        cursor.execute("ALTER TABLE booking_appointment DROP CONSTRAINT client_never_twice")
    weekly = book(treatment, MONDAY, 7)
    with connection.cursor() as cursor:
        cursor.execute(MANY, [PAST // weekly + 1])
    settle()
    week = f"/therapist/calendar/events/?from={MONDAY}&to={MONDAY + timedelta(days=7)}&view="
    with time_machine.travel(NOW):
        browser = at_work(treatment)
        yard, team, mine = timed(fetch(MONDAY, 7), lambda: browser.get(week + "team"), lambda: browser.get(week + "mine"))
        with CaptureQueriesContext(connection) as asked:
            shown = browser.get(week + "team").json()["sessions"]
    yield Figure("sessions in the week of 20 therapists", len(shown), f"== {weekly}")
    yield Figure("queries for it", len(asked), "<= 18")
    yield Figure("week of 20 therapists, ms", team * 1e3, ">= 0")
    yield Figure("week of one therapist, ms", mine * 1e3, ">= 0")
    yield Figure("week of 20 therapists / fetch of its rows", team / yard, "<= 8")
