"""The desk: Django's admin with pages of its own around the day."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from django.contrib.admin import AdminSite
from django.core.exceptions import SuspiciousOperation, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
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

    def index(  # type: ignore[override]  # who has the same day already gets an answer without a template
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The day, for those who may see it; for others the list of what they may."""
        from booking.access import sees_board  # as above
        from booking.admin.board import day

        return day(request) if sees_board(request.user) else super().index(request, extra_context)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What every page has, with the way around beside it and the search for a client above."""
        from booking.access import finds_clients  # as above
        from booking.admin.navigation import navigation

        context = super().each_context(request)
        around = {"navigation": navigation(request, context["available_apps"]), "finds_clients": finds_clients(request.user)}
        return context | around
