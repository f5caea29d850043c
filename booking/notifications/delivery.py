"""Send what is due: each notice once, and none that is no longer true.

A notice is claimed with a lease in one short transaction, checked and put in words in a second one right before it is handed
over, and marked in a third; no lock is held while a server is talked to. Marking it in the transaction that claims it would be
one step less, but then a slow server keeps a transaction open (which holds back vacuum, and whoever changes that row), and a
worker that dies leaves no trace: the lock is gone, the notice looks untouched, and whether it has left nobody can say. With a
lease the row itself tells. Claimed and not handed over: it has not left, and the next worker takes it. Handed over and not
marked: it may have left, which is counted, and the kind decides whether it is sent again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from time import monotonic

from django.db import transaction
from django.db.models import Case, F, Value, When
from django.utils.translation import gettext as _

from booking.enums import OWN_VERSION, Channel, NotificationKind, NotificationState
from booking.ical import GONE
from booking.models import Notification, Reach
from booking.models.notification import NotificationQuerySet
from booking.notifications.channels import Way, ways_to
from booking.notifications.errors import DeliveryError
from booking.notifications.mail import MailServer
from booking.notifications.reminders import is_too_late, wakes_at
from booking.notifications.render import Written, is_true, written
from booking.notifications.sms import SmsSender, sms_sender

#: How long to wait before the next try, by the number of tries so far; from the last on it stays the same.
BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10))
GIVE_UP_AFTER = timedelta(days=2)
#: How many are claimed at once; whatever of them is not reached is given back.
CLAIMED_AT_ONCE = 25
#: Seconds after which a batch takes on no more, so that it ends long before its task counts as lost.
BATCH_LASTS = 45
#: Longer than a batch and the slowest conversation, so that nobody else takes what is still being sent.
LEASE = timedelta(minutes=2)
#: Seconds after which a mail domain is slow; the others do not wait for the rest of its mail.
SLOW = 2.0
SLOW_WAITS = timedelta(minutes=1)
#: What a notice is about, loaded with it.
ABOUT = (
    *("client", "series", "appointment__treatment__location", "change", "offer", "repair"),
    *("therapist__location", "therapist__user", "practice"),
)
#: Better not told than told twice.
NOT_REPEATED = (NotificationKind.CANCELLED,)


class Post:
    """Whoever carries a batch, each opened when it is first needed; and the domains that kept it waiting."""

    def __init__(self) -> None:
        self.mail = MailServer()
        self._sms: SmsSender | None = None
        self.slow: set[str] = set()

    def send(self, message: Written) -> str:
        """Hand one message over and return the carrier's answer. Raises DeliveryError."""
        began = monotonic()
        try:
            if message.sms is not None:
                self._sms = self._sms or sms_sender()
                return self._sms.send(message.sms)
            assert message.email is not None
            return self.mail.send(message.email)
        finally:
            if message.email is not None and monotonic() - began > SLOW:
                self.slow.add(_domain(message.email.to[0]))

    def close(self) -> None:
        self.mail.close()
        if self._sms is not None:
            with suppress(OSError):
                self._sms.close()


def send_due(now: datetime, limit: int = 500) -> int:
    """Send at most ``limit`` notices that are due, oldest first, and say how many went out.

    Another worker passes by what this one has claimed, and one that cannot be sent delays no other.
    Raises ExceptionGroup at the end if some could not be written; these wait for another try like those a server puts off.
    """
    take_back_abandoned(now)
    ends = monotonic() + BATCH_LASTS
    post = Post()
    sent = 0
    faults: list[Exception] = []
    try:
        while limit > 0 and not post.mail.is_away and monotonic() < ends:
            claimed = _claim(now, min(limit, CLAIMED_AT_ONCE))
            if not claimed:
                break
            limit -= len(claimed)
            sent += _send_claimed(claimed, post, now, ends, faults)
    finally:
        post.close()
    if faults:
        raise ExceptionGroup("notices that could not be written", faults)
    return sent


def take_back_abandoned(now: datetime) -> None:
    """Free what somebody claimed and never marked; what may have left is sent again or not, as its kind says."""
    never_left = When(handed_at=None, then=Value(NotificationState.QUEUED))
    not_again = When(kind__in=NOT_REPEATED, then=Value(NotificationState.UNSURE))
    Notification.objects.abandoned(now).update(
        state=Case(never_left, not_again, default=Value(NotificationState.QUEUED)),
        doubts=Case(When(handed_at=None, then=F("doubts")), default=F("doubts") + 1),
        lease_until=None,
        handed_at=None,
    )


@transaction.atomic
def _claim(now: datetime, size: int) -> list[Notification]:
    """Take the oldest due notices for the length of a lease; those about another time, or a session called off, are dropped."""
    due = (
        Notification.objects.due(now)
        .select_for_update(skip_locked=True, of=("self",))
        .select_related("appointment")
        .order_by("due_at")[:size]
    )
    claimed = list(due)
    for notice in claimed:
        notice.state = NotificationState.SENDING if _is_current(notice) else NotificationState.DROPPED
        notice.lease_until = now + LEASE
    Notification.objects.bulk_update(claimed, ["state", "lease_until"])
    return claimed


def why_not_sent(notice: Notification, now: datetime) -> NotificationState | None:
    """What a notice would become instead of being sent: dropped as untrue, missed as too late; None where it may leave."""
    if not _is_current(notice):
        return NotificationState.DROPPED
    if is_too_late(notice, now):
        return NotificationState.MISSED
    return None if is_true(notice, now) else NotificationState.DROPPED


def _is_current(notice: Notification) -> bool:
    session = notice.appointment
    if session is None:
        return True
    gone = session.status in GONE and notice.kind != NotificationKind.CANCELLED
    return not gone and (notice.kind in OWN_VERSION or notice.sequence == session.sequence)


def _send_claimed(claimed: Sequence[Notification], post: Post, now: datetime, ends: float, faults: list[Exception]) -> int:
    """Send what was claimed, give back what there is no time for, and say how many went out."""
    sent = 0
    left = [notice for notice in claimed if notice.state == NotificationState.SENDING]
    try:
        while left and not post.mail.is_away and monotonic() < ends:
            notice = left.pop(0)
            if _domain(notice.recipient) in post.slow:
                _mine(notice).update(state=NotificationState.QUEUED, due_at=now + SLOW_WAITS, lease_until=None)
            else:
                sent += _send(notice, post, now, faults)
    finally:
        if left:
            mine = Notification.objects.filter(pk__in=[notice.pk for notice in left], lease_until=left[0].lease_until)
            mine.filter(state=NotificationState.SENDING).update(state=NotificationState.QUEUED, lease_until=None)
    return sent


def _send(notice: Notification, post: Post, now: datetime, faults: list[Exception]) -> bool:
    """Send one notice, if it is still to be sent; note what became of it, and say whether it went out."""
    notice.attempts += 1
    try:
        message = _take_up(notice, now)
        answer = post.send(message) if message else ""
    except DeliveryError as problem:
        _put_off(notice, problem, now)
        return False
    except Exception as fault:  # a fault of ours in one notice must not hold up the others; it is raised after them
        faults.append(fault)
        _put_off(notice, DeliveryError(repr(fault)), now)
        return False
    if message is None:
        return False
    _mine(notice).update(
        state=NotificationState.SENT,
        sent_at=now,
        lease_until=None,
        handed_at=None,
        last_error="",
        answer=answer[:300],
        subject=message.subject[:200],
        body=message.kept,
    )
    return True


@transaction.atomic
def _take_up(notice: Notification, now: datetime) -> Written | None:
    """The notice in words, if it is still ours, still true and may leave at this hour; from now on it may have left."""
    current = _mine(notice).select_for_update(of=("self",)).select_related(*ABOUT).first()
    if current is None:
        return None
    message, leaves_at = None, wakes_at(current, now)
    if is_too_late(current, now):
        _lay_aside(current, NotificationState.MISSED)
    elif not _finds_its_way(current):
        current.last_error = _("There is no way left to reach this client.")
        _lay_aside(current, NotificationState.FAILED)
    elif leaves_at > now:
        current.due_at = leaves_at
        _lay_aside(current, NotificationState.QUEUED)
    elif (message := written(current, now)) is None:
        _lay_aside(current, NotificationState.DROPPED)
    else:
        current.attempts, current.handed_at = notice.attempts, now
        notice.channel, notice.recipient = current.channel, current.recipient
        current.save(update_fields=["attempts", "handed_at", "channel", "recipient"])
    return message


def _finds_its_way(notice: Notification) -> bool:
    """A text message leaves only for a number that is still a way to its client; otherwise the notice goes the other way."""
    if notice.channel != Channel.SMS:
        return True
    ways = ways_to(notice.addressee)
    if ways and Way(Channel.SMS, notice.recipient) not in ways:
        notice.channel, notice.recipient = ways[0]
    return bool(ways)


def _lay_aside(notice: Notification, state: NotificationState) -> None:
    notice.state, notice.lease_until = state, None
    notice.save(update_fields=["state", "lease_until", "due_at", "last_error"])


def _put_off(notice: Notification, problem: DeliveryError, now: datetime) -> None:
    """Note why it was not sent and when it is tried again, or that it never will be."""
    state, due_at = NotificationState.QUEUED, now + BACK_OFF[max(0, min(notice.attempts, len(BACK_OFF)) - 1)]
    if problem.perhaps_taken and notice.kind in NOT_REPEATED:
        state = NotificationState.UNSURE
    elif problem.permanent or now - (notice.asked_at or notice.created_at) >= GIVE_UP_AFTER:
        state = NotificationState.FAILED
    _mine(notice).update(
        state=state,
        attempts=notice.attempts,
        due_at=due_at if state == NotificationState.QUEUED else notice.due_at,
        lease_until=None,
        handed_at=None,
        doubts=F("doubts") + int(problem.perhaps_taken),
        last_error=str(problem)[:300],
    )
    if problem.bounced and notice.channel == Channel.SMS:
        Reach.objects.note_unreached(notice.recipient, now)
    elif problem.bounced and notice.client_id is not None:
        Reach.objects.note_bounce(notice.client_id, notice.recipient, now)


def _mine(notice: Notification) -> NotificationQuerySet:
    """The row of a notice, as long as nobody else has claimed it since."""
    return Notification.objects.filter(pk=notice.pk, state=NotificationState.SENDING, lease_until=notice.lease_until)


def _domain(recipient: str) -> str:
    return recipient.rpartition("@")[2] if "@" in recipient else ""
