"""Moving a session by hand: to a day and a time on the practice's clock, a length, a therapist and a room."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from uuid import uuid4

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from booking.engine.zones import local_day
from booking.forms.layout import helper
from booking.models import Appointment
from booking.queries import moment_of
from booking.services.changes import ByHand, Move
from therapists.models import Room, Therapist

LEAST_MINUTES, MOST_MINUTES = 5, 8 * 60


class MoveByHandForm(forms.Form):
    """Where a session shall go. ``version`` is that of the time on the page; ``key`` makes a repeated press the same change.

    ``takers`` are those it may be given to.
    """

    day = forms.DateField(label=_("Day"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
    at = forms.TimeField(label=_("Time"), widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}))
    minutes = forms.IntegerField(label=_("Minutes"), min_value=LEAST_MINUTES, max_value=MOST_MINUTES)
    therapist = forms.ModelChoiceField(label=_("Therapist"), queryset=Therapist.objects.none(), empty_label=None)
    room = forms.ModelChoiceField(
        label=_("Room"), queryset=Room.objects.none(), required=False, empty_label=_("The same if free")
    )
    tell = forms.BooleanField(label=_("Tell the client"), required=False, initial=True)
    version = forms.IntegerField(widget=forms.HiddenInput)
    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, session: Appointment, takers: QuerySet[Therapist]) -> None:
        initial = {
            "day": session.local_date,
            "at": session.local_time,
            "minutes": session.length // timedelta(minutes=1),
            "therapist": session.therapist_id,
            "version": session.sequence,
            "key": uuid4(),
        }
        super().__init__(data, initial=initial)
        self.session = session
        self.fields["therapist"].queryset = takers  # type: ignore[attr-defined]
        self.fields["room"].queryset = session.treatment.rooms.filter(is_active=True)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Put the time on the practice's clock; one that it does not show, or shows twice, is refused."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        at: time | None = data.get("at")
        if at is None or "day" not in data:
            return data
        instants = list(local_day(self.session.zone, data["day"]).instants(at.hour * 60 + at.minute))
        if at.second or not instants:
            self.add_error("at", _("The clocks change on this day: the practice's clock does not show this time."))
        elif len(instants) > 1:
            self.add_error("at", _("The clocks change on this day: this time comes twice. Please choose another."))
        else:
            data["starts_at"] = moment_of(instants[0])
        return data

    @property
    def helper(self) -> Any:
        return helper("day", "at", "minutes", "therapist", "room", "tell", "version", "key")

    @property
    def starts_at(self) -> datetime:
        starts_at: datetime = self.cleaned_data["starts_at"]
        return starts_at

    @property
    def move(self) -> Move:
        given = self.cleaned_data
        room: Room | None = given["room"]
        by_hand = ByHand(timedelta(minutes=given["minutes"]), room.pk if room else None)
        return Move(self.session, given["therapist"].pk, self.starts_at, by_hand, given["version"])
