"""Booking, moving, giving to somebody else and cancelling at the desk, and taking down who is new."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from phonenumber_field.formfields import PhoneNumberField

from booking.engine.planner import Start
from booking.forms.booking import MOST_SESSIONS, Rhythm
from booking.forms.changes import CancelForm, ChangeForm, MoveForm
from booking.forms.hours import date_field, time_field
from booking.models import Appointment
from clients.models import Client, User
from lines import on_one_line
from therapists.models import Room, Therapist, Treatment


def reason_to_lift() -> forms.CharField:
    """A reason that lifts the soft rules; without one they hold. ``by`` whom it may be given, the services decide."""
    return forms.CharField(label=_("Reason to lift the rule"), max_length=300, required=False)


class MoveAtDeskForm(MoveForm):
    """``version`` is that of the time on the page of the session that was opened."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    override_reason = reason_to_lift()


class SubstituteForm(ChangeForm):
    """Sessions that stay where they are, and who or which room takes them: exactly one of both."""

    sessions = forms.MultipleChoiceField(widget=forms.MultipleHiddenInput)
    version = forms.IntegerField(widget=forms.HiddenInput)
    therapist = forms.ModelChoiceField(queryset=Therapist.objects.none(), required=False)
    room = forms.ModelChoiceField(queryset=Room.objects.none(), required=False)
    override_reason = reason_to_lift()

    def __init__(self, *args: Any, session: Appointment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["sessions"].choices = [(pk, pk) for pk in self.among]  # type: ignore[attr-defined]
        of_place = Therapist.objects.filter(location=session.treatment.location_id, is_active=True)
        self.fields["therapist"].queryset = of_place  # type: ignore[attr-defined]
        self.fields["room"].queryset = session.treatment.rooms.filter(is_active=True)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors and bool(data["therapist"]) == bool(data["room"]):
            raise forms.ValidationError(_("Please choose who or which room shall take it. Nothing was changed."))
        return data

    @property
    def chosen(self) -> list[Appointment]:
        return [self.among[pk] for pk in self.cleaned_data["sessions"]]


class Cancels(TextChoices):
    CLIENT = "client", _("The client cancels")
    PRACTICE = "practice", _("The practice cancels")


class CancelAtDeskForm(CancelForm):
    """Who cancels decides whether the policy counts; ``forgive`` lifts it for a client."""

    who = forms.ChoiceField(label=_("Who cancels"), choices=Cancels.choices, initial=Cancels.CLIENT, widget=forms.RadioSelect)
    reason = forms.CharField(
        label=_("Reason"),
        max_length=250,
        error_messages={"required": _("Please say why; the history keeps it. Nothing was cancelled.")},
    )
    forgive = forms.BooleanField(label=_("Do not count it as late"), required=False)

    @property
    def is_by_practice(self) -> bool:
        return bool(self.cleaned_data["who"] == Cancels.PRACTICE)


class WantedForm(forms.Form):
    """A time that the caller wants. Without a therapist it is asked of all who give the treatment."""

    day = date_field(_("Day"))
    at = time_field(_("Time"))
    therapist = forms.ModelChoiceField(
        label=_("With"), queryset=Therapist.objects.none(), required=False, empty_label=_("Whoever gives it")
    )

    def __init__(self, *args: Any, session: Appointment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.session = session
        of_place = Therapist.objects.filter(location=session.treatment.location_id, is_active=True)
        self.fields["therapist"].queryset = of_place  # type: ignore[attr-defined]
        for field in self.fields.values():
            field.widget.attrs["class"] = "form-select" if isinstance(field, forms.ModelChoiceField) else "form-control"

    @property
    def on(self) -> date:
        on: date = self.cleaned_data["day"]
        return on

    @property
    def minute(self) -> int:
        at = self.cleaned_data["at"]
        return int(at.hour * 60 + at.minute)

    def starts(self, able: list[Therapist]) -> list[Start]:
        """The start asked about with each therapist in question, the session's own first."""
        chosen = self.cleaned_data["therapist"]
        asked = [chosen] if chosen else sorted(able, key=lambda each: each.pk != self.session.therapist_id)
        return [Start(each.pk, self.on, self.minute) for each in asked]


class CallerForm(forms.Form):
    """What a caller wants: it stands in the address of the page. A day and a time narrow what is shown; neither is needed."""

    treatment = forms.ModelChoiceField(label=_("Treatment"), queryset=Treatment.objects.none(), empty_label=None)
    therapist = forms.ModelChoiceField(
        label=_("With"), queryset=Therapist.objects.none(), required=False, empty_label=_("Whoever gives it")
    )
    rhythm = forms.ChoiceField(label=_("How often"), choices=[(code, name) for code, name, _more in Rhythm.LABELS])
    count = forms.IntegerField(
        label=_("How many"), min_value=1, max_value=MOST_SESSIONS, help_text=_("With “both” it counts the weekly ones.")
    )
    day = date_field(_("Day"), required=False)
    at = time_field(_("At"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["treatment"].queryset = Treatment.objects.filter(is_active=True).select_related("location")  # type: ignore[attr-defined]
        self.fields["therapist"].queryset = Therapist.objects.filter(is_active=True)  # type: ignore[attr-defined]
        for field in self.fields.values():
            field.widget.attrs["class"] = "form-select" if isinstance(field, forms.ChoiceField) else "form-control"

    def begin_here(self) -> None:
        """Let the page open with the first field in hand; not where something was asked already and an answer is to be read."""
        self.fields["treatment"].widget.attrs["autofocus"] = True

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        treatment, therapist = data.get("treatment"), data.get("therapist")
        if treatment and therapist and not therapist.treatments.filter(pk=treatment.pk).exists():
            self.add_error("therapist", _("This therapist does not give this treatment. Choose another, or whoever gives it."))
        return data

    @property
    def is_one(self) -> bool:
        return bool(self.cleaned_data["rhythm"] == Rhythm.ONCE)

    @property
    def is_daily(self) -> bool:
        return self.cleaned_data["rhythm"] in (Rhythm.DAILY, Rhythm.BOTH)

    @property
    def wanted(self) -> tuple[date, int] | None:
        """The day and the minute the caller wants, if they said both."""
        day, at = self.cleaned_data["day"], self.cleaned_data["at"]
        return (day, at.hour * 60 + at.minute) if day and at else None


class NewClientForm(forms.Form):
    """Who calls for the first time: a name, and how to reach them."""

    name = forms.CharField(label=_("Name"), max_length=120, validators=[on_one_line])
    email = forms.EmailField(label=_("E-mail"), required=False, widget=forms.EmailInput(attrs={"type": "email"}))
    phone = PhoneNumberField(label=_("Phone"), required=False, widget=forms.TextInput(attrs={"type": "tel"}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs |= {"class": "form-control", "autocomplete": "off"}
        self.fields["email" if self.initial.get("name") else "name"].widget.attrs["autofocus"] = True

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).strip().lower()
        if email and Client.objects.filter(email__iexact=email).exists():
            raise forms.ValidationError(_("Somebody comes with this address already; they are shown below."))
        if email and User.objects.filter(email=email).exists():
            raise forms.ValidationError(_("Somebody who works here has this address. Please take down another."))
        return email

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors and not data["email"] and not data["phone"]:
            raise forms.ValidationError(
                _("Please take down an e-mail address or a phone number, or nobody can be told anything.")
            )
        return data
