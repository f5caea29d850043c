"""Erasing a client: who they are goes at once; what the law keeps of their health stays sealed, without a name."""

from __future__ import annotations

from datetime import datetime

import pgtrigger
from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from clients.models import SUBMITTED_STAYS, Answer, Client, Response, User
from clients.models.questionnaire import QuestionType
from clients.services.consents import withdraw_health_data

#: Answers that say who somebody is and nothing of their health; they never outlive the name.
WHO_TYPES = (QuestionType.PHONE, QuestionType.SIGNATURE)
WHO_CODES = ("dob", "emergency_name", "doctor_name")


def works_here(user: User) -> bool:
    """Whether a sign-in is, or was, that of somebody of the practice."""
    return user.is_staff or user.is_superuser or LogEntry.objects.filter(user=user).exists()


@transaction.atomic
def pseudonymise(client: Client, *, keeps_answers: bool, now: datetime) -> None:
    """Take a client's name, address, number and sign-in away. Their id stays, and names nobody.

    Unfinished forms go, sent ones too unless ``keeps_answers``; of those kept, the answers that say who it was. All agreements
    count as taken back, so that nobody reads what is left.
    """
    withdraw_health_data(client, now=now)
    client.consents.filter(withdrawn_at=None).update(withdrawn_at=now)
    client.handouts.all().delete()
    with pgtrigger.ignore(SUBMITTED_STAYS):
        if keeps_answers:
            who = Q(question__type__in=WHO_TYPES) | Q(question__code__in=WHO_CODES)
            Answer.objects.filter(who, response__client=client).delete()
        else:
            Response.objects.filter(client=client).delete()
    user = client.user
    client.user = None
    client.name = _("Erased client %(sign)s") % {"sign": str(client.pk)[:8]}
    client.email = client.phone = client.language = ""
    client.save(update_fields=["user", "name", "email", "phone", "language"])
    if user is not None:
        user.delete()
