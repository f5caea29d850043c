"""Send what is due: each notice once, and none that is no longer true.

A notice is claimed with a lease in one short transaction, checked against its session and noted as handed over in a second one
right before that, and marked in a third; no lock is held while a server is talked to. Marking it in the transaction that claims
it would be one step less, but then a slow server keeps a transaction open (which holds back vacuum, and whoever changes that
row), and a worker that dies leaves no trace: the lock is gone, the notice looks untouched, and whether it has left nobody can
say. With a lease the row itself tells. Claimed and not handed over: it has not left, and the next worker takes it. Handed over
and not marked: it may have left, which is counted, and the kind decides whether it is sent again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from time import monotonic

from django.db import transaction
from django.db.models import Case, F, Prefetch, Value, When
from django.utils.translation import gettext as _

from booking.enums import DERIVED, OWN_VERSION, Channel, NotificationKind, NotificationState
from booking.ical import GONE
from booking.models import Appointment, Link, Notification, Reach
from booking.models.notification import SUBJECTS, NotificationQuerySet
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
CLAIMED_AT_ONCE = 50
#: How many are put in words at once, because that takes little more than one alone; and for how many seconds the words are good.
WRITTEN_AT_ONCE = 25
FRESH = 1.0
#: Seconds after which a batch takes on no more, so that it ends long before its task counts as lost.
BATCH_LASTS = 45
#: Longer than a batch and the slowest conversation, so that nobody else takes what is still being sent.
LEASE = timedelta(minutes=2)
#: Seconds after which an answer is slow, and how many of them a mail domain may take by slow answers in a row; after that the
#: others do not wait for the rest of its mail.
SLOW = 2.0
PATIENCE = 5.0
SLOW_WAITS = timedelta(minutes=1)
#: How long a notice waits whose session is being changed at the very moment.
CHANGED_WAITS = timedelta(seconds=5)
#: Better not told than told twice.
NOT_REPEATED = (NotificationKind.CANCELLED,)


class Batch:
    """One worker's turn. Whoever carries the messages is called when first needed; ``faults`` are ours, raised at the end."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.faults: list[Exception] = []
        self._began = monotonic()
        self._mail = MailServer()
        self._sms: SmsSender | None = None
        self._lost: dict[str, float] = {}

    @property
    def clock(self) -> datetime:
        """What the time is by now."""
        return self.now + timedelta(seconds=monotonic() - self._began)

    @property
    def is_over(self) -> bool:
        return self._mail.is_away or monotonic() - self._began >= BATCH_LASTS

    def send(self, message: Written) -> str:
        """Hand one message over and return the carrier's answer. Raises DeliveryError."""
        began = monotonic()
        try:
            if message.sms is not None:
                self._sms = self._sms or sms_sender()
                return self._sms.send(message.sms)
            assert message.email is not None
            return self._mail.send(message.email)
        finally:
            if message.email is not None:
                self.note_pace(message.email.to[0], monotonic() - began)

    def note_pace(self, recipient: str, seconds: float) -> None:
        """Remember how long a domain kept the others waiting; a quick answer makes up for it."""
        domain = _domain(recipient)
        self._lost[domain] = self._lost.get(domain, 0.0) + seconds if seconds > SLOW else 0.0

    def is_slow(self, recipient: str) -> bool:
        return self._lost.get(_domain(recipient), 0.0) > PATIENCE

    def close(self) -> None:
        self._mail.close()
        if self._sms is not None:
            with suppress(OSError):
                self._sms.close()


def send_due(now: datetime, limit: int = 500) -> int:
    """Send at most ``limit`` notices that are due, oldest first, and say how many went out.

    Another worker passes by what this one has claimed, and one that cannot be sent delays no other.
    Raises ExceptionGroup at the end if some could not be written; these wait for another try like those a server puts off.
    """
    take_back_abandoned(now)
    batch = Batch(now)
    sent = 0
    try:
        while limit > 0 and not batch.is_over:
            claimed = _claim(now, min(limit, CLAIMED_AT_ONCE))
            if not claimed:
                break
            limit -= len(claimed)
            sent += _send_claimed([notice for notice in claimed if notice.state == NotificationState.SENDING], batch)
    finally:
        batch.close()
    if batch.faults:
        raise ExceptionGroup("notices that could not be written", batch.faults)
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
    for state, group in groupby(sorted(claimed, key=attrgetter("state")), attrgetter("state")):
        Notification.objects.filter(pk__in=[notice.pk for notice in group]).update(state=state, lease_until=now + LEASE)
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


def _send_claimed(claimed: Iterable[Notification], batch: Batch) -> int:
    """Send what was claimed, give back what there is no time for, and say how many went out."""
    sent = 0
    left = deque(claimed)
    try:
        while left and not batch.is_over:
            ready = deque(_take_up(_next(left), batch))
            fresh_until = monotonic() + FRESH
            while ready and not batch.is_over and monotonic() < fresh_until:
                notice, message = ready.popleft()
                sent += _send(notice, message, batch)
            left.extendleft(notice for notice, _message in reversed(ready))
    finally:
        if left:
            mine = Notification.objects.filter(pk__in=[notice.pk for notice in left], lease_until=left[0].lease_until)
            mine.filter(state=NotificationState.SENDING).update(state=NotificationState.QUEUED, lease_until=None)
    return sent


def _next(left: deque[Notification]) -> list[Notification]:
    """Take those that are put in words together: many that speak of one session each, which handing over looks at again."""
    group = [left.popleft()]
    while left and len(group) < WRITTEN_AT_ONCE and {group[0].kind, left[0].kind} <= set(DERIVED):
        group.append(left.popleft())
    return group


def _take_up(group: Sequence[Notification], batch: Batch) -> list[tuple[Notification, Written]]:
    """Put in words those that are still ours, still true and may leave at this hour; the others are laid aside."""
    people = ("therapist", "treatment__location__notice_texts")
    about = Appointment.objects.select_related("client__reach", "room", "flag").defer("flag__grounds").prefetch_related(*people)
    mine = Notification.objects.filter(pk__in=[notice.pk for notice in group], lease_until=group[0].lease_until)
    rows = mine.filter(state=NotificationState.SENDING).with_nearer()
    rows = rows.select_related("client__reach", "therapist__location", "therapist__user", "practice")
    current = {row.pk: row for row in rows.prefetch_related(*SUBJECTS[1:], Prefetch("appointment", about))}
    ready = []
    for notice in (current[each.pk] for each in group if each.pk in current):
        try:
            message = _worded(notice, batch)
        except Exception as fault:  # a fault of ours in one notice must not hold up the others; it is raised after them
            batch.faults.append(fault)
            notice.attempts += 1
            _put_off(notice, DeliveryError(repr(fault)), batch.now)
        else:
            if message is not None:
                ready.append((notice, message))
    Link.objects.give_out(message.link for _notice, message in ready if message.link is not None)
    return ready


def _worded(notice: Notification, batch: Batch) -> Written | None:
    """The notice in words; None where it is not to be sent now, and what became of it is noted."""
    clock = batch.clock
    leaves_at = wakes_at(notice, clock)
    if is_too_late(notice, clock):
        _mine(notice).update(state=NotificationState.MISSED, lease_until=None)
    elif not _finds_its_way(notice):
        no_way = _("There is no way left to reach this client.")
        _mine(notice).update(state=NotificationState.FAILED, lease_until=None, last_error=no_way)
    elif leaves_at > clock:
        _mine(notice).update(state=NotificationState.QUEUED, lease_until=None, due_at=leaves_at)
    elif (message := written(notice, batch.now)) is None:
        _mine(notice).update(state=NotificationState.DROPPED, lease_until=None)
    else:
        return message
    return None


def _finds_its_way(notice: Notification) -> bool:
    """A text message leaves only for a number that is still a way to its client; otherwise the notice goes the other way."""
    if notice.channel != Channel.SMS:
        return True
    ways = ways_to(notice.addressee)
    if ways and Way(Channel.SMS, notice.recipient) not in ways:
        notice.channel, notice.recipient = ways[0]
        _mine(notice).update(channel=notice.channel, recipient=notice.recipient)
    return bool(ways)


def _send(notice: Notification, message: Written, batch: Batch) -> bool:
    """Send one notice, if nothing stands in its way by now; note what became of it, and say whether it went out."""
    if batch.is_slow(notice.recipient):
        _mine(notice).update(state=NotificationState.QUEUED, lease_until=None, due_at=batch.now + SLOW_WAITS)
        return False
    notice.attempts += 1
    if not _hand_over(notice, batch.now):
        _mine(notice).update(state=NotificationState.QUEUED, lease_until=None, due_at=batch.now + CHANGED_WAITS)
        return False
    try:
        answer = batch.send(message)
    except DeliveryError as problem:
        _put_off(notice, problem, batch.now)
        return False
    except Exception as fault:
        batch.faults.append(fault)
        _put_off(notice, DeliveryError(repr(fault)), batch.now)
        return False
    _mine(notice).update(
        state=NotificationState.SENT,
        sent_at=batch.now,
        lease_until=None,
        handed_at=None,
        last_error="",
        answer=answer[:300],
        subject=message.subject[:200],
        body=message.kept,
    )
    return True


def _hand_over(notice: Notification, now: datetime) -> bool:
    """Note that it may have left from now on. Not: one that is not ours any more, or whose session is not as its words say."""
    session = notice.appointment
    if session is None:
        return _mine(notice).update(attempts=notice.attempts, handed_at=now) == 1
    return Notification.objects.hand_over(notice, session, now)


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
