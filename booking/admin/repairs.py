# mypy: disable-error-code="type-arg"
"""The desk's list of what the practice broke and nobody has settled yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timeuntil
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from booking.admin.base import ReadOnlyAdmin, ReadOnlyMixin, on_the_clock, to_session
from booking.enums import UNSETTLED, RepairState
from booking.exceptions import BookingError
from booking.models import Repair, Replacement
from booking.services.repairs import accept_repair, decline_repair, propose_again, settle_repair

SHORT = "D j M, H:i"


class StateFilter(admin.SimpleListFilter):
    """The list opens on what is still to be done."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("all", _("All")), *RepairState.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Repair]) -> QuerySet[Repair]:
        if self.value() == "all":
            return queryset
        if self.value() is None:
            return queryset.filter(state__in=UNSETTLED)
        return queryset.filter(state=self.value())

    def choices(self, changelist: Any) -> Iterator[Any]:
        unsettled = {
            "selected": self.value() is None,
            "query_string": changelist.get_query_string(remove=[self.parameter_name]),
            "display": _("To settle"),
        }
        yield unsettled
        yield from list(super().choices(changelist))[1:]


class ReplacementInline(ReadOnlyMixin, admin.TabularInline):
    model = Replacement
    fields = readonly_fields = ("session", "fit", "proposed")
    extra = 0
    verbose_name_plural = _("sessions")

    @admin.display(description=_("session as it is now"))
    def session(self, replacement: Replacement) -> SafeString:
        session = replacement.appointment
        return format_html("{} ({}, {})", to_session(session), session.treatment, session.get_status_display())

    @admin.display(description=_("proposed"))
    def proposed(self, replacement: Replacement) -> str:
        if replacement.starts_at is None:
            return gettext("none found")
        return f"{date_format(timezone.localtime(replacement.starts_at), SHORT)}, {replacement.therapist}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Replacement]:
        return super().get_queryset(request).select_related("therapist", "appointment__therapist", "appointment__treatment")


ANSWERS: dict[str, tuple[Callable[..., Any], Any]] = {
    "accept": (accept_repair, _("Taken for the client. They are told by mail.")),
    "again": (propose_again, _("A new proposal was made and sent.")),
    "cancel": (decline_repair, _("Cancelled without penalty. The client is told by mail.")),
    "settle": (settle_repair, _("Settled. It is off the list.")),
}


@admin.register(Repair)
class RepairAdmin(ReadOnlyAdmin):
    list_display = ("client", "phone", "dates", "time_left", "state", "cause")
    list_display_links = ("client",)
    list_filter = (StateFilter,)
    list_select_related = ("client",)
    search_fields = ("client__name", "client__email", "client__phone", "cause")
    ordering = ("expires_at",)
    fields = ("client", "phone", "cause", "state", "time_left", "made", "by")
    readonly_fields = ("phone", "time_left", "made")
    inlines: ClassVar[list[Any]] = [ReplacementInline]
    change_form_template = "admin/booking/repair/change_form.html"

    @admin.display(description=_("phone"), ordering="client__phone")
    def phone(self, repair: Repair) -> str:
        number = repair.client.phone
        return format_html('<a href="tel:{}">{}</a>', number, number.as_international) if number else gettext("none")

    @admin.display(description=_("sessions"))
    def dates(self, repair: Repair) -> SafeString:
        lines = [
            (date_format(each.appointment.local_start, SHORT), each.appointment.therapist, each.get_fit_display())
            for each in repair.replacements.all()
        ]
        return format_html_join("", '<div><span class="when">{}</span> {}: {}</div>', lines)

    @admin.display(description=_("time left"), ordering="expires_at")
    def time_left(self, repair: Repair) -> str:
        now = timezone.now()
        if repair.state not in UNSETTLED:
            return "–"
        return timeuntil(repair.expires_at, now) if repair.is_open(now) else gettext("over: please call")

    @admin.display(description=_("found"), ordering="made_at")
    def made(self, repair: Repair) -> str:
        return on_the_clock(repair.made_at)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Repair]:
        replacements = Replacement.objects.select_related("appointment__therapist").order_by("appointment__starts_at")
        return super().get_queryset(request).prefetch_related(Prefetch("replacements", replacements))

    def get_urls(self) -> list[URLPattern]:
        answer = self.admin_site.admin_view(require_POST(self.answer))
        return [path("<uuid:pk>/answer/", answer, name="booking_repair_answer"), *super().get_urls()]

    def answer(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Do for a client what they said on the phone, or settle it otherwise."""
        if not self.may_answer(request):
            raise PermissionDenied
        repair = Repair.objects.filter(pk=pk).first()
        if repair is None or request.POST.get("answer") not in ANSWERS:
            raise Http404
        do, said = ANSWERS[request.POST["answer"]]
        try:
            answered = do(repair, by=request.user, now=timezone.now())
        except BookingError as refusal:
            messages.error(request, str(refusal))
            return redirect("admin:booking_repair_change", pk)
        if answered is None:
            said = _("These sessions stand again, so there was nothing to propose.")
        messages.success(request, str(said))
        return redirect("admin:booking_repair_change", answered.pk if answered else pk)

    def may_answer(self, request: HttpRequest) -> bool:
        return request.user.has_perm("booking.change_repair")

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        repair = self.get_object(request, unquote(object_id)) if object_id else None
        now = timezone.now()
        unsettled = repair is not None and repair.state in UNSETTLED
        context = {
            "may_answer": unsettled and self.may_answer(request),
            "may_accept": repair is not None and repair.is_open(now) and repair.hold_id and repair.answered_at is None,
        }
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **context})
