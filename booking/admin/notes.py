# mypy: disable-error-code="type-arg"
"""Who read which note, and when; never what it says."""

from __future__ import annotations

from django.contrib import admin

from booking.admin.base import ReadOnlyAdmin
from booking.models import NoteView


@admin.register(NoteView)
class NoteViewAdmin(ReadOnlyAdmin):
    list_display = ("note", "by_name", "at")
    list_filter = ("at",)
    list_select_related = ("note__appointment",)
    search_fields = ("by_name", "note__appointment__client__name")
    date_hierarchy = "at"
    ordering = ("-at",)
