"""Adding a second factor on a phone, signing in with it, a passkey, and being signed out."""

from __future__ import annotations

import re
import time

import pytest
import time_machine
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "a long enough pass phrase"  # pragma: allowlist secret


@pytest.fixture
def tess(with_form):
    user = with_form.tess.user
    user.set_password(PASSWORD)
    user.save()
    return user


def sign_in(visitor, user):
    visitor.open("/therapist/")
    visitor.look("Sign in")
    visitor.fill_in(Email=user.email, Password=PASSWORD)
    visitor.page.get_by_role("button", name="Sign in", exact=True).click()


def next_code_begins():
    """When the app shows its next code, which then counts for half a minute."""
    return (time.time() // 30 + 1) * 30


def now_shown(secret):
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def type_second_step(visitor, user, code):
    visitor.open("/therapist/")
    visitor.fill_in(Email=user.email, Password=PASSWORD)
    visitor.page.get_by_role("button", name="Sign in", exact=True).click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("One more step")
    visitor.fill_in(Code=code)
    visitor.press("Sign in")


def test_an_app_is_added_and_asked_for_on_a_phone_and_a_code_from_the_kept_file_replaces_it(visit, tess):
    phone = visit(width=360, scheme="dark")
    sign_in(phone, tess)
    phone.look("Second step of signing in")
    phone.page.get_by_role("link", name="Add an app").click()
    phone.look("Add an authenticator app")
    secret = phone.page.locator("#totp-key").inner_text()
    with time_machine.travel(next_code_begins()):
        phone.fill_in(code=now_shown(secret))
        phone.press("Add it")
        phone.look("Recovery codes")
    codes = phone.page.locator(".recovery-codes li").all_inner_texts()
    with phone.page.expect_download() as kept:
        phone.page.get_by_role("link", name="Keep as a file").click()
    assert kept.value.suggested_filename == "recovery-codes.txt"
    assert len(codes) == 10
    assert kept.value.path().read_text().split() == codes
    phone.page.get_by_role("link", name="I have them").click()
    phone.look("My|February")

    with time_machine.travel(next_code_begins() + 30):
        other = visit(width=360, script=False)
        type_second_step(other, tess, now_shown(secret))
        expect(other.page.get_by_role("heading", level=1)).to_contain_text("My")
    lost = visit(width=360, script=False)
    type_second_step(lost, tess, codes[3])
    expect(lost.page.get_by_role("heading", level=1)).to_contain_text("My")


def with_authenticator(visitor):
    """The browser has a phone or a finger's mark to show."""
    visitor.address = visitor.address.replace("127.0.0.1", "localhost")  # passkeys want a name
    devtools = visitor.page.context.new_cdp_session(visitor.page)
    devtools.send("WebAuthn.enable")
    key = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    key |= {"isUserVerified": True, "automaticPresenceSimulation": True}
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": key})
    return visitor


def test_a_passkey_is_added_and_takes_the_place_of_the_password(visit, tess):
    visitor = with_authenticator(visit())
    sign_in(visitor, tess)
    visitor.page.get_by_role("link", name="Add a passkey").click()
    visitor.look("Add a passkey")
    visitor.page.get_by_role("checkbox").check()
    visitor.press("Add it")
    visitor.look("Recovery codes")

    visitor.page.context.clear_cookies()
    visitor.open("/therapist/")
    visitor.press("Use a passkey")

    visitor.look("My|February")


def test_a_client_signs_in_with_a_passkey_and_still_with_a_code(visit, practice, mailoutbox):
    phone = with_authenticator(visit(width=360, scheme="dark"))

    def by_code():
        phone.open("/sessions/")
        phone.fill_in(mail="ada@example.org")
        phone.press("Send me the code")
        phone.fill_in(Code=re.search(r"\b\d{6}\b", mailoutbox[-1].body)[0])
        phone.press("Show my sessions|Go on")
        expect(phone.page.get_by_role("button", name="Sign out")).to_be_visible()

    by_code()
    phone.open("/sessions/my-data/")
    phone.page.get_by_role("link", name="Sign in with a passkey").click()
    phone.look("Sign in with a passkey")
    phone.page.get_by_role("link", name="Add a passkey").click()
    phone.look("Add a passkey")
    phone.press("Add it")
    phone.look("You can sign in with it now")
    phone.page.context.clear_cookies()

    phone.open("/sessions/my-data/")
    phone.look("Sign in")
    phone.press("Use a passkey")
    phone.look("My data")
    phone.page.context.clear_cookies()
    by_code()


def test_whoever_did_nothing_is_signed_out_and_told_why(signed_in, tess):
    hers = signed_in(tess)
    hers.open("/therapist/profile/")
    hers.look("About me")

    with time_machine.travel(time.time() + 16 * 60):
        hers.page.get_by_role("link", name="Change what clients see").click()
        hers.look("Sign in")

    expect(hers.page.get_by_text("because nothing was done here for 15 minutes")).to_be_visible()
