"""What a client wants to be told, and how."""

from __future__ import annotations

from typing import Any

from crispy_forms.layout import Field
from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from booking.enums import DECLINABLE, Channel, NotificationKind
from booking.forms.layout import choices_of, helper
from booking.templatetags.unknot import icon
from clients.models.people import languages

#: In the client's words.
KINDS = {
    NotificationKind.REMINDER: _("Reminders of a session"),
    NotificationKind.FORM: _("Reminders of the form"),
    NotificationKind.SERIES_ENDING: _("When a series is about to end"),
    NotificationKind.FOLLOW_UP: _("A word after a session"),
}


class MessagesForm(forms.Form):
    channel = forms.ChoiceField(label=_("How we write to you"), widget=forms.RadioSelect)
    wanted = forms.MultipleChoiceField(
        label=_("What we write"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("We always tell you what was booked, changed or cancelled."),
    )

    language = forms.ChoiceField(label=_("In which language"), choices=languages, widget=forms.RadioSelect)

    def __init__(self, *args: Any, email: str, number: str, **kwargs: Any) -> None:
        """``number`` is empty where no text message can be sent; then there is nothing to choose. Nor with one language."""
        super().__init__(*args, **kwargs)
        if len(languages()) == 1:
            del self.fields["language"]
        ways = [(Channel.EMAIL, _("By e-mail"), email), (Channel.SMS, _("By text message"), number)]
        choices_of(self, "channel").choices = [
            (way.value, format_html('{}<span class="desc">{}</span>', label, address)) for way, label, address in ways if address
        ]
        tick = icon("check2")
        choices_of(self, "wanted").choices = [(kind.value, format_html("{}{}", tick, KINDS[kind])) for kind in DECLINABLE]
        looks = {"channel": "segments stack wide", "language": "segments stack wide", "wanted": "chips wide"}
        self.helper = helper(*(Field(name, wrapper_class=look) for name, look in looks.items() if name in self.fields))

    @property
    def declined(self) -> set[str]:
        return {kind.value for kind in DECLINABLE} - set(self.cleaned_data["wanted"])
