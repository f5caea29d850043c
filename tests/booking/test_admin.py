from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib import admin
from django.urls import reverse

from booking.enums import Fit
from booking.models import Appointment, AuditEntry, Repair
from tests.factories import UserFactory

pytestmark = pytest.mark.integration


@pytest.fixture
def desk(client, practice):
    client.force_login(UserFactory(email="manager@example.org", is_staff=True, is_superuser=True))
    return client


def test_a_session_is_not_added_here_but_for_a_client_who_is_looked_up(desk, practice):
    page = desk.get(reverse("admin:booking_appointment_changelist")).content.decode()

    assert f'href="{reverse("admin:find_client")}">Book for a client' in page
    assert reverse("admin:booking_appointment_add") not in page


def test_no_sequential_number_can_stand_in_a_url(db):
    assert all(model._meta.pk.get_internal_type() == "UUIDField" for model in admin.site._registry)


def test_states_go_through_the_services_and_only_the_next_ones_do(desk, book):
    appointment = book()
    page = reverse("admin:booking_appointment_change", args=[appointment.pk])

    assert desk.post(page, {"state": "confirmed"}).status_code == 302
    for state in ("done", "cancelled"):
        assert desk.post(page, {"state": state}).status_code == 200

    appointment.refresh_from_db()
    assert appointment.status == "confirmed"
    assert set(AuditEntry.objects.exclude(action="looked_at").values_list("action", flat=True)) == {"booked", "status"}


def test_a_session_is_moved_on_its_own_page_and_not_here(desk, practice, book):
    appointment = book()
    page = reverse("admin:booking_appointment_change", args=[appointment.pk])
    before = Appointment.objects.values().get()

    sent = {"state": "booked", "local_date": "2027-03-10", "local_time": "12:00", "therapist": practice.jonas.pk}
    assert desk.post(page, sent).status_code == 302

    assert Appointment.objects.values().get() == before
    assert f'href="{reverse("admin:session", args=[appointment.pk])}"' in desk.get(page).content.decode()


def test_wherever_sessions_are_listed_they_lead_to_where_they_are_changed(desk, practice, book_series, now):
    booked = book_series(2)
    [session, _next] = booked.appointments
    repair = Repair.objects.create(client=practice.ada, cause="leave", made_at=now, expires_at=now + timedelta(days=1))
    repair.replacements.create(appointment=session, sequence=0, fit=Fit.NONE)
    pages = {
        "appointments": reverse("admin:booking_appointment_changelist"),
        "broken": reverse("admin:booking_repair_change", args=[repair.pk]),
        "series": reverse("admin:booking_series_change", args=[booked.series.pk]),
    }

    html = {name: desk.get(address).content.decode() for name, address in pages.items()}

    for name in pages:
        assert f'href="{reverse("admin:session", args=[session.pk])}' in html[name], name
        assert reverse("admin:booking_appointment_change", args=[session.pk]) not in html[name], name
