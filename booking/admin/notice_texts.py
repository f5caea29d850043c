# mypy: disable-error-code="type-arg"
"""The practice's own words in its messages, with the message as it would be sent beside them."""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from csp.constants import NONE, SELF
from csp.decorators import csp_replace, csp_update
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.forms import model_to_dict
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods

from booking.admin.base import ChoosesOnly
from booking.admin.notice_text_form import NoticeTextForm
from booking.admin.safe_delete import SafeDelete
from booking.enums import Channel
from booking.models import NoticeText
from booking.models.notice_text import default_language, kinds
from booking.notifications.examples import example_values
from booking.notifications.gsm7 import segments
from clients.models.people import languages
from therapists.models import Location

#: A mail brings styles of its own, so what shows it may have them; nothing runs there, and nothing is fetched from elsewhere.
PREVIEW_POLICY = {
    "script-src": None,
    "connect-src": None,
    "style-src": [SELF, "'unsafe-inline'"],
    "img-src": [NONE],
    "form-action": [NONE],
    "frame-ancestors": [SELF],
    "sandbox": [True],
}


class Unworded(NamedTuple):
    """A kind of message that goes out in our words: by which ways, and the query that begins a text for each."""

    kind: str
    ways: list[tuple[str, str]]


@admin.register(NoticeText)
class NoticeTextAdmin(ChoosesOnly, SafeDelete):
    form = NoticeTextForm
    delete_confirmation_template = "admin/booking/noticetext/delete_confirmation.html"
    list_display = ("kind", "channel", "language", "begins", "location")
    list_select_related = ("location",)
    ordering = ("kind", "channel", "language")
    fieldsets = (
        (None, {"fields": ("location", "kind", "channel", "language")}),
        (None, {"fields": ("subject", "heading", "opening", "closing")}),
    )

    class Media:
        js = ("js/notice-text.js",)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview)
        previews = [
            path("preview/", view, name="booking_noticetext_preview"),
            path("<uuid:pk>/preview/", view, name="booking_noticetext_preview_kept"),
        ]
        return [*previews, *super().get_urls()]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Nothing to choose where there is one practice, and its own language."""
        only = Location.objects.first() if Location.objects.count() == 1 else None
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        return {"location": only, "language": default_language()} | initial

    @admin.display(description=_("begins with"))
    def begins(self, text: NoticeText) -> str:
        return Truncator(text.subject or text.heading or text.opening or text.closing).chars(60)

    @method_decorator(csp_update({"frame-src": [SELF]}))
    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        practice = Location.objects.first()
        values = example_values(practice, timezone.now()) if practice else {}
        context = {"examples": values, "begun": request.GET.urlencode()} | (extra_context or {})
        response: HttpResponse = super().changeform_view(request, object_id, form_url, context)
        return response

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {"unworded": _unworded() if self.has_add_permission(request) else []}
        response: HttpResponse = super().changelist_view(request, context | (extra_context or {}))
        return response

    @method_decorator([csp_replace(PREVIEW_POLICY), xframe_options_sameorigin, require_http_methods(["GET", "HEAD", "POST"])])
    def preview(self, request: HttpRequest, pk: UUID | None = None) -> HttpResponse:
        """The message with what was typed, or as it is kept; nothing is changed."""
        if not (self.has_add_permission(request) or self.has_view_permission(request)):
            raise PermissionDenied
        form = NoticeTextForm(self._words(request, pk), several="several" in request.POST)
        problems = [(field.label, error) for field in form for error in field.errors]
        draft = form.draft
        context = {
            "problems": problems,
            "draft": draft,
            "language": form["language"].data,
            "is_chosen": form["kind"].data,
            "segments": segments(draft.text) if draft else 0,
            "practice": form.instance.location if draft else None,
        }
        return TemplateResponse(request, "admin/booking/noticetext/preview.html", context)

    def _words(self, request: HttpRequest, pk: UUID | None) -> Any:
        if request.method == "POST":
            return request.POST
        if pk is not None:
            return model_to_dict(get_object_or_404(NoticeText, pk=pk))
        return self.get_changeform_initial_data(request)


def _unworded() -> list[Unworded]:
    """What nobody has put in other words yet, kind by kind."""
    practices = list(Location.objects.all())
    worded = set(NoticeText.objects.values_list("location", "kind", "channel", "language"))
    rows = []
    for kind, label in kinds():
        ways = []
        for practice, channel, (language, spoken) in product(practices, Channel, languages()):
            if (practice.pk, kind, channel, language) in worded:
                continue
            told = [str(channel.label), spoken if len(languages()) > 1 else "", practice.name if len(practices) > 1 else ""]
            begin = {"location": practice.pk, "kind": kind, "channel": channel.value, "language": language}
            ways.append((", ".join(filter(None, told)), urlencode(begin)))
        rows.append(Unworded(label, ways))
    return [row for row in rows if row.ways]
