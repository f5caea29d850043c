# mypy: disable-error-code="type-arg"
"""Times kept for someone who is still deciding, and the requests that booked them."""

from __future__ import annotations

from django.contrib import admin

from booking.admin.base import ReadOnlyAdmin
from booking.models import BookingRequest, Hold


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin):
    list_display = ("treatment", "size", "state", "created_at", "expires_at")
    list_filter = ("state", "treatment")
    list_select_related = ("treatment",)
    search_fields = ("treatment__name",)
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    fields = ("treatment", "state", "size", "created_at", "expires_at")


@admin.register(BookingRequest)
class BookingRequestAdmin(ReadOnlyAdmin):
    list_display = ("client", "created_at")
    list_filter = ("created_at",)
    list_select_related = ("client",)
    search_fields = ("client__name", "client__email")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    fields = ("client", "created_at")
