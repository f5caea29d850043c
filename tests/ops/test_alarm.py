"""``manage.py alarm`` tells a person that something is wrong, when nothing else is left that could."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
import time_machine
from django.core.management import call_command

from booking.enums import NotificationKind, NotificationState
from booking.models import Notification
from config.health import OUTBOX_AGE_LIMIT
from tests.factories import AppointmentFactory, LocationFactory

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "127.0.0.1:9"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LATE = timedelta(seconds=OUTBOX_AGE_LIMIT)
WAITS = "The oldest notice has been due for 15 minutes and nobody is sending it."


@pytest.fixture
def look(settings, tmp_path, alive):
    """Run the alarm at a moment at which worker and beat are alive, unless told otherwise; its exit code and its stderr."""
    settings.ALARM_MAIL = ["it@example.org"]
    settings.ALARM_FILE = tmp_path / "state" / "alarm.json"

    def look(at, *, living=True):
        if living:
            alive(at)
        told = StringIO()
        with time_machine.travel(at, tick=False):
            try:
                call_command("alarm", stderr=told)
            except SystemExit as ended:
                return ended.code, told.getvalue()
        return 0, told.getvalue()

    return look


@pytest.mark.django_db
def test_when_all_is_well_nobody_is_written_to(look, notice, now, mailoutbox):
    assert look(now + LATE) == (0, "")
    assert mailoutbox == []


@pytest.mark.django_db
def test_an_outbox_that_nobody_empties_is_told_once_an_hour_and_its_end_once(look, notice, now, mailoutbox):
    began = now + 15 * MINUTE

    assert look(began) == (1, WAITS + "\n")
    assert look(began + HOUR - MINUTE)[0] == 1
    assert len(mailoutbox) == 1
    assert look(began + HOUR)[0] == 1
    assert len(mailoutbox) == 2
    Notification.objects.update(state=NotificationState.SENT)
    assert look(began + 2 * HOUR) == (0, "")
    assert look(began + 3 * HOUR) == (0, "")

    assert [message.subject for message in mailoutbox] == [
        "Unknot at localhost: something is wrong",
        "Unknot at localhost: something is wrong",
        "Unknot at localhost: well again",
    ]
    assert mailoutbox[0].to == ["it@example.org"]
    assert f"- {WAITS}\n" in mailoutbox[0].body


@pytest.mark.django_db
def test_something_else_that_breaks_is_told_at_once(look, notice, now, mailoutbox):
    look(now + 15 * MINUTE)

    code, told = look(now + 20 * MINUTE, living=False)

    assert code == 1
    assert "No worker has given a sign of life in the last minute: nothing is sent.\n" in told
    assert "Beat has given no sign of life in the last minute: nothing new becomes due.\n" in told
    assert len(mailoutbox) == 2


@pytest.mark.django_db
def test_many_failures_within_a_day_are_told_and_a_few_are_for_the_desk(look, practice, now, settings, mailoutbox):
    settings.ALARM_FAILED = 3
    sessions = [
        AppointmentFactory(treatment=practice.treatment, therapist=practice.tess, starts_at=now + day * timedelta(days=1))
        for day in range(1, 4)
    ]
    facts = {"kind": NotificationKind.REMINDER, "recipient": "x@example.org", "state": NotificationState.FAILED}
    Notification.objects.bulk_create(
        Notification(client=session.client, appointment=session, created_at=now, due_at=now, **facts) for session in sessions
    )
    last = Notification.objects.filter(appointment=sessions[-1])

    last.update(due_at=now - timedelta(days=1))
    assert look(now) == (0, "")
    last.update(due_at=now)
    assert look(now) == (1, "3 notices could not be delivered in the last 24 hours.\n")
    assert look(now + timedelta(days=1)) == (0, "")


@pytest.mark.django_db
def test_a_desk_that_cannot_be_told_is_told_of_at_once(look, now, mailoutbox):
    Notification.objects.create(
        kind=NotificationKind.DESK,
        practice=LocationFactory(),
        sequence=1,
        recipient="desk@example.org",
        state=NotificationState.FAILED,
        created_at=now,
        due_at=now,
    )

    assert look(now) == (1, "The mail that tells the desk what it has to see to could not be delivered.\n")


@pytest.mark.django_db
def test_without_an_address_it_still_exits_with_the_reasons(look, notice, now, settings, mailoutbox):
    settings.ALARM_MAIL = []

    assert look(now + 15 * MINUTE) == (1, WAITS + "\n")
    assert mailoutbox == []


@pytest.mark.django_db
@pytest.mark.parametrize("kept", ["", "{", "[]", '{"reasons": ["outbox"]}', '{"reasons": 1, "at": "never"}'])
def test_a_memory_nobody_can_read_is_none(look, notice, now, settings, mailoutbox, kept):
    settings.ALARM_FILE.parent.mkdir()
    settings.ALARM_FILE.write_text(kept)

    look(now + 15 * MINUTE)
    look(now + 16 * MINUTE)

    assert len(mailoutbox) == 1


@pytest.mark.django_db
def test_a_mail_server_that_is_away_is_said_and_the_alarm_sent_when_it_is_back(look, notice, now, settings, sink, unused_port):
    settings.EMAIL_PORT = 9

    code, told = look(now + 15 * MINUTE)
    settings.EMAIL_PORT = unused_port
    look(now + 16 * MINUTE)

    assert code == 1
    assert "The alarm could not be sent or remembered: ConnectionRefusedError" in told
    assert sink.recipients == ["it@example.org"]


def alarm(tmp_path, port, **away):
    surroundings = {
        "DJANGO_SETTINGS_MODULE": "config.settings.local",
        "SECRET_KEY": "tests-only",  # pragma: allowlist secret
        "EMAIL_URL": f"smtp://127.0.0.1:{port}",
        "ALARM_MAIL": "it@example.org,tess@example.org",
        "ALARM_FILE": str(tmp_path / "alarm.json"),
        "SITE_URL": "https://booking.example.org",
    }
    return subprocess.run(
        [sys.executable, "manage.py", "alarm"],
        cwd=ROOT,
        env=os.environ | surroundings | away,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_with_the_database_away_the_mail_leaves_all_the_same_and_once(tmp_path, sink, unused_port):
    away = {"DATABASE_URL": f"postgres://unknot:geheim@{NOWHERE}/unknot"}

    first = alarm(tmp_path, unused_port, **away)
    again = alarm(tmp_path, unused_port, **away)

    assert (first.returncode, again.returncode) == (1, 1)
    assert first.stderr.startswith("The database does not answer.\n")
    assert "Traceback" not in first.stderr
    assert "geheim" not in first.stderr
    [envelope] = sink.taken
    assert envelope.rcpt_tos == ["it@example.org", "tess@example.org"]
    assert b"Unknot at booking.example.org: something is wrong" in envelope.content
    assert "database" in json.loads((tmp_path / "alarm.json").read_text())["reasons"]


def test_a_database_that_takes_the_call_and_says_nothing_is_away_as_well(tmp_path, sink, unused_port):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]

        answer = alarm(tmp_path, unused_port, DATABASE_URL=f"postgres://unknot@127.0.0.1:{port}/unknot", PGCONNECT_TIMEOUT="2")

    assert answer.stderr.startswith("The database does not answer.\n")
    assert len(sink.taken) == 1


def test_with_the_broker_away_the_mail_leaves_all_the_same(tmp_path, sink, unused_port):
    nowhere = f"redis://{NOWHERE}/0"

    answer = alarm(tmp_path, unused_port, REDIS_URL=nowhere, CELERY_BROKER_URL=nowhere, CACHE_URL=nowhere)

    assert answer.returncode == 1
    assert "The broker (Redis or Valkey) does not answer.\n" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert len(sink.taken) == 1
