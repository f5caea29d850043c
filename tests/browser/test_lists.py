"""The lists are worked off in a browser: on a large screen, on a phone, and without script."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from playwright.sync_api import expect

from booking.enums import AppointmentStatus, NotificationKind
from booking.models import Appointment, Notification

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HOUR = timedelta(hours=1)
RIGHTS = (
    "view_appointment",
    "change_appointment",
    "view_client",
    "view_repair",
    "view_offer",
    "view_notification",
    "change_notification",
)


@pytest.fixture
def desk(signed_in, practice, book, now):
    """Two sessions of tomorrow that nobody confirmed, and a reminder that did not arrive."""
    practice.finn.user_permissions.set(Permission.objects.filter(codename__in=RIGHTS))
    tomorrow = now + timedelta(days=1)
    ada = book(starts_at=tomorrow.replace(hour=9))
    book(client=practice.bo, starts_at=tomorrow.replace(hour=10))
    facts = {"client": ada.client, "appointment": ada, "recipient": "ada@example.org", "state": "failed"}
    Notification.objects.create(kind=NotificationKind.REMINDER, created_at=now - HOUR, due_at=now - HOUR, **facts)
    return lambda **options: signed_in(practice.finn, **options)


@pytest.mark.parametrize("options", [{}, {"width": 360, "script": False}, {"scheme": "dark"}])
def test_sessions_are_confirmed_together_and_the_next_list_is_opened(desk, options):
    visitor = desk(**options)
    visitor.open("/desk/to-do/")
    visitor.page.get_by_role("link", name="Tick all").click()
    expect(visitor.page.get_by_role("checkbox", name="Choose Bo Lindqvist")).to_be_checked()
    if options.get("script", True):
        visitor.look("To do")

    visitor.press("Confirm the chosen")

    expect(visitor.page.get_by_text("2 confirmed.")).to_be_visible()
    assert set(Appointment.objects.values_list("status", flat=True)) == {AppointmentStatus.CONFIRMED}
    visitor.page.get_by_role("navigation", name="Lists").get_by_role("link", name="1 Notices not delivered").click()
    visitor.page.get_by_role("link", name="Ada Okafor").click()
    expect(visitor.page.get_by_text("ada@example.org").first).to_be_visible()
