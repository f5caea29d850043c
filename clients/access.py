"""Who may see and do what with health answers and accounts. Views ask here only; a foreign row does not exist for the asker."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from allauth.account.app_settings import REAUTHENTICATION_TIMEOUT
from allauth.account.internal.flows.login import get_authentication_records
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from clients.models import Client, Handout, Response, User
from clients.models.response import ResponseQuerySet

HANDOUT_KEY = "handout"
#: How a sign-in by a link of the demonstration practice is recorded; where such links count, see config/demonstration.py.
DEMONSTRATION = "demonstration"
#: What counts as a second factor: an authenticator of allauth (a code, a passkey, a recovery code), or such a link.
SECOND_FACTORS = ("mfa", DEMONSTRATION)


def works_here(user: User | AnonymousUser) -> bool:
    """Whether somebody reads about others: staff of the desk, and therapists."""
    return user.is_authenticated and (user.is_staff or hasattr(user, "therapist"))


def has_second_factor(request: HttpRequest) -> bool:
    """Whether whoever is signed in proved a second factor, or signed in with a passkey, in this session."""
    return any(record["method"] in SECOND_FACTORS for record in get_authentication_records(request, request.user))


def lacks_second_factor(request: HttpRequest) -> bool:
    """Whether somebody who works here is signed in with less than they need: no page is theirs before they add it."""
    return works_here(request.user) and not has_second_factor(request)


def last_proved(request: HttpRequest) -> datetime:
    """When whoever is signed in did so, or proved once more who they are; long ago where nothing says so."""
    records = get_authentication_records(request, request.user)
    return datetime.fromtimestamp(max((record["at"] for record in records), default=0), UTC)


def proved_recently(request: HttpRequest) -> bool:
    """Whether somebody signed in, or proved once more who they are, within the last minutes.

    Whoever came by a link of the demonstration is not asked, so that trying things out stays easy.
    """
    if any(record["method"] == DEMONSTRATION for record in get_authentication_records(request, request.user)):
        return True
    return bool(time.time() - last_proved(request).timestamp() < REAUTHENTICATION_TIMEOUT)


def client_of(user: User | AnonymousUser) -> Client | None:
    """The client who is signed in, if any."""
    return Client.objects.filter(user=user).first() if isinstance(user, User) else None


def responses_of(client: Client) -> ResponseQuerySet:
    """The forms a client may see and, while they are under way, fill in: their own."""
    return Response.objects.filter(client=client).select_related("client__user", "questionnaire")


def take_over(session: SessionBase, handout: Handout) -> None:
    """Let this browser fill in one form and nothing else: whoever was signed in on it before is not any more."""
    session.flush()
    session[HANDOUT_KEY] = str(handout.pk)


def handout_of(request: HttpRequest, now: datetime) -> Handout | None:
    """What this browser, with nobody signed in, was handed out to fill in, as long as that lasts."""
    if request.user.is_authenticated or HANDOUT_KEY not in request.session:
        return None
    return Handout.objects.live(now).filter(pk=request.session[HANDOUT_KEY]).first()


def forms_to_fill_in(request: HttpRequest, now: datetime) -> ResponseQuerySet | None:
    """The forms somebody may fill in: a client's own, or the one handed out to this browser. None where nobody is known yet."""
    handout = handout_of(request, now)
    if handout is not None:
        return responses_of(handout.client).drafts().filter(handouts=handout)
    if not request.user.is_authenticated:
        return None
    client = client_of(request.user)
    return responses_of(client) if client else Response.objects.none()


def accounts_seen_by(user: User | AnonymousUser) -> QuerySet[User]:
    """The accounts somebody may look at, as far as they may look at accounts: of those who work here, never a superuser's."""
    if user.is_superuser:
        return User.objects.all()
    return User.objects.filter(Q(is_staff=True) | Q(client=None), is_superuser=False)


def keeps_account(user: User | AnonymousUser, account: User) -> bool:
    """Whether somebody who may change accounts may change this one: of those they see, never their own."""
    return user.is_superuser or (account.pk != user.pk and accounts_seen_by(user).filter(pk=account.pk).exists())
