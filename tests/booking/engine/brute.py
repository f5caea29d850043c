"""The rules of what is offered once more, walked minute by minute. Shares no code and no idea with the engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo


def at(instant):
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=instant)


def wall_at(tz, instant):
    local = at(instant).astimezone(tz)
    return local.date(), local.hour * 60 + local.minute


@cache
def utc_day(zone, day):
    """Each UTC minute of one UTC date with the local date and wall minute the clock shows then."""
    begin = day * 1440
    return [(instant, *wall_at(ZoneInfo(zone), instant)) for instant in range(begin, begin + 1440)]


def walls(zone, first, last):
    """Each UTC minute of the local dates first..last with the date and minute the clock shows then."""
    begin, end = first.toordinal() - 719163 - 1, last.toordinal() - 719163 + 1
    for day in range(begin, end + 1):
        yield from (seen for seen in utc_day(zone, day) if first <= seen[1] <= last)


def hours_of(therapist, day):
    """The wall minutes of a date on which the therapist works."""
    if day in therapist.overrides:
        spans = therapist.overrides[day]
    else:
        spans = []
        for rule in therapist.weekly:
            if rule.weekday != day.weekday() or day < rule.valid_from:
                continue
            if rule.valid_until is not None and rule.valid_until < day:
                continue
            week = (day.toordinal() - 1) // 7 - (rule.valid_from.toordinal() - 1) // 7
            if week % rule.every_weeks == 0:
                spans.append((rule.opens, rule.closes))
    return {minute for start, end in spans for minute in range(start, end)}


def grid_of(working, step):
    """Every step-th minute of each unbroken stretch."""
    grid = set()
    run = 0
    for minute in range(1440):
        if minute not in working:
            run = 0
            continue
        if run % step == 0:
            grid.add(minute)
        run += 1
    return grid


def earliest(tz, now, notice):
    local = at(now).astimezone(tz).replace(tzinfo=None) + timedelta(days=notice.days)
    same_clock = local.replace(tzinfo=tz, fold=0) if notice.days else at(now)
    return int(same_clock.timestamp()) // 60 + notice.seconds // 60


def exceeds(most, amount):
    return most is not None and amount > most


def in_a_row_with(sessions, one, rest):
    """All sessions that are tied to this one, directly or by others: by less than ``rest`` free minutes, or by meeting."""
    row, known = [one], [each for each in sessions if each is not one]
    grown = True
    while grown:
        tied = [each for each in known if any(each[0] - other[1] < rest and other[0] - each[1] < rest for other in row)]
        grown = bool(tied)
        row += tied
        known = [each for each in known if each not in tied]
    return row


def offered(situation, therapists, first, last):
    """{(therapist, date, wall minute): instant} of every start that no rule removes."""
    practice, treatment = situation.practice, situation.treatment
    tz = ZoneInfo(practice.zone)
    today = wall_at(tz, situation.now)[0]
    soonest = earliest(tz, situation.now, treatment.notice)
    shown = {
        instant: (day, minute)
        for instant, day, minute in walls(practice.zone, first - timedelta(days=2), last + timedelta(days=2))
    }
    rooms = {room: set() for room in treatment.rooms}
    for b in situation.busy:
        if b.room in rooms:
            rooms[b.room].update(range(b.blocked_from[0], b.blocked_until[0]))
    result = {}
    for key, therapist in therapists.items():
        taken = {m for b in situation.busy if b.therapist == key for m in range(b.blocked_from[0], b.blocked_until[0])}
        for away in therapist.time_off:
            taken.update(range(away.start, away.end))
        seen = set()
        hours = {}
        for instant in sorted(shown):
            day, minute = shown[instant]
            if not first <= day <= last or (day, minute) in seen:
                continue
            seen.add((day, minute))
            if any(out.first <= day <= out.last for out in situation.left_out.get(key, ())):
                continue
            if day not in hours:
                working = hours_of(therapist, day)
                hours[day] = working, grid_of(working, treatment.step)
            working, grid = hours[day]
            if minute not in grid or instant < soonest or day > today + timedelta(days=treatment.horizon):
                continue
            session = range(instant, instant + treatment.length)
            if any(shown.get(m, (None, 0))[0] != day or shown[m][1] not in working for m in session):
                continue
            footprint = range(instant - treatment.preparation, instant + treatment.length + treatment.turnaround)
            if any(m in taken or shown[m][0] in practice.holidays for m in footprint):
                continue
            if any(shut.span.start <= m < shut.span.end for shut in practice.closures for m in footprint):
                continue
            if any(own.start <= m < own.end for own in situation.client_busy for m in session):
                continue
            if treatment.rooms and not any(rooms[room].isdisjoint(footprint) for room in treatment.rooms):
                continue
            caps = therapist.caps
            given = [(b.starts[0], b.ends[0], b.firm[0]) for b in situation.busy if b.therapist == key]
            given.append((instant, instant + treatment.length, treatment.firm))
            on_date = [each for each in given if wall_at(tz, each[0])[0] == day]
            if exceeds(caps.sessions, len(on_date)) or exceeds(caps.minutes, sum(e - s for s, e, _ in on_date)):
                continue
            row = in_a_row_with(on_date, given[-1], caps.rest)
            if exceeds(caps.sessions_in_a_row, len(row)):
                continue
            firm = [(caps.firm, on_date), (caps.firm_in_a_row, row)]
            if treatment.firm and any(exceeds(most, sum(each[2] for each in some)) for most, some in firm):
                continue
            result[key, day, minute] = instant
    return result
