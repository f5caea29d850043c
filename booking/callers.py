"""What the desk sees of whoever may be calling: what they have ahead, how often they came, and what they wait for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, F, Q, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from booking.enums import AppointmentStatus
from booking.models import Appointment, PlannedDate, WaitlistEntry
from clients.models import Client

#: So many of a client's sessions ahead are shown.
AHEAD = 6


@dataclass(frozen=True)
class Caller:
    """A client as the desk sees them while they are on the phone."""

    client: Client
    year: int
    # sessions given, and those to which they did not come, since the year began on the practice's clock
    came: int
    missed: int
    wishes: tuple[WaitlistEntry, ...]
    ahead: tuple[Appointment, ...]
    # how many the series of the next session has; None where it belongs to none
    of: int | None

    @property
    def next(self) -> Appointment | None:
        return self.ahead[0] if self.ahead else None


def callers(clients: Sequence[Client], *, now: datetime) -> list[Caller]:
    """The same clients with what is known of their sessions. Four queries, however many clients; nothing of their answers."""
    known = [client.pk for client in clients]
    year = timezone.localdate(now).year
    ahead = _ahead_of(known, now)
    dates = PlannedDate.objects.counted({each[0].series_id for each in ahead.values() if each[0].series_id})
    tallies = _tallies(known, year)
    waiting: defaultdict[UUID, list[WaitlistEntry]] = defaultdict(list)
    for wish in WaitlistEntry.objects.waiting().filter(client__in=known).select_related("treatment"):
        waiting[wish.client_id].append(wish)
    return [
        Caller(client, year, *tallies.get(client.pk, (0, 0)), tuple(waiting[client.pk]), each, _size(each, dates))
        for client in clients
        for each in [tuple(ahead.get(client.pk, ()))]
    ]


def _ahead_of(clients: Sequence[UUID], now: datetime) -> dict[UUID | None, list[Appointment]]:
    """Of each who has any the first sessions ahead, in order."""
    nth = Window(RowNumber(), partition_by=F("client"), order_by="starts_at")
    ahead = Appointment.objects.upcoming(now).filter(client__in=clients).select_related("therapist").annotate(nth=nth)
    found: defaultdict[UUID | None, list[Appointment]] = defaultdict(list)
    for each in ahead.filter(nth__lte=AHEAD).order_by("starts_at"):
        found[each.client_id].append(each)
    return found


def _size(ahead: Sequence[Appointment], dates: dict[UUID, int]) -> int | None:
    if not ahead or ahead[0].series_id is None:
        return None
    return max(dates.get(ahead[0].series_id, 0), ahead[0].position or 0)


def _tallies(clients: Sequence[UUID], year: int) -> dict[UUID | None, tuple[int, int]]:
    """Of each who had sessions: to how many they came, and to how many not."""
    came, missed = (Count("pk", Q(status=status)) for status in (AppointmentStatus.DONE, AppointmentStatus.NO_SHOW))
    of_year = Appointment.objects.filter(client__in=clients, local_date__year=year).order_by()
    rows = of_year.values("client").annotate(came=came, missed=missed)
    return {row["client"]: (row["came"], row["missed"]) for row in rows}
