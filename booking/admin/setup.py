"""The page that says what the practice still needs before it can open."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from booking.access import sees_setup
from booking.services.readiness import Finding, Matter, Verdict, readiness

#: Where a matter is seen to, by the list of a model; what stands in the environment is seen to there.
DONE_AT = {
    Matter.PLACE: "therapists_location",
    Matter.REACH: "therapists_location",
    Matter.ROOMS: "therapists_room",
    Matter.TREATMENTS: "therapists_treatment",
    Matter.PRICES: "therapists_treatment",
    Matter.THERAPISTS: "therapists_therapist",
    Matter.HOURS: "therapists_therapist",
    Matter.SIGN_INS: "therapists_therapist",
    Matter.TIMES: "therapists_treatment",
    Matter.FORM: "clients_questionnaire",
    Matter.REMINDERS: "booking_noticerule",
    Matter.DESK: "clients_user",
}
#: What has to be done first comes first.
ORDER = (Verdict.MISSING, Verdict.LOOK, Verdict.OK)


@require_safe
def check(request: HttpRequest) -> TemplateResponse:
    """What is missing first, then what to look at, then what is done."""
    if not sees_setup(request.user):
        raise PermissionDenied
    found = sorted(readiness(timezone.now()), key=lambda finding: ORDER.index(finding.verdict))
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": gettext("Ready to open?"),
        "findings": [(finding, _address(finding)) for finding in found],
        "missing": sum(finding.verdict is Verdict.MISSING for finding in found),
    }
    return TemplateResponse(request, "admin/setup_check.html", context)


def _address(finding: Finding) -> str:
    """Where it is seen to; empty for what stands in the environment."""
    name = DONE_AT.get(finding.matter)
    return reverse(f"admin:{name}_changelist") if name else ""
