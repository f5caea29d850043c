from booking.models.appointment import Appointment, BookingRequest, Hold
from booking.models.audit import AuditEntry
from booking.models.notification import Notification
from booking.models.series import PlannedDate, Series

__all__ = ["Appointment", "AuditEntry", "BookingRequest", "Hold", "Notification", "PlannedDate", "Series"]
