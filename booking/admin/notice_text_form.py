# mypy: disable-error-code="type-arg"
"""The words of a practice in a notice, checked by putting them in a whole one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from booking.enums import Channel
from booking.models import NoticeText
from booking.models.notice_text import WORDS, WORDS_OF_SMS
from booking.notifications.examples import previewed
from booking.notifications.gsm7 import segments
from booking.notifications.render import Draft

#: Text messages the network counts for one of ours, link included.
MOST_SEGMENTS = 3
#: What mail programs show of a subject, at most.
MOST_OF_SUBJECT = 100


class NoticeTextForm(forms.ModelForm):
    """What is found wrong is said in words, at the field where it is."""

    class Meta:
        model = NoticeText
        fields = ("location", "kind", "channel", "language", *WORDS)

    #: The notice with these words, also where there are none yet, or others already; none where they cannot be filled in.
    draft: Draft | None = None

    def __init__(self, *args: Any, several: bool = False, **kwargs: Any) -> None:
        """``several``: the draft is about several sessions, where the kind can be."""
        super().__init__(*args, **kwargs)
        self._several = several

    def _post_clean(self) -> None:
        """The model refuses what cannot be filled in; what is left is put in words and measured."""
        super()._post_clean()  # type: ignore[misc]
        if set(self.errors) - {NON_FIELD_ERRORS}:
            return
        self.draft = previewed(self.instance, timezone.now(), several=self._several)
        if self.instance.channel == Channel.SMS:
            self._measure_text(segments(self.draft.text))
        elif len(self.draft.subject) > MOST_OF_SUBJECT:
            self.add_error("subject", _too_long(len(self.draft.subject)))

    def _measure_text(self, count: int) -> None:
        if count > MOST_SEGMENTS:
            self.add_error(WORDS_OF_SMS, _too_many(count))


def _too_long(signs: int) -> str:
    return _("Filled in, the subject has %(signs)d signs. Please keep it to %(most)d.") % {
        "signs": signs,
        "most": MOST_OF_SUBJECT,
    }


def _too_many(count: int) -> str:
    said = ngettext(
        "Sent with its link it counts as %(count)d message.", "Sent with its link it counts as %(count)d messages.", count
    )
    return f"{said} {_('Please keep it to %(most)d.')}" % {"count": count, "most": MOST_SEGMENTS}
