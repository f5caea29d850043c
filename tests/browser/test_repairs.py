"""A therapist falls ill: the desk sees what breaks and asks, the clients answer, the rest stands on the desk's list."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client as Session
from django.utils import timezone
from playwright.sync_api import expect

from booking.engine.recurrence import Course, Phase, Weekly
from booking.enums import RepairState
from booking.models import Appointment, Repair
from booking.notifications.delivery import send_due
from booking.services.appointments import book_appointment
from booking.services.holds import book_hold
from booking.services.promises import broken_promises
from booking.services.repairs import lapse_repairs
from booking.services.series import hold_course
from tests.factories import ClientFactory, UserFactory
from therapists.models import TimeOff

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NAMES = ["Bo Lindqvist", "Cleo Marsh", "Dana Wirth", "Emil Novak"]


def at(practice, day, hour):
    return datetime.combine(day, time(hour), practice.treatment.location.tz)


@pytest.fixture
def six(practice, tuesday, now):
    """Ada has a series of three Tuesdays with Tess, four others one session each on the first Tuesday."""
    weekly = Course(tuesday, (Phase(Weekly((1,)), count=3),), (540,), (practice.tess.pk,))
    hold = hold_course(weekly, practice.treatment, owner="a browser", now=now)
    book_hold(hold, client=practice.ada, key=uuid4(), by=practice.ada.user, now=now)
    others = [practice.bo, *(ClientFactory(user__name=name, user__email=f"{name[0]}@example.org".lower()) for name in NAMES[1:])]
    for n, client in enumerate(others):
        book_appointment(
            client=client,
            therapist=practice.tess,
            treatment=practice.treatment,
            starts_at=at(practice, tuesday, 10 + n),
            by=practice.finn,
            now=now,
        )
    send_due(now)
    return others


@pytest.fixture
def desk(visit, live_server):
    """Robin at the front desk, signed in."""

    def arrive(**facts):
        robin = UserFactory(name="Robin Vale", email="robin@example.org", is_staff=True, is_superuser=True)
        session = Session()
        session.force_login(robin)
        visitor = visit(**facts)
        cookie = session.cookies[settings.SESSION_COOKIE_NAME].value
        visitor.page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
        return visitor

    return arrive


def link_for(mailoutbox, address):
    """Where the button in the last mail to this address leads, without the site."""
    body = next(message.body for message in reversed(mailoutbox) if message.to == [address])
    return re.search(r"(/l/[\w-]+/)", body)[1]


def report_ill(robin, practice, tuesday):
    """Tess is away for the two weeks around the first two Tuesdays."""
    robin.open(f"/desk/therapists/timeoff/add/?therapist={practice.tess.pk}&kind=illness")
    for part, day in (("starts_at", tuesday - timedelta(days=8)), ("ends_at", tuesday + timedelta(days=14))):
        robin.page.locator(f"[name={part}_0]").fill(day.isoformat())
        robin.page.locator(f"[name={part}_1]").fill("00:00:00")
    robin.page.get_by_role("button", name="Save", exact=True).click()
    robin.page.wait_for_load_state()


def test_six_sessions_of_an_ill_therapist_end_accepted_or_on_the_desks_list(desk, visit, practice, six, tuesday, now, mailoutbox):
    robin = desk()
    report_ill(robin, practice, tuesday)
    robin.look("Sessions would break")
    expect(robin.page.get_by_text("6 sessions can no longer take place")).to_be_visible()
    assert not TimeOff.objects.exists()
    robin.press("Save and ask 5 clients")
    robin.page.get_by_role("link", name="See who has not answered").click()
    robin.look("Repairs")
    expect(robin.page.locator("#result_list tbody tr")).to_have_count(5)

    mailoutbox.clear()
    assert send_due(timezone.now()) == 5
    ada = visit(width=360)
    ada.open(link_for(mailoutbox, "ada@example.org"))
    ada.look("We have to change 2 sessions")
    ada.press("Take these 2 times")
    ada.look("Thank you")
    bo = visit(script=False)
    bo.open(link_for(mailoutbox, "bo@example.org"))
    bo.press("Take this time")
    expect(bo.page.get_by_role("heading", level=1)).to_contain_text("Thank you")
    cleo = visit()
    cleo.open(link_for(mailoutbox, "c@example.org"))
    cleo.page.get_by_text("Cancel without penalty").click()
    cleo.look("We have to change one session")
    cleo.press("Cancel this session")
    cleo.look("Cancelled, at no cost")

    lapse_repairs(timezone.now() + timedelta(days=2))
    robin.open("/desk/booking/repair/")
    expect(robin.page.locator("#result_list tbody tr")).to_have_count(2)
    robin.page.get_by_role("link", name="Dana Wirth").click()
    robin.look("View repair")
    robin.press("Look for a new proposal")
    robin.press("They take the proposal")
    expect(robin.page.get_by_text("Taken for the client")).to_be_visible()

    states = dict(Repair.objects.exclude(state=RepairState.SETTLED).values_list("client__name", "state"))
    assert states == {
        "Ada Okafor": "accepted",
        "Bo Lindqvist": "accepted",
        "Cleo Marsh": "cancelled",
        "Dana Wirth": "accepted",
        "Emil Novak": "lapsed",
    }
    assert broken_promises(timezone.now()) == {}
    away = Appointment.objects.filter(therapist=practice.tess, status="booked").exclude(replacements__repair__state="lapsed")
    assert list(away.values_list("local_date", flat=True)) == [tuesday + timedelta(weeks=2)]


def test_the_desk_can_confirm_without_script(desk, practice, six, tuesday):
    robin = desk(script=False)
    report_ill(robin, practice, tuesday)
    expect(robin.page.get_by_role("heading", level=1)).to_contain_text("Sessions would break")
    assert not TimeOff.objects.exists()

    robin.press("Save and ask 5 clients")

    expect(robin.page.get_by_text("5 clients were asked.")).to_be_visible()
    assert TimeOff.objects.count() == 1


def test_what_changed_meanwhile_is_shown_again_before_it_is_saved(desk, practice, six, tuesday, now):
    robin = desk()
    report_ill(robin, practice, tuesday)
    book_appointment(
        client=practice.bo,
        therapist=practice.tess,
        treatment=practice.treatment,
        starts_at=at(practice, tuesday, 15),
        by=practice.finn,
        now=timezone.now(),
    )

    robin.press("Save and ask 5 clients")

    robin.look("Sessions would break")
    expect(robin.page.get_by_role("alert")).to_contain_text("What breaks has changed since you looked")
    assert not TimeOff.objects.exists()
    robin.press("Save and ask 5 clients")
    expect(robin.page.get_by_text("5 clients were asked.")).to_be_visible()
    assert TimeOff.objects.count() == 1
    assert Repair.objects.count() == 5
