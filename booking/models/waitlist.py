"""Wishes for a time, times that became free, and the offers that bring the two together."""

from __future__ import annotations

from datetime import date, datetime
from typing import Self
from uuid import uuid4

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, ExpressionWrapper, F, Func, OuterRef, Q
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _

from booking.enums import CHANGEABLE, AppointmentStatus, HoldState, OfferReason, OfferState, WishState
from booking.models.change import Change
from therapists.models import Weekday


class WaitlistQuerySet(models.QuerySet["WaitlistEntry"]):
    def waiting(self) -> Self:
        return self.filter(state=WishState.WAITING)

    def matchable(self, now: datetime) -> Self:
        """Those to whom a time can be offered; of a session to be replaced nothing must have begun, and it must stand."""
        ahead = Q(instead_of__status__in=CHANGEABLE, instead_of__starts_at__gt=now)
        return self.waiting().filter(Q(instead_of=None) | ahead)

    def over(self, today: date, now: datetime) -> Self:
        """Waiting ones whose last day has passed, or whose session has begun or is cancelled beyond undoing.

        ``today`` is the date on the practice's clock.
        """
        undoable = Change.objects.undoable(now).filter(audit_entries__appointment=OuterRef("instead_of"))
        cancelled = Q(instead_of__status__in=(AppointmentStatus.CANCELLED, AppointmentStatus.LATE_CANCELLED))
        return self.waiting().filter(Q(latest_on__lt=today) | Q(instead_of__starts_at__lte=now) | (cancelled & ~Exists(undoable)))


class WaitlistEntry(models.Model):
    """A wish: this treatment, with these therapists (none listed: anyone), on these days and at these times of day.

    ``instead_of`` is the session it would replace: "earlier than the one I have".
    """

    State = WishState

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    client = models.ForeignKey("clients.Client", models.CASCADE, related_name="wishes", verbose_name=_("client"))
    treatment = models.ForeignKey("therapists.Treatment", models.PROTECT, related_name="+", verbose_name=_("treatment"))
    therapists = models.ManyToManyField(
        "therapists.Therapist", blank=True, related_name="+", verbose_name=_("therapists"), help_text=_("Empty means anyone.")
    )
    weekdays: ArrayField[list[int], list[int]] = ArrayField(
        models.PositiveSmallIntegerField(choices=Weekday.choices),
        default=list,
        blank=True,
        verbose_name=_("weekdays"),
        help_text=_("Empty means any day."),
    )
    # on the practice's clock; a session may start at either end
    starts_from = models.TimeField(_("not before"), null=True, blank=True)
    starts_until = models.TimeField(_("not after"), null=True, blank=True)
    earliest_on = models.DateField(_("first day"))
    latest_on = models.DateField(_("last day"))
    instead_of = models.ForeignKey(
        "booking.Appointment",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="wishes",
        verbose_name=_("instead of"),
    )
    state = models.CharField(_("state"), max_length=12, choices=WishState.choices, default=WishState.WAITING)
    created_at = models.DateTimeField(_("since"), editable=False)
    # served, withdrawn or over since then
    ended_at = models.DateTimeField(_("until"), null=True, blank=True, editable=False)
    # who was signed in when it was made, or when it ended
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("by")
    )

    personal = {
        "weekdays": "sessions",
        "starts_from": "sessions",
        "starts_until": "sessions",
        "earliest_on": "sessions",
        "latest_on": "sessions",
        "state": "sessions",
    }
    personal_of = "client"

    objects = WaitlistQuerySet.as_manager()

    class Meta:
        verbose_name = _("waitlist entry")
        verbose_name_plural = _("waitlist")
        ordering = ["created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(latest_on__gte=F("earliest_on")), name="wish_days_in_order"),
            models.CheckConstraint(
                condition=Q(starts_from=None) | Q(starts_until=None) | Q(starts_until__gte=F("starts_from")),
                name="wish_times_in_order",
            ),
            models.CheckConstraint(condition=Q(state__in=WishState.values), name="wish_state_listed"),
            models.UniqueConstraint(fields=["instead_of"], condition=Q(state=WishState.WAITING), name="wish_once_per_session"),
        ]
        indexes = [
            # who waits for a time that became free on some day?
            models.Index(fields=["latest_on"], condition=Q(state="waiting"), name="wish_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.client}, {self.treatment}"


class FreedTimeQuerySet(models.QuerySet["FreedTime"]):
    def to_offer(self, now: datetime) -> Self:
        """Open ones that nobody is deciding about."""
        asked = Offer.objects.filter(freed=OuterRef("pk"), state=OfferState.OPEN)
        return self.filter(~Exists(asked), closed_at=None, offer_from__lte=now)


class FreedTime(models.Model):
    """A therapist's footprint that was taken and is free again, to be offered to one person after the other."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    therapist = models.ForeignKey("therapists.Therapist", models.CASCADE, related_name="+", verbose_name=_("therapist"))
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    # the change that freed it; undone, it was never free
    change = models.ForeignKey(
        "booking.Change", models.CASCADE, null=True, blank=True, related_name="freed", verbose_name=_("change")
    )
    offer_from = models.DateTimeField(_("offered from"))
    # everybody it suits was asked, or it is taken or past
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    objects = FreedTimeQuerySet.as_manager()

    class Meta:
        verbose_name = _("freed time")
        verbose_name_plural = _("freed times")
        ordering = ["starts_at"]
        constraints = [models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="freed_time_not_empty")]
        indexes = [
            # what is still to be offered
            models.Index(fields=["offer_from"], condition=Q(closed_at=None), name="freed_time_open"),
        ]

    def __str__(self) -> str:
        return f"{self.therapist}, {self.starts_at:%Y-%m-%d %H:%M}"


class WallTime(Func):
    """The date and time that the clock of a zone shows at an instant."""

    function = "timezone"
    output_field = models.DateTimeField()


#: The date of a series still wishes for the therapist and the wall time of the offer.
STILL_WISHED = Exact(
    WallTime("treatment__location__zone", "starts_at"),
    ExpressionWrapper(F("planned_date__wished_date") + F("planned_date__wished_time"), models.DateTimeField()),
) & Q(planned_date__wished_therapist=F("therapist"))


class OfferQuerySet(models.QuerySet["Offer"]):
    def answerable(self, now: datetime) -> Self:
        """Open ones in time and still held, whose reason stands.

        Their wish still waits, or their series still wishes for just this; their session can still move, to an earlier time
        where one is wished, and a missing date is missing still.
        """
        waits = Q(entry=None) | Q(entry__state=WishState.WAITING)
        moves = Q(replaces=None) | Q(replaces__status__in=CHANGEABLE, replaces__starts_at__gt=now)
        earlier = Q(entry__instead_of=None) | Q(replaces__starts_at__gt=F("starts_at"))
        missing = Q(planned_date=None) | Q(replaces__isnull=False) | Q(planned_date__appointment=None)
        wished = Q(planned_date=None) | STILL_WISHED
        is_held = Q(hold__state=HoldState.LIVE)
        return self.filter(is_held, waits, moves, earlier, missing, wished, state=OfferState.OPEN, expires_at__gt=now)

    def unanswerable(self, now: datetime) -> Self:
        """Open ones that can no longer be accepted."""
        return self.filter(state=OfferState.OPEN).exclude(pk__in=Offer.objects.answerable(now).values("pk"))


class Offer(models.Model):
    """One free time offered to one client, held for them while they decide."""

    State = OfferState
    Reason = OfferReason

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    client = models.ForeignKey("clients.Client", models.CASCADE, related_name="offers", verbose_name=_("client"))
    freed = models.ForeignKey(
        FreedTime, models.SET_NULL, null=True, blank=True, related_name="offers", verbose_name=_("freed time")
    )
    entry = models.ForeignKey(
        WaitlistEntry, models.SET_NULL, null=True, blank=True, related_name="offers", verbose_name=_("wish")
    )
    # the date of a series that this time would mend
    planned_date = models.ForeignKey(
        "booking.PlannedDate", models.SET_NULL, null=True, blank=True, related_name="offers", verbose_name=_("date of a series")
    )
    # the session that would move here; none: a new one
    replaces = models.ForeignKey(
        "booking.Appointment", models.SET_NULL, null=True, blank=True, related_name="offers", verbose_name=_("replaces")
    )
    # what it became when it was accepted: a new session, or the one that moved
    appointment = models.ForeignKey(
        "booking.Appointment",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="accepted_offers",
        verbose_name=_("appointment"),
    )
    reason = models.CharField(_("why this client"), max_length=12, choices=OfferReason.choices)
    treatment = models.ForeignKey("therapists.Treatment", models.PROTECT, related_name="+", verbose_name=_("treatment"))
    therapist = models.ForeignKey("therapists.Therapist", models.PROTECT, related_name="+", verbose_name=_("therapist"))
    starts_at = models.DateTimeField(_("starts"))
    hold = models.OneToOneField("booking.Hold", models.SET_NULL, null=True, blank=True, related_name="offer", editable=False)
    state = models.CharField(_("state"), max_length=12, choices=OfferState.choices, default=OfferState.OPEN)
    made_at = models.DateTimeField(_("offered"), editable=False)
    # who offered it by hand
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("offered by")
    )
    expires_at = models.DateTimeField(_("until"))
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)
    # who answered; nobody where it was the link in the notice
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("answered by")
    )

    personal = {"reason": "sessions", "starts_at": "sessions", "state": "sessions"}
    personal_of = "client"

    objects = OfferQuerySet.as_manager()

    class Meta:
        verbose_name = _("offer")
        verbose_name_plural = _("offers")
        ordering = ["-made_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["freed"], condition=Q(state=OfferState.OPEN), name="freed_time_offered_to_one_at_a_time"
            ),
            models.UniqueConstraint(fields=["freed", "client"], name="freed_time_offered_once_to_each"),
            models.UniqueConstraint(fields=["client"], condition=Q(state=OfferState.OPEN), name="client_offered_one_at_a_time"),
            models.CheckConstraint(condition=Q(state__in=OfferState.values), name="offer_state_listed"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("made_at")), name="offer_not_empty"),
        ]
        indexes = [
            # offers that nobody answered in time
            models.Index(fields=["expires_at"], condition=Q(state="open"), name="offer_open"),
        ]

    def __str__(self) -> str:
        return f"{self.client}, {self.starts_at:%Y-%m-%d %H:%M}"
