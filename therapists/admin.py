# mypy: disable-error-code="type-arg"
"""What the practice offers. Hours, leave, people and places are registered in booking, which sees what they break."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from therapists.models import BodyArea, Treatment


class TreatmentForm(forms.ModelForm):
    areas = forms.MultipleChoiceField(
        label=_("Body areas"),
        choices=BodyArea.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None ticked means any area."),
    )


@admin.register(Treatment)
class TreatmentAdmin(admin.ModelAdmin):
    form = TreatmentForm
    list_display = ("name", "length", "turnaround", "price", "is_active")
    list_filter = ("is_active", "therapists", "rooms")
    search_fields = ("name", "description")
    ordering = ("order", "name")
