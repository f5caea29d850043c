"""Moving and cancelling. What comes back names sessions and starts; what they are worth is checked again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.utils.translation import gettext_lazy as _

from booking.engine.planner import Start
from booking.models import Appointment

MINUTES_A_DAY = 24 * 60


def start_from(text: str) -> Start | None:
    """A start from its key, ``therapist/date/minute``; None for anything else."""
    try:
        therapist, on, minute = text.split("/")
        start = Start(UUID(therapist), date.fromisoformat(on), int(minute))
    except ValueError:
        return None
    return start if 0 <= start.minute < MINUTES_A_DAY else None


def key_of(start: Start) -> str:
    return f"{start.therapist}/{start.on.isoformat()}/{start.minute}"


class ChangeForm(forms.Form):
    """What a page showed and somebody confirms. ``key`` makes a repeated press the same change.

    ``among`` are the sessions it may be about.
    """

    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, among: Iterable[Appointment], **kwargs: Any) -> None:
        kwargs["initial"] = {"key": uuid4()} | kwargs.get("initial", {})
        super().__init__(*args, **kwargs)
        self.among = {str(session.pk): session for session in among}


class CancelForm(ChangeForm):
    sessions = forms.MultipleChoiceField(widget=forms.MultipleHiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["sessions"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(pk, pk) for pk in self.among]

    @property
    def chosen(self) -> list[Appointment]:
        return [self.among[pk] for pk in self.cleaned_data["sessions"]]


class MoveForm(ChangeForm):
    """By session, the start it shall have; without one it stays where it is. ``days`` are the first and the last day for it."""

    to = forms.Field(widget=forms.MultipleHiddenInput, error_messages={"required": _("Please choose a time.")})

    def __init__(self, *args: Any, days: tuple[date, date], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.days = days

    @staticmethod
    def values(starts: Mapping[Appointment, Start | None]) -> list[str]:
        return [f"{session.pk}/{key_of(start)}" if start else f"{session.pk}/" for session, start in starts.items()]

    def clean_to(self) -> dict[UUID, Start]:
        first, last = self.days
        self.chosen: list[Appointment] = []
        starts: dict[UUID, Start] = {}
        for value in self.cleaned_data["to"]:
            pk, _slash, text = value.partition("/")
            start = start_from(text)
            if pk not in self.among or (text and (start is None or not first <= start.on <= last)):
                raise forms.ValidationError(_("This page is out of date. Nothing was changed; please choose again."))
            self.chosen.append(self.among[pk])
            if start is not None:
                starts[self.among[pk].pk] = start
        if not starts:
            raise forms.ValidationError(_("These are the times you have already. Please choose another."))
        return starts
