"""A therapist's own hours: the usual week, single dates, and when they are away."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Div, Field
from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.forms.models import BaseInlineFormSet, inlineformset_factory
from django.forms.utils import from_current_timezone
from django.utils.translation import gettext_lazy as _

from booking.forms.layout import helper
from therapists.models import HoursOverride, Therapist, TimeOff, WorkingHours


def kinds() -> list[tuple[str, str]]:
    return [(kind.value, str(kind.label).capitalize()) for kind in TimeOff.Kind]


#: Days before and after these are a slip of the finger.
FIRST, LAST = date(1900, 1, 1), date(8999, 12, 31)
#: Empty rows under those that exist, for a split day.
SPARE_ROWS = 2


def time_field(label: Any, **more: Any) -> forms.TimeField:
    return forms.TimeField(label=label, widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}), **more)


def date_field(label: Any, **more: Any) -> forms.DateField:
    """A day with others around it, so that weeks and zones can be reckoned with."""
    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    return forms.DateField(label=label, widget=widget, validators=[MinValueValidator(FIRST), MaxValueValidator(LAST)], **more)


class WeeklyForm(forms.ModelForm):  # type: ignore[type-arg]
    """One interval of a weekday."""

    opens = time_field(_("From"))
    closes = time_field(_("To"))
    valid_from = date_field(_("First day"))
    valid_until = date_field(_("Last day"), required=False)
    every_weeks = forms.TypedChoiceField(
        label=_("Every"),
        coerce=int,
        initial=1,
        choices=[(1, _("week")), (2, _("other week")), (3, _("third week")), (4, _("fourth week"))],
    )

    class Meta:
        model = WorkingHours
        fields: ClassVar[list[str]] = ["weekday", "opens", "closes", "every_weeks", "valid_from", "valid_until"]

    @property
    def is_special(self) -> bool:
        """Whether it does not simply hold every week, so that this is not folded away."""
        row = self.instance
        return bool(
            row.every_weeks > 1 or row.valid_until or (self.is_bound and {"valid_from", "valid_until"} & set(self.errors))
        )


class _WeeklyRows(BaseInlineFormSet):  # type: ignore[type-arg]
    def __init__(self, *args: Any, today: date, **more: Any) -> None:
        self.today = today
        super().__init__(*args, **more)

    def add_fields(self, form: Any, index: int | None) -> None:
        """A new row is valid from today, unless told otherwise."""
        super().add_fields(form, index)
        if form.instance._state.adding:
            form.initial["valid_from"] = self.today


WeeklyRows = inlineformset_factory(
    Therapist, WorkingHours, form=WeeklyForm, formset=_WeeklyRows, extra=SPARE_ROWS, can_delete=True
)


class CapsForm(forms.ModelForm):  # type: ignore[type-arg]
    """How much of a day, and whether day after day."""

    class Meta:
        model = Therapist
        fields: ClassVar[list[str]] = [
            "daily_sessions",
            "daily_minutes",
            "daily_firm_minutes",
            "rest_after_sessions",
            "rest_after_firm_minutes",
            "rest_minutes",
            "gives_daily",
        ]

    @property
    def helper(self) -> FormHelper:
        day = Div("daily_sessions", "daily_minutes", "daily_firm_minutes", css_class="side-by-side")
        row = Div("rest_after_sessions", "rest_after_firm_minutes", "rest_minutes", css_class="side-by-side")
        return helper(day, row, "gives_daily")


class WeekForm:
    """The usual week: its intervals and its caps, sent together. ``more``: two rows more than before."""

    def __init__(self, data: Any, therapist: Therapist, today: date) -> None:
        self.rows = WeeklyRows(_with_more_rows(data), instance=therapist, today=today, prefix="rows")
        self.caps = CapsForm(data, instance=therapist)
        self.is_bound = self.caps.is_bound

    def is_valid(self) -> bool:
        return all([self.rows.is_valid(), self.caps.is_valid()])

    def write(self) -> None:
        self.rows.save()
        self.caps.instance.save(update_fields=CapsForm.Meta.fields)

    @property
    def errors(self) -> list[tuple[str, str, str]]:
        """The id of the field, its label and what is wrong, one row each."""
        return [
            (field.id_for_label, str(field.label), str(error))
            for form in [*self.rows.forms, self.caps]
            for field in form
            for error in field.errors
        ] + [("", "", str(error)) for error in self.caps.non_field_errors()]


def _with_more_rows(data: Any) -> Any:
    """What was posted, with spare rows again where somebody asked for more."""
    if data is None or data.get("do") != "more":
        return data
    more = data.copy()
    more["rows-TOTAL_FORMS"] = str(int(data.get("rows-TOTAL_FORMS", 0)) + SPARE_ROWS)
    return more


class DateForm(forms.Form):
    """The hours of one date, instead of the usual ones: two intervals at most, or none at all."""

    on = date_field(_("Date"))
    is_off = forms.BooleanField(label=_("I do not work on this date"), required=False)
    opens = time_field(_("From"), required=False)
    closes = time_field(_("To"), required=False, help_text=_("00:00 is the end of the day."))
    opens_again = time_field(_("And from (optional)"), required=False)
    closes_again = time_field(_("To"), required=False)

    @property
    def helper(self) -> FormHelper:
        first = Div("opens", "closes", css_class="side-by-side")
        again = Div("opens_again", "closes_again", css_class="side-by-side")
        return helper("on", "is_off", first, again)

    @property
    def intervals(self) -> list[tuple[time, time]]:
        given = self.cleaned_data
        both = [(given["opens"], given["closes"]), (given["opens_again"], given["closes_again"])]
        return [] if given["is_off"] else [(opens, closes) for opens, closes in both if opens is not None]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if given.get("is_off"):
            return given
        if given.get("opens") is None and "opens" not in self.errors:
            self.add_error("opens", _("Give the hours of this date, or say that you do not work."))
        for opens, closes in (("opens", "closes"), ("opens_again", "closes_again")):
            since, until = given.get(opens), given.get(closes)
            if since is not None and until is None and closes not in self.errors:
                self.add_error(closes, _("Until when?"))
            elif since is None and until is not None and opens not in self.errors:
                self.add_error(opens, _("From when?"))
            elif since is not None and until is not None and time(0) != until <= since:
                self.add_error(closes, _("This is not after the beginning."))
        return given

    @staticmethod
    def initial_of(rows: list[HoursOverride]) -> dict[str, Any]:
        """What the form shows for the rows of a date."""
        names = (("opens", "closes"), ("opens_again", "closes_again"))
        worked = [row for row in rows if row.opens is not None]
        shown: dict[str, Any] = {"on": rows[0].applies_on, "is_off": not worked}
        for row, (opens, closes) in zip(worked, names, strict=False):
            shown |= {opens: row.opens, closes: row.closes}
        return shown

    def write(self, therapist: Therapist, instead_of: date | None) -> None:
        """Put these hours in the place of whatever the date had, and of ``instead_of``'s where the date was changed."""
        on: date = self.cleaned_data["on"]
        HoursOverride.objects.filter(therapist=therapist, applies_on__in=[on, instead_of or on]).delete()
        hours: list[tuple[time | None, time | None]] = [*self.intervals] or [(None, None)]
        for opens, closes in hours:
            HoursOverride.objects.create(therapist=therapist, applies_on=on, opens=opens, closes=closes)


class AwayForm(forms.Form):
    """Leave or illness: whole days, or from a time to a time, on the practice's clock."""

    kind = forms.ChoiceField(label=_("Why"), choices=kinds, widget=forms.RadioSelect)
    first_on = date_field(_("First day"))
    since = time_field(_("From (optional)"), required=False, help_text=_("Empty: the whole day."))
    last_on = date_field(_("Last day"))
    until = time_field(_("Until (optional)"), required=False, help_text=_("Empty: the whole day."))

    @property
    def helper(self) -> FormHelper:
        first = Div("first_on", "since", css_class="side-by-side")
        last = Div("last_on", "until", css_class="side-by-side")
        return helper(Field("kind", wrapper_class="segments"), first, last)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return given
        try:
            given["starts_at"] = from_current_timezone(datetime.combine(given["first_on"], given["since"] or time(0)))
            given["ends_at"] = from_current_timezone(_end(given["last_on"], given["until"]))
        except ValidationError:
            raise ValidationError(
                _("The clocks change that night and this time does not exist, or twice. Take another.")
            ) from None
        if given["ends_at"] <= given["starts_at"]:
            self.add_error("last_on", _("This is not after the beginning."))
        return given

    @staticmethod
    def initial_of(away: TimeOff, zone: ZoneInfo) -> dict[str, Any]:
        """What the form shows for a row."""
        return {"kind": away.kind} | AwayForm.initial_between(away.starts_at.astimezone(zone), away.ends_at.astimezone(zone))

    @staticmethod
    def initial_between(starts: datetime, ends: datetime) -> dict[str, Any]:
        """What the form shows from one moment to another; times are on the practice's clock."""
        whole_end = ends.time() == time(0)
        return {
            "first_on": starts.date(),
            "since": None if starts.time() == time(0) else starts.time(),
            "last_on": ends.date() - timedelta(days=1) if whole_end else ends.date(),
            "until": None if whole_end else ends.time(),
        }

    def write(self, away: TimeOff) -> None:
        away.kind, away.starts_at, away.ends_at = (self.cleaned_data[name] for name in ("kind", "starts_at", "ends_at"))
        away.save()


def _end(on: date, at: time | None) -> datetime:
    return datetime.combine(on, at) if at else datetime.combine(on + timedelta(days=1), time(0))
