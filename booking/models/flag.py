"""What a client's answers mean for their sessions, and what people decided about it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Self
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from booking.enums import CHANGEABLE, DecisionOutcome, FlagState
from clients.fields import SealedField
from clients.models.questionnaire import SEVERITIES
from lines import LineField, one_line


class SessionFlagQuerySet(models.QuerySet["SessionFlag"]):
    def waiting(self) -> Self:
        """Those that keep a session from going ahead: to be decided, or on hold."""
        return self.filter(state__in=(FlagState.TO_DECIDE, FlagState.ON_HOLD))

    def open(self, now: datetime) -> Self:
        """Undecided, of sessions that are still ahead, the soonest first."""
        ahead = self.filter(state=FlagState.TO_DECIDE, appointment__status__in=CHANGEABLE, appointment__starts_at__gt=now)
        return ahead.order_by("appointment__starts_at")


class SessionFlag(models.Model):
    """What the answers mean for one session, as weighed last. Only the severity is in clear; no answer can be read from it."""

    State = FlagState

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    appointment = models.OneToOneField("booking.Appointment", models.CASCADE, related_name="flag", verbose_name=_("appointment"))
    severity = models.CharField(_("flag"), max_length=8, choices=SEVERITIES)
    state = models.CharField(_("state"), max_length=12, choices=FlagState.choices)
    # what has to be decided or cleared (clients.triage: Reason.ground)
    grounds = SealedField(_("grounds"))
    # rises whenever there is something new to decide, so that nobody decides about what they did not see
    round = models.PositiveIntegerField(_("round"), default=0)
    open_since = models.DateTimeField(_("to decide since"), null=True, blank=True)
    weighed_at = models.DateTimeField(_("weighed"))

    personal = {"severity": "health", "state": "health", "grounds": "health"}
    personal_of = "appointment__client"

    objects = SessionFlagQuerySet.as_manager()

    class Meta:
        verbose_name = _("flag")
        verbose_name_plural = _("flags")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=FlagState.values), name="flag_state_listed"),
            models.CheckConstraint(
                condition=Q(state=FlagState.TO_DECIDE, open_since__isnull=False)
                | Q(~Q(state=FlagState.TO_DECIDE), open_since=None),
                name="flag_open_since_with_something_to_decide",
            ),
        ]
        indexes = [
            # what waits for a decision
            models.Index(fields=["open_since"], condition=Q(state="to_decide"), name="flag_to_decide"),
        ]

    def __str__(self) -> str:
        return self.get_state_display()


class Decision(models.Model):
    """What a therapist decided about a client's answers. It holds for their sessions as long as nothing graver is added."""

    Outcome = DecisionOutcome

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    client = models.ForeignKey("clients.Client", models.CASCADE, related_name="decisions", verbose_name=_("client"))
    therapist = models.ForeignKey("therapists.Therapist", models.PROTECT, related_name="decisions", verbose_name=_("therapist"))
    # the one it was made for
    appointment = models.ForeignKey(
        "booking.Appointment", models.CASCADE, related_name="decisions", verbose_name=_("appointment")
    )
    outcome = models.CharField(_("outcome"), max_length=12, choices=DecisionOutcome.choices)
    # the limits and the reason (booking.services.decisions: Terms), and the grounds it was made on
    terms = SealedField(_("terms"))
    grounds = SealedField(_("grounds"))
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("by"))
    at = models.DateTimeField(_("at"))

    personal = {"outcome": "health", "terms": "health", "grounds": "health"}
    personal_of = "client"

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        ordering = ["-at"]
        constraints = [
            models.CheckConstraint(condition=Q(outcome__in=DecisionOutcome.values), name="decision_outcome_listed"),
        ]
        indexes = [models.Index(fields=["client", "-at"], name="decision_by_client")]

    def __str__(self) -> str:
        return self.get_outcome_display()


class Clearance(models.Model):
    """A doctor's word that sessions may go ahead: whose, from when, and where the paper is. Nothing else lifts a stop."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    client = models.ForeignKey("clients.Client", models.CASCADE, related_name="clearances", verbose_name=_("client"))
    given_by = LineField(_("given by"), max_length=120, help_text=_("The doctor or clinic."))
    given_on = models.DateField(_("given on"))
    reference = LineField(_("document"), max_length=120, help_text=_("Where the letter is kept, like “folder 12, 4 March”."))
    valid_until = models.DateField(
        _("for sessions until"), null=True, blank=True, help_text=_("Only where the letter names a last day.")
    )
    grounds = SealedField(_("grounds"))
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("recorded by")
    )
    recorded_at = models.DateTimeField(_("recorded"))

    personal = {"given_by": "words", "given_on": "health", "reference": "words", "valid_until": "health", "grounds": "health"}
    personal_of = "client"

    class Meta:
        verbose_name = _("clearance")
        verbose_name_plural = _("clearances")
        ordering = ["-recorded_at"]
        constraints = [
            one_line("clearance_on_one_line", "given_by", "reference"),
            models.CheckConstraint(condition=~Q(given_by="") & ~Q(reference=""), name="clearance_says_who_and_where"),
        ]

    def __str__(self) -> str:
        return f"{self.given_by}, {self.given_on}"

    def covers(self, day: date) -> bool:
        """Whether it counts for a session on a day."""
        return self.valid_until is None or day <= self.valid_until
