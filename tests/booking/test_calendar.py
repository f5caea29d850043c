"""The therapist's calendar: what its feed says and to whom, and the page of a session from which it is moved."""

from __future__ import annotations

import gzip
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.test import Client as Browser
from django.urls import reverse

from booking.enums import AppointmentStatus
from booking.models import Appointment, Change, Notification
from booking.services.appointments import set_status
from booking.services.changes import UNDO_LASTS, cancel_sessions
from booking.services.guard import Choice
from booking.services.holds import hold_choices
from tests.booking.conftest import NINE, fill_in
from tests.booking.test_my_sessions import text
from tests.clients.answers import medicine
from tests.factories import ClientFactory, UserFactory
from therapists.models import Closure, Location, TimeOff

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

WEEK = {"from": "2027-03-08", "to": "2027-03-15"}
HOUR = timedelta(hours=1)
STATIC = Path(__file__).resolve().parents[2] / "static"


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def at_work(client, tess):
    """Tess at her browser."""
    client.force_login(tess)
    return client


@pytest.fixture
def with_colleagues(tess):
    tess.user_permissions.add(Permission.objects.get(codename="see_colleagues"))


def feed(browser, view="mine", **days):
    return browser.get(reverse("booking:calendar_events"), WEEK | days | {"view": view})


def sessions(browser, view="mine", **days):
    return feed(browser, view, **days).json()["sessions"]


def page(session, name="therapist_session"):
    return reverse(f"booking:{name}", args=[session.pk])


def wanted(session, **change):
    """What the form of a session says; ``change`` is what somebody typed."""
    return {
        "day": session.local_date.isoformat(),
        "at": f"{session.local_time:%H:%M}",
        "minutes": session.length // timedelta(minutes=1),
        "therapist": session.therapist_id,
        "room": "",
        "tell": "on",
        "version": session.sequence,
        "key": "11111111-2222-4333-8444-555555555555",
    } | change


class TestTheFeed:
    def test_says_who_comes_where_and_when_on_the_practices_clock(self, at_work, book, practice):
        practice.treatment.preparation = timedelta(minutes=5)
        practice.treatment.save()
        summer = datetime(2027, 4, 13, 8, tzinfo=UTC)
        session = book(starts_at=summer)

        [shown] = sessions(at_work, **{"from": "2027-04-12", "to": "2027-04-19"})

        assert shown == {
            "id": str(session.pk),
            "therapist": str(practice.tess.pk),
            "room": str(session.room_id),
            "state": "booked",
            "start": "2027-04-13T09:00",
            "end": "2027-04-13T09:30",
            "before": 5,
            "after": 10,
            "own": True,
            "name": "Ada Okafor",
            "line": "Two areas · Elm",
            "light": "none",
            "version": 0,
            "moves": True,
        }

    def test_gives_the_light_of_the_form_and_never_an_answer(self, at_work, intake, book, practice, now):
        book()
        fill_in(practice.ada, now, takes_any="yes", med_list=[medicine("Eliquis")])

        answer = feed(at_work)

        assert answer.json()["sessions"][0]["light"] == "review"
        assert "Eliquis" not in answer.content.decode()

    def test_counts_the_place_in_the_series(self, at_work, book_series, practice):
        book_series(count=8)

        [shown] = sessions(at_work, **{"from": "2027-03-22", "to": "2027-03-29"})

        assert shown["line"] == "Two areas · 3 of 8 · Elm"

    def test_leaves_out_what_was_cancelled_and_keeps_who_did_not_come(self, at_work, book, practice, now):
        cancel_sessions([book()], by=practice.finn, now=now)
        missed = book(client=practice.bo, starts_at=NINE + HOUR)
        set_status(missed, AppointmentStatus.NO_SHOW, by=practice.finn, now=now)

        assert [shown["state"] for shown in sessions(at_work)] == ["no_show"]

    def test_shows_a_held_slot_without_a_name_until_it_runs_out(self, at_work, practice, now, clock):
        hold = hold_choices([Choice(practice.tess.pk, NINE)], owner="a browser", treatment=practice.treatment, now=now)

        [shown] = sessions(at_work)
        clock.move_to(hold.expires_at)
        at_work.force_login(practice.tess.user)

        assert (shown["name"], shown["line"]) == ("being booked", "Held until 8:10")
        assert "own" not in shown
        assert sessions(at_work) == []

    def test_says_what_the_time_before_a_move_is_kept_for(self, at_work, book):
        session = book()
        at_work.post(page(session, "move_by_hand"), wanted(session, at="11:00"))

        kept, moved = sessions(at_work)

        assert (kept["name"], kept["line"], kept["start"]) == ("kept for an undo", "Held until 8:03", "2027-03-09T09:00")
        assert moved["start"] == "2027-03-09T11:00"

    def test_takes_in_what_reaches_into_the_days_and_nothing_that_only_touches_them(self, at_work, book, practice):
        session = book()
        for since, until, in_march in (
            ("2027-03-09", "2027-03-10", True),
            ("2027-03-10", "2027-03-11", False),
            ("2027-03-08", "2027-03-09", False),
        ):
            assert bool(sessions(at_work, **{"from": since, "to": until})) is in_march
        late = NINE.replace(hour=23)
        past_midnight = {"starts_at": late, "ends_at": late + 2 * HOUR, "blocked_from": late, "blocked_until": late + 2 * HOUR}
        Appointment.objects.filter(pk=session.pk).update(**past_midnight)
        [shown] = sessions(at_work, **{"from": "2027-03-10", "to": "2027-03-11"})
        assert (shown["start"], shown["end"]) == ("2027-03-09T23:00", "2027-03-10T01:00")

    def test_has_the_hours_and_when_nobody_works(self, at_work, practice):
        leave = {"therapist": practice.tess, "kind": "illness"}
        TimeOff.objects.create(**leave, starts_at=NINE - timedelta(days=30), ends_at=NINE.replace(hour=12))
        at = {"starts_at": NINE + timedelta(days=1), "ends_at": NINE + timedelta(days=1, hours=2)}
        Closure.objects.create(location=Location.objects.get(), name="Floor is waxed", **at)

        found = feed(at_work).json()

        hours = found["hours"][str(practice.tess.pk)]
        assert hours[0] == ["2027-03-08T09:00", "2027-03-08T17:00"]
        assert len(hours) == 5
        assert [(off["title"], off["start"], off["end"]) for off in found["off"]] == [
            ("Illness", "2027-03-08T00:00", "2027-03-09T12:00"),
            ("Floor is waxed", "2027-03-10T09:00", "2027-03-10T11:00"),
        ]

    def test_names_public_holidays(self, at_work):
        [off] = feed(at_work, **{"from": "2027-03-26", "to": "2027-03-27"}).json()["off"]

        assert (off["title"], off["start"], off["end"]) == ("Good Friday", "2027-03-26T00:00", "2027-03-27T00:00")

    @pytest.mark.parametrize(
        "asked",
        [
            pytest.param({"from": "2027-03-15", "to": "2027-03-08"}, id="backwards"),
            pytest.param({"from": "2027-03-08", "to": "2027-06-08"}, id="too many days"),
            pytest.param({"from": "today", "to": "2027-06-08"}, id="no date"),
            pytest.param({"from": "", "to": ""}, id="nothing"),
            pytest.param({"view": "everything"}, id="no such view"),
        ],
    )
    def test_refuses_what_it_does_not_know(self, at_work, asked):
        assert at_work.get(reverse("booking:calendar_events"), WEEK | {"view": "mine"} | asked).status_code == 400

    def test_is_not_sent_again_to_whoever_has_it(self, at_work, book, practice):
        book()
        first = feed(at_work)
        address = f"{reverse('booking:calendar_events')}?from=2027-03-08&to=2027-03-15&view=mine"

        same = at_work.get(address, headers={"If-None-Match": first["ETag"]})
        book(client=practice.bo, starts_at=NINE + HOUR)
        other = at_work.get(address, headers={"If-None-Match": first["ETag"]})

        assert (same.status_code, same.content, same["ETag"]) == (304, b"", first["ETag"])
        assert (other.status_code, len(other.json()["sessions"])) == (200, 2)

    @pytest.mark.parametrize("count", [1, 3])
    @pytest.mark.parametrize(("view", "queries"), [("mine", 10), ("team", 14), ("rooms", 13)])
    def test_takes_the_same_number_of_queries_however_many_sessions(
        self, at_work, with_colleagues, intake, book, practice, now, view, queries, count, django_assert_num_queries
    ):
        for each in range(count):
            for therapist in (practice.tess, practice.jonas):
                session = book(client=ClientFactory(), therapist=therapist, starts_at=NINE + each * HOUR)
                fill_in(session.client, now)
        feed(at_work, view)

        with django_assert_num_queries(queries):
            assert len(sessions(at_work, view)) == count * (1 if view == "mine" else 2)


class TestColleagues:
    def test_are_not_there_without_the_permission(self, at_work, book, practice):
        book(therapist=practice.jonas)

        for view in ("mine", "team", "rooms"):
            found = feed(at_work, view)
            assert found.json()["sessions"] == []
            assert str(practice.jonas.pk) not in found.content.decode()

    def test_are_shown_as_taken_with_initials_and_nothing_else(self, at_work, with_colleagues, intake, book, practice, now):
        session = book(therapist=practice.jonas)
        fill_in(practice.ada, now)

        [shown] = sessions(at_work, "team")

        assert shown == {
            "id": str(session.pk),
            "therapist": str(practice.jonas.pk),
            "room": str(session.room_id),
            "state": "booked",
            "start": "2027-03-09T09:00",
            "end": "2027-03-09T09:30",
            "before": 0,
            "after": 10,
            "name": "A. O.",
            "line": "",
        }

    def test_are_away_without_a_word_why(self, at_work, with_colleagues, practice):
        TimeOff.objects.create(therapist=practice.jonas, kind="illness", starts_at=NINE, ends_at=NINE + HOUR)

        assert [off["title"] for off in feed(at_work, "team").json()["off"]] == ["Away"]

    def test_do_not_open_each_others_sessions(self, at_work, with_colleagues, book, practice):
        session = book(therapist=practice.jonas)

        assert at_work.get(page(session)).status_code == 404
        assert at_work.post(page(session, "move_by_hand"), wanted(session, at="10:00")).status_code == 404
        assert at_work.post(page(session, "session_state"), {"state": "arrived"}).status_code == 404
        session.refresh_from_db()
        assert (session.starts_at, session.status) == (NINE, "booked")

    def test_are_given_sessions_only_by_who_sees_them(self, at_work, book, practice, tess):
        session = book()
        to_jonas = wanted(session, therapist=practice.jonas.pk)

        without = at_work.post(page(session, "move_by_hand"), to_jonas)
        tess.user_permissions.add(Permission.objects.get(codename="see_colleagues"))
        given = at_work.post(page(session, "move_by_hand"), to_jonas)

        assert without.status_code == 422
        assert given["Location"] == reverse("booking:therapist")
        session.refresh_from_db()
        assert session.therapist == practice.jonas
        assert at_work.post(reverse("booking:undo_by_hand", args=[Change.objects.get().pk]))["Location"] == page(session)


class TestASession:
    def test_says_who_comes_and_what_can_be_done(self, at_work, book_series):
        third = book_series(count=8).appointments[2]

        said = text(at_work.get(page(third)))

        assert "Ada Okafor Tuesday 23 March, 9:00–9:30 · Two areas · Elm" in said
        assert "Series, 3 of 8" in said
        assert "ada@example.org" in said
        assert "Did not come" not in said

    def test_is_taken_through_its_day(self, at_work, book, practice, clock):
        session = book()
        clock.move_to(NINE)
        at_work.force_login(practice.tess.user)
        assert "Did not come" in text(at_work.get(page(session)))

        for state in ("arrived", "in_session", "done"):
            assert at_work.post(page(session, "session_state"), {"state": state})["Location"] == page(session)

        session.refresh_from_db()
        assert session.status == "done"
        assert "Move or give" not in text(at_work.get(page(session)))
        again = at_work.post(page(session, "session_state"), {"state": "arrived"})
        assert again.status_code == 409
        assert "cannot become “arrived”" in text(again)

    def test_is_a_part_of_the_calendar_for_its_script(self, at_work, book):
        part = at_work.get(page(book()), headers={"HX-Request": "true"})

        assert "<html" not in part.content.decode()
        assert "Ada Okafor" in part.content.decode()

    def test_is_moved_from_its_page_and_can_be_undone_there(self, at_work, book):
        session = book()

        moved = at_work.post(page(session, "move_by_hand"), wanted(session, at="10:05", minutes="45"), follow=True)
        session.refresh_from_db()
        there = (session.starts_at, session.length)
        change = Change.objects.get()
        undone = at_work.post(reverse("booking:undo_by_hand", args=[change.pk]), follow=True)

        assert there == (NINE + HOUR + timedelta(minutes=5), timedelta(minutes=45))
        assert "Ada Okafor is now on Tue 9 Mar, 10:05–10:50, with Tess Oduya · Elm." in text(moved)
        assert "Nothing has been sent yet; at 8:03 we tell the client." in text(moved)
        assert "Undone. Everything is as it was before." in text(undone)
        session.refresh_from_db()
        assert (session.starts_at, session.length) == (NINE, timedelta(minutes=30))

    def test_is_moved_without_telling_the_client(self, at_work, book):
        session = book()
        silent = wanted(session, at="10:00")
        del silent["tell"]

        said = text(at_work.post(page(session, "move_by_hand"), silent, follow=True))

        assert "The client is not told." in said
        assert not Notification.objects.filter(kind="changed").exists()

    def test_moved_twice_by_the_same_press_is_moved_once(self, at_work, book):
        session = book()
        asked = wanted(session, at="10:00")

        for _press in range(2):
            assert at_work.post(page(session, "move_by_hand"), asked)["Location"] == page(session)

        assert Change.objects.count() == 1

    def test_that_meets_another_is_refused_in_words(self, at_work, book, practice):
        book(client=practice.bo, starts_at=NINE + HOUR)
        session = book()

        refused = at_work.post(page(session, "move_by_hand"), wanted(session, at="10:15"))

        assert refused.status_code == 409
        assert "Tess is already booked on Tuesday 9 March at 10:15" in text(refused)
        assert "Nothing was moved." in text(refused)

    def test_that_somebody_else_moved_meanwhile_is_shown_where_it_is(self, at_work, book):
        session = book()
        at_work.post(page(session, "move_by_hand"), wanted(session, at="11:00"))

        other_press = {"key": "21111111-2222-4333-8444-555555555555"}
        late = at_work.post(page(session, "move_by_hand"), wanted(session, at="12:00", **other_press))

        assert late.status_code == 409
        assert "Somebody else changed this session a moment ago." in text(late)
        assert "11:00–11:30" in text(late)

    @pytest.mark.parametrize(
        ("day", "at", "says"),
        [
            ("2027-03-28", "01:30", "the practice’s clock does not show this time"),
            ("2027-10-31", "01:30", "this time comes twice"),
        ],
        ids=["spring night", "autumn night"],
    )
    def test_is_not_moved_to_a_time_that_the_clock_skips_or_shows_twice(self, at_work, book, day, at, says):
        session = book()

        refused = at_work.post(page(session, "move_by_hand"), wanted(session, day=day, at=at))

        assert refused.status_code == 422
        assert says.replace("’", "'") in text(refused).replace("’", "'").replace("&#x27;", "'")
        session.refresh_from_db()
        assert session.starts_at == NINE

    def test_is_moved_by_nobody_but_its_therapist(self, book, practice, tess):
        session = book()
        robin = UserFactory(email="robin@example.org", is_staff=True, is_superuser=True)

        for user in (practice.finn, robin, practice.ada.user, practice.bo.user):
            browser = Browser()
            browser.force_login(user)
            assert browser.post(page(session, "move_by_hand"), wanted(session, at="10:00")).status_code == 404
        session.refresh_from_db()
        assert session.starts_at == NINE

    def test_telling_can_be_chosen_until_the_undo_is_over(self, at_work, book, clock, practice):
        session = book()
        at_work.post(page(session, "move_by_hand"), wanted(session, at="10:00"))
        address = reverse("booking:tell_of_move", args=[Change.objects.get().pk])

        at_work.post(address, {"tell": "no"})
        silenced = Notification.objects.get(kind="changed").state
        clock.shift(UNDO_LASTS)
        late = at_work.post(address, {"tell": "yes"}, headers={"HX-Request": "true"})

        assert silenced == "dropped"
        assert late.status_code == 409
        assert "It is too late to choose this." in late.content.decode()
        assert Notification.objects.get(kind="changed").state == "dropped"

    def test_changes_of_somebody_else_are_not_undone(self, at_work, book, practice, now):
        change = cancel_sessions([book()], by=practice.finn, now=now, undo_for=UNDO_LASTS)

        for name in ("undo_by_hand", "tell_of_move"):
            assert at_work.post(reverse(f"booking:{name}", args=[change.pk])).status_code == 404
        change.refresh_from_db()
        assert change.undone_at is None


def test_the_page_weighs_less_than_250_kilobytes_with_all_it_loads(at_work, book):
    book()
    shown = at_work.get(reverse("booking:therapist")).content
    files = {*re.findall(rb'(?:href|src)="/static/([^"]+)"', shown), b"vendor/event-calendar/event-calendar.min.css"}

    page = len(gzip.compress(shown)) + len(gzip.compress(feed(at_work).content))
    loaded = [len(gzip.compress((STATIC / name.decode()).read_bytes())) for name in files]
    typeface = (STATIC / "vendor/hanken-grotesk/hanken-grotesk-latin-wght-normal.woff2").stat().st_size

    assert len(files) > 8
    assert page + sum(loaded) + typeface < 250_000


def test_the_page_names_what_its_script_needs_and_keeps_the_list_for_those_without(at_work, with_colleagues, book, practice):
    book(starts_at=NINE - timedelta(days=33))

    shown = at_work.get(reverse("booking:therapist"))

    assert shown.context["calendar"]["offset"] == "+00:00"
    assert (shown.context["calendar"]["opens"], shown.context["calendar"]["closes"]) == ("09:00", "17:00")
    assert [each["title"] for each in shown.context["calendar"]["team"]] == ["Tess Oduya", "Jonas Brandt"]
    assert "9:00–9:30 Ada Okafor Two areas · Elm · booked" in text(shown)
