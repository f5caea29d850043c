"""A client says “I'm coming” by one press, wherever the reminder asks for it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from booking.enums import AppointmentStatus, AuditAction, NotificationKind
from booking.exceptions import CannotChange, OnHold
from booking.models import Appointment, AuditEntry
from booking.notifications.delivery import send_due
from booking.notifications.reminders import queue_due
from booking.services.appointments import confirm_coming, set_status
from booking.services.changes import Move, cancel_sessions, move_sessions, undo_change
from tests.booking.conftest import NINE, fill_in
from tests.booking.test_my_sessions import text
from tests.factories import NoticeRuleFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

DAY = timedelta(days=1)
DUE = NINE - DAY  # when the reminder of a session at NINE leaves


@pytest.fixture
def rule(practice):
    return NoticeRuleFactory(location=practice.treatment.location)


def status_of(session: Appointment) -> str:
    session.refresh_from_db()
    return session.status


def on_hold(client, now):
    fill_in(client, now, heart="recent")


class TestImComing:
    def test_a_session_is_confirmed_once_and_it_is_noted_who_said_so(self, book, practice, now):
        session = book()

        for _press in range(2):
            confirm_coming(session, sequence=0, by=practice.ada.user, now=now)

        [entry] = AuditEntry.objects.filter(action=AuditAction.STATUS)
        assert status_of(session) == AppointmentStatus.CONFIRMED
        assert (entry.by, entry.at) == (practice.ada.user, now)
        assert (entry.before["status"], entry.after["status"]) == ("booked", "confirmed")

    @pytest.mark.parametrize("at", [NINE, NINE + DAY], ids=["as it begins", "a day later"])
    def test_not_once_it_has_begun(self, book, at):
        session = book()

        with pytest.raises(CannotChange):
            confirm_coming(session, sequence=0, by=None, now=at)

        assert status_of(session) == AppointmentStatus.BOOKED

    def test_not_when_it_is_gone_or_the_client_is_there(self, book, practice, now):
        gone, there = book(), book(client=practice.bo, starts_at=NINE + timedelta(hours=1))
        cancel_sessions([gone], by=practice.finn, now=now)
        set_status(there, AppointmentStatus.ARRIVED, by=practice.finn, now=now)

        for session in (gone, there):
            with pytest.raises(CannotChange):
                confirm_coming(session, sequence=0, by=None, now=now)

        assert [status_of(gone), status_of(there)] == ["cancelled", "arrived"]

    def test_not_on_hold_and_the_refusal_says_nothing_of_health(self, intake, book, practice, now):
        session = book()
        on_hold(practice.ada, now)

        with pytest.raises(OnHold) as refused:
            confirm_coming(session, sequence=0, by=None, now=now)

        assert status_of(session) == AppointmentStatus.BOOKED
        assert not re.search("hold|clearance|doctor|health|form", str(refused.value))

    def test_a_session_moved_since_is_asked_about_anew_and_undoing_the_move_puts_that_back(self, book, practice, now):
        session = book()
        confirm_coming(session, sequence=0, by=practice.ada.user, now=now)

        to_ten = [Move(session, practice.tess.pk, NINE + timedelta(hours=1))]
        change = move_sessions(to_ten, by=practice.ada.user, now=now, undo_for=timedelta(minutes=3))
        after_the_move = status_of(session)
        undo_change(change, by=practice.ada.user, now=now)

        assert (after_the_move, status_of(session)) == (AppointmentStatus.BOOKED, AppointmentStatus.CONFIRMED)


class TestThePress:
    @pytest.fixture(autouse=True)
    def signed_in_for_long(self, settings):
        settings.SESSION_COOKIE_AGE = 2 * 365 * 24 * 3600

    @pytest.fixture
    def ada(self, client, practice):
        client.force_login(practice.ada.user)
        return client

    def page(self, browser, at, path="/sessions/"):
        with time_machine.travel(at, tick=False):
            return browser.get(path)

    def press(self, browser, session, at=DUE, **read):
        with time_machine.travel(at, tick=False):
            return browser.post(reverse("booking:coming", args=[session.pk]), {"version": 0} | read, follow=True)

    def test_it_confirms_and_says_so(self, ada, book):
        session = book()

        page = self.press(ada, session)

        assert status_of(session) == AppointmentStatus.CONFIRMED
        assert "Thank you. We expect you on Tuesday 9 March at 9:00." in text(page)
        assert "Confirmed" in text(page)
        assert "I’m coming" not in text(page)

    def test_a_second_press_changes_nothing_and_is_no_error(self, ada, book):
        session = book()
        self.press(ada, session)

        assert self.press(ada, session).status_code == 200
        assert AuditEntry.objects.filter(action=AuditAction.STATUS).count() == 1

    @pytest.mark.parametrize(
        ("before", "is_asked"), [(timedelta(days=9, minutes=1), False), (timedelta(days=9), True), (timedelta(minutes=1), True)]
    )
    def test_the_button_is_there_from_a_week_before_and_the_days_that_quiet_hours_move_a_reminder(
        self, ada, book, before, is_asked
    ):
        book()

        assert ("I’m coming" in text(self.page(ada, NINE - before))) is is_asked

    def test_the_button_is_there_when_the_first_reminder_asks(self, ada, book, practice):
        NoticeRuleFactory(location=practice.treatment.location, lead=20 * DAY)
        NoticeRuleFactory(location=practice.treatment.location, lead=28 * DAY, is_on=False)
        NoticeRuleFactory(location=practice.treatment.location, kind=NotificationKind.FORM, lead=29 * DAY)
        book()

        assert "I’m coming" in text(self.page(ada, NINE - 22 * DAY))
        assert "I’m coming" not in text(self.page(ada, NINE - 23 * DAY))

    def test_on_hold_it_is_not_there_and_a_press_from_an_old_page_is_refused_in_words(self, ada, intake, book, practice, now):
        session = book()
        on_hold(practice.ada, now)

        answer = self.press(ada, session)

        assert "I’m coming" not in text(self.page(ada, DUE))
        assert answer.status_code == 409
        assert "Your time stays yours, but something is still needed before it is confirmed." in text(answer)

    def test_of_a_cancelled_session_a_press_is_refused_in_words(self, ada, book, practice, now):
        session = book()
        cancel_sessions([session], by=practice.finn, now=now)

        answer = self.press(ada, session)

        assert answer.status_code == 409
        assert "This session has begun, or is no longer booked." in text(answer)

    @pytest.mark.parametrize("version", ["0", "", "2", "²", "9" * 40])
    def test_from_a_page_that_shows_another_time_than_the_session_has_now_it_is_refused_in_words(
        self, ada, book, practice, now, version
    ):
        session = book()
        move_sessions([Move(session, practice.tess.pk, NINE + timedelta(hours=1))], by=practice.finn, now=now)

        answer = self.press(ada, session, version=version)

        assert answer.status_code == 409
        assert "This session was moved in the meantime." in text(answer)
        assert "10:00–10:30" in text(answer)
        assert 'name="version" value="1"' in answer.content.decode()
        assert status_of(session) == AppointmentStatus.BOOKED
        assert self.press(ada, session, version="1").status_code == 200
        assert status_of(session) == AppointmentStatus.CONFIRMED

    def test_the_link_of_the_reminder_leads_to_the_button_and_opening_it_confirms_nothing(
        self, client, book, rule, practice, now, mailoutbox
    ):
        session = book()
        other = book(client=practice.bo, starts_at=NINE + timedelta(hours=1))
        queue_due(DUE)
        send_due(DUE)
        reminder = next(mail for mail in mailoutbox if mail.subject == "Reminder: Tuesday 9 March at 9:00")
        link = re.search(r"https?://[^/]+(/l/\S+)", reminder.body)[1]
        assert "Please tell us that you are coming, or move or cancel:" in reminder.body

        opened = self.page(client, DUE, link)
        page = self.page(client, DUE)

        assert opened["Location"] == f"/sessions/#session-{session.pk}"
        assert f'id="session-{session.pk}"' in page.content.decode()
        assert "I’m coming" in text(page)
        assert status_of(session) == AppointmentStatus.BOOKED
        assert self.press(client, other).status_code == 404
        assert self.press(client, session).status_code == 200
        assert [status_of(session), status_of(other)] == ["confirmed", "booked"]

    def test_the_therapist_reads_it_in_words(self, client, book, tess):
        confirm_coming(book(), sequence=0, by=None, now=DUE)
        client.force_login(tess)

        assert "· confirmed" in text(self.page(client, DUE, "/therapist/"))

    def test_who_is_confirmed_or_on_hold_is_not_asked_by_the_reminder(self, intake, book, rule, practice, now, mailoutbox):
        confirm_coming(book(), sequence=0, by=None, now=now)
        book(client=practice.bo, therapist=practice.jonas)
        on_hold(practice.bo, now)
        queue_due(DUE)
        send_due(DUE)

        ada, bo = sorted((mail for mail in mailoutbox if "Reminder" in mail.subject), key=lambda mail: mail.to)
        assert "It is noted that you are coming. Something changed? Move or cancel:" in ada.body
        for mail in (ada, bo):
            assert "tell us that you are coming" not in mail.body
            assert "I’m coming" not in mail.alternatives[0][0]
        assert "noted" not in bo.body
