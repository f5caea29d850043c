from __future__ import annotations

from datetime import UTC, datetime, timedelta

import factory
from factory.django import DjangoModelFactory

from booking.models import NoticeRule
from tests.factories.practice import LocationFactory


class NoticeRuleFactory(DjangoModelFactory[NoticeRule]):
    """A reminder 24 hours before, in use for a long time."""

    class Meta:
        model = NoticeRule

    location = factory.SubFactory(LocationFactory)
    kind = "reminder"
    lead = timedelta(hours=24)
    since = datetime(2026, 1, 1, tzinfo=UTC)
