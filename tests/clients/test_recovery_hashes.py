"""What the migration to hashes makes of the codes and passwords that were kept before."""

from __future__ import annotations

from importlib import import_module

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import encrypt
from django.apps import apps

from clients.models import User
from clients.recovery import HashedCodes
from clients.services.people import register_client

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

MIGRATION = import_module("clients.migrations.0007_recovery_hashes")


def test_codes_written_down_before_only_hashes_were_kept_go_on_counting_once(practice):
    """As allauth keeps them: a seed, and which of its codes were used."""
    allauth = HashedCodes.__base__
    data = {"seed": encrypt("5e" * 40), "used_mask": 0b101, "viewed_at": 1.0}
    kept = Authenticator.objects.create(user=practice.ada.user, type=Authenticator.Type.RECOVERY_CODES, data=data)
    codes = allauth(kept).generate_codes()
    unseen = Authenticator.objects.create(
        user=practice.finn, type=Authenticator.Type.RECOVERY_CODES, data={"seed": "x", "used_mask": 0}
    )

    MIGRATION.keep_only_hashes(apps, None)
    MIGRATION.keep_only_hashes(apps, None)

    kept.refresh_from_db()
    assert set(kept.data) == {"hashes", "viewed_at"}
    assert [kept.wrap().validate_code(code) for code in codes] == [number not in (0, 2) for number in range(10)]
    assert not kept.wrap().validate_code(codes[1])
    unseen.refresh_from_db()
    assert unseen.data == {"hashes": []}


def test_a_client_has_no_password_that_anybody_could_type(practice):
    """Neither one who is registered now nor one from when it was left empty; one that was chosen stays."""
    new = register_client(email="new@example.org", name="New").user
    assert not new.has_usable_password()
    chosen = practice.finn
    chosen.set_password("a long enough pass phrase")
    chosen.save()
    User.objects.filter(pk=practice.ada.user.pk).update(password="")
    assert User.objects.get(pk=practice.ada.user.pk).has_usable_password()

    MIGRATION.make_unusable(apps, None)

    assert User.objects.get(pk=new.pk).password == new.password
    assert not User.objects.get(pk=practice.ada.user.pk).has_usable_password()
    assert User.objects.get(pk=chosen.pk).check_password("a long enough pass phrase")
