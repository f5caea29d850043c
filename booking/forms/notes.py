"""The note of a session as a form, an addendum, and a template."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from uuid import UUID, uuid4

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Field
from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from booking.forms.layout import choices_of, helper
from booking.models import NoteTemplate
from booking.reading import Regions
from booking.services.notes import PARTS, NoteText, Point
from clients.forms import SCALE, places
from clients.triage import Pressure
from clients.wording import place_in_words, pressure_in_words

LONGEST = 10_000
#: What a part is for, under its name.
ABOUT = {
    "subjective": (_("Subjective"), _("What your client says.")),
    "objective": (_("Objective"), _("What you see and feel.")),
    "assessment": (_("Assessment"), _("What you make of it.")),
    "plan": (_("Plan"), _("What comes next.")),
}
FIRMEST = int(Pressure.INTENSE)


def _a_part(name: str, longest: int, rows: int) -> forms.CharField:
    label, about = ABOUT[name]
    area = forms.Textarea(attrs={"rows": rows, "autocomplete": "off"})
    return forms.CharField(label=label, help_text=about, required=False, max_length=longest, widget=area)


def _a_scale(label: Any) -> forms.ChoiceField:
    not_asked = ("", format_html("<span>{}</span>", _("Not asked")))
    return forms.ChoiceField(label=label, required=False, choices=[*SCALE, not_asked], widget=forms.RadioSelect)


@dataclass(frozen=True)
class Row:
    """One treated place on the form. ``number`` is the one in the names of its fields."""

    number: int | str
    region: str
    place: str
    helper: FormHelper


class NoteForm(forms.Form):
    """A note being written. ``seen`` is the number of the version it began with and ``writer`` names the page.

    Points come as ``point-N-region``, ``-pressure`` and ``-how``; a place that is there twice counts once.
    """

    seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    writer = forms.UUIDField(widget=forms.HiddenInput)
    pain_before = _a_scale(_("Pain before, 0 to 10"))
    pain_after = _a_scale(_("Pain after, 0 to 10"))

    def __init__(self, data: Any = None, *, regions: Regions, text: NoteText | None = None, seen: int = 0) -> None:
        """What was posted in ``data``, or else ``text``, the version numbered ``seen``."""
        text = text or NoteText()
        begun = {name: getattr(text, name) for name in (*PARTS, "pain_before", "pain_after")}
        super().__init__(data, initial={"seen": seen, "writer": uuid4(), **begun}, auto_id="id_note_%s")
        self.regions = regions
        for name in PARTS:
            self.fields[name] = _a_part(name, LONGEST, rows=4)
        choice = forms.ChoiceField(label=_("Add a place you treated"), required=False, choices=places(regions))
        self.fields["point-add"] = choice
        named = self._posted() if self.is_bound else [(str(n), point.region) for n, point in enumerate(text.points)]
        self.rows = [self._row(number, region) for number, region in named]
        for row, point in zip(self.rows, text.points, strict=False):
            self.initial.update({f"point-{row.number}-pressure": point.pressure, f"point-{row.number}-how": point.how})
        self.blank = self._row("new", "")

    def _posted(self) -> list[tuple[str, str]]:
        """The points that came back, in their order: the numbers in their names and their regions."""
        numbers = (re.fullmatch(r"point-(\d{1,3})-region", name) for name in self.data)
        found: dict[str, str] = {}
        for match in numbers:
            region = self.data[match[0]] if match else ""
            if match and region in self.regions and region not in found.values():
                found[match[1]] = region
        return list(found.items())

    def _row(self, number: str, region: str) -> Row:
        base = f"point-{number}"
        place = place_in_words(region, self.regions)
        of = format_html('<span class="visually-hidden">, <span data-place>{}</span></span>', place)
        self.fields[f"{base}-region"] = forms.CharField(required=False, initial=region, widget=forms.HiddenInput)
        self.fields[f"{base}-pressure"] = forms.TypedChoiceField(
            label=format_html("{}{}", _("Pressure"), of),
            choices=[("", "–"), *((n, pressure_in_words(n)) for n in range(1, FIRMEST + 1))],
            coerce=int,
            empty_value=None,
            required=False,
        )
        self.fields[f"{base}-how"] = forms.CharField(
            label=format_html("{}{}", _("How (optional)"), of),
            required=False,
            max_length=200,
            widget=forms.TextInput(attrs={"autocomplete": "off"}),
        )
        return Row(number, region, place, helper(f"{base}-region", f"{base}-pressure", f"{base}-how"))

    def clean(self) -> dict[str, Any]:
        """Lines end the same way whatever browser they come from."""
        cleaned: dict[str, Any] = super().clean() or {}
        return cleaned | {part: cleaned[part].replace("\r\n", "\n") for part in PARTS if part in cleaned}

    @property
    def text(self) -> NoteText:
        """What was posted, once it is valid."""
        given = self.cleaned_data
        points = [Point(row.region, given[f"point-{row.number}-pressure"], given[f"point-{row.number}-how"]) for row in self.rows]
        pains: dict[str, Any] = {name: int(given[name]) if given[name] else None for name in ("pain_before", "pain_after")}
        return NoteText(**{part: given[part] for part in PARTS}, points=tuple(points), **pains)

    @property
    def with_added(self) -> NoteText:
        """The same with the place chosen in the list at the end of its points."""
        region, text = self.cleaned_data["point-add"], self.text
        is_new = region and region not in {point.region for point in text.points}
        return replace(text, points=(*text.points, Point(region))) if is_new else text

    def without(self, region: str) -> NoteText:
        return replace(self.text, points=tuple(point for point in self.text.points if point.region != region))

    @property
    def seen_version(self) -> int:
        return int(self.cleaned_data["seen"])

    @property
    def writing_page(self) -> UUID:
        writer: UUID = self.cleaned_data["writer"]
        return writer

    @property
    def in_words(self) -> FormHelper:
        return helper(*(Field(part, wrapper_class="wide") for part in PARTS))

    @property
    def adding(self) -> FormHelper:
        return helper("point-add")

    @property
    def pains(self) -> FormHelper:
        return helper(*(Field(name, wrapper_class="scale wide with-none") for name in ("pain_before", "pain_after")))

    @property
    def points(self) -> list[Point]:
        """The places and pressures as they stand on the form, for the chart."""
        chosen = ((row.region, str(self[f"point-{row.number}-pressure"].value() or "")) for row in self.rows)
        known = {str(n): n for n in range(1, FIRMEST + 1)}
        return [Point(region, known.get(used)) for region, used in chosen]


class AddendumForm(forms.Form):
    """What is added to a locked note."""

    text = forms.CharField(
        label=_("Addendum"),
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 4, "autocomplete": "off"}),
        help_text=_("It gets today’s date and stays as it is."),
        error_messages={"required": _("Please write something first. Nothing was added.")},
    )

    @property
    def helper(self) -> FormHelper:
        return helper(Field("text", wrapper_class="wide"))

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"]
        return text.replace("\r\n", "\n")


class TemplateChoice(forms.Form):
    """One of a therapist's templates to begin a note with."""

    template = forms.ChoiceField(label=_("Template"))

    def __init__(self, data: Any = None, *, templates: Sequence[NoteTemplate]) -> None:
        super().__init__(data, auto_id="id_note_%s")
        choices_of(self, "template").choices = [(str(each.pk), each.name) for each in templates]


class NoteTemplateForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = NoteTemplate
        fields: ClassVar[list[str]] = ["name", *PARTS]

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        for part in PARTS:
            self.fields[part] = _a_part(part, 2000, rows=3)
        self.fields["name"].help_text = _("What you look for in the list, like “Neck, first session”.")

    @property
    def helper(self) -> FormHelper:
        return helper("name", *(Field(part, wrapper_class="wide") for part in PARTS))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        name = cleaned.get("name")
        others = NoteTemplate.objects.filter(therapist=self.instance.therapist, name=name).exclude(pk=self.instance.pk)
        if name and others.exists():
            self.add_error("name", _("You have a template of this name already. Please choose another name."))
        return cleaned | {part: cleaned[part].replace("\r\n", "\n") for part in PARTS if part in cleaned}
