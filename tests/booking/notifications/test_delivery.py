"""A notice is sent once, on time, and never about something that is no longer true."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from aiosmtpd.controller import Controller
from django.core import mail
from django.db import close_old_connections, connection, transaction
from icalendar import Calendar

from booking.engine.recurrence import Course, Phase, Weekly
from booking.enums import NotificationKind, NotificationState
from booking.models import Appointment, Notification
from booking.notifications.delivery import BACK_OFF, send_due
from booking.services.appointments import book_appointment, cancel_appointment, reschedule_appointment
from booking.services.holds import book_hold
from booking.services.series import hold_course
from therapists.models import Closure

pytestmark = pytest.mark.integration

NINE = datetime(2027, 3, 9, 9, tzinfo=UTC)
KEY = "11111111-2222-4333-8444-555555555555"


def book(practice, now, **change):
    facts = {"client": practice.ada, "therapist": practice.tess, "treatment": practice.treatment, "starts_at": NINE}
    return book_appointment(**facts | {"by": practice.finn, "now": now} | change)


def book_series(practice, now, count=8):
    course = Course(
        starts_on=NINE.date(), phases=(Phase(Weekly((1,)), count=count),), minutes=(540,), therapists=(practice.tess.pk,)
    )
    hold = hold_course(course, practice.treatment, owner="a", now=now)
    return book_hold(hold, client=practice.ada, key=KEY, by=practice.ada.user, now=now)


def part(message, kind):
    return next(content for content, mimetype in message.alternatives if mimetype.startswith(kind))


def test_a_confirmation_is_sent_once(practice, now, mailoutbox):
    book(practice, now)

    assert send_due(now) == 1
    assert send_due(now + timedelta(hours=1)) == 0

    [message] = mailoutbox
    assert message.to == ["ada@example.org"]
    assert message.subject == "Booked: Tuesday 9 March at 9:00"
    assert "Tue 9 Mar, 9:00–9:30, Tess Oduya" in message.body
    assert "Europe/London" in message.body
    notice = Notification.objects.get()
    assert (notice.state, notice.sent_at, notice.subject) == (NotificationState.SENT, now, message.subject)
    assert message.extra_headers["Message-ID"] == f"<{notice.pk}@localhost>"


def test_a_series_is_confirmed_by_one_mail_with_all_its_dates(practice, now, mailoutbox):
    Closure.objects.create(
        location=practice.tess.location,
        name="Spring break",
        starts_at=datetime(2027, 4, 2, tzinfo=UTC),
        ends_at=datetime(2027, 4, 10, tzinfo=UTC),
    )
    booked = book_series(practice, now)

    send_due(now)

    [message] = mailoutbox
    html = part(message, "text/html")
    assert len(booked.appointments) == 7
    for day in ("Tue 9 Mar", "Tue 16 Mar", "Tue 23 Mar", "Tue 30 Mar", "Tue 13 Apr", "Tue 20 Apr", "Tue 27 Apr"):
        assert day in message.body
        assert day in html
    assert "Tue 6 Apr" in message.body.partition("Not possible:")[2]
    events = Calendar.from_ical(part(message, "text/calendar")).walk("VEVENT")
    assert {event["UID"] for event in events} == {f"{a.pk}@localhost" for a in booked.appointments}
    assert {event.decoded("DTSTART").strftime("%H:%M") for event in events} == {"09:00"}
    assert {event.decoded("DTSTART").utcoffset() for event in events} == {timedelta(0), timedelta(hours=1)}


def test_the_calendar_part_is_an_invitation_that_a_move_and_a_cancellation_update(practice, now, mailoutbox):
    appointment = book(practice, now)
    send_due(now)
    moved = reschedule_appointment(
        appointment, therapist=practice.tess, starts_at=NINE + timedelta(hours=1), by=practice.finn, now=now
    )
    send_due(now)
    cancel_appointment(moved, by=practice.finn, now=now)
    send_due(now)

    files = [Calendar.from_ical(part(message, "text/calendar")) for message in mailoutbox]
    events = [file.walk("VEVENT")[0] for file in files]
    assert [str(file["METHOD"]) for file in files] == ["REQUEST", "REQUEST", "CANCEL"]
    assert [int(event["SEQUENCE"]) for event in events] == [0, 1, 2]
    assert len({str(event["UID"]) for event in events}) == 1
    assert str(events[2]["STATUS"]) == "CANCELLED"


def test_a_confirmation_of_a_session_cancelled_meanwhile_is_dropped(practice, now, mailoutbox):
    appointment = book(practice, now)
    cancel_appointment(appointment, by=practice.finn, now=now)

    send_due(now)

    assert [message.subject.partition(":")[0] for message in mailoutbox] == ["Cancelled"]
    assert Notification.objects.get(kind=NotificationKind.CONFIRMATION).state == NotificationState.DROPPED


def test_a_notice_about_an_old_time_is_dropped(practice, now, mailoutbox):
    appointment = book(practice, now)
    reschedule_appointment(appointment, therapist=practice.tess, starts_at=NINE + timedelta(hours=1), by=practice.finn, now=now)

    send_due(now)

    assert [message.subject for message in mailoutbox] == ["Moved: Tuesday 9 March at 10:00"]


def test_nothing_is_sent_before_it_is_due(practice, now, mailoutbox):
    book(practice, now)
    Notification.objects.update(due_at=now + timedelta(minutes=1))

    assert send_due(now) == 0
    assert send_due(now + timedelta(minutes=1)) == 1


def test_a_transaction_that_fails_leaves_no_notice(practice, now):
    with transaction.atomic():
        book(practice, now)
        transaction.set_rollback(True)

    assert not Notification.objects.exists()
    assert not Appointment.objects.exists()


class Refusing:
    """A mail server that answers one address with a code of its own."""

    def __init__(self, code):
        self.code = code
        self.taken = []

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
        if address.startswith("bo@"):
            return f"{self.code} not today"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        self.taken.append(envelope)
        return "250 OK"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def smtp(settings):
    """Start a real SMTP server on the loopback that refuses bo@ with a given code."""
    running = []

    def start(code=250):
        handler = Refusing(code)
        controller = Controller(handler, hostname="127.0.0.1", port=free_port())
        controller.start()
        running.append(controller)
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST = "127.0.0.1"
        settings.EMAIL_PORT = controller.port
        return handler

    yield start
    for controller in running:
        controller.stop()


def test_the_mail_as_a_real_server_receives_it(practice, now, smtp):
    sink = smtp()
    book_series(practice, now)

    assert send_due(now) == 1

    [envelope] = sink.taken
    message = message_from_bytes(envelope.content, policy=policy.default)
    assert envelope.rcpt_tos == ["ada@example.org"]
    assert [each.get_content_type() for each in message.iter_parts()] == ["text/plain", "text/html", "text/calendar"]
    assert message.get_body(("plain",)).get_content().count("9:00–9:30") == 8
    assert "http" not in message.get_body(("html",)).get_content().partition("<body")[2].replace("https://www.w3.org", "")


def test_a_transient_refusal_is_tried_again_later_and_delays_nobody(practice, now, smtp):
    sink = smtp(451)
    book(practice, now, client=practice.bo)
    book(practice, now + timedelta(seconds=1), starts_at=NINE + timedelta(hours=2))

    assert send_due(now + timedelta(minutes=1)) == 1

    assert [envelope.rcpt_tos for envelope in sink.taken] == [["ada@example.org"]]
    notice = Notification.objects.get(client=practice.bo)
    assert notice.state == NotificationState.QUEUED
    assert notice.due_at == now + timedelta(minutes=1) + BACK_OFF[0]
    assert "451" in notice.last_error


def test_a_permanent_refusal_is_not_tried_again(practice, now, smtp):
    smtp(550)
    book(practice, now, client=practice.bo)

    send_due(now)

    notice = Notification.objects.get()
    assert (notice.state, notice.attempts) == (NotificationState.FAILED, 1)
    assert "550" in notice.last_error


def test_it_gives_up_visibly_after_the_last_try(practice, now, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens there
    book(practice, now)
    for tries in range(len(BACK_OFF) + 1):
        assert Notification.objects.get().state == NotificationState.QUEUED, tries
        send_due(now + timedelta(days=tries))

    notice = Notification.objects.get()
    assert notice.state == NotificationState.FAILED
    assert "refused" in notice.last_error.lower()


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_each_notice_exactly_once(practice, now):
    for week in range(6):
        for day in range(2):
            book(practice, now, starts_at=NINE + timedelta(weeks=week, days=day))
    expected = Notification.objects.count()
    barrier = threading.Barrier(2)
    sent = []

    def work():
        barrier.wait()
        sent.append(send_due(now))
        close_old_connections()
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sum(sent) == expected == len(mail.outbox)
    assert len({message.extra_headers["Message-ID"] for message in mail.outbox}) == expected


def test_no_notice_speaks_of_health(practice, now, mailoutbox):
    practice.treatment.areas = ["NECK", "BUTTOCK_HIP"]
    practice.treatment.description = "For sciatica and medicines"
    practice.treatment.save()
    book(practice, now)

    send_due(now)

    [message] = mailoutbox
    whole = message.body + "".join(content for content, _ in message.alternatives)
    for word in ("neck", "buttock", "sciatica", "medicine"):
        assert word not in whole.lower()
