"""The free times of a week as the desk's pages show them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from booking.openings import Times


def day_in(text: str) -> date | None:
    """The day that stands in an address; None for anything else."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1900 < day.year < 9000 else None


def week_of(times: Times, *, today: date, base: str) -> dict[str, Any]:
    """The days of the week shown, with how much is free, and those before and after it; ``base`` lacks the day alone."""
    week = times.week
    return {
        "week": [(day, f"{base}{day.isoformat()}", count, day < today) for day, count in week],
        "week_before": f"{base}{week[0][0] - timedelta(days=1)}" if week[0][0] > today else "",
        "week_after": f"{base}{week[6][0] + timedelta(days=1)}",
    }
