"""What clients answer by text message."""

from __future__ import annotations

from uuid import uuid4

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from booking.enums import TextMeaning


class TextAnswer(models.Model):
    """One text message that came in, so that it counts once. What it said and who sent it is kept nowhere."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    # the carrier's own name for the message
    carrier_id = models.CharField(max_length=100, unique=True, editable=False)
    meaning = models.CharField(_("meaning"), max_length=12, choices=TextMeaning.choices)
    came_at = models.DateTimeField(_("came"))

    class Meta:
        verbose_name = _("answer by text message")
        verbose_name_plural = _("answers by text message")
        ordering = ["-came_at"]
        constraints = [models.CheckConstraint(condition=Q(meaning__in=TextMeaning.values), name="text_answer_meaning_listed")]

    def __str__(self) -> str:
        return str(self.get_meaning_display())
