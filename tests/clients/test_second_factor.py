"""Whoever works here needs a second factor before any page; clients need none."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from threading import Barrier, Thread
from urllib.parse import quote

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.contrib.auth.hashers import identify_hasher
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from clients.services.demonstration import link_of
from clients.services.people import register_client
from tests.factories import UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

#: allauth tells that an app was added once the transaction is through
COMMITTED = pytest.mark.django_db(transaction=True)
PASSWORD = "a long enough pass phrase"  # pragma: allowlist secret
NOON = datetime(2027, 2, 1, 12, tzinfo=UTC)
#: One page of each kind that only people who work here have.
PAGES = {"desk": "/desk/", "calendar": "/therapist/", "events": "/therapist/calendar/events/?from=2027-03-08&to=2027-03-15"}


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def finn(practice):
    practice.finn.set_password(PASSWORD)
    practice.finn.save()
    return practice.finn


@pytest.fixture
def tess(practice):
    user = practice.tess.user = UserFactory(name="Tess Oduya", email="tess@example.org")
    user.set_password(PASSWORD)
    user.save()
    practice.tess.save()
    return user


def by_password(browser, user, **more):
    return browser.post(reverse("account_login"), {"login": user.email, "password": PASSWORD}, **more)


def code_of(secret, *, steps=0):
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


def enrol(browser):
    """Add an app as a person does; its secret and the page that follows."""
    page = browser.get(reverse("mfa_activate_totp"))
    secret = page.context["form"].secret
    return secret, browser.post(reverse("mfa_activate_totp"), {"code": code_of(secret)}, follow=True)


def recovery_codes(page):
    return page.context["unused_codes"]


def kept_codes(user):
    return Authenticator.objects.get(user=user, type=Authenticator.Type.RECOVERY_CODES).data


def goes_to(browser, page, name):
    answer = browser.get(page)
    return answer.status_code == 302 and answer["Location"].startswith(reverse(name))


@pytest.mark.parametrize("page", PAGES)
def test_with_a_password_only_every_page_leads_to_adding_a_second_factor(client, finn, tess, page):
    by_password(client, tess if page != "desk" else finn)

    assert goes_to(client, PAGES[page], "mfa_index")
    assert goes_to(client, "/sessions/", "mfa_index")
    assert client.get(reverse("mfa_index")).status_code == 200
    assert goes_to(client, reverse("account_change_password"), "mfa_index")


@COMMITTED
def test_with_an_app_added_the_pages_are_open_and_the_next_sign_in_asks_for_it(client, tess, clock):
    by_password(client, tess)
    secret, codes = enrol(client)
    assert codes.status_code == 200
    assert len(recovery_codes(codes)) == 10
    assert client.get("/therapist/").status_code == 200

    clock.shift(60)
    other = Browser()
    assert by_password(other, tess)["Location"] == reverse("mfa_authenticate")
    assert goes_to(other, "/therapist/", "account_login")
    assert "Incorrect code" in other.post(reverse("mfa_authenticate"), {"code": code_of(secret, steps=9)}).content.decode()
    assert goes_to(other, "/therapist/", "account_login")
    other.post(reverse("mfa_authenticate"), {"code": code_of(secret)})
    assert other.get("/therapist/").status_code == 200


@COMMITTED
def test_a_code_of_the_app_counts_once(client, tess, clock):
    by_password(client, tess)
    secret, _page = enrol(client)
    clock.shift(60)
    one, two = Browser(), Browser()
    for browser in (one, two):
        by_password(browser, tess)
        browser.post(reverse("mfa_authenticate"), {"code": code_of(secret)})

    assert one.get("/therapist/").status_code == 200
    assert goes_to(two, "/therapist/", "account_login")


@COMMITTED
def test_a_recovery_code_counts_once_and_is_shown_once(client, tess):
    early = Browser()
    by_password(early, tess)
    by_password(client, tess)
    code, other_code = recovery_codes(enrol(client)[1])[:2]
    again = client.get(reverse("mfa_view_recovery_codes"))
    assert set(recovery_codes(again)) == {"****"}
    assert client.get(reverse("mfa_download_recovery_codes")).status_code in (302, 403, 404)

    one, two = Browser(), Browser()
    for browser in (one, two):
        by_password(browser, tess)
        browser.post(reverse("mfa_authenticate"), {"code": code})

    assert one.get("/therapist/").status_code == 200
    assert goes_to(two, "/therapist/", "account_login")
    early.post(reverse("mfa_reauthenticate"), {"code": code})
    assert goes_to(early, "/therapist/", "mfa_reauthenticate")
    early.post(reverse("mfa_reauthenticate"), {"code": other_code})
    assert early.get("/therapist/").status_code == 200


@COMMITTED
def test_nothing_in_the_database_gives_a_code_without_the_keys_and_no_recovery_code_with_them(client, tess):
    by_password(client, tess)
    secret, page = enrol(client)
    made = set(kept_codes(tess)["hashes"])
    client.post(reverse("mfa_generate_recovery_codes"))
    assert kept_codes(tess) == {"hashes": []}
    later = client.get(reverse("mfa_view_recovery_codes"))

    kept = " ".join(str(each.data) for each in Authenticator.objects.all())
    assert secret not in kept
    assert not re.search(r"'secret': '[0-9a-fA-F]{40,}'", kept)
    assert set(kept_codes(tess)) == {"hashes", "viewed_at"}
    assert [identify_hasher(each).algorithm for each in kept_codes(tess)["hashes"]] == ["md5"] * 10  # as passwords in tests
    assert made.isdisjoint(kept_codes(tess)["hashes"])
    for code in recovery_codes(page) + recovery_codes(later):
        assert re.fullmatch(r"[A-Z]{4}-[A-Z]{4}-[A-Z]{4}", code)
        assert code not in kept
        assert code.replace("-", "").lower() not in kept
    session = Session.objects.get(session_key=client.session.session_key)
    assert not any(code in str(session.get_decoded()) for code in recovery_codes(later))


@COMMITTED
def test_of_two_who_type_one_recovery_code_at_the_same_time_one_is_let_in(client, tess):
    by_password(client, tess)
    codes, ready, let_in = recovery_codes(enrol(client)[1]), Barrier(4), []

    def type_it(code):
        kept = Authenticator.objects.get(user=tess, type=Authenticator.Type.RECOVERY_CODES)
        ready.wait()
        let_in.append(kept.wrap().validate_code(code))
        connection.close()

    for code in (codes[0], codes[7].lower().replace("-", " ")):
        threads = [Thread(target=type_it, args=(code,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(let_in) == [False] * 6 + [True] * 2
    assert len(kept_codes(tess)["hashes"]) == 8
    assert "8 codes are left" in client.get(reverse("mfa_view_recovery_codes")).content.decode()


@COMMITTED
def test_a_session_from_before_the_app_was_added_proves_it_and_adds_no_other(client, tess, clock):
    early = Browser()
    by_password(early, tess)
    by_password(client, tess)
    secret, _page = enrol(client)
    clock.shift(60)

    assert goes_to(early, "/therapist/", "mfa_reauthenticate")
    assert goes_to(early, reverse("mfa_add_webauthn"), "mfa_reauthenticate")
    early.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert goes_to(early, "/therapist/", "mfa_reauthenticate")
    early.post(reverse("mfa_reauthenticate"), {"code": code_of(secret)})
    assert early.get("/therapist/").status_code == 200


def test_a_client_needs_none_and_neither_does_who_works_here_no_more(client, finn, practice):
    by_password(client, finn)
    assert goes_to(client, "/sessions/", "mfa_index")

    finn.is_staff = False
    finn.save()

    assert client.get("/sessions/").status_code == 200
    practice.ada.user.set_password(PASSWORD)
    practice.ada.user.save()
    ada = Browser()
    by_password(ada, practice.ada.user)
    assert ada.get("/sessions/").status_code == 200


def test_a_role_that_is_given_counts_at_once(client, practice):
    practice.ada.user.set_password(PASSWORD)
    practice.ada.user.save()
    by_password(client, practice.ada.user)
    assert client.get("/sessions/").status_code == 200

    practice.ada.user.is_staff = True
    practice.ada.user.save()

    assert goes_to(client, "/sessions/", "mfa_index")


def test_accounts_at_the_desk_are_opened_by_whoever_showed_who_they_are_a_moment_ago(client, practice, clock):
    robin = UserFactory(email="robin@example.org", is_staff=True, is_superuser=True)
    robin.set_password(PASSWORD)
    robin.save()
    client.force_login(robin)
    page = reverse("admin:clients_user_change", args=[practice.finn.pk])
    assert client.get(page).status_code == 200
    clock.shift(301)

    assert goes_to(client, page, "account_reauthenticate")
    assert goes_to(client, reverse("mfa_activate_totp"), "account_reauthenticate")
    assert client.get("/desk/").status_code == 200
    client.post(reverse("account_reauthenticate"), {"password": "another pass phrase"})  # pragma: allowlist secret
    assert goes_to(client, page, "account_reauthenticate")
    assert client.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": page})["Location"] == page
    assert client.get(page).status_code == 200


def test_a_client_shows_by_a_code_that_it_is_still_them_before_they_take_their_data(client, practice, clock, mailoutbox):
    client.force_login(practice.ada.user)
    assert client.get("/sessions/my-data/my-data.json").status_code == 200
    clock.shift(301)
    ask = reverse("booking:still_you")

    assert client.get("/sessions/my-data/my-data.json")["Location"] == ask
    assert client.get("/sessions/my-data/copy/")["Location"] == f"{ask}?next=/sessions/my-data/copy/"
    assert client.get(ask).status_code == 200
    client.post(ask)
    assert [mail.to for mail in mailoutbox] == [["ada@example.org"]]
    code = re.search(r"\b\d{6}\b", mailoutbox[0].body)[0]
    assert client.post(ask, {"code": f"{(int(code) + 1) % 1_000_000:06}"}).status_code == 422
    assert client.get("/sessions/my-data/my-data.json")["Location"] == ask
    assert client.post(ask, {"code": code})["Location"] == "/sessions/my-data/"
    assert client.get("/sessions/my-data/my-data.json").status_code == 200


def test_a_client_shows_by_a_code_that_it_is_still_them_before_they_add_a_passkey(client, practice, clock, mailoutbox):
    """They have no password to ask for: allauth would let whoever sits at their browser add one."""
    client.force_login(register_client(email="cem@example.org", name="Cem Aydin").user)
    page, ask = reverse("mfa_add_webauthn"), reverse("booking:still_you")
    assert client.get(page).status_code == 200
    clock.shift(301)

    assert client.get(page)["Location"] == f"{ask}?next={quote(page, safe='')}"
    client.post(f"{ask}?next={page}")
    code = re.search(r"\b\d{6}\b", mailoutbox[0].body)[0]
    assert client.post(f"{ask}?next={page}", {"code": code})["Location"] == page
    assert client.get(page).status_code == 200
    assert client.get(f"{ask}?next=https://elsewhere.example/")["Location"] == "/sessions/my-data/"


def test_a_passkey_is_a_second_step_of_who_works_here_and_to_a_client_a_way_in_beside_the_code(
    client, finn, practice, mailoutbox
):
    ada = practice.ada.user
    for user in (ada, finn):
        Authenticator.objects.create(user=user, type=Authenticator.Type.WEBAUTHN, data={"name": "Phone", "credential": {}})
    sign_in = reverse("booking:sign_in")

    def by_code():
        browser = Browser()
        browser.post(sign_in, {"email": ada.email})
        return browser.post(sign_in, {"code": re.search(r"\b\d{6}\b", mailoutbox[-1].body)[0]})["Location"]

    assert by_code() == "/sessions/"
    TOTP.activate(ada, "JBSWY3DPEHPK3PXP")  # pragma: allowlist secret
    assert by_code() == reverse("mfa_authenticate")  # whoever adds an app wants to be asked for it
    assert by_password(client, finn)["Location"] == reverse("mfa_authenticate")


class TestLinksOfTheDemonstration:
    @pytest.fixture(autouse=True)
    def demonstration(self, settings, tmp_path, finn):
        settings.VAR = tmp_path
        settings.DEMONSTRATION_LINKS = True
        (tmp_path / "demo-sign-ins.txt").write_text(f"  front desk  finn@example.org  {link_of(finn)}\n")
        return settings

    def test_one_signs_in_fully_on_the_same_machine(self, client, finn):
        assert client.get(link_of(finn), headers={"host": "localhost:8000"})["Location"] == "/desk/"
        assert client.get("/desk/").status_code == 200

    def test_whoever_came_by_one_is_not_asked_again_who_they_are(self, client, finn, clock):
        finn.set_unusable_password()
        finn.is_superuser = True
        finn.save()
        client.get(link_of(finn), headers={"host": "localhost:8000"})
        clock.shift(301)

        assert client.get(reverse("admin:clients_user_change", args=[finn.pk])).status_code == 200

    @pytest.mark.parametrize(
        "more",
        [
            {"REMOTE_ADDR": "192.0.2.7"},
            {"REMOTE_ADDR": ""},
            {"HTTP_HOST": "testserver"},
            {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        ],
    )
    def test_from_elsewhere_it_does_not_exist(self, client, finn, more):
        assert client.get(link_of(finn), **({"HTTP_HOST": "localhost"} | more)).status_code == 404
        assert "_auth_user_id" not in client.session

    def test_nor_without_the_demonstration(self, client, finn, tess, demonstration):
        assert client.get(link_of(tess), headers={"host": "localhost"}).status_code == 404
        assert client.get(link_of(finn)[:-2] + "/", headers={"host": "localhost"}).status_code == 404
        demonstration.DEMONSTRATION_LINKS = False
        assert client.get(link_of(finn), headers={"host": "localhost"}).status_code == 404
