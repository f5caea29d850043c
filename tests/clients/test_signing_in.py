"""A code by mail lets clients in; staff and therapists need their password."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from django.urls import reverse

from tests.factories import UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def code():
    return re.search(r"\b\d{6}\b", mail.outbox[-1].body)[0]


def by_our_page(client, email):
    page = reverse("booking:sign_in")
    client.post(page, {"email": email})
    return client.post(page, {"code": code()}, follow=True)


def by_the_account_page(client, email):
    client.post(reverse("account_request_login_code"), {"email": email})
    return client.post(reverse("account_confirm_login_code"), {"code": code()}, follow=True)


def is_signed_in(client):
    return "_auth_user_id" in client.session


@pytest.mark.parametrize("way", [by_our_page, by_the_account_page])
def test_a_client_is_let_in(client, practice, way):
    way(client, practice.ada.user.email)

    assert is_signed_in(client)


@pytest.mark.parametrize("way", [by_our_page, by_the_account_page])
@pytest.mark.parametrize("who", ["desk", "therapist"])
def test_whoever_reads_about_others_is_asked_for_their_password(client, practice, way, who):
    user = practice.finn
    if who == "therapist":
        user = practice.tess.user = UserFactory(email="tess@example.org")
        practice.tess.save()

    page = way(client, user.email)

    assert not is_signed_in(client)
    assert "Please sign in with your password" in page.content.decode()
    assert client.get(reverse("booking:therapist")).status_code == 302


def test_with_their_password_they_are_let_in(client, practice):
    practice.finn.set_password("a long enough pass phrase")
    practice.finn.save()

    signs_in = {"login": practice.finn.email, "password": "a long enough pass phrase"}  # pragma: allowlist secret
    client.post(reverse("account_login"), signs_in)

    assert is_signed_in(client)
