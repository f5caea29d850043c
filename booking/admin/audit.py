# mypy: disable-error-code="type-arg"
"""The audit, to be searched by whoever may see it; nobody adds, changes or deletes an entry."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from booking.admin.base import ReadOnlyAdmin, on_the_clock
from booking.deeds import name_of
from booking.enums import AppointmentStatus, AuditAction
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
    list_per_page = 50

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        title = gettext("History: who saw and did what")
        return super().changelist_view(request, {"title": title} | (extra_context or {}))

    def render_change_form(
        self, request: HttpRequest, context: Any, add: bool = False, change: bool = False, form_url: str = "", obj: Any = None
    ) -> HttpResponse:
        title = f"{capfirst(obj.get_action_display())}, {on_the_clock(obj.at)}"
        return super().render_change_form(request, context | {"title": title, "subtitle": None}, add, change, form_url, obj)

    def get_fields(self, request: HttpRequest, obj: AuditEntry | None = None) -> Any:
        """What there is to say of this entry."""
        said = {
            "client": obj and obj.client,
            "changed_fields": obj and obj.after.get("fields"),
            "reason": obj and obj.reason,
            "was": obj and obj.before,
            "became": obj and "status" in obj.after,
        }
        return ["moment", "action", "record_page", *(name for name, fact in said.items() if fact), "who", "address"]

    @admin.display(description=_("at"), ordering="at")
    def moment(self, entry: AuditEntry) -> str:
        return date_format(timezone.localtime(entry.at), "D j M Y, H:i")

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
            day = date_format(entry.appointment.local_start, "D j M Y, H:i")
            return gettext("session on %(day)s") % {"day": day}
        return name_of(_kind_of(entry))

    @admin.display(description=_("of what"))
    def record_page(self, entry: AuditEntry) -> str:
        """The same, with the way to it where the desk has a page of it."""
        kind = "booking.appointment" if entry.appointment_id else _kind_of(entry)
        try:
            page = reverse(f"admin:{kind.replace('.', '_')}_change", args=[entry.appointment_id or entry.record])
        except NoReverseMatch:
            return self.what(entry)
        return format_html('<a href="{}">{}</a>', page, self.what(entry))

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


def _kind_of(entry: AuditEntry) -> str:
    """What kind of record an entry is about that is not about a session."""
    read = {AuditAction.READ_NOTE.value: "booking.note", AuditAction.READ_ANSWERS.value: "clients.response"}
    return read.get(entry.action) or str(entry.after.get("what", "clients.client"))


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
