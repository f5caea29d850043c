"""What a calendar program on the command line makes of our files: it adds, replaces and strikes out, and never doubles.

khal goes by UID and does not compare SEQUENCE: of two files the one imported last stands. That SEQUENCE rises is checked in
what it has stored. A therapist's feed is fetched by vdirsyncer, which also takes out what is no longer in it, and read by khal.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import icalendar
import pytest
import time_machine
from django.urls import reverse

from booking.enums import FeedShows
from booking.notifications.delivery import send_due
from booking.services.changes import Move, cancel_sessions, move_sessions
from booking.services.feeds import give_address, rotate_address
from tests.factories import AppointmentFactory

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
SYNC = """
[general]
status_path = "{home}/status"
[pair feed]
a = "here"
b = "there"
collections = null
partial_sync = "revert"
[storage here]
type = "filesystem"
path = "{home}/sessions"
fileext = ".ics"
[storage there]
type = "http"
url = "{url}"
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
        return self.listed("2027-03-01")

    def listed(self, since):
        """What it shows of 90 days."""
        form = ["--day-format", "", "--format", "{start-date} {start-time}-{end-time} {title} {status}"]
        return [line.strip() for line in self.run("list", *form, since, "90d").splitlines() if line.strip()]

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


class Subscription:
    """A folder that vdirsyncer keeps like the feed at an address."""

    def __init__(self, home):
        assert shutil.which("vdirsyncer"), "vdirsyncer is missing; manage.py verify says how to install it"
        self.home = home

    def to(self, url):
        (self.home / "sync").write_text(SYNC.format(home=self.home, url=url))
        shutil.rmtree(self.home / "status", ignore_errors=True)
        self.run("discover")

    def run(self, command):
        done = self.tried(command)
        assert done.returncode == 0, done.stderr

    def tried(self, command):
        return subprocess.run(
            ["vdirsyncer", "--config", str(self.home / "sync"), command, "feed"],
            env=os.environ | {"LC_ALL": "C.UTF-8", "HOME": str(self.home)},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def subscription(tmp_path, khal):
    return Subscription(tmp_path)


@pytest.mark.django_db(transaction=True)
class TestATherapistsFeed:
    @pytest.fixture
    def url(self, tess, practice, now, live_server):
        with time_machine.travel(now):
            token = give_address(practice.tess, shows=FeedShows.INITIALS, now=now)
            yield live_server.url + reverse("booking:feed", args=[token])

    def test_is_kept_up_to_date_with_what_was_moved_cancelled_and_given_away(
        self, url, subscription, khal, book_series, practice, now
    ):
        first, second, third, _fourth = book_series(count=4).appointments
        subscription.to(url)
        subscription.run("sync")
        tuesdays = ["2027-03-09", "2027-03-16", "2027-03-23", "2027-03-30"]
        assert khal.entries == [f"{day} 09:00-09:30 A. O. CONFIRMED" for day in tuesdays]

        move_sessions([Move(first, practice.tess.pk, first.starts_at + timedelta(hours=1))], by=practice.finn, now=now)
        cancel_sessions([second], by=practice.finn, now=now)
        move_sessions([Move(third, practice.jonas.pk, third.starts_at)], by=practice.finn, now=now)
        subscription.run("sync")

        assert khal.entries == [
            "2027-03-09 10:00-10:30 A. O. CONFIRMED",
            "2027-03-16 09:00-09:30 A. O. CANCELLED",
            "2027-03-30 09:00-09:30 A. O. CONFIRMED",
        ]

    def test_has_its_sessions_at_their_wall_times_in_both_nights_of_the_clocks(self, url, subscription, khal, practice):
        for night in (datetime(2027, 3, 28, 0, 30, tzinfo=UTC), datetime(2027, 10, 31, 0, 30, tzinfo=UTC)):
            AppointmentFactory(therapist=practice.tess, treatment=practice.treatment, client=practice.ada, starts_at=night)

        subscription.to(url)
        subscription.run("sync")

        assert khal.listed("2027-03-01") == ["2027-03-28 00:30-02:00 A. O. CONFIRMED"]
        # half an hour, which khal adds on the wall: 01:30 comes twice that night, and an end at 01:00 it would not show at all
        assert khal.listed("2027-10-01") == ["2027-10-31 01:30-02:00 A. O. CONFIRMED"]

    def test_is_not_fetched_any_more_at_an_address_taken_back(self, url, subscription, khal, book, practice, now):
        book()
        subscription.to(url)
        subscription.run("sync")
        rotate_address(practice.tess, now=now)

        refused = subscription.tried("sync")

        assert refused.returncode != 0
        assert "Not Found" in refused.stderr
        assert len(khal.entries) == 1
