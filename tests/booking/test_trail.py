"""The audit is read by those it is for: a client their own part in sentences, and whoever may see it at the desk all of it."""

from __future__ import annotations

import re
from datetime import timedelta

import pgtrigger
import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from booking.models import NOTES_STAY, AuditEntry, Note, NoteView
from booking.services.changes import cancel_sessions
from booking.services.reach import note_called
from booking.views import my_data
from clients.crypto import sealed_for_address
from clients.models import ResponseView
from clients.origin import asked_from
from tests.booking.conftest import NINE, fill_in

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

PAGE = "/sessions/my-data/who/"
LIST = "/desk/booking/auditentry/"
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False):
        yield


def read_by(user, session, at):
    """Somebody reads the note of a session."""
    note = Note.objects.get_or_create(appointment=session, defaults={"started_at": at})[0]
    NoteView.leave(by=user, at=at, note=note)
    return note


class TestWhatAClientReads:
    @pytest.fixture
    def lines(self, client, practice):
        """The lines of Ada's page, the latest first, without their time."""
        client.force_login(practice.ada.user)

        def lines(query=""):
            page = client.get(PAGE + query).content.decode()
            items = re.findall(r"</time>\s*</div>(.*?)</li>", page, re.DOTALL)
            return [" ".join(re.sub(r"<[^>]+>", " ", each).split()) for each in items]

        return lines

    def test_each_change_and_each_reading_is_a_sentence_and_their_own_acts_are_theirs(
        self, lines, book, practice, intake, tess, now
    ):
        with asked_from("192.0.2.7"):
            session = book(by=practice.ada.user)
        sent = fill_in(practice.ada, now)
        with asked_from("198.51.100.9"):
            ResponseView.leave(by=tess, at=now + DAY, response=sent)
            read_by(tess, session, now + 2 * DAY)
        cancel_sessions([session], by=practice.finn, now=now + 3 * DAY, override_reason="Tess is ill")
        of_bo = book(client=practice.bo, by=practice.bo.user)
        read_by(practice.finn, of_bo, now)

        assert lines() == [
            "Your session on Tuesday 9 March, 9:00 Finn Desk cancelled it. Reason: “Tess is ill”.",
            "Tess Oduya read the note of the session on Tuesday 9 March 2027.",
            "Tess Oduya read the answers sent on Monday 1 February 2027.",
            "Your session on Tuesday 9 March, 9:00 You booked it for Tuesday 9 March, 9:00 with Tess Oduya. "
            "From the internet address 192.0.2.7",
        ]

    def test_their_details_changed_by_them_or_at_the_desk_are_told_of(self, lines, client, practice):
        lines()
        client.post(reverse("booking:correct"), {"name": "Ada N. Okafor", "phone": "020 7946 0999"})
        practice.finn.user_permissions.set(Permission.objects.filter(codename__in=["view_client", "change_client"]))
        desk = Browser()
        desk.force_login(practice.finn)
        consents = {f"consents-{name}_FORMS": 0 for name in ("TOTAL", "INITIAL")}
        kept = {"name": "Ada Okafor", "email": "ada@example.org", "phone": "+442079460999", "user": practice.ada.user_id}
        page = reverse("admin:clients_client_change", args=[practice.ada.pk])
        for _twice in range(2):  # the second time nothing changes
            desk.post(page, kept | {"language": ""} | consents)

        assert lines() == [
            "Finn Desk changed your name, number or address.",
            "You changed your name, number or address. From the internet address 127.0.0.1",
        ]

    def test_that_they_were_called_is_told_of(self, lines, practice, now):
        note_called([practice.ada.pk], by=practice.finn, now=now)

        assert lines() == ["Finn Desk noted that you were called."]

    def test_a_reading_is_told_of_when_what_was_read_is_gone(self, lines, book, practice, tess, now):
        note = read_by(tess, book(), now + DAY)
        with pgtrigger.ignore(*NOTES_STAY):
            note.delete()

        assert lines()[0] == "Tess Oduya read a note that is deleted since."

    def test_more_than_a_page_is_on_the_next_one(self, lines, book, practice, monkeypatch, now):
        monkeypatch.setattr(my_data, "DEEDS_ON_A_PAGE", 2)
        for day in range(3):
            book(starts_at=NINE + day * DAY, now=now + day * timedelta(minutes=1))

        assert ["11 March" in line for line in lines()] == [True, False]
        assert len(lines("?page=2")) == 1
        assert lines("?page=nonsense") == lines()

    def test_the_queries_do_not_grow_with_what_happened(self, lines, book, practice, tess, now):
        read_by(tess, book(), now)
        lines()
        with CaptureQueriesContext(connection) as few:
            assert len(lines()) == 2
        for day in (1, 2):
            read_by(tess, book(starts_at=NINE + day * DAY), now)

        with CaptureQueriesContext(connection) as many:
            assert len(lines()) == 6
        assert len(many) == len(few)

    def test_the_page_is_led_to_and_says_when_there_is_nothing(self, client, practice):
        client.force_login(practice.bo.user)

        assert PAGE in client.get(reverse("booking:my_data")).content.decode()
        assert "Your first booking will stand here" in client.get(PAGE).content.decode()


class TestWhatAManagerSearches:
    @pytest.fixture
    def finn(self, client, practice):
        practice.finn.user_permissions.add(Permission.objects.get(codename="view_auditentry"))
        client.force_login(practice.finn)
        return client

    @pytest.fixture
    def rows(self, finn):
        """The rows found at the desk, the latest first: action, client, who, address, reason."""

        def rows(query):
            page = finn.get(LIST + query).content.decode()
            found = re.findall(r"<tr><th.*?</tr>", page, re.DOTALL)
            cells = [re.findall(r'class="field-(\w+)[^"]*">(.*?)</t[dh]>', row, re.DOTALL) for row in found]
            told = [{name: re.sub(r"<[^>]+>", "", cell).strip() for name, cell in row} for row in cells]
            return [tuple(row[name] for name in ("action", "client", "who", "address", "reason")) for row in told]

        return rows

    @pytest.fixture(autouse=True)
    def happened(self, book, practice, tess, intake, now):
        session = book(by=practice.ada.user)
        book(client=practice.bo, starts_at=NINE + DAY, by=practice.bo.user)
        with asked_from("198.51.100.9"):
            ResponseView.leave(by=tess, at=now + DAY, response=fill_in(practice.ada, now))
        cancel_sessions([session], by=practice.finn, now=now + 2 * DAY, override_reason="Tess is ill")

    CANCELLED = ("cancelled", "Ada Okafor", "Finn Desk", "-", "Tess is ill")
    READ = ("read answers", "Ada Okafor", "Tess Oduya", "198.51.100.9", "-")

    def test_by_client_person_reason_action_and_day(self, rows):
        booked = ("booked", "Ada Okafor", "Ada Okafor", "-", "-")

        assert rows(f"?q={sealed_for_address('Okafor')}") == [self.CANCELLED, self.READ, booked]
        assert rows(f"?q={sealed_for_address('Oduya')}") == [self.READ]
        assert rows(f"?q={sealed_for_address('ill')}") == [self.CANCELLED]
        assert rows("?action__exact=read_answers") == [self.READ]
        assert rows("?at__year=2027&at__month=2&at__day=2") == [self.READ]
        assert rows(f"?q={sealed_for_address('nobody')}") == []

    def test_who_it_was_is_said_when_the_account_is_gone(self, rows, practice):
        practice.tess.user.delete()

        assert rows("?action__exact=read_answers")[0][2] == "an account that is gone since"

    def test_without_the_permission_there_is_nothing_and_with_it_nothing_to_change(self, finn, practice):
        entry = AuditEntry.objects.first()
        of_one = (f"{LIST}{entry.pk}/change/", f"{LIST}{entry.pk}/history/")
        assert [finn.get(page).status_code for page in (LIST, *of_one)] == [200, 200, 200]
        for page in (f"{LIST}add/", f"{LIST}{entry.pk}/delete/"):
            assert finn.get(page).status_code == 403
        assert finn.post(of_one[0], {"reason": "other"}).status_code == 403
        finn.post(LIST, {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"})
        assert AuditEntry.objects.filter(pk=entry.pk, reason=entry.reason).exists()

        practice.finn.user_permissions.clear()

        assert [finn.get(page).status_code for page in (LIST, *of_one)] == [403, 403, 403]

    def test_the_queries_do_not_grow_with_the_rows(self, finn, book, tess, practice):
        finn.get(LIST)
        with CaptureQueriesContext(connection) as few:
            finn.get(LIST)
        for day in (2, 3):
            book(starts_at=NINE + day * DAY)

        with CaptureQueriesContext(connection) as many:
            finn.get(LIST)
        assert len(many) == len(few)
