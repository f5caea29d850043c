"""Faults that were found, each with the data that showed it."""

from __future__ import annotations

from datetime import date

import pytest

from booking.engine.slots import Practice, Situation, Therapist, Treatment, offers
from booking.engine.spans import Span
from booking.engine.zones import local_day

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(("turnaround", "last"), [(10, 1380), (0, 1410)], ids=["reaches over midnight", "ends at midnight"])
def test_a_turnaround_meets_a_holiday_behind_a_date_that_the_zone_skipped(turnaround, last):
    """Samoa had no 30 December 2011, so the 31st, a holiday here, begins right after the 29th."""
    day, holiday = date(2011, 12, 29), date(2011, 12, 31)
    practice = Practice("Pacific/Apia", holidays={holiday: "New Year's Eve"})
    treatment = Treatment(length=30, turnaround=turnaround, step=30)
    now = local_day("Pacific/Apia", day).start
    late = Therapist(overrides={day: (Span(1320, 1440),)})

    found = offers(Situation(practice, treatment, now), {"tess": late}, day, day)

    assert max(offer.minute for offer in found) == last
