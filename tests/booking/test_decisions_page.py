"""The therapist's queue: who waits and why, what may be decided, and what a page that is out of date may not."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.urls import reverse

from booking.enums import DecisionOutcome, FlagState, RepairState
from booking.models import Appointment, Clearance, Decision, Repair, SessionFlag
from booking.services.decisions import Terms, decide
from clients.models import ResponseView
from clients.services.consents import withdraw_health_data
from tests.booking.conftest import NINE, fill_in
from tests.booking.test_my_sessions import text
from tests.clients.answers import medicine
from tests.factories import ClientFactory, UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

ON_A_THINNER = {"takes_any": "yes", "med_list": [medicine("Eliquis")]}
RELAXED = {"takes_any": "yes", "med_list": [medicine("fentanyl")]}
QUEUE = "/therapist/decisions/"


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def tess(client, practice):
    practice.tess.user = UserFactory(name="Tess Oduya", email="tess@example.org")
    practice.tess.save()
    client.force_login(practice.tess.user)
    return client


def post(browser, session, do="go", **more):
    flag = SessionFlag.objects.filter(appointment=session).first()
    facts = {"do": do, "seen_round": flag.round if flag else 1} | more
    return browser.post(reverse("booking:decide", args=[session.pk]), facts)


class TestTheQueue:
    def test_has_what_waits_soonest_first_and_what_is_on_hold(self, tess, intake, book, practice, now):
        late, soon = book(), book(client=practice.bo, starts_at=NINE - timedelta(days=1))
        held = book(client=ClientFactory(user__name="Cem Aydin"), starts_at=NINE + timedelta(days=1))
        well = book(client=ClientFactory(user__name="Dana Wirth"), starts_at=NINE + timedelta(days=2))
        for session, answers in ((late, ON_A_THINNER), (soon, ON_A_THINNER), (held, {"heart": "recent"}), (well, {})):
            fill_in(session.client, now, **answers)

        page = tess.get(QUEUE)

        assert [(case.session, case.is_on_hold) for case in page.context["cases"]] == [
            (soon, False),
            (late, False),
            (held, True),
        ]
        assert "2 answers to decide" in text(page)
        assert "Calendar To decide 2" in text(page)
        assert "Dana" not in text(page)

    def test_says_the_answer_why_it_matters_and_the_limit(self, tess, intake, book, practice, now):
        book()
        fill_in(practice.ada, now, **ON_A_THINNER)

        said = text(tess.get(QUEUE))

        assert "Ada Okafor Tuesday 9 March, 9:00 Two areas, first visit To check" in said
        assert "Eliquis, tablet" in said
        assert "At most light, 1 to 3." in said

    def test_a_series_is_one_case_with_its_place(self, tess, intake, book_series, practice, now):
        book_series(count=4)
        fill_in(practice.ada, now, **ON_A_THINNER)

        page = tess.get(QUEUE)

        assert [case.more for case in page.context["cases"]] == [3]
        assert "1 of 4" in text(page)
        assert "1 answer to decide" in text(page)

    def test_of_somebody_else_is_not_shown(self, tess, intake, book, practice, now):
        book(therapist=practice.jonas)
        fill_in(practice.ada, now, **ON_A_THINNER)

        page = tess.get(QUEUE)

        assert page.context["cases"] == []
        assert "Nothing to decide" in text(page)
        assert "When a new answer needs you, it appears here" in text(page)
        assert not ResponseView.objects.exists()

    def test_leaves_a_row_for_each_form_it_shows_and_none_for_a_client_who_is_well(self, tess, intake, book, practice, now):
        book()
        book(client=practice.bo, starts_at=NINE + timedelta(days=1))
        sent = fill_in(practice.ada, now, **ON_A_THINNER)
        fill_in(practice.bo, now)

        tess.get(QUEUE)

        assert [(row.response, row.by) for row in ResponseView.objects.all()] == [(sent, practice.tess.user)]

    def test_is_empty_once_the_agreement_was_withdrawn(self, tess, intake, book, practice, now):
        book()
        fill_in(practice.ada, now, **ON_A_THINNER)
        withdraw_health_data(practice.ada, now=now)

        assert tess.get(QUEUE).context["cases"] == []

    def test_forgets_a_session_that_is_over(self, tess, intake, book, practice, now, clock):
        session = book()
        fill_in(practice.ada, now, **ON_A_THINNER)
        clock.move_to(session.ends_at)
        tess.force_login(practice.tess.user)

        assert tess.get(QUEUE).context["cases"] == []

    def test_says_before_anybody_declines_who_could_and_when_and_keeps_nothing(self, tess, intake, book, practice, now):
        book()
        fill_in(practice.ada, now, **ON_A_THINNER)

        said = text(tess.get(QUEUE))

        assert "Jonas Brandt can. The nearest time is Tue 9 Mar, 9:00." in said
        assert "Decline and offer Jonas" in said
        assert not Repair.objects.exists()
        assert Appointment.objects.count() == 1

    def test_says_so_where_nobody_else_could(self, tess, intake, book, practice, now):
        practice.treatment.therapists.remove(practice.jonas)
        book()
        fill_in(practice.ada, now, **ON_A_THINNER)

        assert "Nobody else is free near this time." in text(tess.get(QUEUE))


class TestDeciding:
    @pytest.fixture
    def session(self, intake, book, practice, now):
        session = book()
        fill_in(practice.ada, now, **RELAXED)
        return session

    def test_without_a_limit_approves_and_the_case_is_gone(self, tess, session, practice):
        said = tess.get(post(tess, session, minutes="30")["Location"])

        decision = Decision.objects.get()
        assert (decision.outcome, Terms.of(decision), decision.by) == ("approved", Terms(), practice.tess.user)
        assert said.context["cases"] == []
        assert "Decided: Ada Okafor can come as booked." in text(said)
        assert "Decided this week (1)" in text(said)

    def test_with_a_limit_adapts(self, tess, session):
        post(tess, session, pressure="light", areas=["HEAD"], minutes="20")

        decision = Decision.objects.get()
        terms = Terms.of(decision)
        assert decision.outcome == DecisionOutcome.ADAPTED
        assert (terms.pressure, terms.minutes) == ("light", 20)
        assert {"JAW_L", "FOREHEAD"} <= set(terms.regions)
        assert "HEAD" not in terms.regions

    @pytest.mark.parametrize("wrong", [{"pressure": "firm"}, {"minutes": "31"}, {"minutes": "9"}, {"areas": ["MOON"]}])
    def test_never_loosens_what_the_answers_allow_nor_lengthens(self, tess, session, wrong):
        page = post(tess, session, **wrong)

        assert page.status_code == 422
        assert not Decision.objects.exists()

    def test_to_ask_a_doctor_first_puts_it_on_hold(self, tess, session):
        post(tess, session, do="doctor")

        assert Decision.objects.get().outcome == DecisionOutcome.DOCTOR_FIRST
        assert SessionFlag.objects.get(appointment=session).state == FlagState.ON_HOLD
        assert [case.is_on_hold for case in tess.get(QUEUE).context["cases"]] == [True]

    def test_to_decline_needs_a_reason_and_nothing_is_lost(self, tess, session):
        page = post(tess, session, do="decline")

        assert page.status_code == 422
        assert "Please say why" in text(page)
        assert "Ada Okafor" in text(page)
        assert not Decision.objects.exists()

    def test_to_decline_offers_the_other_therapist_and_moves_nothing(self, tess, session, practice):
        post(tess, session, do="decline", reason="Not trained for it.")

        repair = Repair.objects.get()
        offered = repair.replacements.get()
        assert (repair.state, offered.therapist, offered.starts_at) == (RepairState.OPEN, practice.jonas, NINE)
        session.refresh_from_db()
        assert session.therapist == practice.tess
        assert Terms.of(Decision.objects.get()).reason == "Not trained for it."

    def test_what_was_decided_meanwhile_answers_with_the_page_as_it_stands(self, tess, session, practice, now):
        decide(session, DecisionOutcome.APPROVED, Terms(), by=practice.tess.user, now=now, seen_round=1)

        page = post(tess, session, do="decline", reason="Not trained for it.")

        assert page.status_code == 409
        assert "This does not wait for you any more." in text(page)
        assert Decision.objects.count() == 1

    def test_what_was_answered_meanwhile_is_shown_before_anything_is_decided(self, tess, session, practice, now):
        seen = SessionFlag.objects.get(appointment=session).round
        fill_in(practice.ada, now + timedelta(minutes=1), **ON_A_THINNER)

        page = post(tess, session, seen_round=seen)

        assert page.status_code == 409
        assert "the answers changed since" in text(page)
        assert "Eliquis" in text(page)
        assert not Decision.objects.exists()

    def test_is_not_for_the_therapist_of_another_session(self, client, tess, session, practice):
        practice.jonas.user = UserFactory(name="Jonas Brandt", email="jonas@example.org")
        practice.jonas.save()
        client.force_login(practice.jonas.user)

        assert post(client, session).status_code == 404
        assert not Decision.objects.exists()

    def test_a_session_that_never_was_does_not_exist(self, tess, session):
        assert tess.post(reverse("booking:decide", args=[uuid4()])).status_code == 404


class TestTheDoctorsAnswer:
    @pytest.fixture
    def session(self, intake, book, practice, now):
        session = book()
        fill_in(practice.ada, now, heart="recent")
        return session

    LETTER = {"given_by": "Dr Hale", "given_on": "2027-01-30", "reference": "folder 12"}

    def clear(self, browser, session, **more):
        return browser.post(reverse("booking:clear", args=[session.pk]), self.LETTER | more)

    def test_takes_the_session_off_hold_and_confirms_it(self, tess, session):
        page = tess.get(self.clear(tess, session)["Location"])

        session.refresh_from_db()
        assert session.status == "confirmed"
        assert page.context["cases"] == []
        assert "Recorded. Ada Okafor is told by mail" in text(page)

    @pytest.mark.parametrize(
        "wrong", [{"given_on": "2027-02-02"}, {"valid_until": "2027-01-31"}, {"given_by": " "}, {"reference": ""}]
    )
    def test_needs_a_doctor_a_day_that_was_and_a_document(self, tess, session, wrong):
        page = self.clear(tess, session, **wrong)

        assert page.status_code == 422
        assert not Clearance.objects.exists()

    def test_is_refused_where_nothing_is_on_hold(self, tess, intake, book, practice, now):
        session = book()
        fill_in(practice.ada, now)

        page = self.clear(tess, session)

        assert page.status_code == 409
        assert "Nothing is on hold for this person." in text(page)

    def test_cannot_be_decided_over_by_the_therapist(self, tess, session):
        assert post(tess, session).status_code == 409
        assert not Decision.objects.exists()
