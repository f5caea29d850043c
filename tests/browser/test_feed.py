"""A therapist gives their calendar an address, with and without JavaScript, and takes it back."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.test import Client as Program
from playwright.sync_api import expect

from tests.booking.conftest import tess

__all__ = ["tess"]  # a fixture

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("look", [{}, {"width": 360, "scheme": "dark"}], ids=["wide and light", "narrow and dark"])
def test_an_address_is_copied_read_and_taken_back(signed_in, tess, look):
    visitor = signed_in(tess, **look)
    page = visitor.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.open("/therapist/feed/")
    visitor.look("Calendar feed")
    visitor.press("Make my address")
    visitor.look("Calendar feed")

    page.get_by_role("button", name="Copy").click()

    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = urlsplit(page.evaluate("navigator.clipboard.readText()")).path
    assert Program().get(copied).status_code == 200
    visitor.open("/therapist/feed/")
    visitor.look("Calendar feed")
    expect(page.get_by_text("Last read")).to_be_visible()
    visitor.press("Take the address back")
    expect(page.get_by_text("The address no longer works.")).to_be_visible()
    assert Program().get(copied).status_code == 404


def test_without_javascript_the_address_can_be_selected(signed_in, tess):
    visitor = signed_in(tess, width=320, script=False)
    visitor.open("/therapist/feed/")
    visitor.press("Make my address")

    address = visitor.page.get_by_role("textbox", name="Your address").input_value()
    assert Program().get(urlsplit(address).path).status_code == 200
    expect(visitor.page.get_by_role("button", name="Copy")).to_be_hidden()
