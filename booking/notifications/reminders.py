"""What is due by the practice's rules, worked out from the sessions as they are now.

Nothing is planned ahead: every scan looks at the sessions near enough and makes the rows that are due and not yet there. The
database lets each exist once, so that two scans at once do what one does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import reduce
from itertools import groupby
from operator import or_

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, Q, Subquery
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from booking.engine.offering import Quiet
from booking.engine.reminders import Plan, Rule, Session, due_after, plan, waking
from booking.enums import (
    BEFORE_START,
    CHANGEABLE,
    DERIVED,
    AppointmentStatus,
    AuditAction,
    Night,
    NotificationKind,
    NotificationState,
)
from booking.ical import GONE
from booking.models import Appointment, AuditEntry, NoticeRule, Notification
from booking.notifications.channels import reach_of, way_by
from booking.notifications.staff import day_has_begun
from booking.queries import minute_of, moment_of
from clients.models import Client
from clients.services.responses import who_is_asked
from therapists.models import Location

#: How long a session that has begun is looked at for what should have been sent before it.
LOOKS_BACK = timedelta(days=7)
#: How long a word after a session makes sense.
AFTERWARDS = timedelta(days=3)
#: How far the quiet hours and a change of the clocks can move a notice.
MOVED_AT_MOST = timedelta(days=2)
NOT_REAL = (*GONE, AppointmentStatus.HELD)


def queue_due(now: datetime) -> int:
    """Queue what is due by the rules and say how many notices that were.

    What should have been sent but no longer makes sense (its session has begun, or a later reminder is due) is noted as missed.
    """
    rules = NoticeRule.objects.filter(is_on=True, since__lte=now).select_related("location")
    made: list[Notification] = []
    for (_location, kind), group in groupby(rules.order_by("location", "kind"), key=lambda rule: (rule.location_id, rule.kind)):
        made += list(_due(NotificationKind(kind), list(group), now))
    Notification.objects.bulk_create(made, ignore_conflicts=True, batch_size=1000)
    return len(made)


def is_too_late(notice: Notification, now: datetime) -> bool:
    """Whether a notice (of ``with_nearer``) that waited still speaks of the truth but comes too late to be of use."""
    if notice.kind == NotificationKind.DAY_AHEAD:
        return day_has_begun(notice, now)
    session = notice.appointment
    if session is None or notice.kind not in DERIVED or notice.sequence != session.sequence or session.status in GONE:
        return False
    if notice.kind == NotificationKind.FOLLOW_UP:
        return now > session.ends_at + notice.lead + AFTERWARDS
    return now >= session.starts_at or vars(notice)["has_nearer"]


def wakes_at(notice: Notification, now: datetime) -> datetime:
    """From when on a notice may leave: now, or the end of the quiet hours for one that nobody asked for at this hour."""
    if notice.kind not in DERIVED or notice.appointment is None or notice.asked_at is not None:
        return now
    practice = notice.appointment.treatment.location
    minute = minute_of(now)
    awake = waking(practice.zone, quiet_of(practice), minute)
    return now if awake == minute else moment_of(awake)


def quiet_of(practice: Location) -> Quiet:
    return Quiet(_wall(practice.quiet_from), _wall(practice.quiet_until))


def _wall(at: time) -> int:
    return at.hour * 60 + at.minute


@dataclass(frozen=True)
class Near:
    """A session near enough to look at. ``made``: since when it is where it is. ``told``: the leads whose notices are there."""

    session: Appointment
    client: Client
    made: datetime
    told: Collection[timedelta]


def _due(kind: NotificationKind, rules: Sequence[NoticeRule], now: datetime) -> Iterator[Notification]:
    quiet = quiet_of(rules[0].location)
    due = [
        (near, come)
        for near in _near(kind, rules, now)
        if kind not in reach_of(near.client).declined and (come := _come(kind, rules, near, quiet, now))
    ]
    if kind == NotificationKind.FORM:
        asked = who_is_asked({(near.client.pk, near.session.local_date) for near, _come in due})
        due = [(near, come) for near, come in due if (near.client.pk, near.session.local_date) in asked]
    for near, come in due:
        yield from _notices(kind, near, come, now)


def _come(
    kind: NotificationKind, rules: Sequence[NoticeRule], near: Near, quiet: Quiet, now: datetime
) -> dict[NoticeRule, datetime]:
    """The rules whose notice about a session has come due, and when that was."""
    session, by_engine = near.session, {_rule(row): row for row in rules}
    if kind == NotificationKind.FOLLOW_UP:
        times: Plan = {rule: due_after(rule, session.zone, minute_of(session.ends_at), quiet) for rule in by_engine}
    else:
        times = plan(by_engine, Session(session.zone, minute_of(session.starts_at), minute_of(near.made)), quiet)
    minute = minute_of(now)
    return {by_engine[rule]: moment_of(time) for rule, time in times.items() if isinstance(time, int) and time <= minute}


def _rule(row: NoticeRule) -> Rule:
    return Rule(row.lead, minute_of(row.since), to_morning=row.night == Night.LATER)


def _notices(kind: NotificationKind, near: Near, come: Mapping[NoticeRule, datetime], now: datetime) -> Iterator[Notification]:
    """The notices of one session that are due and not there yet: the last one to be sent, those before it missed."""
    last = min(come, key=lambda rule: rule.lead)
    over = kind in BEFORE_START and near.session.starts_at <= now
    for rule, due_at in come.items():
        way = way_by(rule.channel, near.client)
        if way is None or rule.lead in near.told:
            continue
        yield Notification(
            kind=kind,
            client=near.client,
            appointment=near.session,
            sequence=near.session.sequence,
            lead=rule.lead,
            channel=way.channel,
            recipient=way.recipient,
            state=NotificationState.MISSED if over or rule != last else NotificationState.QUEUED,
            created_at=now,
            due_at=due_at,
        )


def _near(kind: NotificationKind, rules: Sequence[NoticeRule], now: datetime) -> Iterator[Near]:
    """The sessions near enough for any of the rules that lack one of its notices about this version of their time."""
    leads = sorted(rule.lead for rule in rules)
    told = Notification.objects.filter(appointment=OuterRef("pk"), kind=kind, sequence=OuterRef("sequence"))
    placed = AuditEntry.objects.filter(
        appointment=OuterRef("pk"), action__in=(AuditAction.BOOKED, AuditAction.MOVED), change__undone_at=None
    )
    lacking = reduce(or_, (~Exists(told.filter(lead=lead)) for lead in leads))
    sessions = (
        Appointment.objects.filter(_when(kind, leads, now), lacking, *_which(kind, leads[-1]))
        .filter(treatment__location=rules[0].location_id)
        .annotate(
            made=Coalesce(Subquery(placed.order_by("-at").values("at")[:1]), "created_at"),
            told=ArraySubquery(told.values("lead")),
        )
        .select_related("client__reach", "treatment__location")
        .order_by("starts_at")
    )
    for session in sessions:
        assert session.client is not None  # only what is merely held has none
        annotated = vars(session)
        yield Near(session, session.client, annotated["made"], annotated["told"])


def _when(kind: NotificationKind, leads: Sequence[timedelta], now: datetime) -> Q:
    """Sessions in a state, and as far from now, that something could be due about them."""
    if kind == NotificationKind.FOLLOW_UP:
        ended = (now - leads[-1] - AFTERWARDS, now - leads[0] + MOVED_AT_MOST)
        return Q(status=AppointmentStatus.DONE, ends_at__range=ended)
    ahead = Q(starts_at__gt=now, starts_at__lte=now + leads[-1] + MOVED_AT_MOST, status__in=CHANGEABLE)
    begun = Q(starts_at__lte=now, starts_at__gt=now - LOOKS_BACK) & ~Q(status__in=NOT_REAL)
    return ahead | begun


def _which(kind: NotificationKind, longest: timedelta) -> list[Combinable]:
    """What else has to hold of a session. The form is asked for once, before the first of several sessions close together."""
    own = Appointment.objects.filter(client=OuterRef("client")).exclude(status__in=NOT_REAL)
    if kind == NotificationKind.FORM:
        before = own.filter(starts_at__lt=OuterRef("starts_at"), starts_at__gte=OuterRef("starts_at") - longest)
        return [~Exists(before)]
    if kind == NotificationKind.SERIES_ENDING:
        earlier = own.filter(series=OuterRef("series"), starts_at__lt=OuterRef("starts_at"))
        later = own.filter(starts_at__gt=OuterRef("starts_at"))
        return [Exists(earlier), ~Exists(later)]
    return []
