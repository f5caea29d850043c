"""What somebody sees who asked for more than there is: a page in words, or a line above the page they are on."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("look", [{}, {"width": 360, "scheme": "dark"}], ids=["wide and light", "narrow and dark"])
def test_a_page_says_when_to_come_back(visit, practice, settings, look):
    settings.LIMITS = {"availability": (60, 0)}
    visitor = visit(**look)

    visitor.open("/")

    visitor.look("Please wait a moment")
    expect(visitor.page.get_by_role("alert")).to_contain_text("Please try again in a minute")


def test_a_page_that_htmx_is_changing_stays_as_it_is(visit, practice, settings):
    visitor = visit()
    visitor.open("/book/")
    settings.LIMITS = {"availability": (60, 0)}

    visitor.page.get_by_role("checkbox", name="Neck").check()

    expect(visitor.page.get_by_role("alert")).to_contain_text("what is held for you stays held")
    expect(visitor.page.locator("#choices")).to_be_visible()
