"""The desk: Django's admin with pages of its own around the day, and with searches that no address gives away."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.admin.views.main import PAGE_VAR, SEARCH_VAR, ChangeList, ChangeListSearchForm
from django.core.exceptions import SuspiciousOperation, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path

from clients.crypto import sealed_for_address, words_from_address

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


class SealedSearch(ChangeListSearchForm):
    """What is sought in a list stands sealed in its address, and so in that of its pages, orders and filters."""

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        return data | {SEARCH_VAR: words_from_address(data.get(SEARCH_VAR, ""))}


ChangeList.search_form_class = SealedSearch


class Suggestions(AutocompleteJsonView):
    """What a field that suggests asks for is posted, by static/admin/js/autocomplete.js."""

    http_method_names = ["post", "options"]  # as Django declares it

    def post(self, request: HttpRequest, *args: Any, **more: Any) -> HttpResponse:
        request.GET = request.POST
        return self.get(request, *args, **more)


class Desk(AdminSite):
    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Whatever is registered is on the record: nobody has to think of it."""
        from config.trail import OnTheRecord  # models exist only now

        below = admin_class or ModelAdmin
        recorded = type(below.__name__, (OnTheRecord, below), {"__module__": below.__module__})
        super().register(model_or_iterable, recorded, **options)

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """A page for staff. Django looks for whatever is sent as an id: what can be none is a bad request, not a fault."""

        @wraps(view)
        def page(request: HttpRequest, *args: Any, **more: Any) -> HttpResponseBase:
            if _is_search_of_list(request):
                return HttpResponseRedirect(_with_search(request))
            try:
                answer = view(request, *args, **more)
                return answer.render() if isinstance(answer, TemplateResponse) else answer
            except ValidationError as fault:
                raise SuspiciousOperation(str(fault)) from fault

        return super().admin_view(cast(View, page), cacheable)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Nobody signs in here: allauth's page is the only door. Whoever works at the desk is inside already."""
        return redirect("admin:index")

    def password_change(  # type: ignore[override]  # an answer without a template
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """On allauth's page too, with its limits."""
        return redirect("account_change_password")

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """The desk's own pages, for staff only, before those of the models."""
        from booking.admin.pages import PAGES  # models exist only now

        own = [path(route, self.admin_view(page), name=name) for route, page, name in PAGES]
        return [*own, *super().get_urls()]

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        return cast(HttpResponse, Suggestions.as_view(admin_site=self)(request))

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


def _is_search_of_list(request: HttpRequest) -> bool:
    match = request.resolver_match
    is_list = match is not None and (match.url_name or "").endswith("_changelist")
    return is_list and request.method == "POST" and SEARCH_VAR in request.POST


def _with_search(request: HttpRequest) -> str:
    """The list with the filters and the order it has, from its first page on, and with what is sought in it."""
    asked = request.GET.copy()
    asked.pop(PAGE_VAR, None)
    asked[SEARCH_VAR] = sealed_for_address(request.POST[SEARCH_VAR])
    return f"{request.path}?{asked.urlencode()}"
