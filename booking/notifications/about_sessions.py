"""Confirmation, changed, cancelled: notices about sessions, as far as they are still true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import F
from django.urls import reverse

from booking.engine.recurrence import clock_changes
from booking.enums import CHANGEABLE, AppointmentStatus, FlagState, NotificationKind, Outcome
from booking.ical import GONE, Method
from booking.models import Appointment, AuditEntry, Notification, PlannedDate, SessionFlag
from booking.notifications.contents import Contents
from clients.services.responses import asks_for_form

#: How long after its last session the link of a notice still opens it.
LINK_OUTLIVES = timedelta(days=1)


class Place(NamedTuple):
    """A date and a time on the practice's clock."""

    on: date
    at: time


@dataclass(frozen=True)
class Line:
    """One date of several: the session on it, or the wish that could not be met. ``instead_of`` is what it takes the place of."""

    on: date
    at: time
    session: Appointment | None
    wish: PlannedDate | None = None
    instead_of: Place | None = None


def tell(notice: Notification, now: datetime) -> Contents | None:
    """What holds of the sessions it is about; None when nothing does, or all of them are over."""
    sessions = _sessions(notice, now)
    if not sessions:
        return None
    first, last = sessions[0], sessions[-1]
    was = _places_before(notice) if notice.kind == NotificationKind.CHANGED else {}
    context = {
        "first": first,
        "sessions": sessions,
        "lines": _lines(notice, sessions, was),
        "was": was.get(first.pk),
        "late": [each for each in sessions if each.status == AppointmentStatus.LATE_CANCELLED],
        "name": notice.addressee.name.partition(" ")[0],
        "treatment": first.treatment,
        "zone": first.zone,
        "changes": clock_changes(ZoneInfo(first.zone), first.local_date, last.local_date),
        "others_stay": notice.series is None and _others_stay(sessions, now),
        "site": settings.SITE_URL,
        "form": _form(notice, first),
        "is_on_hold": notice.kind != NotificationKind.CANCELLED and any(map(is_on_hold, sessions)),
    }
    until = max(session.ends_at for session in sessions) + LINK_OUTLIVES
    return Contents(first.treatment.location, context, until, sessions, _method(notice, sessions))


def is_on_hold(session: Appointment) -> bool:
    """Whether a session is not confirmed before a doctor has spoken. A notice says only that it is not confirmed."""
    flag: SessionFlag | None = getattr(session, "flag", None)
    return flag is not None and flag.state == FlagState.ON_HOLD


def _form(notice: Notification, first: Appointment) -> str:
    """Where the client fills in the form, as long as it is asked for; it opens for nobody but them."""
    if notice.kind != NotificationKind.CONFIRMATION or not asks_for_form(notice.addressee, on=first.local_date):
        return ""
    return str(settings.SITE_URL).rstrip("/") + reverse("intake:overview")


def _sessions(notice: Notification, now: datetime) -> list[Appointment]:
    """The sessions of which what the notice says holds and still matters, in order."""
    about = Appointment.objects.select_related("therapist", "room", "treatment__location", "client", "planned_date", "flag")
    ahead = about.filter(ends_at__gt=now).order_by("starts_at")
    if notice.change_id is not None:
        ahead = ahead.filter(audit_entries__change=notice.change_id, audit_entries__sequence=F("sequence"))
    elif notice.series_id is not None:
        ahead = ahead.filter(series=notice.series_id)
    else:
        ahead = ahead.filter(notifications=notice, sequence=notice.sequence)
    return list(ahead.filter(status__in=GONE if notice.kind == NotificationKind.CANCELLED else CHANGEABLE))


def _others_stay(sessions: Sequence[Appointment], now: datetime) -> bool:
    """Whether other sessions of their series are still to come."""
    others = Appointment.objects.exclude(pk__in=[session.pk for session in sessions])
    return others.filter(series=sessions[0].series_id, series__isnull=False, status__in=CHANGEABLE, ends_at__gt=now).exists()


def _places_before(notice: Notification) -> dict[UUID, Place]:
    """By session, where it was before the change that the notice tells of."""
    entries = AuditEntry.objects.filter(change=notice.change_id, change__isnull=False).order_by("-sequence")
    return {
        pk: Place(date.fromisoformat(before["local_date"]), time.fromisoformat(before["local_time"]))
        for pk, before in entries.values_list("appointment", "before")
    }


def _lines(notice: Notification, sessions: Sequence[Appointment], was: Mapping[UUID, Place]) -> list[Line]:
    """All dates, those of a series without a session included; nothing where one session is all there is."""
    if notice.series is None and len(sessions) == 1:
        return []
    lines = [
        Line(each.local_date, each.local_time, each, instead_of=was.get(each.pk) or (_wished(each) if notice.series else None))
        for each in sessions
    ]
    if notice.series is not None:
        lost = notice.series.planned_dates.filter(outcome=Outcome.NOT_POSSIBLE).select_related("wished_therapist")
        lines += [Line(each.wished_date, each.wished_time, None, each) for each in lost]
    return sorted(lines, key=lambda line: (line.on, line.at))


def _wished(session: Appointment) -> Place | None:
    """When its series wished for it, where that is not when it is."""
    wish = getattr(session, "planned_date", None)
    if wish is None or (wish.wished_date, wish.wished_time) == (session.local_date, session.local_time):
        return None
    return Place(wish.wished_date, wish.wished_time)


def _method(notice: Notification, sessions: Sequence[Appointment]) -> Method:
    if notice.kind == NotificationKind.CANCELLED:
        return "CANCEL"
    return "REQUEST" if len(sessions) == 1 else "PUBLISH"
