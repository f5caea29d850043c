"""Finding a client while they are on the phone."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from booking.access import (
    SEE_SESSIONS,
    books_for_callers,
    finds_clients,
    keeps_waitlist,
    registers_clients,
    runs_board,
    takes_walk_ins,
)
from booking.callers import callers
from clients.services.search import find_clients


@require_safe
def find_client(request: HttpRequest) -> HttpResponse:
    """Who is like what was typed, with what the desk may see of their sessions. Their health answers are never searched."""
    user = request.user
    if not finds_clients(user):
        raise PermissionDenied
    typed = request.GET.get("q", "").strip()
    context = {
        "title": gettext("Find a client"),
        "typed": typed,
        "found": callers(find_clients(typed), now=timezone.now()),
        "sees_sessions": user.has_perm(SEE_SESSIONS),
        "sees_wishes": user.has_perm("booking.view_waitlistentry"),
        "may_book": books_for_callers(user),
        "may_register": registers_clients(user),
        "may_walk_in": takes_walk_ins(user),
        "may_move": runs_board(user),
        "may_wait": keeps_waitlist(user),
    }
    return render(request, "admin/find_client.html", admin.site.each_context(request) | context)
