"""Somebody walks in: from the board to booked, by keyboard, and on a phone."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Permission
from playwright.sync_api import expect

from booking.models import Appointment

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

RIGHTS = ("view_appointment", "add_appointment", "override_rules", "view_client")


def test_by_keyboard_from_the_board_to_booked_whatever_the_typing(signed_in, with_form):
    with_form.finn.user_permissions.set(Permission.objects.filter(codename__in=RIGHTS))
    desk = signed_in(with_form.finn, width=360)
    desk.open("/desk/")

    desk.page.keyboard.press("w")
    desk.look("Walk-in")
    expect(desk.page.get_by_role("searchbox")).to_be_focused()
    desk.page.keyboard.insert_text("okafro")
    desk.page.keyboard.press("Enter")
    desk.page.get_by_role("link", name="Now Ada Okafor").press("Enter")
    desk.look("Walk-in: Ada Okafor")
    desk.page.get_by_role("button", name=re.compile("^Book ?: Two areas")).press("Enter")

    expect(desk.page.get_by_text(re.compile("Booked: Ada Okafor at 9:00 with"))).to_be_visible()
    assert Appointment.objects.get(client=with_form.ada).status == "booked"
