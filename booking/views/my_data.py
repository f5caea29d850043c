"""What a client can ask of us about their data: to see and take it, to correct it, and to have it erased."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import logout
from django.core.paginator import Paginator
from django.forms import Form
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from booking.access import trail_of
from booking.deeds import deeds_about
from booking.exceptions import BookingError
from booking.forms.codes import CodeForm
from booking.forms.my_data import CorrectForm, NewAddressForm
from booking.services.audit import on_taken_along
from booking.services.erasure import erase, fate_of, require_erasable
from booking.views.sessions import wanted
from clients.access import proved_recently
from clients.exceptions import AddressTaken
from clients.models import Client
from clients.personal import as_data, in_groups
from clients.proof import AddressProof, ErasureProof, NewAddressProof, StillThemProof
from clients.services.people import change_address, correct_client
from clients.services.responses import readings_of
from clients.views.filling import of_a_client, user_of

DEEDS_ON_A_PAGE = 50


@require_safe
@of_a_client
def my_data(request: HttpRequest, client: Client) -> HttpResponse:
    """What we know of somebody, who read it, and what they can do about it."""
    context = {"page": "sessions", "client": client, "user_email": user_of(client).email, "views": readings_of(client)}
    return render(request, "booking/my_data.html", context)


@require_safe
@of_a_client
def my_data_file(request: HttpRequest, client: Client) -> HttpResponse:
    """All of it, for another program."""
    if not proved_recently(request):
        return redirect(_still_you_first(request))
    on_taken_along(Client, [(client.pk, client.pk)], by=user_of(client), now=timezone.now())
    answer = JsonResponse(as_data(client, now=timezone.now()), json_dumps_params={"indent": 1, "ensure_ascii": False})
    answer["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return answer


@require_safe
@of_a_client
def my_data_copy(request: HttpRequest, client: Client) -> HttpResponse:
    """All of it, to read or to print."""
    if not proved_recently(request):
        return redirect(_still_you_first(request))
    on_taken_along(Client, [(client.pk, client.pk)], by=user_of(client), now=timezone.now())
    context = {"page": "sessions", "client": client, "groups": in_groups(client), "now": timezone.now()}
    return render(request, "booking/my_data_copy.html", context)


@require_safe
@of_a_client
def my_data_who(request: HttpRequest, client: Client) -> HttpResponse:
    """Who looked at or changed what is theirs, in sentences."""
    shown = Paginator(trail_of(client), DEEDS_ON_A_PAGE).get_page(request.GET.get("page"))
    context = {"page": "sessions", "shown": shown, "deeds": deeds_about(client, shown), "own": user_of(client)}
    return render(request, "booking/my_data_who.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@of_a_client
def correct(request: HttpRequest, client: Client) -> HttpResponse:
    """The name and the number."""
    form = CorrectForm(request.POST if request.method == "POST" else None, initial={"name": client.name, "phone": client.phone})
    if form.is_bound and form.is_valid():
        kept = {"name": form.cleaned_data["name"], "phone": str(form.cleaned_data["phone"] or "")}
        correct_client(client, **kept, now=timezone.now())
        messages.success(request, _("Kept. From now on we use this."))
        return redirect("booking:my_data")
    return _page(request, "booking/my_data_correct.html", form)


# ---- another address --------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@of_a_client
def new_address(request: HttpRequest, client: Client) -> HttpResponse:
    """The address, then the code that went there. Nothing changes before that."""
    proof = NewAddressProof.resume(request)
    if proof is not None and "again" not in request.GET:
        return _new_address_coded(request, client, proof)
    form = NewAddressForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        NewAddressProof.begin(request, email=form.cleaned_data["email"], details={})
        return redirect("booking:new_address")
    return _page(request, "booking/my_data_address.html", form)


def _new_address_coded(request: HttpRequest, client: Client, proof: AddressProof) -> HttpResponse:
    form = CodeForm(request.POST if request.method == "POST" else None)
    if not _is_proved(request, proof, form):
        return _page(request, "booking/my_data_address.html", form, email=proof.email)
    proof.abort()
    try:
        change_address(client, proof.email, now=timezone.now())
    except AddressTaken:
        messages.warning(request, _("Somebody else comes to us with this address, so nothing was changed. Please call us."))
    else:
        messages.success(request, _("Kept. From now on we write to this address, and you sign in with it."))
    return redirect("booking:my_data")


# ---- once more who they are -------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@of_a_client
def still_you(request: HttpRequest, client: Client) -> HttpResponse:
    """A code to their address, before they take everything with them or add a passkey; a sign-in of a moment ago is enough."""
    if proved_recently(request):
        return redirect(wanted(request) or "booking:my_data")
    proof = StillThemProof.resume(request)
    if proof is None or proof.email != user_of(client).email:
        return _code_for_still_you(request, client)
    form = CodeForm(request.POST if request.method == "POST" else None)
    if not _is_proved(request, proof, form):
        return _page(request, "booking/my_data_still_you.html", form, email=proof.email)
    proof.done(user_of(client))
    messages.success(request, _("Thank you. For the next five minutes we do not ask again."))
    return redirect(wanted(request) or "booking:my_data")


def _code_for_still_you(request: HttpRequest, client: Client) -> HttpResponse:
    email = user_of(client).email
    if request.method == "POST":
        StillThemProof.begin(request, email=email, details={})
        return redirect(request.get_full_path())
    return render(request, "booking/my_data_still_you.html", {"page": "sessions", "user_email": email})


def _still_you_first(request: HttpRequest) -> str:
    """The page that asks; it leads on to a page, and to the one with the link where a file was asked for."""
    wants_page = request.path == reverse("booking:my_data_copy")
    return reverse("booking:still_you") + (f"?next={request.path}" if wants_page else "")


# ---- erasing ----------------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@of_a_client
def erase_me(request: HttpRequest, client: Client) -> HttpResponse:
    """What stays and what goes; then a code to their address, so that nobody else does this; then it is done."""
    now = timezone.now()
    try:
        require_erasable(client, now=now)
    except BookingError as refusal:
        return _fate(request, client, problem=str(refusal))
    proof = ErasureProof.resume(request)
    if proof is None or proof.email != user_of(client).email:
        return _ask_for_code(request, client)
    form = CodeForm(request.POST if request.method == "POST" else None)
    if not _is_proved(request, proof, form):
        return _fate(request, client, form=form)
    proof.abort()
    try:
        erase(client, now=now)
    except BookingError as refusal:
        return _fate(request, client, problem=str(refusal))
    logout(request)
    messages.success(request, _("It is done: your data is erased, and you are signed out. Take care."))
    return redirect("booking:landing")


def _ask_for_code(request: HttpRequest, client: Client) -> HttpResponse:
    if request.method != "POST":
        return _fate(request, client)
    ErasureProof.begin(request, email=user_of(client).email, details={})
    return redirect("booking:erase_me")


def _fate(request: HttpRequest, client: Client, *, form: Form | None = None, problem: str = "") -> HttpResponse:
    context = {"page": "sessions", "fate": fate_of(client, now=timezone.now()), "problem": problem, "form": form}
    context["user_email"] = user_of(client).email
    status = 409 if problem else 422 if form is not None and form.is_bound else 200
    return render(request, "booking/my_data_erase.html", context, status=status)


# ---- shared -----------------------------------------------------------------------------------------------------------------


def _is_proved(request: HttpRequest, proof: AddressProof, form: CodeForm) -> bool:
    """Whether the code was typed; a wrong one becomes an error of the form, and another one is sent when that is asked for."""
    if request.method == "POST" and "resend" in request.POST:
        proof.resend()
        form.is_bound = False
        return False
    if not (form.is_bound and form.is_valid()):
        return False
    if proof.accepts(form.cleaned_data["code"]):
        return True
    form.add_error("code", _("This is not the code we sent. Please type it again."))
    return False


def _page(request: HttpRequest, template: str, form: Form, **more: str) -> HttpResponse:
    context = {"page": "sessions", "form": form, **more}
    return render(request, template, context, status=422 if form.is_bound else 200)
