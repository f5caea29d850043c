"""What the desk does about notices: have one sent at once or once more, and set the rules by which they are made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from booking.enums import SENDABLE_AGAIN, TO_STAFF, Channel, NoticeAction, NotificationState
from booking.models import NoticeAct, NoticeRule, Notification
from booking.notifications.channels import Way, ways_to
from booking.notifications.delivery import why_not_sent
from clients.models import User


class LeftAlone(TextChoices):
    """Why a notice was not sent though somebody asked for it."""

    UNTRUE = "untrue", _("no longer true")
    TOO_LATE = "too_late", _("too late: the session has begun, or a later notice says the same")
    NOT_WAITING = "not_waiting", _("not waiting to be sent")
    NOT_OVER = "not_over", _("still waiting, or dropped as untrue")
    OUT_OF_REACH = "out_of_reach", _("no address or number of the client works")
    SAID_BY_ANOTHER = "said_by_another", _("said by another notice to the same address")


@dataclass
class Acted:
    """How many notices were made due, and how many were left alone, by reason."""

    done: int = 0
    left: Counter[LeftAlone] = field(default_factory=Counter)


def send_now(notices: Iterable[UUID], *, by: User, now: datetime) -> Acted:
    """Let waiting notices leave with the next batch, whatever the hour; what is untrue or too late is left alone."""
    return _each(notices, lambda notice: _send_now(notice, by, now))


def send_again(notices: Iterable[UUID], *, by: User, now: datetime) -> Acted:
    """Queue notices once more that were sent or given up, to where the client can be reached now, if they are still true.

    What the row said of the last time is kept with the act. Mail programs take it for a new message.
    """
    return _each(notices, lambda notice: _send_again(notice, by, now))


def _each(notices: Iterable[UUID], act: Callable[[Notification], LeftAlone | None]) -> Acted:
    acted = Acted()
    for pk in notices:
        with transaction.atomic():
            about = ("client__reach", "series", "appointment__treatment__location", "change", "offer", "repair")
            notice = Notification.objects.with_nearer().select_for_update(of=("self",)).select_related(*about).get(pk=pk)
            why = act(notice)
        if why is None:
            acted.done += 1
        else:
            acted.left[why] += 1
    return acted


def _send_now(notice: Notification, by: User, now: datetime) -> LeftAlone | None:
    """Make one notice due, or say why it stays as it is."""
    if notice.state != NotificationState.QUEUED:
        return LeftAlone.NOT_WAITING
    if why := _untold(notice, now):
        return why
    _note(notice, NoticeAction.SEND_NOW, by, now)
    notice.due_at = notice.asked_at = now
    notice.save(update_fields=["due_at", "asked_at"])
    return None


def _send_again(notice: Notification, by: User, now: datetime) -> LeftAlone | None:
    """Queue one notice once more, or say why not."""
    if notice.state not in SENDABLE_AGAIN:
        return LeftAlone.NOT_OVER
    if why := _untold(notice, now):
        return why
    way = _way(notice)
    if way is None:
        return LeftAlone.OUT_OF_REACH
    try:
        with transaction.atomic():
            _note(notice, NoticeAction.SEND_AGAIN, by, now)
            _queue_copy(notice, way, now)
    except IntegrityError:
        return LeftAlone.SAID_BY_ANOTHER
    return None


def _queue_copy(notice: Notification, way: Way, now: datetime) -> None:
    notice.channel, notice.recipient = way
    notice.state, notice.attempts = NotificationState.QUEUED, 0
    notice.due_at = notice.asked_at = now
    notice.copies += 1
    notice.delivered_at = None
    notice.save(update_fields=["channel", "recipient", "state", "attempts", "due_at", "asked_at", "copies", "delivered_at"])


def _untold(notice: Notification, now: datetime) -> LeftAlone | None:
    """Why the sender would not send a notice, if it would not."""
    instead = why_not_sent(notice, now)
    if instead is None:
        return None
    return LeftAlone.TOO_LATE if instead == NotificationState.MISSED else LeftAlone.UNTRUE


def _way(notice: Notification) -> Way | None:
    """Where a copy goes: to staff as before, to a client by the same channel where that still works."""
    if notice.kind in TO_STAFF:
        return Way(Channel(notice.channel), notice.recipient)
    return min(ways_to(notice.addressee), key=lambda way: way.channel != notice.channel, default=None)


def _note(notice: Notification, action: NoticeAction, by: User, now: datetime) -> None:
    facts = ("state", "channel", "recipient", "attempts", "doubts", "last_error", "answer", "subject", "body")
    before = {name: getattr(notice, name) for name in facts}
    before |= {"sent_at": notice.sent_at.isoformat() if notice.sent_at else None, "due_at": notice.due_at.isoformat()}
    NoticeAct.objects.create(notification=notice, action=action, by=by, at=now, before=before)


def set_rule(rule: NoticeRule, *, now: datetime) -> None:
    """Save a rule; one that is new, switched on, or about something else from now on sends nothing that was due before."""
    was = NoticeRule.objects.filter(pk=rule.pk).first()
    same = was is not None and was.is_on and (was.location_id, was.kind, was.lead) == (rule.location_id, rule.kind, rule.lead)
    if not same:
        rule.since = now
    rule.save()
