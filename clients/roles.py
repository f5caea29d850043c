"""The roles of the desk, each a named set of permissions. Declared here and nowhere else; Django's groups follow it.

Clients and therapists need no permission: what is theirs is theirs by whose account it is. A superuser needs none either.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.utils.translation import gettext_lazy as _

FRONT_DESK = "front desk"
MANAGER = "practice manager"
#: Of whoever works here without the desk; their account is linked on the therapist's page.
THERAPIST = "therapist"
#: What can be handed out to a therapist beside the role: to see in the calendar when colleagues are taken.
SEE_COLLEAGUES = "booking.see_colleagues"
ROLES = [(FRONT_DESK, _("front desk")), (MANAGER, _("practice manager")), (THERAPIST, _("therapist"))]

#: What the desk may do with the rows of which model; what is only seen is written by services alone.
AT_THE_DESK = {
    "booking.appointment": "view add change override_rules",
    "booking.auditentry": "view",
    "booking.bookingrequest": "view",
    "booking.clearance": "view",
    "booking.freedtime": "view",
    "booking.hold": "view",
    "booking.noticeact": "view",
    "booking.noticerule": "view",
    "booking.noticetext": "view add change delete",
    "booking.notification": "view change",
    "booking.offer": "view add",
    "booking.planneddate": "view",
    "booking.reach": "view add change",
    "booking.repair": "view change",
    "booking.replacement": "view",
    "booking.series": "view",
    "booking.staffmail": "view",
    "booking.textanswer": "view",
    "booking.waitlistentry": "view add change",
    "clients.bodyregion": "view",
    "clients.client": "view add change",
    "clients.consent": "view",
    "clients.flagrule": "view",
    "clients.medication": "view",
    "clients.medicationclass": "view",
    "clients.question": "view",
    "clients.questionnaire": "view",
    "clients.response": "view",
    "clients.section": "view",
    "therapists.closure": "view",
    "therapists.conditionpolicy": "view",
    "therapists.holidayopening": "view",
    "therapists.hoursoverride": "view add change delete",
    "therapists.location": "view",
    "therapists.medicationpolicy": "view",
    "therapists.painkiller": "view",
    "therapists.room": "view",
    "therapists.therapist": "view",
    "therapists.timeoff": "view add change delete",
    "therapists.treatment": "view",
    "therapists.workinghours": "view",
}
ALL = "view add change delete"
#: What a manager may do beyond the desk: set the practice up, see who read what, and keep the accounts.
AND_MANAGING = {
    "booking.clearance": "view add",
    "booking.noteview": "view",
    "booking.noticerule": ALL,
    "booking.staffmail": ALL,
    "clients.bodyregion": ALL,
    "clients.flagrule": ALL,
    "clients.medication": ALL,
    "clients.medicationclass": ALL,
    "clients.question": ALL,
    "clients.questionnaire": ALL,
    "clients.responseview": "view",
    "clients.section": ALL,
    "clients.user": "view add change",
    "therapists.closure": ALL,
    "therapists.conditionpolicy": ALL,
    "therapists.holidayopening": ALL,
    "therapists.location": ALL,
    "therapists.medicationpolicy": ALL,
    "therapists.painkiller": ALL,
    "therapists.room": ALL,
    "therapists.therapist": ALL,
    "therapists.treatment": ALL,
    "therapists.workinghours": ALL,
}
DECLARED: dict[str, dict[str, str]] = {FRONT_DESK: AT_THE_DESK, MANAGER: AT_THE_DESK | AND_MANAGING}
#: Permissions that are not about one kind of row.
OF_THEIR_OWN = {"override_rules"}


def permissions_of(role: str) -> set[str]:
    """What a role may do, as ``app.codename``; nothing for one that needs no permission."""
    return {_named(model, deed) for model, deeds in DECLARED.get(role, {}).items() for deed in deeds.split()}


def _named(model: str, deed: str) -> str:
    app, name = model.split(".")
    return f"{app}.{deed}" if deed in OF_THEIR_OWN else f"{app}.{deed}_{name}"


@transaction.atomic
def keep_groups(**_signal: Any) -> None:
    """Make Django's groups say exactly what is declared here. Raises LookupError for a permission that there is not."""
    known = {f"{each.content_type.app_label}.{each.codename}": each for each in Permission.objects.select_related("content_type")}
    for role in DECLARED:
        unknown = permissions_of(role) - set(known)
        if unknown:
            raise LookupError(f"The role {role} names permissions that there are not: {', '.join(sorted(unknown))}")
        group, _made = Group.objects.get_or_create(name=role)
        group.permissions.set(known[name] for name in permissions_of(role))
