"""A call about a session: by keyboard, on a phone, without script, and how its pages look."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from playwright.sync_api import expect

from clients.crypto import sealed_for_address
from tests.booking.conftest import NINE
from tests.booking.test_desk_session import RIGHTS

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def call(signed_in, practice, book, book_series):
    """The page of the second of Ada's four sessions, found by her name."""
    book_series(4)
    book(client=practice.bo, starts_at=NINE + timedelta(weeks=1, hours=2))
    practice.finn.user_permissions.set(Permission.objects.filter(codename__in=RIGHTS))
    return lambda **options: signed_in(practice.finn, **options)


@pytest.mark.parametrize(("width", "scheme", "script"), [(1280, "light", False), (360, "dark", True)])
def test_the_caller_is_found_moved_given_away_and_cancelled_by_keyboard(call, practice, width, scheme, script):
    desk = call(width=width, scheme=scheme, script=script)
    page = desk.page
    desk.open(f"/desk/find/?q={sealed_for_address('okafor')}")
    page.get_by_role("link", name="Move next Ada Okafor").press("Enter")
    if script:
        desk.look("Ada Okafor, Two areas")

    page.get_by_label("at", exact=True).fill("09:05")
    page.get_by_role("button", name="Is it free?").press("Enter")
    answer = page.locator(".answer")
    expect(answer).to_contain_text("Tess does not start a session at 9:05 on Tuesday 9 March.")
    if script:
        desk.look("Ada Okafor, Two areas")
    answer.get_by_role("button", name=re.compile("Tue 9 Mar, 9:15, Tess")).press("Enter")
    expect(page.get_by_role("status").filter(has_text="moved it")).to_contain_text("to Tuesday 9 March, 9:15.")
    page.get_by_role("button", name="Undo").press("Enter")
    expect(page.get_by_text("Undone. Everything is as it was before")).to_be_visible()

    page.get_by_role("button", name="Give to them : Jonas Brandt").press("Enter")
    expect(page.get_by_role("status").filter(has_text="gave it")).to_contain_text("from Tess Oduya to Jonas Brandt.")

    page.get_by_role("link", name="This and the following").press("Enter")
    page.get_by_role("link", name=re.compile("^Wed 10")).press("Enter")
    page.get_by_role("group", name="Tess Oduya").get_by_role("button", name="10:00").press("Enter")
    if script:
        desk.look("Move 4 sessions of Ada Okafor?")
    page.get_by_role("button", name="Move these 4 sessions").press("Enter")
    expect(page.get_by_role("status").filter(has_text="moved it")).to_contain_text("to Wednesday 10 March, 10:00.")

    page.get_by_label("Reason", exact=True).fill("ill")
    page.get_by_role("button", name="Cancel this session").press("Enter")
    expect(page.get_by_role("status").filter(has_text="cancelled it")).to_contain_text("Reason: “ill”.")
    if script:
        desk.look("Ada Okafor, Two areas")
