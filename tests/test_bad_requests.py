"""What cannot be right is refused in words, wherever it is sent."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests.factories import UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def desk(client):
    client.force_login(UserFactory(email="robin@example.org", is_staff=True, is_superuser=True))
    return client


@pytest.mark.parametrize("name", ["booking:landing", "booking:clients", "intake:overview"])
def test_a_nul_in_a_query_is_a_bad_request(client, practice, name):
    assert client.get(reverse(name), {"q": "a\x00b"}).status_code == 400
    assert client.get(reverse(name), {"q": "a%00b"}).status_code != 400


def test_an_id_that_can_be_none_is_a_bad_request_at_the_desk(desk, practice):
    rooms = reverse("admin:therapists_room_changelist")
    change = reverse("admin:therapists_room_change", args=[practice.rooms[0].pk])

    assert desk.post(rooms, {"action": "delete_selected", "_selected_action": "' OR 1=1"}).status_code == 400
    assert "location" in desk.post(change, {"name": "Elm", "location": "a/540"}).context["adminform"].form.errors
    assert desk.post(rooms, {"action": "delete_selected", "_selected_action": str(practice.rooms[0].pk)}).status_code == 200


def test_an_area_that_is_none_is_refused_in_words(desk, practice):
    change = reverse("admin:therapists_treatment_change", args=[practice.treatment.pk])

    assert "Select a valid choice. %00 is not" in desk.post(change, {"areas": "%00"}).content.decode()


def test_an_hour_that_is_none_is_refused_beside_its_row(client, practice):
    practice.tess.user = UserFactory(email="tess@example.org")
    practice.tess.save()
    client.force_login(practice.tess.user)
    row = {"rows-0-id": practice.tess.working_hours.first().pk, "rows-0-opens": "09:00", "rows-0-closes": "25:61"}

    answer = client.post(reverse("booking:usual_week"), row | {"rows-TOTAL_FORMS": "1", "rows-INITIAL_FORMS": "1"})

    assert answer.status_code == 422
    assert "Enter a valid time" in answer.content.decode()
