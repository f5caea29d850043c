"""When a session asks its client something: what changed, before it; how it was, after it; and for how long answers are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from booking.enums import AppointmentStatus, Light
from booking.models import Appointment
from booking.services.asking import clients_here_since, follow_ups, sessions_that_ask
from booking.services.changes import cancel_sessions
from booking.services.intake import light_of, lights_of
from clients.models import Response
from clients.services.consents import withdraw_health_data
from clients.services.responses import open_response, save_section, submit_response
from tests.booking.conftest import NINE, fill_in
from tests.clients.answers import WELL
from tests.factories import ClientFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
NOTHING_NEW = {"changed": "no", "last_reaction": "better", "soreness_now": 0}


def send(client, kind, session, at, **answers):
    response = open_response(client, kind, now=at, session_on=session.local_date)
    save_section(response, WELL | answers, now=at)
    submit_response(response, by=client.user, on=session.local_date, now=at)
    return response


@pytest.fixture
def weekly(intake, book, practice, now):
    """Ada sent the whole form, was here on Tuesday 9 March, and comes on the next two Tuesdays at nine."""
    fill_in(practice.ada, now)
    return [book(starts_at=NINE + number * WEEK) for number in range(3)]


def asking(sessions, at):
    """Which of the sessions ask at a moment, by their number."""
    found = sessions_that_ask(sessions, now=at)
    return [number for number, session in enumerate(sessions) if session.pk in found]


class TestBefore:
    def test_the_first_session_after_the_whole_form_asks_nothing(self, weekly):
        assert asking(weekly, NINE - HOUR) == []

    def test_a_later_one_asks_from_three_days_before_until_it_begins(self, weekly):
        midnight = datetime(2027, 3, 13, tzinfo=UTC)

        assert asking(weekly, midnight - timedelta(minutes=1)) == []
        assert asking(weekly, midnight) == [1]
        assert asking(weekly, NINE + WEEK - timedelta(minutes=1)) == [1]
        assert asking(weekly, NINE + WEEK) == []

    def test_one_booked_at_short_notice_asks_at_once(self, weekly, book):
        at = NINE + 2 * DAY
        soon = book(starts_at=at + 2 * HOUR, now=at)

        assert asking([*weekly, soon], at) == [3]

    def test_of_daily_sessions_only_the_next_asks(self, weekly, book):
        days = [book(starts_at=NINE + number * DAY, now=NINE) for number in (1, 2)]

        assert asking(days, NINE + HOUR) == [0]
        assert asking(days, NINE + DAY + HOUR) == [1]

    def test_once_answered_it_asks_no_more_but_the_next_does(self, weekly, practice):
        send(practice.ada, "every", weekly[1], NINE + 6 * DAY, **NOTHING_NEW)

        assert asking(weekly, NINE + 6 * DAY) == []
        assert asking(weekly, NINE + 13 * DAY) == [2]

    def test_a_whole_form_sent_since_the_last_session_speaks_for_the_next(self, weekly, practice):
        fill_in(practice.ada, NINE + DAY)

        assert asking(weekly, NINE + 6 * DAY) == []

    @pytest.mark.parametrize(("status", "asks"), [("no_show", []), ("cancelled", []), ("done", [1]), ("booked", [1])])
    def test_a_session_that_did_not_take_place_is_no_earlier_one(self, weekly, status, asks):
        Appointment.objects.filter(pk=weekly[0].pk).update(status=status)

        assert asking(weekly, NINE + 6 * DAY) == asks

    def test_neither_a_cancelled_one_nor_one_whose_whole_form_is_due_asks(self, weekly, practice, intake):
        cancel_sessions([weekly[1]], by=practice.finn, now=NINE + DAY)
        weekly[1].refresh_from_db()
        assert asking(weekly, NINE + 6 * DAY) == []

        intake.valid_days = 30
        intake.save()
        assert asking(weekly, NINE + 13 * DAY) == []

    def test_nobody_who_withdrew_is_asked(self, weekly, practice):
        withdraw_health_data(practice.ada, now=NINE + DAY)

        assert asking(weekly, NINE + 6 * DAY) == []

    @pytest.mark.parametrize("count", [1, 3])
    def test_many_sessions_take_as_many_queries_as_one(self, intake, book, now, count, django_assert_num_queries):
        clients = [ClientFactory() for _ in range(count)]
        sessions = []
        for number, client in enumerate(clients):
            fill_in(client, now)
            book(client=client, starts_at=NINE + number * HOUR)
            sessions.append(book(client=client, starts_at=NINE + WEEK + number * HOUR))

        with django_assert_num_queries(3):
            assert len(sessions_that_ask(sessions, now=NINE + 6 * DAY)) == count


class TestTheLight:
    def test_waits_while_it_is_asked_and_shows_what_was_said_then(self, weekly, practice):
        at = NINE + 6 * DAY
        assert light_of(weekly[1], now=at) == lights_of(weekly, now=at)[weekly[1].pk] == Light.WAITING

        send(practice.ada, "every", weekly[1], at, **NOTHING_NEW | {"pain_now": 7})

        assert light_of(weekly[1], now=at) == lights_of(weekly, now=at)[weekly[1].pk] == Light.ADJUSTED

    def test_what_was_said_about_another_day_shows_nowhere_else(self, weekly, practice):
        send(practice.ada, "every", weekly[1], NINE + 6 * DAY, **NOTHING_NEW | {"pain_now": 7})
        at = NINE + WEEK + HOUR

        assert light_of(weekly[2], now=at) == lights_of(weekly, now=at)[weekly[2].pk] == Light.READY

    def test_an_emergency_sign_stops_every_session_and_is_not_taken_back_by_the_next_form(self, weekly, practice):
        send(practice.ada, "every", weekly[1], NINE + 6 * DAY, **NOTHING_NEW | {"chest_breath": "unsure"})
        at = NINE + WEEK + HOUR
        assert light_of(weekly[2], now=at) == lights_of(weekly, now=at)[weekly[2].pk] == Light.ON_HOLD

        send(practice.ada, "every", weekly[2], NINE + 13 * DAY, **NOTHING_NEW)

        assert light_of(weekly[2], now=NINE + 13 * DAY) == Light.ON_HOLD


class TestAfter:
    def test_is_asked_from_the_next_day_for_fourteen_days(self, weekly, practice):
        ada = practice.ada

        assert follow_ups(ada, now=NINE + HOUR) == []
        assert follow_ups(ada, now=datetime(2027, 3, 10, tzinfo=UTC)) == [weekly[0]]
        assert follow_ups(ada, now=datetime(2027, 3, 23, 23, 59, tzinfo=UTC))[-1] == weekly[0]
        assert weekly[0] not in follow_ups(ada, now=datetime(2027, 3, 24, tzinfo=UTC))

    def test_is_not_asked_once_told_nor_of_a_session_that_was_missed(self, weekly, practice):
        at = NINE + 8 * DAY
        Appointment.objects.filter(pk=weekly[1].pk).update(status=AppointmentStatus.NO_SHOW)
        assert follow_ups(practice.ada, now=at) == [weekly[0]]

        send(practice.ada, "after", weekly[0], at, f_pain=2, f_change="2", f_effects=["none"])

        assert follow_ups(practice.ada, now=at) == []

    def test_is_asked_of_nobody_who_did_not_agree(self, intake, book, practice):
        book()

        assert follow_ups(practice.ada, now=NINE + DAY) == []


class TestForgetting:
    def test_answers_stay_until_years_after_the_last_session(self, weekly, practice):
        limit = weekly[2].ends_at
        assert clients_here_since(limit) == {practice.ada.pk}
        assert clients_here_since(limit + timedelta(seconds=1)) == set()

    def test_a_cancelled_session_keeps_nothing(self, weekly, practice):
        cancel_sessions([weekly[2]], by=practice.finn, now=NINE)

        assert clients_here_since(weekly[1].ends_at + HOUR) == set()

    def test_a_dry_run_says_the_same_and_deletes_nothing(self, intake, practice, now, settings):
        fill_in(practice.ada, now)
        settings.INTAKE_KEEP_YEARS = -1
        said = StringIO()

        call_command("forget_intake", dry_run=True, stdout=said)
        assert Response.objects.count() == 1
        call_command("forget_intake", stdout=said)

        counted = (
            "0 unfinished forms and 1 sent ones of 1 clients, 0 session notes, and the reasons and addresses of 0 audit entries"
        )
        assert said.getvalue().splitlines() == [f"{counted} would be deleted.", f"{counted} deleted."]
        assert Response.objects.count() == 0
