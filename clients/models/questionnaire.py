"""The questionnaire as data: versions, sections, questions and the rules that raise flags."""

from __future__ import annotations

from typing import Any, Self
from uuid import uuid4

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Prefetch, Q
from django.utils.translation import gettext_lazy as _

from clients import triage


class ResponseKind(models.TextChoices):
    """The occasion a form is filled in for."""

    FIRST = "first", _("before the first session")
    EVERY = "every", _("before each session")
    AFTER = "after", _("after a session")


class QuestionType(models.TextChoices):
    DATE = "date", _("date")
    TEXT_SHORT = "text_short", _("one line")
    TEXT_LONG = "text_long", _("several lines")
    PHONE = "phone", _("phone number")
    SINGLE = "single", _("one of several")
    MULTI = "multi", _("any of several")
    YES_NO = "yes_no", _("yes or no")
    YES_NO_UNSURE = "yes_no_unsure", _("yes, no or not sure")
    SCALE = "scale_0_10", _("0 to 10")
    BODY_MAP = "body_map", _("spots on the body")
    MEDICATION_LIST = "medication_list", _("list of medicines")
    REPEAT_GROUP = "repeat_group", _("list of dated items")
    ACTIVITY_SCORES = "activity_scores", _("activities with scores")
    CONSENT = "consent", _("agreement")
    SIGNATURE = "signature", _("signature")


SEVERITIES = [
    ("none", _("none")),
    ("adapt", _("adapt")),
    ("review", _("review")),
    ("stop", _("stop")),
]
PRESSURES = [
    ("none", _("do not press")),
    ("light", _("light (1–3)")),
    ("medium", _("medium (4–5)")),
    ("firm", _("firm (6–7)")),
    ("intense", _("intense (8)")),
]
MOST_EXTRA_MINUTES = 120
MOST_REST_DAYS = 60
SCOPES = [("whole_body", _("whole body")), ("local", _("the area concerned"))]


class QuestionnaireQuerySet(models.QuerySet["Questionnaire"]):
    def active(self) -> Questionnaire | None:
        """The version that new responses are given to; None in a practice without one."""
        return self.filter(state=Questionnaire.State.ACTIVE).first()

    def complete(self) -> Self:
        """With sections, questions and rules, in three more queries."""
        questions = Question.objects.order_by("order").prefetch_related("rules")
        return self.prefetch_related(Prefetch("sections", Section.objects.order_by("order").prefetch_related(
            Prefetch("questions", questions))))  # fmt: skip


class Questionnaire(models.Model):
    """One version of all forms. Only a draft is edited; answers stay with the version they were given to."""

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        ACTIVE = "active", _("active")
        RETIRED = "retired", _("retired")

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    version = models.PositiveSmallIntegerField(_("version"), unique=True, editable=False)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.DRAFT, editable=False)
    title = models.CharField(_("title"), max_length=120)
    intro = models.TextField(_("introduction"), blank=True)
    disclaimer = models.TextField(_("disclaimer"), blank=True)
    valid_days = models.PositiveSmallIntegerField(
        _("valid for days"), default=365, help_text=_("After this the whole form is asked again.")
    )

    objects = QuestionnaireQuerySet.as_manager()

    class Meta:
        verbose_name = _("questionnaire")
        verbose_name_plural = _("questionnaires")
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(fields=["state"], condition=Q(state="active"), name="questionnaire_one_active"),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.version})"

    @property
    def is_draft(self) -> bool:
        return self.state == self.State.DRAFT

    def asked(self, kind: str) -> list[tuple[Section, list[Question]]]:
        """The sections of a form with the questions it asks, retired ones left out. See ``Section.asks``."""
        found = [(section, section.asks(kind)) for section in self.sections.all()]
        return [(section, questions) for section, questions in found if questions]


class Section(models.Model):
    """One screen of a form."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    questionnaire = models.ForeignKey(Questionnaire, models.CASCADE, related_name="sections", verbose_name=_("questionnaire"))
    code = models.SlugField(_("code"), max_length=40)
    title = models.CharField(_("title"), max_length=120)
    help = models.TextField(_("help"), blank=True)
    when = models.CharField(_("asked"), max_length=8, choices=ResponseKind.choices)
    order = models.PositiveSmallIntegerField(_("order"), default=0)

    class Meta:
        verbose_name = _("section")
        verbose_name_plural = _("sections")
        ordering = ["order"]
        constraints = [models.UniqueConstraint(fields=["questionnaire", "code"], name="section_code_once")]

    def __str__(self) -> str:
        return self.title

    def asks(self, kind: str) -> list[Question]:
        """What this section asks on an occasion.

        The first form has its own sections, and those of each session that also ask something only once. Before each session
        come that occasion's sections, and from the others what is asked every time.
        """
        questions = [question for question in self.questions.all() if not question.is_retired]
        own = self.when == kind
        if kind == ResponseKind.FIRST and self.when == ResponseKind.EVERY:
            own = any(not question.ask_every_session for question in questions)
        if kind == ResponseKind.EVERY and self.when != ResponseKind.AFTER:
            return [question for question in questions if question.ask_every_session]
        return questions if own else []


class Question(models.Model):
    """One question; what its type needs beside the text stands in ``choices``, ``fields`` and ``max_items``."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    section = models.ForeignKey(Section, models.CASCADE, related_name="questions", verbose_name=_("section"))
    code = models.SlugField(_("code"), max_length=40)
    text = models.TextField(_("text"))
    help = models.TextField(_("help"), blank=True)
    type = models.CharField(_("type"), max_length=20, choices=QuestionType.choices)
    required = models.BooleanField(_("required"), default=False)
    choices: models.JSONField[Any, Any] = models.JSONField(_("choices"), default=list, blank=True)
    show_if: models.JSONField[Any, Any] = models.JSONField(_("shown if"), default=dict, blank=True)
    fields: models.JSONField[Any, Any] = models.JSONField(_("fields of an item"), default=list, blank=True)
    max_items = models.PositiveSmallIntegerField(_("most items"), null=True, blank=True)
    ask_every_session = models.BooleanField(_("before every session"), default=False)
    sensitive = models.BooleanField(_("about health"), default=True)
    is_emergency = models.BooleanField(
        _("emergency sign"), default=False, help_text=_("Where it stops a session, the urgent-care text comes first.")
    )
    consent_version = models.PositiveSmallIntegerField(_("version of the agreement"), null=True, blank=True)
    legal_basis = models.CharField(_("legal basis"), max_length=80, blank=True)
    copies_from = models.CharField(_("repeats the items of"), max_length=40, blank=True)
    is_retired = models.BooleanField(_("retired"), default=False, help_text=_("No longer asked."))
    order = models.PositiveSmallIntegerField(_("order"), default=0)

    class Meta:
        verbose_name = _("question")
        verbose_name_plural = _("questions")
        ordering = ["order"]
        constraints = [models.UniqueConstraint(fields=["section", "code"], name="question_code_once")]

    def __str__(self) -> str:
        return self.text

    def label_of(self, value: str) -> str:
        """The words of a choice; the bare value when the version does not have it."""
        return next((str(choice["label"]) for choice in self.choices if choice["value"] == value), value)


class FlagRule(models.Model):
    """When an answer raises a flag, and what it then limits. Its meaning stands in ``clients.triage``."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    question = models.ForeignKey(Question, models.CASCADE, related_name="rules", verbose_name=_("question"))
    code = models.SlugField(_("code"), max_length=40)
    when: models.JSONField[Any, Any] = models.JSONField(_("when"))
    severity = models.CharField(_("severity"), max_length=8, choices=SEVERITIES)
    scope = models.CharField(_("reach"), max_length=12, choices=SCOPES)
    max_pressure = models.CharField(_("most pressure"), max_length=8, choices=PRESSURES, blank=True)
    therapist_note = models.TextField(_("for the therapist"), blank=True)
    client_message = models.TextField(_("for the client"), blank=True)
    extra_minutes = models.PositiveSmallIntegerField(
        _("extra minutes"),
        default=0,
        validators=[MaxValueValidator(MOST_EXTRA_MINUTES)],
        help_text=_("A client's first session is this much longer."),
    )
    rest_days = models.PositiveSmallIntegerField(
        _("days of rest"),
        default=0,
        validators=[MaxValueValidator(MOST_REST_DAYS)],
        help_text=_("Whole days between two sessions of a series, at least."),
    )
    order = models.PositiveSmallIntegerField(_("order"), default=0)

    class Meta:
        verbose_name = _("rule")
        verbose_name_plural = _("rules")
        ordering = ["order"]
        constraints = [
            models.UniqueConstraint(fields=["question", "code"], name="rule_code_once"),
            models.CheckConstraint(
                condition=Q(extra_minutes__lte=MOST_EXTRA_MINUTES, rest_days__lte=MOST_REST_DAYS),
                name="rule_lengthens_within_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.code

    def as_rule(self) -> triage.Rule:
        return triage.Rule(
            question=self.question.code,
            code=self.code,
            when=self.when,
            severity=triage.Severity[self.severity.upper()],
            scope=triage.Scope(self.scope),
            cap=pressure_of(self.max_pressure),
            note=self.therapist_note,
            message=self.client_message,
            extra_minutes=self.extra_minutes,
            rest_days=self.rest_days,
        )


def pressure_of(code: str) -> triage.Pressure | None:
    """The cap a code stands for; none for an empty one."""
    return triage.Pressure[code.upper()] if code else None
