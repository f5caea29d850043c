"""A notice is sent once, on time, and never about something that is no longer true."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from django.core import mail
from django.db import connection, transaction

from booking.enums import AppointmentStatus, Channel, NotificationKind, NotificationState
from booking.models import Appointment, Notification, Reach
from booking.notifications import delivery
from booking.notifications.channels import Way, ways_to
from booking.notifications.delivery import BACK_OFF, CHANGED_WAITS, GIVE_UP_AFTER, LEASE, SLOW_WAITS, send_due
from booking.services.appointments import set_status
from booking.services.changes import Move, cancel_sessions, move_sessions
from booking.tasks import send_due_notifications
from tests.booking.conftest import NINE

pytestmark = pytest.mark.integration


def test_a_notice_is_sent_once(book, now, mailoutbox):
    book()

    assert send_due(now) == 1
    assert send_due(now + timedelta(hours=1)) == 0

    [message] = mailoutbox
    notice = Notification.objects.get()
    assert message.to == ["ada@example.org"]
    assert message.extra_headers["Message-ID"] == f"<{notice.pk}@localhost>"
    assert (notice.state, notice.sent_at, notice.attempts) == (NotificationState.SENT, now, 1)
    assert notice.subject == message.subject


def test_the_desk_keeps_the_text_without_the_link(book, now, mailoutbox):
    book()

    send_due(now)

    [token] = re.findall(r"/l/([\w-]{43})/", mailoutbox[0].body)
    assert Notification.objects.get().body == mailoutbox[0].body.replace(token, "…")


def test_nothing_is_sent_before_it_is_due(book, now):
    book()
    Notification.objects.update(due_at=now + timedelta(minutes=1))

    assert send_due(now) == 0
    assert send_due(now + timedelta(minutes=1)) == 1


def test_the_oldest_leave_first_and_no_more_than_asked_for(book, practice, now, mailoutbox):
    book(now=now + timedelta(seconds=2))
    book(client=practice.bo, starts_at=NINE + timedelta(hours=1))

    assert send_due(now + timedelta(minutes=1), limit=1) == 1

    assert [message.to for message in mailoutbox] == [["bo@example.org"]]


def test_a_confirmation_of_a_session_cancelled_meanwhile_is_dropped(book, practice, now, mailoutbox):
    cancel_sessions([book()], by=practice.finn, now=now)

    send_due(now)

    assert [message.subject for message in mailoutbox] == ["Cancelled: Tuesday 9 March at 9:00"]
    assert Notification.objects.get(kind=NotificationKind.CONFIRMATION).state == NotificationState.DROPPED


def test_a_notice_about_an_old_time_is_dropped(book, practice, now, mailoutbox):
    for hour in (1, 2):
        appointment = Appointment.objects.first() or book()
        move_sessions([Move(appointment, practice.tess.pk, NINE + timedelta(hours=hour))], by=practice.finn, now=now)

    send_due(now)

    assert [message.subject for message in mailoutbox] == ["Moved to Tuesday 9 March at 11:00"]
    assert Notification.objects.filter(state=NotificationState.DROPPED).count() == 2


def test_a_series_cancelled_whole_is_not_confirmed(book_series, practice, now, mailoutbox):
    for appointment in book_series(count=2).appointments:
        cancel_sessions([appointment], by=practice.finn, now=now)

    send_due(now)

    assert [message.subject.partition(":")[0] for message in mailoutbox] == ["Cancelled", "Cancelled"]


@pytest.mark.parametrize("after", [timedelta(minutes=30), timedelta(days=1)], ids=["at its end", "a day later"])
def test_nobody_is_written_to_about_a_session_that_is_over(book, after, mailoutbox):
    book()

    send_due(NINE + after)

    assert Notification.objects.get().state == NotificationState.DROPPED
    assert mailoutbox == []


def test_a_client_who_has_arrived_needs_no_confirmation(book, practice, now, mailoutbox):
    set_status(book(), AppointmentStatus.ARRIVED, by=practice.finn, now=now)

    send_due(now)

    assert mailoutbox == []


def test_a_workflow_that_fails_leaves_no_notice(book):
    with transaction.atomic():
        book()
        transaction.set_rollback(True)

    assert not Notification.objects.exists()
    assert not Appointment.objects.exists()


def test_a_crash_before_the_commit_leaves_it_waiting_under_the_same_message_id(book, now, mailoutbox):
    book()
    with transaction.atomic():
        send_due(now)
        transaction.set_rollback(True)

    assert Notification.objects.get().state == NotificationState.QUEUED
    send_due(now)

    first, again = mailoutbox
    assert first.extra_headers["Message-ID"] == again.extra_headers["Message-ID"]


def test_the_mail_as_a_real_server_receives_it(book_series, sink, monkeypatch, now):
    book_series()
    monkeypatch.setattr("django.utils.timezone.now", lambda: now)

    send_due_notifications.apply().get()

    [envelope] = sink.taken
    message = message_from_bytes(envelope.content, policy=policy.default)
    alternatives, attachment = message.iter_parts()
    assert envelope.rcpt_tos == ["ada@example.org"]
    assert message["Subject"] == "Booked: 8 sessions, first on Tuesday 9 March at 9:00"
    assert message["Reply-To"] == "desk@example.org"
    assert message["Auto-Submitted"] == "auto-generated"
    assert [part.get_content_type() for part in alternatives.iter_parts()] == ["text/plain", "text/html", "text/calendar"]
    assert message.get_body(("plain",)).get_content().count("9:00–9:30") == 8
    assert attachment.get_filename() == "sessions.ics"
    assert attachment.get_content().count(b"BEGIN:VEVENT") == 8


def test_one_connection_serves_a_batch(book, sink, now):
    for hour in range(3):
        book(starts_at=NINE + timedelta(hours=hour))

    assert send_due(now) == 3

    assert sink.connections == 1


@pytest.mark.parametrize("code", [421, 450, 452])
def test_a_transient_refusal_is_tried_again_later_and_delays_nobody(book, practice, sink, now, code):
    sink.refusal = f"{code} not today"
    book(client=practice.bo)
    book(starts_at=NINE + timedelta(hours=2), now=now + timedelta(seconds=1))
    then = now + timedelta(minutes=1)

    assert send_due(then) == 1

    assert sink.recipients == ["ada@example.org"]
    notice = Notification.objects.get(client=practice.bo)
    assert (notice.state, notice.attempts, notice.due_at) == (NotificationState.QUEUED, 1, then + BACK_OFF[0])
    assert notice.last_error == f"{code} not today"

    sink.refusal = ""
    assert send_due(notice.due_at) == 1
    notice.refresh_from_db()
    assert (notice.state, notice.attempts, notice.last_error) == (NotificationState.SENT, 2, "")


def test_an_address_refused_for_good_is_not_tried_again(book, practice, sink, now):
    sink.refusal = "550 no such person"
    book(client=practice.bo)

    send_due(now)

    notice = Notification.objects.get()
    assert (notice.state, notice.attempts, notice.last_error) == (NotificationState.FAILED, 1, "550 no such person")


@pytest.mark.parametrize(
    ("answer", "state"),
    [("554 we do not like this", NotificationState.FAILED), ("451 try later", NotificationState.QUEUED)],
    ids=["for good", "for now"],
)
def test_a_refused_text(book, sink, now, answer, state):
    sink.refuses_text = answer
    book()

    send_due(now)

    notice = Notification.objects.get()
    assert (notice.state, notice.last_error) == (state, answer)


@pytest.fixture
def nobody_listens(settings, unused_port):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", unused_port


@pytest.mark.usefixtures("nobody_listens")
def test_a_mail_server_that_is_away_is_tried_once_a_batch(book, now):
    for hour in range(3):
        book(starts_at=NINE + timedelta(hours=hour))

    assert send_due(now) == 0

    assert sorted(Notification.objects.values_list("attempts", flat=True)) == [0, 0, 1]
    assert "refused" in Notification.objects.get(attempts=1).last_error.lower()


@pytest.mark.usefixtures("nobody_listens")
def test_it_gives_up_visibly(book, now):
    book()
    clock = now
    while clock - now < GIVE_UP_AFTER:
        assert Notification.objects.get().state == NotificationState.QUEUED
        send_due(clock)
        clock += timedelta(hours=6)

    send_due(clock)

    assert Notification.objects.get().state == NotificationState.FAILED


def test_a_notice_that_cannot_be_written_holds_up_no_other(book, practice, now, mailoutbox, monkeypatch):
    """A fault of ours comes to light after the others have left."""
    broken, written = book(client=practice.bo), delivery.written

    def stumbles(notice, now):
        if notice.appointment == broken:
            raise ZeroDivisionError("a fault")
        return written(notice, now)

    monkeypatch.setattr(delivery, "written", stumbles)
    book(starts_at=NINE + timedelta(hours=2), now=now + timedelta(seconds=1))

    with pytest.raises(ExceptionGroup) as raised:
        send_due(now + timedelta(minutes=1))

    assert raised.group_contains(ZeroDivisionError)
    assert [message.to for message in mailoutbox] == [["ada@example.org"]]
    notice = Notification.objects.get(client=practice.bo)
    assert (notice.state, notice.attempts) == (NotificationState.QUEUED, 1)


def abandoned(notice, now, *, handed_over):
    """What a worker leaves behind that dies while it sends."""
    Notification.objects.filter(pk=notice.pk).update(
        state=NotificationState.SENDING, lease_until=now + LEASE, handed_at=now if handed_over else None
    )


def test_what_was_claimed_and_never_handed_over_is_sent_as_if_nothing_had_been(book, now, mailoutbox):
    book()
    abandoned(Notification.objects.get(), now, handed_over=False)

    assert send_due(now + LEASE - timedelta(seconds=1)) == 0
    assert send_due(now + LEASE) == 1

    assert Notification.objects.get().doubts == 0


def test_what_may_have_left_is_sent_again_under_the_same_message_id_and_counted(book, now, mailoutbox):
    book()
    notice = Notification.objects.get()
    abandoned(notice, now, handed_over=True)

    assert send_due(now + LEASE) == 1

    notice.refresh_from_db()
    assert mailoutbox[0].extra_headers["Message-ID"] == f"<{notice.pk}@localhost>"
    assert (notice.state, notice.doubts) == (NotificationState.SENT, 1)


def test_a_cancellation_that_may_have_left_is_not_sent_again_and_shown(book, practice, now, mailoutbox):
    cancel_sessions([book()], by=practice.finn, now=now)
    notice = Notification.objects.get(kind=NotificationKind.CANCELLED)
    abandoned(notice, now, handed_over=True)

    send_due(now + LEASE)

    notice.refresh_from_db()
    assert mailoutbox == []
    assert (notice.state, notice.doubts) == (NotificationState.UNSURE, 1)


def test_a_connection_that_breaks_after_the_text_leaves_a_doubt(book, sink, now):
    sink.hangs_up = True
    book()

    assert send_due(now) == 0

    notice = Notification.objects.get()
    assert len(sink.taken) == 1
    assert (notice.state, notice.attempts, notice.doubts) == (NotificationState.QUEUED, 1, 1)


def test_a_cancellation_is_not_tried_again_after_such_a_break(book, practice, sink, now):
    sink.hangs_up = True
    cancel_sessions([book()], by=practice.finn, now=now)

    send_due(now)

    assert Notification.objects.get(kind=NotificationKind.CANCELLED).state == NotificationState.UNSURE


def test_the_desk_reads_what_the_server_answered(book, sink, now):
    book()

    send_due(now)

    assert Notification.objects.get().answer == "250 OK"


def test_an_address_that_refused_for_good_is_flagged_until_the_client_has_another(book, practice, sink, now):
    sink.refusal = "550 no such person"
    book(client=practice.bo)
    send_due(now)
    practice.bo.refresh_from_db()

    assert (practice.bo.reach.bounced, practice.bo.reach.bounced_at) == ("bo@example.org", now)
    assert ways_to(practice.bo) == []
    practice.bo.email = "bo@example.net"
    assert ways_to(practice.bo) == [Way(Channel.EMAIL, "bo@example.net")]


def test_a_text_refused_says_nothing_about_the_address(book, practice, sink, now):
    sink.refuses_text = "554 we do not like this"
    book()

    send_due(now)

    assert not Reach.objects.exists()


def test_a_slow_domain_keeps_nobody_waiting_twice(book, practice, sink, now, monkeypatch):
    monkeypatch.setattr(delivery, "SLOW", 0.0)
    monkeypatch.setattr(delivery, "PATIENCE", 0.0)
    for hour in range(2):
        book(starts_at=NINE + timedelta(hours=hour))
    practice.bo.email = "bo@example.net"
    practice.bo.save()
    book(client=practice.bo, starts_at=NINE + timedelta(hours=3))

    assert send_due(now) == 2

    assert sorted(sink.recipients) == ["ada@example.org", "bo@example.net"]
    waits = Notification.objects.get(state=NotificationState.QUEUED)
    assert (waits.attempts, waits.due_at, waits.lease_until) == (0, now + SLOW_WAITS, None)


@pytest.mark.parametrize(
    ("seconds", "is_slow"),
    [((15.0,), True), ((3.0,), False), ((3.0, 3.0), True), ((3.0, 0.1, 3.0), False)],
    ids=["no answer at all", "once", "twice in a row", "now and then"],
)
def test_a_domain_is_slow_by_what_it_takes_in_a_row(now, seconds, is_slow):
    batch = delivery.Batch(now)

    for each in seconds:
        batch.note_pace("ada@example.org", each)

    assert batch.is_slow("bo@example.org") == is_slow
    assert not batch.is_slow("bo@example.net")


@pytest.fixture
def changes_while_sent(book, practice, monkeypatch):
    """A notice whose session somebody cancels when it is in words already, right before it is handed over."""
    session, hand_over = book(), delivery._hand_over

    def late(notice, now):
        cancel_sessions([session], by=practice.finn, now=now)
        return hand_over(notice, now)

    monkeypatch.setattr(delivery, "_hand_over", late)


@pytest.mark.usefixtures("changes_while_sent")
def test_a_session_cancelled_before_the_notice_is_handed_over_is_not_spoken_of(now, mailoutbox):
    assert send_due(now, limit=1) == 0
    assert mailoutbox == []


@pytest.mark.django_db(transaction=True)
def test_a_session_that_is_being_changed_holds_nobody_up(book, practice, now, mailoutbox):
    changing = book(client=practice.bo)
    book(starts_at=NINE + timedelta(hours=2), now=now + timedelta(seconds=1))
    then = now + timedelta(minutes=1)

    def send():
        try:
            assert send_due(then) == 1
        finally:
            connection.close()

    with transaction.atomic():
        Appointment.objects.select_for_update().get(pk=changing.pk)
        sender = threading.Thread(target=send)
        sender.start()
        sender.join(30)
        assert not sender.is_alive()

    assert [message.to for message in mailoutbox] == [["ada@example.org"]]
    waits = Notification.objects.get(client=practice.bo)
    assert (waits.state, waits.attempts, waits.due_at) == (NotificationState.QUEUED, 0, then + CHANGED_WAITS)


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_each_notice_exactly_once(book, now):
    for week in range(6):
        for day in range(2):
            book(starts_at=NINE + timedelta(weeks=week, days=day))
    expected = Notification.objects.count()
    barrier = threading.Barrier(2)
    sent = []

    def work():
        barrier.wait()
        sent.append(send_due(now))
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sum(sent) == expected == len(mail.outbox)
    assert len({message.extra_headers["Message-ID"] for message in mail.outbox}) == expected
