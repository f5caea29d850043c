"""Proving an address: the form for it and the form for the code."""

from __future__ import annotations

from typing import Any

from crispy_forms.layout import Field
from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from booking.forms.layout import helper


class AddressForm(forms.Form):
    """Where the code shall go. The answer is the same for an address we know and for one we do not."""

    email = forms.EmailField(
        label=_("E-mail"),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        help_text=_("We send a six-digit code there. There is no password."),
        error_messages={
            "required": _("Please tell us your e-mail address."),
            "invalid": _("This does not look like an e-mail address. Please check it."),
        },
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = helper(Field("email"))


class CodeForm(forms.Form):
    """The six digits that came by mail."""

    wrong_length: str | Promise = _("Our codes have six digits. Please type it again.")

    code = forms.CharField(
        label=_("Code from the e-mail"),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code", "maxlength": "9"}),
        help_text=_("This is how we know the address is yours."),
        error_messages={"required": _("Please type the six digits from the e-mail.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = helper(Field("code", wrapper_class="code-field"))

    def clean_code(self) -> str:
        code = "".join(self.cleaned_data["code"].split())
        if len(code) != 6 or not code.isdecimal():
            raise forms.ValidationError(str(self.wrong_length))
        return code
