"""What a therapist decides about a client's answers, and what a doctor said."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Field
from django import forms
from django.utils.translation import gettext_lazy as _

from booking.enums import DecisionOutcome
from booking.forms.layout import choices_of, helper
from booking.models import Appointment, Clearance
from booking.reading import Regions, parts_of
from booking.services.decisions import Terms
from clients.models import BodyRegion
from clients.triage import Pressure
from clients.wording import PRESSURES

#: The pressures a session can be kept to, the softest first.
STEPS = (Pressure.LIGHT, Pressure.MEDIUM, Pressure.FIRM)
LEAST_MINUTES = 10


def ids(name: str, session: Appointment) -> str:
    """The pattern of ids of a form of which many stand on one page."""
    return f"id_{name}_{session.pk}_%s"


class DecideForm(forms.Form):
    """The limits within which a session goes ahead. They only tighten what the answers allow: at most ``cap``.

    ``seen_round`` is the round of the flag that was on the page.
    """

    seen_round = forms.IntegerField(widget=forms.HiddenInput)
    pressure = forms.ChoiceField(label=_("Pressure for this session"), required=False)
    areas = forms.MultipleChoiceField(label=_("Leave out"), required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, data: Any = None, *, session: Appointment, cap: Pressure | None, regions: Regions, **more: Any) -> None:
        super().__init__(data, auto_id=ids("decide", session), **more)
        self.regions = regions
        self.length = session.treatment.minutes
        as_it_is = _("No further limit") if cap is None else _("As the answers say: %(cap)s") % {"cap": PRESSURES[cap]}
        softer = [(step.name.lower(), str(PRESSURES[step]).capitalize()) for step in STEPS if cap is None or step < cap]
        choices_of(self, "pressure").choices = [("", as_it_is), *softer]
        areas = (each for each in self.regions.values() if each.treatable == BodyRegion.Treatable.GROUP)
        choices_of(self, "areas").choices = [(area.code, area.label) for area in areas]
        self.fields["minutes"] = forms.IntegerField(
            label=_("Minutes"),
            required=False,
            min_value=min(LEAST_MINUTES, self.length),
            max_value=self.length,
            help_text=_("Of the %(n)s booked. Empty: all of them.") % {"n": self.length},
        )

    @property
    def limits(self) -> FormHelper:
        return helper(Field("pressure"))

    @property
    def more_limits(self) -> FormHelper:
        return helper(Field("areas", wrapper_class="chips wide"), Field("minutes"))

    @property
    def has_more_limits(self) -> bool:
        """Whether some were typed, so that they are not folded away."""
        return bool(self.is_bound and (self.errors or self.cleaned_data.get("areas") or self.cleaned_data.get("minutes")))

    @property
    def terms(self) -> Terms:
        """What was chosen beyond what the answers limit."""
        given = self.cleaned_data
        regions = {code for area in given["areas"] for code in parts_of(self.regions[area], self.regions)}
        minutes = given["minutes"] if given["minutes"] != self.length else None
        return Terms(given["pressure"], tuple(sorted(regions)), minutes)

    @property
    def outcome(self) -> DecisionOutcome:
        return DecisionOutcome.APPROVED if self.terms == Terms() else DecisionOutcome.ADAPTED


class DeclineForm(forms.Form):
    """Why a therapist cannot treat somebody."""

    seen_round = forms.IntegerField(widget=forms.HiddenInput)
    reason = forms.CharField(
        label=_("Reason, for the record"),
        max_length=300,
        help_text=_("Your client does not read it."),
        error_messages={"required": _("Please say why; the record needs it. Nothing was decided.")},
    )

    def __init__(self, data: Any = None, *, session: Appointment, **more: Any) -> None:
        super().__init__(data, auto_id=ids("decline", session), **more)

    @property
    def helper(self) -> FormHelper:
        return helper(Field("reason"))


class ClearanceForm(forms.ModelForm):  # type: ignore[type-arg]
    """Whose word it was, from when, and where the paper is. ``today`` is the practice's date."""

    class Meta:
        model = Clearance
        fields: ClassVar[list[str]] = ["given_by", "given_on", "reference", "valid_until"]
        widgets: ClassVar[dict[str, forms.Widget]] = {
            "given_on": forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
            "valid_until": forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        }

    def __init__(self, data: Any = None, *, session: Appointment, today: date) -> None:
        super().__init__(data, auto_id=ids("clearance", session))
        self.today = today
        self.fields["valid_until"].label = _("For sessions until (optional)")

    @property
    def helper(self) -> FormHelper:
        return helper("given_by", "given_on", "reference", "valid_until")

    def clean_given_on(self) -> date:
        on: date = self.cleaned_data["given_on"]
        if on > self.today:
            raise forms.ValidationError(_("This day is still to come. Please give the day on which it was written."))
        return on

    def clean_valid_until(self) -> date | None:
        until: date | None = self.cleaned_data["valid_until"]
        if until is not None and until < self.today:
            raise forms.ValidationError(_("This day is over, so no session would be cleared. Please ask for a new letter."))
        return until
