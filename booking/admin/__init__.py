"""The desk: what staff look up and change. Whatever touches an appointment goes through the services."""

from booking.admin import (
    appointments,
    holds,
    notes,
    notice_rules,
    notice_texts,
    notifications,
    reach,
    repairs,
    series,
    time_off,
    waitlist,
)

__all__ = [
    "appointments",
    "holds",
    "notes",
    "notice_rules",
    "notice_texts",
    "notifications",
    "reach",
    "repairs",
    "series",
    "time_off",
    "waitlist",
]
