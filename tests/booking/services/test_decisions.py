"""A review: the therapist decides before the session, once, and somebody notices when nobody does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail

from booking.enums import DecisionOutcome, FlagState, Light, NotificationKind, RepairState
from booking.exceptions import DecidedMeanwhile
from booking.models import Decision, Notification, Repair, SessionFlag
from booking.notifications.delivery import send_due
from booking.queries import availability
from booking.services.clearances import record_clearance
from booking.services.decisions import Terms, decide, escalate
from booking.services.intake import light_of, standings
from booking.services.repairs import accept_repair
from tests.booking.conftest import NINE, fill_in
from tests.clients.answers import medicine

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

ON_A_THINNER = {"takes_any": "yes", "med_list": [medicine("Eliquis")]}


@pytest.fixture
def session(intake, book, practice, tess, now):
    session = book()
    fill_in(practice.ada, now, **ON_A_THINNER)
    return session


@pytest.fixture
def say(practice, tess, now):
    def say(session, outcome, terms=None, **change):
        seen = SessionFlag.objects.get(appointment=session).round
        return decide(session, outcome, terms or Terms(), **{"by": tess, "now": now, "seen_round": seen} | change)

    return say


@pytest.mark.parametrize("outcome", [DecisionOutcome.APPROVED, DecisionOutcome.ADAPTED])
def test_a_session_that_goes_ahead_is_shown_with_its_limits(session, say, outcome, now):
    say(session, outcome, Terms(pressure="light", regions=("CALF_L",), minutes=10, reason="gently"))

    assert light_of(session, now=now) == Light.ADJUSTED
    assert Terms.of(Decision.objects.get()) == Terms("light", ("CALF_L",), 10, "gently")


def test_a_decision_holds_for_the_other_sessions_on_the_same_grounds(intake, book_series, practice, now, say):
    booked = book_series(3)
    fill_in(practice.ada, now, **ON_A_THINNER)

    say(booked.appointments[0], DecisionOutcome.APPROVED)

    assert {flag.state for flag in SessionFlag.objects.all()} == {FlagState.DECIDED}


def test_nothing_is_decided_twice(session, say, practice, now):
    say(session, DecisionOutcome.APPROVED, seen_round=1)

    with pytest.raises(DecidedMeanwhile):
        say(session, DecisionOutcome.DECLINED, seen_round=1)

    assert Decision.objects.count() == 1


def test_nothing_is_decided_about_answers_nobody_saw(session, say, practice, now):
    fill_in(practice.ada, now + timedelta(minutes=1), **ON_A_THINNER, lymph="yes")

    with pytest.raises(DecidedMeanwhile):
        say(session, DecisionOutcome.APPROVED, seen_round=1)

    assert light_of(session, now=now) == Light.TO_CHECK


@pytest.mark.parametrize(
    ("later", "state"),
    [({**ON_A_THINNER, "lymph": "yes"}, FlagState.TO_DECIDE), (ON_A_THINNER, FlagState.DECIDED), ({}, FlagState.CLEAR)],
    ids=["something new", "the same again", "less"],
)
def test_a_new_answer_is_decided_about_only_when_it_adds_something(session, say, practice, now, later, state):
    say(session, DecisionOutcome.APPROVED)

    fill_in(practice.ada, now + timedelta(hours=1), **later)

    flag = SessionFlag.objects.get()
    assert (flag.state, flag.round) == (state, 2 if state == FlagState.TO_DECIDE else 1)


def test_asking_a_doctor_first_puts_the_session_on_hold_until_the_clearance(session, say, practice, now):
    say(session, DecisionOutcome.DOCTOR_FIRST)
    assert light_of(session, now=now) == Light.ON_HOLD

    record_clearance(practice.ada, given_by="Dr Patel", given_on=now.date(), reference="letter", by=practice.finn, now=now)

    assert light_of(session, now=now) == Light.ADJUSTED
    [standing] = standings(practice.ada, [session], now=now).values()
    assert (standing.state, standing.flags.everywhere.cap.name) == (FlagState.CLEAR, "LIGHT")


def test_who_is_turned_away_is_offered_somebody_else_at_the_nearest_time(session, say, practice, now):
    say(session, DecisionOutcome.DECLINED, Terms(reason="not trained for this"))

    repair = Repair.objects.get()
    [replacement] = repair.replacements.all()
    assert (replacement.therapist, replacement.starts_at) == (practice.jonas, NINE)
    assert "not trained" not in repair.cause
    accept_repair(repair, by=practice.ada.user, now=now)
    session.refresh_from_db()
    assert session.therapist == practice.jonas
    # he has not seen the answers yet
    assert light_of(session, now=now) == Light.TO_CHECK


def test_a_therapist_who_turned_a_client_away_is_not_offered_to_them(session, say, practice, now):
    asked = {"treatment": practice.treatment.pk, "first": NINE.date(), "last": NINE.date(), "now": now}
    say(session, DecisionOutcome.DECLINED)

    assert {offer.therapist for offer in availability(client=practice.ada.pk, **asked)} == {practice.jonas.pk}
    assert {offer.therapist for offer in availability(client=practice.bo.pk, **asked)} == {practice.tess.pk, practice.jonas.pk}


class TestTheTherapistsOwnPolicy:
    """A session that is booked already: what a new answer makes of it is for its therapist to decide."""

    @pytest.mark.parametrize(
        ("stance", "medicine_class", "name", "state"),
        [
            ("review", "NSAID", "ibuprofen", FlagState.TO_DECIDE),
            ("decline", "NSAID", "ibuprofen", FlagState.TO_DECIDE),
            ("accept", "ANTICOAG", "Eliquis", FlagState.CLEAR),
            ("accept", "ANTIPLATELET", "Eliquis", FlagState.TO_DECIDE),
            ("accept", "CHEMO", "cisplatin", FlagState.ON_HOLD),
        ],
    )
    def test_raises_lowers_or_declines_but_never_softens_a_stop(
        self, intake, book, practice, now, stance, medicine_class, name, state
    ):
        practice.tess.medication_policies.create(medication_class=medicine_class, stance=stance, reason="trained for it")
        hers, his = book(), book(client=practice.bo, therapist=practice.jonas)
        for each in (practice.ada, practice.bo):
            fill_in(each, now, takes_any="yes", med_list=[medicine(name)])

        assert SessionFlag.objects.get(appointment=hers).state == state
        usual = {"ibuprofen": FlagState.CLEAR, "Eliquis": FlagState.TO_DECIDE, "cisplatin": FlagState.ON_HOLD}
        assert SessionFlag.objects.get(appointment=his).state == usual[name]

    def test_a_medicine_they_do_not_treat_moves_the_client_to_somebody_who_does(self, intake, book, practice, now, say):
        practice.tess.medication_policies.create(medication_class="NSAID", stance="decline")
        session = book()
        fill_in(practice.ada, now, takes_any="yes", med_list=[medicine("ibuprofen")])

        say(session, DecisionOutcome.DECLINED)

        [replacement] = Repair.objects.get().replacements.all()
        assert (replacement.therapist, replacement.starts_at) == (practice.jonas, NINE)

    def test_who_decides_for_one_client_in_spite_of_it_is_offered_to_them_again(self, intake, book, practice, now, say):
        practice.tess.medication_policies.create(medication_class="NSAID", stance="decline")
        session = book()
        fill_in(practice.ada, now, takes_any="yes", med_list=[medicine("ibuprofen")])
        asked = {"first": NINE.date(), "last": NINE.date(), "now": now, "client": practice.ada.pk}
        assert {offer.therapist for offer in availability(practice.treatment.pk, **asked)} == {practice.jonas.pk}

        say(session, DecisionOutcome.APPROVED)

        assert practice.tess.pk in {offer.therapist for offer in availability(practice.treatment.pk, **asked)}


class TestWhenNobodyDecides:
    def test_the_therapist_is_written_to_again_then_the_desk_and_each_once(self, session, practice, tess, now):
        for moment in (now, now + timedelta(hours=25), NINE - timedelta(hours=23), NINE - timedelta(hours=1)):
            escalate(moment)
            escalate(moment)

        told = Notification.objects.filter(appointment=session).exclude(kind=NotificationKind.CONFIRMATION)
        assert sorted(told.values_list("kind", "recipient")) == [
            ("review", tess.email),
            ("review_again", tess.email),
            ("review_late", practice.tess.location.email),
        ]

    def test_what_was_decided_reminds_nobody(self, session, say, now):
        say(session, DecisionOutcome.APPROVED)

        escalate(NINE - timedelta(hours=1))

        assert not Notification.objects.filter(kind__in=["review_again", "review_late"]).exists()

    def test_it_lapses_only_where_the_practice_chose_so(self, session, practice, now):
        assert escalate(NINE - timedelta(hours=6)) == 0

        practice.tess.location.review_lapses = timedelta(hours=6)
        practice.tess.location.save()

        assert escalate(NINE - timedelta(hours=7)) == 0
        assert escalate(NINE - timedelta(hours=6)) == 1
        assert Decision.objects.get().outcome == DecisionOutcome.LAPSED
        assert Repair.objects.get().state == RepairState.OPEN

    @pytest.mark.parametrize(
        ("kind", "subject"),
        [
            (NotificationKind.REVIEW, "Something waits for you before Tue 9 Mar"),
            (NotificationKind.REVIEW_AGAIN, "Still to decide before Tue 9 Mar"),
            (NotificationKind.REVIEW_LATE, "Not decided yet: Tess, Tue 9 Mar at 9:00"),
        ],
    )
    def test_a_notice_says_where_to_look_and_nothing_of_the_answers(self, session, practice, now, kind, subject):
        escalate(now + timedelta(hours=25))
        escalate(NINE - timedelta(hours=23))
        Notification.objects.exclude(kind=kind).delete()

        assert send_due(NINE - timedelta(hours=20)) == 1

        [message] = mail.outbox
        assert message.subject == subject
        sent = message.message().as_string().lower()
        assert not [word for word in ("eliquis", "medic", "thinner", "blood", "doctor") if word in sent]

    def test_a_notice_about_what_was_decided_meanwhile_is_not_sent(self, session, say, now):
        say(session, DecisionOutcome.APPROVED)
        Notification.objects.exclude(kind=NotificationKind.REVIEW).delete()

        assert send_due(now) == 0
