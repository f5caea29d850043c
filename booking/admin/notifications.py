# mypy: disable-error-code="type-arg"
"""What clients and the practice itself were told, word for word, what became of it, and sending by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from booking.admin.base import ChoosesOnly, ReadOnlyAdmin, ReadOnlyMixin, on_the_clock
from booking.admin.safe_delete import SafeDelete
from booking.enums import UNDELIVERED, NotificationState
from booking.models import NoticeAct, Notification, StaffMail, TextAnswer
from booking.models.notification import SUBJECTS
from booking.services.notices import Acted, send_again, send_now

#: How far back the list of the missed goes, as after an outage.
LATELY = timedelta(days=7)
SHORT = "j M, H:i"
#: The shape beside the word; see .flag in the style sheet.
SIGNS = {
    NotificationState.QUEUED: "none",
    NotificationState.SENDING: "none",
    NotificationState.SENT: "ready",
    NotificationState.FAILED: "hold-on",
    NotificationState.DROPPED: "adapt",
    NotificationState.MISSED: "review",
    NotificationState.UNSURE: "review",
}


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        lately = _("missed in the last seven days")
        return [("undelivered", _("nobody can say it arrived")), ("lately", lately), *NotificationState.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Notification]) -> QuerySet[Notification]:
        if self.value() == "undelivered":
            return queryset.filter(state__in=UNDELIVERED)
        if self.value() == "lately":
            return queryset.filter(state=NotificationState.MISSED, due_at__gte=timezone.now() - LATELY)
        return queryset.filter(state=self.value()) if self.value() else queryset


class NoticeActInline(ReadOnlyMixin, admin.StackedInline):
    model = NoticeAct
    fields = readonly_fields = ("when", "action", "by", "was")
    extra = 0
    verbose_name_plural = _("what the desk did")

    @admin.display(description=_("at"))
    def when(self, act: NoticeAct) -> str:
        return on_the_clock(act.at)

    @admin.display(description=_("until then"))
    def was(self, act: NoticeAct) -> SafeString:
        facts = act.before
        lines = [
            f"{NotificationState(facts['state']).label}, {facts['recipient']}",
            *(facts.get(name, "") for name in ("answer", "last_error", "subject", "body")),
        ]
        return format_html_join("", '<p class="as-sent">{}</p>', [(line,) for line in lines if line])


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    list_display = ("kind", "client", "to", "state_shown", "due_short", "sent_short", "attempts", "doubts")
    list_filter = (StateFilter, "kind", "channel")
    list_select_related = ("client",)
    search_fields = ("recipient", "client__name", "subject")
    date_hierarchy = "due_at"
    ordering = ("-due_at",)
    fieldsets = (
        (None, {"fields": ("kind", "client", "about", "recipient", "channel", "state_shown")}),
        (_("On its way"), {"fields": ("made", "due", "sent", "arrived", "attempts", "answer", "last_error", "doubts_in_words")}),
        (_("As it was sent"), {"fields": ("subject", "as_sent")}),
    )
    inlines: ClassVar[list[Any]] = [NoticeActInline]
    actions = ("send_now", "send_again")

    @admin.display(description=_("state"), ordering="state")
    def state_shown(self, notice: Notification) -> SafeString:
        sign = SIGNS[NotificationState(notice.state)]
        return format_html('<span class="flag {}">{}</span>', sign, notice.get_state_display())

    @admin.display(description=_("to"), ordering="recipient")
    def to(self, notice: Notification) -> SafeString:
        return format_html("{}<br>{}", notice.recipient, notice.get_channel_display())

    @admin.display(description=_("due"), ordering="due_at")
    def due_short(self, notice: Notification) -> str:
        return date_format(timezone.localtime(notice.due_at), SHORT)

    @admin.display(description=_("sent"), ordering="sent_at")
    def sent_short(self, notice: Notification) -> str:
        return date_format(timezone.localtime(notice.sent_at), SHORT) if notice.sent_at else "–"

    @admin.display(description=_("about"))
    def about(self, notice: Notification) -> str:
        found = (getattr(notice, name) for name in SUBJECTS)
        return str(next(subject for subject in found if subject is not None))

    @admin.display(description=_("made"))
    def made(self, notice: Notification) -> str:
        return on_the_clock(notice.created_at)

    @admin.display(description=_("due"))
    def due(self, notice: Notification) -> str:
        return on_the_clock(notice.due_at)

    @admin.display(description=_("sent"))
    def sent(self, notice: Notification) -> str:
        return on_the_clock(notice.sent_at) if notice.sent_at else "–"

    @admin.display(description=_("arrived, as its carrier says"))
    def arrived(self, notice: Notification) -> str:
        return on_the_clock(notice.delivered_at) if notice.delivered_at else "–"

    @admin.display(description=_("doubts"))
    def doubts_in_words(self, notice: Notification) -> str:
        if not notice.doubts:
            return gettext("None: of every try it is known whether it left.")
        said = ngettext(
            "Of %(count)s try it is not known whether it left. The client may have the message once more than we know.",
            "Of %(count)s tries it is not known whether they left. The client may have the message that many times more.",
            notice.doubts,
        )
        return said % {"count": notice.doubts}

    @admin.display(description=_("text"))
    def as_sent(self, notice: Notification) -> SafeString | str:
        if notice.body:
            return format_html('<div class="as-sent">{}</div>', notice.body)
        if notice.sent_at:
            return gettext("No longer kept.")
        return gettext("Not sent yet. It is put in words when it leaves, from what is true then.")

    @admin.action(description=_("Send now"), permissions=["send"])
    def send_now(self, request: HttpRequest, chosen: QuerySet[Notification]) -> None:
        """Waiting ones leave with the next batch, in quiet hours too."""
        self._act(request, chosen, send_now)

    @admin.action(description=_("Send again"), permissions=["send"])
    def send_again(self, request: HttpRequest, chosen: QuerySet[Notification]) -> None:
        """Sent ones and those given up leave once more, as far as they are still true."""
        self._act(request, chosen, send_again)

    def has_send_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("booking.change_notification")

    def _act(self, request: HttpRequest, chosen: QuerySet[Notification], act: Callable[..., Acted]) -> None:
        oldest_first = list(chosen.order_by("due_at").values_list("pk", flat=True))
        acted = act(oldest_first, by=request.user, now=timezone.now())
        if acted.done:
            said = ngettext("%(count)s notice leaves in a moment.", "%(count)s notices leave in a moment.", acted.done)
            messages.success(request, said % {"count": acted.done})
        for why, count in acted.left.items():
            said = ngettext(
                "%(count)s notice was left as it is: %(why)s.", "%(count)s notices were left as they are: %(why)s.", count
            )
            messages.warning(request, said % {"count": count, "why": why.label})


@admin.register(TextAnswer)
class TextAnswerAdmin(ReadOnlyAdmin):
    """How many answers came in, and how many of them only a person could have understood."""

    list_display = ("came_at", "meaning")
    list_filter = ("meaning",)
    date_hierarchy = "came_at"


@admin.register(StaffMail)
class StaffMailAdmin(ChoosesOnly, SafeDelete):
    list_display = ("location", "day_ahead_at", "desk_every")
    list_select_related = ("location",)
