"""One part of a questionnaire as a form. Every question type of the file, in the browser's own controls."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Div, Fieldset, Layout
from crispy_forms.layout import Field as Drawn
from django import forms
from django.template.loader import render_to_string
from django.utils.html import escape, format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from phonenumber_field.formfields import PhoneNumberField

from clients.models import BodyRegion, Question, QuestionType, Route
from clients.services.responses import is_missing

SHORT, LONG = 200, 2000
NOTHING = "none"
LISTS = {QuestionType.BODY_MAP, QuestionType.MEDICATION_LIST, QuestionType.REPEAT_GROUP, QuestionType.ACTIVITY_SCORES}
ON_THE_SKIN = {"injection", "topical", "patch"}
SCALE = [(str(n), format_html("<span>{}</span>", n)) for n in range(11)]
PAIN = [("", "–"), *((str(n), str(n)) for n in range(11))]
SAID = [("", "–"), ("yes", gettext_lazy("Yes")), ("no", gettext_lazy("No")), ("unsure", gettext_lazy("Not sure"))]
ITEM_LABELS = {
    "kind": gettext_lazy("What was it?"),
    "region": gettext_lazy("Where?"),
    "seen_by_clinician": gettext_lazy("Did a doctor or nurse look at it?"),
    "still_hurts": gettext_lazy("Does it still hurt?"),
    "metalwork": gettext_lazy("Is there metal in it?"),
    "cleared": gettext_lazy("Did the surgeon say you are healed?"),
}


def helper(*fields: Any) -> FormHelper:
    """The page draws the form tag, the token and the buttons; crispy draws the fields."""
    made = FormHelper()
    made.form_tag = False
    made.disable_csrf = True
    made.layout = Layout(*fields)
    return made


def places(regions: Mapping[str, BodyRegion]) -> list[tuple[str, Any]]:
    """The parts of the body to choose from, by area, in the order of the body."""
    groups: dict[str, list[tuple[str, str]]] = {}
    areas = {code: region.label for code, region in regions.items() if region.treatable == BodyRegion.Treatable.GROUP}
    for code, region in regions.items():
        if region.treatable != BodyRegion.Treatable.GROUP:
            groups.setdefault(areas[region.area], []).append((code, region.label))
    return [("", _("Choose a place")), *groups.items()]


@dataclass
class Item:
    """One line of a list: what it is called, and the fields that belong to it."""

    number: int
    title: str
    helper: FormHelper
    value: Mapping[str, Any] = field(default_factory=dict)

    @property
    def route_label(self) -> str:
        return str(Route(self.value["route"]).label) if self.value.get("route") in Route.values else ""

    @property
    def is_listed(self) -> bool:
        return self.value.get("listed", True) not in (False, "no")


@dataclass
class Part:
    """One question on the page, with those it may bring up."""

    question: Question
    helper: FormHelper | None = None
    items: list[Item] = field(default_factory=list)
    brings: list[Part] = field(default_factory=list)
    is_control: bool = False

    @property
    def template(self) -> str:
        return f"clients/_{self.question.type}.html" if self.question.type in LISTS else "clients/_question.html"

    @property
    def spots(self) -> list[Mapping[str, Any]]:
        """What the body chart marks."""
        return [item.value for item in self.items if item.title]

    @property
    def places(self) -> str:
        return ", ".join(item.title for item in self.items if item.title)

    @property
    def has_room(self) -> bool:
        return len(self.items) < (self.question.max_items or 10)


class SectionForm(forms.Form):
    """The questions of one part that are shown now. What is typed wrong is not kept; what is missing is said at the end only."""

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        questions: Sequence[Question],
        controls: Iterable[str],
        answers: Mapping[str, Any],
        regions: Sequence[BodyRegion],
        on: date,
    ) -> None:
        super().__init__(data)
        self.questions = questions
        self.answers = answers
        self.on = on
        self.regions = {region.code: region for region in regions}
        self.parts: list[Part] = []
        by_code: dict[str, Part] = {}
        for question in questions:
            part = by_code[question.code] = self._part(question)
            part.is_control = question.code in controls
            above = by_code.get(question.show_if.get("question", "")) if question.show_if else None
            (above.brings if above else self.parts).append(part)

    # ---- building -----------------------------------------------------------------------------------------------------------

    def _part(self, question: Question) -> Part:
        if question.type in LISTS:
            return self._list(question)
        return Part(question, helper(self._simple(question)))

    def _simple(self, question: Question) -> Any:
        """The field of a question with one answer, and how it is drawn."""
        code, value = question.code, self.answers.get(question.code)
        common = {"label": self._label(question), "help_text": escape(question.help), "required": False, "initial": value}
        choices = [(choice["value"], choice["label"]) for choice in question.choices]
        match question.type:
            case QuestionType.DATE:
                return self._date(code, common["label"], value or "", help_text=question.help)
            case QuestionType.TEXT_LONG:
                self.fields[code] = forms.CharField(max_length=LONG, widget=forms.Textarea(attrs={"rows": 4}), **common)
            case QuestionType.PHONE:
                self.fields[code] = PhoneNumberField(
                    widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off"}),
                    error_messages={"invalid": _("This does not look like a phone number. Nothing was lost; please check it.")},
                    **common,
                )
            case QuestionType.SINGLE:
                self.fields[code] = forms.ChoiceField(choices=choices, widget=forms.RadioSelect, **common)
                return Drawn(code, wrapper_class="choices wide")
            case QuestionType.YES_NO | QuestionType.YES_NO_UNSURE:
                self.fields[code] = forms.ChoiceField(choices=choices, widget=forms.RadioSelect, **common)
                return Drawn(code, wrapper_class="segments wide")
            case QuestionType.MULTI:
                tick = render_to_string("clients/_tick.html")
                self.fields[code] = AnyOf(
                    choices=[(key, format_html("{}{}", tick, label)) for key, label in choices],
                    widget=forms.CheckboxSelectMultiple,
                    **common,
                )
                return Drawn(code, wrapper_class="chips wide")
            case QuestionType.SCALE:
                self.fields[code] = forms.ChoiceField(choices=SCALE, widget=forms.RadioSelect, **common)
                return Drawn(code, wrapper_class="scale wide")
            case QuestionType.CONSENT:
                self.fields[code] = forms.BooleanField(**common | {"initial": bool(value)})
            case QuestionType.SIGNATURE:
                common |= {"initial": (value or {}).get("name", "")}
                self.fields[code] = forms.CharField(
                    max_length=SHORT, widget=forms.TextInput(attrs={"autocomplete": "off"}), **common
                )
            case _:
                self.fields[code] = forms.CharField(
                    max_length=SHORT, widget=forms.TextInput(attrs={"autocomplete": "off"}), **common
                )
        return Drawn(code)

    def _label(self, question: Question) -> Any:
        if question.required:
            return question.text
        return format_html('{} <span class="optional">({})</span>', question.text, _("optional"))

    def _date(self, name: str, label: Any, value: str, *, help_text: str = "") -> Any:
        """Three small fields, as on any paper form: day, month, year. The last two parts of the stored text may be missing."""
        year, month, day = [*value.split("-"), "", ""][:3]
        for part, text, size, initial in (
            ("day", _("Day"), 2, day),
            ("month", _("Month"), 2, month),
            ("year", _("Year"), 4, year),
        ):
            self.fields[f"{name}-{part}"] = forms.CharField(
                label=text,
                required=False,
                initial=initial.lstrip("0"),
                max_length=size,
                widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
            )
        drawn = [Drawn(f"{name}-{part}") for part in ("day", "month", "year")]
        hint = [HTML(format_html('<div class="form-text">{}</div>', help_text))] if help_text else []
        return Fieldset(label, *hint, Div(*drawn, css_class="date-parts"), css_class="dated")

    def _list(self, question: Question) -> Part:
        items = self._posted(question) if self.is_bound else self._stored(question)
        if question.type == QuestionType.REPEAT_GROUP and question.required and not items:
            items = [{}]
        part = Part(question)
        build: Callable[[Question, int, Mapping[str, Any]], Item] = {
            QuestionType.BODY_MAP.value: self._spot,
            QuestionType.MEDICATION_LIST.value: self._medicine,
            QuestionType.REPEAT_GROUP.value: self._dated,
            QuestionType.ACTIVITY_SCORES.value: self._activity,
        }[question.type]
        part.items = [build(question, number, item) for number, item in enumerate(items)]
        if question.type == QuestionType.BODY_MAP:
            self.fields[f"{question.code}-add"] = self._place(_("Add a spot"))
            part.helper = helper(Drawn(f"{question.code}-add"))
        if question.type == QuestionType.MEDICATION_LIST:
            self.fields[f"{question.code}-typed"] = forms.CharField(
                label=_("Name on the box"),
                required=False,
                max_length=120,
                widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off", "spellcheck": "false"}),
            )
            part.helper = helper(Drawn(f"{question.code}-typed"))
        return part

    def _stored(self, question: Question) -> list[Mapping[str, Any]]:
        """The items given so far; activities with all there is room for."""
        items = list(self.answers.get(question.code) or [])
        if question.type == QuestionType.ACTIVITY_SCORES and not question.copies_from:
            items += [{}] * ((question.max_items or 3) - len(items))
        return items

    def _posted(self, question: Question) -> list[Mapping[str, Any]]:
        """What came back, item by item, in its order; only the fields that name an item are looked at here."""
        pattern = re.compile(re.escape(question.code) + r"-(\d{1,2})-(\w+)")
        found: dict[int, dict[str, Any]] = {}
        for name in self.data:
            if match := pattern.fullmatch(name):
                found.setdefault(int(match[1]), {})[match[2]] = self.data[name]
        items: list[Mapping[str, Any]] = [found[number] for number in sorted(found)]
        return items[: question.max_items or 10]

    def _hidden(self, name: str, value: str) -> str:
        self.fields[name] = forms.CharField(required=False, max_length=SHORT, initial=value, widget=forms.HiddenInput)
        return name

    def _place(self, label: Any, initial: str = "") -> forms.ChoiceField:
        """A part of the body, from a list in the order of the body."""
        return forms.ChoiceField(label=label, required=False, choices=places(self.regions), initial=initial)

    def _spot(self, question: Question, number: int, item: Mapping[str, Any]) -> Item:
        base = f"{question.code}-{number}"
        region = str(item.get("region", ""))
        fields: list[Any] = [self._hidden(f"{base}-region", region)]
        place = self.regions[region].label if region in self.regions else ""
        if "pain_0_10" in question.fields:
            pain = item.get("pain")
            self.fields[f"{base}-pain"] = forms.ChoiceField(
                label=format_html('{}<span class="visually-hidden">, {}</span>', _("Pain 0 to 10"), place),
                choices=PAIN,
                required=False,
                initial="" if pain is None else str(pain),
            )
            fields.append(Drawn(f"{base}-pain"))
        if "spreads_to" in question.fields:
            self.fields[f"{base}-spreads_to"] = forms.CharField(
                label=format_html('{}<span class="visually-hidden">, {}</span>', _("Spreads to (optional)"), place),
                required=False,
                max_length=SHORT,
                initial=item.get("spreads_to", ""),
                widget=forms.TextInput(attrs={"autocomplete": "off"}),
            )
            fields.append(Drawn(f"{base}-spreads_to"))
        return Item(number, place, helper(*fields), item)

    def _medicine(self, question: Question, number: int, item: Mapping[str, Any]) -> Item:
        base = f"{question.code}-{number}"
        hidden = [self._hidden(f"{base}-{name}", str(item.get(name) or "")) for name in ("name", "route")]
        listed = item.get("listed", True) not in (False, "no")
        hidden.append(self._hidden(f"{base}-listed", "yes" if listed else "no"))
        texts = {"reason": _("What for?"), "since": _("Since when?"), "last_taken": _("Last taken or used")}
        for name, label in texts.items():
            self.fields[f"{base}-{name}"] = forms.CharField(
                label=format_html('{}<span class="visually-hidden">, {}</span>', label, item.get("name", "")),
                required=False,
                max_length=SHORT,
                initial=item.get(name, ""),
                widget=forms.TextInput(attrs={"autocomplete": "off"}),
            )
        fields = [*hidden, *(f"{base}-{name}" for name in texts)]
        if item.get("route") in ON_THE_SKIN or not item.get("route"):
            label = format_html('{}<span class="visually-hidden">, {}</span>', _("Where on your body?"), item.get("name", ""))
            self.fields[f"{base}-site_region"] = self._place(label, str(item.get("site_region") or ""))
            fields.append(f"{base}-site_region")
        return Item(number, str(item.get("name") or ""), helper(*fields), item)

    def _dated(self, question: Question, number: int, item: Mapping[str, Any]) -> Item:
        base, drawn = f"{question.code}-{number}", []
        for name in question.fields:
            if name == "date":
                hint = _("If you do not know the day, leave it out. The year alone is fine.")
                drawn.append(self._date(base, _("When?"), str(item.get("date") or ""), help_text=hint))
                continue
            label = ITEM_LABELS[name]
            if name == "region":
                self.fields[f"{base}-region"] = self._place(label, str(item.get("region") or ""))
            else:
                kinds = [("", _("Choose")), *((choice["value"], choice["label"]) for choice in question.choices)]
                self.fields[f"{base}-{name}"] = forms.ChoiceField(
                    label=label, required=False, choices=kinds if name == "kind" else SAID, initial=item.get(name, "")
                )
            drawn.append(Drawn(f"{base}-{name}"))
        return Item(number, "", helper(*drawn), item)

    def _activity(self, question: Question, number: int, item: Mapping[str, Any]) -> Item:
        base = f"{question.code}-{number}"
        self.fields[f"{base}-name"] = forms.CharField(
            label=_("Activity %(number)s") % {"number": number + 1},
            required=False,
            max_length=SHORT,
            initial=item.get("name", ""),
            widget=forms.TextInput(attrs={"autocomplete": "off", **({"readonly": True} if question.copies_from else {})}),
        )
        score = item.get("score")
        self.fields[f"{base}-score"] = forms.ChoiceField(
            label=format_html('{}<span class="visually-hidden"> {}</span>', _("Score"), number + 1),
            required=False,
            choices=PAIN,
            initial="" if score is None else str(score),
        )
        return Item(number, "", helper(Drawn(f"{base}-name"), Drawn(f"{base}-score")), item)

    # ---- what came back -----------------------------------------------------------------------------------------------------

    @cached_property
    def values(self) -> dict[str, Any]:
        """What can be kept, by question code; None where nothing is answered. What was typed wrong is left out."""
        self.is_valid()
        return {
            question.code: self._value(question)
            for question in self.questions
            if not any(name == question.code or name.startswith(f"{question.code}-") for name in self.errors)
        }

    def _value(self, question: Question) -> Any:
        code, cleaned = question.code, self.cleaned_data
        match question.type:
            case QuestionType.DATE:
                return self._day(code) or None
            case QuestionType.SCALE:
                return int(cleaned[code]) if cleaned[code] else None
            case QuestionType.PHONE:
                return str(cleaned[code]) or None
            case QuestionType.MULTI:
                return cleaned[code] or None
            case QuestionType.CONSENT:
                return {"agreed": True} if cleaned[code] else None
            case QuestionType.SIGNATURE:
                return {"name": cleaned[code], "on": self.on.isoformat()} if cleaned[code] else None
        if question.type in LISTS:
            items = [self._item(question, number) for number in range(len(self._posted(question)))]
            return [item for item in items if item] or None
        return cleaned[code].strip() or None

    def _day(self, name: str) -> str:
        """2019-05-03, or as much of it as was given."""
        day, month, year = (self.cleaned_data.get(f"{name}-{part}", "").strip() for part in ("day", "month", "year"))
        known = [year.zfill(4), month.zfill(2), day.zfill(2)][: 1 + bool(month) + bool(month and day)]
        return "-".join(known) if year else ""

    def _item(self, question: Question, number: int) -> dict[str, Any]:
        """One item of a list; empty when it says nothing."""
        base = f"{question.code}-{number}-"
        given = {name.removeprefix(base): value for name, value in self.cleaned_data.items() if name.startswith(base)}
        match question.type:
            case QuestionType.BODY_MAP:
                if given["region"] not in self.regions:
                    return {}
                pain = {"pain": int(given["pain"]) if given["pain"] else None} if "pain" in given else {}
                return {name: given[name] for name in ("region", "spreads_to") if name in given} | pain
            case QuestionType.MEDICATION_LIST:
                if not given["name"]:
                    return {}
                return {name: value for name, value in given.items() if name != "listed"} | {"listed": given["listed"] == "yes"}
            case QuestionType.ACTIVITY_SCORES:
                score = int(given["score"]) if given["score"] else None
                return {"name": given["name"], "score": score} if given["name"] else {}
        item = {name: given[name] for name in question.fields if name in given}
        if "date" in question.fields:
            item["date"] = self._day(base.removesuffix("-"))
        return item if any(item.values()) else {}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        for name in [name.removesuffix("-year") for name in self.fields if name.endswith("-year")]:
            self._check_day(name)
        return cleaned

    def _check_day(self, name: str) -> None:
        text = self._day(name)
        whole = not self.is_item(name)
        parts = [self.cleaned_data.get(f"{name}-{part}", "").strip() for part in ("day", "month", "year")]
        if not any(parts):
            return
        try:
            numbers = [int(part) for part in text.split("-")]
            day = date(*[*numbers, 1, 1][:3])
        except ValueError:
            day = None
        if day is None or (whole and len(text) < 10) or (parts[0] and not parts[1]):
            self.add_error(f"{name}-day", _("This is not a date. Please type day, month and year in figures, like 3 5 2019."))
        elif not day.year >= 1900 or day > self.on:
            self.add_error(f"{name}-day", _("This date cannot be right: it lies ahead, or very far back."))

    def is_item(self, name: str) -> bool:
        return bool(re.search(r"-\d{1,2}$", name))

    def check_complete(self, shown: Sequence[Question]) -> bool:
        """Say what is missing of the questions shown now; whether the part can be left."""
        for question in shown:
            if question.required and question.code in self.values and is_missing(question, self.values):
                self.add_error(self._first_field(question), _missing(question))
        return not self.errors

    @property
    def problems(self) -> list[tuple[Question, str]]:
        """Each error with the question it belongs to, in their order."""
        return [
            (question, str(error))
            for question in self.questions
            for name, errors in self.errors.items()
            if name == question.code or name.startswith(f"{question.code}-")
            for error in errors
        ]

    def _first_field(self, question: Question) -> str:
        code = question.code
        names = (code, f"{code}-day", f"{code}-add", f"{code}-typed", f"{code}-0-kind", f"{code}-0-name")
        return next(name for name in names if name in self.fields)


class AnyOf(forms.MultipleChoiceField):
    """Any of several; "none" stands alone."""

    def validate(self, value: Any) -> None:
        super().validate(value)
        if NOTHING in value and len(value) > 1:
            raise forms.ValidationError(_("You chose “none” and something else. Please take one of them back."))


def _missing(question: Question) -> str:
    if question.type == QuestionType.MEDICATION_LIST:
        return _("Please add at least one, or answer “no” above.")
    if question.type == QuestionType.BODY_MAP:
        return _("Please mark at least one spot.")
    if question.type == QuestionType.CONSENT:
        return _("We need this one before a session. Nothing was lost.")
    return _("Please answer this one. Nothing was lost.")


class StartForm(forms.Form):
    """What a client agrees to before any health question is asked."""

    agree = forms.BooleanField(
        error_messages={"required": gettext_lazy("Without this we cannot ask you anything about your health.")}
    )

    def __init__(self, *args: Any, question: Question, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["agree"].label = question.text
        self.fields["agree"].help_text = escape(question.help)
        self.helper = helper(Drawn("agree"))


class WentForm(forms.Form):
    """How the last session went: one tap answers two questions where both have the plainest answer."""

    ASKED = ("last_reaction", "soreness_now")
    SHORT = {
        "better": {"last_reaction": "better", "soreness_now": "0"},
        "same": {"last_reaction": "same", "soreness_now": "0"},
    }

    went = forms.ChoiceField(
        label=gettext_lazy("How did you feel after your last session, and how sore is the treated area now?"),
        required=False,
        widget=forms.RadioSelect,
        choices=[
            ("better", gettext_lazy("Better, and nothing is sore now")),
            ("same", gettext_lazy("No different, and nothing is sore now")),
            ("other", gettext_lazy("Sore, or something else")),
        ],
    )

    @classmethod
    def of(cls, questions: Iterable[Question], answers: Mapping[str, Any]) -> WentForm | None:
        """The short way to answer, where a version asks both questions and knows these answers."""
        asked = {question.code: question for question in questions}
        reaction = asked.get("last_reaction")
        if reaction is None or "soreness_now" not in asked:
            return None
        if not set(cls.SHORT) <= {choice["value"] for choice in reaction.choices}:
            return None
        return cls(initial={"went": cls._said(answers)})

    @classmethod
    def _said(cls, answers: Mapping[str, Any]) -> str:
        given = {code: str(answers[code]) for code in cls.ASKED if code in answers}
        return next((name for name, means in cls.SHORT.items() if means == given), "other" if given else "")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = helper(Drawn("went", wrapper_class="choices wide"))
