"""``/metrics`` says what stands in the database, to whoever has the token and nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from prometheus_client.parser import text_string_to_metric_families

from booking.enums import NotificationState
from booking.models import Notification
from tests.booking.conftest import NINE

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

TOKEN = "a-token-of-more-than-thirty-two-characters"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def token(settings):
    settings.METRICS_TOKEN = TOKEN


def read(browser, at, shown=f"Bearer {TOKEN}"):
    """The answer's samples by name and the values of their labels, which stand in the order of the alphabet."""
    with time_machine.travel(at, tick=False):
        answer = browser.get("/metrics", headers={"Authorization": shown})
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


@pytest.mark.parametrize("shown", ["", f"Bearer {TOKEN}x", "Bearer ", TOKEN, f"Basic {TOKEN}", "Bearer ü"])
def test_without_the_token_there_is_no_such_page(client, shown):
    assert client.get("/metrics", headers={"Authorization": shown}).status_code == 404


def test_without_a_token_in_the_environment_nobody_has_it(client, settings):
    settings.METRICS_TOKEN = ""

    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


def test_being_of_the_staff_does_not_help(admin_client):
    assert admin_client.get("/metrics").status_code == 404


def test_notices_are_counted_by_kind_channel_and_state_with_their_doubts(book, practice, client, now):
    book()
    book(client=practice.bo, starts_at=NINE + timedelta(hours=1))
    Notification.objects.filter(client=practice.bo).update(state=NotificationState.UNSURE, doubts=2, channel="sms")

    found = read(client, now + timedelta(minutes=5))

    assert found["unknot_notices", "email", "confirmation", "queued"] == 1
    assert found["unknot_notices", "sms", "confirmation", "unsure"] == 1
    assert found["unknot_notice_doubts", "sms", "confirmation", "unsure"] == 2
    assert found["unknot_outbox_age_seconds",] == 300
    assert found["unknot_notices_due",] == 1
    assert found["unknot_notices_abandoned",] == 0


def test_a_lease_that_is_over_is_told(notice, client, now):
    Notification.objects.update(state=NotificationState.SENDING, lease_until=now)

    found = read(client, now)

    assert found["unknot_notices_abandoned",] == 1
    assert found["unknot_notices_due",] == 0


def test_it_says_when_worker_and_beat_were_seen(alive, client, now):
    assert ("unknot_sign_of_life_age_seconds", "beat") not in read(client, now)
    alive(now)

    found = read(client, now + timedelta(seconds=90))

    assert found["unknot_sign_of_life_age_seconds", "beat"] == 90
    assert (found["unknot_up", "worker"], found["unknot_up", "database"]) == (0, 1)
    assert read(client, now + timedelta(seconds=30))["unknot_up", "worker"] == 1


def test_no_name_and_no_address_stands_there(notice, client, now):
    with time_machine.travel(now, tick=False):
        page = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).content.decode()

    assert "@" not in page
    assert "Ada" not in page


def test_the_number_of_queries_does_not_grow_with_the_notices(book, practice, client, now, django_assert_num_queries):
    for hour in range(3):
        book(starts_at=NINE + timedelta(hours=hour))

    with time_machine.travel(now, tick=False), django_assert_num_queries(5):
        client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})


def test_with_the_database_away_it_says_so_and_gives_no_numbers():
    """In a process of its own, whose database is a port nobody listens at."""
    asks = (
        "import django; django.setup()\n"
        "from prometheus_client import generate_latest\n"
        "from config.metrics import _REGISTRY\n"
        "print(generate_latest(_REGISTRY).decode())"
    )
    away = {"DATABASE_URL": "postgres://unknot@127.0.0.1:9/unknot"}

    told = subprocess.run([sys.executable, "-c", asks], cwd=ROOT, env=os.environ | away, capture_output=True, text=True).stdout

    assert 'unknot_up{part="database"} 0.0' in told
    assert 'unknot_up{part="broker"} 1.0' in told
    assert "unknot_outbox_age_seconds" not in told
    assert "unknot_notices" not in told
