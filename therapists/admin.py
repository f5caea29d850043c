# mypy: disable-error-code="type-arg"
"""The practice at the desk: places, people, treatments and hours."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin

from therapists.models import (
    Closure,
    HolidayOpening,
    HoursOverride,
    Location,
    Room,
    Therapist,
    TimeOff,
    Treatment,
    WorkingHours,
)


class WorkingHoursInline(admin.TabularInline):
    model = WorkingHours
    extra = 0


class HoursOverrideInline(admin.TabularInline):
    model = HoursOverride
    extra = 0


class TimeOffInline(admin.TabularInline):
    model = TimeOff
    extra = 0


@admin.register(Location)
class LocationAdmin(admin.ModelAdmin):
    list_display = ("name", "zone", "country", "subdivision")
    list_filter = ("country",)
    search_fields = ("name", "address")
    ordering = ("name",)


@admin.register(Room)
class RoomAdmin(admin.ModelAdmin):
    list_display = ("name", "location", "is_active")
    list_filter = ("is_active", "location")
    list_select_related = ("location",)
    search_fields = ("name",)
    autocomplete_fields = ("location",)
    ordering = ("name",)


@admin.register(Therapist)
class TherapistAdmin(admin.ModelAdmin):
    list_display = ("name", "focus", "is_active")
    list_filter = ("is_active", "treatments")
    search_fields = ("name", "focus")
    autocomplete_fields = ("user", "location")
    ordering = ("name",)
    inlines: ClassVar[list[Any]] = [WorkingHoursInline, HoursOverrideInline, TimeOffInline]


@admin.register(Treatment)
class TreatmentAdmin(admin.ModelAdmin):
    list_display = ("name", "length", "turnaround", "price", "is_active")
    list_filter = ("is_active", "therapists", "rooms")
    search_fields = ("name", "description")
    autocomplete_fields = ("location", "therapists", "rooms")
    ordering = ("order", "name")


@admin.register(WorkingHours)
class WorkingHoursAdmin(admin.ModelAdmin):
    list_display = ("therapist", "weekday", "opens", "closes", "every_weeks", "valid_from", "valid_until")
    list_filter = ("therapist", "weekday")
    list_select_related = ("therapist",)
    search_fields = ("therapist__name",)
    autocomplete_fields = ("therapist",)
    ordering = ("therapist__name", "weekday", "opens")


@admin.register(HoursOverride)
class HoursOverrideAdmin(admin.ModelAdmin):
    list_display = ("therapist", "applies_on", "opens", "closes")
    list_filter = ("therapist",)
    list_select_related = ("therapist",)
    search_fields = ("therapist__name",)
    autocomplete_fields = ("therapist",)
    date_hierarchy = "applies_on"
    ordering = ("-applies_on", "opens")


@admin.register(TimeOff)
class TimeOffAdmin(admin.ModelAdmin):
    list_display = ("therapist", "kind", "starts_at", "ends_at")
    list_filter = ("kind", "therapist")
    list_select_related = ("therapist",)
    search_fields = ("therapist__name",)
    autocomplete_fields = ("therapist",)
    date_hierarchy = "starts_at"
    ordering = ("-starts_at",)


@admin.register(Closure)
class ClosureAdmin(admin.ModelAdmin):
    list_display = ("name", "location", "starts_at", "ends_at")
    list_filter = ("location",)
    list_select_related = ("location",)
    search_fields = ("name",)
    autocomplete_fields = ("location",)
    date_hierarchy = "starts_at"
    ordering = ("-starts_at",)


@admin.register(HolidayOpening)
class HolidayOpeningAdmin(admin.ModelAdmin):
    list_display = ("opens_on", "location")
    list_filter = ("location",)
    list_select_related = ("location",)
    search_fields = ("location__name",)
    autocomplete_fields = ("location",)
    date_hierarchy = "opens_on"
    ordering = ("-opens_on",)
