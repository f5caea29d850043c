"""Why a booking workflow says no, in the words the person who asked will read."""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class BookingError(Exception):
    """Something could not be done, and nothing was changed. ``detail`` holds what the page needs to go on."""

    message: str | Promise = _("This could not be done. Nothing was changed.")

    def __init__(self, message: str | Promise | None = None, **detail: Any) -> None:
        self.message = message or self.message
        self.detail = detail
        super().__init__(str(self.message))


class StillAhead(BookingError):
    """Who wants to be forgotten has sessions to come, which others count on."""

    message = _("You have sessions ahead. Please cancel them first; then come back here. Nothing was deleted.")


class WorksHere(BookingError):
    message = _("You work here, so your sign-in cannot be deleted on this page. Please ask whoever manages the practice.")


class SlotTaken(BookingError):
    message = _("Someone took this time while you were choosing. Nothing was booked; here are the times that are free now.")


class ClientBusy(SlotTaken):
    message = _("You already have a session at this time. Nothing was booked; please choose another time.")


class OutsideAvailability(BookingError):
    message = _("This time is not offered. Nothing was booked; please choose one of the free times.")


class AgreementWithdrawn(BookingError):
    """Nobody is treated whose health answers nobody may use."""

    message = _(
        "You took back your agreement that we keep and use your answers. Without it nobody here may treat you, so nothing was "
        "booked. You can agree again under “Your form”."
    )
    to_staff = _(
        "This client took back the agreement that health answers are used. Without it nobody may treat them, so nothing was "
        "booked. They can agree again under “Your form”."
    )


class NotMatched(OutsideAvailability):
    """The therapist declines to treat this client then. What decides that is an answer, so the words say nothing of it."""

    message = _("This therapist cannot take this visit. Nothing was booked; please choose among the times of those who can.")


class TooShort(NotMatched):
    message = _("Your first session takes longer than this time allows. Nothing was booked; please choose another time.")


class TooClose(NotMatched):
    message = _(
        "You need more days of rest between two sessions than these dates leave. Nothing was booked; please plan them anew."
    )


class HoldOver(BookingError):
    message = _("The ten minutes are over, so the times are free again. Your choices are still here; hold them once more.")


class HoldReleased(HoldOver):
    message = _("These times are no longer held for you: they were let go, or our hours changed. Your choices are still here.")


class TooManyHolds(BookingError):
    message = _("You are already holding three choices. Finish or let go of one of them, then hold this one.")


class KeyReused(BookingError):
    message = _("This page was already used for something else. Nothing new was done; please start again.")


class CannotChange(BookingError):
    message = _("A session in this state cannot be changed any more. Nothing was changed.")


class ChangedMeanwhile(CannotChange):
    message = _("Somebody else changed this session a moment ago. Nothing was changed; here is how it stands.")


class TooLate(BookingError):
    message = _("It is too late to change this session here. Nothing was changed; please call us.")


class TooManyMoves(BookingError):
    message = _("This session was moved as often as the practice allows. Nothing was changed; please call us.")


class UndoOver(BookingError):
    message = _("This can no longer be undone. Nothing was changed.")


class RepairOver(BookingError):
    message = _("We could not hold these times any longer. Nothing was changed; please choose other times or call us.")


class BreaksSessions(BookingError):
    """A change of the rules would break sessions, and nobody agreed to just these. ``detail`` has the ``consequences``."""

    message = _("This breaks sessions that are already booked. Nothing was saved.")


class NotAllowed(BookingError):
    message = _("You may not lift this rule. Nothing was changed.")


class CourseInvalid(BookingError):
    message = _("This course cannot be planned as asked. Please change the rhythm, the number or the time.")


class OfferOver(BookingError):
    message = _("The time to answer is over, and the time went on to the next person. You keep your place on the waiting list.")


class AlreadyOffered(BookingError):
    message = _("This person is deciding about another time, or was offered this one before. Nothing was offered.")


class NobodyToTell(BookingError):
    message = _("We have no e-mail address of this person. Nothing was offered; please call them.")


class NoTimeToAnswer(BookingError):
    message = _("Nobody could answer in time: it is night, or the notice for this time is almost over. Nothing was offered.")


class CannotWait(BookingError):
    message = _("You cannot wait for this. Nothing was changed.")


class OnHold(CannotChange):
    message = _("This session is on hold until a clearance is recorded. Nothing was changed.")


class NothingOnHold(BookingError):
    message = _("Nothing is on hold for this person. Nothing was recorded.")


class DecidedMeanwhile(BookingError):
    message = _("This was decided in another window, or the answers changed since. Nothing was decided; here is how it stands.")


class NoteChanged(BookingError):
    """``detail`` has the ``latest`` version."""

    message = _("This note was saved in another window since. Nothing is lost: your text is here, and not saved yet.")


class NoteLocked(BookingError):
    message = _("This note is locked by now, so it was not changed. What you wrote can be added to it, with its date.")


class NoteStillOpen(BookingError):
    message = _("This note is not locked yet, so it can be changed itself. Nothing was added.")


class NothingToSign(BookingError):
    message = _("There is nothing in this note yet. Please write something first; nothing was signed.")


class SessionAhead(BookingError):
    message = _("This session has not begun. What you wrote is saved; please sign it after the session.")


class HasAddress(BookingError):
    message = _("Your feed already has an address, and it was shown once. If you no longer have it, make a new one.")


class HasNoAddress(BookingError):
    message = _("Your feed has no address any more. Nothing was changed; you can make one.")
