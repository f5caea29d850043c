from booking.models.answer import TextAnswer
from booking.models.appointment import Appointment, BookingRequest, Hold
from booking.models.audit import AuditEntry, AuditSeal
from booking.models.change import Change
from booking.models.feed import Feed
from booking.models.flag import Clearance, Decision, SessionFlag
from booking.models.link import Link
from booking.models.note import NOTES_STAY, Addendum, Note, NoteTemplate, NoteVersion, NoteView
from booking.models.notice_act import NoticeAct
from booking.models.notice_rule import NoticeRule
from booking.models.notice_text import NoticeText
from booking.models.notification import Notification
from booking.models.reach import Reach
from booking.models.repair import Repair, Replacement
from booking.models.series import PlannedDate, Series
from booking.models.staff_mail import DeskItem, StaffMail
from booking.models.waitlist import FreedTime, Offer, WaitlistEntry

__all__ = [
    "NOTES_STAY",
    "Addendum",
    "Appointment",
    "AuditEntry",
    "AuditSeal",
    "BookingRequest",
    "Change",
    "Clearance",
    "Decision",
    "DeskItem",
    "Feed",
    "FreedTime",
    "Hold",
    "Link",
    "Note",
    "NoteTemplate",
    "NoteVersion",
    "NoteView",
    "NoticeAct",
    "NoticeRule",
    "NoticeText",
    "Notification",
    "Offer",
    "PlannedDate",
    "Reach",
    "Repair",
    "Replacement",
    "Series",
    "SessionFlag",
    "StaffMail",
    "TextAnswer",
    "WaitlistEntry",
]
