# mypy: disable-error-code="type-arg"
"""Which notices the practice sends by itself, and when."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from booking.admin.base import ChoosesOnly, on_the_clock
from booking.admin.safe_delete import SafeDelete
from booking.enums import Night
from booking.models import NoticeRule
from booking.models.notice_rule import DAY, in_words
from booking.services.notices import set_rule


@admin.register(NoticeRule)
class NoticeRuleAdmin(ChoosesOnly, SafeDelete):
    list_display = ("kind", "when", "channel", "at_night", "is_on", "location")
    list_filter = ("is_on", "kind", "location")
    list_select_related = ("location",)
    search_fields = ("location__name",)
    ordering = ("location__name", "kind", "-lead")
    fieldsets = (
        (None, {"fields": ("location", "kind", "is_on", "in_use_since")}),
        (
            _("When"),
            {
                "fields": ("lead", "when", "night"),
                "description": _(
                    "Whole days keep the clock time, also when the clocks change: three days before a session at 10:00 is 10:00. "
                    "A session booked later than that gets none; its confirmation serves. "
                    "A rule switched on, or given another time, sends nothing that was due before."
                ),
            },
        ),
        (_("How"), {"fields": ("channel",)}),
    )
    readonly_fields = ("when", "in_use_since")

    @admin.display(description=_("when"), ordering="lead")
    def when(self, rule: NoticeRule) -> str:
        """The lead in words, with an example where the clock time stays."""
        if rule.is_afterwards:
            return gettext("%(lead)s after the session") % {"lead": in_words(rule.lead)}
        said = gettext("%(lead)s before the session") % {"lead": in_words(rule.lead)}
        return said if rule.lead % DAY else gettext("%(said)s, at the same clock time: 10:00 → 10:00") % {"said": said}

    @admin.display(description=_("in quiet hours"), ordering="night")
    def at_night(self, rule: NoticeRule) -> str:
        return str(Night(rule.night).label)

    @admin.display(description=_("in use since"))
    def in_use_since(self, rule: NoticeRule) -> str:
        return on_the_clock(rule.since) if rule.is_on else gettext("not in use")

    def save_model(self, request: HttpRequest, obj: NoticeRule, form: Any, change: bool) -> None:
        set_rule(obj, now=timezone.now())
