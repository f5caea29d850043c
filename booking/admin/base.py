# mypy: disable-error-code="type-arg"
"""What admins of several models share."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminSplitDateTime, RelatedFieldWidgetWrapper
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html

from booking.models import Appointment
from clients.admin.inlines import name_widget


class ReadOnlyMixin:
    """Rows that only services write: readable, never added, changed or deleted here."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnlyMixin, admin.ModelAdmin):
    pass


class ChoosesOnly(admin.ModelAdmin):
    """What a row belongs to is chosen here; it is made, changed and deleted on pages of its own."""

    formfield_overrides: ClassVar[dict[Any, Any]] = {models.ManyToManyField: {"widget": forms.CheckboxSelectMultiple}}

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            widget = field.widget
            widget.can_add_related = widget.can_change_related = widget.can_delete_related = widget.can_view_related = False
        if field is not None and isinstance(field.widget, AdminSplitDateTime):
            name_widget(field)
        return field


def to_session(session: Appointment | None) -> str:
    """A session by its local time and therapist, leading to where it is moved, given away and cancelled."""
    if session is None:
        return "–"
    words = f"{date_format(session.local_start, 'D j M Y, H:i')}, {session.therapist}"
    return format_html('<a href="{}">{}</a>', reverse("admin:session", args=[session.pk]), words)


def on_the_clock(moment: datetime) -> str:
    """A moment on the practice's clock, with the zone named."""
    return f"{date_format(timezone.localtime(moment), 'D j M Y, H:i')} ({timezone.get_current_timezone_name()})"
