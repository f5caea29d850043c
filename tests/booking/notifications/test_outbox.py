from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from booking.enums import NotificationKind
from booking.models import Notification
from booking.notifications.outbox import enqueue
from tests.factories import AppointmentFactory, ClientFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def test_a_notice_is_due_at_once_and_speaks_of_one_version_of_the_time(now):
    appointment = AppointmentFactory(sequence=3)

    notice = enqueue(NotificationKind.CHANGED, client=appointment.client, appointment=appointment, now=now)

    assert (notice.due_at, notice.sequence, notice.recipient) == (now, 3, appointment.client.email)


def test_the_same_notice_about_the_same_time_is_refused_by_the_database(now):
    appointment = AppointmentFactory()
    enqueue(NotificationKind.CONFIRMATION, client=appointment.client, appointment=appointment, now=now)

    with pytest.raises(IntegrityError, match="notification_once_per_appointment"), transaction.atomic():
        enqueue(NotificationKind.CONFIRMATION, client=appointment.client, appointment=appointment, now=now)

    assert Notification.objects.count() == 1


def test_a_client_without_an_address_gets_none(now):
    appointment = AppointmentFactory(client=ClientFactory(email=""))

    assert enqueue(NotificationKind.CONFIRMATION, client=appointment.client, appointment=appointment, now=now) is None
    assert not Notification.objects.exists()
