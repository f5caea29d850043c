"""Somebody stands at the desk: who is free first, now, and one click that books it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.urls import reverse

from booking.exceptions import SlotTaken
from booking.models import Appointment, AuditEntry, Notification
from booking.queries import moment_of
from booking.services.walk_in import book_walk_in, first_now
from clients.crypto import sealed_for_address
from tests.booking.conftest import fill_in
from tests.clients.answers import medicine
from tests.factories import ClientFactory
from therapists.models import MedicationPolicy, Room, TimeOff

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

#: A Tuesday; clients have to book two hours before.
TEN_PAST = datetime(2027, 3, 9, 9, 10, tzinfo=UTC)
QUARTER = datetime(2027, 3, 9, 9, 15, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(TEN_PAST, tick=False):
        yield


@pytest.fixture
def desk(client, practice):
    """Finn, who may book and lift a rule."""
    for codename in ("add_appointment", "view_appointment", "view_client"):
        practice.finn.user_permissions.add(Permission.objects.get(codename=codename))
    client.force_login(practice.finn)
    return client


def taken(practice, therapist, starts_at=QUARTER, **more):
    return Appointment.objects.create(
        client=ClientFactory(),
        therapist=therapist,
        treatment=practice.treatment,
        zone="Europe/London",
        local_date=starts_at.date(),
        local_time=starts_at.time(),
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=30),
        blocked_from=starts_at,
        blocked_until=starts_at + timedelta(minutes=40),
        price=1,
        **more,
    )


def soonest(practice, **more):
    found = first_now(practice.treatment, now=TEN_PAST, **more)
    return None if found is None else (found.therapist, moment_of(found.instant))


def test_the_first_start_is_the_next_of_the_grid_whatever_notice_clients_give(practice):
    assert soonest(practice) in {(practice.tess.pk, QUARTER), (practice.jonas.pk, QUARTER)}


def test_whoever_is_taken_away_or_at_their_cap_is_passed_by(practice):
    taken(practice, practice.tess)
    assert soonest(practice) == (practice.jonas.pk, QUARTER)

    TimeOff.objects.create(therapist=practice.jonas, starts_at=TEN_PAST, ends_at=TEN_PAST + timedelta(hours=8))
    assert soonest(practice) == (practice.tess.pk, QUARTER + timedelta(minutes=45))

    practice.tess.daily_sessions = 1
    practice.tess.save()
    assert soonest(practice) is None


def test_without_a_free_room_nobody_is_free(practice):
    for room, therapist in zip(practice.rooms, (practice.tess, practice.jonas), strict=True):
        taken(practice, therapist, room=room)
    assert soonest(practice)[1] == QUARTER + timedelta(minutes=45)

    Room.objects.update(is_active=False)
    assert soonest(practice) is None


def test_who_does_not_treat_this_client_is_passed_by(practice, intake, few_medicines):
    MedicationPolicy.objects.create(therapist=practice.tess, medication_class="ANTICOAG", stance="decline")
    fill_in(practice.ada, TEN_PAST, takes_any="yes", med_list=[medicine("Eliquis")])

    assert soonest(practice, client=practice.ada) == (practice.jonas.pk, QUARTER)
    taken(practice, practice.jonas)
    assert soonest(practice, client=practice.ada) == (practice.jonas.pk, QUARTER + timedelta(minutes=45))


def test_only_the_first_start_is_booked_and_not_another_that_was_asked_for(practice):
    taken(practice, practice.tess)
    asked = {"therapist": practice.jonas, "by": practice.finn, "now": TEN_PAST}

    with pytest.raises(SlotTaken):
        book_walk_in(practice.ada, practice.treatment, starts_at=QUARTER + timedelta(hours=1), **asked)

    assert book_walk_in(practice.ada, practice.treatment, starts_at=QUARTER, **asked).therapist == practice.jonas


def value(page):
    return page.content.decode().partition('name="take" value="')[2].partition('"')[0]


def page_of(client):
    return reverse("admin:walk_in_for", args=[client.pk])


def test_one_click_books_it_with_its_reason_and_the_client_is_told(desk, practice):
    shown = value(desk.get(page_of(practice.ada)))

    answer = desk.post(page_of(practice.ada), {"take": shown}, follow=True)

    session = Appointment.objects.get(client=practice.ada)
    assert session.starts_at == QUARTER
    assert "Booked: Ada Okafor at 9:15" in answer.content.decode()
    assert AuditEntry.objects.get(appointment=session).reason == "walk-in"
    assert Notification.objects.filter(appointment=session, kind="confirmation").exists()


def test_before_it_is_known_who_stands_there_it_shows_what_is_free_and_books_nothing(desk, practice):
    page = desk.get(reverse("admin:walk_in"))

    assert "9:15" in page.content.decode()
    assert value(page) == ""


def test_whoever_was_found_is_one_click_from_it(desk, practice):
    found = desk.get(reverse("admin:find_client"), {"q": sealed_for_address("Okafor")}).content.decode()

    assert page_of(practice.ada) in found


def test_what_is_taken_meanwhile_is_refused_with_what_is_free_now(desk, practice):
    shown = value(desk.get(page_of(practice.ada)))
    taken(practice, practice.tess)
    taken(practice, practice.jonas)

    answer = desk.post(page_of(practice.ada), {"take": shown})

    assert answer.status_code == 409
    assert "not free any more" in answer.content.decode()
    assert value(answer) not in ("", shown)
    assert not Appointment.objects.filter(client=practice.ada).exists()


@pytest.mark.parametrize("sent", [{}, {"take": "x"}, {"take": "1/2/3"}])
def test_what_was_not_offered_is_not_booked(desk, practice, sent):
    assert desk.post(page_of(practice.ada), sent).status_code == 409
    assert not Appointment.objects.exists()


@pytest.mark.parametrize("lacks", ["add_appointment", "override_rules"])
def test_who_may_not_book_or_lift_a_rule_sees_nothing_of_it(desk, practice, lacks):
    practice.finn.user_permissions.remove(Permission.objects.get(codename=lacks))

    assert desk.get(reverse("admin:walk_in")).status_code == 403
    assert desk.get(page_of(practice.ada)).status_code == 403
    assert "Walk-in" not in desk.get(reverse("admin:index")).content.decode()
    found = desk.get(reverse("admin:find_client"), {"q": sealed_for_address("Okafor")}).content.decode()
    assert page_of(practice.ada) not in found
