"""One notice of every kind, all of them true at the moment they are made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from booking.engine.recurrence import Course, Phase, Weekly
from booking.enums import AppointmentStatus, Channel, Fit, FlagState, Matter, NotificationKind, NotificationState
from booking.models import Appointment, Notification, Repair, SessionFlag
from booking.notifications.render import Written, written
from booking.services.appointments import book_appointment
from booking.services.changes import Move, cancel_sessions, move_sessions
from booking.services.holds import book_hold
from booking.services.series import hold_course
from booking.services.waitlist import offer_by_hand, wish
from clients.models import Client
from tests.factories import AppointmentFactory

TUESDAY = datetime(2027, 3, 9, 9, tzinfo=UTC)
DAY = timedelta(days=1)
K = NotificationKind


def one_of_each(practice: SimpleNamespace, now: datetime, *, because: str = "ill") -> dict[str, Notification]:
    """To Ada (or, about her, to the staff), by e-mail. ``because``: what was said to every service that asks why.

    There must be a questionnaire that she has not answered.
    """
    session = _booked(practice, TUESDAY + timedelta(hours=4), now)
    about: dict[NotificationKind, dict[str, Any]] = {}
    for kind in (K.REMINDER, K.FORM, K.SERIES_ENDING, K.CLEARED):
        about[kind] = {"appointment": session}
    weighed = _booked(practice, TUESDAY + DAY, now)
    for kind in (K.REVIEW, K.REVIEW_AGAIN, K.REVIEW_LATE):
        about[kind] = {"appointment": weighed}
    about |= {K.FOLLOW_UP: {"appointment": _done(practice, now)}} | _changes(practice, now, because)
    about |= {K.OFFER: {"offer": _offered(practice, now)}}
    broken = _broken(practice, now, because)
    about |= {K.REPAIR: {"repair": broken}, K.REPAIR_LAPSED: {"repair": broken}}
    about |= {K.CONFIRMATION: {"series": _series(practice, now)}}
    about[K.DAY_AHEAD] = {"client": None, "therapist": practice.tess, "on": weighed.local_date}
    about[K.DESK] = {"client": None, "practice": practice.tess.location}
    _to_decide(weighed, now)
    Notification.objects.all().delete()
    made = {kind: _notice(practice.ada, now, kind, subject) for kind, subject in about.items()}
    failed = _notice(practice.ada, now, K.REMINDER, {"appointment": weighed, "state": NotificationState.FAILED})
    made[K.DESK].items.create(matter=Matter.UNDELIVERED, about=failed.pk)
    return made


def _notice(ada: Client, now: datetime, kind: NotificationKind, about: dict[str, Any]) -> Notification:
    version = about["appointment"].sequence if "appointment" in about else 0
    facts = {"client": ada, "recipient": ada.email, "sequence": version, "created_at": now, "due_at": now}
    return Notification.objects.create(kind=kind, **facts | about)


def in_words(notice: Notification, now: datetime, channel: Channel = Channel.EMAIL) -> Written:
    notice.channel = channel
    said = written(notice, now)
    assert said is not None, notice.kind
    return said


def whole(said: Written) -> str:
    """Everything that leaves: headers, text, HTML and calendar, decoded."""
    if said.sms is not None:
        return said.sms.text
    assert said.email is not None
    message = said.email.message()
    parts = [part.get_payload(decode=True).decode() for part in message.walk() if not part.is_multipart()]
    return "\n".join([*(f"{name}: {value}" for name, value in message.items()), *parts, said.subject, said.kept])


def _booked(practice: SimpleNamespace, starts_at: datetime, now: datetime) -> Appointment:
    facts: dict[str, Any] = {"client": practice.ada, "therapist": practice.tess, "treatment": practice.treatment}
    return book_appointment(**facts, starts_at=starts_at, by=practice.finn, now=now)


def _series(practice: SimpleNamespace, now: datetime) -> Any:
    starts_on = TUESDAY.date() + 7 * DAY
    course = Course(starts_on=starts_on, phases=(Phase(Weekly((1,)), count=3),), minutes=(600,), therapists=(practice.tess.pk,))
    hold = hold_course(course, practice.treatment, owner="a browser", now=now)
    return book_hold(hold, client=practice.ada, key=practice.ada.pk, by=practice.ada.user, now=now).series


def _to_decide(session: Appointment, now: datetime) -> None:
    flag = {"severity": "review", "state": FlagState.TO_DECIDE, "open_since": now, "weighed_at": now, "grounds": [], "round": 0}
    SessionFlag.objects.update_or_create(appointment=session, defaults=flag)


def _done(practice: SimpleNamespace, now: datetime) -> Appointment:
    facts = {"client": practice.ada, "therapist": practice.tess, "treatment": practice.treatment}
    return AppointmentFactory(**facts, starts_at=now - 7 * DAY, status=AppointmentStatus.DONE)


def _changes(practice: SimpleNamespace, now: datetime, because: str) -> dict[str, Any]:
    moved, gone = (_booked(practice, TUESDAY + days * DAY, now) for days in (2, 3))
    move = Move(moved, practice.tess.pk, moved.starts_at + timedelta(hours=2))
    return {
        K.CHANGED: {"change": move_sessions([move], by=practice.finn, now=now)},
        K.CANCELLED: {"change": cancel_sessions([gone], by=practice.finn, now=now, reason=because)},
    }


def _offered(practice: SimpleNamespace, now: datetime) -> Any:
    on = TUESDAY.date() - DAY
    waiting = wish(client=practice.ada, treatment=practice.treatment, by=None, now=now, earliest_on=on, latest_on=on)
    return offer_by_hand(waiting, therapist=practice.jonas, starts_at=TUESDAY - DAY, by=practice.finn, now=now)


def _broken(practice: SimpleNamespace, now: datetime, because: str) -> Repair:
    broken, lost = (_booked(practice, TUESDAY + timedelta(weeks=5, days=days), now) for days in (0, 1))
    repair = Repair.objects.create(client=practice.ada, cause=f"Tess Oduya: {because}", made_at=now, expires_at=now + DAY)
    instead = {"fit": Fit.SAME_TIME, "therapist": practice.jonas, "starts_at": broken.starts_at + timedelta(hours=1)}
    repair.replacements.create(appointment=broken, sequence=0, **instead)
    repair.replacements.create(appointment=lost, sequence=0, fit=Fit.NONE)
    return repair
