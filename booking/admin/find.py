"""Finding a client while they are on the phone."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods
from django_htmx.http import replace_url

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
from clients.crypto import sealed_for_address, words_from_address
from clients.services.search import find_clients


@require_http_methods(["GET", "HEAD", "POST"])
def find_client(request: HttpRequest) -> HttpResponse:
    """Who is like what was typed, with what the desk may see of their sessions. Their health answers are never searched.

    What is typed is posted, and the address shows it sealed: it can be opened again, and read by nobody on the way.
    """
    user = request.user
    if not finds_clients(user):
        raise PermissionDenied
    is_posted = request.method == "POST"
    typed = (request.POST.get("q", "") if is_posted else words_from_address(request.GET.get("q", ""))).strip()
    sealed = sealed_for_address(typed)
    address = f"{reverse('admin:find_client')}?q={sealed}" if typed else reverse("admin:find_client")
    if is_posted and "HX-Request" not in request.headers:
        return redirect(address)
    context = {
        "title": gettext("Find a client"),
        "typed": typed,
        "sealed": sealed,
        "found": callers(find_clients(typed), now=timezone.now()),
        "sees_sessions": user.has_perm(SEE_SESSIONS),
        "sees_wishes": user.has_perm("booking.view_waitlistentry"),
        "may_book": books_for_callers(user),
        "may_register": registers_clients(user),
        "may_walk_in": takes_walk_ins(user),
        "may_move": runs_board(user),
        "may_wait": keeps_waitlist(user),
    }
    page = render(request, "admin/find_client.html", admin.site.each_context(request) | context)
    return replace_url(page, address) if is_posted else page
