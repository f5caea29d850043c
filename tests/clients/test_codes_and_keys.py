"""A mailed code counts once, for ten minutes, and has five tries; every step of signing in gives the session a new key."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import pytest
import time_machine
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client as Browser
from django.urls import reverse

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

PASSWORD = "a long enough pass phrase"  # pragma: allowlist secret
SECRET = "JBSWY3DPEHPK3PXP"  # pragma: allowlist secret
#: Where a code is asked for, and where it is typed.
PAGES = {
    "ours": ("booking:sign_in", "booking:sign_in"),
    "allauth's": ("account_request_login_code", "account_confirm_login_code"),
}


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(datetime(2027, 2, 1, 12, tzinfo=UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def ask(client, practice):
    """Ask for a code on a page; it, and the way to type one."""

    def on(page):
        asks, takes = PAGES[page]
        client.post(reverse(asks), {"email": practice.ada.user.email})
        return re.search(r"\b\d{6}\b", mail.outbox[-1].body)[0], lambda code: client.post(reverse(takes), {"code": code})

    return on


def is_signed_in(browser):
    return "_auth_user_id" in browser.session


@pytest.mark.parametrize("page", PAGES)
class TestACode:
    def test_has_five_tries(self, client, ask, page):
        code, type_it = ask(page)
        for _ in range(4):
            type_it("000000")
        type_it(code)
        assert is_signed_in(client)
        client.logout()

        code, type_it = ask(page)
        for _ in range(5):
            type_it("000000")
        type_it(code)
        assert not is_signed_in(client)

    def test_counts_for_ten_minutes(self, client, ask, clock, page):
        code, type_it = ask(page)
        clock.shift(601)
        type_it(code)
        assert not is_signed_in(client)

        code, type_it = ask(page)
        clock.shift(599)
        type_it(code)
        assert is_signed_in(client)

    def test_counts_once_and_only_where_it_was_asked_for(self, client, ask, page):
        code, type_it = ask(page)
        stranger = Browser()
        stranger.post(reverse(PAGES[page][1]), {"code": code})
        assert not is_signed_in(stranger)

        type_it(code)
        assert is_signed_in(client)
        client.post(reverse("account_logout"))
        type_it(code)
        assert not is_signed_in(client)


class TestTheKey:
    """Whoever planted a key in a browser, or read it there, has nothing in hand once somebody has shown who they are."""

    @pytest.fixture
    def changes(self, client):
        def during(act):
            session = client.session
            session["before"] = "kept"
            session.save()
            client.cookies["sessionid"] = session.session_key
            act()
            assert not Session.objects.filter(session_key=session.session_key).exists()
            return client.session.session_key not in (None, session.session_key)

        return during

    @pytest.fixture
    def tess(self, practice):
        user = practice.finn
        user.set_password(PASSWORD)
        user.save()
        return user

    def now_shown(self):
        return format_hotp_value(hotp_value(SECRET, int(time.time()) // 30))

    @pytest.mark.parametrize("page", PAGES)
    def test_changes_with_a_mailed_code(self, client, ask, changes, page):
        code, type_it = ask(page)

        assert changes(lambda: type_it(code))
        assert is_signed_in(client)

    @pytest.mark.django_db(transaction=True)  # allauth tells that an app was added once that is through
    def test_changes_with_the_password_and_again_when_an_app_is_added(self, client, tess, changes):
        by_password = {"login": tess.email, "password": PASSWORD}
        assert changes(lambda: client.post(reverse("account_login"), by_password))
        assert is_signed_in(client)
        secret = client.get(reverse("mfa_activate_totp")).context["form"].secret
        code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))

        assert changes(lambda: client.post(reverse("mfa_activate_totp"), {"code": code}))
        assert client.get("/desk/").status_code == 200

    def test_changes_with_the_second_step(self, client, tess, changes):
        TOTP.activate(tess, SECRET)
        client.post(reverse("account_login"), {"login": tess.email, "password": PASSWORD})
        assert not is_signed_in(client)

        assert changes(lambda: client.post(reverse("mfa_authenticate"), {"code": self.now_shown()}))
        assert client.get("/desk/").status_code == 200

    def test_changes_where_the_second_step_is_made_up_for(self, client, tess, changes):
        client.post(reverse("account_login"), {"login": tess.email, "password": PASSWORD})
        TOTP.activate(tess, SECRET)
        assert client.get("/desk/").status_code == 302

        assert changes(lambda: client.post(reverse("mfa_reauthenticate"), {"code": self.now_shown()}))
        assert client.get("/desk/").status_code == 200
