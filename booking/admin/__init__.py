"""The desk: what staff look up and change. Whatever touches an appointment goes through the services."""

from booking.admin import appointments, holds, notifications, series, waitlist

__all__ = ["appointments", "holds", "notifications", "series", "waitlist"]
