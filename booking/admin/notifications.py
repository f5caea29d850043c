# mypy: disable-error-code="type-arg"
"""What clients were told, word for word."""

from __future__ import annotations

from django.contrib import admin

from booking.admin.base import ReadOnlyAdmin
from booking.models import Notification


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "kind", "recipient", "client", "state", "attempts", "sent_at")
    list_filter = ("state", "kind")
    list_select_related = ("client",)
    search_fields = ("recipient", "client__name", "subject")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
