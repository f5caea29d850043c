"""The day board at the desk: what it shows of a day, to whom, the steps taken on it, and the day to take away."""

from __future__ import annotations

import csv
import html
import io
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

import pytest
import time_machine
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from booking.admin.board import STATES, STEPS
from booking.board import Form, Kept, day_board
from booking.enums import AppointmentStatus, AuditAction, FlagState, Light, NotificationKind
from booking.exceptions import UndoOver
from booking.models import Appointment, Notification, SessionFlag
from booking.services.appointments import confirm_coming, set_status, undo_step
from booking.services.changes import UNDO_LASTS, cancel_sessions
from booking.services.guard import Choice
from booking.services.holds import hold_choices
from booking.services.waitlist import offer_by_hand, wish
from clients.services.consents import health_data_question, record_agreement
from clients.services.responses import open_response
from tests.booking.conftest import NINE, fill_in
from tests.clients.answers import medicine
from tests.factories import AppointmentFactory, ClientFactory, LocationFactory, RoomFactory, TherapistFactory, UserFactory
from therapists.models import Closure, TimeOff

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

State = AppointmentStatus
TUESDAY = date(2027, 3, 9)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
#: What the desk has: it sees everything, and takes sessions through their day.
RIGHTS = ("view_appointment", "change_appointment", "view_client", "view_waitlistentry", "add_offer")


@pytest.fixture
def at(now):
    """Let it be another time. Without it, it is half past eight on the day."""
    with time_machine.travel(NINE - 30 * MINUTE, tick=False) as traveller:
        yield traveller.move_to


@pytest.fixture
def finn(practice):
    practice.finn.user_permissions.set(Permission.objects.filter(codename__in=RIGHTS))
    return practice.finn


@pytest.fixture
def desk(client, finn, at):
    """Finn at the desk's browser."""
    client.force_login(finn)
    return client


@pytest.fixture
def location(practice):
    return practice.tess.location


def board(location, now=NINE - 30 * MINUTE, day=TUESDAY):
    return day_board(location, day, now=now)


def only(location, **more):
    [session] = board(location, **more).sessions
    return session


def column(location, name, **more):
    return next(each for each in board(location, **more).columns if each.name == name)


def press(browser, session, state, **asked):
    return browser.post(reverse("admin:board_step"), asked | {"step": f"{session.pk}/{state}"})


def undo(browser, session):
    entry = session.audit_entries.order_by("-at").first()
    return browser.post(reverse("admin:board_undo"), {"entry": entry.pk})


def page(browser, **asked):
    return browser.get(reverse("admin:index"), asked)


def said(response):
    return [str(message) for message in response.context["messages"]]


class TestWhatItShows:
    def test_who_comes_when_to_whom_and_where(self, book, location, at):
        session = book()

        shown = only(location)

        assert (shown.name, shown.start, shown.end, shown.after) == ("Ada Okafor", 540, 570, 10)
        assert (shown.treatment, shown.therapist_name, shown.room) == ("Two areas", "Tess Oduya", session.room.name)

    def test_nothing_of_another_day_or_another_location(self, book, practice, location):
        book()
        elsewhere = LocationFactory(name="Harbour Street")
        other = AppointmentFactory(therapist=TherapistFactory(name="Zoe", location=elsewhere), client=practice.bo)

        assert [each.name for each in board(location).sessions] == ["Ada Okafor"]
        assert [each.id for each in board(elsewhere).sessions] == [other.pk]
        assert board(location, day=TUESDAY + DAY).sessions == []

    def test_the_other_location_is_a_click_away(self, desk, book, practice):
        book()
        elsewhere = LocationFactory(name="Quay Street")
        AppointmentFactory(therapist=TherapistFactory(name="Zoe", location=elsewhere), client=practice.bo)

        there = page(desk, location=elsewhere.pk).content.decode()

        assert "Bo Lindqvist" in there
        assert "Ada Okafor" not in there
        assert "Ada Okafor" in page(desk).content.decode()

    def test_times_are_those_of_the_wall_on_the_spring_night(self, book, location):
        sunday = date(2027, 3, 28)
        AppointmentFactory(therapist=location.therapists.get(name="Tess Oduya"), starts_at=datetime(2027, 3, 28, 8, tzinfo=UTC))

        shown = only(location, day=sunday)

        assert shown.start == 9 * 60

    def test_a_session_past_midnight_stands_on_both_days(self, location):
        late = datetime(2027, 3, 9, 23, 45, tzinfo=UTC)
        AppointmentFactory(therapist=location.therapists.get(name="Tess Oduya"), starts_at=late)

        assert only(location).end == 24 * 60 + 15
        assert only(location, day=TUESDAY + DAY).start == -15

    def test_columns_of_those_who_work_or_have_something_and_of_nobody_else(self, book, practice, location):
        TherapistFactory(name="Idle Ida")
        gone = TherapistFactory(name="Gone Gil", is_active=False)
        AppointmentFactory(therapist=gone, client=practice.bo)

        assert [each.name for each in board(location).columns] == ["Gone Gil", "Jonas Brandt", "Tess Oduya"]

    def test_leave_without_its_reason_and_closures_with_it(self, practice, location, now):
        TimeOff.objects.create(therapist=practice.tess, kind="sick", starts_at=NINE, ends_at=NINE + HOUR)
        Closure.objects.create(location=location, name="Stocktaking", starts_at=NINE + 3 * HOUR, ends_at=NINE + 4 * HOUR)

        assert [(each.start, each.end, each.why) for each in column(location, "Tess Oduya").away] == [
            (720, 780, "Stocktaking"),
            (540, 600, ""),
        ]

    def test_the_place_in_the_series(self, book_series, location):
        book_series(3)

        shown = only(location, day=TUESDAY + 7 * DAY)

        assert (shown.position, shown.of) == (2, 3)

    def test_a_hold_is_being_booked_until_it_is_over(self, practice, location, now):
        hold_choices([Choice(practice.tess.pk, NINE)], owner="a browser", treatment=practice.treatment, now=now)

        held = only(location, now=now + MINUTE)

        assert (held.kept, held.held_until, held.name) == (Kept.BOOKING, 8 * 60 + 10, "")
        assert board(location, now=now + HOUR).sessions == []

    def test_what_is_offered_says_to_whom(self, practice, location, now):
        days = {"earliest_on": TUESDAY, "latest_on": TUESDAY}
        waiting = wish(client=practice.ada, treatment=practice.treatment, by=None, now=now, **days)
        offer_by_hand(waiting, therapist=practice.jonas, starts_at=NINE, by=practice.finn, now=now)

        held = only(location, now=now + MINUTE)

        assert (held.kept, held.held_for) == (Kept.OFFER, "Ada Okafor")

    def test_i_am_coming_shows_and_the_desks_own_word_does_not_pass_for_it(self, book, practice, location, now):
        hers, ours = book(), book(client=practice.bo, starts_at=NINE + HOUR)
        confirm_coming(hers, sequence=0, by=None, now=now)
        set_status(ours, State.CONFIRMED, by=practice.finn, now=now)

        assert [(each.name, each.state, each.is_coming) for each in board(location).sessions] == [
            ("Ada Okafor", State.CONFIRMED, True),
            ("Bo Lindqvist", State.CONFIRMED, False),
        ]

    def test_how_long_somebody_waits(self, book, practice, location):
        session = book()
        set_status(session, State.ARRIVED, by=practice.finn, now=NINE - 4 * MINUTE)

        assert only(location, now=NINE + 3 * MINUTE).waits == 7
        set_status(session, State.IN_SESSION, by=practice.finn, now=NINE + 3 * MINUTE)
        assert only(location, now=NINE + 5 * MINUTE).waits is None

    def test_what_is_over_without_a_final_state_is_listed_and_what_is_done_is_not(self, book, practice, location):
        left, done = book(), book(client=practice.bo, starts_at=NINE + HOUR)
        for step in (State.ARRIVED, State.IN_SESSION, State.DONE):
            set_status(done, step, by=practice.finn, now=NINE + HOUR)

        assert [each.id for each in board(location, now=NINE + 2 * HOUR).open] == [left.pk]
        assert board(location, now=NINE + 29 * MINUTE).open == []

    def test_what_earlier_days_left_open_is_counted(self, book, location):
        book()

        assert list(board(location, now=NINE + DAY, day=TUESDAY + DAY).forgotten) == [(TUESDAY, 1)]
        assert list(board(location, now=NINE + DAY).forgotten) == []

    def test_cancelled_sessions_are_gone_unless_late(self, book, practice, location, now):
        early, late = book(), book(client=practice.bo, starts_at=NINE + HOUR)
        cancel_sessions([early], by=practice.finn, now=now)
        cancel_sessions([late], by=practice.finn, now=NINE)

        shown = board(location, now=NINE + HOUR)

        assert [(each.id, each.state) for each in shown.sessions] == [(late.pk, State.LATE_CANCELLED)]
        assert column(location, "Tess Oduya", now=NINE + HOUR).sessions == ()


class TestForms:
    @pytest.fixture
    def asked(self, intake):
        """The practice asks its questionnaire."""

    def test_none_is_asked_while_the_practice_has_no_questionnaire(self, book, location):
        book()

        shown = only(location)

        assert (shown.form, shown.form_is_late, shown.light) == (Form.NONE, False, Light.WAITING)

    def test_missing_and_late_from_when_the_desk_is_told(self, asked, book, location):
        book()

        early, late = only(location, now=NINE - 21 * HOUR), only(location, now=NINE - 19 * HOUR)

        assert (early.form, early.form_is_late) == (Form.NONE, False)
        assert (late.form, late.form_is_late) == (Form.MISSING, True)

    def test_asked_for_once_the_notice_is_there(self, asked, book, location, now):
        session = book()
        Notification.objects.create(
            kind=NotificationKind.FORM,
            client=session.client,
            appointment=session,
            recipient="ada@example.org",
            created_at=now,
            due_at=now,
        )

        assert only(location, now=now).form == Form.ASKED

    def test_begun_and_late_on_the_day(self, asked, book, practice, location, now):
        book()
        record_agreement(practice.ada, health_data_question(), by=None, now=now)
        open_response(practice.ada, "first", now=now)

        assert only(location, now=now).form == Form.BEGUN
        assert only(location).form_is_late

    def test_answered_with_a_light_and_never_an_answer(self, asked, book, practice, location, now, desk):
        book()
        fill_in(practice.ada, now, takes_any="yes", med_list=[medicine("Eliquis")])

        shown = only(location)
        html = page(desk).content.decode() + page(desk, view="time").content.decode()

        assert (shown.form, shown.form_is_late, shown.light) == (Form.ANSWERED, False, Light.TO_CHECK)
        assert "To check" in html
        assert "Eliquis" not in html


class TestGaps:
    def wish(self, practice, now, **change):
        facts = {"client": practice.bo, "treatment": practice.treatment, "earliest_on": TUESDAY, "latest_on": TUESDAY}
        return wish(**facts | {"by": None, "now": now} | change)

    def test_free_time_that_suits_somebody_who_waits(self, book, practice, location, now):
        book(starts_at=NINE + 4 * HOUR)
        waiting = self.wish(practice, now, therapists=[practice.tess])

        gaps = column(location, "Tess Oduya", now=now).gaps

        assert [(gap.start, gap.end, [each.id for each in gap.wishes]) for gap in gaps] == [
            (540, 780, [waiting.pk]),
            (820, 1020, [waiting.pk]),
        ]
        assert column(location, "Jonas Brandt", now=now).gaps == ()

    @pytest.mark.parametrize(
        "wished",
        [
            pytest.param({"starts_from": time(17)}, id="later than anybody works"),
            pytest.param({"earliest_on": TUESDAY + DAY, "latest_on": TUESDAY + DAY}, id="another day"),
            pytest.param({"weekdays": [4]}, id="another weekday"),
        ],
    )
    def test_no_gap_where_nobody_fits(self, practice, location, now, wished):
        self.wish(practice, now, **wished)

        assert [column.gaps for column in board(location, now=now).columns] == [(), ()]

    def test_nothing_that_the_notice_forbids_or_that_is_past(self, practice, location, now):
        self.wish(practice, now, therapists=[practice.tess])

        assert column(location, "Tess Oduya", now=NINE + 5 * HOUR).gaps[0].start == 14 * 60
        assert column(location, "Tess Oduya", now=NINE + 6 * HOUR).gaps == ()
        assert column(location, "Tess Oduya", now=NINE + DAY).gaps == ()

    def test_it_leads_to_the_offer_of_whoever_waits_longest_for_those_who_may_offer(self, practice, location, now, desk, finn):
        first = self.wish(practice, now)
        self.wish(practice, now + MINUTE, client=practice.ada)
        address = reverse("admin:booking_waitlistentry_offer", args=[first.pk])

        assert address in page(desk).content.decode()
        assert address in page(desk, view="time").content.decode()
        finn.user_permissions.remove(Permission.objects.get(codename="add_offer"))
        assert address not in page(desk).content.decode()


class TestSteps:
    def test_one_click_each_through_the_whole_day(self, desk, book, at):
        session = book()
        at(NINE)

        for state in (State.ARRIVED, State.IN_SESSION, State.DONE):
            press(desk, session, state)
            session.refresh_from_db()
            assert session.status == state

        assert list(session.audit_entries.order_by("at").values_list("by__name", flat=True)) == ["Finn Desk"] * 4

    def test_the_board_offers_just_the_steps_that_make_sense(self, book, location, practice):
        book()

        assert only(location).steps == (State.CONFIRMED, State.ARRIVED)
        assert only(location, now=NINE + MINUTE).steps == (State.ARRIVED, State.NO_SHOW)

    def test_what_is_on_hold_offers_no_step_that_a_clearance_is_needed_for(self, book, practice, location, intake, now):
        book()
        fill_in(practice.ada, now, heart="recent")

        shown = only(location)

        assert (shown.light, shown.steps) == (Light.ON_HOLD, (State.ARRIVED,))

    def test_a_step_that_does_not_follow_is_refused_in_words(self, desk, book):
        session = book()

        response = desk.post(reverse("admin:board_step"), {"step": f"{session.pk}/{State.DONE}"}, follow=True)

        assert said(response) == ["Ada Okafor: A session that is “booked” cannot become “done”. Nothing was changed."]
        session.refresh_from_db()
        assert session.status == State.BOOKED

    def test_pressed_twice_it_is_one_step(self, desk, book):
        session = book()

        press(desk, session, State.ARRIVED)
        press(desk, session, State.ARRIVED)

        assert session.audit_entries.filter(action=AuditAction.STATUS).count() == 1

    def test_late_is_offered_and_done_only_before_it_begins(self, desk, book, location, now):
        session = book()

        assert not only(location, now=now).may_cancel_late
        assert only(location).may_cancel_late
        assert not only(location, now=NINE).may_cancel_late
        press(desk, session, State.LATE_CANCELLED)
        session.refresh_from_db()
        assert session.status == State.LATE_CANCELLED

    @pytest.mark.parametrize("sent", ["", "nonsense", "nonsense/arrived", "{pk}", "{pk}/held", "{pk}/cancelled"])
    def test_what_the_board_never_sends_is_refused(self, desk, book, sent):
        session = book()

        response = desk.post(reverse("admin:board_step"), {"step": sent.format(pk=session.pk)})

        assert response.status_code == 400
        session.refresh_from_db()
        assert session.status == State.BOOKED

    def test_it_leads_back_to_what_was_shown_and_nowhere_else(self, desk, book):
        response = press(desk, book(), State.ARRIVED, view="time", date="2027-03-09", next="https://example.com/")

        assert response["Location"] == "/desk/?view=time"


class TestUndo:
    def test_the_last_step_is_taken_back_and_the_history_says_so(self, desk, book):
        session = book()
        press(desk, session, State.ARRIVED)

        undo(desk, session)

        session.refresh_from_db()
        assert session.status == State.BOOKED
        entry = session.audit_entries.get(action=AuditAction.UNDONE)
        assert (entry.by.name, entry.before["status"], entry.after["status"]) == ("Finn Desk", "arrived", "booked")

    def test_only_the_last_one(self, book, finn, at, now):
        session = book()
        set_status(session, State.ARRIVED, by=finn, now=NINE)
        first = session.audit_entries.get(after__status="arrived")
        set_status(session, State.IN_SESSION, by=finn, now=NINE + MINUTE)

        with pytest.raises(UndoOver):
            undo_step(first, by=finn, now=NINE + 2 * MINUTE)

        session.refresh_from_db()
        assert session.status == State.IN_SESSION

    def test_not_on_another_day(self, book, finn, location):
        session = book()
        set_status(session, State.ARRIVED, by=finn, now=NINE)
        step = session.audit_entries.get(after__status="arrived")

        assert only(location, now=NINE + HOUR).undo == step.pk
        assert only(location, now=NINE + DAY).undo is None
        with pytest.raises(UndoOver):
            undo_step(step, by=finn, now=NINE + DAY)

    def test_what_the_client_said_is_not_the_desks_to_take_back(self, book, location, now):
        session = book(starts_at=NINE)
        confirm_coming(session, sequence=0, by=None, now=NINE - HOUR)

        assert only(location).undo is None

    def test_twice_is_once(self, book, finn):
        session = book()
        set_status(session, State.ARRIVED, by=finn, now=NINE)
        step = session.audit_entries.get(after__status="arrived")

        undo_step(step, by=finn, now=NINE + MINUTE)
        undo_step(step, by=finn, now=NINE + MINUTE)

        assert session.audit_entries.filter(action=AuditAction.UNDONE).count() == 1

    def test_whoever_did_not_come_has_no_time_that_somebody_else_got_since(self, desk, book, practice, finn, at):
        session = book()
        set_status(session, State.NO_SHOW, by=finn, now=NINE)
        step = session.audit_entries.get(after__status="no_show")
        AppointmentFactory(
            client=practice.bo, therapist=practice.tess, treatment=practice.treatment, room=session.room, starts_at=NINE
        )
        at(NINE + MINUTE)

        response = desk.post(reverse("admin:board_undo"), {"entry": step.pk}, follow=True)

        assert said(response) == ["Ada Okafor: This time was given to somebody else since. Nothing was changed."]
        session.refresh_from_db()
        assert session.status == State.NO_SHOW

    def test_what_was_put_on_hold_meanwhile_is_not_confirmed_again(self, book, practice, finn, intake, now):
        session = book()
        set_status(session, State.CONFIRMED, by=finn, now=NINE - 3 * HOUR)
        set_status(session, State.ARRIVED, by=finn, now=NINE - 2 * HOUR)
        step = session.audit_entries.get(after__status="arrived")
        SessionFlag.objects.create(
            appointment=session, severity="stop", state=FlagState.ON_HOLD, grounds=[], weighed_at=NINE - HOUR
        )

        undo_step(step, by=finn, now=NINE - HOUR)

        session.refresh_from_db()
        assert session.status == State.BOOKED

    def test_a_late_cancellation_is_restored_while_the_client_is_not_told(self, desk, book, at, location):
        session = book()
        press(desk, session, State.LATE_CANCELLED)
        entry = session.audit_entries.get(action=AuditAction.CANCELLED)
        half_past_eight = NINE - 30 * MINUTE

        assert board(location, now=half_past_eight + MINUTE).cancelled[0].undo == entry.pk
        assert board(location, now=half_past_eight + UNDO_LASTS).cancelled[0].undo is None
        desk.post(reverse("admin:board_undo"), {"entry": entry.pk})
        session.refresh_from_db()
        assert session.status == State.BOOKED

    def test_nothing_that_is_no_step(self, desk, book):
        session = book()

        assert desk.post(reverse("admin:board_undo"), {"entry": "nonsense"}).status_code == 400
        undo(desk, session)
        session.refresh_from_db()
        assert session.status == State.BOOKED


class TestPermissions:
    ADDRESSES = ("admin:board_print", "admin:board_csv")

    def test_who_sees_it_may_not_act_without_the_right(self, desk, finn, book):
        session = book()
        finn.user_permissions.remove(Permission.objects.get(codename="change_appointment"))

        html = page(desk).content.decode()

        assert "Ada Okafor" in html
        assert 'name="step"' not in html
        assert press(desk, session, State.ARRIVED).status_code == 403
        assert undo(desk, session).status_code == 403
        session.refresh_from_db()
        assert session.status == State.BOOKED

    def test_a_therapist_is_reported_away_from_their_column_by_whoever_may_enter_leave(self, desk, finn, practice):
        asked = urlencode({"therapist": practice.tess.pk, "kind": "illness", "away": TUESDAY + DAY})
        link = html.escape(f"{reverse('admin:therapists_timeoff_add')}?{asked}")
        tomorrow = {"date": TUESDAY + DAY}

        assert link not in page(desk, **tomorrow).content.decode()
        finn.user_permissions.add(Permission.objects.get(codename="add_timeoff"))
        assert link in page(desk, **tomorrow).content.decode()
        assert "away=now" in page(desk).content.decode()
        assert "away=" not in page(desk, date=TUESDAY - DAY).content.decode()

    def test_staff_without_the_right_to_see_sessions_see_none(self, desk, finn, book):
        session = book()
        finn.user_permissions.clear()

        assert "Ada Okafor" not in page(desk).content.decode()
        assert [desk.get(reverse(address)).status_code for address in self.ADDRESSES] == [403, 403]
        assert press(desk, session, State.ARRIVED).status_code == 403

    def test_a_therapist_gets_nothing_whatever_they_were_given(self, client, tess, book, at):
        book()
        tess.user_permissions.set(Permission.objects.filter(codename__in=RIGHTS))
        client.force_login(tess)

        assert page(client).status_code == 302
        assert [client.get(reverse(address)).status_code for address in self.ADDRESSES] == [302, 302]

    def test_the_navigation_lists_just_what_somebody_may_see(self, desk, finn, practice):
        links = {link["word"] for _word, group in page(desk).context["navigation"]["groups"] for link in group}

        assert links == {"Day board", "To do", "Waiting list", "Appointments", "Find a client", "Clients"}

    def test_whoever_may_see_everything_finds_every_model_once(self, client, practice, at):
        client.force_login(UserFactory(email="robin@example.org", is_staff=True, is_superuser=True))

        navigation = page(client).context["navigation"]

        found = [link["path"] for _word, group in navigation["groups"] for link in group]
        found += [model["admin_url"] for app in navigation["rest"] for model in app["models"]]
        lists = [reverse(f"admin:{each._meta.app_label}_{each._meta.model_name}_changelist") for each in admin.site._registry]
        own = [reverse(f"admin:{name}") for name in ("index", "lists", "find_client", "setup_check")]
        assert sorted(found) == sorted([*lists, *own])


class TestLooking:
    def test_the_same_day_again_is_not_sent_again(self, desk, book):
        session = book()
        etag = page(desk).headers["ETag"]

        assert desk.get(reverse("admin:index"), headers={"If-None-Match": etag}).status_code == 304
        press(desk, session, State.ARRIVED)
        page(desk)
        assert desk.get(reverse("admin:index"), headers={"If-None-Match": etag}).status_code == 200

    def test_what_is_to_be_said_is_not_held_back(self, desk, book):
        session = book()
        press(desk, session, State.ARRIVED)
        etag = page(desk).headers["ETag"]
        press(desk, session, State.ARRIVED)

        response = desk.get(reverse("admin:index"), headers={"If-None-Match": etag})

        assert said(response) == ["Ada Okafor: Arrived."]

    def test_a_part_for_the_script_comes_without_the_page(self, desk, book):
        book()

        part = desk.get(reverse("admin:index"), headers={"X-Board": "1"}).content.decode()

        assert "Ada Okafor" in part
        assert "<html" not in part

    @pytest.mark.parametrize(
        "asked", [{"date": "2027-13-01"}, {"date": "0001-01-01"}, {"location": "x"}, {"session": "x"}, {"view": "x"}], ids=str
    )
    def test_what_is_not_understood_shows_today(self, desk, book, asked):
        book()

        response = page(desk, **asked)

        assert response.context["shown"].day == TUESDAY
        assert "Ada Okafor" in response.content.decode()

    def test_the_list_is_narrowed_to_what_is_to_be_seen_to(self, desk, book, practice, finn):
        book()
        set_status(book(client=practice.bo, starts_at=NINE + HOUR), State.CONFIRMED, by=finn, now=NINE - HOUR)

        html = page(desk, only="unconfirmed").content.decode()

        assert "Ada Okafor" in html
        assert "Bo Lindqvist" not in html

    def test_the_tallies_count_what_their_lists_show(self, desk, book, practice, now):
        book()
        failed = Notification.objects.create(
            kind=NotificationKind.CONFIRMATION,
            client=practice.bo,
            appointment=book(client=practice.bo, starts_at=NINE + HOUR),
            sequence=9,
            recipient="bo@example.org",
            state="failed",
            created_at=NINE,
            due_at=NINE - HOUR,
        )
        robin = UserFactory(email="robin@example.org", is_staff=True, is_superuser=True)
        desk.force_login(robin)

        tallies = page(desk).context["tallies"]

        assert {name: tally["count"] for name, tally in tallies.items()} == {
            "unconfirmed": 2, "form": 0, "check": 0, "undelivered": 1, "offers": 0,
        }  # fmt: skip
        assert [each.pk for each in desk.get(tallies["undelivered"]["url"]).context["cl"].result_list] == [failed.pk]
        assert list(desk.get(tallies["offers"]["url"]).context["cl"].result_list) == []


class TestQueries:
    def count(self, browser, **asked):
        with CaptureQueriesContext(connection) as queries:
            page(browser, **asked)
        return len(queries)

    @pytest.mark.parametrize("view", ["columns", "time"])
    def test_as_many_for_50_therapists_and_300_sessions_as_for_one(self, desk, book_series, practice, intake, view, now):
        """With something of every kind in the day: a series, a hold, a wish, a step, a form sent."""
        book_series(2)
        fill_in(practice.ada, now)
        set_status(Appointment.objects.get(local_date=TUESDAY), State.CONFIRMED, by=practice.finn, now=NINE - HOUR)
        hold_choices([Choice(practice.jonas.pk, NINE + 6 * HOUR)], owner="x", treatment=practice.treatment, now=NINE - HOUR)
        wish(client=practice.bo, treatment=practice.treatment, by=None, now=now, earliest_on=TUESDAY, latest_on=TUESDAY)
        page(desk, view=view)
        few = self.count(desk, view=view)
        team = [TherapistFactory(name=f"T{n:02}", works=[(1, "09:00", "17:00")]) for n in range(50)]
        for n in range(300):
            AppointmentFactory(
                client=ClientFactory(user__email=f"c{n}@example.org"),
                therapist=team[n % 50],
                treatment=practice.treatment,
                room=RoomFactory(name=f"R{n}"),
                starts_at=NINE + (n // 50) * HOUR,
            )
        page(desk, view=view)

        assert self.count(desk, view=view) == few
        assert page(desk, view=view).content.decode().count("data-session=") == 301


class TestToTakeAway:
    def rows(self, browser, **asked):
        response = browser.get(reverse("admin:board_csv"), asked)
        assert response.headers["Content-Disposition"] == 'attachment; filename="day-2027-03-09.csv"'
        return list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))

    def test_the_day_as_a_table(self, desk, book):
        session = book()

        head, row = self.rows(desk)

        assert head == ["Date", "From", "Until", "Client", "Treatment", "Therapist", "Room", "State", "In the series"]
        assert row == [
            "2027-03-09", "9:00", "9:30", "Ada Okafor", "Two areas", "Tess Oduya", session.room.name, "Not confirmed", "",
        ]  # fmt: skip

    @pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", " =1"])
    def test_no_cell_is_run(self, desk, book, practice, name):
        practice.ada.name = name
        practice.ada.save()
        book()

        _head, row = self.rows(desk)

        assert row[3] == f"'{name}"

    @pytest.mark.parametrize("address", ["admin:board_csv", "admin:board_print"])
    def test_nothing_about_health_leaves(self, desk, book, practice, intake, now, address):
        book()
        fill_in(practice.ada, now, heart="recent")

        text = desk.get(reverse(address)).content.decode()

        assert "Ada Okafor" in text
        assert not any(str(light.label) in text for light in Light if light != Light.READY)
        assert not any(word in text for word in ("Answered", "Missing", "heart"))

    def test_what_is_merely_held_is_not_on_paper(self, desk, practice):
        hold_choices([Choice(practice.tess.pk, NINE + 5 * HOUR)], owner="x", treatment=practice.treatment, now=NINE - HOUR)

        assert self.rows(desk)[1:] == []


def test_before_there_is_a_location_the_desk_says_what_to_do(client, db):
    client.force_login(UserFactory(email="robin@example.org", is_staff=True, is_superuser=True))

    assert "Add the practice’s location first." in client.get(reverse("admin:index")).content.decode()
    assert client.get(reverse("admin:board_csv")).status_code == 403


def test_every_step_has_a_key_of_its_own_and_every_state_a_word():
    keys = [key for _word, key in STEPS.values()]

    assert len(set(keys)) == len(STEPS)
    assert set(STATES) == set(State)
