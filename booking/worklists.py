"""What waits to be seen to at one location, list by list: how much it is, and of each row who, when and with whom.

No list says what a client answered or why somebody is away: only how a thing stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, TextChoices
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from phonenumber_field.phonenumber import PhoneNumber

from booking.enums import CHANGEABLE, AppointmentStatus
from booking.ical import GONE
from booking.models import Appointment, Notification, Offer, Repair, Replacement, SessionFlag
from booking.models.appointment import AppointmentQuerySet
from booking.notifications.staff import unanswered, undelivered
from therapists.models import Location

#: So long before a session it is listed that nobody confirmed it.
CONFIRMED_BEFORE = timedelta(days=3)
#: So long before its last session a series is listed as ending.
ENDS_WITHIN = timedelta(days=14)
#: In these a client did not come.
NOT_SEEN = (*GONE, AppointmentStatus.NO_SHOW)


class Work(TextChoices):
    """The lists, in the order in which they are worked off."""

    UNCONFIRMED = "unconfirmed", _("Not confirmed")
    FORM = "form", _("Form not answered")
    UNDECIDED = "undecided", _("To decide")
    BROKEN = "broken", _("Broken by leave")
    OFFERED = "offered", _("Offers out")
    UNDELIVERED = "undelivered", _("Notices not delivered")
    ENDING = "ending", _("Series ending")
    UNSEEN = "unseen", _("Not seen lately")


@dataclass(frozen=True)
class Asked:
    """Of which location the lists are, and from how many weeks on a client is one who was not seen lately."""

    location: Location
    weeks: int
    now: datetime

    @property
    def not_since(self) -> datetime:
        return self.now - timedelta(weeks=self.weeks)


@dataclass(frozen=True)
class Row:
    """One thing to see to. ``id`` is that of the session, repair, offer or notice that it is; ``when`` is an instant."""

    id: UUID
    client: UUID | None
    name: str
    when: datetime
    therapist: str
    state: str = ""
    # until when it can be answered
    until: datetime | None = None
    # where calling is what is to be done
    phone: PhoneNumber | None = None


Found = QuerySet[Any] | list[Appointment]


class Worklist:
    """One list as it is now. Of ``rows`` no more are read than asked for."""

    def __init__(self, work: Work, asked: Asked) -> None:
        self.work = work
        self._asked = asked
        self._found = _LISTS[work](asked)
        self.count = self._found.count() if isinstance(self._found, QuerySet) else len(self._found)

    def rows(self, limit: int) -> list[Row]:
        return [self._row(subject) for subject in self._found[:limit]]

    def ids(self, chosen: Iterable[UUID]) -> list[UUID]:
        """Those of the chosen that are on the list now, in its order."""
        wanted = set(chosen)
        if isinstance(self._found, QuerySet):
            return list(self._found.filter(pk__in=wanted).values_list("pk", flat=True))
        return [session.pk for session in self._found if session.pk in wanted]

    def _row(self, subject: Any) -> Row:
        match subject:
            case Appointment():
                return _of_unseen(subject, self._asked) if self.work == Work.UNSEEN else _of_session(subject)
            case Repair():
                return _of_repair(subject)
            case Offer():
                return _of_offer(subject)
        return _of_notice(subject)


# ---- what is on each list ---------------------------------------------------------------------------------------------------


def _here(asked: Asked) -> AppointmentQuerySet:
    return (
        Appointment.objects.filter(treatment__location=asked.location)
        .select_related("client", "therapist")
        .order_by("starts_at", "pk")
    )


def _unconfirmed(asked: Asked) -> AppointmentQuerySet:
    soon = (asked.now, asked.now + CONFIRMED_BEFORE)
    return _here(asked).filter(status=AppointmentStatus.BOOKED, starts_at__gt=soon[0], starts_at__lte=soon[1])


def _without_form(asked: Asked) -> list[Appointment]:
    return unanswered(asked.location, asked.now)


def _undecided(asked: Asked) -> AppointmentQuerySet:
    return _here(asked).filter(flag__in=SessionFlag.objects.open(asked.now))


def _broken(asked: Asked) -> QuerySet[Repair]:
    here = Replacement.objects.filter(repair=OuterRef("pk"), appointment__treatment__location=asked.location)
    broken = Replacement.objects.select_related("appointment__therapist").order_by("appointment__starts_at")
    return (
        Repair.objects.unsettled()
        .filter(Exists(here))
        .select_related("client")
        .prefetch_related(Prefetch("replacements", broken))
        .order_by("expires_at", "pk")
    )


def _offered(asked: Asked) -> QuerySet[Offer]:
    open_here = Offer.objects.answerable(asked.now).filter(treatment__location=asked.location)
    return open_here.select_related("client", "therapist").order_by("expires_at", "pk")


def _undelivered(asked: Asked) -> QuerySet[Notification]:
    about = ("client", "therapist", "appointment__therapist", "offer__therapist")
    return undelivered(asked.location, asked.now).select_related(*about).order_by("due_at", "pk")


def _ending(asked: Asked) -> AppointmentQuerySet:
    """The last session of a series with more than one, near enough, where nothing of its client follows."""
    own = Appointment.objects.real().filter(client=OuterRef("client")).exclude(status__in=GONE)
    earlier = own.filter(series=OuterRef("series"), starts_at__lt=OuterRef("starts_at"))
    later = own.filter(starts_at__gt=OuterRef("starts_at"))
    near = _here(asked).filter(starts_at__gt=asked.now, starts_at__lte=asked.now + ENDS_WITHIN)
    return near.filter(Exists(earlier), ~Exists(later), status__in=CHANGEABLE)


def _unseen(asked: Asked) -> AppointmentQuerySet:
    """Each such client's last session, so long ago, with none after it, be it past or ahead, and nobody has called them since."""
    later = (
        Appointment.objects.real()
        .exclude(status__in=NOT_SEEN)
        .filter(client=OuterRef("client"), starts_at__gt=OuterRef("starts_at"))
    )
    seen = _here(asked).real().exclude(status__in=NOT_SEEN)
    called = Q(client__reach__called_at__gt=asked.not_since)
    return seen.filter(~Exists(later), ~called, starts_at__lte=asked.not_since)


_LISTS: dict[Work, Callable[[Asked], Found]] = {
    Work.UNCONFIRMED: _unconfirmed,
    Work.FORM: _without_form,
    Work.UNDECIDED: _undecided,
    Work.BROKEN: _broken,
    Work.OFFERED: _offered,
    Work.UNDELIVERED: _undelivered,
    Work.ENDING: _ending,
    Work.UNSEEN: _unseen,
}


# ---- rows -------------------------------------------------------------------------------------------------------------------


def _of_session(session: Appointment) -> Row:
    assert session.client is not None  # only what is merely held has none
    return Row(session.pk, session.client.pk, session.client.name, session.starts_at, session.therapist.name)


def _of_unseen(session: Appointment, asked: Asked) -> Row:
    assert session.client is not None
    weeks = (asked.now - session.starts_at) // timedelta(weeks=1)
    ago = ngettext("%(n)d week ago", "%(n)d weeks ago", weeks) % {"n": weeks}
    return replace(_of_session(session), state=ago, phone=session.client.phone or None)


def _of_repair(repair: Repair) -> Row:
    sessions = [each.appointment for each in repair.replacements.all()]
    first = sessions[0]
    state = repair.get_state_display()
    if len(sessions) > 1:
        state = gettext("%(state)s, %(n)d sessions") % {"state": state, "n": len(sessions)}
    return Row(repair.pk, repair.client.pk, repair.client.name, first.starts_at, first.therapist.name, state)


def _of_offer(offer: Offer) -> Row:
    client = offer.client
    return Row(offer.pk, client.pk, client.name, offer.starts_at, offer.therapist.name, until=offer.expires_at)


def _of_notice(notice: Notification) -> Row:
    """``when`` is when it was due. A therapist is named where it is about one session, one offer or their day."""
    about = notice.appointment or notice.offer
    therapist = about.therapist if about else notice.therapist
    name = notice.client.name if notice.client else notice.recipient
    state = f"{notice.get_kind_display()}: {notice.get_state_display()}"
    return Row(notice.pk, notice.client_id, name, notice.due_at, therapist.name if therapist else "", state)
