"""A form on a tablet of the practice: opened by the code that staff show, begun once, handed back when it is sent."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from clients.access import handout_of, take_over
from clients.exceptions import HandoutOver, NoQuestionnaire
from clients.forms import StartForm
from clients.models import Handout, Response, ResponseKind
from clients.services.consents import health_data_question, may_use_health_data, record_agreement
from clients.services.handouts import begin, end
from clients.sheets import Sheet
from clients.wording import TOLD


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def tablet(request: HttpRequest, token: str) -> HttpResponse:
    """Whose form it is, and the button that begins. Looking changes nothing; beginning signs out whoever was signed in."""
    now = timezone.now()
    handout = Handout.objects.for_token(token, now)
    try:
        question = health_data_question()
    except NoQuestionnaire:
        handout = None
    if handout is None:
        return render(request, "clients/tablet_over.html", status=410)
    agreed = may_use_health_data(handout.client)
    form = StartForm(request.POST or None, question=question)
    if request.method == "POST" and (agreed or form.is_valid()):
        record_agreement(handout.client, question, by=handout.made_by, now=now)
        return _begun(request, handout, now)
    context = {"handout": handout, "agreed": agreed, "form": form, "questionnaire": question.section.questionnaire}
    return render(request, "clients/tablet.html", context, status=422 if request.method == "POST" else 200)


def _begun(request: HttpRequest, handout: Handout, now: datetime) -> HttpResponse:
    try:
        response = begin(handout, now=now)
    except HandoutOver:
        return render(request, "clients/tablet_over.html", status=410)
    take_over(request.session, handout)
    if response.kind == ResponseKind.FIRST:
        return redirect("intake:part", response.pk, "part-1")
    return redirect("intake:brief", response.pk)


def handed_back(request: HttpRequest, response: Response, now: datetime) -> HttpResponse | None:
    """The last page on a tablet once its form is sent: this browser forgets whose form it was. None on a client's own device."""
    handout = handout_of(request, now)
    if handout is None:
        return None
    end(handout, now=now)
    request.session.flush()
    sheet = Sheet.of(response, by=response.client.user, now=now)
    _shape, _word, sentence = TOLD[sheet.flags.severity]
    return render(request, "clients/tablet_done.html", {"sheet": sheet, "sentence": sentence})
