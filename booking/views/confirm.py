"""Screen three, and what was booked."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from booking.access import booked_for, books_for_another, may_see_request, series_extended
from booking.enums import HoldState, Outcome
from booking.exceptions import AgreementWithdrawn, BookingError, HoldOver, NotMatched, UndoOver
from booking.forms.booking import CodeForm, ConfirmForm, DetailsForm, KnownForm, NameForm
from booking.ical import GONE, calendar
from booking.models import BookingRequest, Hold, SessionFlag
from booking.services.changes import UNDO_LASTS, undo_booking
from booking.services.holds import book_hold
from booking.views.asking import asks_of
from booking.views.choose import times_for_anyone
from booking.views.held import frame_of, held_context, over, own_hold, to_what_was_booked
from clients.models import Client, User
from clients.proof import AddressProof, sign_in
from clients.services import BOOKING_CONSENT, booking_consent_missing, record_booking_consent, register_client
from clients.services.consents import withdrew_health_data
from clients.services.responses import asks_for_form, sheet_for_doctor

PROVED_KEY = "proved_address"


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def you(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Who is coming. New clients type three things and a code; known ones the code; signed-in ones nothing."""
    hold = own_hold(request, pk)
    client = booked_for(request, hold)
    if hold.state == HoldState.BOOKED and not (client and request.method == "POST"):
        return to_what_was_booked(request, hold)
    now = timezone.now()
    if not hold.is_live(now) and hold.state != HoldState.BOOKED:
        return over(request, hold)
    if client is not None and books_for_another(request, hold):
        return _on_behalf(request, hold, client, now)
    if client is not None:
        return _known(request, hold, client, now)
    if PROVED_KEY in request.session:
        return _named(request, hold, now)
    proof = AddressProof.resume(request)
    if proof is not None and "again" not in request.GET:
        return _coded(request, hold, proof, now)
    return _typed(request, hold, now)


def _known(request: HttpRequest, hold: Hold, client: Client, now: datetime) -> HttpResponse:
    if withdrew_health_data(client):
        return _agreement_first(request, hold)
    consent = str(BOOKING_CONSENT[1]) if booking_consent_missing(client) else ""
    form = ConfirmForm(request.POST if request.method == "POST" else None, consent=consent)
    if form.is_bound and form.is_valid():
        return _book(request, hold, client, form.cleaned_data["key"], now, agreed=bool(consent))
    return _you(request, hold, form, now, stage="confirm", client=client)


def _on_behalf(request: HttpRequest, hold: Hold, client: Client, now: datetime) -> HttpResponse:
    """A therapist, or the desk, books for a client, who is told as ever; refusals are in the words for staff."""
    assert isinstance(request.user, User)
    form = ConfirmForm(request.POST if request.method == "POST" else None)
    if not (form.is_bound and form.is_valid()):
        return _you(request, hold, form, now, stage="behalf", client=client)
    try:
        booked = book_hold(
            hold,
            client=client,
            key=form.cleaned_data["key"],
            by=request.user,
            now=now,
            extending=series_extended(request, hold),
        )
    except HoldOver:
        return over(request, hold)
    except BookingError as refusal:
        return _you(request, hold, ConfirmForm(), now, stage="behalf", client=client, problem=str(refusal))
    n = len(booked.appointments)
    said = ngettext("Booked. %(name)s is told of %(n)d session.", "Booked. %(name)s is told of %(n)d sessions.", n)
    messages.success(request, said % {"name": client.name, "n": n})
    return to_what_was_booked(request, hold)


def _typed(request: HttpRequest, hold: Hold, now: datetime) -> HttpResponse:
    was_here = "known" in request.GET
    data = request.POST if request.method == "POST" else None
    form = (KnownForm if was_here else DetailsForm)(data, consent=str(BOOKING_CONSENT[1]))
    if form.is_bound and form.is_valid():
        details = {"name": form.cleaned_data.get("name", ""), "phone": str(form.cleaned_data.get("phone") or "")}
        AddressProof.begin(request, email=form.cleaned_data["email"], details=details)
        return redirect("booking:you", hold.pk)
    return _you(request, hold, form, now, stage="known" if was_here else "details")


def _coded(request: HttpRequest, hold: Hold, proof: AddressProof, now: datetime) -> HttpResponse:
    if request.method == "POST" and "resend" in request.POST:
        proof.resend()
        return redirect("booking:you", hold.pk)
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        if proof.accepts(form.cleaned_data["code"]):
            return _proved(request, hold, proof, form, now)
        if AddressProof.resume(request) is None:
            messages.warning(
                request,
                _("That was the wrong code five times, so it no longer counts. Your times are still held; ask for a new one."),
            )
            return redirect("booking:you", hold.pk)
        form.add_error("code", _("This is not the code we sent. Your times are still held. Please type it again."))
    return _you(request, hold, form, now, stage="code", proof=proof)


def _proved(request: HttpRequest, hold: Hold, proof: AddressProof, form: CodeForm, now: datetime) -> HttpResponse:
    email, details = proof.email, proof.details
    proof.abort()
    known = Client.objects.filter(user__email=email).exists()
    if not known and not details["name"]:
        request.session[PROVED_KEY] = email
        return redirect("booking:you", hold.pk)
    return _sign_in_and_book(request, hold, email, details, form, now)


def _named(request: HttpRequest, hold: Hold, now: datetime) -> HttpResponse:
    form = NameForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        email = request.session.pop(PROVED_KEY)
        details = {"name": form.cleaned_data["name"], "phone": str(form.cleaned_data["phone"] or "")}
        return _sign_in_and_book(request, hold, email, details, form, now)
    return _you(request, hold, form, now, stage="name")


def _sign_in_and_book(
    request: HttpRequest, hold: Hold, email: str, details: dict[str, str], form: ConfirmForm, now: datetime
) -> HttpResponse:
    client = register_client(email=email, name=details["name"] or email, phone=details["phone"], language=request.LANGUAGE_CODE)
    user = client.user
    if user is None or not user.is_active:
        raise Http404
    second_factor_first = sign_in(request, user)
    if second_factor_first is not None:
        return second_factor_first
    return _book(request, hold, client, form.cleaned_data["key"], now, agreed=True)


def _agreement_first(request: HttpRequest, hold: Hold) -> HttpResponse:
    """Nobody is treated whose health answers nobody may use: say so instead of booking. What is held stays held."""
    return render(request, "booking/agreement_first.html", {"hold": hold}, status=409)


def _book(request: HttpRequest, hold: Hold, client: Client, key: UUID, now: datetime, *, agreed: bool) -> HttpResponse:
    assert isinstance(request.user, User)
    try:
        booked = book_hold(hold, client=client, key=key, by=request.user, now=now, undo_for=UNDO_LASTS)
    except HoldOver:
        return over(request, hold)
    except AgreementWithdrawn:
        return _agreement_first(request, hold)
    except NotMatched as refusal:
        return _choose_again(request, hold, refusal, now)
    except BookingError as refusal:
        return _you(request, hold, ConfirmForm(), now, stage="confirm", client=client, problem=str(refusal))
    if agreed:
        record_booking_consent(client, by=request.user, now=now)
    return redirect("booking:booked", booked.request.pk)


def _choose_again(request: HttpRequest, hold: Hold, refusal: NotMatched, now: datetime) -> HttpResponse:
    """Who signed in cannot be treated as chosen. Nothing says why; what is held stays held, and others can be chosen."""
    context = {"step": "when", "problem": str(refusal), "again_url": times_for_anyone(hold), **held_context(hold, now)}
    return render(request, "booking/choose_again.html", context, status=409)


def _you(
    request: HttpRequest,
    hold: Hold,
    form: forms.Form,
    now: datetime,
    *,
    stage: str,
    client: Client | None = None,
    proof: AddressProof | None = None,
    problem: str = "",
) -> HttpResponse:
    """The page at one of its stages: 422 with what was typed when that was not enough, 409 when somebody was faster."""
    context = {
        "step": "you",
        "form": form,
        "stage": stage,
        "client": client,
        "email": proof.email if proof else "",
        "problem": problem,
        **held_context(hold, now),
        **frame_of(request, hold),
    }
    status = 409 if problem else 422 if form.is_bound else 200
    return render(request, "booking/you.html", context, status=status)


@require_safe
@never_cache
def booked(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What was booked, for its client's eyes."""
    return _booked(request, _own_request(request, pk), timezone.now())


@require_POST
@never_cache
def undo_booked(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take back what was just booked."""
    made, now = _own_request(request, pk), timezone.now()
    assert isinstance(request.user, User)
    try:
        undo_booking(made, by=request.user, now=now)
    except UndoOver as refusal:
        return _booked(request, made, now, problem=str(refusal))
    return redirect("booking:booked", made.pk)


def _booked(request: HttpRequest, made: BookingRequest, now: datetime, *, problem: str = "") -> HttpResponse:
    if made.undone_at is not None:
        return render(request, "booking/undone.html", {"page": "sessions"})
    appointments = list(made.appointments.select_related("therapist", "treatment__location", "room").order_by("starts_at"))
    series = getattr(made, "series", None)
    first = next((each for each in appointments if each.status not in GONE), appointments[0])
    context = {
        "request_made": made,
        "appointments": appointments,
        "first": first,
        **asks_of(request.user, now=now),
        "asks_for_form": asks_for_form(made.client, on=first.local_date),
        "flag_state": SessionFlag.objects.filter(appointment=first).values_list("state", flat=True).first(),
        "doctor_sheet": sheet_for_doctor(made.client),
        "gone": GONE,
        "client": made.client,
        "planned": list(series.planned_dates.select_related("appointment")) if series else [],
        "lost": [planned for planned in series.planned_dates.all() if planned.outcome == Outcome.NOT_POSSIBLE] if series else [],
        "zone": appointments[0].zone,
        "can_undo": made.can_be_undone(now) and not any(each.sequence for each in appointments),
        "problem": problem,
    }
    return render(request, "booking/booked.html", context, status=409 if problem else 200)


@require_safe
@never_cache
def booked_calendar(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The same as a calendar file."""
    made = _own_request(request, pk)
    file = calendar(made.appointments.select_related("therapist", "room", "treatment__location"), now=timezone.now())
    response = HttpResponse(file, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="sessions.ics"'
    return response


def _own_request(request: HttpRequest, pk: UUID) -> BookingRequest:
    made = BookingRequest.objects.select_related("client").filter(pk=pk).first()
    if made is None or not may_see_request(request.user, made):
        raise Http404
    return made
