"""Confirmation, changed, cancelled: notices about sessions, as far as they are still true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import F

from booking.engine.recurrence import clock_changes
from booking.enums import CHANGEABLE, NotificationKind, Outcome
from booking.ical import GONE, Method
from booking.models import Appointment, Notification, PlannedDate
from booking.notifications.contents import Contents

#: How long after its last session the link of a notice still opens it.
LINK_OUTLIVES = timedelta(days=1)


@dataclass(frozen=True)
class Line:
    """One date of a series: the session on it, or the wish that could not be met."""

    on: date
    at: time
    session: Appointment | None
    wish: PlannedDate | None

    @property
    def is_elsewhere(self) -> bool:
        """Whether the session is not when it was wished for."""
        return self.wish is not None and (self.wish.wished_date, self.wish.wished_time) != (self.on, self.at)


def tell(notice: Notification, now: datetime) -> Contents | None:
    """What holds of the sessions it is about; None when nothing does, or all of them are over."""
    sessions = _sessions(notice, now)
    if not sessions:
        return None
    first, last = sessions[0], sessions[-1]
    context = {
        "first": first,
        "sessions": sessions,
        "lines": _lines(notice, sessions),
        "name": notice.client.name.partition(" ")[0],
        "treatment": first.treatment,
        "zone": first.zone,
        "changes": clock_changes(ZoneInfo(first.zone), first.local_date, last.local_date),
        "others_stay": notice.series is None and _others_stay(sessions, now),
        "site": settings.SITE_URL,
    }
    until = max(session.ends_at for session in sessions) + LINK_OUTLIVES
    return Contents(first.treatment.location, context, until, sessions, _method(notice, sessions))


def _sessions(notice: Notification, now: datetime) -> list[Appointment]:
    """The sessions of which what the notice says holds and still matters, in order."""
    about = Appointment.objects.select_related("therapist", "room", "treatment__location", "client", "planned_date")
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


def _lines(notice: Notification, sessions: Sequence[Appointment]) -> list[Line]:
    """All dates, those of a series without a session included; nothing where one session is all there is."""
    if notice.series is None and len(sessions) == 1:
        return []
    lines = [Line(each.local_date, each.local_time, each, getattr(each, "planned_date", None)) for each in sessions]
    if notice.series is not None:
        lost = notice.series.planned_dates.filter(outcome=Outcome.NOT_POSSIBLE).select_related("wished_therapist")
        lines += [Line(wish.wished_date, wish.wished_time, None, wish) for wish in lost]
    return sorted(lines, key=lambda line: (line.on, line.at))


def _method(notice: Notification, sessions: Sequence[Appointment]) -> Method:
    if notice.kind == NotificationKind.CANCELLED:
        return "CANCEL"
    return "REQUEST" if len(sessions) == 1 else "PUBLISH"
