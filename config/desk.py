"""The desk: Django's admin with pages of its own around the day."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.urls import URLPattern, URLResolver, path


class Desk(AdminSite):
    def get_urls(self) -> list[URLPattern | URLResolver]:
        """The desk's own pages, for staff only, before those of the models."""
        from booking.admin.pages import PAGES  # models exist only now

        own = [path(route, self.admin_view(page), name=name) for route, page, name in PAGES]
        return [*own, *super().get_urls()]
