from __future__ import annotations

from datetime import UTC, datetime

import pytest


@pytest.fixture
def now() -> datetime:
    """A Monday morning well before the spring night of the European clocks."""
    return datetime(2027, 2, 1, 8, 0, tzinfo=UTC)
