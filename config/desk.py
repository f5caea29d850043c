"""The desk: Django's admin with pages of its own around the day."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path


class Desk(AdminSite):
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
        """What every page has, with the way around beside it."""
        from booking.admin.navigation import navigation  # as above

        context = super().each_context(request)
        return context | {"navigation": navigation(request, context["available_apps"])}
