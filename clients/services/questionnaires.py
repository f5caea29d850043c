"""Versions of the questionnaire: loading one from a file, making the next, putting it to use."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from clients.models import FlagRule, Question, Questionnaire, QuestionType, ResponseKind, Section
from clients.models.questionnaire import MOST_EXTRA_MINUTES, MOST_REST_DAYS, PRESSURES, SCOPES, SEVERITIES

#: The questions whose stop is an emergency: the urgent-care text comes before anything else.
EMERGENCY_SIGNS = frozenset({"chest_breath", "calf_signs", "cauda_signs", "neuro_signs", "headache_signs"})
WITH_CHOICES = {QuestionType.SINGLE, QuestionType.MULTI, QuestionType.YES_NO, QuestionType.YES_NO_UNSURE}
SINGLE = {QuestionType.SINGLE, QuestionType.YES_NO, QuestionType.YES_NO_UNSURE}
#: What each type can be asked, and of which kind the value compared with must be.
OPERATORS: dict[str, tuple[set[str], type[Any]]] = {
    "equals": ({*SINGLE}, str),
    "in": ({*SINGLE}, list),
    "contains_any": ({QuestionType.MULTI}, list),
    "gte": ({QuestionType.SCALE}, int),
    "between": ({QuestionType.SCALE}, list),
    "not_empty": ({QuestionType.TEXT_SHORT, QuestionType.TEXT_LONG, QuestionType.BODY_MAP, QuestionType.MULTI}, bool),
    "age_lt": ({QuestionType.DATE}, int),
    "age_gte": ({QuestionType.DATE}, int),
    "region_treatable_in": ({QuestionType.BODY_MAP}, list),
    "medication_severity": ({QuestionType.MEDICATION_LIST}, str),
    "medication_class_all": ({QuestionType.MEDICATION_LIST}, list),
    "item_within_days": ({QuestionType.REPEAT_GROUP}, int),
    "item_older_days": ({QuestionType.REPEAT_GROUP}, int),
    "item_kind_in": ({QuestionType.REPEAT_GROUP}, list),
}
RULE_FIELDS = ("code", "when", "severity", "scope", "max_pressure", "therapist_note", "client_message")
#: What a rule may ask for beside, and the most of it.
LIMITS = {"extra_minutes": MOST_EXTRA_MINUTES, "rest_days": MOST_REST_DAYS}
ITEM_FIELDS = {
    QuestionType.BODY_MAP: {"region", "pain_0_10", "spreads_to"},
    QuestionType.MEDICATION_LIST: {"name", "reason", "since", "last_taken", "site_region"},
    QuestionType.REPEAT_GROUP: {"kind", "region", "date", "seen_by_clinician", "still_hurts", "metalwork", "cleared"},
}


class QuestionnaireRefused(ValueError):
    """A questionnaire that makes no sense; ``problems`` say which question and why."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@transaction.atomic
def load_questionnaire(text: str) -> tuple[Questionnaire, bool]:
    """Store the version a file holds, and put it to use if the practice has none yet.

    A version that is there already stays as it is; the second value says whether it was new. Raises QuestionnaireRefused.
    """
    try:
        content = json.loads(text)
    except ValueError as fault:
        raise QuestionnaireRefused([_("The file is not JSON: %(fault)s") % {"fault": fault}]) from None
    if problems := list(problems_of(content)):
        raise QuestionnaireRefused(problems)
    version = _version(content)
    known = Questionnaire.objects.filter(version=version).first()
    if known:
        return known, False
    in_use = Questionnaire.objects.active() is not None
    made = _store(content, version, Questionnaire.State.DRAFT if in_use else Questionnaire.State.ACTIVE)
    return made, True


@transaction.atomic
def next_version(source: Questionnaire) -> Questionnaire:
    """A draft with everything of ``source``, for staff to change. Raises QuestionnaireRefused if one is under way already."""
    if Questionnaire.objects.select_for_update().filter(state=Questionnaire.State.DRAFT).exists():
        raise QuestionnaireRefused([_("There is a draft already. Put it to use or delete it first.")])
    content = content_of(source)
    latest = Questionnaire.objects.order_by("-version").values_list("version", flat=True)[0]
    return _store(content, latest + 1, Questionnaire.State.DRAFT)


@transaction.atomic
def activate(questionnaire: Questionnaire) -> None:
    """Put a draft to use and retire the version before. Raises QuestionnaireRefused; then nothing changes."""
    versions = list(Questionnaire.objects.select_for_update().order_by("version"))
    draft = next((each for each in versions if each == questionnaire and each.is_draft), None)
    if draft is None:
        raise QuestionnaireRefused([_("Only a draft can be put to use.")])
    if problems := list(problems_of(content_of(draft))):
        raise QuestionnaireRefused(problems)
    Questionnaire.objects.filter(state=Questionnaire.State.ACTIVE).update(state=Questionnaire.State.RETIRED)
    draft.state = Questionnaire.State.ACTIVE
    draft.save(update_fields=["state"])


def content_of(questionnaire: Questionnaire) -> dict[str, Any]:
    """A stored version in the shape of the file."""
    full = Questionnaire.objects.complete().get(pk=questionnaire.pk)
    return {
        "version": str(full.version),
        "title": full.title,
        "intro": full.intro,
        "disclaimer": full.disclaimer,
        "rules": {"full_intake_valid_days": full.valid_days},
        "sections": [
            {
                "code": section.code,
                "title": section.title,
                "help": section.help,
                "when": section.when,
                "questions": [_question_content(question) for question in section.questions.all()],
            }
            for section in full.sections.all()
        ],
    }


def _question_content(question: Question) -> dict[str, Any]:
    kept = ("code", "text", "help", "type", "required", "choices", "show_if", "fields", "max_items", "ask_every_session")
    more = ("sensitive", "is_emergency", "legal_basis", "copies_from", "is_retired")
    content = {name: getattr(question, name) for name in kept + more}
    flags = [{name: getattr(rule, name) for name in (*RULE_FIELDS, *LIMITS)} for rule in question.rules.all()]
    version = {"version": str(question.consent_version)} if question.consent_version else {}
    return content | version | {"flags": flags}


def _version(content: Mapping[str, Any]) -> int:
    """1 of "1.0" """
    return int(str(content["version"]).partition(".")[0])


def _store(content: Mapping[str, Any], version: int, state: str) -> Questionnaire:
    made = Questionnaire.objects.create(
        version=version,
        state=state,
        title=content["title"],
        intro=content.get("intro", ""),
        disclaimer=content.get("disclaimer", ""),
        valid_days=content["rules"]["full_intake_valid_days"],
    )
    questions: list[Question] = []
    rules: list[FlagRule] = []
    for place, given in enumerate(content["sections"]):
        section = Section.objects.create(
            questionnaire=made,
            code=given["code"],
            title=given["title"],
            help=given.get("help", ""),
            when=given["when"],
            order=place,
        )
        for number, asked in enumerate(given["questions"]):
            question = _question(section, number, asked)
            questions.append(question)
            rules += [_rule(question, order, flag) for order, flag in enumerate(asked.get("flags", []))]
    Question.objects.bulk_create(questions)
    FlagRule.objects.bulk_create(rules)
    return made


def _question(section: Section, order: int, asked: Mapping[str, Any]) -> Question:
    return Question(
        section=section,
        code=asked["code"],
        text=asked["text"],
        help=asked.get("help", ""),
        type=asked["type"],
        required=asked["required"],
        choices=asked.get("choices") or [],
        show_if=asked.get("show_if") or {},
        fields=asked.get("fields") or [],
        max_items=asked.get("max_items"),
        ask_every_session=asked["ask_every_session"],
        sensitive=asked["sensitive"],
        is_emergency=asked.get("is_emergency", asked["code"] in EMERGENCY_SIGNS),
        consent_version=int(asked["version"]) if "version" in asked else None,
        legal_basis=asked.get("legal_basis", ""),
        copies_from=asked.get("copies_from", ""),
        is_retired=asked.get("is_retired", False),
        order=order,
    )


def _rule(question: Question, order: int, flag: Mapping[str, Any]) -> FlagRule:
    return FlagRule(
        question=question,
        code=flag["code"],
        when=flag["when"],
        severity=flag["severity"],
        scope=flag["scope"],
        max_pressure=flag.get("max_pressure", ""),
        therapist_note=flag.get("therapist_note", ""),
        client_message=flag.get("client_message", ""),
        extra_minutes=flag.get("extra_minutes", 0),
        rest_days=flag.get("rest_days", 0),
        order=order,
    )


# ---- what makes no sense ----------------------------------------------------------------------------------------------------


def problems_of(content: Any) -> Iterator[str]:
    """Every reason why a questionnaire cannot be used, with the question it is about."""
    if not isinstance(content, dict):
        yield _("The file holds no questionnaire.")
        return
    for name in ("version", "title", "rules", "sections"):
        if not content.get(name):
            yield _("The questionnaire has no “%(name)s”.") % {"name": name}
            return
    if not str(content["version"]).partition(".")[0].isdecimal():
        yield _("The version must be a number, not %(version)r.") % {"version": content["version"]}
    days = content["rules"].get("full_intake_valid_days") if isinstance(content["rules"], dict) else None
    if not isinstance(days, int) or days < 1:
        yield _("“full_intake_valid_days” must be a number of days.")
    try:
        yield from _problems_of_sections(content["sections"])
    except (TypeError, KeyError, AttributeError, ValueError) as fault:
        yield _("A section or question is not in the shape it must have (%(fault)s).") % {"fault": fault}


def _problems_of_sections(sections: list[dict[str, Any]]) -> Iterator[str]:
    types: dict[str, Mapping[str, Any]] = {}
    for section in sections:
        if section.get("when") not in ResponseKind.values or not section.get("code") or not section.get("title"):
            yield _("Section “%(code)s” needs a code, a title and one of first, every, after.") % {"code": section.get("code")}
        for question in section.get("questions", []):
            for problem in _problems_of_question(question, types):
                yield _("Question “%(code)s”: %(problem)s") % {"code": question.get("code") or "?", "problem": problem}
            types[str(question.get("code"))] = question


def _problems_of_question(question: Mapping[str, Any], before: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    if not question.get("code") or question["code"] in before:
        yield _("its code is missing or used twice.")
    for name in ("text", "type"):
        if not isinstance(question.get(name), str) or not question[name]:
            yield _("it has no “%(name)s”.") % {"name": name}
    for name in ("required", "ask_every_session", "sensitive"):
        if not isinstance(question.get(name), bool):
            yield _("“%(name)s” must be true or false.") % {"name": name}
    kind = question.get("type")
    if kind not in QuestionType.values:
        yield _("there is no type “%(type)s”.") % {"type": kind}
        return
    yield from _problems_of_shape(question, str(kind))
    if (condition := question.get("show_if")) and not question.get("is_retired"):
        yield from _problems_of_show_if(condition, before)
    seen: set[str] = set()
    for flag in question.get("flags", []):
        yield from _problems_of_rule(flag, question)
        if flag.get("code") in seen:
            yield _("its rule “%(rule)s” stands there twice.") % {"rule": flag.get("code")}
        seen.add(str(flag.get("code")))


def _problems_of_shape(question: Mapping[str, Any], kind: str) -> Iterator[str]:
    values = [choice.get("value") for choice in question.get("choices") or []]
    if kind in WITH_CHOICES and not values:
        yield _("it needs choices.")
    if len(values) != len(set(values)) or any(not choice.get("label") for choice in question.get("choices") or []):
        yield _("each choice needs a value of its own and a label.")
    if strange := set(question.get("fields") or []) - ITEM_FIELDS.get(QuestionType(kind), set()):
        yield _("it has fields nobody knows: %(fields)s.") % {"fields": ", ".join(sorted(strange))}
    if kind in (QuestionType.CONSENT, QuestionType.SIGNATURE) and not str(question.get("version", "")).isdecimal():
        yield _("an agreement needs a version.")


def _problems_of_show_if(condition: Mapping[str, Any], before: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    asked = before.get(str(condition.get("question")))
    if asked is None:
        yield _("it is shown by a question that does not come before it: “%(code)s”.") % {"code": condition.get("question")}
        return
    if asked.get("is_retired"):
        yield _("it is shown by a question that is retired: “%(code)s”.") % {"code": condition["question"]}
    yield from _problems_of_condition(condition, asked)


def _problems_of_rule(flag: Mapping[str, Any], question: Mapping[str, Any]) -> Iterator[str]:
    rule = flag.get("code") or "?"
    allowed: dict[str, set[Any]] = {
        "severity": set(dict(SEVERITIES)),
        "scope": set(dict(SCOPES)),
        "max_pressure": {*dict(PRESSURES), "", None},
    }
    for name, values in allowed.items():
        if flag.get(name) not in values:
            yield _("rule “%(rule)s” has no %(name)s “%(value)s”.") % {"rule": rule, "name": name, "value": flag.get(name)}
    for name, most in LIMITS.items():
        value = flag.get(name, 0)
        if type(value) is not int or not 0 <= value <= most:
            yield _("rule “%(rule)s”: “%(name)s” must be a whole number from 0 to %(most)s.") % {
                "rule": rule,
                "name": name,
                "most": most,
            }
    when = flag.get("when") or {}
    for condition in (when, when["and"]) if "and" in when else (when,):
        for problem in _problems_of_condition(condition, question):
            yield _("rule “%(rule)s”: %(problem)s") % {"rule": rule, "problem": problem}


def _problems_of_condition(condition: Mapping[str, Any], asked: Mapping[str, Any]) -> Iterator[str]:
    name = condition.get("op")
    if name not in OPERATORS:
        yield _("there is no operator “%(op)s”.") % {"op": name}
        return
    types, shape = OPERATORS[str(name)]
    if asked.get("type") not in types:
        yield _("“%(op)s” cannot be asked of %(type)s.") % {"op": name, "type": asked.get("type")}
        return
    value: Any = condition.get("value")
    if not isinstance(value, shape) or (name == "between" and len(value) != 2):
        yield _("“%(op)s” cannot be compared with %(value)s.") % {"op": name, "value": value}
        return
    if asked.get("type") in WITH_CHOICES or name == "item_kind_in":
        choices = {choice["value"] for choice in asked.get("choices") or []}
        wanted = value if isinstance(value, list) else [value]
        if strange := [each for each in wanted if not isinstance(each, bool) and each not in choices]:
            yield _("no choice has the value %(values)s.") % {"values": ", ".join(map(str, strange))}
    if name == "medication_severity" and value not in dict(SEVERITIES):
        yield _("there is no severity “%(value)s”.") % {"value": value}
