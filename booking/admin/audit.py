# mypy: disable-error-code="type-arg"
"""The audit, to be searched by whoever may see it; nobody adds, changes or deletes an entry."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from booking.admin.base import ReadOnlyAdmin, on_the_clock
from booking.deeds import name_of
from booking.enums import AppointmentStatus
from booking.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """What was done to sessions, and who read answers and notes; never what those say."""

    list_display = ("moment", "action", "what", "client", "who", "address", "reason")
    list_filter = ("action",)
    list_select_related = ("client", "appointment", "by")
    search_fields = ("client__name", "client__email", "by__name", "by__email", "reason")
    search_help_text = _("Part of the name or address of a client or of whoever it was, or of the reason.")
    date_hierarchy = "at"
    ordering = ("-at",)
    fields = ("moment", "action", "what", "client", "appointment", "changed_fields", "who", "address", "reason", "was", "became")

    @admin.display(description=_("at"), ordering="at")
    def moment(self, entry: AuditEntry) -> str:
        return on_the_clock(entry.at)

    @admin.display(description=_("by"), ordering="by__name")
    def who(self, entry: AuditEntry) -> str:
        """Nobody's where a link was followed or the app did it by itself."""
        if entry.by is not None:
            return str(entry.by)
        return gettext("an account that is gone since") if entry.actor else gettext("Unknot, or a link in a message")

    @admin.display(description=_("of what"))
    def what(self, entry: AuditEntry) -> str:
        """The session, or what kind of record it was."""
        if entry.appointment is not None:
            return str(entry.appointment)
        return name_of(entry.after.get("what", "")) or "–"

    @admin.display(description=_("fields"))
    def changed_fields(self, entry: AuditEntry) -> str:
        """What was changed on a form, never from what to what."""
        return ", ".join(entry.after.get("fields", [])) or "–"

    @admin.display(description=_("before"))
    def was(self, entry: AuditEntry) -> str:
        return _in_words(entry.before)

    @admin.display(description=_("after"))
    def became(self, entry: AuditEntry) -> str:
        return _in_words(entry.after)


def _in_words(facts: dict[str, Any]) -> str:
    """What an audit entry keeps of an appointment, for reading."""
    if not facts:
        return "–"
    state = facts.get("status")
    words = [
        AppointmentStatus(state).label if state else "",
        facts.get("local_date"),
        facts.get("local_time"),
        facts.get("starts_at"),
    ]
    return ", ".join(str(word) for word in words if word)
