"""Managers keep the accounts of those who work here, and nobody raises themselves."""

from __future__ import annotations

import re
import time

import pytest
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from clients.models import User
from clients.roles import DECLARED, FRONT_DESK, MANAGER, THERAPIST, keep_groups, permissions_of
from clients.services.accounts import hand_out, role_of
from tests.factories import UserFactory
from tests.factories.passkeys import passkey_of

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

ADD = "admin:clients_user_add"
PASSWORD = "a long enough pass phrase"  # pragma: allowlist secret
SNEAKED = {
    "is_staff": "on",
    "is_superuser": "on",
    "password": "typed",  # pragma: allowlist secret
    "password1": "typed",  # pragma: allowlist secret
    "user_permissions": "1",
    "groups": "1",
}


def page(user):
    return reverse("admin:clients_user_change", args=[user.pk])


def signed_in(user):
    browser = Browser()
    browser.force_login(user)
    return browser


@pytest.fixture
def mina():
    user = UserFactory(name="Mina Sorel", email="mina@example.org")
    hand_out(user, MANAGER)
    return user


@pytest.fixture
def nils():
    user = UserFactory(name="Nils Aho", email="nils@example.org")
    hand_out(user, FRONT_DESK)
    return user


def test_the_groups_say_exactly_what_is_declared_again_after_every_migrate():
    group = Group.objects.get(name=FRONT_DESK)
    group.permissions.add(Permission.objects.get(codename="delete_user"))
    group.permissions.remove(Permission.objects.get(codename="view_appointment"))

    keep_groups()

    for role in DECLARED:
        kept = Permission.objects.filter(group__name=role).values_list("content_type__app_label", "codename")
        assert {f"{app}.{codename}" for app, codename in kept} == permissions_of(role)
    assert permissions_of(FRONT_DESK) < permissions_of(MANAGER)


@pytest.mark.django_db(transaction=True)
def test_a_new_account_has_a_role_and_a_mail_and_no_password(mina):
    new = {"email": "Neil@example.org", "name": "Neil", "role": FRONT_DESK, "is_active": "on"}

    assert signed_in(mina).post(reverse(ADD), new | SNEAKED).status_code == 302

    made = User.objects.get(email="neil@example.org")
    assert (role_of(made), made.is_staff, made.is_superuser, made.has_usable_password()) == (FRONT_DESK, True, False, False)
    assert (made.user_permissions.count(), made.groups.count()) == (0, 1)
    assert mail.outbox[-1].to == ["neil@example.org"]
    assert "/account/password/reset/key/" in mail.outbox[-1].body


def test_a_manager_changes_a_role_and_nothing_beside_it(mina, nils):
    change = {"email": "mina-too@example.org", "name": "Nils A", "role": MANAGER, "is_active": "on"}

    assert signed_in(mina).post(page(nils), change | SNEAKED).status_code == 302

    nils = User.objects.get(pk=nils.pk)
    assert (nils.name, nils.email, role_of(nils), nils.is_superuser) == ("Nils A", "nils@example.org", MANAGER, False)
    assert nils.user_permissions.count() == 0


def test_a_manager_reaches_neither_a_superuser_nor_a_client_nor_their_own_account(mina, practice):
    robin = UserFactory(email="robin@example.org", is_staff=True, is_superuser=True)
    browser = signed_in(mina)
    demoted = {"name": "Nobody", "role": FRONT_DESK}

    for untouched in (robin, practice.ada.user, mina):
        assert browser.post(page(untouched), demoted).status_code in (302, 403)
        assert User.objects.get(pk=untouched.pk).name == untouched.name
        assert User.objects.get(pk=untouched.pk).is_active
    assert browser.post(reverse("admin:auth_user_password_change", args=[practice.finn.pk])).status_code == 403
    assert browser.get(page(robin)).status_code == 302
    assert browser.get(page(mina)).status_code == 200


def test_the_front_desk_sees_no_account_and_gives_a_client_to_nobody(nils, practice):
    browser = signed_in(nils)

    assert browser.get(reverse("admin:clients_user_changelist")).status_code == 403
    client_page = browser.get(reverse("admin:clients_client_change", args=[practice.ada.pk]))
    assert "user" not in client_page.context["adminform"].form.fields


def test_a_manager_links_the_account_of_a_therapist_but_not_their_own(mina, practice):
    theirs = UserFactory(email="therapist@example.org")
    robin = UserFactory(email="robin@example.org", is_staff=True, is_superuser=True)

    form = signed_in(mina).get(reverse("admin:therapists_therapist_change", args=[practice.tess.pk])).context["adminform"].form

    linkable = form.fields["user"].queryset
    assert theirs in linkable
    assert not {mina, robin, practice.ada.user} & set(linkable)


def test_whoever_is_disabled_is_out_of_every_browser_and_stays_out_when_enabled_again(mina, nils, practice):
    two = [signed_in(nils), signed_in(nils)]
    other = signed_in(practice.finn)
    assert two[0].get("/desk/").status_code == 200

    signed_in(mina).post(page(nils), {"name": "Nils Aho", "role": FRONT_DESK})

    assert not User.objects.get(pk=nils.pk).is_active
    assert [browser.get("/desk/").status_code for browser in two] == [302, 302]
    User.objects.filter(pk=nils.pk).update(is_active=True)
    assert [browser.get("/desk/").status_code for browser in two] == [302, 302]
    assert other.get("/desk/").status_code == 200
    assert Session.objects.exists()


def test_a_sign_in_half_done_when_its_account_is_disabled_is_never_finished(mina, nils):
    nils.set_password(PASSWORD)
    nils.save()
    secret = generate_totp_secret()
    TOTP.activate(nils, secret)
    half = Browser()
    half.post(reverse("account_login"), {"login": nils.email, "password": PASSWORD})
    assert half.get(reverse("mfa_authenticate")).status_code == 200

    manager = signed_in(mina)
    manager.post(page(nils), {"name": "Nils Aho", "role": FRONT_DESK})
    half.post(reverse("mfa_authenticate"), {"code": format_hotp_value(hotp_value(secret, int(time.time()) // 30))})
    assert half.get("/desk/").status_code == 302
    manager.post(page(nils), {"name": "Nils Aho", "role": FRONT_DESK, "is_active": "on"})

    assert half.get("/desk/").status_code == 302
    assert signed_in(nils).get("/desk/").status_code == 200


def test_a_manager_hands_a_therapist_the_sight_of_colleagues_and_takes_it_and_nothing_else(mina, practice):
    tess = practice.tess.user = UserFactory(name="Tess Oduya", email="tess@example.org")
    practice.tess.save()
    calendar, manager = signed_in(tess), signed_in(mina)
    change = {"name": "Tess Oduya", "role": THERAPIST, "is_active": "on"}
    assert not calendar.get("/therapist/").context["with_team"]

    manager.post(page(tess), change | {"sees_colleagues": "on"} | SNEAKED)
    assert calendar.get("/therapist/").context["with_team"]
    assert manager.get(page(tess)).context["adminform"].form["sees_colleagues"].initial
    assert [each.codename for each in tess.user_permissions.all()] == ["see_colleagues"]

    manager.post(page(tess), change)
    assert not calendar.get("/therapist/").context["with_team"]


def test_the_list_says_who_may_do_what_and_who_lacks_a_second_factor_at_the_same_cost_for_many(mina, nils, practice):
    passkey_of(nils)
    UserFactory(name="Thea", email="thea@example.org", is_active=False)
    browser, where = signed_in(mina), reverse("admin:clients_user_changelist")
    browser.get(where)

    with CaptureQueriesContext(connection) as few:
        page = browser.get(where)
    cells = re.findall(r'<td class="field-(?:role_in_words|second_factor|state)">([^<]*)</td>', page.content.decode())
    UserFactory.create_batch(3)
    with CaptureQueriesContext(connection) as many:
        browser.get(where)

    assert list(zip(*[iter(cells)] * 3, strict=True)) == [
        ("therapist", "not yet", "active"),  # Finn of the other tests, who has no role
        ("practice manager", "not yet", "active"),
        ("front desk", "set up", "active"),
        ("therapist", "not yet", "disabled"),
    ]
    assert len(many) == len(few)
    chosen = browser.get(f"{where}?role={FRONT_DESK}").content.decode()
    assert ("Nils Aho" in chosen, "Thea" in chosen) == (True, False)


def test_one_superuser_always_stays():
    robin, rory = (UserFactory(email=f"{name}@example.org", is_staff=True, is_superuser=True) for name in ("robin", "rory"))
    browser = signed_in(robin)
    kept = {"email": "robin@example.org", "name": "Robin", "is_staff": "on"}
    rest = {"is_active": "on", "is_superuser": "on"}
    everybody = {"action": "delete_selected", "_selected_action": [robin.pk, rory.pk], "post": "yes"}

    assert browser.post(reverse("admin:clients_user_changelist"), everybody).status_code == 403
    assert browser.post(reverse("admin:clients_user_delete", args=[robin.pk]), {"post": "yes"}).status_code == 403
    assert browser.post(page(rory), {"email": "rory@example.org", "name": "Rory"}).status_code == 302
    for less in ({}, {"is_active": "on"}, {"is_superuser": "on"}):
        refused = browser.post(page(robin), kept | less)
        assert "Nobody else is a superuser." in refused.content.decode()
    assert browser.post(page(robin), kept | rest).status_code == 302

    standing = User.objects.filter(is_superuser=True, is_active=True)
    assert list(standing.values_list("email", flat=True)) == ["robin@example.org"]


def test_a_session_of_a_disabled_account_is_nobodys_even_before_it_is_deleted(nils):
    browser = signed_in(nils)

    User.objects.filter(pk=nils.pk).update(is_active=False)

    assert not browser.get("/").wsgi_request.user.is_authenticated


def test_a_changed_role_takes_effect_on_the_next_request(mina, nils):
    browser = signed_in(nils)
    assert browser.get(reverse("admin:clients_user_changelist")).status_code == 403

    signed_in(mina).post(page(nils), {"name": "Nils Aho", "role": MANAGER, "is_active": "on"})
    assert browser.get(reverse("admin:clients_user_changelist")).status_code == 200

    hand_out(nils, "therapist")
    assert browser.get(reverse("admin:clients_user_changelist")).status_code == 302
