"""What the practice sends by itself around a session, and when."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Max, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from booking.enums import DERIVED, Night, NotificationKind, RuleChannel

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


class NoticeRuleQuerySet(models.QuerySet["NoticeRule"]):
    def longest_reminders(self) -> dict[UUID, timedelta]:
        """By location, how long before a session its first reminder leaves."""
        reminders = self.filter(kind=NotificationKind.REMINDER, is_on=True).order_by()
        return dict(reminders.values_list("location").annotate(Max("lead")))


class NoticeRule(models.Model):
    """One notice to every client, so long before each session (after it, where the kind is about what was)."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    location = models.ForeignKey("therapists.Location", models.CASCADE, related_name="notice_rules", verbose_name=_("location"))
    kind = models.CharField(_("kind"), max_length=24, choices=[(kind.value, kind.label) for kind in DERIVED])
    lead = models.DurationField(
        _("how long before"),
        default=timedelta(hours=24),
        help_text=_("Like 3 00:00:00 for three days; whole days mean the same clock time. After the session: how long after."),
    )
    channel = models.CharField(_("by"), max_length=12, choices=RuleChannel.choices, default=RuleChannel.PREFERRED)
    night = models.CharField(
        _("in quiet hours"),
        max_length=12,
        choices=Night.choices,
        default=Night.EARLIER,
        help_text=_("To the morning only where that is still before the session."),
    )
    is_on = models.BooleanField(_("in use"), default=True)
    # a notice that would have been due before that is not sent any more
    since = models.DateTimeField(_("in use since"), default=timezone.now, editable=False)

    objects = NoticeRuleQuerySet.as_manager()

    class Meta:
        verbose_name = _("rule for notices")
        verbose_name_plural = _("rules for notices")
        ordering = ["location", "kind", "-lead"]
        constraints = [
            models.UniqueConstraint(fields=["location", "kind", "lead"], name="notice_rule_once"),
            models.CheckConstraint(condition=Q(kind__in=DERIVED), name="notice_rule_kind_derived"),
            models.CheckConstraint(
                condition=Q(lead__gt=timedelta(0)) & Q(lead__lte=timedelta(days=30)), name="notice_rule_lead_within_a_month"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {in_words(self.lead)}"

    def clean(self) -> None:
        if self.lead is None:
            return
        if self.lead % timedelta(minutes=1):
            raise ValidationError({"lead": _("Use whole minutes.")})
        if not timedelta(0) < self.lead <= timedelta(days=30):
            raise ValidationError({"lead": _("Choose a time from one minute to thirty days.")})

    @property
    def is_afterwards(self) -> bool:
        return self.kind == NotificationKind.FOLLOW_UP


def in_words(lead: timedelta) -> str:
    """Days, hours and minutes, each only where there are some."""
    days, rest = divmod(lead, DAY)
    hours, rest = divmod(rest, HOUR)
    minutes = rest // MINUTE
    parts = [
        ngettext("%(count)s day", "%(count)s days", days) % {"count": days} if days else "",
        ngettext("%(count)s hour", "%(count)s hours", hours) % {"count": hours} if hours else "",
        ngettext("%(count)s minute", "%(count)s minutes", minutes) % {"count": minutes} if minutes else "",
    ]
    return " ".join(part for part in parts if part)
