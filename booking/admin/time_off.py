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

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.admin.widgets import AdminSplitDateTime
from django.contrib.messages.storage import default_storage
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from booking.access import accounts_to_link
from booking.admin.abilities import (
    FIELDSETS,
    ConditionPolicyInline,
    MedicationPolicyInline,
    PainkillerInline,
    TherapistForm,
)
from booking.exceptions import BreaksSessions
from booking.services.abilities import change_abilities
from booking.services.repairs import Consequences, change_rules
from clients.admin.inlines import NamedInline, name_widget
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

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A moment is typed into two fields, each of which says what it is."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, AdminSplitDateTime):
            name_widget(field)
        return field

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return self._ask(request, lambda: super(AsksFirst, self).changeform_view(request, object_id, form_url, extra_context))

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        return self._ask(request, lambda: super(AsksFirst, self).delete_view(request, object_id, extra_context))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return self._ask(request, lambda: super(AsksFirst, self).changelist_view(request, extra_context))

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
class LocationAdmin(AsksFirst):
    list_display = ("name", "zone", "country", "subdivision")
    list_filter = ("country",)
    search_fields = ("name", "address")
    ordering = ("name",)


@admin.register(Room)
class RoomAdmin(AsksFirst):
    list_display = ("name", "location", "is_active")
    list_filter = ("is_active", "location")
    list_select_related = ("location",)
    search_fields = ("name",)
    ordering = ("name",)


@admin.register(Therapist)
class TherapistAdmin(AsksFirst):
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
class WorkingHoursAdmin(AsksFirst):
    list_display = ("therapist", "weekday", "opens", "closes", "every_weeks", "valid_from", "valid_until")
    list_filter = ("therapist", "weekday")
    list_select_related = ("therapist",)
    search_fields = ("therapist__name",)
    ordering = ("therapist__name", "weekday", "opens")


@admin.register(HoursOverride)
class HoursOverrideAdmin(AsksFirst):
    list_display = ("therapist", "applies_on", "opens", "closes")
    list_filter = ("therapist",)
    list_select_related = ("therapist",)
    search_fields = ("therapist__name",)
    date_hierarchy = "applies_on"
    ordering = ("-applies_on", "opens")


@admin.register(TimeOff)
class TimeOffAdmin(AsksFirst):
    list_display = ("therapist", "kind", "starts_at", "ends_at")
    list_filter = ("kind", "therapist")
    list_select_related = ("therapist",)
    search_fields = ("therapist__name",)
    date_hierarchy = "starts_at"
    ordering = ("-starts_at",)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """``away=now`` fills in from now to the end of the day on the practice's clock."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        if initial.pop("away", "") == "now":
            now = timezone.localtime()
            midnight = datetime.combine(now.date() + timedelta(days=1), time(0), now.tzinfo)
            initial |= {"starts_at": now.replace(second=0, microsecond=0), "ends_at": midnight}
        return initial


@admin.register(Closure)
class ClosureAdmin(AsksFirst):
    list_display = ("name", "location", "starts_at", "ends_at")
    list_filter = ("location",)
    list_select_related = ("location",)
    search_fields = ("name",)
    date_hierarchy = "starts_at"
    ordering = ("-starts_at",)


@admin.register(HolidayOpening)
class HolidayOpeningAdmin(AsksFirst):
    list_display = ("opens_on", "location")
    list_filter = ("location",)
    list_select_related = ("location",)
    search_fields = ("location__name",)
    date_hierarchy = "opens_on"
    ordering = ("-opens_on",)
