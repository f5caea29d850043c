from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from booking.models import Appointment, AuditEntry, Notification
from tests.factories import AppointmentFactory, UserFactory

pytestmark = pytest.mark.integration

ADD = "admin:booking_appointment_add"


@pytest.fixture
def desk(client, practice):
    client.force_login(UserFactory(email="manager@example.org", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def tuesday():
    """A Tuesday two to three weeks from now; the desk books by the real clock."""
    today = timezone.localdate()
    day = today + timedelta(days=15 - today.weekday())
    return day if (day.month, day.day) not in {(12, 25), (12, 26), (1, 1)} else day + timedelta(weeks=2)


def asked(practice, day, **change):
    return {
        "client": practice.ada.pk,
        "treatment": practice.treatment.pk,
        "therapist": practice.tess.pk,
        "local_date": day.isoformat(),
        "local_time": "10:00",
        "override_reason": "",
    } | change


def named(model, page):
    return f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"


def test_every_page_of_every_model_answers(desk, practice, tuesday):
    desk.post(reverse(ADD), asked(practice, tuesday))

    for model, options in admin.site._registry.items():
        for query in ("", "?q=a"):
            assert desk.get(reverse(named(model, "changelist")) + query).status_code == 200, model
        assert desk.get(reverse(named(model, "add"))).status_code == (403 if "ReadOnly" in str(type(options).__mro__) else 200), (
            model
        )
        for row in model._default_manager.all()[:2]:
            assert desk.get(reverse(named(model, "change"), args=[row.pk])).status_code == 200, model


def test_no_sequential_number_can_stand_in_a_url(db):
    assert all(model._meta.pk.get_internal_type() == "UUIDField" for model in admin.site._registry)


def test_anonymous_visitors_are_sent_to_the_sign_in(client, db):
    for model in admin.site._registry:
        assert client.get(reverse(named(model, "changelist"))).status_code == 302


def test_a_free_time_is_booked_through_the_service(desk, practice, tuesday):
    response = desk.post(reverse(ADD), asked(practice, tuesday))

    assert response.status_code == 302
    appointment = Appointment.objects.get()
    assert (appointment.client, f"{appointment.local_time:%H:%M}") == (practice.ada, "10:00")
    assert AuditEntry.objects.get().by.email == "manager@example.org"
    assert Notification.objects.get().appointment == appointment


def test_a_clash_is_an_error_of_the_form_that_names_who_is_there(desk, practice, tuesday):
    desk.post(reverse(ADD), asked(practice, tuesday))

    response = desk.post(reverse(ADD), asked(practice, tuesday, client=practice.bo.pk))

    assert response.status_code == 200
    assert "Ada Okafor is with Tess Oduya" in " ".join(response.context["adminform"].form.non_field_errors())
    assert (Appointment.objects.count(), AuditEntry.objects.count(), Notification.objects.count()) == (1, 1, 1)


def test_states_go_through_the_services_and_only_the_next_ones_do(desk, practice, tuesday):
    desk.post(reverse(ADD), asked(practice, tuesday))
    appointment = Appointment.objects.get()
    page = reverse("admin:booking_appointment_change", args=[appointment.pk])

    assert desk.post(page, {"state": "confirmed"}).status_code == 302
    for state in ("done", "cancelled"):
        assert desk.post(page, {"state": state}).status_code == 200

    appointment.refresh_from_db()
    assert appointment.status == "confirmed"
    assert set(AuditEntry.objects.exclude(action="looked_at").values_list("action", flat=True)) == {"booked", "status"}


def test_a_session_is_moved_on_its_own_page_and_not_here(desk, practice, tuesday):
    desk.post(reverse(ADD), asked(practice, tuesday))
    appointment = Appointment.objects.get()
    page = reverse("admin:booking_appointment_change", args=[appointment.pk])
    before = Appointment.objects.values().get()

    sent = {"state": "booked", "local_date": tuesday.isoformat(), "local_time": "12:00", "therapist": practice.jonas.pk}
    assert desk.post(page, sent).status_code == 302

    assert Appointment.objects.values().get() == before
    assert f'href="{reverse("admin:session", args=[appointment.pk])}"' in desk.get(page).content.decode()


def test_nothing_is_deleted_at_the_desk(desk, practice):
    appointment = AppointmentFactory(client=practice.ada, therapist=practice.tess, treatment=practice.treatment)

    assert desk.post(reverse("admin:booking_appointment_delete", args=[appointment.pk]), {"post": "yes"}).status_code == 403


def test_three_rows_cost_as_many_queries_as_one(desk, practice):
    def cost():
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert desk.get(reverse("admin:booking_appointment_changelist")).status_code == 200
        return len(queries)

    first = AppointmentFactory(client=practice.ada, therapist=practice.tess, treatment=practice.treatment, room=practice.rooms[0])
    cost()
    one = cost()
    for days in (1, 2):
        AppointmentFactory(
            client=practice.bo,
            therapist=practice.jonas,
            treatment=practice.treatment,
            room=practice.rooms[1],
            starts_at=first.starts_at + timedelta(days=days),
        )
    assert cost() == one
