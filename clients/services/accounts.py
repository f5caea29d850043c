"""The accounts of those who work here: which role one has, and ending what an account has open."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet

from clients.models import User
from clients.roles import DECLARED, SEE_COLLEAGUES, THERAPIST


def role_of(user: User) -> str:
    """The role of somebody who works here; whoever has none of the desk counts as a therapist."""
    return user.groups.filter(name__in=DECLARED).values_list("name", flat=True).first() or THERAPIST


@transaction.atomic
def hand_out(user: User, role: str) -> None:
    """Give an account one role and take the others; only a role of the desk signs in to it."""
    user.is_staff = role in DECLARED
    user.save(update_fields=["is_staff"])
    user.groups.set(Group.objects.filter(name=role, name__in=DECLARED))


def sees_colleagues(user: User) -> bool:
    """Whether that was handed out to this very account; a superuser has it without."""
    return _seeing_colleagues().filter(user=user).exists()


def let_see_colleagues(user: User, may: bool) -> None:
    """Hand out, or take, the sight of colleagues’ columns in the calendar; everything else an account may do stays."""
    change = user.user_permissions.add if may else user.user_permissions.remove
    change(_seeing_colleagues().get())


def _seeing_colleagues() -> QuerySet[Permission]:
    app, codename = SEE_COLLEAGUES.split(".")
    return Permission.objects.filter(content_type__app_label=app, codename=codename)


def is_last_superuser(user: User) -> bool:
    """Whether nobody else could mend an account of this practice. Others who are being changed are waited for."""
    standing = User.objects.select_for_update().filter(is_superuser=True, is_active=True).values_list("pk", flat=True)
    return list(standing) == [user.pk]


def end_sessions(user: User, now: datetime) -> None:
    """Close every browser an account is signed in with; what they held or had opened by a link goes with them."""
    for session in Session.objects.filter(expire_date__gt=now).iterator():
        if session.get_decoded().get(SESSION_KEY) == str(user.pk):
            session.delete()
