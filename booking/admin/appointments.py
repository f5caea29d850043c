# mypy: disable-error-code="type-arg"
"""Follow appointments; a refusal of the services is an error of the form. Booking is ``book``; moving, cancelling ``session``."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, ClassVar, Protocol, cast
from uuid import UUID

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from booking.access import books_for_callers, runs_board
from booking.admin.base import ReadOnlyAdmin, on_the_clock
from booking.admin.tablet import tablet_page
from booking.deeds import deeds_of
from booking.enums import NEXT_STATES, AppointmentStatus, FlagState, Light
from booking.exceptions import BookingError
from booking.forms.decisions import ClearanceForm
from booking.models import Appointment, Clearance, SessionFlag
from booking.services.appointments import set_status
from booking.services.audit import on_looked_at
from booking.services.clearances import record_clearance
from booking.services.intake import light_of, lights_of
from clients.models import User


class StateForm(forms.ModelForm):
    """The next state of a session; where and when it is, is changed on its own page. ``by`` is who asks."""

    by: ClassVar[User]

    state = forms.ChoiceField(label=_("state"))

    class Meta:
        model = Appointment
        fields: ClassVar[list[str]] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        was = AppointmentStatus(self.instance.status)
        state = self.fields["state"]
        assert isinstance(state, forms.ChoiceField)
        state.choices = [(each.value, each.label) for each in (was, *NEXT_STATES.get(was, ()))]
        self.initial = dict(self.initial) | {"state": was.value}

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors or data["state"] == self.instance.status:
            return data
        try:
            with transaction.atomic():
                self.instance = set_status(self.instance, AppointmentStatus(data["state"]), by=self.by, now=timezone.now())
        except BookingError as refusal:
            self.add_error(None, str(refusal))
        return data


class Lit(Protocol):
    """A row of the list, which got its light together with all others of the page."""

    light: Light


class Sessions(ChangeList):
    """Each with its light, and leading to where it is changed by whoever may."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.leads_to = "admin:session" if runs_board(request.user) else "admin:booking_appointment_change"
        lights = lights_of(self.result_list, now=timezone.now())
        for appointment in self.result_list:
            appointment.light = lights[appointment.pk]

    def url_for_result(self, result: Model) -> str:
        return reverse(self.leads_to, args=[result.pk])


@admin.register(Appointment)
class AppointmentAdmin(admin.ModelAdmin):
    is_audited_by_services = True
    list_display = ("when", "client", "therapist", "treatment", "room", "status", "form_listed")
    list_filter = ("status", "therapist", "treatment", "room")
    list_select_related = ("client", "therapist", "treatment", "room")
    search_fields = ("client__name", "client__email", "client__phone", "therapist__name")
    date_hierarchy = "starts_at"
    ordering = ("-starts_at",)
    change_form_template = "admin/booking/appointment/change_form.html"
    read = ("client", "treatment", "when", "room", "price", "series", "form_light", "on_tablet", "changes")

    @admin.display(description=_("starts"), ordering="starts_at")
    def when(self, appointment: Appointment) -> str:
        return f"{date_format(appointment.local_start, 'D j M Y, H:i')} ({appointment.zone})"

    @admin.display(description=_("form"))
    def form_listed(self, appointment: Lit) -> str:
        return str(appointment.light.label)

    @admin.display(description=_("form"))
    def form_light(self, appointment: Appointment) -> str:
        """What the answers mean for the session's date, in one word: who may read them is somebody else."""
        return str(light_of(appointment, now=timezone.now()).label)

    @admin.display(description=_("on a tablet"))
    def on_tablet(self, appointment: Appointment) -> str:
        address = reverse("admin:booking_appointment_tablet", args=[appointment.pk])
        return format_html('<a href="{}">{}</a>', address, gettext("Let the client fill in the form here"))

    def get_urls(self) -> list[URLPattern]:
        def on_tablet(request: HttpRequest, pk: UUID) -> HttpResponse:
            return tablet_page(self, request, pk)

        guarded = self.admin_site.admin_view
        return [
            path("<uuid:pk>/tablet/", guarded(on_tablet), name="booking_appointment_tablet"),
            path("<uuid:pk>/clearance/", guarded(self.clear), name="booking_appointment_clear"),
            *super().get_urls(),
        ]

    def clear(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Record what a doctor said about the client of a session on hold."""
        if not may_clear(request):
            raise PermissionDenied
        session = get_object_or_404(self.get_queryset(request).select_related("client", "treatment__location"), pk=pk)
        now = timezone.now()
        today = timezone.localdate(now, session.treatment.location.tz)
        form = ClearanceForm(request.POST or None, session=session, today=today)
        if form.is_bound and form.is_valid():
            return _cleared(request, session, form, now)
        on_looked_at(session, by=cast(User, request.user), now=now)
        context = self.admin_site.each_context(request) | {
            "title": gettext("Record a clearance for %(client)s") % {"client": session.client},
            "opts": self.opts,
            "session": session,
            "form": form,
        }
        return render(request, "admin/booking/appointment/clearance.html", context, status=422 if form.is_bound else 200)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        session = self.get_object(request, unquote(object_id)) if object_id else None
        on_hold = SessionFlag.objects.filter(appointment=session, state=FlagState.ON_HOLD)
        context = {
            "may_clear": session is not None and may_clear(request) and on_hold.exists(),
            "deeds": deeds_of(session) if session is not None else [],
        }
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **context})

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return Sessions

    @admin.display(description=_("every change"))
    def changes(self, appointment: Appointment) -> str:
        """The history that the database itself keeps, oldest first."""
        events = apps.get_model("booking", "AppointmentEvent").objects.filter(pgh_obj_id=appointment.pk)
        return format_html_join(
            "",
            "<p>{}: {}, {} {}, {}, {}</p>",
            (
                (
                    on_the_clock(event.pgh_created_at),
                    event.get_status_display(),
                    date_format(event.local_date, "D j M Y"),
                    f"{event.local_time:%H:%M}",
                    event.therapist,
                    event.room or gettext("no room"),
                )
                for event in events.select_related("therapist", "room").order_by("pgh_created_at", "pgh_id")
            ),
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Appointment]:
        return super().get_queryset(request).exclude(status=AppointmentStatus.HELD)

    @admin.display(description=_("move"))
    def moving(self, appointment: Appointment) -> str:
        address = reverse("admin:session", args=[appointment.pk])
        return format_html('<a href="{}">{}</a>', address, gettext("Move, substitute or cancel"))

    def get_readonly_fields(self, request: HttpRequest, obj: Appointment | None = None) -> tuple[str, ...]:
        return ("moving", "therapist", *self.read)

    def get_fields(self, request: HttpRequest, obj: Appointment | None = None) -> tuple[str, ...]:
        if not self.has_change_permission(request, obj):
            return ("status", "therapist", *self.read)
        return ("state", "moving", "therapist", *self.read)

    def get_form(self, request: HttpRequest, obj: Appointment | None = None, change: bool = False, **kwargs: Any) -> Any:
        if self.has_change_permission(request, obj):
            kwargs["form"] = type("AskedForm", (StateForm,), {"by": request.user})
        return super().get_form(request, obj, change, **kwargs)

    def save_model(self, request: HttpRequest, obj: Appointment, form: Any, change: bool) -> None:
        """Nothing: the services wrote it while the form was checked."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {"may_book": books_for_callers(request.user)}
        return super().changelist_view(request, {**(extra_context or {}), **context})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Appointment | None = None) -> bool:
        return False


def may_clear(request: HttpRequest) -> bool:
    return request.user.has_perms(["booking.view_appointment", "booking.add_clearance"])


def _cleared(request: HttpRequest, session: Appointment, form: ClearanceForm, now: datetime) -> HttpResponse:
    assert session.client is not None
    assert request.user.is_authenticated
    held = SessionFlag.objects.filter(appointment__client=session.client, state=FlagState.ON_HOLD)
    before = list(held.values_list("appointment", flat=True))
    try:
        record_clearance(session.client, **form.cleaned_data, by=request.user, now=now)
    except BookingError as refusal:
        messages.error(request, str(refusal))
        return redirect("admin:booking_appointment_change", session.pk)
    messages.success(request, _what_is_confirmed(before))
    return redirect("admin:booking_appointment_change", session.pk)


def _what_is_confirmed(before: Collection[UUID]) -> str:
    """Which of the sessions that were on hold are confirmed now, and whether others still wait for something."""
    sessions = Appointment.objects.filter(pk__in=before)
    freed = sessions.filter(status=AppointmentStatus.CONFIRMED).order_by("starts_at")
    dates = [date_format(each.local_start, "D j M Y, H:i") for each in freed]
    left = sessions.filter(flag__state=FlagState.ON_HOLD).count()
    said = [gettext("Recorded. Confirmed now: %(dates)s.") % {"dates": "; ".join(dates)} if dates else gettext("Recorded.")]
    if left:
        said.append(ngettext("%(n)d session stays on hold.", "%(n)d sessions stay on hold.", left) % {"n": left})
    return " ".join(said)


@admin.register(Clearance)
class ClearanceAdmin(ReadOnlyAdmin):
    """Whose word counted for whom; what it was about is not for the desk."""

    list_display = ("client", "given_by", "given_on", "reference", "valid_until", "recorded_by", "recorded")
    list_select_related = ("client", "recorded_by")
    search_fields = ("client__name", "given_by", "reference")
    date_hierarchy = "recorded_at"
    ordering = ("-recorded_at",)
    fields = list_display

    @admin.display(description=_("recorded"), ordering="recorded_at")
    def recorded(self, clearance: Clearance) -> str:
        return on_the_clock(clearance.recorded_at)
