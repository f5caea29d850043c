"""What a therapist books after a session, for its client."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Div, Field
from django import forms
from django.utils.translation import gettext_lazy as _

from booking.engine.recurrence import Course, Daily, Once, Phase, Weekly
from booking.forms.booking import MOST_SESSIONS, WORKING_DAYS, Rhythm
from booking.forms.hours import date_field, time_field
from booking.forms.layout import helper
from booking.models import Appointment
from therapists.models import Treatment

RHYTHMS = [(code, name) for code, name, _desc in Rhythm.LABELS if code != Rhythm.BOTH]


class NextForm(forms.Form):
    """One more session or a course, at a time of day; ``after`` is the session that it follows, ``last`` the last one booked."""

    treatment: forms.ModelChoiceField[Treatment] = forms.ModelChoiceField(label=_("Treatment"), queryset=None, empty_label=None)
    rhythm = forms.ChoiceField(label=_("How often"), choices=RHYTHMS, widget=forms.RadioSelect)
    count = forms.IntegerField(label=_("How many"), min_value=1, max_value=MOST_SESSIONS)
    on = date_field(_("First day"))
    at = time_field(_("At"))

    def __init__(self, data: Any = None, *, after: Appointment, last: Appointment) -> None:
        several = after.series_id is not None
        super().__init__(
            data,
            initial={
                "treatment": after.treatment_id,
                "rhythm": Rhythm.WEEKLY if several else Rhythm.ONCE,
                "count": 4 if several else 1,
                "on": last.local_date + timedelta(weeks=1),
                "at": last.local_time,
            },
        )
        if several:
            self.fields["rhythm"].help_text = _("Weekly and daily dates of the same treatment lengthen the series.")
        treatments = self.fields["treatment"]
        assert isinstance(treatments, forms.ModelChoiceField)
        treatments.queryset = after.therapist.treatments.filter(is_active=True)
        self.therapist = after.therapist

    @property
    def helper(self) -> FormHelper:
        when = Div("on", "at", "count", css_class="side-by-side")
        return helper("treatment", Field("rhythm", wrapper_class="segments"), when)

    @property
    def is_one(self) -> bool:
        return bool(self.cleaned_data["rhythm"] == Rhythm.ONCE)

    @property
    def start(self) -> datetime:
        """On the practice's clock, without a zone."""
        on: date = self.cleaned_data["on"]
        at: time = self.cleaned_data["at"]
        return datetime.combine(on, at)

    @property
    def course(self) -> Course:
        """Raises InvalidCourse when it makes no sense."""
        given, start = self.cleaned_data, self.start
        rhythms = {
            Rhythm.ONCE: Phase(Once()),
            Rhythm.WEEKLY: Phase(Weekly((start.weekday(),)), count=given["count"]),
            Rhythm.DAILY: Phase(Daily(tuple(sorted({*WORKING_DAYS, start.weekday()}))), count=given["count"]),
        }
        minutes = (start.hour * 60 + start.minute,)
        return Course(
            starts_on=start.date(), phases=(rhythms[given["rhythm"]],), minutes=minutes, therapists=(self.therapist.pk,)
        )
