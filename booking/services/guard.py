"""What every booking workflow does first and last: lock what it makes scarcer, check it is offered, obey the constraints.

Locks are always taken in the same order, each kind sorted by id: freed times, client, offers, therapists, rooms, repairs, holds,
sessions. So a crowd queues and never deadlocks; whoever comes from the other end passes by what is locked. The exclusion
constraints are the net below the check: whatever they refuse was not written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection
from django.db.models import Q

from booking.engine.matching import Match, Verdict
from booking.engine.recurrence import Rest
from booking.engine.slots import Rule, Why
from booking.exceptions import BookingError, ClientBusy, NotMatched, OutsideAvailability, SlotTaken, TooClose, TooShort
from booking.models import Appointment
from booking.queries import availability, minute_of, moment_of, why_not
from clients.models import Client
from therapists.models import Room, Therapist, Treatment


@dataclass(frozen=True)
class Choice:
    """A start someone asks for; ``position`` counts from 1 in a series. ``room_id`` is preferred where it is free.

    ``lasting``: how long the session takes where that was set by hand before.
    """

    therapist_id: UUID
    starts_at: datetime
    position: int | None = None
    room_id: UUID | None = None
    lasting: timedelta | None = None


@dataclass(frozen=True)
class Place:
    """What a start was found to have: a free room, if it needs one, and how long the session has to be."""

    room_id: UUID | None
    length: timedelta


#: The rules behind which somebody else was faster.
TAKEN = frozenset({Rule.TAKEN, Rule.CAP_REACHED, Rule.NEEDS_REST, Rule.NO_ROOM})

OVERLAPS: dict[str, type[BookingError]] = {
    "therapist_never_twice": SlotTaken,
    "room_never_twice": SlotTaken,
    "client_never_twice": ClientBusy,
}


def lock_client(client_id: UUID) -> None:
    """Queue behind whatever else is done to one client's sessions; alone, or before all other locks."""
    list(Client.objects.select_for_update(no_key=True).filter(pk=client_id).values_list("pk"))


def lock(*, client: Client | None, therapists: Collection[UUID], treatments: Iterable[Treatment], now: datetime) -> None:
    """Queue behind everyone who wants the same people or rooms, then clear the holds that ran out there.

    Must run inside a transaction; the locks last until it ends.
    """
    if client is not None:
        lock_client(client.pk)
    list(Therapist.objects.select_for_update(no_key=True).filter(pk__in=therapists).order_by("pk").values_list("pk"))
    rooms = [
        row[0]
        for row in Room.objects.select_for_update(no_key=True, of=("self",))
        .filter(pk__in=Room.treatments.through.objects.filter(treatment__in=treatments).values("room"))
        .order_by("pk")
        .values_list("pk")
    ]
    over = Appointment.objects.expired_holds(now).filter(Q(therapist__in=therapists) | Q(room__in=rooms))
    expired = list(over.select_for_update().order_by("pk").values_list("pk", flat=True))
    if expired:
        Appointment.objects.filter(pk__in=expired).delete()


@contextmanager
def places_change() -> Iterator[None]:
    """Inside, sessions may meet for a moment, so that they can change places; at the end the constraints decide."""
    names = ", ".join(OVERLAPS)
    with overlap_raises(), connection.cursor() as cursor:
        cursor.execute(f"SET CONSTRAINTS {names} DEFERRED")
        yield
        cursor.execute(f"SET CONSTRAINTS {names} IMMEDIATE")


@contextmanager
def overlap_raises() -> Iterator[None]:
    """Turn a refused overlap into SlotTaken or ClientBusy; any other refusal passes through.

    The transaction around it is lost then, as the workflow is; whoever wants to go on puts a savepoint around.
    """
    with refusals_raise(OVERLAPS):
        yield


@contextmanager
def refusals_raise(errors: Mapping[str, type[BookingError]]) -> Iterator[None]:
    """Turn the refusal of a named constraint into its error; any other passes through."""
    try:
        yield
    except IntegrityError as refusal:
        constraint = str(getattr(getattr(refusal.__cause__, "diag", None), "constraint_name", None))
        if constraint in errors:
            raise errors[constraint]() from refusal
        raise


def require_offered(
    treatment: Treatment,
    choices: Sequence[Choice],
    *,
    client: Client | None,
    now: datetime,
    ignoring: Collection[UUID] = (),
    override: bool = False,
    length: timedelta | None = None,
) -> list[Place]:
    """The room and the length of each choice; the engine must offer every one of them. Only the earliest can be a first session.

    ``override`` lifts the soft rules; ``length`` is that of a session placed by hand (``availability``). Raises SlotTaken,
    ClientBusy, NotMatched or OutsideAvailability, with the choice and the reasons.
    """
    earliest = min(choice.starts_at for choice in choices)
    asked = {"client": client.pk if client else None, "now": now, "ignoring": ignoring, "length": length}
    places: dict[Choice, Place] = {}
    for lasting in dict.fromkeys(choice.lasting for choice in choices):
        alike = [choice for choice in choices if choice.lasting == lasting]
        places |= _places(treatment, alike, earliest, override, asked | {"lasting": lasting})
    if not override:
        _require_together(treatment, choices, client=client, now=now, ignoring=ignoring)
    return [places[choice] for choice in choices]


def _places(
    treatment: Treatment, choices: Sequence[Choice], earliest: datetime, override: bool, asked: dict[str, Any]
) -> dict[Choice, Place]:
    """What ``require_offered`` finds for choices of one length; ``asked`` is what ``availability`` shall know."""
    tz = treatment.location.tz
    dates = [choice.starts_at.astimezone(tz).date() for choice in choices]
    therapists = {choice.therapist_id for choice in choices}
    offers = availability(treatment.pk, first=min(dates), last=max(dates), therapists=therapists, overriding=override, **asked)
    length = asked["length"] or asked["lasting"] or treatment.length
    places: dict[Choice, Place] = {}
    for choice in choices:
        instant = minute_of(choice.starts_at)
        if moment_of(instant) != choice.starts_at or (choice.therapist_id, instant) not in offers:
            local = choice.starts_at.astimezone(tz)
            start = (choice.therapist_id, local.date(), local.hour * 60 + local.minute)
            [why] = why_not(treatment.pk, [start], overriding=override and asked["length"] is not None, **asked)
            raise _refusal(why)(choice=choice, why=why)
        free = offers.rooms(instant)
        room = choice.room_id if choice.room_id in free else next(iter(free), None)
        extra = offers.longer_by(instant) if choice.starts_at == earliest else 0
        places[choice] = Place(room, length + timedelta(minutes=extra))
    return places


def _require_together(
    treatment: Treatment, choices: Sequence[Choice], *, client: Client | None, now: datetime, ignoring: Collection[UUID]
) -> None:
    """What one therapist is to give on one date has to be within their caps as a whole. Raises SlotTaken."""
    alike: defaultdict[tuple[UUID, date], list[Choice]] = defaultdict(list)
    for choice in choices:
        alike[choice.therapist_id, choice.starts_at.astimezone(treatment.location.tz).date()].append(choice)
    for (therapist, day), some in alike.items():
        for choice in some[1:]:
            others = [(each.starts_at, each.lasting or treatment.length) for each in some if each is not choice]
            asker: dict[str, Any] = {"now": now, "client": client.pk if client else None, "ignoring": ignoring}
            asker["lasting"] = choice.lasting
            left = availability(treatment.pk, first=day, last=day, therapists=[therapist], besides=others, **asker)
            if (therapist, minute_of(choice.starts_at)) not in left:
                raise SlotTaken(choice=choice, why=(Why(Rule.CAP_REACHED),))


def require_matched(found: Sequence[Match], dates: Sequence[date]) -> None:
    """Check times that were chosen before it was known for whom: each therapist treats this client on its date.

    Raises NotMatched, and TooClose where the dates leave too little rest.
    """
    if any(match.verdict is Verdict.DECLINES for match in found):
        raise NotMatched
    rest = Rest(max((match.flags.rest_days for match in found), default=0))
    if not rest.allows(sorted(dates)):
        raise TooClose


def lengthen_first(session: Appointment, *, client: Client, now: datetime, ignoring: Collection[UUID]) -> None:
    """Give a held session the length that a first one of this client needs, in its room or another; it is not saved.

    ``ignoring`` are what is held, itself included. Its therapist and rooms are locked. Raises TooShort where there is no room.
    """
    treatment = session.treatment
    day, instant = session.local_date, minute_of(session.starts_at)
    offers = availability(
        treatment.pk,
        first=day,
        last=day,
        now=now,
        therapists=[session.therapist_id],
        client=client.pk,
        ignoring=ignoring,
        overriding=True,
    )
    length = treatment.length + timedelta(minutes=offers.longer_by(instant))
    if length <= session.length:
        return
    if (session.therapist_id, instant) not in offers:
        raise TooShort
    rooms = offers.rooms(instant)
    if rooms and session.room_id not in rooms:
        session.room_id = rooms[0]
    session.ends_at = session.starts_at + length
    session.blocked_until = session.ends_at + treatment.turnaround


def _refusal(why: Sequence[Why]) -> type[BookingError]:
    rules = {reason.rule for reason in why}
    if rules == {Rule.NOT_MATCHED}:
        return NotMatched
    if rules == {Rule.CLIENT_BUSY}:
        return ClientBusy
    if rules and rules <= TAKEN | {Rule.CLIENT_BUSY}:
        return SlotTaken
    return OutsideAvailability
