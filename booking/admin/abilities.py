# mypy: disable-error-code="type-arg"
"""Whom a therapist can treat, as parts of the therapist's page.

They stand here and not with the practice, which knows neither medicines nor questions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from booking.forms.abilities import Known, PolicyForm, areas_field, known_classes, known_conditions, languages_field
from clients.admin.inlines import NamedInline
from clients.models import User
from therapists.models import ConditionPolicy, MedicationPolicy, Painkiller


class TherapistForm(forms.ModelForm):
    areas = areas_field()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["languages"] = languages_field(self.instance.languages)


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


class PainkillerInline(NamedInline):
    model = Painkiller
    extra = 0


#: The therapist's own page, in parts.
FIELDSETS: Any = (
    (None, {"fields": ("name", "user", "location", "focus", "about", "is_active", "is_told_of_day")}),
    (_("Most in a day"), {"fields": (("daily_sessions", "daily_minutes", "daily_firm_minutes"),)}),
    (_("Rest"), {"fields": (("rest_after_sessions", "rest_after_firm_minutes", "rest_minutes"),)}),
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
