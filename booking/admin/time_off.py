# mypy: disable-error-code="type-arg"
"""Hours, leave, closures, people and rooms: what can break sessions asks first.

Registered here and not with the practice, because it must see the sessions. A save is tried out as it is; if sessions break,
it is undone and a page lists them and how well each can be replaced. Confirmed, it is done again and everything is checked
anew.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any, ClassVar, cast
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.messages.storage import default_storage
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import QuerySet
from django.forms.utils import to_current_timezone
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from booking.access import accounts_to_link, sees_board
from booking.admin.abilities import (
    FIELDSETS,
    ConditionPolicyInline,
    MedicationPolicyInline,
    PainkillerInline,
    TherapistForm,
)
from booking.admin.base import ChoosesOnly
from booking.admin.safe_delete import SafeDelete
from booking.admin.times import day_in
from booking.exceptions import BreaksSessions
from booking.services.abilities import change_abilities
from booking.services.repairs import Consequences, change_rules
from clients.admin.inlines import NamedInline
from clients.models import User
from therapists.models import (
    Closure,
    HolidayOpening,
    HoursOverride,
    Location,
    Room,
    Therapist,
    TimeOff,
    WorkingHours,
)

AGREED = "agreed"


class AsksFirst(admin.ModelAdmin):
    """Whatever is posted here is saved only if no session breaks, or if somebody agreed to just those that do."""

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return self._ask(request, lambda: super(AsksFirst, self).changeform_view(request, object_id, form_url, extra_context))

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        return self._ask(request, lambda: super(AsksFirst, self).delete_view(request, object_id, extra_context))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return self._ask(request, lambda: super(AsksFirst, self).changelist_view(request, extra_context))

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What the address fills in. A moment in it is read as if it was typed; Django's two fields break on a bare text."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        moments = {field.name for field in self.opts.fields if isinstance(field, models.DateTimeField)}
        return {name: _moment(value) if name in moments else value for name, value in initial.items()}

    def _ask(self, request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
        if request.method != "POST":
            return view()
        agreed, user = request.POST.get(AGREED, ""), cast(User, request.user)
        try:
            response, found = change_rules(
                view,
                cause=lambda: self._cause(user),
                by=user,
                now=timezone.now(),
                agreed=agreed,
            )
        except BreaksSessions as refusal:
            request._messages = default_storage(request)  # type: ignore[attr-defined]  # "was saved" is not true
            return self._breaks(request, refusal.detail["consequences"], changed=bool(agreed))
        if found:
            _say(request, found)
        return response

    def _cause(self, user: User) -> str:
        """What was saved just now, as the admin's own log calls it."""
        entry = LogEntry.objects.filter(user=user).first()
        return f"{entry.object_repr} ({self.opts.verbose_name})" if entry else str(self.opts.verbose_name_plural)

    def _breaks(self, request: HttpRequest, found: Consequences, *, changed: bool) -> HttpResponse:
        """What would break, and the same form again to confirm it."""
        people = {therapist.pk: therapist for therapist in Therapist.objects.all()}
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Sessions would break"),
            "opts": self.opts,
            "found": found,
            "changed": changed,
            "rows": [
                (proposal, [(each, people[each.therapist_id] if each.therapist_id else None) for each in proposal.dates])
                for proposal in found.proposals
            ],
            "fields": [
                (name, value)
                for name, values in request.POST.lists()
                if name not in ("csrfmiddlewaretoken", AGREED)
                for value in values
            ],
            "agreed": found.signature,
        }
        return TemplateResponse(request, "admin/booking/breaks.html", context, status=409 if changed else 200)


def _moment(text: str) -> datetime | None:
    """A moment on the practice's clock; None for a text that is none."""
    try:
        return to_current_timezone(forms.DateTimeField().clean(text))
    except (ValidationError, OverflowError):
        return None


def _say(request: HttpRequest, found: Consequences) -> None:
    asked = len(found.proposals)
    if asked:
        text = ngettext("%(n)d client was asked.", "%(n)d clients were asked.", asked) % {"n": asked}
        link = reverse("admin:booking_repair_changelist")
        messages.success(request, format_html('{} <a href="{}">{}</a>', text, link, gettext("See who has not answered")))
    if found.other_rooms:
        n = len(found.other_rooms)
        messages.success(request, ngettext("%(n)d session changed its room.", "%(n)d sessions changed their room.", n) % {"n": n})


class WorkingHoursInline(NamedInline):
    model = WorkingHours
    extra = 0


class HoursOverrideInline(NamedInline):
    model = HoursOverride
    extra = 0


class TimeOffInline(NamedInline):
    model = TimeOff
    extra = 0


@admin.register(Location)
class LocationAdmin(SafeDelete, AsksFirst):
    list_display = ("name", "zone", "country", "subdivision")
    list_filter = ("country",)
    search_fields = ("name", "address")
    ordering = ("name",)


@admin.register(Room)
class RoomAdmin(ChoosesOnly, SafeDelete, AsksFirst):
    list_display = ("name", "location", "is_active")
    list_filter = ("is_active", "location")
    list_select_related = ("location",)
    search_fields = ("name",)
    ordering = ("name",)


@admin.register(Therapist)
class TherapistAdmin(ChoosesOnly, SafeDelete, AsksFirst):
    list_display = ("name", "focus", "is_active")
    list_filter = ("is_active", "treatments")
    search_fields = ("name", "focus")
    ordering = ("name",)
    form = TherapistForm
    fieldsets = FIELDSETS
    inlines: ClassVar[list[Any]] = [
        WorkingHoursInline,
        HoursOverrideInline,
        TimeOffInline,
        MedicationPolicyInline,
        ConditionPolicyInline,
        PainkillerInline,
    ]
    actions = ("ill_from_now",)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """An account reads its therapist's clients' answers: nobody links their own, and only superusers one of a superuser."""
        if db_field.name == "user":
            kwargs["queryset"] = accounts_to_link(request.user)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """With the policies: what booked clients answered is weighed by them at once."""
        change_abilities(
            form.instance, lambda: super(TherapistAdmin, self).save_related(request, form, formsets, change), now=timezone.now()
        )

    @admin.action(description=_("Ill from now on"), permissions=["send_away"])
    def ill_from_now(self, request: HttpRequest, chosen: QuerySet[Therapist]) -> HttpResponse | None:
        """Open the form for somebody who went home just now."""
        if chosen.count() != 1:
            messages.error(request, _("Choose one therapist. Nothing was saved."))
            return None
        add = reverse("admin:therapists_timeoff_add")
        return redirect(f"{add}?{urlencode({'therapist': chosen.get().pk, 'kind': TimeOff.Kind.ILLNESS, 'away': 'now'})}")

    def has_send_away_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("therapists.add_timeoff")


@admin.register(WorkingHours)
class WorkingHoursAdmin(ChoosesOnly, SafeDelete, AsksFirst):
    list_display = ("therapist", "weekday", "opens", "closes", "every_weeks", "valid_from", "valid_until")
    list_filter = ("therapist", "weekday")
    list_select_related = ("therapist",)
    search_fields = ("therapist__name",)
    ordering = ("therapist__name", "weekday", "opens")


@admin.register(HoursOverride)
class HoursOverrideAdmin(ChoosesOnly, SafeDelete, AsksFirst):
    list_display = ("therapist", "applies_on", "opens", "closes")
    list_filter = ("therapist",)
    list_select_related = ("therapist",)
    search_fields = ("therapist__name",)
    date_hierarchy = "applies_on"
    ordering = ("-applies_on", "opens")


@admin.register(TimeOff)
class TimeOffAdmin(ChoosesOnly, SafeDelete, AsksFirst):
    list_display = ("therapist", "kind", "starts_at", "ends_at")
    list_filter = ("kind", "therapist")
    list_select_related = ("therapist",)
    search_fields = ("therapist__name",)
    date_hierarchy = "starts_at"
    ordering = ("-starts_at",)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """``away`` fills in the times on the practice's clock: ``now`` the rest of today, a date the whole of that day."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        asked, now = initial.pop("away", ""), timezone.localtime()
        day = now.date() if asked == "now" else day_in(asked)
        if day is not None:
            midnight, next_midnight = (datetime.combine(day + timedelta(days=n), time(0), now.tzinfo) for n in (0, 1))
            begins = now.replace(second=0, microsecond=0) if asked == "now" else midnight
            initial |= {"starts_at": begins, "ends_at": next_midnight}
        return initial

    def response_post_save_add(self, request: HttpRequest, obj: TimeOff) -> HttpResponseRedirect:
        """Whoever came from the day goes back to it."""
        if "away" not in request.GET or not sees_board(request.user):
            return super().response_post_save_add(request, obj)
        day = timezone.localdate(obj.starts_at, obj.therapist.location.tz)
        return redirect(f"{reverse('admin:index')}?{urlencode({'date': day, 'location': obj.therapist.location_id})}")


@admin.register(Closure)
class ClosureAdmin(ChoosesOnly, SafeDelete, AsksFirst):
    list_display = ("name", "location", "starts_at", "ends_at")
    list_filter = ("location",)
    list_select_related = ("location",)
    search_fields = ("name",)
    date_hierarchy = "starts_at"
    ordering = ("-starts_at",)


@admin.register(HolidayOpening)
class HolidayOpeningAdmin(ChoosesOnly, SafeDelete, AsksFirst):
    list_display = ("opens_on", "location")
    list_filter = ("location",)
    list_select_related = ("location",)
    search_fields = ("location__name",)
    date_hierarchy = "opens_on"
    ordering = ("-opens_on",)
