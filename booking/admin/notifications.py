# mypy: disable-error-code="type-arg"
"""What clients were told, word for word."""

from __future__ import annotations

from django.contrib import admin

from booking.admin.base import ReadOnlyAdmin
from booking.models import Notification, TextAnswer


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
