"""What comes back for text messages: yes, STOP and START, words for a person only, and the carrier's reports."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import Any, ClassVar
from uuid import uuid4

import pytest
import time_machine
from django.conf import settings
from django.core import serializers
from django.test import Client as Browser

from booking.enums import AppointmentStatus, AuditAction, Channel, NotificationKind, NotificationState, TextMeaning
from booking.models import Appointment, AuditEntry, Notification, Reach, TextAnswer
from booking.notifications.channels import Way, ways_to
from booking.notifications.delivery import LEASE, send_due
from booking.notifications.reminders import queue_due
from booking.notifications.replies import meaning_of
from booking.notifications.sms import FRESH, SIGNATURE, is_signed, sign
from booking.services.changes import Move, move_sessions
from tests.booking.conftest import NINE, fill_in
from tests.booking.test_my_sessions import text
from tests.factories import NoticeRuleFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

DAY = timedelta(days=1)
DUE = NINE - DAY  # when the reminder of a session at NINE leaves
SECRET = "what the carrier and the practice know"  # pragma: allowlist secret
NUMBER = "+442079460018"
SENT_BY_THEM = iter(range(1, 10_000))


@pytest.fixture(autouse=True)
def texting(settings, tmp_path):
    """Text messages go to a folder, and what comes back is signed."""
    settings.SMS_URL, settings.SMS_SECRET = f"file:{tmp_path}", SECRET
    return tmp_path


@pytest.fixture
def rule(practice):
    return NoticeRuleFactory(location=practice.treatment.location)


def prefers_texts(*clients):
    for client in clients:
        Reach.objects.create(client=client, channel=Channel.SMS)


@pytest.fixture
def reminded(book, rule, practice, now):
    """Ada, who prefers text messages, was reminded of her session a day before it."""
    prefers_texts(practice.ada)
    session = book()
    send_due(now)
    queue_due(DUE)
    send_due(DUE)
    return session


def post(path: str, body: Any, at: datetime = DUE, *, secret: str = SECRET, signed_at: datetime | None = None):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with time_machine.travel(at, tick=False):
        signature = {SIGNATURE: sign(raw, secret, signed_at or at)}
        return Browser(enforce_csrf_checks=True).post(path, raw, content_type="application/json", headers=signature)


def says(words: str, *, number: str = NUMBER, id: str = "", at: datetime = DUE):
    return post("/hooks/sms/", {"id": id or f"SM{next(SENT_BY_THEM)}", "from": number, "text": words}, at)


def reported(notice: Notification, status: str, at: datetime = DUE, **more: str):
    return post("/hooks/sms/reports/", {"id": str(notice.pk), "status": status} | more, at)


def status_of(session: Appointment) -> str:
    session.refresh_from_db()
    return session.status


def on_hold(client, now):
    fill_in(client, now, heart="recent")


def everything_stored() -> str:
    """All that this app keeps, as text."""
    rows = [*TextAnswer.objects.all(), *Notification.objects.all(), *AuditEntry.objects.all(), *Reach.objects.all()]
    return serializers.serialize("json", rows)


class TestWords:
    @pytest.mark.parametrize(
        "said", ["yes", "Yes.", " YES \n", "I’m coming!", "ok", "Sí", "Oui", "d’accord", "JA", "👍", "👍🏽", "confirm"]
    )
    def test_that_say_yes(self, said):
        assert meaning_of(said) == TextMeaning.COMING

    @pytest.mark.parametrize("said", ["stop", "STOP ALL", "Unsubscribe", "END", "quit.", "Cancel", "ARRÊT"])
    def test_that_stop(self, said):
        assert meaning_of(said) == TextMeaning.STOP

    def test_that_start_again(self):
        assert {meaning_of("START"), meaning_of("unstop")} == {TextMeaning.START}

    @pytest.mark.parametrize(
        "said", ["", "no", "yes but can I come at 10?", "please cancel my session", "don't stop", "yes?no", "\ud800", "…"]
    )
    def test_that_only_a_person_understands(self, said):
        assert meaning_of(said) == TextMeaning.OTHER


class TestAnswers:
    def test_yes_confirms_what_the_reminder_was_about(self, reminded, book, practice):
        later = book(starts_at=NINE + 7 * DAY)

        answer = says("Yes")

        assert (answer.status_code, answer.json()) == (200, {"understood": "coming"})
        assert [status_of(reminded), status_of(later)] == ["confirmed", "booked"]
        entry = AuditEntry.objects.get(action=AuditAction.STATUS)
        assert (entry.by, entry.reason) == (None, "By text message")

    def test_yes_answers_the_last_reminder_and_not_the_one_before(self, reminded, book, now):
        second = book(starts_at=NINE + DAY)
        queue_due(DUE + DAY - timedelta(minutes=1))
        says("yes", at=DUE + timedelta(hours=1))
        assert [status_of(reminded), status_of(second)] == ["confirmed", "booked"]

        send_due(DUE + DAY)
        queue_due(DUE + DAY)
        send_due(DUE + DAY)
        says("yes", at=DUE + DAY)

        assert status_of(second) == AppointmentStatus.CONFIRMED

    def test_one_number_of_two_people_answers_for_both_that_were_reminded_together(self, book, rule, practice, now):
        prefers_texts(practice.ada, practice.bo)
        both = [book(), book(client=practice.bo, therapist=practice.jonas)]
        not_reminded = book(client=practice.bo, starts_at=NINE + 2 * DAY)
        queue_due(DUE)
        send_due(DUE)

        says("yes")

        assert [status_of(each) for each in both] == ["confirmed", "confirmed"]
        assert status_of(not_reminded) == AppointmentStatus.BOOKED

    def test_yes_from_another_number_confirms_nothing(self, reminded):
        assert says("yes", number="+442079460019").status_code == 200

        assert status_of(reminded) == AppointmentStatus.BOOKED

    def test_yes_from_a_number_that_is_no_longer_the_clients_confirms_nothing(self, reminded, practice):
        practice.ada.phone = "+442079460044"
        practice.ada.save()

        says("yes")

        assert status_of(reminded) == AppointmentStatus.BOOKED

    def test_yes_to_a_time_that_was_moved_since_confirms_nothing(self, reminded, practice):
        move_sessions([Move(reminded, practice.tess.pk, NINE + timedelta(hours=1))], by=practice.finn, now=DUE)

        says("yes")

        assert status_of(reminded) == AppointmentStatus.BOOKED

    @pytest.mark.usefixtures("intake")
    def test_yes_to_a_session_on_hold_confirms_nothing(self, reminded, practice):
        on_hold(practice.ada, DUE)

        assert says("yes").status_code == 200
        assert status_of(reminded) == AppointmentStatus.BOOKED

    def test_yes_after_the_start_confirms_nothing(self, reminded):
        says("yes", at=NINE)

        assert status_of(reminded) == AppointmentStatus.BOOKED

    def test_the_same_message_twice_does_nothing_more(self, reminded, practice):
        says("STOP", id="SM-one")
        says("START")

        assert says("STOP", id="SM-one").json() == {"understood": "stop"}

        practice.ada.reach.refresh_from_db()
        assert practice.ada.reach.stopped == ""
        assert TextAnswer.objects.count() == 2

    @pytest.mark.parametrize("word", ["STOP", "CANCEL"])
    def test_stop_ends_text_messages_to_everybody_with_that_number_and_cancels_no_session(self, reminded, practice, word):
        says(word)

        for client in (practice.ada, practice.bo):
            assert (Reach.objects.get(client=client).stopped, Reach.objects.get(client=client).stopped_at) == (NUMBER, DUE)
        assert status_of(reminded) == AppointmentStatus.BOOKED

    def test_start_puts_everything_as_it_was(self, reminded, practice):
        says("stop")
        practice.ada.reach.refresh_from_db()
        assert ways_to(practice.ada) == [Way(Channel.EMAIL, "ada@example.org")]

        says("start")

        practice.ada.reach.refresh_from_db()
        assert ways_to(practice.ada)[0] == Way(Channel.SMS, NUMBER)

    def test_what_nobody_can_read_by_rule_is_counted_and_kept_nowhere(self, reminded, caplog):
        words = "I have taken Eliquis since Monday"

        answer = says(words)

        assert (answer.status_code, answer.json()) == (200, {"understood": "other"})
        assert TextAnswer.objects.filter(meaning=TextMeaning.OTHER).count() == 1
        assert "Eliquis" not in everything_stored() + caplog.text
        assert status_of(reminded) == AppointmentStatus.BOOKED

    def test_an_unknown_number_is_taken_like_any_other(self, practice):
        assert says("stop", number="+15005550006").json() == {"understood": "stop"}
        assert not Reach.objects.exists()


class TestAfterStop:
    def test_what_waited_for_the_number_goes_by_mail_instead(self, book, practice, now, mailoutbox, texting):
        prefers_texts(practice.ada)
        book()
        assert Notification.objects.get().channel == Channel.SMS

        says("stop", at=now)
        send_due(now)

        notice = Notification.objects.get()
        assert (notice.state, notice.channel, notice.recipient) == ("sent", "email", "ada@example.org")
        assert [mail.to for mail in mailoutbox] == [["ada@example.org"]]
        assert list(texting.iterdir()) == []

    def test_a_client_without_an_address_is_shown_to_the_desk(self, book, practice, now, texting):
        practice.ada.email = ""
        practice.ada.save()
        book()

        says("stop", at=now)
        send_due(now)

        notice = Notification.objects.get()
        assert (notice.state, notice.last_error) == (NotificationState.FAILED, "There is no way left to reach this client.")
        assert list(texting.iterdir()) == []

    def test_what_is_due_later_goes_by_mail(self, reminded, book, mailoutbox):
        says("stop")
        book(starts_at=NINE + DAY)
        queue_due(DUE + DAY)

        send_due(DUE + DAY)

        assert mailoutbox[-1].subject == "Reminder: Wednesday 10 March at 9:00"

    def test_the_client_reads_why_no_text_message_can_be_chosen(self, client, reminded, practice):
        client.force_login(practice.ada.user)
        assert "By text message" in text(client.get("/sessions/messages/"))

        says("stop")

        page = text(client.get("/sessions/messages/"))
        assert "By text message" not in page
        assert "answer any of them with START" in page


class Carrier(BaseHTTPRequestHandler):
    """Answers every message with ``status``, and keeps whether it was signed."""

    status = 200
    signed: ClassVar[list[bool]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.signed.append(is_signed(body, SECRET, self.headers[SIGNATURE], datetime.now(UTC)))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        pass


class TestRefusals:
    @pytest.fixture
    def carrier(self, settings):
        class Answering(Carrier):
            signed: ClassVar[list[bool]] = []

        with HTTPServer(("127.0.0.1", 0), Answering) as server:
            settings.SMS_URL = f"http://127.0.0.1:{server.server_port}/send"
            thread = Thread(target=server.serve_forever)
            thread.start()
            yield Answering
            server.shutdown()
            thread.join()

    @pytest.mark.parametrize(
        ("status", "state", "unreached"),
        [(202, "sent", ""), (410, "failed", NUMBER), (422, "failed", ""), (503, "queued", ""), (429, "queued", "")],
    )
    def test_only_the_one_about_the_number_says_that_it_does_not_work(
        self, book, practice, now, carrier, status, state, unreached
    ):
        prefers_texts(practice.ada)
        carrier.status = status
        book()

        send_due(now)

        assert Notification.objects.get().state == state
        assert Reach.objects.get(client=practice.ada).unreached == unreached
        assert carrier.signed == [True]


class TestReports:
    @pytest.fixture
    def notice(self, reminded):
        return Notification.objects.get(kind=NotificationKind.REMINDER)

    def test_what_arrived_is_noted_once(self, notice):
        later = DUE + timedelta(minutes=1)

        assert reported(notice, "delivered", later).status_code == 200
        assert reported(notice, "delivered", later + timedelta(minutes=1)).status_code == 200

        notice.refresh_from_db()
        assert (notice.state, notice.sent_at, notice.delivered_at) == (NotificationState.SENT, DUE, later)

    def test_what_failed_is_shown_with_the_reason_and_the_next_goes_by_mail(self, notice, practice):
        reported(notice, "failed", reason="30003 Unreachable\x00\n handset")

        notice.refresh_from_db()
        practice.ada.reach.refresh_from_db()
        assert (notice.state, notice.last_error) == (NotificationState.FAILED, "30003 Unreachable handset")
        assert practice.ada.reach.unreached == NUMBER
        assert ways_to(practice.ada) == [Way(Channel.EMAIL, "ada@example.org")]

    def test_a_number_that_failed_is_tried_again_where_there_is_no_other_way(self, notice, practice):
        reported(notice, "failed")
        practice.ada.reach.refresh_from_db()

        practice.ada.email = ""

        assert ways_to(practice.ada) == [Way(Channel.SMS, NUMBER)]

    def test_a_word_from_that_number_shows_that_it_works(self, notice, practice):
        reported(notice, "failed")
        says("hello?")
        practice.ada.reach.refresh_from_db()

        assert ways_to(practice.ada)[0] == Way(Channel.SMS, NUMBER)

    @pytest.mark.parametrize(("first", "then", "state"), [("failed", "delivered", "failed"), ("delivered", "failed", "sent")])
    def test_the_first_word_stands(self, notice, practice, first, then, state):
        reported(notice, first)
        reported(notice, then)

        notice.refresh_from_db()
        assert notice.state == state
        assert (notice.delivered_at is None) is (state == "failed")
        assert bool(Reach.objects.get(client=practice.ada).unreached) is (state == "failed")

    def test_it_settles_a_doubt(self, notice):
        for doubtful in ({"state": NotificationState.UNSURE}, {"state": NotificationState.QUEUED, "doubts": 1}):
            Notification.objects.filter(pk=notice.pk).update(**{"sent_at": None, "delivered_at": None} | doubtful)

            reported(notice, "delivered")

            notice.refresh_from_db()
            assert (notice.state, notice.sent_at) == (NotificationState.SENT, DUE)

    def test_one_that_comes_before_we_noted_the_sending_is_asked_for_again(self, notice):
        Notification.objects.filter(pk=notice.pk).update(state=NotificationState.SENDING, lease_until=DUE + LEASE)

        answer = reported(notice, "failed")

        notice.refresh_from_db()
        assert (answer.status_code, answer["Retry-After"]) == (503, "60")
        assert notice.state == NotificationState.SENDING

    @pytest.mark.parametrize("state", ["queued", "dropped", "missed", "failed"])
    @pytest.mark.parametrize("status", ["delivered", "failed"])
    def test_what_was_not_sent_stays_as_it_is(self, notice, state, status):
        Notification.objects.filter(pk=notice.pk).update(state=state, last_error="as it was")

        assert reported(notice, status).status_code == 200

        notice.refresh_from_db()
        assert (notice.state, notice.last_error, notice.delivered_at) == (state, "as it was", None)

    def test_a_mail_stays_as_it_is(self, book, practice, now):
        book(client=practice.bo)
        send_due(now)
        mail = Notification.objects.get()

        assert reported(mail, "failed").status_code == 200

        mail.refresh_from_db()
        assert mail.state == NotificationState.SENT

    def test_one_that_is_not_ours_is_taken(self, notice):
        assert reported(SimpleNamespace(pk=uuid4()), "failed").status_code == 200
        notice.refresh_from_db()
        assert notice.state == NotificationState.SENT


class TestTheSignature:
    REPLY = {"id": "SM1", "from": NUMBER, "text": "stop"}

    @pytest.mark.parametrize("path", ["/hooks/sms/", "/hooks/sms/reports/"])
    def test_without_one_nothing_is_taken(self, practice, path):
        answer = Browser().post(path, json.dumps(self.REPLY), content_type="application/json")

        assert (answer.status_code, list(answer.json())) == (403, ["problem"])
        assert not TextAnswer.objects.exists()

    def test_one_by_somebody_else_is_refused(self, practice):
        assert post("/hooks/sms/", self.REPLY, secret="guessed").status_code == 403  # pragma: allowlist secret

    def test_the_example_for_whoever_writes_the_other_side_is_right(self):
        readme = (settings.BASE_DIR / "README.md").read_text()
        stamp, body, secret = re.search(r"printf %s '(\d+)\.(.+)' \| openssl dgst -sha256 -hmac (\w+)", readme).groups()
        at = datetime.fromtimestamp(int(stamp), UTC)

        _time, _comma, digest = sign(body.encode(), secret, at).partition(",v1=")

        assert f"# {digest}\n" in readme
        assert meaning_of(json.loads(body)["text"]) == TextMeaning.COMING

    def test_a_recorded_one_is_of_no_use_later(self, practice):
        assert post("/hooks/sms/", self.REPLY, signed_at=DUE - FRESH).status_code == 200
        assert post("/hooks/sms/", self.REPLY, signed_at=DUE - FRESH - timedelta(seconds=1)).status_code == 403

    def test_where_no_secret_is_set_nobody_can_sign(self, practice, settings):
        settings.SMS_SECRET = ""

        assert post("/hooks/sms/", self.REPLY, secret="").status_code == 403

    @pytest.mark.parametrize(
        ("body", "about"),
        [
            (b"", "JSON"),
            (b"\xff", "JSON"),
            (b"[" * 100_000, "JSON"),
            ([], "JSON"),
            ({"id": "SM1", "text": "yes"}, "from"),
            ({"id": "SM1", "from": 442079460018, "text": "yes"}, "from"),
            ({"id": "SM1", "from": "020 7946 0018", "text": "yes"}, "from"),
            ({"id": "SM1", "from": NUMBER}, "text"),
            ({"id": "", "from": NUMBER, "text": "yes"}, "id"),
            ({"id": "SM\x00", "from": NUMBER, "text": "yes"}, "id"),
            ({"id": "x" * 101, "from": NUMBER, "text": "yes"}, "id"),
        ],
    )
    def test_what_cannot_be_read_is_refused_with_the_reason(self, practice, body, about):
        answer = post("/hooks/sms/", body)

        assert answer.status_code == 400
        assert about in answer.json()["problem"]
        assert not TextAnswer.objects.exists()

    @pytest.mark.parametrize(
        ("body", "about"),
        [
            ({"id": "42", "status": "failed"}, "id"),
            ({"id": str(uuid4())}, "status"),
            ({"id": str(uuid4()), "status": "read"}, "status"),
            ({"id": str(uuid4()), "status": "failed", "reason": ["x"]}, "reason"),
        ],
    )
    def test_so_is_a_report_that_cannot_be_read(self, practice, body, about):
        answer = post("/hooks/sms/reports/", body)

        assert (answer.status_code, about in answer.json()["problem"]) == (400, True)
