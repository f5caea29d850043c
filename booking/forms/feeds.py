"""What a therapist's calendar feed says of a session."""

from __future__ import annotations

from typing import Any

from crispy_forms.layout import Field
from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from booking.enums import FeedShows
from booking.forms.layout import choices_of, helper

WORDS = {
    FeedShows.INITIALS: (_("Initials and room"), _("Like “A. L.”, Elm")),
    FeedShows.BUSY: (_("Busy only"), _("Neither who nor where")),
}


class FeedForm(forms.Form):
    shows = forms.ChoiceField(label=_("What it says of a session"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices_of(self, "shows").choices = [
            (shows.value, format_html('{}<span class="desc">{}</span>', *words)) for shows, words in WORDS.items()
        ]
        self.helper = helper(Field("shows", wrapper_class="segments stack wide"))
