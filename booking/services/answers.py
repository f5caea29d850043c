"""What comes back for a text message: the client's answer, and the carrier's report."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from booking.enums import Channel, NotificationKind, NotificationState, TextMeaning
from booking.exceptions import CannotChange
from booking.models import Notification, Reach, TextAnswer
from booking.notifications.replies import Reply, Report, meaning_of
from booking.services.appointments import confirm_coming
from booking.services.reach import start_texts, stop_texts

#: Reminders that left a number within this time are answered by one message.
TOGETHER = timedelta(minutes=5)


@transaction.atomic
def take_reply(reply: Reply, *, now: datetime) -> TextMeaning:
    """Do what a client's text message asks for, once, and say what that is; what else it says is kept nowhere.

    A number may belong to several clients. STOP and START count for all of them; “yes” counts for the sessions that the last
    reminder to this number asked about, whoever's they are.
    """
    answer, is_new = TextAnswer.objects.get_or_create(
        carrier_id=reply.id, defaults={"meaning": meaning_of(reply.text), "came_at": now}
    )
    meaning = TextMeaning(answer.meaning)
    if is_new:
        Reach.objects.note_reached(reply.number)
        _do(meaning, reply.number, now)
    return meaning


def take_report(report: Report, *, now: datetime) -> bool:
    """Keep what became of a notice; the first word on it stands. False while it is being sent: ask for the report once more.

    Whatever else is unknown, went by mail or was never sent stays as it is.
    """
    texts = Notification.objects.filter(pk=report.notice, channel=Channel.SMS)
    left = Q(state__in=(NotificationState.SENT, NotificationState.UNSURE))
    if report.is_delivered:
        may_leave_again = Q(state=NotificationState.QUEUED, doubts__gt=0)
        known = texts.filter(left | may_leave_again).update(
            state=NotificationState.SENT, sent_at=Coalesce("sent_at", now), delivered_at=Coalesce("delivered_at", now)
        )
    else:
        reason = report.reason or _("The carrier could not deliver it.")
        known = texts.filter(left, delivered_at=None).update(state=NotificationState.FAILED, last_error=reason)
    if known:
        _note_number(texts.values_list("recipient", flat=True).get(), report, now)
    return known > 0 or not texts.filter(state=NotificationState.SENDING).exists()


def _note_number(number: str, report: Report, now: datetime) -> None:
    if report.is_delivered:
        Reach.objects.note_reached(number)
    else:
        Reach.objects.note_unreached(number, now)


def _do(meaning: TextMeaning, number: str, now: datetime) -> None:
    if meaning == TextMeaning.STOP:
        stop_texts(number, now=now)
    elif meaning == TextMeaning.START:
        start_texts(number)
    elif meaning == TextMeaning.COMING:
        _confirm_reminded(number, now)


def _confirm_reminded(number: str, now: datetime) -> None:
    """Confirm what the last reminder was about, as far as it is still at that time, and nothing stands in the way."""
    reminders = Notification.objects.filter(
        kind=NotificationKind.REMINDER, channel=Channel.SMS, recipient=number, state=NotificationState.SENT
    )
    last = reminders.order_by("-sent_at").values("sent_at")[:1]
    together = reminders.filter(sent_at__gte=Subquery(last) - TOGETHER, client__phone=number)
    for notice in together.select_related("appointment").order_by("client", "pk"):
        assert notice.appointment is not None  # what a reminder is about
        with suppress(CannotChange):
            confirm_coming(notice.appointment, sequence=notice.sequence, by=None, now=now, reason=_("By text message"))
