# mypy: disable-error-code="type-arg"
"""Which notices the practice sends by itself, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from booking.admin.base import on_the_clock
from booking.enums import Night
from booking.models import NoticeRule
from booking.services.notices import set_rule

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@admin.register(NoticeRule)
class NoticeRuleAdmin(admin.ModelAdmin):
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


def in_words(lead: timedelta) -> str:
    """Days, hours and minutes, each only where there are some."""
    days, rest = divmod(lead, DAY)
    hours, rest = divmod(rest, HOUR)
    minutes = rest // MINUTE
    parts = [
        ngettext("%(count)s day", "%(count)s days", days) % {"count": days} if days else "",
        ngettext("%(count)s hour", "%(count)s hours", hours) % {"count": hours} if hours else "",
        ngettext("%(count)s minute", "%(count)s minutes", minutes) % {"count": minutes} if minutes else "",
    ]
    return " ".join(part for part in parts if part)
