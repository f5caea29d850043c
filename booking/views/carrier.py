"""Where the carrier of text messages posts: signed with our common secret, read by no browser."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from booking.notifications.replies import Malformed, Reply, Report
from booking.notifications.sms import SIGNATURE, is_signed
from booking.services.answers import take_reply, take_report

#: Seconds after which a report that came too early is to be posted again.
AGAIN_AFTER = 60


def from_the_carrier(take: Callable[[bytes, datetime], JsonResponse]) -> Callable[[HttpRequest], JsonResponse]:
    """Let a post through if it is signed; answer one that cannot be read with the reason."""

    @wraps(take)
    def view(request: HttpRequest) -> JsonResponse:
        now = timezone.now()
        if not is_signed(request.body, settings.SMS_SECRET, request.headers.get(SIGNATURE, ""), now):
            return JsonResponse({"problem": _("The signature is missing, wrong or older than five minutes.")}, status=403)
        try:
            return take(request.body, now)
        except Malformed as problem:
            return JsonResponse({"problem": str(problem)}, status=400)

    return view


@csrf_exempt  # the signature says who posts; there is no browser and no cookie
@require_POST
@never_cache
@from_the_carrier
def replies(body: bytes, now: datetime) -> JsonResponse:
    """A client's text message. The answer is the same for every number, known or not."""
    return JsonResponse({"understood": take_reply(Reply.read(body), now=now)})


@csrf_exempt  # as above
@require_POST
@never_cache
@from_the_carrier
def reports(body: bytes, now: datetime) -> JsonResponse:
    """What became of a text message. One that is not ours is taken as well, or its carrier would post it for days."""
    if take_report(Report.read(body), now=now):
        return JsonResponse({})
    problem = _("This message is being handed over at this moment. Please report it again.")
    return JsonResponse({"problem": problem}, status=503, headers={"Retry-After": str(AGAIN_AFTER)})
