"""The desk finds whoever is on the phone: while typing, without script, and on a phone."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from playwright.sync_api import expect

from tests.booking.test_find_client import RIGHTS
from tests.factories import UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def desk(signed_in, practice, book_series):
    book_series(3)
    practice.finn.user_permissions.set(Permission.objects.filter(codename__in=RIGHTS))
    return lambda **options: signed_in(practice.finn, **options)


def test_whoever_is_on_the_phone_appears_while_the_name_is_typed(desk):
    visitor = desk(width=360, scheme="dark")
    visitor.open("/desk/")
    keyboard = visitor.page.keyboard
    keyboard.press("/")
    expect(visitor.page.get_by_role("searchbox", name="Find a client")).to_be_focused()
    keyboard.type("and/or")
    keyboard.press("Enter")
    box = visitor.page.get_by_role("searchbox", name="Name, e-mail or the end of a phone number")
    expect(box).to_have_value("and/or")
    visitor.page.wait_for_load_state()

    keyboard.press("/")
    keyboard.insert_text("okafro")  # all at once, so that it is asked for once

    row = visitor.page.get_by_role("main").get_by_role("listitem").filter(has_text="Ada Okafor")
    expect(row).to_contain_text("Tue 9 Mar, 9:00, Tess Oduya, 1 of 3")
    expect(visitor.page.locator("#found-said")).to_contain_text("1 client.")
    expect(box).to_be_focused()
    visitor.look("Find a client")
    assert "oka" not in visitor.page.url
    visitor.page.reload()
    expect(box).to_have_value("okafro")
    expect(row).to_be_visible()

    row.get_by_role("link", name="Book Ada Okafor").click()
    visitor.look("Book for Ada Okafor")


def test_nobody_is_found_without_script_and_it_says_so(desk):
    visitor = desk(script=False, width=360)
    visitor.open("/desk/")
    visitor.page.get_by_role("searchbox", name="Find a client").fill("xyzzy")

    visitor.press("Find")

    expect(visitor.page.get_by_role("heading", name="No client matches “xyzzy”")).to_be_visible()
    assert "xyzzy" not in visitor.page.url
    visitor.page.get_by_role("searchbox", name="Name").fill("0018")
    visitor.press("Find")
    expect(visitor.page.get_by_role("link", name="Move next Ada Okafor")).to_be_visible()


@pytest.fixture
def suggestions(signed_in, practice):
    visitor = signed_in(UserFactory(is_staff=True, is_superuser=True))
    visitor.open(f"/desk/clients/client/{practice.bo.pk}/change/")
    return visitor


def test_a_field_that_suggests_people_asks_without_naming_them_in_an_address(suggestions):
    asked = []
    suggestions.page.on("request", lambda request: asked.append(request.url))

    suggestions.page.locator("#id_user + .select2").click()
    suggestions.page.locator(".select2-search__field").press_sequentially("okafor")
    suggestions.page.get_by_role("option", name="Ada Okafor").click()

    expect(suggestions.page.locator("#id_user")).to_contain_text("Ada Okafor")
    assert any(url.endswith("/desk/autocomplete/") for url in asked)
    assert not any("oka" in url.lower() for url in asked)


def test_what_was_asked_before_and_is_answered_late_takes_no_name_off_the_list(suggestions):
    page, held = suggestions.page, []
    page.route("**/desk/autocomplete/", lambda route: route.continue_() if held else held.append(route))

    page.locator("#id_user + .select2").click()
    page.locator(".select2-search__field").press_sequentially("okafor")
    expect(page.get_by_role("option", name="Ada Okafor")).to_be_visible()
    held[0].fulfill(json={"results": [{"id": "1", "text": "Zoe Late"}], "pagination": {"more": False}})
    page.evaluate("() => fetch('/healthz')")

    expect(page.locator(".select2-results__option")).to_have_text(["Ada Okafor"])
