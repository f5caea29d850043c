# mypy: disable-error-code="type-arg"
"""Series and what became of their dates."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from booking.admin.base import ReadOnlyAdmin, ReadOnlyMixin, to_session
from booking.models import PlannedDate, Series


class PlannedDateInline(ReadOnlyMixin, admin.TabularInline):
    model = PlannedDate
    fields = readonly_fields = ("position", "wished_date", "wished_time", "wished_therapist", "outcome", "session")
    extra = 0

    @admin.display(description=_("session as it is now"))
    def session(self, planned: PlannedDate) -> str:
        return to_session(planned.appointment)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PlannedDate]:
        return super().get_queryset(request).select_related("wished_therapist", "appointment__therapist")


@admin.register(Series)
class SeriesAdmin(ReadOnlyAdmin):
    list_display = ("client", "treatment", "created_at")
    list_filter = ("treatment",)
    list_select_related = ("client", "treatment")
    search_fields = ("client__name", "client__email")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    fields = ("client", "treatment", "course", "created_at")
    inlines: ClassVar[list[Any]] = [PlannedDateInline]


@admin.register(PlannedDate)
class PlannedDateAdmin(ReadOnlyAdmin):
    list_display = ("series", "position", "wished_date", "wished_time", "wished_therapist", "outcome")
    list_filter = ("outcome", "wished_therapist")
    list_select_related = ("series__client", "series__treatment", "wished_therapist")
    search_fields = ("series__client__name", "series__client__email")
    date_hierarchy = "wished_date"
    ordering = ("-wished_date", "series", "position")
