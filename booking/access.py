"""Who may see and do what in booking. Views ask here and nowhere else; a foreign object does not exist for the asker."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.http import HttpRequest

from booking.enums import READINGS, AppointmentStatus, FlagState
from booking.ical import GONE
from booking.models import (
    Appointment,
    AuditEntry,
    BookingRequest,
    Change,
    Hold,
    Link,
    Note,
    NoteTemplate,
    Offer,
    Repair,
    Series,
    SessionFlag,
    WaitlistEntry,
)
from booking.models.appointment import AppointmentQuerySet
from booking.models.change import ChangeQuerySet
from booking.models.flag import SessionFlagQuerySet
from booking.models.waitlist import WaitlistQuerySet
from booking.services.intake import OPEN
from booking.services.policy import OVERRIDE
from booking.worklists import Work
from clients.access import accounts_seen_by, client_of, last_proved
from clients.models import Client, User
from clients.roles import SEE_COLLEAGUES
from therapists.models import Photo, Therapist

SEE_PLACE = "therapists.view_location"
SEE_SESSIONS = "booking.view_appointment"
CHANGE_SESSIONS = "booking.change_appointment"
ADD_SESSIONS = "booking.add_appointment"
SEE_CLIENTS = "clients.view_client"
#: What the lists to work off ask for, beyond looking at sessions, to be seen.
SEE_LISTS = {
    Work.BROKEN: "booking.view_repair",
    Work.OFFERED: "booking.view_offer",
    Work.UNDELIVERED: "booking.view_notification",
    Work.ENDING: "clients.view_client",
    Work.UNSEEN: "clients.view_client",
}
#: What it asks for to do to many rows of a list at once what can be done there.
ACT_ON_LISTS = {
    Work.UNCONFIRMED: CHANGE_SESSIONS,
    Work.FORM: "booking.change_notification",
    Work.UNDECIDED: "booking.change_notification",
    Work.BROKEN: "booking.change_repair",
    Work.OFFERED: "booking.add_offer",
    Work.ENDING: "booking.change_notification",
    Work.UNDELIVERED: "booking.change_notification",
    Work.UNSEEN: "booking.change_reach",
}
OWNER_KEY = "hold_owner"
BEHALF_KEY = "on_behalf"
CALLER_KEY = "for_callers"
#: For how many sessions, and for how many callers, one browser remembers that it books the next ones.
BEHALF_REMEMBERED = 10
LINKS_KEY = "links"
LINKS_REMEMBERED = 20
#: Of so many clients somebody reads answers or notes within an hour; before they read on they show once more who they are.
MANY = 30


def holder(session: SessionBase) -> str:
    """The random token under which this browser holds; made when first needed."""
    if OWNER_KEY not in session:
        session[OWNER_KEY] = secrets.token_urlsafe(32)
    return str(session[OWNER_KEY])


def holder_for(session: SessionBase, after: Appointment) -> str:
    """A random token under which this browser holds what comes after a session, for the client of that one."""
    return _remembered(session, BEHALF_KEY, after.pk)


def holder_for_caller(session: SessionBase, caller: Client) -> str:
    """A random token under which this browser, at the desk, holds what a client on the phone asks for."""
    return _remembered(session, CALLER_KEY, caller.pk)


def _remembered(session: SessionBase, key: str, pk: UUID) -> str:
    owner = secrets.token_urlsafe(32)
    known = [*session.get(key, {}).items(), (owner, str(pk))]
    session[key] = dict(known[-BEHALF_REMEMBERED:])
    return owner


def may_use_hold(request: HttpRequest, hold: Hold) -> bool:
    """A hold belongs to the browser that made it; what is held for somebody's client, as long as they are that."""
    if hold.owner in request.session.get(BEHALF_KEY, {}):
        return comes_after(request, hold) is not None
    if hold.owner in request.session.get(CALLER_KEY, {}):
        return caller_of(request, hold) is not None
    return secrets.compare_digest(str(request.session.get(OWNER_KEY, "")), hold.owner)


def comes_after(request: HttpRequest, hold: Hold) -> Appointment | None:
    """The therapist's session after which something is held for its client; None where a client books for themselves."""
    after = request.session.get(BEHALF_KEY, {}).get(hold.owner)
    therapist = therapist_of(request.user) if after else None
    if therapist is None:
        return None
    return sessions_given_by(therapist).filter(pk=after).first()


def caller_of(request: HttpRequest, hold: Hold) -> Client | None:
    """The client for whom the desk holds something; None where nobody does, or who does may not book for others any more."""
    caller = request.session.get(CALLER_KEY, {}).get(hold.owner)
    return Client.objects.filter(pk=caller).first() if caller and books_for_callers(request.user) else None


def series_extended(request: HttpRequest, hold: Hold) -> Series | None:
    """The series that goes on with a held course: of the session it comes after, where that gives the same treatment."""
    after = comes_after(request, hold) if hold.plan else None
    return after.series if after and after.series and after.series.treatment_id == hold.treatment_id else None


def books_for_another(request: HttpRequest, hold: Hold) -> bool:
    """Whether whoever is signed in books for somebody else: a therapist, or the desk."""
    return comes_after(request, hold) is not None or caller_of(request, hold) is not None


def booked_for(request: HttpRequest, hold: Hold) -> Client | None:
    """Whose sessions these will be: the client's after whose session they are held, of whoever called, or is signed in."""
    after = comes_after(request, hold)
    return after.client if after else caller_of(request, hold) or client_of(request.user)


def may_see_request(user: User | AnonymousUser, request: BookingRequest) -> bool:
    """What was booked is shown to its client."""
    client = client_of(user)
    return client is not None and request.client_id == client.pk


def actor(request: HttpRequest) -> User | None:
    """Who is signed in; nobody where only a link was opened, which says to whom we wrote and not who reads it."""
    return request.user if isinstance(request.user, User) else None


def own_sessions(user: User | AnonymousUser) -> AppointmentQuerySet:
    """The sessions of the client who is signed in: what is asked about health is asked of nobody who only opened a link."""
    client = client_of(user)
    own = Appointment.objects.real().filter(client=client) if client else Appointment.objects.none()
    return own.select_related("client__user", "therapist", "treatment__location")


def therapist_of(user: User | AnonymousUser) -> Therapist | None:
    """The therapist who is signed in, if any."""
    return Therapist.objects.filter(user=user).first() if isinstance(user, User) else None


def sessions_given_by(therapist: Therapist) -> QuerySet[Appointment]:
    """The sessions a therapist gives or gave, without those cancelled."""
    given = Appointment.objects.real().filter(therapist=therapist).exclude(status__in=GONE)
    return given.select_related("client", "therapist", "room", "treatment__location")


def sessions_read_by(user: User | AnonymousUser, now: datetime) -> QuerySet[Appointment]:
    """The sessions whose client's answers somebody may read: their therapist, from booking until some days after; nobody else."""
    therapist = therapist_of(user)
    if therapist is None:
        return Appointment.objects.none()
    return sessions_given_by(therapist).filter(ends_at__gte=now - timedelta(days=settings.INTAKE_READABLE_DAYS))


def clients_treated_by(user: User | AnonymousUser, now: datetime) -> QuerySet[Client]:
    """The clients somebody treats: those of the sessions they may read of."""
    return Client.objects.filter(pk__in=sessions_read_by(user, now).values("client"))


def notes_read_by(user: User | AnonymousUser, now: datetime) -> QuerySet[Note]:
    """The notes somebody may read: all those about the clients whose answers they may read, whoever wrote them."""
    return Note.objects.filter(appointment__client__in=clients_treated_by(user, now))


def notes_added_to_by(user: User | AnonymousUser, now: datetime) -> QuerySet[Note]:
    """The notes somebody may add to once they are locked: those of their own sessions, while they may read them."""
    return notes_read_by(user, now).filter(appointment__therapist=therapist_of(user))


def reads_many(request: HttpRequest, now: datetime) -> bool:
    """Whether somebody who asks for a page read about so many clients since they last showed who they are, within the hour."""
    if request.method not in ("GET", "HEAD") or not isinstance(request.user, User):
        return False
    since = max(last_proved(request), now - timedelta(hours=1))
    read = AuditEntry.objects.filter(by=request.user, at__gt=since, action__in=READINGS)
    return read.values("client").distinct().count() >= MANY


def note_templates_of(user: User | AnonymousUser) -> QuerySet[NoteTemplate]:
    """A therapist's own templates."""
    return NoteTemplate.objects.filter(therapist=therapist_of(user), therapist__isnull=False)


def sees_colleagues(user: User | AnonymousUser) -> bool:
    """Whether a therapist sees in the calendar when colleagues are taken, and may give them sessions of their own."""
    return user.has_perm(SEE_COLLEAGUES)


def team_of(therapist: Therapist, user: User | AnonymousUser) -> QuerySet[Therapist]:
    """Those whose columns a therapist sees: their own, and with the permission those of everybody who works at their place."""
    seen = Q(pk=therapist.pk)
    if sees_colleagues(user):
        seen |= Q(location=therapist.location_id, is_active=True)
    return Therapist.objects.filter(seen)


def own_column(therapist: Therapist, now: datetime) -> QuerySet[Appointment]:
    """What stands in a therapist's own column of the calendar: their sessions, and the slots held with them."""
    return _standing(now).filter(therapist=therapist)


def columns_of(colleagues: Collection[UUID], now: datetime) -> QuerySet[Appointment]:
    """What stands in the columns of colleagues."""
    return _standing(now).filter(therapist__in=colleagues)


def _standing(now: datetime) -> QuerySet[Appointment]:
    return Appointment.objects.exclude(status__in=GONE).exclude(status=AppointmentStatus.HELD, held_until__lte=now)


def photos_shown() -> QuerySet[Photo]:
    """The pictures that anybody may see: of those who take bookings."""
    return Photo.objects.filter(therapist__is_active=True)


def changes_by(user: User | AnonymousUser) -> ChangeQuerySet:
    """The changes somebody made themselves, and may take back."""
    return Change.objects.filter(by=user.pk, by__isnull=False)


def cases_of(user: User | AnonymousUser, now: datetime) -> SessionFlagQuerySet:
    """What waits for a therapist, the soonest first: their sessions that are to be decided about, and those on hold."""
    therapist = therapist_of(user)
    if therapist is None:
        return SessionFlag.objects.none()
    sessions = sessions_given_by(therapist).filter(status__in=OPEN, ends_at__gt=now)
    return SessionFlag.objects.waiting().filter(appointment__in=sessions).order_by("appointment__starts_at")


def answers_to_decide(user: User | AnonymousUser, now: datetime) -> int:
    """Of how many clients a therapist has to decide about the answers."""
    to_decide = cases_of(user, now).filter(state=FlagState.TO_DECIDE).order_by()
    return to_decide.values("appointment__client").distinct().count()


def remember_link(session: SessionBase, link: Link) -> None:
    """Let this browser see what a link's notice is about, as long as this very link works.

    Its session gets a new key, as when somebody signs in.
    """
    session.cycle_key()
    known = [opened for opened in session.get(LINKS_KEY, []) if opened != link.token_hash]
    session[LINKS_KEY] = [*known, link.token_hash][-LINKS_REMEMBERED:]


def _links(request: HttpRequest, now: datetime) -> QuerySet[Link]:
    return Link.objects.live(now).filter(token_hash__in=request.session.get(LINKS_KEY, []))


def is_somebody(request: HttpRequest, now: datetime) -> bool:
    """Whether there is anybody whose sessions could be shown: signed in, or with a link that works."""
    return request.user.is_authenticated or _links(request, now).exists()


def _own(request: HttpRequest) -> Q:
    """What belongs to the client who is signed in."""
    return Q(client__user=request.user.pk) if request.user.is_authenticated else Q(pk__in=[])


def appointments_of(request: HttpRequest, now: datetime) -> QuerySet[Appointment]:
    """The sessions somebody may see and change: a client's own, and those that the opened links speak of."""
    notices = _links(request, now).values("notification")
    linked = (
        Q(notifications__in=notices)
        | Q(series__notifications__in=notices)
        | Q(audit_entries__change__notifications__in=notices)
        | Q(replacements__repair__notifications__in=notices)
        | Q(offers__notifications__in=notices)
        | Q(accepted_offers__notifications__in=notices)
    )
    seen = Appointment.objects.real().filter(_own(request) | linked).values("pk")
    return Appointment.objects.filter(pk__in=seen).select_related("client", "therapist", "room", "treatment__location", "series")


def changes_of(request: HttpRequest, now: datetime) -> ChangeQuerySet:
    """The changes somebody may look back on and undo: those of which they may see every session."""
    entries = AuditEntry.objects.filter(change=OuterRef("pk"))
    seen = appointments_of(request, now).values("pk")
    return Change.objects.filter(Exists(entries), ~Exists(entries.exclude(appointment__in=seen)))


def offers_of(request: HttpRequest, now: datetime) -> QuerySet[Offer]:
    """The offers somebody may answer."""
    linked = Q(notifications__link__in=_links(request, now))
    return Offer.objects.filter(linked | _own(request)).distinct()


def waiting_client(request: HttpRequest, now: datetime) -> Client | None:
    """Who may join the waitlist: the client who is signed in, or to whose address the link opened last was sent."""
    to_them = _links(request, now).filter(notification__recipient=F("notification__client__email"))
    opened = {link.token_hash: link.notification.client for link in to_them.select_related("notification__client")}
    latest = (opened[token] for token in reversed(request.session.get(LINKS_KEY, [])) if token in opened)
    return client_of(request.user) or next(latest, None)


def told_client(request: HttpRequest, now: datetime) -> Client | None:
    """Whose choice it is what they are told: the client's who is signed in, or to whose address the link opened last was sent."""
    return waiting_client(request, now)


def wishes_of(request: HttpRequest, now: datetime) -> WaitlistQuerySet:
    """The wishes somebody may see and withdraw."""
    client = waiting_client(request, now)
    return WaitlistEntry.objects.filter(client=client)


def repairs_of(request: HttpRequest, now: datetime) -> QuerySet[Repair]:
    """The repairs somebody may answer."""
    linked = Q(notifications__link__in=_links(request, now))
    return Repair.objects.filter(linked | _own(request)).distinct()


# ---- the desk ---------------------------------------------------------------------------------------------------------------


def sees_board(user: User | AnonymousUser) -> bool:
    """Whether somebody sees the day at the desk: staff who may look at sessions. A therapist as such does not."""
    return user.is_active and user.is_staff and user.has_perm(SEE_SESSIONS)


def sees_setup(user: User | AnonymousUser) -> bool:
    """Whether somebody sees what the practice still needs: staff who may look at its place."""
    return user.is_active and user.is_staff and user.has_perm(SEE_PLACE)


def runs_board(user: User | AnonymousUser) -> bool:
    """Whether somebody takes sessions through their day at the desk."""
    return sees_board(user) and user.has_perm(CHANGE_SESSIONS)


def takes_walk_ins(user: User | AnonymousUser) -> bool:
    """Whether somebody books for whoever stands at the desk: staff who may book, and may lift the notice."""
    return user.is_active and user.is_staff and user.has_perms([ADD_SESSIONS, OVERRIDE])


def books_for_callers(user: User | AnonymousUser) -> bool:
    """Whether somebody books for clients who call: staff who may see them, and may book."""
    return user.is_active and user.is_staff and user.has_perms([SEE_CLIENTS, ADD_SESSIONS])


def keeps_waitlist(user: User | AnonymousUser) -> bool:
    """Whether somebody puts clients who call on the waitlist, and takes them off: staff who may see them, and may do that."""
    return finds_clients(user) and user.has_perms(["booking.add_waitlistentry", "booking.change_waitlistentry"])


def offers_by_hand(user: User | AnonymousUser) -> bool:
    """Whether somebody offers a free time to whom they choose on the waitlist."""
    return user.has_perms(["booking.view_waitlistentry", "booking.add_offer"])


def registers_clients(user: User | AnonymousUser) -> bool:
    """Whether somebody takes down new clients at the desk: staff who may see clients, and may add one."""
    return finds_clients(user) and user.has_perm("clients.add_client")


def lists_seen(user: User | AnonymousUser) -> list[Work]:
    """The lists to work off that somebody sees: on the board's terms, and each with the right to see what is on it."""
    return [work for work in Work if sees_board(user) and user.has_perm(SEE_LISTS.get(work, SEE_SESSIONS))]


def acts_on(user: User | AnonymousUser, work: Work) -> bool:
    """Whether somebody may do to many rows of a list at once what can be done there."""
    return work in lists_seen(user) and user.has_perm(ACT_ON_LISTS[work])


def sessions_at_desk(user: User | AnonymousUser) -> AppointmentQuerySet:
    """The sessions somebody may take through their day."""
    found = Appointment.objects.real() if runs_board(user) else Appointment.objects.none()
    return found.select_related("client", "therapist", "treatment__location")


def trail_of(client: Client) -> QuerySet[AuditEntry]:
    """What the audit says about a client, which is theirs to read, the latest first."""
    about = ("by__therapist", "by__client", "appointment")
    return AuditEntry.objects.filter(client=client).select_related(*about).order_by("-at", "-recorded_at", "pk")


def steps_at_desk(user: User | AnonymousUser) -> QuerySet[AuditEntry]:
    """What was done to these sessions, and may be taken back."""
    return AuditEntry.objects.filter(appointment__in=sessions_at_desk(user)).select_related("change", "appointment__client")


def finds_clients(user: User | AnonymousUser) -> bool:
    """Whether somebody looks up clients at the desk: staff who may see their names, addresses and phone numbers."""
    return user.is_active and user.is_staff and user.has_perm(SEE_CLIENTS)


def changes_at_desk(user: User | AnonymousUser) -> ChangeQuerySet:
    """The changes of sessions that somebody may take back at the desk, whoever made them."""
    return Change.objects.all() if runs_board(user) else Change.objects.none()


def lifts_rules(user: User | AnonymousUser) -> bool:
    """Whether somebody may lift a soft rule by a reason."""
    return user.has_perm(OVERRIDE)


def accounts_to_link(user: User | AnonymousUser) -> QuerySet[User]:
    """The accounts somebody may link to a therapist: of those who work here but never their own, and those linked already."""
    if not isinstance(user, User):
        return User.objects.none()
    works_here = Q(is_staff=True) | Q(is_superuser=True) | Q(client=None)
    linkable = works_here if user.is_superuser else Q(pk__in=accounts_seen_by(user).exclude(pk=user.pk))
    return User.objects.filter(linkable | Q(therapist__isnull=False))
