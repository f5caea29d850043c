"""No form sets a role, price, state, owner or time unless it is declared here; forms are found, not listed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from inspect import getsource
from pathlib import Path
from pkgutil import walk_packages

import pytest
from allauth import account, mfa
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db.models import BooleanField, DateTimeField, DecimalField
from django.forms import BaseForm
from django.test import RequestFactory

import booking
import clients
import therapists
from clients.models import Client, User
from clients.roles import FRONT_DESK, MANAGER
from clients.services.accounts import hand_out
from tests.factories import AppointmentFactory, UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

OURS = ("booking.", "clients.", "therapists.", "config.")
ADDED = re.compile(r'self\.fields\["(\w+)"\]\s*=')
READ = re.compile(r'POST(?:\.get|\.getlist)?[(\[]\s*"(\w+)"|"(\w+)" in request\.POST')
NOON = datetime(2027, 3, 9, 12, tzinfo=UTC)
#: Words for states and secrets, on whichever model.
STATES = {"state", "status", "severity", "role", "owner", "password", "verified"}

#: Forms of our own that ask for something by such a name; what is asked for is weighed by a service before it is written.
OWN = {
    "AwayForm": {"since"},  # a therapist's own leave: the clock time it begins at
    "CallerForm": {"at"},  # at the desk: the clock time a caller wants
    "StateForm": {"state"},  # at the desk: one of the states that may follow
    "WantedForm": {"at"},  # at the desk: the clock time a caller wants
    "MoveByHandForm": {"at"},  # where a therapist drags a session to
    "NextForm": {"at"},  # the clock time wished for the next session
    "StaffForm": {"role", "is_active"},  # a manager's, never about themselves or a superuser
    "UserForm": {"groups", "is_active", "is_staff", "is_superuser", "last_login", "password", "user_permissions"},
}
AT_THE_DESK = {
    "change booking.appointment": {"state"},
    "add therapists.timeoff": {"starts_at", "ends_at"},
    "change therapists.timeoff": {"starts_at", "ends_at"},
}
MANAGING = AT_THE_DESK | {
    "add clients.medicationclass": {"severity"},
    "add clients.user": {"is_active", "role"},
    "change clients.user": {"is_active", "role"},
    "add therapists.closure": {"starts_at", "ends_at"},
    "add therapists.room": {"is_active"},
    "change therapists.room": {"is_active"},
    "add therapists.therapist": {"is_active", "user"},
    "change therapists.therapist": {"is_active", "user"},
    "therapists.timeoff in therapists.therapist": {"starts_at", "ends_at"},
    "add therapists.treatment": {"is_active", "price"},
    "change therapists.treatment": {"is_active", "price"},
}
SUPERUSER = MANAGING | {
    "add clients.client": {"user"},
    "change clients.client": {"user"},
    "change clients.user": {"groups", "is_active", "is_staff", "is_superuser", "password", "user_permissions"},
}
FORMS = {"finn": AT_THE_DESK, "mina": MANAGING, "robin": SUPERUSER}

#: What is done to many rows at once, and what that asks for.
ACTIONS = {
    ("booking.notification", "send_now"): "booking.change_notification",
    ("booking.notification", "send_again"): "booking.change_notification",
    ("therapists.therapist", "ill_from_now"): "therapists.add_timeoff",
    ("clients.questionnaire", "make_next_version"): "clients.change_questionnaire",
    ("clients.questionnaire", "put_to_use"): "clients.change_questionnaire",
}
DELETED_BY_DESK = {"booking.noticetext", "therapists.hoursoverride", "therapists.timeoff"}
DELETED_BY_MANAGER = DELETED_BY_DESK | {
    *("booking.noticerule", "booking.staffmail", "clients.bodyregion", "clients.medication", "clients.medicationclass"),
    *("therapists.closure", "therapists.holidayopening", "therapists.location", "therapists.room", "therapists.therapist"),
    *("therapists.treatment", "therapists.workinghours"),
}
DELETED = {
    "finn": DELETED_BY_DESK,
    "mina": DELETED_BY_MANAGER,
    "robin": DELETED_BY_MANAGER | {"clients.client", "clients.user"},
}
#: Which row of a model is changed, where not every one will do.
CHOSEN = {"clients.user": {"email": "finn@example.org"}}


def modules():
    for app in (booking, clients, therapists):
        for found in walk_packages(app.__path__, f"{app.__name__}."):
            if ".migrations" not in found.name and ".management" not in found.name:
                yield import_module(found.name)


def all_below(kind):
    for each in kind.__subclasses__():
        yield each
        yield from all_below(each)


def own_forms():
    names = {module.__name__ for module in modules()}
    return {form for form in all_below(BaseForm) if form.__module__ in names}


def is_sensitive(field):
    """Whether nobody may write a column by adding it to a request: roles, prices, states, whose something is, and when it was."""
    is_whose_or_may = field.is_relation and field.related_model in (User, Client, Group, Permission)
    is_of_an_account = isinstance(field, BooleanField) and field.model is User
    is_when_or_how_much = isinstance(field, DateTimeField | DecimalField)
    opens_something = "token" in field.name or "hash" in field.name
    return is_whose_or_may or is_of_an_account or is_when_or_how_much or opens_something or field.name in STATES


@cache
def sensitive_names():
    """By kind of column and not by hand: one that is added to a model tomorrow counts."""
    models = (
        model
        for app in ("clients", "booking", "therapists", "mfa", "account")
        for model in apps.get_app_config(app).models.values()
    )
    fields = (field for model in models for field in model._meta.get_fields() if not field.auto_created)
    return STATES | {field.name for field in fields if is_sensitive(field)}


def sensitive(form):
    """What a form asks for of that, with what it adds to itself when it is made."""
    added = ADDED.findall(getsource(form)) if form.__module__.startswith(OURS) and "Asked" not in form.__name__ else []
    return {*form.base_fields, *added} & sensitive_names()


def requests(finn):
    mina = UserFactory(email="mina@example.org")
    hand_out(finn, FRONT_DESK)
    hand_out(mina, MANAGER)
    robin = UserFactory(email="robin@example.org", is_staff=True, is_superuser=True)
    for name, user in (("finn", finn), ("mina", mina), ("robin", robin)):
        request = RequestFactory().get("/desk/")
        request.user = type(user).objects.get(pk=user.pk)
        yield name, request


def desk_forms(request):
    """The forms somebody gets at the desk, inlines among them, to add a row and to change one there is: whose, and what for."""
    for model, options in admin.site._registry.items():
        for row in (None, model._default_manager.filter(**CHOSEN.get(model._meta.label_lower, {})).first()):
            may = options.has_change_permission(request, row) if row else options.has_add_permission(request)
            if may:
                way = "change" if row else "add"
                form = options.get_form(request, row, change=row is not None)
                form.base_fields = dict(form(instance=row).fields)  # with those it gives itself
                yield f"{way} {model._meta.label_lower}", form
                for formset, inline in options.get_formsets_with_inlines(request, row):
                    if inline.has_add_permission(request, row) or inline.has_change_permission(request, row):
                        yield f"{inline.model._meta.label_lower} in {model._meta.label_lower}", formset.form


def test_no_form_of_ours_asks_for_more_than_is_declared():
    assert {form.__name__: sensitive(form) for form in own_forms() if sensitive(form)} == OWN


def test_no_form_of_allauth_asks_for_more_than_the_password_to_sign_in_with():
    for each in (account, mfa):
        for found in walk_packages(each.__path__, f"{each.__name__}."):
            if found.name.endswith(".forms"):
                import_module(found.name)
    theirs = {form.__name__: sensitive(form) for form in all_below(BaseForm) if form.__module__.startswith("allauth.")}

    asked = {name: fields for name, fields in theirs.items() if fields}
    assert asked == {"LoginForm": {"password"}}


def test_what_views_read_from_a_request_without_a_form_is_nothing_to_be_written():
    """Each names an act, a thing that was shown, or words; ``state`` is one of the steps that may follow."""
    sources = (path.read_text() for app in OURS for path in Path(app.rstrip(".")).rglob("*.py"))
    read = {name for source in sources for pair in READ.findall(source) for name in pair if name}

    assert read & sensitive_names() == {"state"}


def test_no_list_at_the_desk_is_a_form():
    assert [model for model, options in admin.site._registry.items() if options.list_editable] == []


def test_no_form_at_the_desk_sets_more_than_is_declared_for_who_asks(practice):
    AppointmentFactory(client=practice.ada, therapist=practice.tess, treatment=practice.treatment)
    practice.tess.time_off.create(starts_at=NOON, ends_at=NOON + timedelta(hours=1))

    for name, request in requests(practice.finn):
        assert {what: sensitive(form) for what, form in desk_forms(request) if sensitive(form)} == FORMS[name]


def test_many_rows_are_acted_on_by_those_with_the_permission_only(practice):
    for name, request in requests(practice.finn):
        got = {
            (model._meta.label_lower, each) for model, desk in admin.site._registry.items() for each in desk.get_actions(request)
        }
        may = {action for action, permission in ACTIONS.items() if request.user.has_perm(permission)}
        assert got == may | {(model, "delete_selected") for model in DELETED[name]}
