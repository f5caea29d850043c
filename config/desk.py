"""The desk: Django's admin with pages of its own around the day."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from django.contrib.admin import AdminSite
from django.core.exceptions import SuspiciousOperation, ValidationError
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


class Desk(AdminSite):
    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """A page for staff. Django looks for whatever is sent as an id: what can be none is a bad request, not a fault."""

        @wraps(view)
        def page(request: HttpRequest, *args: Any, **more: Any) -> HttpResponseBase:
            try:
                answer = view(request, *args, **more)
                return answer.render() if isinstance(answer, TemplateResponse) else answer
            except ValidationError as fault:
                raise SuspiciousOperation(str(fault)) from fault

        return super().admin_view(cast(View, page), cacheable)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """The desk's own pages, for staff only, before those of the models."""
        from booking.admin.pages import PAGES  # models exist only now

        own = [path(route, self.admin_view(page), name=name) for route, page, name in PAGES]
        return [*own, *super().get_urls()]
