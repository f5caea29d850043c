"""What is due follows from the sessions and the rules, at the moment somebody looks."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import connection

from booking.enums import AppointmentStatus, NotificationKind, NotificationState
from booking.models import Notification, Reach
from booking.notifications.delivery import send_due
from booking.notifications.reminders import queue_due
from booking.services.appointments import set_status
from booking.services.changes import UNDO_LASTS, Move, cancel_sessions, move_sessions, undo_change
from clients.services.questionnaires import load_questionnaire
from clients.services.reference import SHIPPED
from tests.booking.conftest import NINE, fill_in
from tests.factories import NoticeRuleFactory

pytestmark = pytest.mark.integration

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
DUE = NINE - DAY


@pytest.fixture
def rule(practice):
    return NoticeRuleFactory(location=practice.treatment.location)


def of_kind(kind=NotificationKind.REMINDER):
    return Notification.objects.filter(kind=kind).order_by("due_at")


def told(kind=NotificationKind.REMINDER):
    return [(notice.due_at, notice.state) for notice in of_kind(kind)]


def move(session, practice, to, now, **more):
    return move_sessions([Move(session, practice.tess.pk, to)], by=practice.finn, now=now, **more)


def test_a_reminder_is_queued_when_it_is_due_and_once(book, rule):
    session = book()

    assert queue_due(DUE - MINUTE) == 0
    assert queue_due(DUE) == 1
    assert queue_due(DUE + MINUTE) == 0

    notice = of_kind().get()
    assert (notice.appointment, notice.sequence, notice.lead) == (session, 0, DAY)
    assert (notice.due_at, notice.channel, notice.recipient) == (DUE, "email", "ada@example.org")


def test_it_says_when_where_and_with_whom_with_an_invitation_and_one_click_to_stop(book, rule, now, mailoutbox):
    book()
    send_due(now)
    queue_due(DUE)

    assert send_due(DUE) == 1

    message = mailoutbox[-1]
    assert message.subject == "Reminder: Tuesday 9 March at 9:00"
    assert "See you on Tuesday 9 March, Ada." in message.body
    assert "9:00 to 9:30\nwith Tess Oduya, Elm" in message.body
    assert message.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    stop = message.extra_headers["List-Unsubscribe"].strip("<>")
    assert stop.startswith("http://localhost:8000/stop/")
    assert stop in message.body
    assert stop not in of_kind().get().body
    assert any("METHOD:REQUEST" in content for content, _type in message.alternatives)


def test_what_was_booked_is_confirmed_without_an_offer_to_stop(book, now, mailoutbox):
    book()

    send_due(now)

    assert "List-Unsubscribe" not in mailoutbox[0].extra_headers
    assert "/stop/" not in mailoutbox[0].body


def test_several_rules_remind_several_times(book, rule, practice):
    NoticeRuleFactory(location=practice.treatment.location, lead=3 * DAY)
    book()

    for clock in (NINE - 3 * DAY, DUE):
        queue_due(clock)

    assert told() == [(NINE - 3 * DAY, NotificationState.QUEUED), (DUE, NotificationState.QUEUED)]


def test_booked_inside_the_lead_the_confirmation_serves(book, rule):
    book(now=DUE + MINUTE)

    queue_due(DUE + 2 * MINUTE)

    assert told() == []
    assert Notification.objects.get().kind == NotificationKind.CONFIRMATION


def test_moved_inside_the_lead_the_notice_of_that_serves(book, rule, practice):
    session = book()
    queue_due(DUE)
    move(session, practice, NINE + timedelta(hours=2), DUE + timedelta(hours=2), practice_initiated=True)

    queue_due(DUE + timedelta(hours=3))

    assert [notice.sequence for notice in of_kind()] == [0]


def test_a_moved_session_is_reminded_of_at_its_new_time_only(book, rule, practice, now, mailoutbox):
    session = book()
    move(session, practice, NINE + DAY, now)

    for clock in (now, DUE, DUE + DAY):
        queue_due(clock)
        send_due(clock)

    assert [message.subject for message in mailoutbox if "Reminder" in message.subject] == [
        "Reminder: Wednesday 10 March at 9:00"
    ]


@pytest.mark.parametrize("ends", ["cancelled", "moved"])
def test_what_waits_about_a_session_called_off_or_moved_is_dropped(book, rule, practice, now, mailoutbox, ends):
    session = book()
    send_due(now)
    queue_due(DUE)
    if ends == "cancelled":
        cancel_sessions([session], by=practice.finn, now=DUE)
    else:
        move(session, practice, NINE + timedelta(weeks=1), DUE, practice_initiated=True)

    send_due(DUE)

    assert told() == [(DUE, NotificationState.DROPPED)]
    assert not any("Reminder" in message.subject for message in mailoutbox)


def test_called_off_and_back_again_it_is_reminded_of_once(book, rule, practice, mailoutbox):
    session = book()
    queue_due(DUE)
    send_due(DUE)
    change = cancel_sessions([session], by=practice.finn, now=DUE + MINUTE, undo_for=UNDO_LASTS)
    undo_change(change, by=practice.finn, now=DUE + 2 * MINUTE)

    queue_due(DUE + 3 * MINUTE)
    send_due(DUE + 3 * MINUTE)

    assert len([message for message in mailoutbox if "Reminder" in message.subject]) == 1


def test_called_off_when_it_was_due_and_back_again_it_is_not_forgotten(book, rule, practice, mailoutbox):
    session = book()
    change = cancel_sessions([session], by=practice.finn, now=DUE - MINUTE, undo_for=UNDO_LASTS)
    queue_due(DUE)
    undo_change(change, by=practice.finn, now=DUE + MINUTE)

    queue_due(DUE + 2 * MINUTE)
    send_due(DUE + 2 * MINUTE)

    assert len([message for message in mailoutbox if "Reminder" in message.subject]) == 1


def test_a_rule_switched_on_does_not_shower_the_past(book, rule):
    book()
    rule.since = DUE + MINUTE
    rule.save()

    assert queue_due(DUE + MINUTE) == 0


def test_a_rule_that_is_off_sends_nothing(book, rule):
    book()
    rule.is_on = False
    rule.save()

    assert queue_due(DUE) == 0


def test_after_an_outage_the_useful_ones_leave_oldest_first_and_the_desk_sees_the_missed(book, rule, practice, now, mailoutbox):
    """Nobody looked from Saturday until Tuesday noon: one session is over, one is near, one is a day ahead."""
    NoticeRuleFactory(location=practice.treatment.location, lead=3 * DAY)
    over, near, tomorrow = book(), book(starts_at=NINE + timedelta(hours=5)), book(client=practice.bo, starts_at=NINE + DAY)
    send_due(now)
    mailoutbox.clear()
    noon = NINE + timedelta(hours=3)

    queue_due(noon)
    assert send_due(noon) == 2

    assert [message.to[0] for message in mailoutbox] == ["ada@example.org", "bo@example.org"]
    state = {(notice.appointment, notice.lead): notice.state for notice in of_kind()}
    assert state == {
        (over, 3 * DAY): NotificationState.MISSED,
        (over, DAY): NotificationState.MISSED,
        (near, 3 * DAY): NotificationState.MISSED,
        (near, DAY): NotificationState.SENT,
        (tomorrow, 3 * DAY): NotificationState.MISSED,
        (tomorrow, DAY): NotificationState.SENT,
    }


def test_what_waited_for_the_mail_server_until_the_session_began_is_missed(book, rule, now, mailoutbox):
    book()
    send_due(now)
    queue_due(DUE)

    send_due(NINE)

    assert told() == [(DUE, NotificationState.MISSED)]
    assert len(mailoutbox) == 1


def test_what_waited_into_the_night_leaves_in_the_morning(book, rule, mailoutbox, now):
    book()
    send_due(now)
    queue_due(DUE)

    assert send_due(DUE.replace(hour=23)) == 0
    assert told() == [(NINE.replace(hour=8), NotificationState.QUEUED)]
    assert send_due(NINE.replace(hour=8)) == 1


def test_a_confirmation_leaves_at_night_because_somebody_is_waiting_for_it(book, now):
    book(now=now.replace(hour=23))

    assert send_due(now.replace(hour=23)) == 1


def test_a_client_by_whom_no_reminder_is_wanted_gets_none(book, rule, practice):
    Reach.objects.create(client=practice.ada, declined=["reminder"])
    book()

    assert queue_due(DUE) == 0


def test_declined_while_it_waited_it_is_not_sent(book, rule, practice, now, mailoutbox):
    book()
    send_due(now)
    queue_due(DUE)
    Reach.objects.create(client=practice.ada, declined=["reminder"])

    assert send_due(DUE) == 0
    assert told() == [(DUE, NotificationState.DROPPED)]


def test_who_cannot_be_reached_gets_none_and_delays_nobody(book, rule, practice):
    practice.ada.email = ""
    practice.ada.save()
    book()
    book(client=practice.bo, starts_at=NINE + timedelta(hours=1))

    assert queue_due(DUE + timedelta(hours=1)) == 1
    assert of_kind().get().client == practice.bo


def test_the_practices_clock_and_quiet_hours_count(book, rule, practice):
    location = practice.treatment.location
    location.quiet_from, location.quiet_until = time(20), time(9, 30)
    location.save()
    book()
    seven_in_the_evening = datetime(2027, 3, 7, 19, tzinfo=UTC)

    assert queue_due(seven_in_the_evening - MINUTE) == 0
    assert queue_due(seven_in_the_evening) == 1


@pytest.mark.parametrize("count", [1, 3])
def test_a_scan_takes_the_same_number_of_queries_however_many_sessions(book, rule, django_assert_num_queries, count):
    for hour in range(count):
        book(starts_at=NINE + timedelta(hours=hour))

    with django_assert_num_queries(3):  # the rules, the sessions, the insert
        queue_due(DUE + timedelta(hours=3))

    assert of_kind().count() == count


@pytest.mark.django_db(transaction=True)
def test_two_beats_at_once_make_no_difference(book, rule):
    for hour in range(6):
        book(starts_at=NINE + timedelta(hours=hour))
    barrier = threading.Barrier(3)

    def scan():
        barrier.wait()
        queue_due(DUE + timedelta(hours=6))
        connection.close()

    scans = [threading.Thread(target=scan) for _ in range(3)]
    for each in scans:
        each.start()
    for each in scans:
        each.join()

    assert of_kind().count() == 6


class TestSeriesEnding:
    @pytest.fixture
    def rule(self, practice):
        return NoticeRuleFactory(location=practice.treatment.location, kind=NotificationKind.SERIES_ENDING, lead=7 * DAY)

    def test_the_last_session_of_a_series_is_told_of_once(self, book_series, rule, now, mailoutbox):
        book_series(count=3)
        last = NINE + timedelta(weeks=2)
        send_due(now)

        for week in range(3):
            queue_due(NINE - 7 * DAY + timedelta(weeks=week))
        send_due(last - 7 * DAY)

        assert told(NotificationKind.SERIES_ENDING) == [(last - 7 * DAY, NotificationState.SENT)]
        assert mailoutbox[-1].subject == "Your last booked session is on Tuesday 23 March"
        assert "/book/" in mailoutbox[-1].body

    def test_not_to_who_has_booked_on(self, book_series, book, rule):
        book_series(count=3)
        book(starts_at=NINE + timedelta(weeks=5))

        assert queue_due(NINE + timedelta(weeks=1)) == 0

    def test_a_single_session_is_no_series(self, book, rule):
        book()

        assert queue_due(NINE - 7 * DAY) == 0


class TestFollowUp:
    @pytest.fixture
    def rule(self, practice):
        return NoticeRuleFactory(location=practice.treatment.location, kind=NotificationKind.FOLLOW_UP, lead=DAY)

    def test_a_day_after_a_session_that_took_place(self, book, rule, practice, now, mailoutbox):
        done, _missed = book(), book(client=practice.bo, starts_at=NINE + timedelta(hours=1))
        for status in (AppointmentStatus.ARRIVED, AppointmentStatus.DONE):
            set_status(done, status, by=practice.finn, now=NINE)
        send_due(now)
        ended = NINE + timedelta(minutes=30)

        assert queue_due(ended + DAY - MINUTE) == 0
        assert queue_due(ended + DAY) == 1
        assert send_due(ended + DAY) == 1

        assert mailoutbox[-1].subject == "After your session on Tuesday 9 March"
        assert mailoutbox[-1].to == ["ada@example.org"]

    def test_not_many_days_later(self, book, rule, practice):
        done = book()
        for status in (AppointmentStatus.ARRIVED, AppointmentStatus.DONE):
            set_status(done, status, by=practice.finn, now=NINE)

        assert queue_due(NINE + 5 * DAY) == 0


@pytest.mark.usefixtures("few_medicines")
class TestForm:
    @pytest.fixture(autouse=True)
    def rules(self, practice, few_medicines):
        load_questionnaire((SHIPPED / "intake_questionnaire.json").read_text())
        location = practice.treatment.location
        NoticeRuleFactory(location=location, kind=NotificationKind.FORM, lead=3 * DAY)
        NoticeRuleFactory(location=location, kind=NotificationKind.FORM, lead=DAY, channel="other")

    def test_it_is_asked_for_until_it_is_there(self, book, practice, now, mailoutbox):
        book()

        assert queue_due(NINE - 3 * DAY) == 1
        send_due(NINE - 3 * DAY)
        fill_in(practice.ada, NINE - 2 * DAY)
        assert queue_due(DUE) == 0

        assert mailoutbox[-1].subject == "Before you come on Tuesday 9 March: your form"
        assert "/intake/" in mailoutbox[-1].body

    def test_gently_by_mail_and_then_the_other_way(self, book, practice, settings):
        settings.SMS_URL = "console:"
        book()

        for clock in (NINE - 3 * DAY, DUE):
            queue_due(clock)

        assert [(notice.channel, notice.recipient) for notice in of_kind(NotificationKind.FORM)] == [
            ("email", "ada@example.org"),
            ("sms", "+442079460018"),
        ]

    def test_answered_while_it_waited_it_is_dropped(self, book, practice):
        book()
        queue_due(NINE - 3 * DAY)
        fill_in(practice.ada, NINE - 3 * DAY)

        send_due(NINE - 3 * DAY)

        assert told(NotificationKind.FORM) == [(NINE - 3 * DAY, NotificationState.DROPPED)]

    def test_of_sessions_close_together_the_first_asks(self, book):
        first = book()
        book(starts_at=NINE + DAY)

        queue_due(NINE - 2 * DAY)

        assert of_kind(NotificationKind.FORM).get().appointment == first
