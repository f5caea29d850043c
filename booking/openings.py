"""What is free beside a booked session: the times it could move to, and who or which room could take it where it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from booking.engine.planner import Start
from booking.engine.slots import Offer, Offers
from booking.models import Appointment
from booking.queries import availability, minute_of
from therapists.models import Room, Therapist, Treatment

#: Days that are looked through before and after the week shown, for what is nearest.
AROUND = timedelta(days=7)
WEEK = timedelta(days=7)
#: Colleagues whose free times are listed beside those of the session's own therapist.
COLLEAGUES = 8
NEAREST = 4


@dataclass(frozen=True)
class Free:
    """The free times of one therapist on the day shown."""

    therapist: Therapist
    starts: tuple[Start, ...]


@dataclass(frozen=True)
class Times:
    """A week of free times around a day, for the first of the sessions in question."""

    day: date
    week: tuple[tuple[date, int], ...]
    own: Free
    colleagues: tuple[Free, ...]
    #: how many more are free that day than are listed
    more: int
    offers: Offers
    people: dict[object, Therapist]

    def nearest(self, on: date, minute: int, *, besides: Collection[Start]) -> list[tuple[Start, Therapist]]:
        """The free starts nearest to a time that is wanted, one a time; without those that were spoken of already."""

        def far(offer: Offer) -> tuple[int, bool]:
            apart = (offer.day - on).days * 24 * 60 + offer.minute - minute
            return abs(apart), offer.therapist != self.own.therapist.pk

        seen: dict[tuple[date, int], Offer] = {}
        for offer in sorted(self.offers, key=far):
            if _start(offer) not in besides:
                seen.setdefault((offer.day, offer.minute), offer)
            if len(seen) == NEAREST:
                break
        return [(_start(each), self.people[each.therapist]) for each in seen.values() if each.therapist in self.people]


def times_around(asked: date | None, going: Sequence[Appointment], *, now: datetime) -> Times:
    """What is free for the first of these sessions of one client, with all of them out of the way; on its own day by default."""
    session = going[0]
    treatment = session.treatment
    today = now.astimezone(treatment.location.tz).date()
    day = min(max(asked or session.local_date, today), today + treatment.horizon)
    monday = day - timedelta(days=day.weekday())
    offers = availability(
        treatment.pk,
        first=max(monday - AROUND, today),
        last=monday + WEEK + AROUND,
        now=now,
        client=session.client_id,
        ignoring=[each.pk for each in going],
        lasting=session.kept_length,
    )
    by_therapist: defaultdict[object, list[Start]] = defaultdict(list)
    for offer in offers.of(day):
        if (offer.therapist, minute_of(session.starts_at)) != (session.therapist_id, offer.instant):
            by_therapist[offer.therapist].append(_start(offer))
    people: dict[object, Therapist] = dict(Therapist.objects.in_bulk([session.therapist_id, *offers.therapists]))
    own = Free(people[session.therapist_id], tuple(by_therapist.pop(session.therapist_id, ())))
    others = [Free(people[key], tuple(by_therapist[key])) for key in offers.therapists if key in by_therapist]
    week = [monday + timedelta(days=n) for n in range(7)]
    return Times(
        day,
        tuple((each, offers.by_anyone(each).bit_count()) for each in week),
        own,
        tuple(others[:COLLEAGUES]),
        len(others[COLLEAGUES:]),
        offers,
        people,
    )


def _start(offer: Offer) -> Start:
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
