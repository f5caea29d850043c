"""What clients correct about themselves, and the address they change to."""

from __future__ import annotations

from typing import Any

from crispy_forms.layout import Field
from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from phonenumber_field.formfields import PhoneNumberField

from booking.forms import codes
from booking.forms.layout import helper
from lines import on_one_line


class CorrectForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        validators=[on_one_line],
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={
            "required": _("Please tell us your name."),
            "max_length": _("Please keep your name to %(limit_value)d letters."),
        },
    )
    phone = PhoneNumberField(
        label=format_html('{} <span class="optional">({})</span>', _("Phone"), _("optional")),
        required=False,
        help_text=_("Only for news about a session on the same day."),
        widget=forms.TextInput(attrs={"autocomplete": "tel", "type": "tel"}),
        error_messages={"invalid": _("This does not look like a phone number. Please check it.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = helper(Field("name"), Field("phone"))


class NewAddressForm(codes.AddressForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("New e-mail")
        self.fields["email"].help_text = _("We send a six-digit code there, to be sure that it is yours.")
