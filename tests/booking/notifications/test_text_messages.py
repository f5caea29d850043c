"""A text message stays within the alphabet that telephones count by, and within one segment where the names allow it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.core.checks import run_checks

from booking.enums import AppointmentStatus, Channel, Fit, NotificationKind
from booking.models import Link, Notification, Reach, Repair
from booking.notifications.gsm7 import is_short, segments
from booking.notifications.render import written
from booking.services.appointments import set_status
from booking.services.changes import Move, cancel_sessions, move_sessions
from booking.services.waitlist import offer_by_hand, wish
from tests.booking.conftest import NINE

pytestmark = [pytest.mark.integration, pytest.mark.django_db, pytest.mark.usefixtures("intake")]

NUMBER = "+442079460018"


@pytest.fixture(autouse=True)
def texting(settings, practice):
    settings.SMS_URL, settings.SMS_SECRET, settings.SITE_URL = "console:", "secret", "https://booking.example.org"
    Reach.objects.create(client=practice.ada, channel=Channel.SMS)


def about(kind, now, practice, **what):
    made = Notification.objects.create(
        kind=kind, client=practice.ada, channel=Channel.SMS, recipient=NUMBER, created_at=now, due_at=now, **what
    )
    return Notification.objects.get(pk=made.pk)


def notice_of(kind, practice, book, now):
    """A notice of this kind, as it stands in the outbox, and when it leaves."""
    if kind == NotificationKind.OFFER:
        days = {"earliest_on": NINE.date(), "latest_on": NINE.date()}
        waiting = wish(client=practice.ada, treatment=practice.treatment, by=None, now=now, **days)
        offer_by_hand(waiting, therapist=practice.tess, starts_at=NINE, by=practice.finn, now=now)
        return Notification.objects.get(kind=kind), now
    session = book()
    if kind == NotificationKind.CHANGED:
        move_sessions([Move(session, practice.tess.pk, NINE + timedelta(hours=7))], by=practice.finn, now=now)
    elif kind == NotificationKind.CANCELLED:
        cancel_sessions([session], by=practice.finn, now=now)
    elif kind == NotificationKind.REPAIR:
        repair = Repair.objects.create(client=practice.ada, cause="leave", made_at=now, expires_at=now + timedelta(days=1))
        repair.replacements.create(appointment=session, sequence=0, fit=Fit.NONE)
        return about(kind, now, practice, repair=repair), now
    elif kind == NotificationKind.FOLLOW_UP:
        for status in (AppointmentStatus.ARRIVED, AppointmentStatus.DONE):
            set_status(session, status, by=practice.finn, now=NINE)
        return about(kind, now, practice, appointment=session), NINE + timedelta(hours=1)
    elif kind != NotificationKind.CONFIRMATION:
        return about(kind, now, practice, appointment=session), now
    return Notification.objects.get(kind=kind), now


def texted(kind, practice, book, now):
    notice, leaves_at = notice_of(kind, practice, book, now)
    message = written(notice, leaves_at)
    assert message is not None
    assert message.sms is not None
    return message.sms.text


TO_CLIENTS = (
    NotificationKind.CONFIRMATION,
    NotificationKind.CHANGED,
    NotificationKind.CANCELLED,
    NotificationKind.OFFER,
    NotificationKind.REPAIR,
    NotificationKind.REMINDER,
    NotificationKind.FORM,
    NotificationKind.SERIES_ENDING,
    NotificationKind.FOLLOW_UP,
    NotificationKind.CLEARED,
)


@pytest.mark.parametrize("kind", TO_CLIENTS)
def test_one_segment_tells_all_of_it_where_names_are_not_long(kind, practice, book, now):
    text = texted(kind, practice, book, now)

    assert text.startswith("Linden Street Practice: ")
    assert (segments(text), is_short(text), "\n" in text) == (1, True, False), (len(text), text)


@pytest.mark.parametrize("kind", TO_CLIENTS)
def test_long_names_take_two_and_stay_in_the_short_alphabet(kind, practice, book, now):
    location = practice.treatment.location
    location.name = "Zentrum für Triggerpunkt-Behandlungen “Łódź” – Lindenstraße"
    location.save()
    practice.tess.name = "Maximiliane-Ștefania Oduya-Wyczółkowska"
    practice.tess.save()

    text = texted(kind, practice, book, now)

    assert text.startswith('Zentrum für Triggerpunkt-Behandlungen "Lodz" - Lindenstraße: ')
    assert (segments(text) <= 2, is_short(text)) == (True, True), (len(text), text)


def test_a_reminder_says_how_to_answer(practice, book, now):
    text = re.sub(r"/l/[\w-]{22}/", "/l/…/", texted(NotificationKind.REMINDER, practice, book, now))

    assert text == (
        "Linden Street Practice: Tue 9 Mar, 9:00 with Tess. Reply YES if you come, STOP to end texts. "
        "Change: https://booking.example.org/l/…/"
    )


def test_it_asks_for_no_answer_where_none_can_come_in(practice, book, now, settings):
    settings.SMS_SECRET = ""

    text = texted(NotificationKind.REMINDER, practice, book, now)

    assert "Linden Street Practice: Tue 9 Mar, 9:00 with Tess. Change: https://" in text


def test_nor_from_somebody_who_said_that_they_come(practice, book, now):
    session = book()
    set_status(session, AppointmentStatus.CONFIRMED, by=practice.finn, now=now)

    text = written(about(NotificationKind.REMINDER, now, practice, appointment=session), now).sms.text

    assert "YES" not in text
    assert "Reply STOP to end texts." in text


def test_its_link_is_short_and_opens_the_session(client, practice, book, now):
    session = book()
    message = written(about(NotificationKind.REMINDER, now, practice, appointment=session), now)
    Link.objects.give_out([message.link])
    text = message.sms.text

    with time_machine.travel(now):
        opened = client.get(re.search(r"(/l/[\w-]{22}/)", text)[1])

    assert opened["Location"] == f"/sessions/#session-{session.pk}"


@pytest.mark.parametrize(
    ("url", "secret", "problems"),
    [
        ("", "", []),
        ("console:", "", []),
        ("https://texts.example/send", "a secret", []),
        ("https://texts.example/send", "", ["unknot.E006"]),
        ("http://texts.example/send", "a secret", ["unknot.E005"]),
        ("texts.example", "a secret", ["unknot.E005"]),
    ],
)
def test_settings_by_which_no_text_message_would_leave_are_refused_at_start(settings, url, secret, problems):
    settings.SMS_URL, settings.SMS_SECRET = url, secret

    assert [found.id for found in run_checks() if found.id.startswith("unknot.")] == problems
