"""The states of things, and the named sets of states that rules speak of."""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class AppointmentStatus(TextChoices):
    HELD = "held", _("held")
    BOOKED = "booked", _("booked")
    CONFIRMED = "confirmed", _("confirmed")
    ARRIVED = "arrived", _("arrived")
    IN_SESSION = "in_session", _("in session")
    DONE = "done", _("done")
    NO_SHOW = "no_show", _("did not come")
    CANCELLED = "cancelled", _("cancelled")
    LATE_CANCELLED = "late_cancelled", _("cancelled late")


#: Takes the therapist's, the room's and the client's time; the exclusion constraints stand on these.
BLOCKING = (
    AppointmentStatus.HELD,
    AppointmentStatus.BOOKED,
    AppointmentStatus.CONFIRMED,
    AppointmentStatus.ARRIVED,
    AppointmentStatus.IN_SESSION,
    AppointmentStatus.DONE,
)
#: Still ahead, so it can be moved or cancelled.
CHANGEABLE = (AppointmentStatus.BOOKED, AppointmentStatus.CONFIRMED)
#: What the desk may set next, by state.
NEXT_STATES = {
    AppointmentStatus.BOOKED: (AppointmentStatus.CONFIRMED, AppointmentStatus.ARRIVED, AppointmentStatus.NO_SHOW),
    AppointmentStatus.CONFIRMED: (AppointmentStatus.ARRIVED, AppointmentStatus.NO_SHOW),
    AppointmentStatus.ARRIVED: (AppointmentStatus.IN_SESSION, AppointmentStatus.DONE),
    AppointmentStatus.IN_SESSION: (AppointmentStatus.DONE,),
}


class Outcome(TextChoices):
    """What became of one wished date of a series."""

    KEPT = "kept", _("Kept")
    MOVED = "moved", _("Moved")
    OTHER_THERAPIST = "other_therapist", _("Other therapist")
    NOT_POSSIBLE = "not_possible", _("Not possible")


class HoldState(TextChoices):
    LIVE = "live", _("held")
    BOOKED = "booked", _("booked")
    RELEASED = "released", _("released")


class NotificationKind(TextChoices):
    CONFIRMATION = "confirmation", _("confirmation")
    CHANGED = "changed", _("changed")
    CANCELLED = "cancelled", _("cancelled")


class NotificationState(TextChoices):
    QUEUED = "queued", _("waiting")
    SENT = "sent", _("sent")
    FAILED = "failed", _("could not be delivered")
    DROPPED = "dropped", _("no longer true, not sent")


class AuditAction(TextChoices):
    BOOKED = "booked", _("booked")
    MOVED = "moved", _("moved")
    CANCELLED = "cancelled", _("cancelled")
    STATUS = "status", _("changed state")
    REANCHORED = "reanchored", _("re-anchored")
