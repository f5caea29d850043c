"""Who could take a time that became free: clients whose series had to deviate there, and those who wait for such a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from booking.engine.offering import Candidate, Wanted, in_order_of_fit
from booking.engine.slots import Offer as Start
from booking.engine.spans import Span
from booking.engine.zones import DAY, instant_of
from booking.enums import CHANGEABLE, OfferReason, OfferState, Outcome
from booking.ical import GONE
from booking.models import Appointment, FreedTime, Offer, PlannedDate, WaitlistEntry
from booking.queries import availability, minute_of
from clients.models import Client
from therapists.models import Treatment

DEVIATED = (Outcome.MOVED, Outcome.OTHER_THERAPIST, Outcome.NOT_POSSIBLE)


@dataclass(frozen=True)
class Asker:
    """A client, what they want, and what it would be for: a wish, a date of a series, or both of a session that would move."""

    client: Client
    treatment: Treatment
    wanted: Wanted
    since: datetime
    reason: OfferReason
    entry: WaitlistEntry | None = None
    planned: PlannedDate | None = None
    replaces: Appointment | None = None

    @property
    def key(self) -> UUID:
        about = self.planned or self.entry
        assert about is not None
        return about.pk

    @property
    def moving(self) -> list[UUID]:
        return [self.replaces.pk] if self.replaces else []

    @property
    def lasting(self) -> timedelta | None:
        """How long the session that would move takes, where that was set by hand."""
        return self.replaces.kept_length if self.replaces else None


def askers_by_fit(freed: FreedTime, *, now: datetime) -> list[tuple[Asker, Start]]:
    """Everybody to whom the engine offers a start in a freed time that suits them, best fit first, with the best start.

    Left out are those who were offered it before or said no to it, who freed it themselves, or whom we cannot write to.
    """
    span = Span(minute_of(freed.starts_at), minute_of(freed.ends_at))
    out = set(_offered_before(freed).values_list("client", flat=True))
    if freed.change is not None:
        out.add(freed.change.client_id)
    askers: dict[UUID, Asker] = {}
    candidates = []
    for asker in (*_series_to_mend(freed, span), *_wishes(freed, now)):
        starts = [] if asker.client.pk in out or not asker.client.email else _starts(asker, freed, span, now)
        if starts and (asker.planned is None or _goes_on(asker.planned, now)):
            askers[asker.key] = asker
            candidates.append(_candidate(asker, starts, freed))
    return [(askers[candidate.key], start) for candidate, start in in_order_of_fit(candidates, span)]


def _offered_before(freed: FreedTime) -> QuerySet[Offer]:
    """The offers made of a free time, and those declined when it was free before: a no counts for that time, not for once."""
    within = Q(starts_at__gte=freed.starts_at, starts_at__lt=freed.ends_at)
    return Offer.objects.filter(Q(freed=freed) | within & Q(therapist=freed.therapist_id, state=OfferState.DECLINED))


def wanted_by(entry: WaitlistEntry) -> Wanted:
    """A wish in plain values."""
    return Wanted(
        therapists=frozenset(therapist.pk for therapist in entry.therapists.all()),
        weekdays=frozenset(entry.weekdays),
        first=entry.earliest_on,
        last=entry.latest_on,
        earliest=_minute(entry.starts_from) if entry.starts_from else 0,
        latest=_minute(entry.starts_until) if entry.starts_until else DAY - 1,
        before=minute_of(entry.instead_of.starts_at) if entry.instead_of else None,
    )


def asker_of(entry: WaitlistEntry) -> Asker:
    return Asker(
        client=entry.client,
        treatment=entry.treatment,
        wanted=wanted_by(entry),
        since=entry.created_at,
        reason=OfferReason.WISH,
        entry=entry,
        replaces=entry.instead_of,
    )


def suiting(entry: WaitlistEntry, *, now: datetime) -> list[Start]:
    """Every start that is free now for the client of a wish and suits it, by time."""
    asker = asker_of(entry)
    today = now.astimezone(entry.treatment.location.tz).date()
    first, last = max(today, entry.earliest_on), min(entry.latest_on, today + entry.treatment.horizon)
    if first > last:
        return []
    offers = availability(
        entry.treatment_id,
        first=first,
        last=last,
        now=now,
        therapists=asker.wanted.therapists or None,
        client=entry.client_id,
        ignoring=asker.moving,
        lasting=asker.lasting,
    )
    return [start for start in offers if asker.wanted.suits(start)]


def _series_to_mend(freed: FreedTime, span: Span) -> Iterator[Asker]:
    """Dates of series that were wished for at a start in this time and with this therapist, and had to deviate."""
    first, last = _dates(freed)
    dates = PlannedDate.objects.filter(
        outcome__in=DEVIATED, wished_therapist=freed.therapist_id, wished_date__range=(first, last)
    ).select_related("series__client", "series__treatment__location", "appointment__treatment__location", "appointment__client")
    for planned in dates:
        treatment, minute = planned.series.treatment, _minute(planned.wished_time)
        instant = instant_of(treatment.location.zone, planned.wished_date, minute)
        if instant is not None and span.start <= instant < span.end:
            yield Asker(
                client=planned.series.client,
                treatment=treatment,
                wanted=Wanted(
                    therapists=frozenset([freed.therapist_id]),
                    first=planned.wished_date,
                    last=planned.wished_date,
                    earliest=minute,
                    latest=minute,
                ),
                since=planned.series.created_at,
                reason=OfferReason.USUAL_TIME,
                planned=planned,
                replaces=planned.appointment,
            )


def _goes_on(planned: PlannedDate, now: datetime) -> bool:
    """Whether the date is still theirs to mend: its session is ahead and elsewhere, or it has none in a series that goes on."""
    session = planned.appointment
    if session is not None:
        elsewhere = (session.therapist_id, session.local_date, session.local_time) != (
            planned.wished_therapist_id,
            planned.wished_date,
            planned.wished_time,
        )
        return session.status in CHANGEABLE and session.starts_at > now and elsewhere
    sessions = planned.series.appointments
    return sessions.upcoming(now).exists() or not sessions.filter(status__in=GONE).exists()


def _wishes(freed: FreedTime, now: datetime) -> Iterator[Asker]:
    """Waiting wishes for some day and therapist of this time; which starts suit them is seen later."""
    first, last = _dates(freed)
    named = WaitlistEntry.therapists.through.objects.filter(waitlistentry=OuterRef("pk"))
    wishes: QuerySet[WaitlistEntry] = (
        WaitlistEntry.objects.matchable(now)
        .filter(~Exists(named) | Q(Exists(named.filter(therapist=freed.therapist_id))))
        .filter(earliest_on__lte=last, latest_on__gte=first, treatment__is_active=True, treatment__therapists=freed.therapist_id)
        .select_related("client", "treatment__location", "instead_of__treatment__location", "instead_of__client")
        .prefetch_related("therapists")
    )
    yield from map(asker_of, wishes)


def _starts(asker: Asker, freed: FreedTime, span: Span, now: datetime) -> list[Start]:
    """The starts inside the span that the engine offers this client and that suit them."""
    first, last = _dates(freed)
    first, last = max(first, asker.wanted.first), min(last, asker.wanted.last)
    if first > last:
        return []
    offers = availability(
        asker.treatment.pk,
        first=first,
        last=last,
        now=now,
        therapists=[freed.therapist_id],
        client=asker.client.pk,
        ignoring=asker.moving,
        lasting=asker.lasting,
    )
    return [start for start in offers if span.start <= start.instant < span.end and asker.wanted.suits(start)]


def _candidate(asker: Asker, starts: list[Start], freed: FreedTime) -> Candidate:
    treatment = asker.treatment
    return Candidate(
        key=asker.key,
        starts=tuple(starts),
        preparation=int(treatment.preparation.total_seconds()) // 60,
        reach=int(((asker.lasting or treatment.length) + treatment.turnaround).total_seconds()) // 60,
        since=asker.since,
        mends=asker.planned is not None,
        named=freed.therapist_id in asker.wanted.therapists,
    )


def _dates(freed: FreedTime) -> tuple[date, date]:
    """The local dates that a freed time touches."""
    tz = freed.therapist.location.tz
    return freed.starts_at.astimezone(tz).date(), freed.ends_at.astimezone(tz).date()


def _minute(at: time) -> int:
    return at.hour * 60 + at.minute
