"""What a client is told and how: their choices, and the one click that stops a kind."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from booking.access import told_client
from booking.enums import DECLINABLE, Channel, NotificationKind
from booking.forms.messages import KINDS, MessagesForm
from booking.notifications.channels import number_for_texts, reach_of, stopped_by
from booking.services.reach import choose, decline
from clients.models import Client


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def choices(request: HttpRequest) -> HttpResponse:
    """The channel, and what they can do without."""
    client = told_client(request, timezone.now())
    if client is None:
        if request.user.is_authenticated:
            raise Http404
        return redirect_to_login(request.path, login_url=settings.CLIENT_LOGIN_URL)
    reach, number = reach_of(client), number_for_texts(client)
    has_stopped = bool(number) and number == reach.stopped
    if has_stopped:
        number = ""
    wanted = [kind.value for kind in DECLINABLE if kind not in reach.declined]
    form = MessagesForm(
        request.POST if request.method == "POST" else None,
        email=client.email,
        number=number,
        initial={
            "channel": reach.channel if number else Channel.EMAIL,
            "wanted": wanted,
            "language": client.written_in,
        },
    )
    if form.is_bound and form.is_valid():
        choose(
            client,
            channel=Channel(form.cleaned_data["channel"]),
            declined=form.declined,
            language=form.cleaned_data.get("language", client.language),
        )
        messages.success(request, _("Kept. From now on we write to you like this."))
        return redirect("booking:messages")
    context = {"page": "sessions", "form": form, "reach": reach, "client": client, "has_stopped": has_stopped}
    return render(request, "booking/messages.html", context, status=422 if form.is_bound else 200)


@csrf_exempt  # pressed by the reader's mail program, which has no cookie of ours; the token says for whom
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """Stop one kind of notice (RFC 8058). Opening it changes nothing: programs that look for danger open every link."""
    found = stopped_by(token)
    client = Client.objects.filter(pk=found[0]).first() if found else None
    if found is None or client is None or found[1] not in DECLINABLE:
        return render(request, "booking/link_over.html", status=410)
    if request.method == "POST":
        decline(client, found[1])
    context = {"kind": KINDS[NotificationKind(found[1])], "is_stopped": request.method == "POST"}
    return render(request, "booking/stop.html", context)
