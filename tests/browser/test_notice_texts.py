"""The desk puts a message in its own words and sees it while it writes."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from booking.models import NoticeText
from tests.factories import UserFactory

pytestmark = pytest.mark.browser

LIST = "admin:booking_noticetext_changelist"


@pytest.fixture
def manager(practice):
    return UserFactory(name="Robin Vale", email="robin@example.org", is_staff=True, is_superuser=True)


def seen(desk):
    """The mail, inside the page that shows it, inside the page on which it is written."""
    return desk.page.frame_locator("iframe").frame_locator("iframe")


def test_a_mail_is_shown_while_its_words_are_typed_and_the_way_back_stays_short(manager, signed_in):
    desk = signed_in(manager)
    desk.open(reverse(LIST))
    desk.look("Texts of messages")
    desk.page.get_by_role("link", name="reminder: e-mail").click()
    desk.look("Add text of a message")
    expect(seen(desk).get_by_role("heading", level=1)).to_contain_text("Alexandra")

    heading = desk.page.get_by_label("Heading")
    heading.fill("Soon, {name}")
    expect(seen(desk).get_by_role("heading", level=1)).to_have_text("Soon, Alexandra")
    heading.fill("Soon, {client}")
    expect(desk.page.frame_locator("iframe").get_by_role("alert")).to_contain_text("{client} is not known here")
    heading.fill("Soon, {name}!")
    expect(seen(desk).get_by_role("heading", level=1)).to_have_text("Soon, Alexandra!")
    desk.look("Add text of a message")

    desk.page.go_back()
    desk.look("Texts of messages")


def test_a_text_message_asks_for_nothing_that_it_cannot_have(manager, signed_in):
    desk = signed_in(manager, width=360, scheme="dark")
    desk.open(reverse(LIST))
    desk.page.get_by_role("link", name="reminder: text message").click()

    expect(desk.page.get_by_label("Heading")).to_be_hidden()
    desk.page.get_by_label("Opening").fill("Soon, {name}: {when}")
    expect(desk.page.frame_locator("iframe").get_by_text("Soon, Alexandra: Mon 8 Feb, 9:00")).to_be_visible()
    expect(desk.page.frame_locator("iframe").get_by_text("counted as one message")).to_be_visible()
    desk.look("Add text of a message")
    desk.press("^Save$")

    expect(desk.page.get_by_role("heading", level=1)).to_contain_text("Texts of messages")
    assert NoticeText.objects.get().opening == "Soon, {name}: {when}"


def test_without_javascript_a_button_shows_it_and_nothing_typed_is_lost(manager, signed_in):
    desk = signed_in(manager, script=False)
    desk.open(reverse(LIST))
    desk.page.get_by_role("link", name="confirmation: e-mail").click()
    desk.page.get_by_label("Subject").fill("{practice}: {when}")
    desk.page.get_by_label("with several sessions").check()
    desk.page.get_by_role("button", name="Show preview").click()

    preview = desk.page.frame_locator("iframe")
    expect(preview.get_by_text("Linden Street Practice: 4 sessions, the first on Monday 8 February at 9:00")).to_be_visible()
    expect(desk.page.get_by_label("Subject")).to_have_value("{practice}: {when}")
    desk.press("^Save$")

    expect(desk.page.get_by_role("heading", level=1)).to_contain_text("Texts of messages")
    assert NoticeText.objects.get().subject == "{practice}: {when}"
