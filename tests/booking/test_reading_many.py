"""Whoever reads about many clients shows once more who they are, and so does whoever takes the day away as a table."""

from __future__ import annotations

from uuid import uuid4

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from booking.access import MANY
from booking.enums import AuditAction
from booking.models import AuditEntry
from tests.booking.conftest import fill_in
from tests.factories import ClientFactory, UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

PASSWORD = "nine steady herons"  # pragma: allowlist secret
FIVE_MINUTES = 301


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


def with_password(user):
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.fixture
def tess(practice):
    user = practice.tess.user = with_password(UserFactory(name="Tess Oduya", email="tess@example.org"))
    practice.tess.save()
    return user


@pytest.fixture
def session(book, practice, intake, now):
    fill_in(practice.ada, now, heart="recent")
    return book()


def read_about(number, user, at):
    clients = ClientFactory.create_batch(number)
    AuditEntry.objects.bulk_create(
        AuditEntry(action=AuditAction.READ_ANSWERS, client=each, record=uuid4(), by=user, at=at) for each in clients
    )
    return clients


def asks(response):
    return response.status_code == 302 and response["Location"].startswith(reverse("account_reauthenticate"))


def test_after_many_clients_every_page_about_health_asks_who_is_reading_and_then_opens(client, tess, session, clock, now):
    pages = [reverse(f"booking:{name}", args=[session.pk]) for name in ("session_intake", "note", "session_progress")]
    pages += [reverse("booking:client", args=[session.client_id]), reverse("booking:decisions")]
    client.force_login(tess)
    clock.shift(FIVE_MINUTES)
    read_about(MANY - 1, tess, timezone.now())
    assert [client.get(page).status_code for page in pages[4:]] == [200]

    read_about(1, tess, timezone.now())

    assert all(asks(client.get(page)) for page in pages)
    assert client.get(reverse("booking:therapist")).status_code == 200
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert [client.get(page).status_code for page in pages] == [200] * len(pages)
    clock.shift(FIVE_MINUTES)
    assert client.get(pages[0]).status_code == 200, "what was read before they showed who they are counts no more"


def test_writing_goes_on_whatever_was_read(client, tess, session, clock):
    client.force_login(tess)
    clock.shift(FIVE_MINUTES)
    read_about(MANY, tess, timezone.now())

    kept = client.post(
        reverse("booking:note", args=[session.pk]), {"do": "keep", "seen": "0", "writer": str(uuid4()), "plan": "Mine."}
    )

    assert kept.headers["Content-Type"] == "application/json"
    assert kept.status_code == 200


def test_neither_one_client_often_nor_a_colleague_nor_what_was_an_hour_ago_counts(client, tess, session, clock):
    page = reverse("booking:session_intake", args=[session.pk])
    client.force_login(tess)
    clock.shift(FIVE_MINUTES)
    read_about(MANY, UserFactory(), timezone.now())
    for _time in range(MANY + 1):
        assert client.get(page).status_code == 200

    read_about(MANY, tess, timezone.now())
    assert asks(client.get(page))
    for _quarter in range(5):
        clock.shift(14 * 60)
        client.get(reverse("booking:therapist"))
    assert client.get(page).status_code == 200


def test_the_day_leaves_as_a_table_by_whoever_showed_a_moment_ago_who_they_are(client, practice, clock):
    table = reverse("admin:board_csv") + "?date=2027-03-09"
    practice.finn.user_permissions.add(Permission.objects.get(codename="view_appointment"))
    client.force_login(with_password(practice.finn))
    assert client.get(table).headers["Content-Type"].startswith("text/csv")
    clock.shift(FIVE_MINUTES)

    refused = client.get(table, follow=True)

    board = f"{reverse('admin:index')}?date=2027-03-09"
    assert "take the table once more" in refused.content.decode()
    assert client.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": board})["Location"] == board
    assert client.get(table).headers["Content-Type"].startswith("text/csv")
