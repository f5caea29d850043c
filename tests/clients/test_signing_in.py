"""A code by mail lets clients in; staff and therapists need their password."""

from __future__ import annotations

import re
from importlib import import_module

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.core import mail
from django.urls import reverse

from clients.models import User
from clients.services.people import register_client
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


def test_a_client_has_no_password_that_anybody_could_type(practice):
    """Neither one who is registered now nor one from when it was left empty; one that was chosen stays."""
    new = register_client(email="new@example.org", name="New").user
    assert not new.has_usable_password()
    chosen = practice.finn
    chosen.set_password("a long enough pass phrase")
    chosen.save()
    User.objects.filter(pk=practice.ada.user.pk).update(password="")
    assert User.objects.get(pk=practice.ada.user.pk).has_usable_password()

    import_module("clients.migrations.0007_recovery_hashes").make_unusable(apps, None)

    assert User.objects.get(pk=new.pk).password == new.password
    assert not User.objects.get(pk=practice.ada.user.pk).has_usable_password()
    assert User.objects.get(pk=chosen.pk).check_password("a long enough pass phrase")


def test_nobody_claims_an_address_that_they_have_not_proved(client, practice):
    """Whoever proves it later would be given their account, with all that is written there from then on."""
    client.force_login(practice.ada.user)
    page, theirs = reverse("account_email"), "somebody.else@example.org"

    for act in ({"action_add": "", "email": theirs}, {"action_primary": "", "email": theirs}):
        client.post(page, act)

    assert not User.objects.filter(email=theirs).exists()
    assert not EmailAddress.objects.filter(email=theirs).exists()
    assert client.get(page)["Location"] == reverse("booking:new_address")
