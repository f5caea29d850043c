from __future__ import annotations

from datetime import UTC, datetime

import pytest


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
