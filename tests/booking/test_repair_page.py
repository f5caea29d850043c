"""The page of a repair: who may see it, that looking changes nothing, and every state it can be in."""

from __future__ import annotations

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
import time_machine
from django.test import Client as Browser
from django.urls import reverse

from booking.enums import AppointmentStatus, RepairState
from booking.models import Appointment, Hold, Notification, Repair, Replacement
from booking.notifications.delivery import send_due
from booking.services.changes import cancel_sessions
from booking.services.repairs import change_rules, foresee, lapse_repairs, settle_repair
from booking.views.repairs import repairs_waiting
from tests.booking.conftest import NINE
from therapists.models import Closure, TimeOff

pytestmark = pytest.mark.integration

WEEK = timedelta(weeks=1)


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


def save(change, practice, now):
    agreed = foresee(change, now=now).signature
    change_rules(change, cause=lambda: "Tess Oduya: illness", by=practice.finn, now=now, agreed=agreed)


@pytest.fixture
def asked(book, practice, now, mailoutbox):
    """Ada is asked about one session with Tess, who is away for weeks; Jonas has the same time."""
    session = book()
    send_due(now)
    mailoutbox.clear()
    save(
        lambda: TimeOff.objects.create(therapist=practice.tess, starts_at=NINE - 2 * WEEK, ends_at=NINE + 2 * WEEK),
        practice,
        now,
    )
    send_due(now)
    repair = Repair.objects.get()
    link = re.search(r"(/l/[\w-]+/)", mailoutbox[-1].body)[1]
    return SimpleNamespace(repair=repair, session=session, link=link, page=reverse("booking:repair", args=[repair.pk]))


def state_of_all():
    return [list(model.objects.order_by("pk").values()) for model in (Appointment, Hold, Repair, Replacement, Notification)]


def test_the_link_leads_to_the_question_and_looking_changes_nothing(client, asked):
    before = state_of_all()

    response = client.get(asked.link, follow=True)

    page = response.content.decode()
    assert response.redirect_chain[-1][0] == asked.page
    assert "We have to change one session" in page
    assert "Jonas Brandt" in page
    assert "Instead of Tue 9 Mar, 9:00, Tess Oduya." in page
    assert "Tess is away on Tuesday 9 March." in page
    assert "illness" not in page
    assert state_of_all() == before


def test_nobody_else_finds_the_page(client, practice, asked):
    client.force_login(practice.bo.user)

    assert client.get(asked.page).status_code == 404
    assert client.post(asked.page, {"answer": "accept"}).status_code == 404


def test_one_press_takes_it_and_a_second_press_shows_the_same(client, asked, practice):
    client.get(asked.link)

    for _ in range(2):
        page = client.post(asked.page, {"answer": "accept"}, follow=True).content.decode()
        assert "Thank you, Ada." in page

    asked.session.refresh_from_db()
    assert (asked.session.therapist, asked.session.starts_at) == (practice.jonas, NINE)


def test_who_only_has_the_link_is_not_recorded_as_the_client(client, asked, practice):
    client.get(asked.link)
    client.post(asked.page, {"answer": "accept"})

    asked.repair.refresh_from_db()
    assert (asked.repair.state, asked.repair.by) == (RepairState.ACCEPTED, None)
    assert {change.by for change in practice.ada.changes.all()} == {None}


def test_the_free_way_out_is_there_inside_the_deadline_too(client, asked, practice, clock, now):
    """Choosing another time, or cancelling, from the list of sessions: what the practice broke is never late."""
    clock.move_to(NINE - timedelta(hours=3))
    client.get(asked.link)

    move = client.get(reverse("booking:move", args=[asked.session.pk])).content.decode()
    assert "it is too late to move it here" not in move
    assert "Free to move until" not in move
    cancel = client.get(reverse("booking:cancel", args=[asked.session.pk])).content.decode()
    assert "recorded as cancelled late" not in cancel
    assert "Free until" not in cancel

    settle_repair(asked.repair, by=practice.finn, now=now)
    assert "it is too late to move it here" in client.get(reverse("booking:move", args=[asked.session.pk])).content.decode()


def test_what_was_cancelled_otherwise_is_neither_counted_nor_shown_as_taken(client, book, practice, now):
    sessions = [book(), book(starts_at=NINE + timedelta(hours=1)), book(starts_at=NINE + timedelta(hours=2))]
    save(
        lambda: TimeOff.objects.create(therapist=practice.tess, starts_at=NINE, ends_at=NINE + timedelta(hours=8)), practice, now
    )
    page = reverse("booking:repair", args=[Repair.objects.get().pk])
    client.force_login(practice.ada.user)
    assert "We have to change 3 of your sessions." in client.get(reverse("booking:sessions")).content.decode()

    cancel_sessions(sessions[:1], by=practice.ada.user, now=now)

    listed = client.get(reverse("booking:sessions")).content.decode()
    assert "We have to change 2 of your sessions. We hold a proposal for you until" in " ".join(listed.split())
    taken = client.post(page, {"answer": "accept"}, follow=True).content.decode()
    assert "Your 2 sessions have moved." in taken


def test_what_is_over_is_not_asked_about_any_more(client, asked, clock, practice):
    clock.move_to(NINE - timedelta(minutes=1))
    client.force_login(practice.ada.user)
    assert "We have to change one of your sessions." in client.get(reverse("booking:sessions")).content.decode()

    clock.move_to(NINE)

    assert "We have to change" not in client.get(reverse("booking:sessions")).content.decode()


def test_cancelling_names_the_date_and_costs_nothing(client, asked):
    client.get(asked.link)
    assert "Tue 9 Mar, 9:00, Tess Oduya" in client.get(asked.page).content.decode()

    page = client.post(asked.page, {"answer": "cancel"}, follow=True).content.decode()

    assert "Cancelled, at no cost" in page
    asked.session.refresh_from_db()
    assert asked.session.status == AppointmentStatus.CANCELLED


def test_when_the_time_is_over_the_page_says_so_and_offers_the_other_ways(client, asked, clock, now):
    client.get(asked.link)
    clock.move_to(now + timedelta(days=1))
    lapse_repairs(now + timedelta(days=1))

    response = client.post(asked.page, {"answer": "accept"})

    page = response.content.decode()
    assert response.status_code == 409
    assert "We could not hold these times any longer" in page
    assert "Take this time" not in page
    assert reverse("booking:sessions") in page
    assert "Cancelled, at no cost" in client.post(asked.page, {"answer": "cancel"}, follow=True).content.decode()


def test_a_session_of_ones_own_in_the_way_is_said_and_nothing_moves(client, book, practice, now):
    book()
    save(
        lambda: TimeOff.objects.create(therapist=practice.tess, starts_at=NINE, ends_at=NINE + timedelta(hours=8)), practice, now
    )
    repair = Repair.objects.get()
    book(therapist=practice.jonas, starts_at=repair.replacements.get().starts_at)
    client.force_login(practice.ada.user)

    response = client.post(reverse("booking:repair", args=[repair.pk]), {"answer": "accept"})

    assert response.status_code == 409
    assert "You already have a session at this time" in response.content.decode()
    assert Appointment.objects.get(therapist=practice.tess, status="booked").starts_at == NINE
    assert Repair.objects.get().state == RepairState.OPEN


def test_a_date_without_replacement_is_named_and_cannot_be_taken(client, book, practice, now):
    book()
    shut = lambda: Closure.objects.create(  # noqa: E731
        location=practice.tess.location, name="Flood", starts_at=NINE - 2 * WEEK, ends_at=NINE + 2 * WEEK
    )
    save(shut, practice, now)
    client.force_login(practice.ada.user)

    page = client.get(reverse("booking:repair", args=[Repair.objects.get().pk])).content.decode()

    assert "Not possible" in page
    assert "The practice is closed on Tuesday 9 March (Flood)." in page
    assert "Take this time" not in page


def test_dates_still_open_after_the_others_were_taken_are_named(client, book_series, practice, now, clock):
    booked = book_series(count=2)
    second = booked.appointments[1].starts_at

    def shut():
        TimeOff.objects.create(therapist=practice.tess, starts_at=NINE, ends_at=NINE + timedelta(hours=8))
        Closure.objects.create(
            location=practice.tess.location, name="Flood", starts_at=NINE + timedelta(hours=8), ends_at=second + timedelta(days=7)
        )

    save(shut, practice, now)
    client.force_login(practice.ada.user)
    address = reverse("booking:repair", args=[Repair.objects.get().pk])

    page = client.post(address, {"answer": "accept"}, follow=True).content.decode()

    assert "Thank you, Ada. One session is still open." in page
    assert "These are yours now" in page
    assert "Take this time" not in page
    clock.move_to(now + timedelta(days=1))
    lapse_repairs(now + timedelta(days=1))
    assert "We could not hold" not in client.get(address).content.decode()


def test_a_newer_proposal_takes_the_place_of_an_older_link(client, asked, book, practice, now):
    client.get(asked.link)
    client.force_login(practice.ada.user)
    save(
        lambda: TimeOff.objects.create(therapist=practice.jonas, starts_at=NINE, ends_at=NINE + WEEK),
        practice,
        now + timedelta(minutes=1),
    )

    page = client.get(asked.page).content.decode()

    newer = Repair.objects.unsettled().get()
    assert "There is a newer proposal" in page
    assert reverse("booking:repair", args=[newer.pk]) in page


def test_a_session_that_could_take_place_after_all_says_so(client, asked):
    TimeOff.objects.all().delete()

    page = client.get(asked.link, follow=True).content.decode()

    assert "it could take place as booked after all" in page


def test_what_the_desk_settled_needs_no_answer(client, asked, practice, now):
    settle_repair(asked.repair, by=practice.finn, now=now)

    page = client.get(asked.link, follow=True).content.decode()

    assert "This is settled" in page
    assert "Take this time" not in page


def test_my_sessions_can_say_what_waits_for_an_answer(rf, asked, practice, now):
    request = rf.get("/")
    request.session = {}
    request.user = practice.ada.user
    assert repairs_waiting(request, now) == [asked.repair]

    request.user = practice.bo.user
    assert repairs_waiting(request, now) == []


def test_a_post_without_a_token_of_the_form_is_refused(asked, practice):
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(practice.ada.user)

    assert browser.post(asked.page, {"answer": "accept"}).status_code == 403
