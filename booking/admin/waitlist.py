# mypy: disable-error-code="type-arg"
"""The waitlist at the desk: who waits for what and how long, what was offered to whom, and offering by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from typing import Any, ClassVar, cast
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, Count, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.timesince import timesince
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from booking.access import sees_board
from booking.admin.base import ReadOnlyAdmin, ReadOnlyMixin, on_the_clock, to_session
from booking.admin.times import day_in
from booking.engine.slots import Offer as Start
from booking.enums import WishState
from booking.exceptions import BookingError
from booking.models import FreedTime, Offer, WaitlistEntry
from booking.queries import moment_of
from booking.services.audit import on_looked_at
from booking.services.candidates import suiting
from booking.services.waitlist import offer_by_hand
from booking.templatetags.unknot import clock, day, long_day
from clients.models import User
from therapists.models import Therapist

#: The most free times listed to choose from.
MOST_STARTS = 300


class OfferForm(forms.Form):
    """One of the free times that suit a wish, by day."""

    start = forms.ChoiceField(
        label=_("Free time"),
        error_messages={"invalid_choice": _("This time is no longer free. Nothing was offered; please choose another.")},
    )

    def __init__(self, *args: Any, starts: Sequence[Start], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = {therapist.pk: therapist for therapist in Therapist.objects.all()}
        self.starts = {self.value_of(start): start for start in starts}
        field = self.fields["start"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            (long_day(on), [(value, self._in_words(start)) for value, start in group])
            for on, group in groupby(self.starts.items(), key=lambda item: item[1].day)
        ]

    @staticmethod
    def value_of(start: Start) -> str:
        return f"{start.therapist}/{start.instant}"

    def _in_words(self, start: Start) -> str:
        return f"{day(start.day)}, {clock(start.minute)}, {self.people[start.therapist]}"

    def offer(self, entry: WaitlistEntry, request: HttpRequest) -> Offer | None:
        """Offer what was chosen; a refusal becomes an error of the form."""
        chosen = self.starts[self.cleaned_data["start"]]
        assert request.user.is_authenticated
        try:
            return offer_by_hand(
                entry,
                therapist=self.people[chosen.therapist],
                starts_at=moment_of(chosen.instant),
                by=request.user,
                now=timezone.now(),
            )
        except BookingError as refusal:
            self.add_error(None, str(refusal))
            return None


class OfferWords:
    """Columns that put an offer in words."""

    @admin.display(description=_("time"), ordering="starts_at")
    def when(self, offer: Offer) -> str:
        return on_the_clock(offer.starts_at)

    @admin.display(description=_("offered"), ordering="made_at")
    def made(self, offer: Offer) -> str:
        return on_the_clock(offer.made_at)

    @admin.display(description=_("until"), ordering="expires_at")
    def until(self, offer: Offer) -> str:
        return on_the_clock(offer.expires_at)

    @admin.display(description=_("answered"), ordering="answered_at")
    def answered(self, offer: Offer) -> str:
        return on_the_clock(offer.answered_at) if offer.answered_at else "–"


class OfferInline(OfferWords, ReadOnlyMixin, admin.TabularInline):
    model = Offer
    fields = readonly_fields = ("when", "therapist", "reason", "state", "made", "made_by", "until", "answered", "by")
    extra = 0


class OffersOfWish(OfferInline):
    fk_name = "entry"


class OffersOfTime(OfferInline):
    fk_name = "freed"
    fields = readonly_fields = ("when", "client", "reason", "state", "made", "made_by", "until", "answered", "by")


@admin.register(WaitlistEntry)
class WaitlistEntryAdmin(ReadOnlyAdmin):
    list_display = ("client", "treatment", "people", "wanted", "days", "waits", "state", "asked")
    list_filter = ("state", "treatment", "therapists")
    list_select_related = ("client", "treatment", "instead_of")
    search_fields = ("client__name", "client__email", "client__phone", "treatment__name")
    date_hierarchy = "created_at"
    # those who wait first, the longest waiting on top
    ordering = (Case(When(state=WishState.WAITING, then=Value(0)), default=Value(1)), "created_at")
    fields = ("client", "treatment", "people", "wanted", "days", "instead_of", "waits", "state", "ended_at", "by")
    inlines: ClassVar[list[Any]] = [OffersOfWish]

    @admin.display(description=_("with"))
    def people(self, entry: WaitlistEntry) -> str:
        return ", ".join(therapist.name for therapist in entry.therapists.all()) or gettext("anyone")

    @admin.display(description=_("when"))
    def wanted(self, entry: WaitlistEntry) -> str:
        return render_to_string("booking/_wish.html", {"wish": entry}).strip()

    @admin.display(description=_("days"), ordering="latest_on")
    def days(self, entry: WaitlistEntry) -> str:
        if entry.instead_of is not None:
            return gettext("before %(day)s") % {"day": day(entry.instead_of.local_date)}
        return f"{day(entry.earliest_on)} – {day(entry.latest_on)}"

    @admin.display(description=_("waits"), ordering="created_at")
    def waits(self, entry: WaitlistEntry) -> str:
        return timesince(entry.created_at, entry.ended_at or timezone.now())

    @admin.display(description=_("offers"), ordering="asked")
    def asked(self, entry: Any) -> int:
        return int(entry.asked)

    @admin.display(description=_("by hand"))
    def by_hand(self, entry: WaitlistEntry) -> str:
        if entry.state != WishState.WAITING:
            return "–"
        address = reverse("admin:booking_waitlistentry_offer", args=[entry.pk])
        return format_html('<a href="{}">{}</a>', address, gettext("Offer a time"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[WaitlistEntry]:
        entries: QuerySet[WaitlistEntry] = super().get_queryset(request)
        return entries.annotate(asked=Count("offers")).prefetch_related("therapists")

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        return (*self.list_display, "by_hand") if self._may_offer(request) else self.list_display

    def get_fields(self, request: HttpRequest, obj: WaitlistEntry | None = None) -> tuple[str, ...]:
        return (*self.fields, "by_hand") if self._may_offer(request) else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: WaitlistEntry | None = None) -> tuple[str, ...]:
        return self.get_fields(request, obj)

    def get_urls(self) -> list[URLPattern]:
        offer = path("<uuid:pk>/offer/", self.admin_site.admin_view(self.offer), name="booking_waitlistentry_offer")
        return [offer, *super().get_urls()]

    def _may_offer(self, request: HttpRequest) -> bool:
        return request.user.has_perm("booking.add_offer")

    def offer(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Offer one of the free times that suit a wish; the board asks for those of a ``day``, and first for those of a gap."""
        if not (self._may_offer(request) and self.has_view_permission(request)):
            raise PermissionDenied
        now = timezone.now()
        waiting = WaitlistEntry.objects.matchable(now).filter(pk=pk)
        entry = waiting.select_related("client", "treatment__location", "instead_of").first()
        if entry is None:
            messages.error(request, gettext("This wish is no longer waiting. Nothing was offered."))
            return redirect("admin:booking_waitlistentry_changelist")
        day = day_in(request.GET.get("day", ""))
        free = suiting(entry, now=now)
        starts = [start for start in free if start.day == day] or free
        form = OfferForm(request.POST or None, starts=starts[:MOST_STARTS], initial={"start": _in_gap(starts, request.GET)})
        if form.is_bound and form.is_valid():
            made = form.offer(entry, request)
            if made is not None:
                said = {"client": made.client, "until": on_the_clock(made.expires_at)}
                messages.success(request, gettext("Offered to %(client)s, held until %(until)s.") % said)
                return _back(request, day)
        on_looked_at(entry, by=cast(User, request.user), now=now)
        context = self.admin_site.each_context(request) | {
            "title": gettext("Offer a time to %(client)s") % {"client": entry.client},
            "opts": self.opts,
            "entry": entry,
            "form": form,
        }
        return render(request, "admin/booking/waitlistentry/offer.html", context, status=422 if form.is_bound else 200)


def _in_gap(starts: Sequence[Start], asked: QueryDict) -> str:
    """The first start of the gap that is asked for, as the form sends it; empty where there is none."""
    therapist, minute = asked.get("therapist", ""), asked.get("minute", "")
    begins = int(minute) if minute.isdecimal() and len(minute) < 5 else 0
    in_gap = (each for each in starts if str(each.therapist) == therapist and each.minute >= begins)
    return next((OfferForm.value_of(each) for each in in_gap), "")


def _back(request: HttpRequest, day: date | None) -> HttpResponse:
    """To the day from which somebody came, else to the list."""
    if day is None or not sees_board(request.user):
        return redirect("admin:booking_waitlistentry_changelist")
    return redirect(f"{reverse('admin:index')}?{urlencode({'date': day})}")


@admin.register(Offer)
class OfferAdmin(OfferWords, ReadOnlyAdmin):
    list_display = ("when", "client", "therapist", "treatment", "reason", "state", "made", "made_by", "answered", "by")
    list_filter = ("state", "reason", "therapist")
    list_select_related = ("client", "therapist", "treatment", "made_by", "by")
    search_fields = ("client__name", "client__email", "therapist__name")
    date_hierarchy = "made_at"
    ordering = ("-made_at",)
    fields = (
        "when",
        "client",
        "therapist",
        "treatment",
        "reason",
        "entry",
        "planned_date",
        "freed",
        "replaced",
        "session",
        "state",
        "made",
        "made_by",
        "until",
        "answered",
        "by",
    )

    @admin.display(description=_("replaces"))
    def replaced(self, offer: Offer) -> str:
        return to_session(offer.replaces)

    @admin.display(description=_("appointment"))
    def session(self, offer: Offer) -> str:
        return to_session(offer.appointment)


@admin.register(FreedTime)
class FreedTimeAdmin(ReadOnlyAdmin):
    list_display = ("therapist", "begins", "ends", "asked", "offered_from", "closed")
    list_filter = ("therapist", ("closed_at", admin.EmptyFieldListFilter))
    list_select_related = ("therapist",)
    search_fields = ("therapist__name", "offers__client__name")
    date_hierarchy = "starts_at"
    ordering = ("-starts_at",)
    fields = ("therapist", "begins", "ends", "change", "offered_from", "closed")
    inlines: ClassVar[list[Any]] = [OffersOfTime]

    def get_queryset(self, request: HttpRequest) -> QuerySet[FreedTime]:
        freed: QuerySet[FreedTime] = super().get_queryset(request)
        return freed.annotate(asked=Count("offers"))

    @admin.display(description=_("from"), ordering="starts_at")
    def begins(self, freed: FreedTime) -> str:
        return on_the_clock(freed.starts_at)

    @admin.display(description=_("until"), ordering="ends_at")
    def ends(self, freed: FreedTime) -> str:
        return on_the_clock(freed.ends_at)

    @admin.display(description=_("people asked"), ordering="asked")
    def asked(self, freed: Any) -> int:
        return int(freed.asked)

    @admin.display(description=_("offered from"), ordering="offer_from")
    def offered_from(self, freed: FreedTime) -> str:
        return on_the_clock(freed.offer_from)

    @admin.display(description=_("closed"), ordering="closed_at")
    def closed(self, freed: FreedTime) -> str:
        return on_the_clock(freed.closed_at) if freed.closed_at else gettext("still open")
