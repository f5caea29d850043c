# mypy: disable-error-code="type-arg"
"""Whom a therapist can treat, as parts of the therapist's page.

They stand here and not with the practice, which knows neither medicines nor questions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from clients.models import FlagRule, MedicationClass, Questionnaire, QuestionType, User
from clients.triage import UNKNOWN, Severity
from therapists.models import BodyArea, ConditionPolicy, MedicationPolicy, Painkiller, Stance


class TherapistForm(forms.ModelForm):
    areas = forms.MultipleChoiceField(
        label=_("Body areas treated"),
        choices=BodyArea.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None ticked means all of them."),
    )


@dataclass(frozen=True)
class Known:
    """What a policy can be about; ``mildest``: the least severe thing that it can mean."""

    label: str
    mildest: Severity


def known_classes() -> dict[str, Known]:
    return {
        row.code: Known(f"{row.label} ({row.get_severity_display()})", Severity[row.severity.upper()])
        for row in MedicationClass.objects.exclude(severity="none").order_by("label")
    }


def known_conditions() -> dict[str, Known]:
    """The questions in use that raise flags and whose answers last: not those asked anew each time, nor the list of medicines."""
    rules = (
        FlagRule.objects.filter(
            question__section__questionnaire__state=Questionnaire.State.ACTIVE,
            question__is_retired=False,
            question__ask_every_session=False,
        )
        .exclude(question__section__when="after")
        .exclude(question__type=QuestionType.MEDICATION_LIST)
        .exclude(severity="none")
        .select_related("question")
        .order_by("question__section__order", "question__order")
    )
    found: defaultdict[str, list[FlagRule]] = defaultdict(list)
    for rule in rules:
        found[rule.question.code].append(rule)
    return {
        code: Known(Truncator(own[0].question.text).chars(80), min(Severity[rule.severity.upper()] for rule in own))
        for code, own in found.items()
    }


class PolicyForm(forms.ModelForm):
    """``about`` is the field with the code, ``known`` what it may be, ``by`` who is signed in."""

    about: ClassVar[str]
    known: ClassVar[Mapping[str, Known]]
    by: ClassVar[User]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = getattr(self.instance, self.about)
        choices = {code: known.label for code, known in self.known.items()}
        if own:
            choices.setdefault(own, own)
        self.fields[self.about] = forms.ChoiceField(
            label=self.fields[self.about].label, choices=[("", "---------"), *choices.items()]
        )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        code, stance = data.get(self.about), data.get("stance")
        known = self.known.get(code or "")
        if stance in (Stance.ACCEPT, Stance.REVIEW) and known and known.mildest is Severity.STOP:
            self.add_error("stance", _("This stops a session, and only a clearance lifts that. A therapist can decline it."))
        if stance == Stance.ACCEPT and code == UNKNOWN:
            self.add_error("stance", _("Nobody knows what these medicines are: they are decided about each time, or declined."))
        if self.has_changed():
            self.instance.set_by = self.by
        return data


class PolicyInline(admin.StackedInline):
    extra = 0
    readonly_fields = ("set_by", "set_at")
    about: ClassVar[str]

    def known(self) -> Mapping[str, Known]:
        """What can be chosen."""
        raise NotImplementedError

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        facts = {"about": self.about, "known": self.known(), "by": cast(User, request.user)}
        return super().get_formset(request, obj, **kwargs | {"form": type("AskedPolicyForm", (PolicyForm,), facts)})


class MedicationPolicyInline(PolicyInline):
    model = MedicationPolicy
    about = "medication_class"
    fields = (("medication_class", "stance"), "reason", ("set_by", "set_at"))
    verbose_name_plural = _("medicines: where this therapist differs from the severity of the class")

    def known(self) -> Mapping[str, Known]:
        return known_classes()


class ConditionPolicyInline(PolicyInline):
    model = ConditionPolicy
    about = "condition"
    fields = (("condition", "stance"), "reason", ("set_by", "set_at"))
    verbose_name_plural = _("conditions: where this therapist differs from the rules of the form")

    def known(self) -> Mapping[str, Known]:
        return known_conditions()


class PainkillerInline(admin.TabularInline):
    model = Painkiller
    extra = 0


#: The therapist's own page, in parts.
FIELDSETS: Any = (
    (None, {"fields": ("name", "user", "location", "focus", "about", "is_active")}),
    (_("Most in a day"), {"fields": (("daily_sessions", "daily_minutes"),)}),
    (
        _("Whom they treat"),
        {
            "fields": (("least_pressure", "most_pressure"), "areas", "gives_daily", "languages", "gender"),
            "description": _(
                "Decides who is offered this therapist. Medicines and conditions follow below: being stricter than the form is "
                "free, being milder needs a reason, and a stop stays a stop."
            ),
        },
    ),
)
