"""A call at the desk by keyboard and on a phone: somebody new is taken down, and a weekly course is booked for them."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Permission
from playwright.sync_api import expect

from booking.models import Series
from clients.crypto import sealed_for_address

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

RIGHTS = ("view_appointment", "add_appointment", "change_appointment", "view_client", "add_client", "override_rules")


def test_somebody_new_calls_and_gets_a_weekly_course(signed_in, with_form, book):
    with_form.finn.user_permissions.set(Permission.objects.filter(codename__in=RIGHTS))
    desk = signed_in(with_form.finn, width=360, scheme="dark")
    page = desk.page
    desk.open(f"/desk/find/?q={sealed_for_address('Mara Sand')}")
    page.get_by_role("link", name="New client").press("Enter")
    desk.look("New client")

    expect(page.get_by_label("E-mail")).to_be_focused()
    page.get_by_label("E-mail").fill("ada@example.org")
    expect(page.get_by_text("Perhaps it is one of these")).to_be_visible()
    desk.look("New client")
    page.get_by_label("E-mail").fill("mara@example.org")
    page.get_by_role("button", name="Take down and book").press("Enter")
    desk.look("Book for Mara Sand")

    page.get_by_label("How often").select_option("weekly")
    page.get_by_label("How many").fill("3")
    page.get_by_label("At", exact=True).fill("09:07")
    page.get_by_label("Day", exact=True).fill("2027-03-09")
    page.get_by_label("Day", exact=True).press("Enter")
    expect(page.get_by_text("not offered").first).to_be_visible()
    desk.look("Book for Mara Sand")
    page.get_by_role("button", name=re.compile("Tue 9 Mar, 9:00")).press("Enter")
    desk.look("3 dates at 9:00")
    page.get_by_role("link", name="Take these 3 dates").press("Enter")
    desk.look("Book for Mara Sand")
    page.get_by_role("button", name="Book 3 sessions").press("Enter")

    expect(page.get_by_text("Booked. Mara Sand is told of 3 sessions.")).to_be_visible()
    assert Series.objects.get().appointments.filter(client__name="Mara Sand").count() == 3
