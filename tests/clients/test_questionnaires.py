"""Loading the questionnaire and its reference data, and making the next version."""

from __future__ import annotations

import copy
import json
import shutil

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from clients.crypto import sealed_for_address
from clients.models import BodyRegion, FlagRule, Medication, MedicationClass, Question, Questionnaire, Section
from clients.services.questionnaires import (
    QuestionnaireRefused,
    activate,
    content_of,
    load_questionnaire,
    next_version,
)
from clients.services.reference import SHIPPED, ReferenceRefused, load_reference
from tests.clients.conftest import FILE
from tests.factories import UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def changed(edit):
    content = copy.deepcopy(FILE)
    edit({question["code"]: question for section in content["sections"] for question in section["questions"]}, content)
    return json.dumps(content)


def test_everything_that_ships_is_loaded_once_and_a_second_time_changes_nothing(capsys):
    call_command("load_intake")

    assert (Section.objects.count(), Question.objects.count(), FlagRule.objects.count()) == (10, 86, 114)
    assert (Medication.objects.count(), MedicationClass.objects.count(), BodyRegion.objects.count()) == (4213, 53, 100)
    assert Questionnaire.objects.get().state == "active"
    before = set(Medication.objects.values_list("pk", flat=True))
    capsys.readouterr()

    call_command("load_intake")

    assert capsys.readouterr().out == ""
    assert set(Medication.objects.values_list("pk", flat=True)) == before
    assert Question.objects.count() == 86


def test_what_the_practice_changed_in_a_shipped_row_is_brought_back_and_its_own_rows_stay():
    load_reference()
    Medication.objects.filter(name="abacavir").update(class_codes=["GENERAL"])
    Medication.objects.create(name="Ours", route="oral", key="ours", words="ours", class_codes=["GENERAL"])

    changes = load_reference()

    assert changes == {"medication classes": 0, "medications": 1, "body regions": 0}
    assert Medication.objects.get(name="abacavir").class_codes == ["ANTIVIRAL"]
    assert Medication.objects.filter(name="Ours").exists()


def test_the_five_emergency_signs_are_marked(intake):
    marked = set(Question.objects.filter(is_emergency=True).values_list("code", flat=True))

    assert marked == {"chest_breath", "calf_signs", "cauda_signs", "neuro_signs", "headache_signs"}


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        pytest.param(lambda q, c: q["goal"].update(type="essay"), "“goal”: there is no type “essay”", id="unknown type"),
        pytest.param(lambda q, c: q["goal"].pop("required"), "“goal”: “required” must be", id="required is missing"),
        pytest.param(lambda q, c: q["goal"].update(choices=[]), "“goal”: it needs choices", id="no choices"),
        pytest.param(
            lambda q, c: q["heart"]["flags"][0].update(severity="panic"),
            "“heart”: rule “heart_recent” has no severity",
            id="severity",
        ),
        pytest.param(
            lambda q, c: q["heart"]["flags"][0].update(rest_days=61),
            "rule “heart_recent”: “rest_days” must be a whole number from 0 to 60",
            id="rest",
        ),
        pytest.param(
            lambda q, c: q["heart"]["flags"][0].update(extra_minutes="15"), "“extra_minutes” must be a whole number", id="longer"
        ),
        pytest.param(
            lambda q, c: q["heart"]["flags"][0]["when"].update(op="like"),
            "“heart”: rule “heart_recent”: there is no operator",
            id="op",
        ),
        pytest.param(
            lambda q, c: q["heart"]["flags"][0]["when"].update(value="maybe"),
            "no choice has the value maybe",
            id="no such choice",
        ),
        pytest.param(
            lambda q, c: q["heart"]["flags"][0]["when"].update(op="gte", value=1),
            "“gte” cannot be asked of single",
            id="op of type",
        ),
        pytest.param(
            lambda q, c: q["med_list"]["show_if"].update(question="rhythm"),
            "“med_list”: it is shown by a question that",
            id="order",
        ),
        pytest.param(lambda q, c: q["goal"].update(code="dob"), "“dob”: its code is missing or used twice", id="code twice"),
        pytest.param(lambda q, c: q["injuries"].update(fields=["colour"]), "“injuries”: it has fields nobody knows", id="fields"),
        pytest.param(lambda q, c: q["c_data"].pop("version"), "“c_data”: an agreement needs a version", id="agreement"),
        pytest.param(lambda q, c: c["sections"][0].update(when="never"), "Section “about” needs", id="section"),
        pytest.param(lambda q, c: c["sections"].append(7), "not in the shape", id="shape"),
        pytest.param(lambda q, c: c.pop("rules"), "has no “rules”", id="rules"),
    ],
)
def test_a_malformed_questionnaire_is_refused_with_the_question_and_the_reason(edit, says):
    with pytest.raises(QuestionnaireRefused) as refused:
        load_questionnaire(changed(edit))

    assert says in str(refused.value)
    assert not Questionnaire.objects.exists()


def test_what_a_rule_asks_for_beside_is_loaded_and_goes_along_to_the_next_version():
    def edit(questions, content):
        questions["heart"]["flags"][1].update(extra_minutes=15, rest_days=2)

    made, _new = load_questionnaire(changed(edit))
    activate(next_version(made))

    rules = FlagRule.objects.filter(code="heart")
    assert [(rule.as_rule().extra_minutes, rule.as_rule().rest_days) for rule in rules] == [(15, 2), (15, 2)]
    assert not FlagRule.objects.exclude(code="heart").exclude(extra_minutes=0, rest_days=0).exists()


def test_a_file_that_is_no_json_is_refused():
    with pytest.raises(QuestionnaireRefused, match="not JSON"):
        load_questionnaire("{")


def test_the_command_changes_nothing_when_one_file_is_malformed(tmp_path):
    for file in SHIPPED.iterdir():
        shutil.copy(file, tmp_path)
    (tmp_path / "intake_questionnaire.json").write_text(changed(lambda q, c: q["goal"].update(type="essay")))

    with pytest.raises(CommandError, match="Nothing was loaded:\nQuestion “goal”"):
        call_command("load_intake", folder=tmp_path)

    assert not Medication.objects.exists()


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("medications.csv", ",oral,", ",ether,", "medications.csv, row"),
        ("medications.csv", "ANTIVIRAL", "ANTIMAGIC", "medications.csv, row 4: name, route or class"),
        ("medication_classes.csv", "review,light", "panic,light", "severity"),
        ("body_regions.csv", "area_code", "zone", "has no column area_code"),
        ("body_chart_map.csv", "\nNECK,", "\nNECKLACE,", "has no place on the chart"),
    ],
)
def test_a_malformed_reference_file_is_refused_and_nothing_changes(tmp_path, file, old, new, says):
    for each in SHIPPED.iterdir():
        shutil.copy(each, tmp_path)
    (tmp_path / file).write_text((SHIPPED / file).read_text().replace(old, new))

    with pytest.raises(ReferenceRefused, match=says):
        load_reference(tmp_path)

    assert not MedicationClass.objects.exists()
    assert not Medication.objects.exists()


def test_the_next_version_has_everything_and_the_one_in_use_stays_until_it_is_put_to_use(intake):
    draft = next_version(intake)

    assert (draft.version, draft.state) == (2, "draft")
    assert content_of(draft) | {"version": "1"} == content_of(intake)
    assert Questionnaire.objects.active() == intake

    activate(draft)

    assert Questionnaire.objects.active() == draft
    intake.refresh_from_db()
    assert intake.state == "retired"


def test_a_second_draft_is_refused_while_one_is_under_way(intake):
    next_version(intake)

    with pytest.raises(QuestionnaireRefused, match="a draft already"):
        next_version(intake)


def test_a_draft_that_makes_no_sense_is_not_put_to_use(intake):
    draft = next_version(intake)
    Question.objects.filter(section__questionnaire=draft, code="goal").update(choices=[])

    with pytest.raises(QuestionnaireRefused, match="“goal”: it needs choices"):
        activate(draft)

    assert Questionnaire.objects.active() == intake


def test_a_retired_question_is_asked_no_more_and_moved_ones_come_in_their_new_order(intake):
    draft = next_version(intake)
    about = draft.sections.get(code="about")
    about.questions.filter(code="work_posture").update(is_retired=True)
    about.questions.filter(code="access_needs").update(order=0)
    about.questions.filter(code="dob").update(order=9)

    asked = Questionnaire.objects.complete().get(pk=draft.pk).asked("first")

    assert [question.code for question in asked[0][1]] == [
        "access_needs", "emergency_name", "emergency_phone", "doctor_name", "dob",
    ]  # fmt: skip


def test_each_occasion_asks_its_own_questions(intake):
    full = Questionnaire.objects.complete().get()

    def asked(kind):
        return {section.code: [question.code for question in questions] for section, questions in full.asked(kind)}

    assert list(asked("first")) == [
        "about", "today", "reason", "conditions", "medication", "history", "preferences", "consent",
    ]  # fmt: skip
    assert list(asked("every")) == ["today", "reason", "medication", "presession"]
    assert asked("every")["reason"] == ["areas", "pain_now"]
    assert "pregnant" not in asked("every")["today"]
    assert list(asked("after")) == ["followup"]


class TestAtTheDesk:
    @pytest.fixture
    def desk(self, client):
        client.force_login(UserFactory(is_staff=True, is_superuser=True))
        return client

    def act(self, desk, action, questionnaire):
        url = reverse("admin:clients_questionnaire_changelist")
        return desk.post(url, {"action": action, "_selected_action": [questionnaire.pk]}, follow=True)

    def test_a_version_is_made_edited_and_put_to_use(self, desk, intake):
        self.act(desk, "make_next_version", intake)
        draft = Questionnaire.objects.get(version=2)
        goal = Question.objects.get(section__questionnaire=draft, code="goal")

        answer = desk.get(reverse("admin:clients_question_change", args=[goal.pk]))

        assert answer.context["has_change_permission"]
        self.act(desk, "put_to_use", draft)
        assert Questionnaire.objects.active() == draft

    def test_a_version_in_use_is_only_read(self, desk, intake):
        goal = Question.objects.get(code="goal")
        url = reverse("admin:clients_question_change", args=[goal.pk])

        assert desk.get(url).status_code == 200
        assert desk.post(url, {"text": "Changed"}).status_code == 403

    def test_what_makes_no_sense_is_said_and_not_put_to_use(self, desk, intake):
        draft = next_version(intake)
        Question.objects.filter(section__questionnaire=draft, code="goal").update(choices=[])

        answer = self.act(desk, "put_to_use", draft)

        assert "it needs choices" in answer.content.decode()
        assert Questionnaire.objects.active() == intake

    @pytest.mark.parametrize("model", ["questionnaire", "section", "question", "medication", "medicationclass", "bodyregion"])
    def test_every_list_opens(self, desk, intake, model):
        assert desk.get(reverse(f"admin:clients_{model}_changelist"), {"q": sealed_for_address("a")}).status_code == 200
