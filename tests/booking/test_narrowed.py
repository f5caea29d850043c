"""A known client is offered those who can treat them: everywhere, in neutral words, and lifted by nobody but the desk."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from booking.engine.planner import Outcome, Start
from booking.engine.recurrence import Course, Daily, Phase, Weekly
from booking.engine.slots import Rule
from booking.enums import Fit, HoldState
from booking.exceptions import NotAllowed, NotMatched, TooClose, TooShort
from booking.models import Appointment, FreedTime, Hold
from booking.queries import availability, first_free, matches, why_not
from booking.services.candidates import askers_by_fit, suiting
from booking.services.changes import Move, move_sessions
from booking.services.guard import Choice
from booking.services.holds import book_hold, hold_choices
from booking.services.repairs import change_rules, foresee
from booking.services.replan import First, replan
from booking.services.series import hold_course, plan_course
from booking.services.waitlist import wish
from clients.models import FlagRule
from clients.services.consents import withdraw_health_data
from tests.booking.conftest import NINE, fill_in
from tests.booking.test_my_sessions import text
from tests.booking.test_pages import NEW, code_in, key_in
from tests.clients.answers import medicine
from tests.factories import TherapistFactory, UserFactory
from therapists.models import ConditionPolicy, MedicationPolicy, TimeOff

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

TUESDAY = NINE.date()
DAY = timedelta(days=1)
THINNER = {"takes_any": "yes", "med_list": [medicine("Eliquis")]}
SENTENCE = "We show the therapists who can treat you on these dates."
HEALTH = ("eliquis", "anticoag", "thinner", "medicine", "pregnan")


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def jonas_declines(intake, practice):
    """Jonas treats nobody on a blood thinner."""
    MedicationPolicy.objects.create(therapist=practice.jonas, medication_class="ANTICOAG", stance="decline")
    return practice


@pytest.fixture
def known(jonas_declines, now):
    """And Ada, who takes one, said so."""
    fill_in(jonas_declines.ada, now, **THINNER)
    return jonas_declines


def offers_of(practice, now, first=TUESDAY, last=TUESDAY, **more):
    return availability(practice.treatment.pk, first=first, last=last, now=now, **more)


def offered(practice, now, **more):
    return {offer.therapist for offer in offers_of(practice, now, **more)}


def course(*wished, count=3, rhythm=None):
    phase = Phase(rhythm or Weekly((1,)), count=count)
    return Course(TUESDAY, (phase,), (540,), tuple(each.pk for each in wished))


DAILY = Daily((0, 1, 2, 3, 4))


class TestOffers:
    def test_who_declines_is_left_out_for_that_client_alone(self, known, now):
        assert offered(known, now, client=known.ada.pk) == {known.tess.pk}
        assert offered(known, now, client=known.bo.pk) == offered(known, now) == {known.tess.pk, known.jonas.pk}

    def test_an_answer_that_declines_nobody_narrows_nothing(self, jonas_declines, now):
        fill_in(jonas_declines.ada, now, diabetes="tablets")

        assert offered(jonas_declines, now, client=jonas_declines.ada.pk) == {jonas_declines.tess.pk, jonas_declines.jonas.pk}

    def test_only_the_dates_on_which_the_answer_counts_are_left_out(self, practice, intake, now):
        ConditionPolicy.objects.create(therapist=practice.jonas, condition="injuries", stance="decline")
        fill_in(practice.ada, now, had_injury="yes", injuries=[{"kind": "strain", "region": "CALF_L", "date": "2026-03-09"}])

        narrowed = offers_of(practice, now, last=TUESDAY + DAY, client=practice.ada.pk)

        assert not narrowed.on(practice.jonas.pk, TUESDAY)  # the 365th day after
        assert narrowed.on(practice.jonas.pk, TUESDAY + DAY)

    def test_why_not_names_the_rule_and_nothing_of_the_answer(self, known, now):
        start = (known.jonas.pk, TUESDAY, 540)
        [why] = why_not(known.treatment.pk, [start], now=now, client=known.ada.pk)

        assert [tuple(each) for each in why] == [(Rule.NOT_MATCHED, "")]
        assert why_not(known.treatment.pk, [start], now=now, client=known.bo.pk) == [()]

    def test_the_first_free_start_is_one_that_can_be_booked(self, known, now):
        TimeOff.objects.create(therapist=known.tess, starts_at=now, ends_at=now + 3 * DAY)

        assert first_free(known.treatment.pk, now=now).therapist == known.jonas.pk
        assert first_free(known.treatment.pk, now=now, client=known.ada.pk).therapist == known.tess.pk

    def test_lifting_the_soft_rules_lifts_it(self, known, now):
        assert known.jonas.pk in offered(known, now, client=known.ada.pk, overriding=True)

    def test_withdrawn_answers_narrow_nothing(self, known, now):
        withdraw_health_data(known.ada, now=now)

        assert known.jonas.pk in offered(known, now, client=known.ada.pk)

    def test_a_changed_policy_counts_at_once(self, known, now):
        offered(known, now, client=known.ada.pk)
        MedicationPolicy.objects.update(stance="review")

        assert known.jonas.pk in offered(known, now, client=known.ada.pk)

    def test_a_preferred_therapist_comes_first_and_the_others_stay(self, practice, intake, now):
        practice.tess.gender = "female"
        practice.tess.save()
        fill_in(practice.ada, now, therapist_pref="female")

        offers = offers_of(practice, now, client=practice.ada.pk)

        assert offers_of(practice, now).therapists == (practice.jonas.pk, practice.tess.pk)
        assert offers.therapists == (practice.tess.pk, practice.jonas.pk)
        assert offers.of(TUESDAY)[0].therapist == practice.tess.pk


class TestCosts:
    def cost(self, practice, now, **more):
        offered(practice, now, **more)
        with CaptureQueriesContext(connection) as queries:
            offered(practice, now, **more)
        return len(queries)

    def test_without_answers_a_client_costs_one_query_for_them_beside_that_for_their_sessions(self, practice, now):
        assert (self.cost(practice, now), self.cost(practice, now, client=practice.ada.pk)) == (1, 3)

    @pytest.mark.parametrize("more", [0, 3])
    def test_a_known_client_costs_the_same_for_any_number_of_therapists_and_dates(self, known, now, more):
        for _ in range(more):
            known.treatment.therapists.add(TherapistFactory())

        assert self.cost(known, now, client=known.ada.pk, last=TUESDAY + 10 * more * DAY) == 13


class TestEverywhere:
    def test_a_course_is_planned_with_those_who_can(self, known, now):
        planning = plan_course(course(known.jonas), known.treatment, now=now, client=known.ada)

        assert {start.therapist for start in planning.plans[0].starts} == {known.tess.pk}
        assert {planned.outcome for planned in planning.plans[0].dates} == {Outcome.OTHER_THERAPIST}
        hold = hold_course(course(known.jonas), known.treatment, owner="x", now=now, client=known.ada)
        assert {each["reason"]["rule"] for each in hold.plan["dates"]} == {"not_matched"}

    def test_sessions_move_to_those_who_can(self, known, book, now):
        first = First(Start(known.jonas.pk, TUESDAY, 600), None)

        plan = replan([book()], first, others=(), now=now)

        assert [each.planned.placed.therapist for each in plan.dates] == [known.tess.pk]

    def test_nobody_is_offered_a_freed_time_of_somebody_who_cannot_treat_them(self, known, now):
        for client in (known.ada, known.bo):
            wish(client=client, treatment=known.treatment, by=None, now=now, earliest_on=TUESDAY, latest_on=TUESDAY)
        freed = FreedTime.objects.create(
            therapist=known.jonas, starts_at=NINE, ends_at=NINE + timedelta(minutes=40), offer_from=now
        )

        assert [asker.client for asker, _start in askers_by_fit(freed, now=now)] == [known.bo]

    def test_the_desk_is_shown_what_suits_a_wish_with_those_who_can(self, known, now):
        entry = wish(client=known.ada, treatment=known.treatment, by=None, now=now, earliest_on=TUESDAY, latest_on=TUESDAY)

        assert {start.therapist for start in suiting(entry, now=now)} == {known.tess.pk}

    def test_a_broken_session_is_replaced_with_somebody_who_can(self, known, book, now):
        book()
        known.treatment.therapists.remove(known.tess)

        def leave():
            return TimeOff.objects.create(therapist=known.tess, starts_at=NINE, ends_at=NINE + timedelta(hours=8))

        [proposal] = foresee(leave, now=now).proposals
        MedicationPolicy.objects.all().delete()
        [without] = foresee(leave, now=now).proposals

        assert proposal.dates[0].fit == Fit.NONE
        assert without.dates[0].therapist_id == known.jonas.pk

    def test_daily_courses_are_planned_with_those_who_give_them_whoever_asks(self, practice, now):
        practice.jonas.gives_daily = False
        practice.jonas.save()

        hold = hold_course(course(practice.jonas, rhythm=DAILY), practice.treatment, owner="x", now=now)

        assert {each.therapist_id for each in hold.appointments.all()} == {practice.tess.pk}
        assert {each["reason"]["rule"] for each in hold.plan["dates"]} == {"not_daily"}
        weekly = plan_course(course(practice.jonas), practice.treatment, now=now)
        assert {start.therapist for start in weekly.plans[0].starts} == {practice.jonas.pk}


class TestRest:
    @pytest.fixture
    def rested(self, practice, intake, now):
        FlagRule.objects.filter(code="diabetes").update(rest_days=2)
        fill_in(practice.ada, now, diabetes="tablets")
        return practice

    def apart(self, hold):
        days = [each.local_date for each in hold.appointments.order_by("starts_at")]
        return [(later - earlier).days for earlier, later in pairwise(days)]

    def test_a_course_leaves_the_days_of_rest_that_the_answers_ask_for(self, rested, now):
        theirs = hold_course(course(rhythm=DAILY), rested.treatment, owner="x", now=now, client=rested.ada)
        others = hold_course(course(rhythm=DAILY), rested.treatment, owner="y", now=now, client=rested.bo)

        assert self.apart(theirs)
        assert min(self.apart(theirs)) >= 3
        assert self.apart(others) == [1, 1]
        assert Course.from_json(theirs.course).rest.days == 2

    def test_dates_chosen_before_signing_in_that_leave_too_little_are_not_booked(self, rested, now):
        hold = hold_course(course(rhythm=DAILY), rested.treatment, owner="x", now=now)

        with pytest.raises(TooClose):
            book_hold(hold, client=rested.ada, key=uuid4(), by=rested.ada.user, now=now)
        assert book_hold(hold, client=rested.bo, key=uuid4(), by=rested.bo.user, now=now).appointments

    def test_dates_that_are_further_apart_anyway_stay(self, rested, now):
        hold = hold_course(course(), rested.treatment, owner="x", now=now, client=rested.ada)

        assert self.apart(hold) == [7, 7]


class TestALongerFirstSession:
    """The practice gives fifteen minutes more to whoever takes tablets for diabetes; a session takes thirty."""

    @pytest.fixture
    def longer(self, practice, intake, now):
        FlagRule.objects.filter(code="diabetes").update(extra_minutes=15)
        fill_in(practice.ada, now, diabetes="tablets")
        return practice

    def minutes(self, sessions):
        return [each.length // timedelta(minutes=1) for each in sorted(sessions, key=lambda each: each.starts_at)]

    def test_it_has_to_fit_before_closing_and_is_booked_at_its_length(self, longer, book, now):
        last = {client: offers_of(longer, now, client=client.pk).of(TUESDAY)[-1].minute for client in (longer.ada, longer.bo)}
        assert last == {longer.ada: 16 * 60 + 15, longer.bo: 16 * 60 + 30}

        session = book()

        assert self.minutes([session]) == [45]
        assert session.blocked_until == session.ends_at + longer.treatment.turnaround
        assert self.minutes([book(client=longer.bo, therapist=longer.jonas)]) == [30]

    def test_only_the_first_of_a_course_is_longer(self, longer, now):
        hold = hold_course(course(), longer.treatment, owner="x", now=now, client=longer.ada)

        assert self.minutes(hold.appointments.all()) == [45, 30, 30]
        booked = book_hold(hold, client=longer.ada, key=uuid4(), by=longer.ada.user, now=now)
        assert self.minutes(booked.appointments) == self.minutes(Appointment.objects.all()) == [45, 30, 30]

    @pytest.mark.parametrize(("status", "length"), [("booked", 30), ("done", 30), ("no_show", 45), ("cancelled", 45)])
    def test_it_is_the_first_only_where_none_before_it_was_given_or_stands(self, longer, book, status, length):
        first = book()

        first.status = status
        first.save()

        assert self.minutes([book(starts_at=NINE + 2 * DAY)]) == [length]

    def test_moving_keeps_it_as_long(self, longer, book, now):
        session = book()
        move_sessions([Move(session, longer.tess.pk, NINE + 2 * DAY)], by=longer.finn, now=now)

        session.refresh_from_db()
        assert self.minutes([session]) == [45]

    def test_times_held_before_signing_in_are_lengthened_on_booking(self, longer, now):
        hold = hold_choices([Choice(longer.tess.pk, NINE)], owner="x", treatment=longer.treatment, now=now)
        assert self.minutes(hold.appointments.all()) == [30]

        book_hold(hold, client=longer.ada, key=uuid4(), by=longer.ada.user, now=now)

        [session] = Appointment.objects.all()
        assert self.minutes([session]) == [45]
        assert session.blocked_until == NINE + timedelta(minutes=55)

    def test_where_the_next_session_is_in_the_way_nothing_is_booked_and_all_stays_held(self, longer, book, now):
        book(client=longer.bo, starts_at=NINE + timedelta(minutes=45))
        hold = hold_choices([Choice(longer.tess.pk, NINE)], owner="x", treatment=longer.treatment, now=now)

        with pytest.raises(TooShort):
            book_hold(hold, client=longer.ada, key=uuid4(), by=longer.ada.user, now=now)

        hold.refresh_from_db()
        assert hold.state == HoldState.LIVE
        assert self.minutes(hold.appointments.all()) == [30]

    def test_another_room_is_taken_where_the_held_one_is_taken_next(self, longer, book, now):
        hold = hold_choices([Choice(longer.tess.pk, NINE)], owner="x", treatment=longer.treatment, now=now)
        held = hold.appointments.get()
        other = book(client=longer.bo, therapist=longer.jonas, starts_at=NINE + timedelta(minutes=45))
        Appointment.objects.filter(pk=other.pk).update(room=held.room_id)

        [session] = book_hold(hold, client=longer.ada, key=uuid4(), by=longer.ada.user, now=now).appointments

        session.refresh_from_db()
        assert session.room_id != held.room_id
        assert self.minutes([session]) == [45]

    def test_a_replacement_is_as_long(self, longer, book, now):
        book()

        def leave():
            return TimeOff.objects.create(therapist=longer.tess, starts_at=NINE, ends_at=NINE + timedelta(hours=8))

        agreed = foresee(leave, now=now).signature
        change_rules(leave, cause=lambda: "leave", by=longer.finn, now=now, agreed=agreed)

        assert self.minutes(Appointment.objects.filter(status="held")) == [45]

    def test_the_page_says_that_it_takes_longer_and_nothing_of_why(self, client, longer):
        address = reverse("booking:when") + f"?treatment={longer.treatment.pk}&therapist=anyone&day=2027-03-09"
        sentence = "We take 15 minutes more for your first session, at the same price."
        assert sentence not in text(client.get(address))
        client.force_login(longer.ada.user)

        page = text(client.get(address))

        assert sentence in page
        assert "diabetes" not in page.lower()


class TestConfirming:
    def test_times_chosen_before_signing_in_are_not_booked_with_somebody_who_declines(self, known, now):
        hold = hold_choices([Choice(known.jonas.pk, NINE)], owner="x", treatment=known.treatment, now=now)

        with pytest.raises(NotMatched):
            book_hold(hold, client=known.ada, key=uuid4(), by=known.ada.user, now=now)

        hold.refresh_from_db()
        assert hold.state == HoldState.LIVE
        assert hold.appointments.get().client is None
        assert book_hold(hold, client=known.bo, key=uuid4(), by=known.bo.user, now=now).appointments

    def test_matches_are_told_with_the_flags_of_each_therapist(self, known, now):
        tess, jonas = matches(known.ada.pk, [(known.tess.pk, TUESDAY), (known.jonas.pk, TUESDAY)], now=now)

        assert (tess.verdict, jonas.verdict) == ("review", "declines")
        assert [reason.code for reason in jonas.declined] == ["ANTICOAG"]
        assert matches(known.bo.pk, [(known.jonas.pk, TUESDAY)], now=now) == []

    def test_the_page_says_it_neutrally_keeps_the_times_and_leads_on(self, client, known, now, mailoutbox):
        address = f"{reverse('booking:when')}?treatment={known.treatment.pk}&therapist={known.jonas.pk}&day=2027-03-09"
        you = client.post(address, {"start": f"{known.jonas.pk}/540"})["Location"]
        client.post(you, NEW | {"email": "ada@example.org"})
        page = client.get(you)

        answer = client.post(you, {"code": code_in(mailoutbox[0]), "key": key_in(page)})

        assert answer.status_code == 409
        assert "This therapist cannot take this visit." in text(answer)
        assert "We are holding this time for you" in text(answer)
        assert not any(word in text(answer).lower() for word in HEALTH)
        assert Hold.objects.get().state == HoldState.LIVE
        assert not Appointment.objects.exclude(status="held").exists()

        again = re.search(r'class="btn btn-primary btn-lg" href="([^"]+)"', answer.content.decode())[1].replace("&amp;", "&")
        assert again == f"{reverse('booking:when')}?treatment={known.treatment.pk}&therapist=anyone&rhythm=once"
        times = client.get(f"{again}&day=2027-03-09")
        assert SENTENCE in text(times)
        assert f"{known.jonas.pk}/" not in times.content.decode()

    def test_the_way_on_keeps_the_rhythm(self, client, known, now):
        client.force_login(known.ada.user)
        session = client.session
        session["hold_owner"] = "x"
        session.save()
        hold = hold_course(course(known.jonas), known.treatment, owner="x", now=now)

        answer = client.post(reverse("booking:you", args=[hold.pk]), {"key": uuid4(), "agree": "on"})

        assert answer.status_code == 409
        assert "therapist=anyone&amp;rhythm=weekly&amp;count=3" in answer.content.decode()


class TestTheDesk:
    def test_books_it_with_a_reason_and_the_permission_only(self, known, book):
        with pytest.raises(NotMatched):
            book(therapist=known.jonas)
        with pytest.raises(NotAllowed):
            book(therapist=known.jonas, override_reason="agreed", by=UserFactory())

        assert book(therapist=known.jonas, override_reason="agreed by phone").therapist == known.jonas

    def test_reads_why_without_an_answer(self, client, known):
        client.force_login(UserFactory(email="manager@example.org", is_staff=True, is_superuser=True))
        wanted = {"treatment": known.treatment.pk, "therapist": known.jonas.pk, "rhythm": "once", "count": 1}

        page = client.get(reverse("admin:book_for", args=[known.ada.pk]), wanted | {"day": "2027-03-09", "at": "09:00"})

        assert "By what this client’s form says, Jonas does not treat them on Tuesday 9 March." in text(page)
        assert not any(word in page.content.decode().lower() for word in ("eliquis", "anticoag"))


class TestPages:
    def times(self, practice, **more):
        facts = {"treatment": practice.treatment.pk, "therapist": "anyone", "day": "2027-03-09"} | more
        return reverse("booking:when") + "?" + "&".join(f"{name}={value}" for name, value in facts.items())

    def test_the_times_are_those_of_who_can_and_nothing_says_why(self, client, known):
        anonymous = client.get(self.times(known)).content.decode()
        client.force_login(known.ada.user)
        page = client.get(self.times(known)).content.decode()

        assert (SENTENCE in anonymous, SENTENCE in page) == (False, True)
        assert f"{known.jonas.pk}/540" in anonymous
        assert f"{known.jonas.pk}/" not in page
        assert not any(word in page.lower() for word in HEALTH)

    @pytest.mark.parametrize("path", ["/", "/book/"])
    def test_the_soonest_times_are_those_of_who_can(self, client, known, path):
        def rows():
            return client.get(path).content.decode().lower().count(f"therapist={known.jonas.pk}" if path == "/" else "soonest ")

        anonymous = rows()
        client.force_login(known.ada.user)

        assert rows() < anonymous

    def test_a_time_of_somebody_who_declines_cannot_be_held(self, client, known):
        client.force_login(known.ada.user)

        answer = client.post(self.times(known), {"start": f"{known.jonas.pk}/540"})

        assert answer.status_code == 409
        assert not Hold.objects.exists()

    def test_the_plan_says_it_too(self, client, known):
        client.force_login(known.ada.user)
        held = client.post(self.times(known, rhythm="weekly", count=3), {"start": f"{known.tess.pk}/540"})

        assert SENTENCE in text(client.get(held["Location"]))
