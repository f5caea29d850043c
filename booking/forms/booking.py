"""The three screens of a booking as forms."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Field
from django import forms
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from phonenumber_field.formfields import PhoneNumberField

from booking.engine.recurrence import Course, Daily, Once, Phase, Weekly
from booking.engine.slots import Offer
from booking.forms import codes
from booking.forms.layout import choices_of, helper
from booking.templatetags.unknot import icon, money
from lines import on_one_line
from therapists.models import BodyArea, Therapist, Treatment

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

    treatment = forms.ChoiceField(
        label=_("Treatment"),
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Please choose a treatment."),
            "invalid_choice": _("This treatment is not offered any more. Please choose another."),
        },
    )
    therapist = forms.ChoiceField(
        label=_("With whom"),
        widget=forms.RadioSelect,
        initial=ANYONE,
        error_messages={
            "required": _("Please choose a therapist, or anyone suitable."),
            "invalid_choice": _("This therapist takes no bookings any more. Please choose another, or anyone suitable."),
        },
    )
    rhythm = forms.ChoiceField(
        label=_("How often"),
        widget=forms.RadioSelect,
        initial=Rhythm.ONCE,
        error_messages=dict.fromkeys(("required", "invalid_choice"), _("Please choose how often you want to come.")),
    )
    count = forms.TypedChoiceField(
        label=_("How many sessions"),
        coerce=int,
        initial=8,
        required=False,
        empty_value="8",
        help_text=_("For weekly and daily. With “both” it counts the weekly ones. Most people start with four."),
        error_messages={"invalid_choice": _("Please choose a number from the list.")},
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
            *((str(row.pk), _choice(row.name, soonest.get(str(row.pk), ""), _known_for(row))) for row in therapists),
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


def rhythm_of(course: Course) -> tuple[str, int]:
    """How often, and how many: what ``course_of`` made the course of."""
    last = course.phases[-1]
    if isinstance(last.rhythm, Once):
        return Rhythm.ONCE, 1
    rhythm = Rhythm.BOTH if len(course.phases) > 1 else Rhythm.DAILY if course.is_daily else Rhythm.WEEKLY
    return rhythm, last.count or len(course.wishes)


def reassure(field: forms.Field) -> None:
    """Let the errors of a field end by saying that nothing is lost."""
    field.error_messages = {
        code: format_lazy("{} {}", said, _("Your times are still held.")) for code, said in field.error_messages.items()
    }


class ConsentField(forms.BooleanField):
    """Agreement to a text, which is the label of the tick; where errors are listed it goes by ``short_label``."""

    short_label = _("Your agreement")
    default_error_messages = {"required": _("Please agree first. Your times are still held.")}


class KnownForm(codes.AddressForm):
    """Somebody who was here before: the address is enough."""

    agree = ConsentField()

    def __init__(self, *args: Any, consent: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reassure(self.fields["email"])
        self.fields["agree"].label = consent
        self.helper = helper(*(Field(name) for name in self.fields))


class DetailsForm(KnownForm):
    """A new client: three things to type, then the code."""

    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        validators=[on_one_line],
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={
            "required": _("Please tell us your name. Your times are still held."),
            "max_length": _("Please keep your name to %(limit_value)d letters. Your times are still held."),
        },
    )
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

    key = forms.UUIDField(
        widget=forms.HiddenInput,
        error_messages=dict.fromkeys(("required", "invalid"), _("Something went missing on the way. Please press once more.")),
    )

    def __init__(self, *args: Any, consent: str = "", **kwargs: Any) -> None:
        kwargs.setdefault("initial", {})
        kwargs["initial"] = {"key": uuid4()} | kwargs["initial"]
        super().__init__(*args, **kwargs)
        if consent:
            self.fields["agree"] = ConsentField(label=consent)
        self.helper = helper(*(Field(name) for name in self.fields))


class CodeForm(codes.CodeForm, ConfirmForm):
    wrong_length = _("Our codes have six digits. Your times are still held. Please type it again.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reassure(self.fields["code"])
        self.helper = helper(Field("code", wrapper_class="code-field"), Field("key"))


class NameForm(ConfirmForm):
    """The address is proved but new to us, so we need a name after all."""

    name = DetailsForm.base_fields["name"]
    phone = DetailsForm.base_fields["phone"]


def _described(treatment: Treatment) -> str:
    meta = _("%(minutes)s min · %(price)s") % {
        "minutes": treatment.minutes,
        "price": money(treatment.price, treatment.location.currency),
    }
    return _choice(treatment.name, meta, treatment.description, number=True)


def _known_for(therapist: Therapist) -> str:
    """Neck, shoulder and jaw · English, German"""
    return " · ".join(filter(None, [therapist.focus, ", ".join(therapist.language_names)]))


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
