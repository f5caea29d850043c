# mypy: disable-error-code="type-arg"
"""What the practice offers. Hours, leave, people and places are registered in booking, which sees what they break."""

from __future__ import annotations

from django.contrib import admin

from therapists.models import Treatment


@admin.register(Treatment)
class TreatmentAdmin(admin.ModelAdmin):
    list_display = ("name", "length", "turnaround", "price", "is_active")
    list_filter = ("is_active", "therapists", "rooms")
    search_fields = ("name", "description")
    autocomplete_fields = ("location", "therapists", "rooms")
    ordering = ("order", "name")
