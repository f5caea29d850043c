"""Recovery codes of which only hashes are kept: who has the database and all keys still has no code."""

from __future__ import annotations

import time
from typing import Self

from allauth.core.internal.cryptokit import generate_user_code, normalize_user_code
from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal import auth, flows
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction

from clients.models import User

LENGTH = 12  # of twenty letters: 51 bits
#: What is shorter is a code of an app, against which nothing slow need be worked out.
SHORTEST = 8


class HashedCodes(RecoveryCodes):
    """In place of allauth's own, which keeps a seed that gives all codes again.

    The codes come into being on the page that shows them, and nothing readable outlives its answer. Each is hashed like a
    password, with a salt of its own: 51 bits are too many to try in a form, and too few for a fast hash in a stolen copy.
    """

    instance: Authenticator
    _fresh: list[str] | None = None

    @classmethod
    def activate(cls, user: User) -> Self:
        """The user's set; where there is none, an empty one, to be filled when it is first looked at."""
        kind = Authenticator.Type.RECOVERY_CODES
        instance, _created = Authenticator.objects.get_or_create(user=user, type=kind, defaults={"data": {"hashes": []}})
        return cls(instance)

    def generate_codes(self) -> list[str]:
        return [generate_user_code(length=LENGTH) for _ in range(app_settings.RECOVERY_CODE_COUNT)]

    def get_unused_codes(self) -> list[str]:
        """One entry for each that is left: the code on the page on which it came into being, later only a mark."""
        return self._fresh or ["****" for _ in self.instance.data["hashes"]]

    @transaction.atomic
    def mark_as_viewed(self) -> None:
        """Make the codes that whoever asks is shown. Of two who ask at once, the first gets them."""
        self._lock()
        if self.did_view:
            return
        self._fresh = self.generate_codes()
        hashes = [make_password(normalize_user_code(code)) for code in self._fresh]
        self.instance.data = {"hashes": hashes, "viewed_at": time.time()}
        self.instance.save(update_fields=["data"])

    @transaction.atomic
    def validate_code(self, code: str) -> bool:
        """Use a code up, if it is one. Compared with all of them, so that the time taken does not tell which it was."""
        typed = normalize_user_code(code)
        if len(typed) < SHORTEST:
            return False
        self._lock()
        hashes = self.instance.data["hashes"]
        left = [each for each in hashes if not check_password(typed, each)]
        if len(left) == len(hashes):
            return False
        self.instance.data["hashes"] = left
        self.instance.save(update_fields=["data"])
        return True

    def _lock(self) -> None:
        self.instance = Authenticator.objects.select_for_update().get(pk=self.instance.pk)


def keep_only_hashes() -> None:
    """Let allauth use these codes wherever it makes, shows or checks any: the two places in which it names its own."""
    auth.RecoveryCodes = flows.RecoveryCodes = HashedCodes
