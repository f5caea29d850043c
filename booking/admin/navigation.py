"""The way around the desk: what is needed every day in groups, everything else below it; of both only what somebody may see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from booking.access import finds_clients, sees_board, sees_setup
from clients.models import User


@dataclass(frozen=True)
class Entry:
    """A page of the desk: its word, the name of its address, what is asked for of it, and who may see it."""

    word: str | Promise
    name: str
    query: str = ""
    is_for: Callable[[User | AnonymousUser], bool] | None = None

    @property
    def permission(self) -> str:
        """Of the list of a model, by its address: admin:booking_offer_changelist needs booking.view_offer."""
        app, model = self.name.removeprefix("admin:").removesuffix("_changelist").split("_")
        return f"{app}.view_{model}"

    def may_be_seen(self, user: User | AnonymousUser) -> bool:
        return self.is_for(user) if self.is_for else user.has_perm(self.permission)


GROUPS: list[tuple[str | Promise, list[Entry]]] = [
    (
        _("Day"),
        [
            Entry(_("Day board"), "admin:index", is_for=sees_board),
            Entry(_("To do"), "admin:lists", is_for=sees_board),
            Entry(_("Waiting list"), "admin:booking_waitlistentry_changelist"),
            Entry(_("Offers out"), "admin:booking_offer_changelist", "state__exact=open"),
            Entry(_("Repairs"), "admin:booking_repair_changelist"),
            Entry(_("Appointments"), "admin:booking_appointment_changelist"),
        ],
    ),
    (
        _("People"),
        [
            Entry(_("Find a client"), "admin:find_client", is_for=finds_clients),
            Entry(_("Clients"), "admin:clients_client_changelist"),
            Entry(_("Therapists"), "admin:therapists_therapist_changelist"),
        ],
    ),
    (
        _("Practice"),
        [
            Entry(_("Leave"), "admin:therapists_timeoff_changelist"),
            Entry(_("Closures"), "admin:therapists_closure_changelist"),
            Entry(_("Notices sent"), "admin:booking_notification_changelist"),
            Entry(_("Accounts"), "admin:clients_user_changelist"),
            Entry(_("History"), "admin:booking_auditentry_changelist"),
        ],
    ),
    (
        _("Set-up"),
        [
            Entry(_("Ready to open?"), "admin:setup_check", is_for=sees_setup),
            Entry(_("Location"), "admin:therapists_location_changelist"),
            Entry(_("Rooms"), "admin:therapists_room_changelist"),
            Entry(_("Treatments"), "admin:therapists_treatment_changelist"),
            Entry(_("Working hours"), "admin:therapists_workinghours_changelist"),
            Entry(_("Questionnaires"), "admin:clients_questionnaire_changelist"),
            Entry(_("Rules for notices"), "admin:booking_noticerule_changelist"),
            Entry(_("Texts of messages"), "admin:booking_noticetext_changelist"),
        ],
    ),
]


def navigation(request: HttpRequest, apps: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The groups with what this person may see, where they are in them, and the models of ``apps`` that stand in none."""
    user = request.user
    groups = [(word, [_link(entry, request) for entry in entries if entry.may_be_seen(user)]) for word, entries in GROUPS]
    listed = {link["path"] for _word, links in groups for link in links}
    others = [app | {"models": [each for each in app["models"] if each["admin_url"] not in listed]} for app in apps]
    rest = [app for app in others if app["models"]]
    is_there = any(str(model["admin_url"]) in request.path for app in rest for model in app["models"])
    return {"groups": [group for group in groups if group[1]], "rest": rest, "is_in_rest": is_there}


def _link(entry: Entry, request: HttpRequest) -> dict[str, Any]:
    path = reverse(entry.name)
    here = request.path == path if entry.name == "admin:index" else request.path.startswith(path)
    return {"word": entry.word, "path": path, "url": f"{path}?{entry.query}" if entry.query else path, "is_here": here}
