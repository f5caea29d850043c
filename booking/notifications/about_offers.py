"""A free time offered to one person: what it is, until when it is theirs, and what it would take the place of."""

from __future__ import annotations

from datetime import datetime

from booking.enums import OfferReason
from booking.models import Appointment, Notification, Offer
from booking.notifications.contents import Contents


def tell(notice: Notification, now: datetime) -> Contents | None:
    """What is offered; None when it can no longer be accepted."""
    offers = Offer.objects.answerable(now).select_related(
        "client", "treatment__location", "replaces__therapist", "replaces__treatment__location"
    )
    offer = offers.filter(notifications=notice).first()
    held = None if offer is None or offer.hold_id is None else _held(offer)
    if offer is None or held is None:
        return None
    context = {
        "offer": offer,
        "first": held,
        "name": offer.client.name.partition(" ")[0],
        "treatment": offer.treatment,
        "zone": held.zone,
        "usual": offer.reason == OfferReason.USUAL_TIME,
    }
    # the link goes on to tell what became of it
    return Contents(offer.treatment.location, context, held.ends_at)


def _held(offer: Offer) -> Appointment | None:
    return Appointment.objects.select_related("therapist", "room").filter(hold=offer.hold_id).first()
