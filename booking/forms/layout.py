"""What all forms share: crispy draws the fields, the page everything around them."""

from __future__ import annotations

from typing import Any

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Layout
from django import forms


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
