"""What all forms share: crispy draws the fields, the page everything around them."""

from __future__ import annotations

from typing import Any

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Layout
from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

#: Breaks of lines, controls, and what turns the direction of a text around; the joiners that some languages need are none.
on_one_line = RegexValidator(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]",
    _("Please write your name on one line, without hidden signs."),
    inverse_match=True,
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
