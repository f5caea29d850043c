"""Nothing suits a caller: the desk puts them on the waitlist, and takes them off it."""

from __future__ import annotations

from datetime import date

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.urls import reverse

from booking.enums import WishState
from booking.models import WaitlistEntry
from booking.services.waitlist import wish
from clients.crypto import sealed_for_address
from tests.booking.test_desk_session import words

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

RIGHTS = ("view_client", "add_waitlistentry", "change_waitlistentry", "view_appointment", "add_appointment")
SATURDAY, SUNDAY = date(2027, 3, 13), date(2027, 3, 14)


@pytest.fixture
def desk(client, practice, now):
    with time_machine.travel(now, tick=False):
        practice.finn.user_permissions.set(Permission.objects.filter(codename__in=RIGHTS))
        client.force_login(practice.finn)
        yield client


@pytest.fixture
def page(practice):
    return reverse("admin:wait_for", args=[practice.bo.pk])


@pytest.fixture
def wants(practice):
    """What is posted for somebody who wants the treatment on a weekend, on which nobody works."""
    return {"treatment": practice.treatment.pk, "part": "morning", "earliest_on": SATURDAY, "latest_on": SUNDAY}


def test_a_caller_waits_for_what_was_looked_at_in_vain(desk, page, practice):
    shown = desk.get(page, {"treatment": practice.treatment.pk, "therapist": practice.tess.pk, "day": SATURDAY}).context["form"]

    assert shown.initial["therapists"] == [str(practice.tess.pk)]
    assert (shown.initial["earliest_on"], shown.initial["latest_on"]) == (SATURDAY, SATURDAY)


def test_a_caller_is_put_on_the_list_and_the_desk_is_back_at_the_day(desk, page, wants, practice):
    answer = desk.post(page, wants, follow=True)

    entry = WaitlistEntry.objects.get()
    assert (entry.client, entry.by, entry.state, entry.earliest_on) == (practice.bo, practice.finn, WishState.WAITING, SATURDAY)
    assert answer.redirect_chain == [(reverse("admin:index"), 302)]
    assert "Bo Lindqvist is on the waiting list, and hears from us when such a time becomes free." in words(answer)


def test_where_such_a_time_is_free_already_it_is_shown_while_they_are_on_the_phone(desk, page, wants, practice):
    answer = desk.post(page, wants | {"earliest_on": date(2027, 3, 9)}, follow=True)

    assert "a time like this is free now: Tuesday 9 March, 9:00." in words(answer)
    assert "Book for Bo Lindqvist" in words(answer)


def test_what_no_time_could_meet_is_said_and_nobody_waits(desk, page, wants):
    answer = desk.post(page, wants | {"earliest_on": SUNDAY, "latest_on": SATURDAY})

    assert answer.status_code == 422
    assert "The last day is before the first." in words(answer)
    assert not WaitlistEntry.objects.exists()


def test_a_wish_is_taken_off_the_list_but_only_this_clients(desk, page, practice, now):
    days = {"earliest_on": SATURDAY, "latest_on": SUNDAY}
    his, hers = (
        wish(client=each, treatment=practice.treatment, by=None, now=now, **days) for each in (practice.bo, practice.ada)
    )

    assert desk.post(page, {"off": hers.pk}).status_code == 404
    assert desk.post(page, {"off": "nonsense"}).status_code == 404
    answer = desk.post(page, {"off": his.pk}, follow=True)

    assert f"Bo Lindqvist no longer waits for {practice.treatment}." in words(answer)
    states = dict(WaitlistEntry.objects.values_list("client__name", "state"))
    assert states == {"Bo Lindqvist": WishState.WITHDRAWN, "Ada Okafor": WishState.WAITING}


@pytest.mark.parametrize("missing", ["view_client", "add_waitlistentry", "change_waitlistentry"])
def test_only_for_whoever_may(desk, page, wants, practice, missing):
    practice.finn.user_permissions.remove(Permission.objects.get(codename=missing))

    assert desk.post(page, wants).status_code == 403
    assert not WaitlistEntry.objects.exists()
    found = words(desk.get(reverse("admin:find_client"), {"q": sealed_for_address("lindqvist")}))
    assert "Waiting list Bo Lindqvist" not in found
