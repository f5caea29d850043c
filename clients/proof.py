"""Proving that an e-mail address is one's own, with a six-digit code; and signing in by it.

The code's life (ten minutes, five tries) is allauth's; so is signing in, so that a second factor is asked of whoever has one.
"""

from __future__ import annotations

from typing import Any, Self

from allauth.account.adapter import get_adapter
from allauth.account.app_settings import LOGIN_BY_CODE_MAX_ATTEMPTS, LOGIN_BY_CODE_TIMEOUT
from allauth.account.internal.flows.code_verification import AbstractCodeVerificationProcess
from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import EmailAddress, Login
from allauth.core import ratelimit
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare

from clients.models import User

RESENDS = 3


class AddressProof(AbstractCodeVerificationProcess):
    """One code on its way to one address. It and what was typed beside the address stay in the session, in no row."""

    #: Codes asked for on other grounds never count here.
    session_key = "address_proof"

    def __init__(self, request: HttpRequest, state: dict[str, Any]) -> None:
        self.request = request
        super().__init__(max_attempts=LOGIN_BY_CODE_MAX_ATTEMPTS, timeout=LOGIN_BY_CODE_TIMEOUT, state=state)

    @classmethod
    def begin(cls, request: HttpRequest, *, email: str, details: dict[str, str]) -> Self:
        """Send a code, whether the address is known or not. Raises RateLimited when too many codes were asked for."""
        email = email.strip().lower()
        ratelimit.consume(request, action="request_login_code", key=email, raise_exception=True)
        proof = cls(request, cls.initial_state(user=None, email=email) | {"details": details})
        proof.send()
        return proof

    @classmethod
    def resume(cls, request: HttpRequest) -> Self | None:
        """The proof under way in this browser; None when there is none or its ten minutes are over."""
        state = request.session.get(cls.session_key)
        proof = cls(request, state) if state else None
        return proof.abort_if_invalid() if proof else None

    @property
    def email(self) -> str:
        return str(self.state["email"])

    @property
    def details(self) -> dict[str, str]:
        return dict(self.state["details"])

    def send(self) -> None:
        self.state["code"] = get_adapter().generate_login_code()
        context = {"request": self.request, "code": self.code}
        get_adapter().send_mail("account/email/login_code", self.email, context)
        self.persist()

    def resend(self) -> bool:
        """Send a fresh code; False when that was done too often."""
        if self.is_resend_quota_reached(RESENDS):
            return False
        self.record_resend()
        self.send()
        return True

    def accepts(self, typed: str) -> bool:
        """Whether this is the code; a wrong one counts, and after five the proof is over.

        Raises RateLimited for a sixth try, should several be under way at once.
        """
        begun = f"{self.session_key} {self.email} {self.state['at']}"
        ratelimit.consume(self.request, action="try_login_code", key=begun, raise_exception=True)
        if constant_time_compare("".join(typed.split()), self.code):
            return True
        self.record_invalid_attempt()
        return False

    def persist(self) -> None:
        self.request.session[self.session_key] = self.state

    def abort(self) -> None:
        self.request.session.pop(self.session_key, None)


class NewAddressProof(AddressProof):
    """That a client reads mail at the address they want to change to."""

    session_key = "new_address_proof"


class ErasureProof(AddressProof):
    """That it is the client who wants to be erased, and not whoever sits at their browser."""

    session_key = "erasure_proof"


class StillThemProof(AddressProof):
    """That it is still the client who sits at their browser, before what is most private leaves it."""

    session_key = "still_them_proof"

    def done(self, user: User) -> None:
        """It was the right code: nobody asks again for some minutes."""
        self.abort()
        record_authentication(self.request, user, method="code", email=self.email, reauthenticated=True)


def sign_in(request: HttpRequest, user: User) -> HttpResponse | None:
    """Sign in somebody whose address was just proved. A response means that a second factor has to come first."""
    EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"verified": True, "primary": True})
    record_authentication(request, user, method="code", email=user.email)
    response: HttpResponse = perform_login(request, Login(user=user, email=user.email))
    return None if request.user.is_authenticated else response
