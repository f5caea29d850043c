"""A client about whom something stands in every personal column, each word one of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from allauth.account.models import EmailAddress
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType

from booking.engine.recurrence import Course, Phase, Weekly
from booking.enums import AppointmentStatus, AuditAction, Channel, Fit, Matter, NoticeAction, NotificationKind, NotificationState
from booking.models import (
    Addendum,
    Appointment,
    AuditEntry,
    Clearance,
    Decision,
    Note,
    NoteVersion,
    NoteView,
    NoticeAct,
    Notification,
    Offer,
    PlannedDate,
    Reach,
    Repair,
    SessionFlag,
    WaitlistEntry,
)
from booking.services.changes import Move, cancel_sessions, move_sessions
from booking.services.holds import book_hold
from booking.services.series import hold_course
from booking.services.waitlist import offer_by_hand, wish
from clients.models import Client, Handout, ResponseView
from clients.origin import asked_from
from clients.services import record_booking_consent
from clients.services.consents import health_data_question, record_agreement
from clients.services.responses import open_response, save_section, submit_response
from tests.clients.answers import WELL
from tests.factories import AppointmentFactory, ClientFactory
from tests.factories.passkeys import passkey_of

PHONE = "+442079460977"
OTHER_PHONE = "+442079460978"
DAY = timedelta(days=1)


@dataclass
class Planted:
    """``words`` go when the client is erased, wherever they stand; ``health`` stays sealed where the law keeps it."""

    client: Client
    words: list[str] = field(default_factory=lambda: ["79460977", "79460978"])
    health: list[str] = field(default_factory=list)

    def word(self) -> str:
        self.words.append(f"canary{len(self.words):03}zq")
        return self.words[-1]

    def said(self) -> str:
        self.health.append(f"symptom{len(self.health):03}zq")
        return self.health[-1]


def plant(practice: SimpleNamespace, *, was_here: datetime | None, now: datetime) -> Planted:
    """Cora, whose last session was then (or who never came); nothing of hers is ahead. There must be a questionnaire."""
    planted = Planted(ClientFactory(user__name="x", user__email="x@example.org", name="x", email="x@example.org"))
    cora = planted.client
    assert cora.user is not None
    cora.user.name = cora.name = f"Cora {planted.word()}"
    cora.user.email = cora.email = f"{planted.word()}@example.org"
    cora.phone = PHONE
    cora.language = "en-gb"
    cora.user.save()
    cora.save()
    EmailAddress.objects.create(user=cora.user, email=cora.email, verified=True, primary=True)
    passkey_of(cora.user, planted.word())
    record_booking_consent(cora, by=cora.user, now=now)
    _answers(planted, practice, now)
    session = _sessions(planted, practice, now, was_here=was_here)
    _waiting(planted, practice, now)
    _messages(planted, practice, session, now)
    _health(planted, practice, session, now, was_here=was_here)
    _log(planted, practice, session)
    return planted


def _answers(planted: Planted, practice: SimpleNamespace, now: datetime) -> None:
    cora = planted.client
    record_agreement(cora, health_data_question(), by=cora.user, now=now)
    sent = open_response(cora, "first", now=now)
    answers: dict[str, Any] = WELL | {
        "emergency_name": planted.word(),
        "emergency_phone": OTHER_PHONE,
        "doctor_name": planted.word(),
        "allergies": planted.said(),
        "other_health": planted.said(),
    }
    answers["c_sign"] = {"name": planted.word(), "on": now.date().isoformat()}
    save_section(sent, answers, now=now)
    submit_response(sent, by=cora.user, on=now.date(), now=now)
    ResponseView.leave(by=practice.finn, at=now, response=sent)
    draft = open_response(cora, "every", now=now, session_on=now.date())
    save_section(draft, {"changed_text": planted.word()}, now=now)
    token = Handout(client=cora, kind="every", session_on=now.date(), made_by=practice.finn, made_at=now, expires_at=now + DAY)
    token.renew()
    token.save()


def _sessions(planted: Planted, practice: SimpleNamespace, now: datetime, *, was_here: datetime | None) -> Appointment:
    """A series of which all was cancelled, with a session moved before; and the one that took place."""
    cora = planted.client
    course = Course(date(2027, 3, 9), (Phase(Weekly((1,)), count=2),), (540,), (practice.tess.pk,))
    hold = hold_course(course, practice.treatment, owner=str(cora.pk), now=now)
    made = book_hold(hold, client=cora, key=uuid4(), by=cora.user, now=now).appointments
    first = made[0]
    PlannedDate.objects.filter(appointment=first).update(reason={"rule": "taken"})
    move_sessions([Move(first, practice.tess.pk, first.starts_at + 2 * DAY)], by=practice.finn, now=now, reason=planted.word())
    ahead = list(Appointment.objects.filter(client=cora))
    change = cancel_sessions(ahead, by=cora.user, now=now, reason=planted.word(), undo_for=timedelta(minutes=3))
    change.wishes = {"1": {"wished_date": "2027-03-09"}}
    change.save(update_fields=["wishes"])
    if was_here is None:
        return first
    facts = {"client": cora, "therapist": practice.tess, "treatment": practice.treatment}
    return AppointmentFactory(**facts, starts_at=was_here, status=AppointmentStatus.DONE)


def _waiting(planted: Planted, practice: SimpleNamespace, now: datetime) -> None:
    cora = planted.client
    on = date(2027, 3, 10)
    waiting = wish(client=cora, treatment=practice.treatment, by=cora.user, now=now, earliest_on=on, latest_on=on)
    WaitlistEntry.objects.filter(pk=waiting.pk).update(weekdays=[2], starts_from="09:00", starts_until="17:00")
    at_nine = datetime(2027, 3, 10, 9, tzinfo=UTC)
    offer_by_hand(waiting, therapist=practice.jonas, starts_at=at_nine, by=practice.finn, now=now)
    assert Offer.objects.filter(client=cora).exists()
    broken = Repair.objects.create(client=cora, cause=f"Tess Oduya: {planted.word()}", made_at=now, expires_at=now + DAY)
    old = Appointment.objects.filter(client=cora).first()
    broken.replacements.create(
        appointment=old, sequence=0, fit=Fit.SAME_TIME, therapist=practice.jonas, starts_at=at_nine + 5 * DAY
    )
    Reach.objects.create(
        client=cora,
        channel=Channel.SMS,
        declined=["follow_up"],
        bounced=f"{planted.word()}@example.org",
        stopped=PHONE,
        unreached=OTHER_PHONE,
    )


def _messages(planted: Planted, practice: SimpleNamespace, session: Appointment, now: datetime) -> None:
    """Copies of what Cora was sent, and of mails to the practice that speak of her."""
    cora = planted.client
    sent = {"state": NotificationState.SENT, "created_at": now, "due_at": now, "sent_at": now}

    def copy() -> dict[str, str]:
        return {name: planted.word() for name in ("subject", "body", "answer", "last_error")}

    notice = Notification.objects.create(
        kind=NotificationKind.FOLLOW_UP, client=cora, appointment=session, recipient=cora.email, **sent, **copy()
    )
    NoticeAct.objects.create(notification=notice, action=NoticeAction.values[0], by=practice.finn, at=now, before=copy())
    day = {"kind": NotificationKind.DAY_AHEAD, "recipient": "tess@example.org", "therapist": practice.tess}
    Notification.objects.create(**day, on=session.local_date, **sent, **copy())
    named = {"subject": "Tomorrow", "body": f"9:00 {cora.name}, {planted.word()}"}
    Notification.objects.create(**day, on=date(2027, 1, 4), **sent, **named)
    desk = Notification.objects.create(
        kind=NotificationKind.DESK, practice=practice.tess.location, recipient="desk@example.org", **sent, **copy()
    )
    desk.items.create(matter=Matter.UNDELIVERED, about=notice.pk)


def _health(
    planted: Planted, practice: SimpleNamespace, session: Appointment, now: datetime, *, was_here: datetime | None
) -> None:
    cora = planted.client
    flag = {"severity": "review", "state": "clear", "grounds": [planted.said()], "weighed_at": now, "open_since": None}
    SessionFlag.objects.update_or_create(appointment=session, defaults=flag)
    Decision.objects.create(
        client=cora,
        therapist=practice.tess,
        appointment=session,
        outcome="approved",
        terms={"reason": planted.said()},
        grounds=[planted.said()],
        by=practice.finn,
        at=now,
    )
    Clearance.objects.create(
        client=cora,
        given_by=f"Dr {planted.word()}",
        given_on=now.date(),
        reference=planted.word(),
        valid_until=now.date(),
        grounds=[planted.said()],
        recorded_by=practice.finn,
        recorded_at=now,
    )
    planted.words.append("2001:db8::c0:a77a")
    with asked_from(planted.words[-1]):
        AuditEntry.objects.create(appointment=session, action=AuditAction.MOVED, by=cora.user, at=now, reason=planted.word())
    note = Note.objects.create(
        appointment=session, started_at=now, signed_at=now, signed_name="Tess Oduya", locks_at=now + timedelta(hours=1)
    )
    said = {"subjective": planted.said(), "objective": "", "assessment": "", "plan": planted.said(), "points": []}
    NoteVersion.objects.create(
        note=note,
        number=1,
        content=said | {"pain_before": 4, "pain_after": None},
        writer=uuid4(),
        saved_at=now,
        by_name="Tess Oduya",
    )
    Addendum.objects.create(note=note, text=planted.said(), written_at=now + DAY, by_name="Tess Oduya")
    NoteView.leave(by=practice.finn, at=now, note=note)


def _log(planted: Planted, practice: SimpleNamespace, session: Appointment) -> None:
    """What Django's admin wrote down of what the desk did with rows of hers, one of which is gone since."""
    for row, object_id in ((planted.client, planted.client.pk), (session, session.pk), (planted.client, uuid4())):
        LogEntry.objects.create(
            user=practice.finn,
            content_type=ContentType.objects.get_for_model(row),
            object_id=str(object_id),
            object_repr=str(planted.client),
            action_flag=CHANGE,
            change_message=f"Was {planted.client.email}",
        )
