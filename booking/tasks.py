"""What beat wakes. Each task reads the clock and calls one function; a lost message only means the next one does the work."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone

from booking.notifications.delivery import send_due
from booking.notifications.reminders import queue_due
from booking.notifications.staff import queue_staff_mail
from booking.services.asking import clients_here_since
from booking.services.audit import forget_told, head_of_chain, seal
from booking.services.decisions import escalate
from booking.services.holds import release_expired
from booking.services.intake import weigh_all
from booking.services.notes import forget_notes, lock_unsigned
from booking.services.repairs import NIGHTLY, keep_promises, lapse_repairs
from booking.services.retention import purge_copies
from booking.services.waitlist import lapse_offers, offer_freed
from clients.services.retention import forget

log = structlog.get_logger(__name__)


@shared_task
def send_due_notifications() -> None:
    send_due(timezone.now())


@shared_task
def queue_due_notifications() -> None:
    queue_due(timezone.now())


@shared_task
def queue_mail_to_the_practice() -> None:
    queue_staff_mail(timezone.now())


@shared_task
def expire_holds() -> None:
    release_expired(timezone.now())


@shared_task
def end_unanswered_offers() -> None:
    lapse_offers(timezone.now())


@shared_task
def offer_freed_times() -> None:
    offer_freed(timezone.now())


@shared_task
def tell_of_unanswered_repairs() -> None:
    lapse_repairs(timezone.now())


@shared_task
def check_promises() -> None:
    found = keep_promises(by=None, now=timezone.now(), cause=str(NIGHTLY))
    if found:
        log.error("sessions nobody had seen to", sessions=len(found.dates), other_rooms=len(found.other_rooms))


@shared_task
def weigh_answers() -> None:
    weigh_all(timezone.now())


@shared_task
def escalate_decisions() -> None:
    escalate(timezone.now())


@shared_task
def lock_unsigned_notes() -> None:
    lock_unsigned(timezone.now())


@shared_task
def forget_old_answers() -> None:
    now = timezone.now()
    report, notes = forget(now=now, here_since=clients_here_since), forget_notes(now=now)
    forget_told(now=now)
    log.warning("answers_forgotten", drafts=report.drafts, responses=report.responses, clients=report.clients, notes=notes)


@shared_task
def purge_old_copies() -> None:
    report = purge_copies(now=timezone.now())
    log.warning("notice_copies_purged", notices=report.notices, earlier=report.earlier)


@shared_task
def seal_audit() -> None:
    if sealed := seal():
        log.warning("audit_sealed", entries=sealed, head=str(head_of_chain()))
