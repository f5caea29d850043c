"""A therapist's calendar feed: what it says, to whom, and when it says that nothing changed."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import icalendar
import pytest
import time_machine
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.http import http_date
from hypothesis import given, settings
from hypothesis import strategies as st

from booking.enums import AppointmentStatus, FeedShows
from booking.exceptions import HasAddress
from booking.ical import Block, FeedFile
from booking.models import Feed
from booking.services.changes import Move, cancel_sessions, move_sessions
from booking.services.feeds import choose_shown, give_address, initials, revoke_address, rotate_address
from tests.booking.conftest import NINE, fill_in
from tests.booking.test_my_sessions import text
from tests.clients.answers import medicine
from tests.factories import AppointmentFactory, HoldFactory, LocationFactory, TreatmentFactory
from therapists.models import TimeOff, WorkingHours

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
PAGE = "/therapist/feed/"


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def token(tess, practice, now):
    return give_address(practice.tess, shows=FeedShows.INITIALS, now=now)


def answer(token, **headers):
    """What a calendar program gets, which has no cookie and keeps none."""
    return Browser().get(reverse("booking:feed", args=[token]), headers=headers)


def read(token):
    return icalendar.Calendar.from_ical(answer(token).content)


def events(token):
    return read(token).events


def end_of(event):
    """In UTC."""
    return event["DTSTART"].dt.astimezone(UTC) + event["DURATION"].dt


class TestWhatItSays:
    def test_a_session_is_initials_room_and_time_and_nothing_else(self, token, book):
        session = book()

        [event] = events(token)

        assert (event["SUMMARY"], event["LOCATION"], event["STATUS"]) == ("A. O.", session.room.name, "CONFIRMED")
        assert event["DTSTART"].dt == datetime(2027, 3, 9, 9, tzinfo=ZoneInfo("Europe/London"))
        assert event["DURATION"].dt == timedelta(minutes=30)
        assert set(event) == {
            "UID",
            "SEQUENCE",
            "DTSTAMP",
            "DTSTART",
            "DURATION",
            "SUMMARY",
            "LOCATION",
            "STATUS",
            "TRANSP",
            "CLASS",
        }

    def test_busy_only_says_neither_who_nor_where(self, token, book, practice):
        book()
        choose_shown(practice.tess, FeedShows.BUSY)

        [event] = events(token)

        assert event["SUMMARY"] == "Busy"
        assert "LOCATION" not in event

    @pytest.mark.parametrize("shows", FeedShows)
    def test_nothing_of_the_client_the_treatment_or_their_health_is_in_it(self, token, book, practice, intake, now, shows):
        fill_in(practice.ada, now, takes_any="yes", med_list=[medicine("Eliquis")])
        session = book()
        TimeOff.objects.create(
            therapist=practice.tess,
            kind=TimeOff.Kind.ILLNESS,
            starts_at=NINE + timedelta(days=2),
            ends_at=NINE + timedelta(days=3),
        )
        choose_shown(practice.tess, shows)

        said = answer(token).content.decode().replace("\r\n ", "").lower()

        secrets = ["okafor", "ada@", "two areas", "eliquis", "thinner", "illness", "check", "hold", str(session.pk)]
        assert [word for word in secrets if word in said] == []

    def test_its_ids_are_not_those_of_the_clients_calendar_and_stay(self, token, book, practice, now):
        session = book()
        [before] = events(token)
        move_sessions([Move(session, practice.tess.pk, NINE + timedelta(hours=2))], by=practice.finn, now=now)

        [after] = events(rotate_address(practice.tess, now=now))

        assert after["UID"] == before["UID"] != f"{session.pk}@localhost"
        assert session.pk.hex not in after["UID"].replace("-", "")

    def test_a_moved_session_is_at_its_new_time_with_a_higher_version(self, token, book, practice, now):
        session = book()
        move_sessions([Move(session, practice.tess.pk, NINE + timedelta(hours=2))], by=practice.finn, now=now)

        [event] = events(token)

        assert (f"{event['DTSTART'].dt:%H:%M}", event["SEQUENCE"]) == ("11:00", 1)

    def test_a_session_given_to_a_colleague_leaves_for_theirs(self, token, book, practice, now):
        session = book()
        move_sessions([Move(session, practice.jonas.pk, NINE)], by=practice.finn, now=now)

        assert events(token) == []

    def test_a_cancelled_session_is_marked_for_two_weeks_and_then_left_out(self, token, book, practice, now, clock):
        cancel_sessions([book()], by=practice.finn, now=now)
        kept = book(client=practice.bo)

        cancelled, standing = sorted(events(token), key=lambda event: event["STATUS"])
        clock.move_to(now + timedelta(days=14, minutes=1))
        later = events(token)

        assert (cancelled["STATUS"], cancelled["SEQUENCE"], cancelled["TRANSP"]) == ("CANCELLED", 1, "TRANSPARENT")
        assert (standing["STATUS"], standing["SUMMARY"]) == ("CONFIRMED", "B. L.")
        assert [event["SUMMARY"] for event in later] == ["B. L."]
        assert kept.status == AppointmentStatus.BOOKED

    def test_only_own_sessions_that_are_real_and_not_long_past_are_in_it(self, token, practice, now):
        mine = {"therapist": practice.tess, "treatment": practice.treatment}
        AppointmentFactory(therapist=practice.jonas, treatment=practice.treatment, client__name="Other Therapist")
        AppointmentFactory(
            **mine, client=None, status=AppointmentStatus.HELD, hold=HoldFactory(), held_until=now + timedelta(minutes=5)
        )
        AppointmentFactory(**mine, client__name="Long Ago", starts_at=now - timedelta(days=31))
        AppointmentFactory(**mine, client__name="Last Month", starts_at=now - timedelta(days=29), status=AppointmentStatus.DONE)
        AppointmentFactory(**mine, client__name="Far Ahead", starts_at=now + timedelta(days=400))

        assert [event["SUMMARY"] for event in events(token)] == ["L. M.", "F. A."]

    def test_time_off_is_away_without_its_reason_and_busy_where_only_that_is_shown(self, token, practice):
        span = {"starts_at": NINE, "ends_at": NINE + timedelta(days=2)}
        TimeOff.objects.create(therapist=practice.tess, kind=TimeOff.Kind.ILLNESS, **span)
        TimeOff.objects.create(therapist=practice.jonas, **span)

        [away] = events(token)
        choose_shown(practice.tess, FeedShows.BUSY)
        [busy] = events(token)

        assert (away["SUMMARY"], busy["SUMMARY"]) == ("Away", "Busy")
        assert (away["DTSTART"].dt, away["DURATION"].dt) == (NINE, timedelta(days=2))

    def test_it_has_a_name_and_says_how_often_to_look(self, token):
        calendar = read(token)

        assert calendar["NAME"] == calendar["X-WR-CALNAME"] == "Sessions · Tess Oduya"
        assert calendar["REFRESH-INTERVAL"].dt == timedelta(hours=1)
        assert calendar["X-PUBLISHED-TTL"] == "PT1H"

    @pytest.mark.parametrize(
        ("night", "wall", "length"),
        [
            (datetime(2027, 3, 28, 0, 30, tzinfo=UTC), "00:30", 90),
            (datetime(2027, 10, 31, 0, 30, tzinfo=UTC), "01:30", 60),
            (datetime(2027, 10, 30, 22, 30, tzinfo=UTC), "23:30", 60),
        ],
        ids=["spring", "autumn", "past midnight"],
    )
    def test_over_a_night_it_has_the_start_and_the_end_that_were_booked(self, token, practice, night, wall, length):
        treatment = TreatmentFactory(location=LocationFactory(), length=timedelta(minutes=length))
        session = AppointmentFactory(therapist=practice.tess, treatment=treatment, starts_at=night)

        calendar = read(token)
        [event] = calendar.events
        start = event["DTSTART"].dt

        assert f"{start:%H:%M}" == wall
        assert start.astimezone(UTC) == night
        assert end_of(event) == session.ends_at
        assert [zone["TZID"] for zone in calendar.timezones] == ["Europe/London"]


LINES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=120)
WALL = st.builds(
    datetime.combine, st.dates(date(2026, 1, 1), date(2029, 12, 31)), st.times().map(lambda at: at.replace(microsecond=0, fold=0))
)
BLOCKS = st.builds(
    Block,
    key=st.uuids().map(str),
    starts=WALL,
    zone=st.sampled_from(["Europe/London", "Australia/Lord_Howe", "UTC"]),
    length=st.integers(1, 60 * 24 * 40).map(lambda minutes: timedelta(minutes=minutes)),
    summary=LINES,
    location=LINES,
    sequence=st.integers(0, 99),
    is_cancelled=st.booleans(),
)


def as_read(words):
    return words.replace(r"\N", "\n")  # which icalendar takes for a line break


@settings(deadline=None)  # the first use of a zone takes longer
@given(blocks=st.lists(BLOCKS, max_size=4, unique_by=lambda block: block.key), name=LINES)
def test_what_is_written_line_by_line_is_read_as_what_was_meant(blocks, name):
    file = FeedFile(name, blocks).written(NINE)

    calendar = icalendar.Calendar.from_ical(file)

    assert calendar["NAME"] == as_read(name)
    starts = [block.starts.replace(tzinfo=ZoneInfo(block.zone)) for block in blocks]
    assert [(event["UID"], event["DTSTART"].dt, end_of(event)) for event in calendar.events] == [
        (f"{block.key}@localhost", start, start.astimezone(UTC) + block.length)
        for block, start in zip(blocks, starts, strict=True)
    ]
    assert [(event["SUMMARY"], event["LOCATION"]) for event in calendar.events] == [
        (as_read(block.summary), as_read(block.location)) for block in blocks
    ]
    assert [(event["SEQUENCE"], event["STATUS"] == "CANCELLED") for event in calendar.events] == [
        (b.sequence, b.is_cancelled) for b in blocks
    ]
    assert [event["DTSTART"].params.get("TZID", "UTC") for event in calendar.events] == [b.zone for b in blocks]
    assert max(len(line) for line in file.split(b"\r\n")) <= 75
    assert b"\n" not in file.replace(b"\r\n", b"")


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("Ada Okafor", "A. O."),
        ("Ada", "A."),
        ("maría-josé carreño quiñones", "M. Q."),
        ("Ludwig van Beethoven", "L. B."),
        ("  Bo   Lindqvist ", "B. L."),
        ("E\u0301lise Noe\u0308l", "É. N."),
        ("ßara ǆon", "S. ǅ."),
        ("“Ada” (Okafor) 3", "A. O."),
        ("李小龍", "李."),
        ("0171 555", "?"),
        ("", "?"),
    ],
)
def test_initials_are_one_or_two_letters_whatever_the_name(name, short):
    assert initials(name) == short


class TestTheAddress:
    def test_is_long_and_random_and_only_its_hash_is_stored(self, token, practice):
        feed = Feed.objects.get()

        assert len(token) == 43
        assert token not in str(Feed.objects.values().get())
        assert len(feed.token_hash) == 64

    def test_a_new_one_stops_the_old_one(self, token, practice, now):
        newer = rotate_address(practice.tess, now=now)

        assert (answer(token).status_code, answer(newer).status_code) == (404, 200)

    def test_taken_back_it_is_gone_and_the_next_one_is_another(self, token, practice, now):
        revoke_address(practice.tess)

        gone = answer(token).status_code
        newer = give_address(practice.tess, shows=FeedShows.BUSY, now=now)

        assert (gone, answer(token).status_code, answer(newer).status_code) == (404, 404, 200)

    def test_a_second_one_is_not_given_and_the_first_goes_on(self, token, practice, now):
        with pytest.raises(HasAddress):
            give_address(practice.tess, shows=FeedShows.BUSY, now=now)

        assert answer(token).status_code == 200

    def test_a_therapist_who_may_no_longer_sign_in_has_none(self, token, tess):
        tess.is_active = False
        tess.save()

        assert answer(token).status_code == 404

    def test_a_wrong_one_costs_the_same_whatever_it_looks_like(self, token):
        answer("x")  # the practice's zone is remembered from now on
        costs = set()
        for wrong in ("x", "x" * 43, token[:-1] + "~", "x" * 2000):
            with CaptureQueriesContext(connection) as queries:
                assert answer(wrong).status_code == 404
            costs.add(len(queries))

        assert len(costs) == 1

    def test_no_cookie_is_set_and_nobody_else_may_keep_it(self, token, book):
        book()

        got = answer(token)

        assert not got.cookies
        assert got["Cache-Control"] == "private, no-cache"
        assert got["Content-Type"] == "text/calendar; charset=utf-8"
        assert "Cookie" not in got.get("Vary", "")

    def test_its_reading_is_noted_once_a_minute(self, token, now, clock):
        answer(token)
        noted = [Feed.objects.get().last_read_at]
        for seconds in (59, 60):
            clock.move_to(now + timedelta(seconds=seconds))
            answer(token)
            noted.append(Feed.objects.get().last_read_at)

        assert noted == [now, now, now + timedelta(minutes=1)]

    def test_queries_do_not_grow_with_the_sessions(self, token, book_series, django_assert_num_queries):
        answer(token)
        with django_assert_num_queries(5):
            answer(token)
        book_series(count=8)
        answer(token)
        with django_assert_num_queries(5):
            assert answer(token).content.count(b"BEGIN:VEVENT") == 8


class TestWhetherItChanged:
    def test_the_same_again_is_said_without_it(self, token, book):
        book()
        first = answer(token)

        by_tag = answer(token, if_none_match=first["ETag"])
        by_time = answer(token, if_modified_since=first["Last-Modified"])

        for same in (by_tag, by_time):
            assert (same.status_code, same.content) == (304, b"")
            assert (same["ETag"], same["Last-Modified"]) == (first["ETag"], first["Last-Modified"])
            assert not same.cookies
        assert not first["ETag"].startswith("W/")
        assert answer(token).content == first.content

    def test_only_its_head_is_the_same_without_its_body(self, token, book):
        book()
        got, head = answer(token), Browser().head(reverse("booking:feed", args=[token]))

        assert (head.status_code, head.content) == (200, b"")
        assert [head[name] for name in ("ETag", "Last-Modified", "Content-Length")] == [
            got[name] for name in ("ETag", "Last-Modified", "Content-Length")
        ]

    @pytest.mark.parametrize("change", ["booked", "moved", "cancelled", "renamed", "other room", "away", "shown otherwise"])
    def test_every_change_of_what_it_says_changes_it(self, token, book, practice, now, change):
        session = book()
        first = answer(token)
        changes = {
            "booked": lambda: book(client=practice.bo, starts_at=NINE + timedelta(hours=3)),
            "moved": lambda: move_sessions(
                [Move(session, practice.tess.pk, NINE + timedelta(hours=1))], by=practice.finn, now=now
            ),
            "cancelled": lambda: cancel_sessions([session], by=practice.finn, now=now),
            "renamed": lambda: type(practice.ada).objects.filter(pk=practice.ada.pk).update(name="Zoe Okafor"),
            "other room": lambda: type(session.room).objects.filter(pk=session.room_id).update(name="Ash"),
            "away": lambda: TimeOff.objects.create(
                therapist=practice.tess, starts_at=NINE + timedelta(days=2), ends_at=NINE + timedelta(days=3)
            ),
            "shown otherwise": lambda: choose_shown(practice.tess, FeedShows.BUSY),
        }
        changes[change]()

        by_tag = answer(token, if_none_match=first["ETag"])
        by_time = answer(token, if_modified_since=first["Last-Modified"])

        assert (by_tag.status_code, by_time.status_code) == (200, 200)
        assert by_tag.content == by_time.content != first.content
        assert by_tag["ETag"] != first["ETag"]

    def test_what_it_does_not_say_changes_nothing(self, token, book, practice, now):
        session = book()
        first = answer(token)
        book(therapist=practice.jonas, client=practice.bo)
        TimeOff.objects.create(therapist=practice.jonas, starts_at=NINE + timedelta(days=2), ends_at=NINE + timedelta(days=3))
        WorkingHours.objects.filter(therapist=practice.tess).update(closes=time(16))
        type(session).objects.filter(pk=session.pk).update(status=AppointmentStatus.CONFIRMED)

        assert answer(token, if_none_match=first["ETag"]).status_code == 304

    def test_back_to_what_it_was_is_a_change_too(self, token, book, practice):
        book()
        first = answer(token)
        choose_shown(practice.tess, FeedShows.BUSY)
        answer(token)
        choose_shown(practice.tess, FeedShows.INITIALS)

        again = answer(token, if_none_match=first["ETag"])

        assert (again.status_code, again["ETag"] != first["ETag"]) == (200, True)
        assert again.content != first.content

    def test_it_is_said_since_when(self, token, book, now, clock):
        answer(token)
        clock.move_to(now + timedelta(hours=5))
        book(now=now)

        assert answer(token)["Last-Modified"] == http_date((now + timedelta(hours=5)).timestamp())
        clock.move_to(now + timedelta(hours=9))
        assert answer(token)["Last-Modified"] == http_date((now + timedelta(hours=5)).timestamp())


class TestThePage:
    def shown(self, page):
        return re.search(r"<textarea[^>]*>(.*)</textarea>", page.content.decode()).group(1)

    def test_shows_the_address_once(self, client, tess, practice):
        client.force_login(tess)

        made = client.post(PAGE, {"act": "give", "shows": "busy"})
        address = self.shown(made)

        assert address.startswith("http://localhost:8000/feed/")
        assert Browser().get(urlsplit(address).path).status_code == 200
        assert "no-store" in made["Cache-Control"]
        assert address not in client.get(PAGE).content.decode()
        assert Feed.objects.get(therapist=practice.tess).shows == FeedShows.BUSY

    def test_says_when_it_was_last_read_on_the_practices_clock(self, client, tess, token, clock):
        client.force_login(tess)

        assert "Last read Not yet." in text(client.get(PAGE))
        clock.move_to(datetime(2027, 6, 1, 13, 5, tzinfo=UTC))
        answer(token)
        client.force_login(tess)

        assert "Last read Tue 1 Jun, 14:05 (Europe/London)" in text(client.get(PAGE))

    def test_makes_a_new_address_and_takes_it_back(self, client, tess, token):
        client.force_login(tess)

        newer = urlsplit(self.shown(client.post(PAGE, {"act": "rotate"}))).path
        answers = [answer(token).status_code, Browser().get(newer).status_code]
        page = client.post(PAGE, {"act": "revoke"}, follow=True)

        assert answers == [404, 200]
        assert "The address no longer works." in text(page)
        assert Browser().get(newer).status_code == 404

    def test_keeps_what_is_shown(self, client, tess, token, book):
        client.force_login(tess)
        book()

        client.post(PAGE, {"act": "show", "shows": "busy"})

        assert [event["SUMMARY"] for event in events(token)] == ["Busy"]

    @pytest.mark.parametrize("sent", [{"act": "give"}, {"act": "show", "shows": "names"}, {"act": "melt", "shows": "busy"}])
    def test_makes_nothing_of_what_it_does_not_ask(self, client, tess, sent):
        client.force_login(tess)

        assert client.post(PAGE, sent).status_code == 422
        assert not Feed.objects.exists()

    def test_two_tabs_do_not_undo_each_other_unseen(self, client, tess, token):
        client.force_login(tess)

        second = client.post(PAGE, {"act": "give", "shows": "busy"})
        revoked = [client.post(PAGE, {"act": "revoke"}).status_code for _ in range(2)]
        late = client.post(PAGE, {"act": "rotate"})

        assert (second.status_code, revoked, late.status_code) == (409, [302, 302], 409)
        assert "already has an address" in text(second)
        assert not Feed.objects.exists()

    def test_is_for_therapists_only_and_about_their_own(self, client, practice, token):
        client.force_login(practice.finn)

        assert client.post(PAGE, {"act": "revoke"}).status_code == 404
        assert Feed.objects.filter(therapist=practice.tess).exists()
