"""What is due to the practice itself: each therapist's day, and what the desk has not been told yet.

As with reminders nothing is planned ahead. Every scan looks at how things are and makes the rows that are due and not yet
there; the database lets each exist once, so that two scans at once do what one does.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from booking.enums import CHANGEABLE, UNSENT, AuditAction, Matter, NotificationKind, OfferState
from booking.ical import GONE
from booking.models import Appointment, AuditEntry, DeskItem, FreedTime, Notification, Replacement, StaffMail
from booking.models.appointment import AppointmentQuerySet
from booking.models.notification import NotificationQuerySet
from booking.models.waitlist import FreedTimeQuerySet
from clients.services.responses import who_is_asked
from therapists.models import Closure, Location, Therapist, TimeOff

DAY = timedelta(days=1)
#: What failed longer ago is no news.
LOOKS_BACK = timedelta(days=7)
#: So long before a session the desk is told that its form is not answered: once the last reminder had some hours.
FORM_BEFORE = timedelta(hours=20)
#: So long a client who has only just booked is left to answer it.
FORM_TIME = timedelta(hours=4)
#: So long before it the desk is told of a free time that nobody took.
UNFILLED_BEFORE = timedelta(days=2)


def queue_staff_mail(now: datetime) -> int:
    """Queue what is due to therapists and to the desk of every location, and say how many notices that were."""
    made = 0
    for location in Location.objects.select_related("staff_mail"):
        choices = staff_mail_of(location)
        made += _queue_days(location, choices, now)
        if location.email and choices.desk_every is not None:
            made += _queue_for_desk(location, choices.desk_every, now)
    return made


def staff_mail_of(location: Location) -> StaffMail:
    """What a practice chose; what goes without saying where it chose nothing."""
    return getattr(location, "staff_mail", None) or StaffMail(location=location)


# ---- a therapist's day ------------------------------------------------------------------------------------------------------


def sessions_of_day(therapist: Therapist, on: date) -> AppointmentQuerySet:
    """The sessions a therapist gives on a date."""
    return Appointment.objects.real().filter(therapist=therapist, local_date=on).exclude(status__in=GONE)


def day_has_begun(notice: Notification, now: datetime) -> bool:
    """Whether the first session of the day has begun: then a word about what is ahead comes too late."""
    assert notice.therapist is not None
    assert notice.on is not None
    return sessions_of_day(notice.therapist, notice.on).filter(starts_at__lte=now).exists()


def _queue_days(location: Location, choices: StaffMail, now: datetime) -> int:
    today = now.astimezone(location.tz).date()
    made = [
        Notification(
            kind=NotificationKind.DAY_AHEAD,
            therapist=therapist,
            on=on,
            recipient=therapist.user.email,
            created_at=now,
            due_at=due_at,
        )
        for on in (today, today + DAY)
        if (due_at := _due(location, choices, on)) is not None and due_at <= now
        for therapist in _to_be_told(location, on, now)
        if therapist.user is not None
    ]
    Notification.objects.bulk_create(made, ignore_conflicts=True)
    return len(made)


def _due(location: Location, choices: StaffMail, on: date) -> datetime | None:
    """When the word about a date is due; None where the practice wants none."""
    if choices.day_ahead_at is None:
        return None
    return datetime.combine(on - DAY if choices.evening_before else on, choices.day_ahead_at, location.tz)


def _to_be_told(location: Location, on: date, now: datetime) -> QuerySet[Therapist]:
    """Therapists with a sign-in who want it, whose sessions of a date are all still ahead, and who were not told of it."""
    day = Appointment.objects.real().filter(therapist=OuterRef("pk"), local_date=on).exclude(status__in=GONE)
    told = Notification.objects.filter(therapist=OuterRef("pk"), kind=NotificationKind.DAY_AHEAD, on=on)
    return (
        Therapist.objects.filter(Exists(day), ~Exists(day.filter(starts_at__lte=now)), ~Exists(told))
        .filter(location=location, user__is_active=True, is_told_of_day=True)
        .exclude(user__email="")
        .select_related("user")
    )


# ---- the desk ---------------------------------------------------------------------------------------------------------------


@transaction.atomic
def _queue_for_desk(location: Location, every: timedelta, now: datetime) -> int:
    """One notice of all that is new; none soon after the one before, or while that still waits to be sent."""
    if not Location.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=location.pk):
        return 0
    last = Notification.objects.filter(practice=location, kind=NotificationKind.DESK).order_by("-sequence").first()
    if last is not None and (last.state in UNSENT or now < last.created_at + every):
        return 0
    items = list(_news(location, now))
    if not items:
        return 0
    notice = Notification.objects.create(
        kind=NotificationKind.DESK,
        practice=location,
        sequence=last.sequence + 1 if last else 1,
        recipient=location.email,
        created_at=now,
        due_at=now,
    )
    for item in items:
        item.notice = notice
    DeskItem.objects.bulk_create(items, batch_size=1000)
    return 1


def _news(location: Location, now: datetime) -> Iterator[DeskItem]:
    told = DeskItem.objects.filter(about=OuterRef("pk"))
    failed = undelivered(location, now).exclude(Exists(told.filter(matter=Matter.UNDELIVERED, version=OuterRef("attempts"))))
    for pk, attempts in failed.values_list("pk", "attempts"):
        yield DeskItem(matter=Matter.UNDELIVERED, about=pk, version=attempts)
    known = set(DeskItem.objects.filter(matter=Matter.FORM).values_list("about", "version"))
    for session in unanswered(location, now):
        if (session.pk, session.sequence) not in known:
            yield DeskItem(matter=Matter.FORM, about=session.pk, version=session.sequence)
    for freed in unfilled(location, now).exclude(Exists(told.filter(matter=Matter.UNFILLED))):
        yield DeskItem(matter=Matter.UNFILLED, about=freed.pk)


def undelivered(location: Location, now: datetime) -> NotificationQuerySet:
    """Notices of which nobody can say that they arrived; those to the desk itself are not among them, nor would it help."""
    here = Appointment.objects.filter(treatment__location=location)
    changes = AuditEntry.objects.filter(appointment__in=here, change=OuterRef("change"))
    repairs = Replacement.objects.filter(appointment__in=here, repair=OuterRef("repair"))
    return (
        Notification.objects.undelivered()
        .filter(due_at__gt=now - LOOKS_BACK)
        .filter(
            Q(appointment__treatment__location=location)
            | Q(series__treatment__location=location)
            | Q(offer__treatment__location=location)
            | Q(therapist__location=location)
            | Exists(changes)
            | Exists(repairs)
        )
    )


def unanswered(location: Location, now: datetime) -> list[Appointment]:
    """The sessions of the next hours before which the form was asked for and not answered; of each client the first."""
    just_placed = AuditEntry.objects.filter(
        appointment=OuterRef("pk"), action__in=(AuditAction.BOOKED, AuditAction.MOVED), at__gt=now - FORM_TIME
    )
    near = (
        Appointment.objects.filter(treatment__location=location, status__in=CHANGEABLE)
        .filter(~Exists(just_placed), starts_at__gt=now, starts_at__lte=now + FORM_BEFORE)
        .select_related("client", "therapist")
        .order_by("-starts_at")
    )
    first = {session.client_id: session for session in near if session.client_id is not None}
    asked = who_is_asked({(client, session.local_date) for client, session in first.items()})
    return [session for client, session in reversed(first.items()) if (client, session.local_date) in asked]


def unfilled(location: Location, now: datetime) -> FreedTimeQuerySet:
    """Times soon that became free, were offered to everybody they suit, and are free still."""
    span = {"starts_at__lt": OuterRef("ends_at"), "ends_at__gt": OuterRef("starts_at")}
    taken = Appointment.objects.blocking(now).filter(
        therapist=OuterRef("therapist"), blocked_from__lt=OuterRef("ends_at"), blocked_until__gt=OuterRef("starts_at")
    )
    away = TimeOff.objects.filter(therapist=OuterRef("therapist"), **span)
    shut = Closure.objects.filter(location=location, **span)
    return (
        FreedTime.objects.filter(therapist__location=location, closed_at__isnull=False, change__undone_at=None)
        .filter(~Exists(taken), ~Exists(away), ~Exists(shut), starts_at__gt=now, starts_at__lte=now + UNFILLED_BEFORE)
        .exclude(offers__state=OfferState.ACCEPTED)
        .select_related("therapist")
        .order_by("starts_at")
    )
