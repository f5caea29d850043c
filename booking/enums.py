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
#: What a session on hold cannot become before a clearance; a trigger on the table says the same.
NOT_ON_HOLD = (AppointmentStatus.CONFIRMED, AppointmentStatus.IN_SESSION, AppointmentStatus.DONE)


class Light(TextChoices):
    """What the staff see of a client's form; never an answer. The values name the shapes beside the words."""

    READY = "ready", _("Ready")
    ADJUSTED = "adapt", _("Adjusted")
    TO_CHECK = "review", _("To check")
    ON_HOLD = "hold-on", _("On hold")
    WAITING = "none", _("Waiting")


class FlagState(TextChoices):
    """Where a session stands with what its client answered."""

    CLEAR = "clear", _("nothing to decide")
    TO_DECIDE = "to_decide", _("to decide")
    DECIDED = "decided", _("decided")
    DECLINED = "declined", _("declined")
    ON_HOLD = "on_hold", _("on hold")


class DecisionOutcome(TextChoices):
    APPROVED = "approved", _("goes ahead")
    ADAPTED = "adapted", _("goes ahead within limits")
    DOCTOR_FIRST = "doctor_first", _("a doctor is asked first")
    DECLINED = "declined", _("cannot be treated by this therapist")
    LAPSED = "lapsed", _("nobody decided in time")


#: The therapist does not give the session, whoever said so.
TURNED_AWAY = (DecisionOutcome.DECLINED, DecisionOutcome.LAPSED)


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


class Scope(TextChoices):
    """Which sessions of a series a change is about; a session without a series is always alone."""

    ONE = "one", _("only this one")
    FOLLOWING = "following", _("this and the following")
    ALL = "all", _("all that are still ahead")


class ChangeKind(TextChoices):
    MOVED = "moved", _("moved")
    CANCELLED = "cancelled", _("cancelled")


class WishState(TextChoices):
    WAITING = "waiting", _("waiting")
    SERVED = "served", _("served")
    WITHDRAWN = "withdrawn", _("withdrawn")
    OVER = "over", _("over")


class OfferState(TextChoices):
    OPEN = "open", _("offered")
    ACCEPTED = "accepted", _("accepted")
    DECLINED = "declined", _("declined")
    LAPSED = "lapsed", _("lapsed")
    WITHDRAWN = "withdrawn", _("withdrawn")


class OfferReason(TextChoices):
    USUAL_TIME = "usual_time", _("back to the usual time")
    WISH = "wish", _("a wish on the waiting list")
    DESK = "desk", _("offered by the desk")


class RepairState(TextChoices):
    OPEN = "open", _("waiting for an answer")
    ACCEPTED = "accepted", _("accepted")
    CHOSEN = "chosen", _("chose other times")
    CANCELLED = "cancelled", _("cancelled without penalty")
    LAPSED = "lapsed", _("no answer")
    SETTLED = "settled", _("settled by the desk")


#: On the desk's list: nobody settled it, whether there is time left or not.
UNSETTLED = (RepairState.OPEN, RepairState.LAPSED)


class Fit(TextChoices):
    """How well a broken session can be replaced."""

    SAME_THERAPIST = "same_therapist", _("same therapist, other time")
    SAME_TIME = "same_time", _("other therapist, same time")
    OTHER = "other", _("other therapist, other time")
    NONE = "none", _("no replacement")


class NotificationKind(TextChoices):
    CONFIRMATION = "confirmation", _("confirmation")
    CHANGED = "changed", _("changed")
    CANCELLED = "cancelled", _("cancelled")
    OFFER = "offer", _("offer of a free time")
    REPAIR = "repair", _("replacement offered")
    REPAIR_LAPSED = "repair_lapsed", _("replacement not answered")
    REMINDER = "reminder", _("reminder")
    FORM = "form", _("form asked for")
    SERIES_ENDING = "series_ending", _("series about to end")
    FOLLOW_UP = "follow_up", _("after a session")
    REVIEW = "review", _("something to decide")
    REVIEW_AGAIN = "review_again", _("still to decide")
    REVIEW_LATE = "review_late", _("not decided")
    CLEARED = "cleared", _("no longer on hold")
    DAY_AHEAD = "day_ahead", _("a therapist’s day")
    DESK = "desk", _("for the desk to see to")


#: Notices that follow from a session and the practice's rules; those of BEFORE_START are of no use once it has begun.
BEFORE_START = (NotificationKind.REMINDER, NotificationKind.FORM, NotificationKind.SERIES_ENDING)
DERIVED = (*BEFORE_START, NotificationKind.FOLLOW_UP)
#: What a client may do without. The law, or their safety, needs the others.
DECLINABLE = DERIVED
#: To the practice itself, about no one client.
TO_PRACTICE = (NotificationKind.DAY_AHEAD, NotificationKind.DESK)
#: What tells a therapist that there is something to decide.
TO_DECIDE = (NotificationKind.REVIEW, NotificationKind.REVIEW_AGAIN, NotificationKind.REVIEW_LATE)
#: To the staff, in the practice's language and our words. All others go to clients: the practice may put them in its own.
TO_STAFF = (
    NotificationKind.REPAIR_LAPSED,
    *TO_DECIDE,
    *TO_PRACTICE,
)
TO_CLIENTS = tuple(kind for kind in NotificationKind if kind not in TO_STAFF)
#: Their version counts the rounds of a flag or the clearances, not the times of the session.
OWN_VERSION = (*TO_DECIDE, NotificationKind.CLEARED)


class NotificationState(TextChoices):
    QUEUED = "queued", _("waiting")
    SENDING = "sending", _("being sent")
    SENT = "sent", _("sent")
    FAILED = "failed", _("could not be delivered")
    DROPPED = "dropped", _("no longer true, not sent")
    MISSED = "missed", _("too late, not sent")
    UNSURE = "unsure", _("perhaps sent, not sent again")


#: Still to be sent.
UNSENT = (NotificationState.QUEUED, NotificationState.SENDING)
#: Nobody can say that the client was told: the desk's list.
UNDELIVERED = (NotificationState.FAILED, NotificationState.MISSED, NotificationState.UNSURE)


#: What the desk may have sent once more.
SENDABLE_AGAIN = (*UNDELIVERED, NotificationState.SENT)


class NoticeAction(TextChoices):
    SEND_NOW = "send_now", _("sent at once")
    SEND_AGAIN = "send_again", _("sent again")


class Channel(TextChoices):
    EMAIL = "email", _("e-mail")
    SMS = "sms", _("text message")


class TextMeaning(TextChoices):
    """What a client's text message says to us."""

    COMING = "coming", _("is coming")
    STOP = "stop", _("no more text messages")
    START = "start", _("text messages again")
    OTHER = "other", _("something else")


class Matter(TextChoices):
    """What the desk is told of."""

    UNDELIVERED = "undelivered", _("not delivered")
    FORM = "form", _("form not answered")
    UNFILLED = "unfilled", _("free again, not taken")


class RuleChannel(TextChoices):
    PREFERRED = "preferred", _("the way the client prefers")
    OTHER = "other", _("the other way, where there is one")


class Night(TextChoices):
    """Where the quiet hours move a notice that would fall into them."""

    EARLIER = "earlier", _("to the evening before")
    LATER = "later", _("to the morning after")


class AuditAction(TextChoices):
    BOOKED = "booked", _("booked")
    MOVED = "moved", _("moved")
    CANCELLED = "cancelled", _("cancelled")
    STATUS = "status", _("changed state")
    UNDONE = "undone", _("undone")
    REANCHORED = "reanchored", _("re-anchored")
    ON_HOLD = "on_hold", _("put on hold")
    CLEARED = "cleared", _("taken off hold")
    DECIDED = "decided", _("decided")
    READ_ANSWERS = "read_answers", _("read answers")
    READ_NOTE = "read_note", _("read a note")
    CORRECTED = "corrected", _("changed details")
    ERASED = "erased", _("erased")
    LOOKED_AT = "looked_at", _("looked at")
    TAKEN_ALONG = "taken_along", _("took a copy")
    CALLED = "called", _("called")
    ADDED = "added", _("added")
    CHANGED = "changed", _("changed")
    DELETED = "deleted", _("deleted")


#: Of what somebody did: that they read about a client's health.
READINGS = (AuditAction.READ_ANSWERS, AuditAction.READ_NOTE)


class FeedShows(TextChoices):
    """What a therapist's calendar feed says of a session, besides when it is."""

    INITIALS = "initials", _("initials and room")
    BUSY = "busy", _("busy only")
