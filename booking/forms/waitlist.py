"""What somebody waits for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, time, timedelta
from typing import Any, Self

from crispy_forms.layout import Div, Field
from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from booking.forms.layout import choices_of, helper
from booking.templatetags.unknot import icon
from therapists.models import Therapist, Treatment, Weekday

#: Proposed when no day was looked at.
WAITS_FOR = timedelta(weeks=4)


class PartOfDay:
    """Times of day to wait for: label, what it means, and the first and last start."""

    ANY, MORNING, AFTERNOON, EVENING = "any", "morning", "afternoon", "evening"
    LABELS: tuple[tuple[str, Any, Any, time | None, time | None], ...] = (
        (ANY, _("Any time"), _("whatever is free"), None, None),
        (MORNING, _("Morning"), _("until 12:00"), None, time(12)),
        (AFTERNOON, _("Afternoon"), _("12:00 to 17:00"), time(12), time(17)),
        (EVENING, _("Evening"), _("from 17:00 on"), time(17), None),
    )


class EarlierForm(forms.Form):
    """What would suit somebody who waits; nothing ticked means anything."""

    therapists = forms.MultipleChoiceField(
        label=_("With whom"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Tick nobody, and anyone suitable will do."),
    )
    weekdays = forms.MultipleChoiceField(
        label=_("Days of the week"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Tick none, and any day will do."),
    )
    part = forms.ChoiceField(label=_("Time of day"), widget=forms.RadioSelect, initial=PartOfDay.ANY)

    def __init__(self, *args: Any, therapists: Iterable[Therapist], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = {str(row.pk): row for row in therapists}
        tick = icon("check2")
        choices_of(self, "therapists").choices = [(key, format_html("{}{}", tick, row.name)) for key, row in self.people.items()]
        choices_of(self, "weekdays").choices = [
            (str(value), format_html("{}{}", tick, label)) for value, label in Weekday.choices
        ]
        choices_of(self, "part").choices = [
            (value, format_html('{}<span class="desc">{}</span>', label, detail))
            for value, label, detail, _first, _last in PartOfDay.LABELS
        ]
        self.helper = helper(*self.rows())

    def rows(self) -> list[Any]:
        return [
            Field("therapists", wrapper_class="chips wide"),
            Field("weekdays", wrapper_class="chips wide"),
            Field("part", wrapper_class="segments stack wide"),
        ]

    @property
    def wanted(self) -> dict[str, Any]:
        """What was asked for, as the service takes it."""
        starts_from, starts_until = next(
            (first, last) for value, _label, _detail, first, last in PartOfDay.LABELS if value == self.cleaned_data["part"]
        )
        return {
            "therapists": [self.people[key] for key in self.cleaned_data["therapists"]],
            "weekdays": [int(value) for value in self.cleaned_data["weekdays"]],
            "starts_from": starts_from,
            "starts_until": starts_until,
        }


class WishForm(EarlierForm):
    treatment = forms.ChoiceField(label=_("Treatment"))
    earliest_on = forms.DateField(label=_("First day"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
    latest_on = forms.DateField(label=_("Last day"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
    field_order = ("treatment", "therapists", "weekdays", "part", "earliest_on", "latest_on")

    @classmethod
    def after(cls, asked: Mapping[str, str], data: Any, *, today: date) -> Self:
        """The form of a practice; ``asked``, the address of a page of free times, says what was looked at in vain."""
        return cls(
            data,
            treatments=Treatment.objects.filter(is_active=True).select_related("location"),
            therapists=Therapist.objects.filter(is_active=True, treatments__is_active=True).distinct(),
            initial=_looked_at(asked, today),
        )

    def __init__(self, *args: Any, treatments: Iterable[Treatment], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.treatments = {str(row.pk): row for row in treatments}
        choices_of(self, "treatment").choices = [
            (key, _("%(name)s, %(minutes)s min") % {"name": row.name, "minutes": row.minutes})
            for key, row in self.treatments.items()
        ]

    def rows(self) -> list[Any]:
        return [Field("treatment"), *super().rows(), Div(Field("earliest_on"), Field("latest_on"), css_class="first-last")]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        first, last = cleaned.get("earliest_on"), cleaned.get("latest_on")
        if first and last and last < first:
            self.add_error("latest_on", _("The last day is before the first. Nothing was lost; please check both."))
        return cleaned

    @property
    def wanted(self) -> dict[str, Any]:
        days = {name: self.cleaned_data[name] for name in ("earliest_on", "latest_on")}
        return super().wanted | days | {"treatment": self.treatments[self.cleaned_data["treatment"]]}


def _looked_at(asked: Mapping[str, str], today: date) -> dict[str, Any]:
    """A first proposal: the day that was looked at, or the next weeks."""
    try:
        first = last = max(today, date.fromisoformat(asked.get("day", "")))
    except ValueError:
        first, last = today, today + WAITS_FOR
    return {
        "treatment": asked.get("treatment", ""),
        "therapists": [asked.get("therapist", "")],
        "earliest_on": first,
        "latest_on": last,
    }
