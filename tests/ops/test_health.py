"""``/readyz`` tells what the practice needs, and how long the oldest notice has waited."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from booking.enums import NotificationState
from booking.models import Notification
from config.health import OUTBOX_AGE_LIMIT

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

LATE = timedelta(seconds=OUTBOX_AGE_LIMIT + 1)


def readyz(browser, at):
    with time_machine.travel(at, tick=False):
        answer = browser.get("/readyz")
    return answer.status_code, answer.json()["outbox"]


@pytest.mark.parametrize(
    ("state", "lease", "waits"),
    [
        pytest.param(NotificationState.QUEUED, None, True, id="waiting"),
        pytest.param(NotificationState.SENDING, timedelta(seconds=-1), True, id="taken up by somebody who is gone"),
        pytest.param(NotificationState.SENDING, timedelta(seconds=1), False, id="being sent"),
        pytest.param(NotificationState.SENT, None, False, id="sent"),
        pytest.param(NotificationState.FAILED, None, False, id="given up"),
    ],
)
def test_the_age_of_the_outbox_is_that_of_the_oldest_notice_nobody_is_sending(notice, alive, client, now, state, lease, waits):
    Notification.objects.update(state=state, lease_until=None if lease is None else now + LATE + lease)
    alive(now + LATE)

    assert readyz(client, now + LATE) == ((503, OUTBOX_AGE_LIMIT + 1) if waits else (200, 0))


def test_a_notice_that_waits_a_little_is_no_outage(notice, alive, client, now):
    alive(now + LATE)

    assert readyz(client, now + LATE - timedelta(seconds=1)) == (200, OUTBOX_AGE_LIMIT)


def test_what_is_not_due_yet_does_not_age(notice, alive, client, now):
    Notification.objects.update(due_at=now + LATE + LATE)
    alive(now + LATE)

    assert readyz(client, now + LATE) == (200, 0)


def test_a_valkey_that_is_away_does_not_stop_who_gives_a_sign_of_life(alive, client, now, settings, unused_port):
    there = settings.CACHES
    settings.CACHES = {"default": there["default"] | {"LOCATION": f"redis://127.0.0.1:{unused_port}/0"}}

    alive(now)

    settings.CACHES = there
    with time_machine.travel(now, tick=False):
        parts = client.get("/readyz").json()
    assert (parts["worker"], parts["beat"]) == (False, False)
