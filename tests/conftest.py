from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Permission
from django.contrib.auth.signals import user_logged_in
from django.db import connection
from pytest_django import DjangoDbBlocker

from tests.factories import ClientFactory, RoomFactory, TherapistFactory, TreatmentFactory, UserFactory
from tests.full_sign_in import fully


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Tests with transactions of their own empty all tables afterwards, which the audit lets nobody do."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for table in ("entry", "seal"):
            cursor.execute(f"ALTER TABLE booking_audit{table} DISABLE TRIGGER audit_{table}_never_emptied")


user_logged_in.connect(fully)


@pytest.fixture
def now() -> datetime:
    """A Monday morning well before the spring night of the European clocks."""
    return datetime(2027, 2, 1, 8, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def no_limits_left_over(request: pytest.FixtureRequest) -> None:
    """Rate limits count in Valkey, which outlives a test's transaction."""
    if request.node.get_closest_marker("unit") is None:
        from django.core.cache import cache

        cache.clear()


@pytest.fixture
def practice(db) -> SimpleNamespace:
    """Tess and Jonas work 9 to 17 on weekdays, share two rooms and give one treatment of 30 minutes, 10 of turnaround."""
    weekdays = [(day, "09:00", "17:00") for day in range(5)]
    tess = TherapistFactory(name="Tess Oduya", works=weekdays)
    jonas = TherapistFactory(name="Jonas Brandt", works=weekdays)
    rooms = [RoomFactory(name="Elm"), RoomFactory(name="Oak")]
    treatment = TreatmentFactory(by=[tess, jonas], in_rooms=rooms)
    ada = ClientFactory(user__name="Ada Okafor", user__email="ada@example.org")
    bo = ClientFactory(user__name="Bo Lindqvist", user__email="bo@example.org")
    finn = UserFactory(name="Finn Desk", email="finn@example.org", is_staff=True)
    finn.user_permissions.add(Permission.objects.get(codename="override_rules"))
    return SimpleNamespace(tess=tess, jonas=jonas, rooms=rooms, treatment=treatment, ada=ada, bo=bo, finn=finn)
