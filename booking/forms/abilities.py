"""Whom a therapist can treat: the same questions at the desk and on the therapist's own page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.conf.locale import LANG_INFO
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from clients.models import FlagRule, MedicationClass, Questionnaire, QuestionType, User
from clients.triage import UNKNOWN, Severity
from therapists.models import BodyArea, Stance

#: Those that are offered; others that somebody already has stay with them.
LANGUAGES = (
    *("ar", "bg", "bn", "cs", "cy", "da", "de", "el", "en", "es", "fa", "fi", "fr", "ga", "he", "hi", "hr", "hu", "it"),
    *("ja", "ko", "lt", "ne", "nl", "no", "pa", "pl", "pt", "ro", "ru", "sk", "sr", "sv", "ta", "tr", "uk", "ur", "vi"),
)


def areas_field() -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=_("Body areas treated"),
        choices=BodyArea.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None ticked means all of them."),
    )


def languages_field(spoken: Collection[str] = ()) -> forms.MultipleChoiceField:
    """``spoken`` are offered besides, so that nobody loses a language to a form that does not know it."""
    named = sorted((gettext(LANG_INFO[code]["name"]), code) for code in {*LANGUAGES, *spoken})
    return forms.MultipleChoiceField(
        label=_("Languages"),
        choices=[(code, name) for name, code in named],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Clients see them by name."),
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


class PolicyForm(forms.ModelForm):  # type: ignore[type-arg]
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
