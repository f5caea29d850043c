"""Notices at the desk: what Finn sees, has sent by hand, and what the manager sets."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.urls import reverse

from booking.enums import Channel, NotificationKind, NotificationState
from booking.models import NoticeAct, NoticeRule, Notification, Reach
from booking.notifications.delivery import send_due
from booking.services.changes import cancel_sessions
from tests.booking.conftest import NINE
from tests.factories import NoticeRuleFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

LIST = reverse("admin:booking_notification_changelist")
CLIENTS = reverse("admin:clients_client_changelist")
RULES = reverse("admin:booking_noticerule_changelist")


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def desk(client, practice):
    """Finn, who may look at notices and have them sent, and keeps how clients are reached."""
    seen = ("view_notification", "view_noticeact", "change_notification", "view_client", "change_client")
    may = (*seen, "view_reach", "change_reach", "view_noticerule")
    practice.finn.user_permissions.set(Permission.objects.filter(codename__in=may))
    client.force_login(practice.finn)
    return client


@pytest.fixture
def sent(book, now, mailoutbox):
    book()
    send_due(now)
    return Notification.objects.get()


def text(page):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.content.decode())).split())


def page_of(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def act(desk, action, *notices):
    chosen = {"action": action, "_selected_action": [notice.pk for notice in notices]}
    return text(desk.post(LIST, chosen, follow=True))


def test_the_page_shows_a_notice_word_for_word_and_what_became_of_it(desk, sent):
    Notification.objects.update(answer="250 queued as 7", doubts=1)

    page = desk.get(page_of(sent))

    assert html.escape(sent.body.split("\n")[0]) in page.content.decode()
    seen = text(page)
    assert "250 queued as 7" in seen
    assert "The client may have the message once more than we know." in seen


def test_the_state_is_a_word_with_a_sign(desk, sent):
    assert '<span class="flag ready">sent</span>' in desk.get(LIST).content.decode()


@pytest.mark.parametrize("state", NotificationState.values)
def test_one_filter_lists_what_nobody_can_say_arrived(desk, sent, state, now):
    Notification.objects.update(state=state, lease_until=now)

    listed = "1 notification" in text(desk.get(LIST + "?state=undelivered"))

    assert listed == (state in {"failed", "missed", "unsure"})


def test_after_an_outage_one_filter_lists_what_was_missed_lately(desk, sent, now):
    Notification.objects.update(state=NotificationState.MISSED)
    assert "1 notification" in text(desk.get(LIST + "?state=lately"))

    Notification.objects.update(due_at=now - timedelta(days=8))
    assert "0 notifications" in text(desk.get(LIST + "?state=lately"))


def test_an_action_says_what_it_did_and_what_it_left_and_why(desk, sent, book, practice):
    other = book(client=practice.bo, starts_at=NINE + timedelta(hours=2))
    waiting = Notification.objects.get(appointment=other)

    said = act(desk, "send_again", sent, waiting)

    assert "1 notice leaves in a moment." in said
    assert "1 notice was left as it is: still waiting, or dropped as untrue." in said
    assert NoticeAct.objects.get().by == practice.finn
    assert "sent again" in text(desk.get(page_of(sent)))


def test_a_notice_about_a_session_called_off_is_refused_in_words(desk, sent, practice, now):
    cancel_sessions([sent.appointment], by=practice.finn, now=now)

    assert "1 notice was left as it is: no longer true." in act(desk, "send_again", sent)


def test_who_may_only_look_is_offered_no_sending(desk, sent, practice):
    practice.finn.user_permissions.remove(Permission.objects.get(codename="change_notification"))

    act(desk, "send_again", sent)

    assert not NoticeAct.objects.exists()
    assert "Send again" not in text(desk.get(LIST))


def test_an_address_that_refused_is_flagged_on_the_client_and_found_in_the_list(desk, practice, now):
    Reach.objects.create(client=practice.ada, bounced="ada@example.org", bounced_at=now)

    assert "Mail to ada@example.org is refused" in text(desk.get(page_of(practice.ada)))
    found = text(desk.get(CLIENTS + "?reach=bounced"))
    assert "Ada" in found
    assert "Bo Lindqvist" not in found


def test_an_address_the_client_has_no_more_is_not_flagged(desk, practice, now):
    Reach.objects.create(client=practice.ada, bounced="old@example.org", bounced_at=now)

    assert "is refused" not in text(desk.get(page_of(practice.ada)))
    assert "1 client" not in text(desk.get(CLIENTS + "?reach=bounced"))


@pytest.mark.parametrize("confirmed", [True, False])
def test_the_desk_clears_a_refusal_only_after_the_client_confirmed_the_address(desk, practice, now, confirmed):
    reach = Reach.objects.create(client=practice.ada, bounced="ada@example.org", bounced_at=now)
    ada = practice.ada
    form = {
        "name": ada.name,
        "email": ada.email,
        "phone": ada.phone,
        "user": ada.user_id or "",
        "reach-TOTAL_FORMS": "1",
        "reach-INITIAL_FORMS": "1",
        "reach-0-id": reach.pk,
        "reach-0-client": ada.pk,
        "reach-0-channel": "sms",
        "consents-TOTAL_FORMS": "0",
        "consents-INITIAL_FORMS": "0",
    } | ({"reach-0-works_again": "on"} if confirmed else {})

    answer = desk.post(page_of(ada), form)

    assert answer.status_code == 302, text(answer)
    reach.refresh_from_db()
    assert (reach.channel, reach.bounced) == (Channel.SMS, "" if confirmed else "ada@example.org")


@pytest.fixture
def manager(admin_client):
    return admin_client


def rule_form(rule, **change):
    facts = {"location": rule.location_id, "kind": rule.kind, "lead": "1 00:00:00", "night": "earlier", "channel": "preferred"}
    return facts | change


def test_a_rule_says_in_words_when_it_sends(manager, practice):
    NoticeRuleFactory(location=practice.treatment.location, lead=timedelta(days=3))
    NoticeRuleFactory(location=practice.treatment.location, lead=timedelta(hours=26))
    NoticeRuleFactory(location=practice.treatment.location, kind=NotificationKind.FOLLOW_UP)

    seen = text(manager.get(RULES))

    assert "3 days before the session, at the same clock time: 10:00 → 10:00" in seen
    assert "1 day 2 hours before the session reminder" not in seen
    assert "1 day 2 hours before the session" in seen
    assert "1 day after the session" in seen


def test_switching_a_rule_on_in_the_form_starts_it_now(manager, practice, now):
    rule = NoticeRuleFactory(location=practice.treatment.location, is_on=False)

    assert manager.post(page_of(rule), rule_form(rule, is_on="on")).status_code == 302

    rule.refresh_from_db()
    assert (rule.is_on, rule.since) == (True, now)


@pytest.mark.parametrize("lead", ["0", "31 00:00:00", "1 00:00:30"])
def test_a_time_that_makes_no_sense_is_refused_in_the_form(manager, practice, lead):
    rule = NoticeRuleFactory(location=practice.treatment.location)

    answer = manager.post(page_of(rule), rule_form(rule, is_on="on", lead=lead))

    assert answer.status_code == 200
    assert NoticeRule.objects.get().lead == timedelta(days=1)


def test_who_may_only_look_cannot_set_rules(desk, practice):
    rule = NoticeRuleFactory(location=practice.treatment.location)

    assert desk.post(page_of(rule), rule_form(rule)).status_code == 403
    assert desk.get(reverse("admin:booking_noticerule_add")).status_code == 403
