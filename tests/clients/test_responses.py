"""Answers from the first saved one to the day they are forgotten."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from clients.exceptions import Incomplete, NoConsent, NoQuestionnaire, Submitted
from clients.models import Answer, Consent, Question, Response, ResponseView
from clients.services.consents import (
    agreements,
    health_data_question,
    may_use_health_data,
    record_agreement,
    withdraw_health_data,
)
from clients.services.questionnaires import activate, next_version
from clients.services.responses import (
    asked,
    flags_between,
    flags_of,
    full_form_is_due,
    open_response,
    read_response,
    save_section,
    shown,
    submit_response,
)
from clients.services.retention import forget
from clients.signals import answers_changed
from clients.triage import Severity
from tests.clients.answers import WELL, medicine
from tests.factories import ClientFactory, UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

TODAY = date(2027, 2, 1)
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)


@pytest.fixture
def ada(intake, now):
    """A client who agreed that health answers are used."""
    client = ClientFactory(user__name="Ada Okafor", user__email="ada@example.org")
    record_agreement(client, health_data_question(), by=client.user, now=now)
    return client


def send(client, now, kind="first", session_on=None, **changes):
    response = open_response(client, kind, now=now, session_on=session_on)
    save_section(response, WELL | changes, now=now)
    return response, submit_response(response, by=client.user, on=session_on or now.date(), now=now)


def send_before(client, on, now, **changes):
    """The form before a later session on a date; nothing new except for these answers."""
    return send(
        client, now, kind="every", session_on=on, **{"changed": "no", "last_reaction": "better", "soreness_now": 0} | changes
    )


def codes_on(client, on):
    flags = flags_of(client, on=on)
    return {reason.code for reason in flags.reasons if reason.severity > Severity.NONE}


class TestOpening:
    def test_without_consent_no_form_is_opened(self, intake, now):
        with pytest.raises(NoConsent):
            open_response(ClientFactory(), "first", now=now)

        assert not Response.objects.exists()

    def test_without_a_questionnaire_there_is_nothing_to_open(self, ada, intake, now):
        intake.state = "retired"
        intake.save()

        with pytest.raises(NoQuestionnaire):
            open_response(ada, "first", now=now)

    def test_a_form_under_way_is_gone_on_with(self, ada, now):
        first = open_response(ada, "first", now=now)

        assert open_response(ada, "first", now=now + timedelta(days=2)) == first
        assert open_response(ada, "every", now=now, session_on=TODAY) != first

    def test_the_consent_given_before_is_an_answer_already(self, ada, now):
        response = open_response(ada, "first", now=now)

        assert read_response(response, by=ada.user, now=now) == {"c_data": {"agreed": True}}

    def test_two_drafts_for_one_occasion_are_refused_by_the_database(self, ada, now):
        draft = open_response(ada, "first", now=now)

        with pytest.raises(IntegrityError, match="response_one_draft_per_session"), transaction.atomic():
            Response.objects.create(
                client=ada, questionnaire=draft.questionnaire, kind="first", started_at=now, saved_at=now
            )  # fmt: skip


class TestSaving:
    def test_answers_are_kept_changed_and_taken_back(self, ada, now):
        response = open_response(ada, "first", now=now)
        later = now + timedelta(minutes=5)

        save_section(response, {"pain_now": 0, "doctor_name": "", "goal": ["move"]}, now=now)
        save_section(response, {"pain_now": 3, "goal": None}, now=later)

        answers = read_response(response, by=ada.user, now=later)
        assert answers == {"pain_now": 3, "doctor_name": "", "c_data": {"agreed": True}}
        assert response.saved_at == later

    def test_what_the_form_does_not_ask_is_not_kept(self, ada, now):
        response = open_response(ada, "first", now=now)

        save_section(response, {"f_pain": 3, "anything": "at all"}, now=now)

        assert set(read_response(response, by=ada.user, now=now)) == {"c_data"}

    def test_a_question_brought_up_by_another_is_shown_only_then(self, ada, now):
        questions = asked(open_response(ada, "first", now=now))

        def codes(answers):
            return {question.code for question in shown(questions, answers, TODAY)}

        assert "med_list" not in codes({})
        assert "med_list" not in codes({"takes_any": "no"})
        assert "med_list" in codes({"takes_any": "yes"})
        assert "c_guardian" in codes({"dob": "2010-02-02"})
        assert "c_guardian" not in codes({"dob": "2009-02-01"})


class TestSending:
    def test_what_is_missing_is_named_and_nothing_is_sent(self, ada, now):
        response = open_response(ada, "first", now=now)
        save_section(response, WELL | {"heart": None, "goal": [], "takes_any": "yes"}, now=now)

        with pytest.raises(Incomplete) as refused:
            submit_response(response, by=ada.user, on=TODAY, now=now)

        assert refused.value.codes == ["goal", "heart", "med_list"]
        response.refresh_from_db()
        assert response.is_draft
        assert not Consent.objects.filter(kind="c_stop").exists()

    def test_zero_pain_and_a_hidden_question_are_no_gaps(self, ada, now):
        response, flags = send(ada, now, pain_now=0)

        assert response.state == "submitted"
        assert flags.severity is Severity.NONE

    def test_severity_is_kept_in_clear_and_nothing_else(self, ada, now):
        response, _flags = send(ada, now, heart="stable")

        assert Response.objects.values("severity").get(pk=response.pk) == {"severity": "review"}

    def test_a_hidden_answer_does_not_count_and_is_dropped(self, ada, now):
        response, flags = send(ada, now, takes_any="no", med_list=[medicine("warfarin")])

        assert flags.severity is Severity.NONE
        assert "med_list" not in read_response(response, by=ada.user, now=now)

    def test_agreements_are_recorded_with_their_words_version_time_and_person(self, ada, now):
        send(ada, now, c_reminders={"agreed": True})

        stop = Consent.objects.get(client=ada, kind="c_stop")
        assert stop.text.startswith("I know I can ask for less pressure")
        assert (stop.version, stop.agreed_at, stop.by) == (1, now, ada.user)
        assert {each.kind for each in agreements(ada)} == {"c_true", "c_what", "c_stop", "c_notmed", "c_data", "c_reminders"}

    def test_a_sent_form_is_never_saved_or_sent_again(self, ada, now):
        response, _flags = send(ada, now)

        with pytest.raises(Submitted):
            save_section(response, {"heart": "recent"}, now=now)
        with pytest.raises(Submitted):
            submit_response(response, by=ada.user, on=TODAY, now=now)

    def test_a_change_is_a_new_response_and_the_old_one_is_kept(self, ada, now):
        old, _flags = send(ada, now, c_reminders={"agreed": True}, doctor_name="Dr Lind")
        later = now + timedelta(days=3)

        new = open_response(ada, "first", now=later)
        begun = read_response(new, by=ada.user, now=later)
        _new, flags = send(ada, later, diabetes="tablets")

        assert new.supersedes == old
        assert begun["doctor_name"] == "Dr Lind"
        assert not {"c_sign", "c_stop", "chest_breath", "pain_now"} & set(begun)
        assert flags.severity is Severity.ADAPT
        assert read_response(old, by=ada.user, now=later)["diabetes"] == "no"
        assert list(Response.objects.current()) == [new]
        assert not Consent.objects.standing().filter(kind="c_reminders").exists()

    def test_a_response_keeps_its_version(self, ada, now, intake):
        old, _flags = send(ada, now)
        draft = next_version(intake)
        Question.objects.filter(section__questionnaire=draft, code="heart").update(is_retired=True)
        activate(draft)

        new = open_response(ada, "first", now=now)

        assert old.questionnaire == intake
        assert new.questionnaire == draft
        assert "heart" in {question.code for question in asked(old)}
        assert "heart" not in read_response(new, by=ada.user, now=now)

    def test_the_first_form_is_one_form_whichever_session_it_was_asked_for(self, ada, now):
        asked_for = open_response(ada, "first", now=now, session_on=TODAY)
        assert open_response(ada, "first", now=now) == asked_for

        save_section(asked_for, WELL, now=now)
        submit_response(asked_for, by=ada.user, on=TODAY, now=now)

        assert open_response(ada, "first", now=now).supersedes == asked_for

    def test_the_whole_form_is_due_at_first_and_again_after_a_year(self, ada, now):
        assert full_form_is_due(ada, on=TODAY)

        send(ada, now)

        assert not full_form_is_due(ada, on=TODAY + timedelta(days=365))
        assert full_form_is_due(ada, on=TODAY + timedelta(days=366))

    def test_before_a_later_session_the_spots_marked_last_are_there_without_their_pain(self, ada, now):
        send(ada, now, areas=[{"region": "JAW_L", "pain": 8, "spreads_to": "ear"}])

        opened = open_response(ada, "every", now=now, session_on=TODAY)

        assert read_response(opened, by=ada.user, now=now) == {"areas": [{"region": "JAW_L", "pain": None, "spreads_to": "ear"}]}


class TestHearing:
    @pytest.fixture
    def heard(self):
        heard = []

        def hear(sender, client, now, **kwargs):
            heard.append((client, now, connection.in_atomic_block))

        answers_changed.connect(hear)
        yield heard
        answers_changed.disconnect(hear)

    def test_whoever_listens_hears_of_a_form_sent_and_of_consent_withdrawn(self, ada, now, heard):
        open_response(ada, "first", now=now)
        assert heard == []

        send(ada, now)
        withdraw_health_data(ada, now=now + DAY)

        assert heard == [(ada, now, True), (ada, now + DAY, True)]

    def test_nobody_hears_of_a_form_that_was_refused(self, ada, now, heard):
        with pytest.raises(Incomplete):
            submit_response(open_response(ada, "first", now=now), by=ada.user, on=TODAY, now=now)

        assert heard == []


class TestReading:
    def test_the_client_reads_without_a_trace_and_everyone_else_leaves_a_row(self, ada, now):
        response, _flags = send(ada, now)
        tess = UserFactory(name="Tess Oduya")

        read_response(response, by=ada.user, now=now)
        assert not ResponseView.objects.exists()
        answers = read_response(response, by=tess, now=now)

        assert answers["heart"] == "no"
        view = ResponseView.objects.get()
        assert (view.response, view.by, view.by_name, view.at) == (response, tess, "Tess Oduya", now)

    def test_after_withdrawal_nothing_is_read_weighed_or_asked(self, ada, now):
        response, _flags = send(ada, now)
        open_response(ada, "every", now=now, session_on=TODAY)
        later = now + timedelta(hours=1)

        withdraw_health_data(ada, now=later)

        assert not may_use_health_data(ada)
        for act in (
            lambda: read_response(response, by=UserFactory(), now=later),
            lambda: flags_of(ada, on=TODAY),
            lambda: open_response(ada, "first", now=later),
        ):
            with pytest.raises(NoConsent, match="does not agree"):
                act()
        assert list(ada.responses.all()) == [response]
        assert not ResponseView.objects.exists()
        assert ada.consents.get(kind="c_data").withdrawn_at == later

    def test_agreeing_again_is_a_second_row(self, ada, now):
        withdraw_health_data(ada, now=now)

        record_agreement(ada, health_data_question(), by=ada.user, now=now)

        assert may_use_health_data(ada)
        assert ada.consents.filter(kind="c_data").count() == 2


class TestFlagsOfAClient:
    def test_nobody_who_sent_nothing_has_flags(self, ada, now):
        open_response(ada, "first", now=now)

        assert flags_of(ada, on=TODAY) is None

    def test_the_newest_answer_to_each_question_counts(self, ada, now):
        send(ada, now, diabetes="tablets")
        send(ada, now + timedelta(days=7), kind="every", session_on=TODAY + timedelta(days=7), changed="no",
             last_reaction="better", soreness_now=0, pain_now=9)  # fmt: skip

        flags = flags_of(ada, on=TODAY + timedelta(days=7))

        assert {reason.code for reason in flags.reasons} == {"diabetes", "severe_pain"}

    def test_what_was_said_about_one_day_counts_for_no_other(self, ada, now):
        send(ada, now, alcohol_today="yes")
        assert codes_on(ada, TODAY + WEEK) == {"intoxication"}

        send_before(ada, TODAY, now + HOUR, alcohol_today="yes")

        assert codes_on(ada, TODAY) == {"intoxication"}
        assert codes_on(ada, TODAY + WEEK) == set()

    def test_what_was_said_about_one_day_stays_when_the_next_one_is_answered(self, ada, now):
        send(ada, now)
        send_before(ada, TODAY, now + HOUR, alcohol_today="yes")
        send_before(ada, TODAY + DAY, now + 2 * HOUR, alcohol_today="no")

        assert codes_on(ada, TODAY) == {"intoxication"}
        assert codes_on(ada, TODAY + DAY) == set()

    def test_a_whole_form_sent_later_answers_for_every_day(self, ada, now):
        send(ada, now)
        send_before(ada, TODAY, now + HOUR, alcohol_today="yes")
        send(ada, now + 2 * HOUR, alcohol_today="no")

        assert codes_on(ada, TODAY) == set()

    def test_an_emergency_sign_counts_for_every_day_and_is_not_taken_back_by_answering_anew(self, ada, now):
        send(ada, now)
        send_before(ada, TODAY, now + HOUR, calf_signs="yes")
        assert codes_on(ada, TODAY + 3 * WEEK) == {"clot_signs"}

        send_before(ada, TODAY + WEEK, now + WEEK, calf_signs="no")

        assert codes_on(ada, TODAY + 3 * WEEK) == {"clot_signs"}

    def test_a_follow_up_counts_for_the_sessions_after_it(self, ada, now):
        send(ada, now)
        send(ada, now + DAY, kind="after", session_on=TODAY, f_pain=3, f_change="-2", f_effects=["none"])

        assert codes_on(ada, TODAY + WEEK) == {"worse_overall"}

    def test_time_changes_the_flags_of_the_same_answers(self, ada, now):
        send(ada, now, had_surgery="yes", surgeries=[{"kind": "ortho", "region": "KNEE_FRONT_L", "date": "2027-01-20"}])

        assert flags_of(ada, on=date(2027, 3, 3)).severity is Severity.STOP
        assert flags_of(ada, on=date(2027, 3, 4)).severity is Severity.REVIEW
        assert flags_of(ada, on=date(2028, 3, 4)).severity is Severity.ADAPT

    def test_a_range_of_dates_is_weighed_in_stretches(self, ada, now):
        send(ada, now, had_surgery="yes", surgeries=[{"kind": "ortho", "region": "KNEE_FRONT_L", "date": "2027-01-20"}])

        stretches = flags_between(ada.pk, TODAY, date(2027, 3, 31))

        assert [(each.first, each.last) for each in stretches] == [
            (TODAY, date(2027, 3, 3)),
            (date(2027, 3, 4), date(2027, 3, 31)),
        ]
        assert [each.flags for each in stretches] == [flags_of(ada, on=TODAY), flags_of(ada, on=date(2027, 3, 4))]

    def test_nothing_sent_is_known_after_one_query_and_withdrawn_answers_are_not_used(self, ada, now, django_assert_num_queries):
        with django_assert_num_queries(1):
            assert flags_between(ada.pk, TODAY, TODAY) == []

        send(ada, now)
        withdraw_health_data(ada, now=now)

        assert flags_between(ada.pk, TODAY, TODAY) == []

    @pytest.mark.parametrize("later_forms", [0, 3])
    def test_weighing_costs_the_same_however_many_forms_were_sent(self, ada, now, later_forms, django_assert_num_queries):
        send(ada, now, takes_any="yes", med_list=[medicine("Eliquis")])
        for week in range(later_forms):
            on = TODAY + timedelta(weeks=week)
            send(
                ada,
                now + timedelta(weeks=week),
                kind="every",
                session_on=on,
                changed="no",
                last_reaction="better",
                soreness_now=0,
            )

        with django_assert_num_queries(9):
            assert flags_between(ada.pk, TODAY, TODAY + timedelta(days=90))

    def test_answers_are_weighed_by_the_rules_of_their_own_version(self, ada, now, intake):
        send(ada, now, diabetes="tablets")
        draft = next_version(intake)
        draft.sections.get(code="conditions").questions.get(code="diabetes").rules.update(severity="stop")
        activate(draft)

        assert flags_of(ada, on=TODAY).severity is Severity.ADAPT

    @pytest.mark.parametrize(
        ("item", "codes"),
        [
            pytest.param(medicine("Warfarin"), {"ANTICOAG", "med_review"}, id="in the list"),
            pytest.param(medicine("no such thing"), {"UNKNOWN", "med_review"}, id="not in the list"),
            pytest.param(
                medicine("warfarin", listed=False), {"ANTICOAG", "UNKNOWN", "med_review"}, id="spelt alike but not recognised"
            ),
            pytest.param(medicine("diclofenac", route="topical"), {"TOPICAL_ANALGESIC", "med_adapt"}, id="by its route"),
            pytest.param(medicine("diclofenac", route=""), {"NSAID", "med_adapt"}, id="without a route the most severe"),
        ],
    )
    def test_a_medicine_counts_by_its_name_and_route(self, ada, now, item, codes):
        _response, flags = send(ada, now, takes_any="yes", med_list=[item])

        assert {reason.code for reason in flags.reasons} == codes


def nobody(limit):
    return set()


class TestForgetting:
    def test_drafts_go_after_thirty_days_and_answers_years_after_they_were_sent(self, ada, now):
        sent, _flags = send(ada, now)
        bo = ClientFactory()
        record_agreement(bo, health_data_question(), by=bo.user, now=now)
        draft = open_response(bo, "first", now=now)

        assert forget(now=now + 30 * DAY, here_since=nobody).drafts == 0
        assert forget(now=now + 30 * DAY + timedelta(minutes=1), here_since=nobody).drafts == 1
        assert not Response.objects.filter(pk=draft.pk).exists()
        assert forget(now=datetime(2034, 2, 1, tzinfo=UTC), here_since=nobody).responses == 0
        assert forget(now=datetime(2034, 2, 2, tzinfo=UTC), here_since=nobody).responses == 1
        assert not Response.objects.filter(pk=sent.pk).exists()
        assert not Answer.objects.exists()
        assert ada.consents.exists()

    def test_what_was_sent_later_keeps_all_answers_of_the_client(self, ada, now):
        send(ada, now)
        send_before(ada, date(2029, 7, 20), now + 900 * DAY)

        assert forget(now=datetime(2036, 7, 20, tzinfo=UTC), here_since=nobody).responses == 0
        assert forget(now=datetime(2036, 8, 1, tzinfo=UTC), here_since=nobody).responses == 2

    def test_who_was_here_since_then_keeps_all_answers(self, ada, now):
        send(ada, now)
        asked_about = []

        def ada_was(limit):
            asked_about.append(limit)
            return {ada.pk}

        assert forget(now=datetime(2036, 2, 29, 8, tzinfo=UTC), here_since=ada_was).responses == 0
        assert asked_about == [datetime(2029, 2, 28, 8, tzinfo=UTC)]
