"""The form of a session on a tablet: a code that opens it for half an hour, on one tablet, for this client only."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from booking.models import Appointment
from booking.services.asking import form_wanted
from booking.services.audit import on_looked_at
from clients.models import User
from clients.services.handouts import LASTS, hand_out


def tablet_page(model_admin: admin.ModelAdmin[Appointment], request: HttpRequest, pk: UUID) -> TemplateResponse:
    """Looking makes no code; the button makes one, shows it once, and ends the one before."""
    session = get_object_or_404(model_admin.get_queryset(request).select_related("client"), pk=pk)
    if not model_admin.has_change_permission(request, session):
        raise PermissionDenied
    now = timezone.now()
    assert isinstance(request.user, User)
    on_looked_at(session, by=request.user, now=now)
    kind = form_wanted(session, now=now)
    address = ""
    if request.method == "POST" and kind is not None:
        assert session.client is not None
        token = hand_out(session.client, kind, session_on=session.local_date, by=request.user, now=now)
        address = settings.SITE_URL + reverse("intake:tablet", args=[token])
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": session.client,
        "session": session,
        "wanted": kind,
        "address": address,
        "until": now + LASTS,
    }
    return TemplateResponse(request, "admin/booking/appointment/tablet.html", context)
