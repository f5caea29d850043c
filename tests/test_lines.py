"""What names people, places and things stands on one line: every form says so, and the database holds to it."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import IntegrityError, connection, transaction
from django.forms import modelform_factory

from booking.forms.booking import DetailsForm
from booking.forms.desk import NewClientForm
from booking.forms.my_data import CorrectForm
from lines import HIDDEN, LineField, cleared
from therapists.models import Room

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

REFUSED = "Please write this on one line, without hidden signs."
#: Not on one line, or not what they seem.
HOSTILE = [
    *("Ada\r\nBcc: b@example.org", "Ada\nOkafor", "Ada\x1b[31m", "\u202eadA"),
    *("Ada\u2028Okafor", "A\x85da", "A\tda", "A\u2066b"),
]
TAKEN = ["Mina\u200cz Ó\u0301 D’Arcy-Łuk, 李", 'O\'Brien "Bo" \\', "👩‍⚕️🦶🏽", "<b>Ada</b>", "=1+1"]


def line_columns():
    models = [model for name in ("booking", "clients", "therapists") for model in apps.get_app_config(name).get_models()]
    return [(model, field) for model in models for field in model._meta.concrete_fields if isinstance(field, LineField)]


def test_the_names_of_all_that_people_name_are_lines():
    named = {f"{model._meta.label_lower}.{field.name}" for model, field in line_columns()}

    assert named == {
        *("clients.client.name", "clients.user.name", "therapists.therapist.name", "therapists.therapist.focus"),
        *("therapists.location.name", "therapists.room.name", "therapists.closure.name", "therapists.painkiller.name"),
        *("therapists.treatment.name", "therapists.treatment.neutral_name", "booking.notetemplate.name"),
        *("booking.clearance.given_by", "booking.clearance.reference"),
    }


def test_every_form_made_of_a_model_refuses_what_is_not_one_line():
    for model, field in line_columns():
        form = modelform_factory(model, fields=[field.name])
        for text in HOSTILE:
            assert form({field.name: text}).errors[field.name] == [REFUSED], (model, field.name, text)
        for text in TAKEN:
            assert field.name not in form({field.name: text}).errors, (model, field.name, text)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_form_that_is_made_of_none_says_the_same(text):
    forms = (DetailsForm({"name": text}, consent="yes"), CorrectForm({"name": text}), NewClientForm({"name": text}))

    assert [form.errors["name"] for form in forms] == [[REFUSED]] * 3


def test_the_desk_refuses_a_room_whose_name_has_two_lines(practice, client):
    admin_form = admin.site._registry[Room].get_form(type("Asked", (), {"user": practice.finn, "method": "GET", "GET": {}})())

    form = admin_form({"name": "Elm\nBcc: b@example.org", "location": practice.tess.location_id, "is_active": "on"})

    assert form.errors["name"] == [REFUSED]


def test_the_database_refuses_it_past_every_form(practice):
    for row in (practice.ada, practice.finn, practice.tess, practice.treatment, practice.rooms[0], practice.tess.location):
        for text in HOSTILE:
            with pytest.raises(IntegrityError, match="name_on_one_line"), transaction.atomic():
                type(row).objects.filter(pk=row.pk).update(name=text)
        for number, text in enumerate(TAKEN):
            type(row).objects.filter(pk=row.pk).update(name=f"{text}{number}")


def test_names_that_were_there_before_get_a_space_for_each_such_sign(practice):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE therapists_room DROP CONSTRAINT room_name_on_one_line")
        Room.objects.filter(pk=practice.rooms[0].pk).update(name="El\r\nm\u202e")
        cursor.execute(cleared("therapists_room", "name"))
        cursor.execute(f"ALTER TABLE therapists_room ADD CONSTRAINT again CHECK (name !~ '{HIDDEN}')")

    assert set(Room.objects.values_list("name", flat=True)) == {"El  m ", practice.rooms[1].name}
