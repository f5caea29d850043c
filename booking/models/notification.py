"""The outbox: a notice is a row with a state before it is an e-mail."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self
from uuid import UUID, uuid4, uuid5

from django.db import connection, models
from django.db.models import Exists, Func, OuterRef, Q
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _

from booking.enums import TO_PRACTICE, UNDELIVERED, Channel, NotificationKind, NotificationState
from booking.models.appointment import Appointment
from clients.models import Client

#: Told of once by each kind.
ONCE = ("change", "offer", "repair")
SUBJECTS = ("appointment", "series", *ONCE, "therapist", "practice")


class NumNonNulls(Func):
    function = "num_nonnulls"
    output_field = models.IntegerField()


class NotificationQuerySet(models.QuerySet["Notification"]):
    def due(self, now: datetime) -> Self:
        return self.filter(state=NotificationState.QUEUED, due_at__lte=now)

    def abandoned(self, now: datetime) -> Self:
        """Claimed by somebody who has not been heard of since."""
        return self.filter(state=NotificationState.SENDING, lease_until__lte=now)

    def waiting(self, now: datetime) -> Self:
        """Due, and nobody is sending them: those never taken up, and those that were abandoned."""
        return self.due(now) | self.abandoned(now)

    def undelivered(self) -> Self:
        return self.filter(state__in=UNDELIVERED)

    def hand_over(self, notice: Notification, session: Appointment, now: datetime) -> bool:
        """Note of a claimed notice that it may have left, if its session is still just as in ``session``.

        The lock lets no change of the session slip in between; one that is under way is not waited for. In one statement,
        which the ORM cannot do with a lock, because it is done for every single notice.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE booking_notification SET attempts = %s, handed_at = %s
                WHERE id = %s AND state = 'sending' AND lease_until = %s AND appointment_id IN (
                    SELECT id FROM booking_appointment WHERE id = %s AND sequence = %s AND status = %s FOR SHARE SKIP LOCKED
                )
                """,
                [
                    notice.attempts,
                    now,
                    notice.pk,
                    notice.lease_until,
                    session.pk,
                    session.sequence,
                    session.status,
                ],
            )
            return bool(cursor.rowcount == 1)

    def with_nearer(self) -> Self:
        """With ``has_nearer``: there is one of the same kind, about the same time, that is due nearer the start."""
        same = {field: OuterRef(field) for field in ("appointment", "kind", "sequence")}
        return self.annotate(has_nearer=Exists(Notification.objects.filter(**same, lead__lt=OuterRef("lead"))))


class Notification(models.Model):
    """One notice about one thing to one address.

    To a client: about an appointment, a whole series, a change, an offer or a repair. To the practice itself: about a
    therapist's day, or what the desk has not been told yet. It is rendered when it is sent, from what is true then.
    """

    Kind = NotificationKind
    State = NotificationState

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    kind = models.CharField(_("kind"), max_length=24, choices=NotificationKind.choices)
    # whom it is for or about; nobody where it is for the practice itself
    client = models.ForeignKey(
        "clients.Client", models.CASCADE, null=True, blank=True, related_name="notifications", verbose_name=_("client")
    )
    appointment = models.ForeignKey(
        "booking.Appointment",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="notifications",
        verbose_name=_("appointment"),
    )
    series = models.ForeignKey(
        "booking.Series", models.CASCADE, null=True, blank=True, related_name="notifications", verbose_name=_("series")
    )
    change = models.ForeignKey(
        "booking.Change", models.CASCADE, null=True, blank=True, related_name="notifications", verbose_name=_("change")
    )
    offer = models.ForeignKey(
        "booking.Offer", models.CASCADE, null=True, blank=True, related_name="notifications", verbose_name=_("offer")
    )
    repair = models.ForeignKey(
        "booking.Repair", models.CASCADE, null=True, blank=True, related_name="notifications", verbose_name=_("repair")
    )
    therapist = models.ForeignKey(
        "therapists.Therapist",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="notifications",
        verbose_name=_("therapist"),
    )
    # the date of the therapist's day, on the practice's clock
    on = models.DateField(_("date"), null=True, blank=True)
    practice = models.ForeignKey(
        "therapists.Location", models.CASCADE, null=True, blank=True, related_name="notifications", verbose_name=_("practice")
    )
    # the version of the time it speaks of; a moved session has a higher one. To the desk: its number, counted from 1
    sequence = models.PositiveIntegerField(_("version"), default=0)
    # how long before the session (or after it) a rule sends it; several reminders of one session differ in this
    lead = models.DurationField(_("lead"), default=timedelta(0), editable=False)
    channel = models.CharField(_("channel"), max_length=8, choices=Channel.choices, default=Channel.EMAIL)
    # an e-mail address, or a number in E.164
    recipient = models.CharField(_("to"), max_length=254)
    state = models.CharField(_("state"), max_length=12, choices=NotificationState.choices, default=NotificationState.QUEUED)
    created_at = models.DateTimeField(_("made"), editable=False)
    due_at = models.DateTimeField(_("due"))
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    # when its carrier reported that a text message arrived
    delivered_at = models.DateTimeField(_("arrived"), null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    # until then it is the business of whoever claimed it
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    # since then it may have left; empty again once it is known whether it did
    handed_at = models.DateTimeField(null=True, blank=True, editable=False)
    # how often it is not known whether it left; sent again, the client may have it that many times more
    doubts = models.PositiveSmallIntegerField(_("doubtful tries"), default=0)
    last_error = models.CharField(_("last error"), max_length=300, blank=True)
    # what the server said when it took it
    answer = models.CharField(_("answer"), max_length=300, blank=True)
    # when a person last asked for it; it then leaves in quiet hours too
    asked_at = models.DateTimeField(_("asked for by the desk"), null=True, blank=True, editable=False)
    # how often a person had it sent once more; automatic tries do not count
    copies = models.PositiveSmallIntegerField(_("sent again by the desk"), default=0, editable=False)
    # as sent, for the desk
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    body = models.TextField(_("text"), blank=True)

    personal = {
        "kind": "messages",
        "channel": "messages",
        "recipient": "contact",
        "state": "messages",
        "subject": "messages",
        "body": "messages",
        "answer": "messages",
        "last_error": "messages",
    }
    personal_of = "client"

    objects = NotificationQuerySet.as_manager()

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["appointment", "kind", "sequence", "lead", "channel", "recipient"],
                condition=Q(appointment__isnull=False),
                name="notification_once_per_appointment",
            ),
            models.UniqueConstraint(
                fields=["series", "kind", "sequence"],
                condition=Q(series__isnull=False),
                name="notification_once_per_series",
            ),
            *(models.UniqueConstraint(fields=[subject, "kind"], name=f"notification_once_per_{subject}") for subject in ONCE),
            models.UniqueConstraint(
                fields=["therapist", "kind", "on"],
                condition=Q(therapist__isnull=False),
                name="notification_once_per_therapist_and_day",
            ),
            models.UniqueConstraint(
                fields=["practice", "kind", "sequence"],
                condition=Q(practice__isnull=False),
                name="notification_once_per_practice",
            ),
            models.CheckConstraint(
                condition=Q(therapist=None, on=None) | Q(therapist__isnull=False, on__isnull=False),
                name="notification_about_a_day_of_a_therapist",
            ),
            models.CheckConstraint(
                condition=Q(~Q(kind__in=TO_PRACTICE), client__isnull=False, therapist=None, practice=None)
                | Q(kind=NotificationKind.DAY_AHEAD, client=None, therapist__isnull=False)
                | Q(kind=NotificationKind.DESK, client=None, practice__isnull=False),
                name="notification_to_a_client_or_the_practice",
            ),
            models.CheckConstraint(
                condition=Exact(NumNonNulls(*SUBJECTS), 1),
                name="notification_about_one_thing",
            ),
            models.CheckConstraint(condition=Q(state__in=NotificationState.values), name="notification_state_listed"),
            models.CheckConstraint(condition=Q(channel__in=Channel.values), name="notification_channel_listed"),
            models.CheckConstraint(
                condition=~Q(state=NotificationState.SENDING) | Q(lease_until__isnull=False),
                name="notification_sending_has_a_lease",
            ),
        ]
        indexes = [
            # due notices, oldest first: what the sender claims and /readyz watches
            models.Index(fields=["due_at"], condition=Q(state="queued"), name="notification_due"),
            # which reminder a text message answers
            models.Index(
                fields=["recipient", "-sent_at"], condition=Q(kind="reminder", channel="sms"), name="notification_reminded"
            ),
            # claimed by somebody who is gone
            models.Index(fields=["lease_until"], condition=Q(state="sending"), name="notification_leased"),
            # what the desk has to see to, and whether it is so much that something is broken
            models.Index(fields=["due_at"], condition=Q(state__in=UNDELIVERED), name="notification_undelivered"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.recipient}"

    @property
    def addressee(self) -> Client:
        """The client it is for or about. Only what is for the practice itself has none."""
        assert self.client is not None
        return self.client

    @property
    def identity(self) -> UUID:
        """What carriers and mail programs know the message by: the same for every automatic try, another for each copy."""
        return uuid5(self.pk, str(self.copies)) if self.copies else self.pk
