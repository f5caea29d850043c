# mypy: disable-error-code="type-arg"
"""What clients and the practice itself were told, word for word, and what the practice wants to be told."""

from __future__ import annotations

from django.contrib import admin

from booking.admin.base import ReadOnlyAdmin
from booking.models import Notification, StaffMail, TextAnswer


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "kind", "recipient", "client", "state", "attempts", "sent_at", "delivered_at")
    list_filter = ("state", "kind")
    list_select_related = ("client",)
    search_fields = ("recipient", "client__name", "subject")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)


@admin.register(TextAnswer)
class TextAnswerAdmin(ReadOnlyAdmin):
    """How many answers came in, and how many of them only a person could have understood."""

    list_display = ("came_at", "meaning")
    list_filter = ("meaning",)
    date_hierarchy = "came_at"


@admin.register(StaffMail)
class StaffMailAdmin(admin.ModelAdmin):
    list_display = ("location", "day_ahead_at", "desk_every")
    list_select_related = ("location",)
