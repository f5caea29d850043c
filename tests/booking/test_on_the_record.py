"""Whoever opens, changes or takes along what is kept of a client stands in the chain; so does each change at the desk."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.contrib import admin
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from booking.models import AuditEntry
from booking.services.audit import seal, verify
from clients.models import Consent
from clients.roles import MANAGER
from clients.services.accounts import hand_out
from config.trail import OnTheRecord
from tests.booking.conftest import NINE
from tests.factories import UserFactory
from therapists.models import Room

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False):
        yield


@pytest.fixture
def mina(client):
    user = UserFactory(name="Mina Sorel", email="mina@example.org")
    hand_out(user, MANAGER)
    client.force_login(user)
    client.get("/desk/")
    return user


@pytest.fixture
def session(book):
    return book()


def at(name, row=None):
    return reverse(name, args=[row.pk] if row else [])


def entries():
    """What was done, to what, of whom: the latest first."""
    told = AuditEntry.objects.exclude(action="booked").order_by("-recorded_at")
    return [(entry.action, entry.after.get("what"), entry.client and entry.client.name) for entry in told]


def test_every_model_at_the_desk_is_on_the_record():
    assert [model for model, options in admin.site._registry.items() if not isinstance(options, OnTheRecord)] == []


def test_each_opening_of_what_is_kept_about_a_client_is_one_entry_and_one_query_more(client, mina, practice, session, now):
    agreed = Consent.objects.create(client=practice.ada, kind="booking", version=1, text="Yes", agreed_at=now, by=mina)
    pages = {
        at("admin:clients_client_change", practice.ada): "clients.client",
        at("admin:clients_client_history", practice.ada): "clients.client",
        at("admin:clients_consent_change", agreed): "clients.consent",
        at("admin:booking_appointment_change", session): "booking.appointment",
        at("admin:booking_appointment_tablet", session): "booking.appointment",
        at("admin:booking_appointment_clear", session): "booking.appointment",
        at("admin:session", session): "booking.appointment",
        at("admin:book_for", practice.ada): "clients.client",
        at("admin:walk_in_for", practice.ada): "clients.client",
        at("admin:wait_for", practice.ada): "clients.client",
    }

    for page, what in pages.items():
        before = len(entries())
        with CaptureQueriesContext(connection) as asked:
            assert client.get(page).status_code == 200, page
        assert entries()[: len(entries()) - before] == [("looked_at", what, "Ada Okafor")], page
        assert sum("INSERT INTO" in each["sql"] and "auditentry" in each["sql"] for each in asked) == 1, page
    assert set(AuditEntry.objects.filter(action="looked_at").values_list("by", "address")) == {(mina.pk, "127.0.0.1")}


def test_pages_about_nobody_and_lists_leave_nothing(client, mina, practice, session):
    for page in (
        "/desk/",
        at("admin:lists"),
        at("admin:setup_check"),
        at("admin:walk_in"),
        at("admin:clients_client_changelist"),
        at("admin:clients_client_add"),
        at("admin:therapists_room_change", practice.rooms[0]),
        at("admin:therapists_treatment_history", practice.treatment),
        at("admin:clients_user_change", practice.finn),
    ):
        assert client.get(page).status_code == 200, page

    assert entries() == []


def test_a_page_that_is_refused_was_not_opened(practice, session):
    browser = Browser()
    browser.force_login(UserFactory(email="nobody@example.org", is_staff=True))

    for page in (at("admin:clients_client_change", practice.ada), at("admin:session", session)):
        assert browser.get(page).status_code == 403

    assert entries() == []


def test_a_change_by_a_form_names_the_fields_and_not_what_stood_in_them(client, mina, practice):
    room = {"location": practice.rooms[0].location_id, "name": "Elm, upstairs", "is_active": "on"}
    page = at("admin:therapists_room_change", practice.rooms[0])
    for _twice in range(2):  # the second time nothing changes
        assert client.post(page, room).status_code == 302
    client.post(at("admin:therapists_room_add"), room | {"name": "Yew"})
    client.post(at("admin:therapists_room_delete", practice.rooms[0]), {"post": "yes"})
    client.post(
        at("admin:therapists_room_changelist"),
        {"action": "delete_selected", "_selected_action": [Room.objects.get(name="Yew").pk], "post": "yes"},
    )

    assert entries() == [("deleted", "therapists.room", None)] * 2 + [
        ("added", "therapists.room", None),
        ("changed", "therapists.room", None),
    ]
    changed = AuditEntry.objects.get(action="changed")
    assert (changed.record, changed.by, changed.after["fields"]) == (practice.rooms[0].pk, mina, ["Name"])
    assert "Elm" not in str(list(AuditEntry.objects.values()))


def test_whatever_leaves_in_a_file_or_on_paper_is_told_of_client_by_client(client, mina, practice, book):
    book()
    book(client=practice.bo, starts_at=NINE + timedelta(hours=1))
    on = f"?date={NINE.date()}"

    for page in ("admin:board_csv", "admin:board_print"):
        client.get(at(page) + on)
    client.get(at("admin:board_csv") + "?date=2027-03-10")
    ada = Browser()
    ada.force_login(practice.ada.user)
    for page in ("booking:my_data_file", "booking:my_data_copy"):
        assert ada.get(at(page)).status_code == 200

    lines = sorted(entries())
    assert lines == [
        *[("taken_along", "booking.appointment", "Ada Okafor")] * 2,
        *[("taken_along", "booking.appointment", "Bo Lindqvist")] * 2,
        *[("taken_along", "clients.client", "Ada Okafor")] * 2,
    ]


def test_it_is_sealed_with_the_rest_and_a_client_reads_it(client, mina, practice, session):
    client.get(at("admin:clients_client_change", practice.ada))
    client.get(at("admin:session", session))
    client.get(at("admin:board_csv") + f"?date={NINE.date()}")

    assert seal() == 4
    assert verify().findings == []
    ada = Browser()
    ada.force_login(practice.ada.user)
    page = " ".join(ada.get("/sessions/my-data/who/").content.decode().split())
    for told in (
        "Mina Sorel opened your page.",
        "Mina Sorel opened the page of your session on Tuesday 9 March 2027.",
        "Mina Sorel printed or saved the plan of Tuesday 9 March 2027, with your name and the time of your session.",
    ):
        assert told in page
