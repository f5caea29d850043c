"""What a calendar program on the command line makes of our files: it adds, replaces and strikes out, and never doubles.

khal goes by UID and does not compare SEQUENCE: of two files the one imported last stands. That SEQUENCE rises is checked in
what it has stored.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import timedelta

import icalendar
import pytest
import time_machine
from django.urls import reverse

from booking.notifications.delivery import send_due
from booking.services.changes import Move, cancel_sessions, move_sessions

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

CONFIG = """
[calendars]
[[sessions]]
path = {home}/sessions
[locale]
timeformat = %H:%M
dateformat = %Y-%m-%d
longdateformat = %Y-%m-%d
datetimeformat = %Y-%m-%d %H:%M
longdatetimeformat = %Y-%m-%d %H:%M
local_timezone = Europe/London
default_timezone = Europe/London
[sqlite]
path = {home}/khal.db
"""


class Khal:
    """A client's calendar in a folder of its own."""

    def __init__(self, home):
        assert shutil.which("khal"), "khal is missing; manage.py verify says how to install it"
        self.home = home
        (home / "sessions").mkdir()
        (home / "config").write_text(CONFIG.format(home=home))

    def run(self, *arguments):
        done = subprocess.run(
            ["khal", "--config", str(self.home / "config"), *arguments],
            env=os.environ | {"LC_ALL": "C.UTF-8", "HOME": str(self.home)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def take(self, file):
        path = self.home / "received.ics"
        path.write_bytes(file)
        self.run("import", "--batch", str(path))

    @property
    def entries(self):
        form = ["--day-format", "", "--format", "{start-date} {start-time}-{end-time} {title} {status}"]
        return [line.strip() for line in self.run("list", *form, "2027-03-01", "90d").splitlines() if line.strip()]

    @property
    def sequences(self):
        files = [icalendar.Calendar.from_ical(file.read_bytes()) for file in (self.home / "sessions").iterdir()]
        return sorted(event["SEQUENCE"] for file in files for event in file.events)


@pytest.fixture
def khal(tmp_path):
    return Khal(tmp_path)


@pytest.fixture
def ada(client, practice, now):
    with time_machine.travel(now, tick=False):
        client.force_login(practice.ada.user)
        yield client


def test_a_series_is_added_with_nine_at_nine_on_both_sides_of_the_spring_night(ada, book_series, khal):
    series = book_series(count=4).series

    khal.take(ada.get(reverse("booking:series_calendar", args=[series.pk])).content)

    tuesdays = ["2027-03-09", "2027-03-16", "2027-03-23", "2027-03-30"]
    assert khal.entries == [f"{day} 09:00-09:30 Two areas with Tess Oduya CONFIRMED" for day in tuesdays]


def test_a_file_fetched_again_brings_what_changed_and_doubles_nothing(ada, book_series, practice, now, khal):
    booked = book_series(count=3)
    address = reverse("booking:series_calendar", args=[booked.series.pk])
    khal.take(ada.get(address).content)
    first, second, _third = booked.appointments
    move_sessions([Move(first, practice.tess.pk, first.starts_at + timedelta(hours=1))], by=practice.finn, now=now)
    cancel_sessions([second], by=practice.finn, now=now)

    khal.take(ada.get(address).content)

    assert khal.entries == [
        "2027-03-09 10:00-10:30 Two areas with Tess Oduya CONFIRMED",
        "2027-03-16 09:00-09:30 Two areas with Tess Oduya CANCELLED",
        "2027-03-23 09:00-09:30 Two areas with Tess Oduya CONFIRMED",
    ]
    assert khal.sequences == [0, 1, 1]


def test_one_session_by_download_and_its_mails_are_one_and_the_same_entry(ada, book, practice, now, mailoutbox, khal):
    session = book()
    khal.take(ada.get(reverse("booking:session_calendar", args=[session.pk])).content)

    def mailed():
        send_due(now)
        return next(content for content, kind in mailoutbox[-1].alternatives if kind.startswith("text/calendar")).encode()

    khal.take(mailed())
    move_sessions([Move(session, practice.jonas.pk, session.starts_at + timedelta(days=1))], by=practice.finn, now=now)
    khal.take(mailed())
    assert khal.entries == ["2027-03-10 09:00-09:30 Two areas with Jonas Brandt CONFIRMED"]
    session.refresh_from_db()
    cancel_sessions([session], by=practice.finn, now=now)
    khal.take(mailed())

    assert khal.entries == ["2027-03-10 09:00-09:30 Two areas with Jonas Brandt CANCELLED"]
    assert khal.sequences == [2]


def test_a_cancelled_series_is_struck_out_by_one_mail(ada, book_series, practice, now, mailoutbox, khal):
    booked = book_series(count=3)
    khal.take(ada.get(reverse("booking:series_calendar", args=[booked.series.pk])).content)
    cancel_sessions(booked.appointments, by=practice.finn, now=now)
    send_due(now)
    [message] = [each for each in mailoutbox if each.subject.startswith("Cancelled")]

    khal.take(next(content for content, kind in message.alternatives if kind.startswith("text/calendar")).encode())

    assert [entry.rpartition(" ")[2] for entry in khal.entries] == ["CANCELLED"] * 3
    assert khal.sequences == [1, 1, 1]
