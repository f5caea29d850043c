from booking.models.appointment import Appointment, BookingRequest, Hold
from booking.models.audit import AuditEntry
from booking.models.change import Change
from booking.models.feed import Feed
from booking.models.flag import Clearance, Decision, SessionFlag
from booking.models.link import Link
from booking.models.notice_rule import NoticeRule
from booking.models.notification import Notification
from booking.models.reach import Reach
from booking.models.repair import Repair, Replacement
from booking.models.series import PlannedDate, Series
from booking.models.waitlist import FreedTime, Offer, WaitlistEntry

__all__ = [
    "Appointment",
    "AuditEntry",
    "BookingRequest",
    "Change",
    "Clearance",
    "Decision",
    "Feed",
    "FreedTime",
    "Hold",
    "Link",
    "NoticeRule",
    "Notification",
    "Offer",
    "PlannedDate",
    "Reach",
    "Repair",
    "Replacement",
    "Series",
    "SessionFlag",
    "WaitlistEntry",
]
