"""Give future appointments their instants again after the zone database changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from booking.engine.zones import instant_of
from booking.enums import BLOCKING, AppointmentStatus, AuditAction
from booking.exceptions import BookingError
from booking.models import Appointment, AuditEntry
from booking.services.appointments import facts
from booking.services.guard import overlap_raises
