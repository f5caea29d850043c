from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import factory
from factory.django import DjangoModelFactory

from booking.models import Appointment, Hold
from tests.factories.clients import ClientFactory
from tests.factories.practice import TherapistFactory, TreatmentFactory


class HoldFactory(DjangoModelFactory[Hold]):
    class Meta:
        model = Hold

    owner = "a browser"
    treatment = factory.SubFactory(TreatmentFactory)
    size = 1
    created_at = datetime(2027, 2, 1, 8, tzinfo=UTC)
    expires_at = factory.LazyAttribute(lambda hold: hold.created_at + timedelta(minutes=10))


class AppointmentFactory(DjangoModelFactory[Appointment]):
    """A booked half hour on Tuesday 9 March 2027, 9:00 in London, with its wall time derived from ``starts_at``."""

    class Meta:
        model = Appointment

    client = factory.SubFactory(ClientFactory)
    therapist = factory.SubFactory(TherapistFactory)
    treatment = factory.SubFactory(TreatmentFactory)
    starts_at = datetime(2027, 3, 9, 9, tzinfo=UTC)
    ends_at = factory.LazyAttribute(lambda a: a.starts_at + a.treatment.length)
    blocked_from = factory.LazyAttribute(lambda a: a.starts_at - a.treatment.preparation)
    blocked_until = factory.LazyAttribute(lambda a: a.ends_at + a.treatment.turnaround)
    zone = factory.LazyAttribute(lambda a: a.treatment.location.zone)
    price = factory.LazyAttribute(lambda a: a.treatment.price)

    @factory.lazy_attribute
    def local_date(self: Any) -> Any:
        return self.starts_at.astimezone(self.treatment.location.tz).date()

    @factory.lazy_attribute
    def local_time(self: Any) -> Any:
        return self.starts_at.astimezone(self.treatment.location.tz).time()
