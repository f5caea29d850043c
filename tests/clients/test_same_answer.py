"""Nobody learns from an answer, a mail or the work it took whether an address is known here."""

from __future__ import annotations

import re

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from clients.models import User
from clients.services.people import register_client
from tests.factories import UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

PASSWORD = "a long enough pass phrase"  # pragma: allowlist secret
UNKNOWN = "nobody@example.org"
#: The page, its field for the address, what else is typed, and how many mails go to the address whoever's it is.
WAYS = {
    "a code": ("booking:sign_in", "email", {}, 1),
    "a code of allauth's page": ("account_request_login_code", "email", {}, 1),
    "a password": ("account_login", "login", {"password": "another pass phrase"}, 0),  # pragma: allowlist secret
    "a password to choose anew": ("account_reset_password", "email", {}, 1),
    "an account of one's own": ("account_signup", "email", {"password1": PASSWORD}, 0),
    "another address": ("booking:new_address", "email", {}, 1),
}
#: Small queries by which the work for two addresses may differ: who is known has a link made for their mail.
NEAR = 6


@pytest.fixture
def known():
    """The addresses of a client without a password, of the desk, and of an account that was disabled."""
    register_client(email="client@example.org", name="Cem Aydin")
    for email, active in (("staff@example.org", True), ("gone@example.org", False)):
        user = UserFactory(email=email, is_staff=True, is_active=active)
        user.set_password(PASSWORD)
        user.save()
    return ["client@example.org", "staff@example.org", "gone@example.org"]


@pytest.fixture
def hashed(monkeypatch):
    """One entry for each time a password is hashed, which is what takes long."""
    times = []
    hasher = MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda *typed: times.append(1) or hasher(*typed))
    return times


def seen_by_asker(browser, answer, email):
    """All that comes back: status, cookies, where it leads, and the words there."""
    page = browser.get(answer["Location"]) if answer.status_code == 302 else answer
    words = re.sub(r'value="[A-Za-z0-9]{64}"|nonce="[^"]*"', "", page.content.decode().replace(email, "ADDRESS"))
    return answer.status_code, answer.get("Location"), sorted(answer.cookies), sorted(browser.session.keys()), words


@pytest.mark.parametrize("way", WAYS)
def test_known_and_unknown_addresses_get_the_same_answer_mails_and_work(practice, known, hashed, way):
    name, field, more, mails = WAYS[way]
    answers, work = [], []
    for email in (UNKNOWN, *known):
        browser = Browser()
        if way == "another address":
            browser.force_login(practice.ada.user)
        browser.get(reverse(name))
        mail.outbox.clear()
        hashed.clear()
        with CaptureQueriesContext(connection) as queries:
            answer = browser.post(reverse(name), {field: email} | more)
        work.append((len(queries), len(hashed)))
        answers.append(seen_by_asker(browser, answer, email))
        assert [message.to for message in mail.outbox] == [[email]] * mails

    assert answers == [answers[0]] * len(answers)
    counts, hashes = zip(*work, strict=True)
    assert max(counts) - min(counts) <= NEAR
    assert set(hashes) == {2 if way == "a password" else 0}  # of Django's way to look somebody up, and of allauth's
    assert not User.objects.filter(email=UNKNOWN).exists()


def test_a_passkey_is_asked_for_without_saying_whose(known):
    """Nobody types an address first, and the browser is told of no key to look for."""
    staff = User.objects.get(email="staff@example.org")
    Authenticator.objects.create(user=staff, type=Authenticator.Type.WEBAUTHN, data={"name": "Phone", "credential": {}})

    asked = Browser().get(reverse("mfa_login_webauthn"), headers={"X-Requested-With": "XMLHttpRequest"})

    assert asked.json()["request_options"]["publicKey"]["allowCredentials"] == []
    assert "Phone" not in asked.content.decode()
