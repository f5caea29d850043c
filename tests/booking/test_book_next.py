"""A therapist books what comes next for the client of a session, with the planner and the holds that clients use."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from booking.engine.planner import Start
from booking.engine.recurrence import Course, Phase, Weekly
from booking.enums import HoldState, NotificationKind, Scope
from booking.models import Appointment, Hold, Notification, Series
from booking.services.changes import sessions_in
from booking.services.holds import book_hold
from booking.services.replan import First, replan
from booking.services.series import hold_course
from clients.services.consents import health_data_question, record_agreement, withdraw_health_data
from tests.booking.conftest import NINE
from tests.booking.test_my_sessions import text
from tests.factories import ClientFactory, TreatmentFactory, UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

WEEK = timedelta(weeks=1)


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def hers(client, tess):
    client.force_login(tess)
    return client


@pytest.fixture
def ask(hers, practice):
    """Post the form after a session; by default for one session a week later at the same time."""

    def ask(after, **change):
        asked = {
            "treatment": practice.treatment.pk,
            "rhythm": "once",
            "count": 1,
            "on": (after.local_date + WEEK).isoformat(),
            "at": after.local_time.isoformat("minutes"),
        }
        return hers.post(reverse("booking:next", args=[after.pk]), asked | change)

    return ask


def confirm(browser, response, key=None):
    return browser.post(response["Location"], {"key": str(key or uuid4())})


def test_the_form_proposes_a_week_after_the_last_session_of_the_series(hers, book_series):
    sessions = book_series().appointments

    page = hers.get(reverse("booking:next", args=[sessions[0].pk])).content.decode()

    assert f'value="{sessions[-1].local_date + WEEK}"' in page
    assert 'value="09:00"' in page
    assert re.search(r'value="weekly"[^>]*checked', page)


def test_one_more_session_is_held_confirmed_and_told_to_the_client(hers, ask, book, practice):
    after = book()

    held = ask(after)
    page = hers.get(held["Location"])
    done = confirm(hers, held)

    assert "Book for Ada Okafor?" in text(page)
    assert done["Location"] == reverse("booking:therapist_session", args=[after.pk])
    assert "Booked. Ada Okafor is told of 1 session." in text(hers.get(done["Location"]))
    following = Appointment.objects.get(client=practice.ada, starts_at=NINE + WEEK)
    assert (following.therapist, following.series, following.request.client) == (practice.tess, None, practice.ada)
    assert Notification.objects.filter(kind=NotificationKind.CONFIRMATION, appointment=following).exists()


def test_a_course_goes_round_what_is_taken_and_is_booked_as_a_series_of_theirs(hers, ask, book, practice):
    after = book()
    book(client=practice.bo, starts_at=NINE + 2 * WEEK)

    held = ask(after, rhythm="weekly", count=3)
    plan = hers.get(held["Location"])
    done = confirm(hers, {"Location": reverse("booking:you", args=[Hold.objects.latest("expires_at").pk])})

    assert "3 dates at 9:00 For Ada Okafor" in text(plan)
    assert "My sessions" not in text(plan)  # the therapist's frame
    assert done.status_code == 302
    series = Series.objects.get(client=practice.ada)
    assert series.planned_dates.count() == 3
    assert set(series.planned_dates.values_list("outcome", flat=True)) == {"kept", "moved"}


@pytest.fixture
def lengthened(hers, ask, book_series):
    """A series of four weeks, and three more after it."""

    def lengthened(**change):
        booked = book_series(4)
        ask(booked.appointments[0], rhythm="weekly", count=3, on=(NINE + 4 * WEEK).date().isoformat(), **change)
        held = Hold.objects.get(state=HoldState.LIVE)
        page = hers.get(reverse("booking:you", args=[held.pk]))
        confirm(hers, {"Location": reverse("booking:you", args=[held.pk])})
        return booked.series, page

    return lengthened


def test_where_she_is_not_free_it_moves_and_a_plan_with_a_colleague_is_beside_it(hers, ask, book, practice):
    after = book()
    book(client=practice.bo, starts_at=NINE + 2 * WEEK)

    page = text(hers.get(ask(after, rhythm="weekly", count=2)["Location"]))

    held = Appointment.objects.filter(hold__state=HoldState.LIVE)
    assert {each.therapist for each in held} == {practice.tess}
    assert "Always 9:00" in page


class TestASeriesThatGoesOn:
    def test_is_still_one_series_with_the_next_positions(self, lengthened, practice):
        series, page = lengthened()

        assert "These dates go on after the 4 of the series." in text(page)
        assert Series.objects.get() == series
        assert [each.position for each in series.appointments.order_by("starts_at")] == [1, 2, 3, 4, 5, 6, 7]
        assert [each.position for each in series.planned_dates.all()] == [1, 2, 3, 4, 5, 6, 7]
        assert all(each.appointment.position == each.position for each in series.planned_dates.all())

    def test_is_lengthened_once_where_it_is_pressed_twice(self, book_series, practice, now):
        series = book_series(4).series
        weekly = Course((NINE + 4 * WEEK).date(), (Phase(Weekly((1,)), count=3),), (540,), (practice.tess.pk,))
        hold = hold_course(weekly, practice.treatment, owner="Tess", now=now, client=practice.ada)
        press = {"client": practice.ada, "key": uuid4(), "by": practice.finn, "now": now, "extending": series}

        first, second = book_hold(hold, **press), book_hold(hold, **press)

        assert (first.series, second.series, second.repeated) == (series, series, True)
        assert series.appointments.count() == 7
        assert len(Course.from_json(series.course).wishes) == 7

    def test_a_single_session_does_not_lengthen_it(self, hers, ask, book_series):
        series = book_series(4).series
        ask(series.appointments.first(), on=(NINE + 4 * WEEK).date().isoformat())

        confirm(hers, {"Location": reverse("booking:you", args=[Hold.objects.get(state=HoldState.LIVE).pk])})

        assert series.appointments.count() == 4
        assert Appointment.objects.real().filter(series=None, starts_at=NINE + 4 * WEEK - timedelta(hours=1)).exists()

    def test_is_told_of_in_a_confirmation_of_its_own(self, lengthened, practice):
        series, _page = lengthened()

        first, second = Notification.objects.filter(series=series, kind=NotificationKind.CONFIRMATION).order_by("sequence")

        assert (first.sequence, second.sequence) == (0, 4)

    def test_moves_and_is_cancelled_as_one(self, lengthened, practice, now):
        series, _page = lengthened()
        fifth = series.appointments.get(position=5)

        at_ten = First(Start(practice.tess.pk, fifth.local_date, 600), practice.tess.pk)

        plan = replan(sessions_in(fifth, Scope.FOLLOWING, now=now), at_ten, others=[], now=now)

        assert [each.session.position for each in plan.dates] == [5, 6, 7]
        assert [each.planned.placed.minute for each in plan.dates] == [600] * 3

    def test_another_treatment_is_a_series_of_its_own(self, lengthened, practice):
        other = TreatmentFactory(location=practice.tess.location, by=[practice.tess], in_rooms=practice.rooms)

        series, page = lengthened(treatment=other.pk)

        assert "go on after" not in text(page)
        assert Series.objects.exclude(pk=series.pk).get().treatment == other
        assert series.appointments.count() == 4


def test_a_therapist_is_not_bound_by_the_notice_and_the_grid_of_clients(hers, ask, book, practice, now):
    after = book()
    soon = timezone.localtime(now) + timedelta(minutes=67)  # clients give two hours of notice, and start at quarters

    held = ask(after, on=soon.date().isoformat(), at=f"{soon:%H:%M}")
    confirm(hers, held)

    assert Appointment.objects.real().filter(client=practice.ada, starts_at=soon).exists()


def test_what_is_over_cannot_be_booked(ask, book, now):
    gone = timezone.localtime(now) - timedelta(days=3)

    assert ask(book(), on=gone.date().isoformat(), at="10:00").status_code == 409
    assert not Hold.objects.exists()


def test_pressed_twice_it_is_booked_once(hers, ask, book, practice):
    after, key = book(), uuid4()
    held = ask(after)

    first, second = confirm(hers, held, key), confirm(hers, held, key)

    assert first["Location"] == second["Location"]
    assert Appointment.objects.real().filter(client=practice.ada).count() == 2


def test_a_time_that_is_taken_says_so_and_what_is_free_that_day(ask, book, practice):
    after = book()
    book(client=practice.bo, starts_at=NINE + WEEK)

    refused = ask(after)

    assert refused.status_code == 409
    assert "Free with you on that day: 9:45, 10:00" in text(refused)
    assert not Hold.objects.exists()


def test_after_ten_minutes_it_can_be_held_once_more_in_the_therapists_frame(hers, ask, book, clock, now):
    held = ask(book())
    clock.move_to(now + timedelta(minutes=11))

    over = hers.get(held["Location"])
    again = hers.post(re.search(r'action="([^"]*again[^"]*)"', over.content.decode())[1])

    assert over.status_code == 409
    assert "My clients" in text(over)
    assert hers.get(again["Location"]).status_code == 200


def test_a_client_whose_agreement_is_withdrawn_is_refused_in_words(hers, ask, intake, book, practice, now):
    after = book()
    record_agreement(practice.ada, health_data_question(), by=practice.ada.user, now=now)
    withdraw_health_data(practice.ada, now=now)
    held = ask(after)

    refused = confirm(hers, held) if held.status_code == 302 else held

    assert refused.status_code == 409
    assert Appointment.objects.real().filter(client=practice.ada, starts_at=NINE + WEEK).count() == 0


def test_nothing_of_it_is_for_anybody_else(ask, hers, book, practice):
    theirs = book(client=practice.bo, therapist=practice.jonas)
    held = ask(book())
    stranger, other = Browser(), Browser()
    practice.jonas.user = UserFactory(name="Jonas Brandt", email="jonas@example.org")
    practice.jonas.save()
    other.force_login(practice.jonas.user)

    assert hers.get(reverse("booking:next", args=[theirs.pk])).status_code == 404
    for browser in (stranger, other):
        assert browser.get(held["Location"]).status_code == 404
        assert confirm(browser, held).status_code == 404


def test_who_no_longer_treats_them_can_book_nothing_more(hers, ask, book, practice):
    after = book()
    held = ask(after)
    Appointment.objects.filter(pk=after.pk).update(client=ClientFactory())
    Appointment.objects.filter(pk=after.pk).update(therapist=practice.jonas)

    assert confirm(hers, held).status_code == 404


@pytest.mark.parametrize(
    "wrong", [{"count": 0}, {"count": 99}, {"on": ""}, {"at": "late"}, {"rhythm": "yearly"}, {"treatment": ""}]
)
def test_what_is_missing_is_named(ask, book, wrong):
    assert ask(book(), **wrong).status_code == 422
