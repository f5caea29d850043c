"""The practice's own words in a notice: how it greets and what it adds. What a notice tells stays in our templates."""

from __future__ import annotations

from uuid import uuid4

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from booking.engine.placeholders import BrokenText, grammar, used
from booking.enums import TO_CLIENTS, Channel, NotificationKind
from clients.models.people import languages

WORDS = ("subject", "heading", "opening", "closing")
#: The only one of them in a text message.
WORDS_OF_SMS = "opening"
#: In every notice; {date} and {time} are those of the first session it is about.
PLACEHOLDERS = ("name", "practice", "when", "date", "time", "therapist", "treatment", "minutes")
#: Notices about something held, which know until when.
HOLDING = (NotificationKind.OFFER, NotificationKind.REPAIR)
#: Text messages without these would not say what they are about.
NEEDED = {
    NotificationKind.CONFIRMATION: ("when",),
    NotificationKind.CHANGED: ("when",),
    NotificationKind.CANCELLED: ("when",),
    NotificationKind.CLEARED: ("when",),
    NotificationKind.REMINDER: ("when",),
    NotificationKind.OFFER: ("when", "until"),
}


def placeholders_of(kind: str) -> tuple[str, ...]:
    """What the words for a kind may speak of."""
    return (*PLACEHOLDERS, "until") if kind in HOLDING else PLACEHOLDERS


def kinds() -> list[tuple[str, str]]:
    """Those a practice may put in words of its own."""
    return [(kind.value, str(kind.label)) for kind in TO_CLIENTS]


def default_language() -> str:
    """The practice's own."""
    return settings.LANGUAGE_CODE


def _all_match(expression: str) -> Q:
    return Q(**{f"{name}__regex": expression for name in WORDS})


class NoticeText(models.Model):
    """One practice's words for one kind of notice, by one channel, in one language; what is empty is said in ours."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    location = models.ForeignKey("therapists.Location", models.CASCADE, related_name="notice_texts", verbose_name=_("location"))
    kind = models.CharField(_("message"), max_length=24, choices=kinds)
    channel = models.CharField(_("by"), max_length=8, choices=Channel.choices, default=Channel.EMAIL)
    language = models.CharField(_("language"), max_length=12, choices=languages, default=default_language)
    subject = models.CharField(_("subject"), max_length=120, blank=True)
    heading = models.CharField(_("heading"), max_length=160, blank=True)
    opening = models.TextField(
        _("opening"), max_length=1000, blank=True, help_text=_("Before the date and place. In a text message: all but the link.")
    )
    closing = models.TextField(_("closing"), max_length=1000, blank=True, help_text=_("After everything else."))

    class Meta:
        verbose_name = _("text of a message")
        verbose_name_plural = _("texts of messages")
        ordering = ["location", "kind", "channel", "language"]
        constraints = [
            models.UniqueConstraint(
                fields=["location", "kind", "channel", "language"],
                name="notice_text_once",
                violation_error_message=_("There is a text for this message already. Please change that one."),
            ),
            models.CheckConstraint(condition=Q(channel__in=Channel.values), name="notice_text_channel_listed"),
            models.CheckConstraint(
                condition=~Q(subject="", heading="", opening="", closing=""),
                name="notice_text_not_empty",
                violation_error_message=_("Nothing is written here yet. To use our words, delete the text."),
            ),
            models.CheckConstraint(
                condition=~Q(channel=Channel.SMS) | Q(subject="", heading="", closing=""),
                name="notice_text_sms_has_one_part",
            ),
            models.CheckConstraint(
                condition=~Q(subject__regex=r"[\r\n]") & ~Q(heading__regex=r"[\r\n]"), name="notice_text_lines_are_single"
            ),
            # the same grammar that fills them in, so that what is kept can be sent
            models.CheckConstraint(
                condition=_all_match(grammar(PLACEHOLDERS))
                | Q(kind__in=HOLDING) & _all_match(grammar(placeholders_of(NotificationKind.OFFER))),
                name="notice_text_can_be_filled_in",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.get_channel_display()}"

    def clean(self) -> None:
        """Refuse words that could not be filled in, and text messages that would not say what they are about."""
        problems = {name: problem for name in WORDS if (problem := self._problem_of(name))}
        if problems:
            raise ValidationError(problems)

    def _problem_of(self, name: str) -> str:
        text, known = getattr(self, name), placeholders_of(self.kind)
        if text and self.channel == Channel.SMS and name != WORDS_OF_SMS:
            return str(_("A text message has only the opening. Please empty this field."))
        try:
            names = used(text, known)
        except BrokenText as broken:
            return _in_words(broken, known)
        needed = NEEDED.get(NotificationKind(self.kind), ()) if self.kind in TO_CLIENTS else ()
        missing = [each for each in needed if each not in names]
        if text and missing and self.channel == Channel.SMS:
            return str(_("Without %(missing)s it would not say what it is about.") % {"missing": _listed(missing)})
        return ""


def _in_words(broken: BrokenText, known: tuple[str, ...]) -> str:
    if broken.placeholder is None:
        return str(_("A brace stands alone. For a brace as such, write it twice: {{ or }}."))
    return str(_("{%(name)s} is not known here. There are %(known)s.") % {"name": broken.placeholder, "known": _listed(known)})


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)
