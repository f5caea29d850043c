"""Somebody stands at the desk: the first suitable therapist and room, now."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from booking.engine.slots import Offer, Rule
from booking.engine.zones import local_date
from booking.exceptions import SlotTaken
from booking.models import Appointment
from booking.queries import availability, minute_of, moment_of, why_not
from booking.services.appointments import book_appointment
from clients.models import Client, User
from therapists.models import Therapist, Treatment

#: So many starts are asked about at once.
AT_ONCE = 12


def first_now(treatment: Treatment, *, now: datetime, client: Client | None = None) -> Offer | None:
    """The soonest start of today that no rule but the notice stands against; None where today has none."""
    today = local_date(treatment.location.zone, minute_of(now))
    asker = client.pk if client else None
    offers = availability(treatment.pk, first=today, last=today, now=now, client=asker, overriding=True).of(today)
    ahead = [offer for offer in offers if moment_of(offer.instant) >= now - timedelta(minutes=1)]
    for begin in range(0, len(ahead), AT_ONCE):
        some = ahead[begin : begin + AT_ONCE]
        found = why_not(treatment.pk, [(each.therapist, each.day, each.minute) for each in some], now=now, client=asker)
        for offer, rules in zip(some, found, strict=True):
            if {each.rule for each in rules} <= {Rule.TOO_SOON}:
                return offer
    return None


def book_walk_in(
    client: Client, treatment: Treatment, *, therapist: Therapist, starts_at: datetime, by: User, now: datetime
) -> Appointment:
    """Book the first start of today, if it is still the one that was shown.

    Raises SlotTaken when it is not, NotAllowed for whoever may lift no rule, and what a booking raises.
    """
    first = first_now(treatment, now=now, client=client)
    if first is None or (first.therapist, moment_of(first.instant)) != (therapist.pk, starts_at):
        raise SlotTaken
    return book_appointment(
        client=client,
        therapist=therapist,
        treatment=treatment,
        starts_at=starts_at,
        by=by,
        now=now,
        override_reason=_("walk-in"),
    )
