"""My data over HTTP: correcting, another address, and erasing by a code that goes to the client."""

from __future__ import annotations

import re

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.urls import reverse

from booking.models import Note, NoteView
from booking.services.changes import cancel_sessions
from clients.models import Client, User
from tests.factories import ClientFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

PAGE = "/sessions/my-data/"
CORRECT, ADDRESS, ERASE = f"{PAGE}correct/", f"{PAGE}address/", f"{PAGE}erase/"


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ada(client, practice):
    client.force_login(practice.ada.user)
    return client


def code_in(mail):
    return re.search(r"\b\d{6}\b", mail.body)[0]


def wrong(code):
    return f"{(int(code) + 1) % 1_000_000:06}"


class TestThePage:
    def test_it_is_linked_from_the_sessions_and_leads_everywhere(self, ada, intake):
        assert PAGE in ada.get("/sessions/").content.decode()

        page = ada.get(PAGE).content.decode()

        for name in ("correct", "new_address", "messages", "my_data_copy", "my_data_file", "erase_me"):
            assert reverse(f"booking:{name}") in page, name
        assert reverse("intake:consents") in page
        assert "ada@example.org" in page

    def test_who_read_what_stands_there(self, ada, practice, book, intake, tess, now):
        note = Note.objects.create(appointment=book(), started_at=now)
        NoteView.leave(by=tess, at=now, note=note)

        assert "Read by Tess Oduya: the note of your session on 9 Mar 2027" in ada.get(PAGE).content.decode()

    def test_who_only_opened_a_link_signs_in_first(self, client, practice):
        assert client.get(PAGE)["Location"] == f"/sessions/sign-in/?next={PAGE}"


class TestCorrecting:
    def test_name_and_number_are_kept_and_the_sign_in_is_called_the_same(self, ada, practice):
        answer = ada.post(CORRECT, {"name": "Ada N. Okafor", "phone": "020 7946 0999", "email": "x@example.org", "user": "1"})

        assert answer["Location"] == PAGE
        kept = Client.objects.get(pk=practice.ada.pk)
        assert (kept.name, str(kept.phone), kept.email) == ("Ada N. Okafor", "+442079460999", "ada@example.org")
        assert kept.user.name == "Ada N. Okafor"

    @pytest.mark.parametrize("sent", [{"name": ""}, {"name": "x" * 121}, {"name": "A\x00B"}, {"name": "Ada", "phone": "abc"}])
    def test_what_cannot_be_is_refused_and_nothing_changes(self, ada, practice, sent):
        assert ada.post(CORRECT, sent).status_code == 422

        kept = Client.objects.get(pk=practice.ada.pk)
        assert (kept.name, str(kept.phone)) == ("Ada Okafor", "+442079460018")


class TestAnotherAddress:
    def test_it_counts_once_the_code_that_went_there_is_typed(self, ada, practice, mailoutbox):
        ada.post(ADDRESS, {"email": "Ada.New@example.org"})
        assert [mail.to for mail in mailoutbox] == [["ada.new@example.org"]]
        assert User.objects.filter(email="ada@example.org").exists()

        answer = ada.post(ADDRESS, {"code": code_in(mailoutbox[0])})

        assert answer["Location"] == PAGE
        kept = Client.objects.get(pk=practice.ada.pk)
        assert (kept.email, kept.user.email) == ("ada.new@example.org", "ada.new@example.org")
        assert list(EmailAddress.objects.filter(user=kept.user).values_list("email", "verified")) == [
            ("ada.new@example.org", True)
        ]

    def test_a_wrong_code_changes_nothing_and_five_end_it(self, ada, practice, mailoutbox):
        ada.post(ADDRESS, {"email": "new@example.org"})
        code = code_in(mailoutbox[0])

        for _ in range(5):
            assert ada.post(ADDRESS, {"code": wrong(code)}).status_code == 422
        ada.post(ADDRESS, {"code": code})

        assert Client.objects.get(pk=practice.ada.pk).email == "ada@example.org"

    def test_the_address_of_somebody_else_is_refused_only_after_the_code(self, ada, practice, mailoutbox):
        shown = ada.post(ADDRESS, {"email": "bo@example.org"}, follow=True)
        assert "We sent a six-digit code to <b>bo@example.org</b>" in shown.content.decode()

        answer = ada.post(ADDRESS, {"code": code_in(mailoutbox[0])}, follow=True)

        assert "Somebody else comes to us with this address" in answer.content.decode()
        assert Client.objects.get(pk=practice.ada.pk).email == "ada@example.org"
        assert User.objects.filter(email="bo@example.org").get() == practice.bo.user

    def test_a_code_for_another_purpose_does_not_count(self, ada, practice, mailoutbox):
        ada.post(ADDRESS, {"email": "new@example.org"})

        ada.post(ERASE, {"code": code_in(mailoutbox[0])})

        assert Client.objects.get(pk=practice.ada.pk).user == practice.ada.user


class TestErasing:
    def test_it_needs_the_code_that_went_to_the_client_and_ends_the_sign_in(self, ada, practice, mailoutbox):
        listed = ada.get(ERASE).content.decode()
        assert "This goes" in listed
        assert "This stays, without your name" in listed
        ada.post(ERASE)
        assert [mail.to for mail in mailoutbox] == [["ada@example.org"]]
        assert ada.post(ERASE, {"code": wrong(code_in(mailoutbox[0]))}).status_code == 422
        assert Client.objects.get(pk=practice.ada.pk).user == practice.ada.user

        done = ada.post(ERASE, {"code": code_in(mailoutbox[0])}, follow=True)

        assert "your data is erased" in done.content.decode()
        assert "_auth_user_id" not in ada.session
        assert Client.objects.get(pk=practice.ada.pk).name.startswith("Erased client")
        assert Client.objects.get(pk=practice.bo.pk).name == "Bo Lindqvist"
        assert ada.get(PAGE)["Location"].startswith("/sessions/sign-in/")

    def test_with_a_session_ahead_it_says_what_to_do_first(self, ada, practice, book, mailoutbox, now):
        session = book()

        refused = ada.post(ERASE)

        assert refused.status_code == 409
        assert "Please cancel them first" in refused.content.decode()
        assert mailoutbox == []
        cancel_sessions([session], by=practice.ada.user, now=now)
        assert ada.get(ERASE).status_code == 200

    def test_a_session_booked_after_the_code_was_sent_stops_it(self, ada, practice, book, mailoutbox):
        ada.post(ERASE)
        code = code_in(mailoutbox[0])
        book()

        assert ada.post(ERASE, {"code": code}).status_code == 409

        assert Client.objects.get(pk=practice.ada.pk).user == practice.ada.user

    def test_who_comes_back_with_the_same_address_is_a_new_client(self, ada, practice, mailoutbox):
        ada.post(ERASE)
        ada.post(ERASE, {"code": code_in(mailoutbox[0])})

        again = ClientFactory(user__name="Ada Okafor", user__email="ada@example.org")

        assert again.pk != practice.ada.pk
        ada.force_login(again.user)
        assert str(practice.ada.pk) not in ada.get(f"{PAGE}my-data.json").content.decode()
