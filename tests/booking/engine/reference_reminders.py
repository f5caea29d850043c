"""When reminders are due, worked out a second time: with datetimes, clock texts and a walk over the minutes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)


def at_night(moment: datetime, zone: str, since: str, until: str) -> bool:
    shown = moment.astimezone(ZoneInfo(zone)).strftime("%H:%M")
    if since == until:
        return False
    return since <= shown < until if since < until else shown >= since or shown < until


def reminder_times(
    leads: list[tuple[timedelta, datetime, bool]],
    *,
    zone: str,
    starts_at: datetime,
    made_at: datetime,
    quiet: tuple[str, str],
) -> dict[timedelta, datetime]:
    """By lead, the minute in UTC; leads that send nothing are missing. ``leads``: lead, on since, to the morning."""
    times: dict[timedelta, datetime] = {}
    wall = starts_at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    for lead, since, to_morning in leads:
        back = wall - timedelta(days=lead.days)
        nominal = back.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) if lead.days else starts_at
        nominal -= timedelta(seconds=lead.seconds)
        moment = nominal
        if at_night(nominal, zone, *quiet):
            day = [nominal + n * MINUTE for n in range(-3 * 1440, 2 * 1440)]
            awake = [each for each in day if not at_night(each, zone, *quiet)]
            morning = min(each for each in awake if each > nominal)
            if to_morning and morning < starts_at:
                moment = morning
            else:
                last = max(each for each in awake if each < nominal)
                hour = [last - n * MINUTE for n in range(60)]
                moment = next((b for a, b in zip(hour[1:], hour, strict=False) if at_night(a, zone, *quiet)), hour[-1])
        if min(nominal, moment) > made_at and min(nominal, moment) >= since:
            times[lead] = moment
    return {lead: moment for lead, moment in times.items() if not any(other < lead and times[other] <= moment for other in times)}
