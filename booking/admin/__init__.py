"""The desk: what staff look up and change. Whatever touches an appointment goes through the services."""

from booking.admin import (
    appointments,
    audit,
    holds,
    notes,
    notice_rules,
    notice_texts,
    notifications,
    questionnaire,
    reach,
    repairs,
    series,
    time_off,
    treatments,
    waitlist,
)

__all__ = [
    "appointments",
    "audit",
    "holds",
    "notes",
    "notice_rules",
    "notice_texts",
    "notifications",
    "questionnaire",
    "reach",
    "repairs",
    "series",
    "time_off",
    "treatments",
    "waitlist",
]
