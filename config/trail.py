# mypy: disable-error-code="type-arg"
"""What is done to rows through the forms of the desk, and each opening of one about a client, stands in the audit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from booking.enums import AuditAction
from booking.services.audit import on_done_by_hand, on_looked_at
from clients.models import User


class OnTheRecord(admin.ModelAdmin):
    """What every model gets that is registered at the desk."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._write_down(request, AuditAction.ADDED, [obj], _fields_in(message))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        if message:  # none where somebody saved a form as it was
            self._write_down(request, AuditAction.CHANGED, [obj], _fields_in(message))
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet) -> Any:
        self._write_down(request, AuditAction.DELETED, queryset, [])
        return super().log_deletions(request, queryset)

    def _write_down(self, request: HttpRequest, action: AuditAction, rows: Iterable[Model], fields: list[str]) -> None:
        """Unless services do, who know more of it."""
        if not getattr(self, "is_audited_by_services", False):
            on_done_by_hand(action, rows, by=cast(User, request.user), now=timezone.now(), fields=fields)

    def render_change_form(
        self, request: HttpRequest, context: Any, add: bool = False, change: bool = False, form_url: str = "", obj: Any = None
    ) -> HttpResponse:
        if obj is not None:
            _opened(request, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def render_delete_form(self, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
        _opened(request, context["object"])
        return super().render_delete_form(request, context)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        answer = super().history_view(request, object_id, extra_context)
        if isinstance(answer, TemplateResponse):
            _opened(request, (answer.context_data or {})["object"])
        return answer


def _opened(request: HttpRequest, row: Model) -> None:
    on_looked_at(row, by=cast(User, request.user), now=timezone.now())


def _fields_in(message: Any) -> list[str]:
    """Which fields the admin says were changed; of rows below the one that was saved only what they are."""
    if not isinstance(message, list):
        return []
    told = [each for part in message for each in part.values()]
    own = [field for each in told if "name" not in each for field in each.get("fields", [])]
    return sorted({*map(str, own), *(str(each["name"]) for each in told if "name" in each)})
