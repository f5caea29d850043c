"""What is free, as the desk sees it: for a caller, and beside a booked session where it could move or who could take it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from booking.engine.planner import Start
from booking.engine.slots import Offer, Offers
from booking.models import Appointment
from booking.queries import availability, first_free, minute_of
from clients.models import Client
from therapists.models import Room, Therapist, Treatment

#: Days that are looked through before and after the week shown, for what is nearest.
AROUND = timedelta(days=7)
WEEK = timedelta(days=7)
#: Therapists whose free times are listed, beside those of whoever is preferred.
COLLEAGUES = 8
NEAREST = 4


@dataclass(frozen=True)
class Free:
    """The free times of one therapist on the day shown."""

    therapist: Therapist
    starts: tuple[Start, ...]


@dataclass(frozen=True)
class Times:
    """A week of free times around a day. Of ``free`` the first are those of whoever is preferred, even if there are none."""

    day: date
    week: tuple[tuple[date, int], ...]
    free: tuple[Free, ...]
    #: how many more are free that day than are listed
    more: int
    offers: Offers
    people: dict[object, Therapist]
    preferred: UUID | None

    def nearest(self, on: date, minute: int, *, besides: Collection[Start]) -> list[tuple[Start, Therapist]]:
        """The free starts nearest to a time that is wanted, one a time; without those that were spoken of already."""

        def far(offer: Offer) -> tuple[int, bool]:
            apart = (offer.day - on).days * 24 * 60 + offer.minute - minute
            return abs(apart), offer.therapist != self.preferred

        seen: dict[tuple[date, int], Offer] = {}
        for offer in sorted(self.offers, key=far):
            if start_of(offer) not in besides:
                seen.setdefault((offer.day, offer.minute), offer)
            if len(seen) == NEAREST:
                break
        return [(start_of(each), self.people[each.therapist]) for each in seen.values() if each.therapist in self.people]


def times_around(asked: date | None, going: Sequence[Appointment], *, now: datetime) -> Times:
    """What is free for the first of these sessions of one client, with all of them out of the way; on its own day by default."""
    session = going[0]
    situation: dict[str, Any] = {
        "client": session.client_id,
        "ignoring": [each.pk for each in going],
        "lasting": session.kept_length,
    }
    besides = {(session.therapist_id, minute_of(session.starts_at))}
    return _times(session.treatment, asked or session.local_date, session.therapist_id, besides, now=now, **situation)


def times_for(
    client: Client, treatment: Treatment, asked: date | None, *, therapist: Therapist | None, daily: bool, now: datetime
) -> Times:
    """What is free for somebody who calls, with one therapist or with all; on the first day with a free time by default."""
    only = [therapist.pk] if therapist else None
    if asked is None:
        soonest = first_free(treatment.pk, now=now, therapists=only, client=client.pk)
        asked = soonest.day if soonest else now.astimezone(treatment.location.tz).date()
    preferred = therapist.pk if therapist else None
    return _times(treatment, asked, preferred, (), now=now, therapists=only, client=client.pk, daily=daily)


def _times(
    treatment: Treatment,
    asked: date,
    preferred: UUID | None,
    besides: Collection[tuple[UUID, int]],
    *,
    now: datetime,
    **situation: Any,
) -> Times:
    """``besides``: therapists and instants that are not listed. ``situation`` as for ``availability``."""
    today = now.astimezone(treatment.location.tz).date()
    day = min(max(asked, today), today + treatment.horizon)
    monday = day - timedelta(days=day.weekday())
    offers = availability(treatment.pk, first=max(monday - AROUND, today), last=monday + WEEK + AROUND, now=now, **situation)
    by_therapist: defaultdict[object, list[Start]] = defaultdict(list)
    for offer in offers.of(day):
        if (offer.therapist, offer.instant) not in besides:
            by_therapist[offer.therapist].append(start_of(offer))
    first = [preferred] if preferred else []
    people: dict[object, Therapist] = dict(Therapist.objects.in_bulk([*first, *offers.therapists]))
    own = [Free(people[key], tuple(by_therapist.pop(key, ()))) for key in first]
    others = [Free(people[key], tuple(by_therapist[key])) for key in offers.therapists if key in by_therapist]
    week = [monday + timedelta(days=n) for n in range(7)]
    return Times(
        day,
        tuple((each, offers.by_anyone(each).bit_count()) for each in week),
        (*own, *others[:COLLEAGUES]),
        len(others[COLLEAGUES:]),
        offers,
        people,
        preferred,
    )


def start_of(offer: Offer) -> Start:
    return Start(offer.therapist, offer.day, offer.minute)


@dataclass(frozen=True)
class Substitute:
    """A therapist or a room that can take some of the sessions where they are; ``left`` are those it cannot."""

    who: Therapist | Room
    free: tuple[Appointment, ...]
    left: tuple[Appointment, ...]

    @property
    def is_room(self) -> bool:
        return isinstance(self.who, Room)


@dataclass(frozen=True)
class Substitutes:
    """Who and which room is free at the very times of the sessions, most of them first; ``busy`` is free at none."""

    therapists: tuple[Substitute, ...]
    rooms: tuple[Substitute, ...]
    busy: tuple[Therapist, ...]


def substitutes(going: Sequence[Appointment], *, now: datetime) -> Substitutes:
    """What else could take these sessions of one client, each at its own time and with its own length.

    Neither notice nor horizon counts, as with everything the practice places by hand; all other rules do.
    """
    treatment: Treatment = going[0].treatment
    offers = {length: _by_hand(going, length, now) for length in {each.length for each in going}}
    able = list(treatment.therapists.filter(is_active=True).order_by("name"))
    rooms = list(treatment.rooms.filter(is_active=True).order_by("name"))
    free_rooms = {each.pk: set(offers[each.length].rooms(minute_of(each.starts_at))) for each in going}
    therapists = []
    for who in able:
        wanted = [each for each in going if each.therapist_id != who.pk]
        free = [each for each in wanted if (who.pk, minute_of(each.starts_at)) in offers[each.length]]
        therapists.append(Substitute(who, tuple(free), tuple(each for each in wanted if each not in free)))
    found = []
    for room in rooms:
        elsewhere = [each for each in going if each.room_id != room.pk]
        into = [each for each in elsewhere if room.pk in free_rooms[each.pk]]
        found.append(Substitute(room, tuple(into), tuple(each for each in elsewhere if each not in into)))
    return Substitutes(
        tuple(sorted((each for each in therapists if each.free), key=lambda each: -len(each.free))),
        tuple(sorted((each for each in found if each.free), key=lambda each: -len(each.free))),
        tuple(each.who for each in therapists if each.left and not each.free and isinstance(each.who, Therapist)),
    )


def _by_hand(going: Sequence[Appointment], length: timedelta, now: datetime) -> Offers:
    alike = [each for each in going if each.length == length]
    return availability(
        going[0].treatment_id,
        first=min(each.local_date for each in alike),
        last=max(each.local_date for each in alike),
        now=now,
        client=going[0].client_id,
        ignoring=[each.pk for each in going],
        length=length,
    )
