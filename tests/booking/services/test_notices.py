"""What the desk does about notices never gets round the rules of what may be sent."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.core.management import call_command

from booking.enums import Channel, NotificationKind, NotificationState
from booking.models import NoticeAct, NoticeRule, Notification, Reach
from booking.notifications.delivery import send_due
from booking.notifications.reminders import queue_due
from booking.services.changes import cancel_sessions
from booking.services.notices import LeftAlone, send_again, send_now, set_rule
from booking.services.retention import Purged, purge_copies
from tests.booking.conftest import NINE
from tests.factories import NoticeRuleFactory

pytestmark = pytest.mark.integration

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def confirmation(book, now, mailoutbox):
    """A confirmation that was sent."""
    book()
    send_due(now)
    return Notification.objects.get()


def remind(practice, book, at):
    NoticeRuleFactory(location=practice.treatment.location)
    book()
    Notification.objects.all().delete()
    queue_due(at)
    return Notification.objects.get()


def test_a_sent_notice_leaves_again_once_as_a_new_message_and_what_was_sent_is_kept(confirmation, practice, now, mailoutbox):
    said = confirmation.body

    acted = send_again([confirmation.pk], by=practice.finn, now=now + DAY)
    send_due(now + DAY)
    send_due(now + DAY + MINUTE)

    assert (acted.done, dict(acted.left)) == (1, {})
    first, again = (message.extra_headers["Message-ID"] for message in mailoutbox)
    assert first != again
    act = NoticeAct.objects.get()
    assert (act.by, act.at, act.before["state"], act.before["body"]) == (practice.finn, now + DAY, "sent", said)


def test_an_automatic_try_of_a_copy_keeps_its_message_id(confirmation, practice, now):
    send_again([confirmation.pk], by=practice.finn, now=now)
    confirmation.refresh_from_db()
    copy = confirmation.identity
    confirmation.attempts += 1

    assert copy == confirmation.identity != confirmation.pk


def test_a_notice_about_a_session_called_off_is_not_sent_again(confirmation, practice, now):
    cancel_sessions([confirmation.appointment], by=practice.finn, now=now)

    acted = send_again([confirmation.pk], by=practice.finn, now=now)

    assert (acted.done, dict(acted.left)) == (0, {LeftAlone.UNTRUE: 1})
    confirmation.refresh_from_db()
    assert confirmation.state == NotificationState.SENT
    assert not NoticeAct.objects.exists()


def test_a_reminder_is_not_sent_again_once_its_session_has_begun(book, practice):
    reminder = remind(practice, book, NINE - DAY)
    Notification.objects.update(state=NotificationState.FAILED)

    assert send_again([reminder.pk], by=practice.finn, now=NINE).left == {LeftAlone.TOO_LATE: 1}
    assert send_again([reminder.pk], by=practice.finn, now=NINE - MINUTE).done == 1


def test_what_still_waits_is_not_queued_once_more(book, practice, now):
    book()

    acted = send_again([Notification.objects.get().pk], by=practice.finn, now=now)

    assert acted.left == {LeftAlone.NOT_OVER: 1}


def test_a_copy_goes_to_the_address_the_client_has_now(confirmation, practice, now, mailoutbox):
    practice.ada.email = "new@example.org"
    practice.ada.save()
    confirmation.refresh_from_db()

    send_again([confirmation.pk], by=practice.finn, now=now)
    send_due(now)

    assert [message.to for message in mailoutbox] == [["ada@example.org"], ["new@example.org"]]


def test_nothing_is_sent_again_to_an_address_that_refused(confirmation, practice, now):
    Reach.objects.create(client=practice.ada, channel=Channel.EMAIL, bounced=practice.ada.email, bounced_at=now)

    assert send_again([confirmation.pk], by=practice.finn, now=now).left == {LeftAlone.OUT_OF_REACH: 1}


def test_asked_for_by_a_person_a_waiting_notice_leaves_in_quiet_hours(book, practice, mailoutbox):
    reminder = remind(practice, book, NINE - DAY)
    night = NINE - timedelta(hours=4)
    assert send_due(night) == 0

    assert send_now([reminder.pk], by=practice.finn, now=night).done == 1

    assert send_due(night) == 1
    assert NoticeAct.objects.get().action == "send_now"


def test_send_now_does_not_wake_what_is_untrue_or_was_sent(confirmation, practice, now):
    assert send_now([confirmation.pk], by=practice.finn, now=now).left == {LeftAlone.NOT_WAITING: 1}
    send_again([confirmation.pk], by=practice.finn, now=now)
    cancel_sessions([confirmation.appointment], by=practice.finn, now=now)

    assert send_now([confirmation.pk], by=practice.finn, now=now).left == {LeftAlone.UNTRUE: 1}


@pytest.mark.parametrize("change", [{"is_on": True}, {"lead": 2 * DAY}])
def test_a_rule_switched_on_or_moved_does_not_send_what_was_due_before(book, practice, change):
    was = {"is_on": False, "lead": 2 * DAY} if "is_on" in change else {"lead": 3 * MINUTE}
    rule = NoticeRuleFactory(location=practice.treatment.location, **was)
    book()
    for name, value in change.items():
        setattr(rule, name, value)

    set_rule(rule, now=NINE - DAY)

    assert queue_due(NINE - DAY + MINUTE) == 0
    NoticeRule.objects.update(since=NINE - 30 * DAY)
    assert queue_due(NINE - DAY + MINUTE) == 1  # it is the date that holds it back


def test_another_channel_does_not_start_a_rule_anew(practice):
    rule = NoticeRuleFactory(location=practice.treatment.location)
    since = rule.since
    rule.channel = "other"

    set_rule(rule, now=NINE)

    assert NoticeRule.objects.get().since == since


def test_copies_are_emptied_when_their_practice_keeps_them_no_longer(confirmation, practice, now):
    send_again([confirmation.pk], by=practice.finn, now=now)
    send_due(now)
    last = now + practice.treatment.location.keeps_notices

    assert purge_copies(now=last) == Purged(0, 0)
    assert purge_copies(now=last + MINUTE, dry_run=True) == Purged(1, 1)
    assert Notification.objects.get().body

    assert purge_copies(now=last + MINUTE) == Purged(1, 1)
    assert purge_copies(now=last + MINUTE) == Purged(0, 0)
    notice = Notification.objects.get()
    assert (notice.subject, notice.body, notice.answer) == ("", "", "")
    assert (notice.recipient, notice.state, notice.kind) == ("ada@example.org", "sent", NotificationKind.CONFIRMATION)
    assert "body" not in NoticeAct.objects.get().before


def test_the_practice_says_how_long_and_what_is_still_to_be_sent_stays(confirmation, practice, now):
    location = practice.treatment.location
    location.keeps_notices = DAY
    location.save()

    assert purge_copies(now=now + 2 * DAY, dry_run=True) == Purged(1, 0)
    Notification.objects.update(state=NotificationState.QUEUED)
    assert purge_copies(now=now + 2 * DAY, dry_run=True) == Purged(0, 0)


def test_the_command_only_counts_when_told_so(confirmation, capsys, now):
    with time_machine.travel(now):
        call_command("purge_notices", dry_run=True)

    assert capsys.readouterr().out == "0 copies of notices and 0 earlier ones would be emptied.\n"
