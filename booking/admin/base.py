# mypy: disable-error-code="type-arg"
"""What admins of several models share."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format


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


def on_the_clock(moment: datetime) -> str:
    """A moment on the practice's clock, with the zone named."""
    return f"{date_format(timezone.localtime(moment), 'D j M Y, H:i')} ({timezone.get_current_timezone_name()})"
