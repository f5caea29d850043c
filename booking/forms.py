"""The client's three screens as forms. Every value that comes back is checked against what is offered at that moment."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, time, timedelta
from typing import Any
from uuid import UUID, uuid4

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Div, Field, Layout
from django import forms
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from phonenumber_field.formfields import PhoneNumberField

from booking.engine.recurrence import Course, Daily, Once, Phase, Weekly
from booking.engine.slots import Offer
from booking.templatetags.unknot import icon, money
from therapists.models import BodyArea, Therapist, Treatment, Weekday

ANYONE = "anyone"
WORKING_DAYS = (0, 1, 2, 3, 4)
DAILY_BEFORE_WEEKLY = 5
MOST_SESSIONS = 12


class Rhythm:
    ONCE, WEEKLY, DAILY, BOTH = "once", "weekly", "daily", "both"
    LABELS = (
        (ONCE, _("Once"), _("one session")),
        (WEEKLY, _("Weekly"), _("same day and time")),
        (DAILY, _("Daily"), _("a short course")),
        (BOTH, _("Both"), _("five daily, then weekly")),
    )


def helper(*fields: Any) -> FormHelper:
    """The page draws the form tag, the token and the buttons; crispy draws the fields."""
    made = FormHelper()
    made.form_tag = False
    made.disable_csrf = True
    made.layout = Layout(*fields)
    return made


def choices_of(form: forms.Form, name: str) -> forms.ChoiceField:
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)
    return field


class AreasForm(forms.Form):
    """Where it hurts. Sent by POST and kept in the session only, so that it never stands in an address."""

    areas = forms.MultipleChoiceField(
        label=_("Where does it hurt?"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=[],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tick = icon("check2")
        choices_of(self, "areas").choices = [(code, format_html("{}{}", tick, label)) for code, label in BodyArea.choices]
        self.helper = helper(Field("areas", wrapper_class="chips wide hidden-legend"))


class WhatForm(AreasForm):
    """What, with whom and how often."""

    treatment = forms.ChoiceField(label=_("Treatment"), widget=forms.RadioSelect)
    therapist = forms.ChoiceField(label=_("With whom"), widget=forms.RadioSelect, initial=ANYONE)
    rhythm = forms.ChoiceField(label=_("How often"), widget=forms.RadioSelect, initial=Rhythm.ONCE)
    count = forms.TypedChoiceField(
        label=_("How many sessions"),
        coerce=int,
        initial=8,
        required=False,
        empty_value="8",
        help_text=_("For weekly and daily. With “both” it counts the weekly ones. Most people start with four."),
    )

    def __init__(
        self,
        *args: Any,
        treatments: Iterable[Treatment],
        therapists: Iterable[Therapist],
        soonest: dict[str, str],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.treatments = {str(treatment.pk): treatment for treatment in treatments}
        choices_of(self, "treatment").choices = [(key, _described(row)) for key, row in self.treatments.items()]
        choices_of(self, "therapist").choices = [
            (ANYONE, _choice(_("Anyone suitable"), soonest.get(ANYONE, ""), _("You see the most free times this way."))),
            *((str(row.pk), _choice(row.name, soonest.get(str(row.pk), ""), row.focus)) for row in therapists),
        ]
        choices_of(self, "rhythm").choices = [
            (value, format_html('{}<span class="desc">{}</span>', label, detail)) for value, label, detail in Rhythm.LABELS
        ]
        choices_of(self, "count").choices = [
            (number, ngettext("%(n)s session", "%(n)s sessions", number) % {"n": number})
            for number in range(2, MOST_SESSIONS + 1)
        ]
        self.helper = helper(
            Field("treatment", wrapper_class="choices wide"),
            Field("therapist", wrapper_class="choices wide"),
            Field("rhythm", wrapper_class="segments stack wide"),
            Field("count"),
        )

    @cached_property
    def areas_helper(self) -> FormHelper:
        return helper(Field("areas", wrapper_class="chips wide hidden-legend"))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        treatment = self.treatments.get(cleaned.get("treatment", ""))
        therapist = cleaned.get("therapist", ANYONE)
        if treatment and therapist != ANYONE and not treatment.therapists.filter(pk=therapist, is_active=True).exists():
            self.add_error("therapist", _("This therapist does not give this treatment. Choose another, or anyone suitable."))
        return cleaned


class WhenForm(forms.Form):
    """One start on one day, out of those offered right now."""

    start = forms.ChoiceField(
        label=_("Time"),
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Please choose a time. Nothing is held yet."),
            "invalid_choice": _("This time is no longer free. Nothing was lost: here are the times that are free now."),
        },
    )

    def __init__(self, *args: Any, offers: Iterable[Offer], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offers = {f"{offer.therapist}/{offer.minute}": offer for offer in offers}
        choices_of(self, "start").choices = [(value, value) for value in self.offers]

    @property
    def chosen(self) -> Offer:
        return self.offers[self.cleaned_data["start"]]


def course_of(rhythm: str, count: int, offer: Offer, *, wished: UUID | None) -> Course:
    """The course that begins with a chosen start. Raises InvalidCourse when it makes no sense.

    ``wished`` is the therapist the client asked for; None means that anyone will do.
    """
    weekly = Weekly((offer.day.weekday(),))
    daily = Daily(tuple(sorted({*WORKING_DAYS, offer.day.weekday()})))
    phases = {
        Rhythm.ONCE: (Phase(Once()),),
        Rhythm.WEEKLY: (Phase(weekly, count=count),),
        Rhythm.DAILY: (Phase(daily, count=count),),
        Rhythm.BOTH: (Phase(daily, count=DAILY_BEFORE_WEEKLY), Phase(weekly, count=count)),
    }[rhythm]
    once = rhythm == Rhythm.ONCE
    therapists = (offer.therapist,) if once else ((wished,) if wished else ())
    return Course(starts_on=offer.day, phases=phases, minutes=(offer.minute,), therapists=therapists)


class KnownForm(forms.Form):
    """Somebody who was here before: the address is enough."""

    email = forms.EmailField(
        label=_("E-mail"),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        help_text=_("We send a six-digit code there. There is no password."),
    )
    agree = forms.BooleanField(error_messages={"required": _("Please agree first. Your times are still held.")})

    def __init__(self, *args: Any, consent: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["agree"].label = consent
        self.helper = helper(*(Field(name) for name in self.fields))


class DetailsForm(KnownForm):
    """A new client: three things to type, then the code."""

    name = forms.CharField(label=_("Name"), max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    phone = PhoneNumberField(
        label=format_html('{} <span class="optional">({})</span>', _("Phone"), _("optional")),
        required=False,
        help_text=_("Only for news about a session on the same day."),
        widget=forms.TextInput(attrs={"autocomplete": "tel", "type": "tel"}),
        error_messages={"invalid": _("This does not look like a phone number. Nothing was lost; please check it.")},
    )
    field_order = ("name", "email", "phone", "agree")


class ConfirmForm(forms.Form):
    """The last press. ``key`` makes a repeated press the same booking."""

    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, consent: str = "", **kwargs: Any) -> None:
        kwargs.setdefault("initial", {})
        kwargs["initial"] = {"key": uuid4()} | kwargs["initial"]
        super().__init__(*args, **kwargs)
        if consent:
            self.fields["agree"] = forms.BooleanField(
                label=consent, error_messages={"required": _("Please agree first. Your times are still held.")}
            )
        self.helper = helper(*(Field(name) for name in self.fields))


class CodeForm(ConfirmForm):
    code = forms.CharField(
        label=_("Code from the e-mail"),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code", "maxlength": "9"}),
        help_text=_("This is how we know the address is yours."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = helper(Field("code", wrapper_class="code-field"), Field("key"))

    def clean_code(self) -> str:
        code = "".join(self.cleaned_data["code"].split())
        if len(code) != 6 or not code.isdecimal():
            raise forms.ValidationError(_("Our codes have six digits. Your times are still held. Please type it again."))
        return code


class NameForm(ConfirmForm):
    """The address is proved but new to us, so we need a name after all."""

    name = DetailsForm.base_fields["name"]
    phone = DetailsForm.base_fields["phone"]


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


def _described(treatment: Treatment) -> str:
    meta = _("%(minutes)s min · %(price)s") % {
        "minutes": treatment.minutes,
        "price": money(treatment.price, treatment.location.currency),
    }
    return _choice(treatment.name, meta, treatment.description, number=True)


def _choice(name: Any, meta: Any, desc: Any, *, number: bool = False) -> str:
    return format_html(
        '<span class="name">{}</span><span class="meta{}">{}</span><span class="desc">{}</span>',
        name,
        " num" if number else "",
        meta,
        desc,
    )


def days_of_week(day: date) -> list[date]:
    """Monday to Sunday of the week of a date."""
    monday = day - timedelta(days=day.weekday())
    return [monday + timedelta(days=n) for n in range(7)]
