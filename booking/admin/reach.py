# mypy: disable-error-code="type-arg"
"""How clients can be reached, as a part of the client's page and of the list of clients, which know nothing of notices."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from booking.admin.base import on_the_clock
from booking.models import Reach
from clients.admin.people import ClientAdmin as PlainClientAdmin
from clients.models import Client


class ReachForm(forms.ModelForm):
    works_again = forms.BooleanField(
        label=_("the client confirmed the address and the number"),
        required=False,
        help_text=_("Tick after they told you that it is right. We write to it again."),
    )

    class Meta:
        model = Reach
        fields: ClassVar[list[str]] = ["channel"]

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data["works_again"]:
            self.instance.works_again()
        return super().save(commit)


class ReachInline(admin.StackedInline):
    model = Reach
    form = ReachForm
    fields = ("channel", "does_not_work", "works_again", "declined_kinds")
    readonly_fields = ("does_not_work", "declined_kinds")
    extra = 0
    can_delete = False
    verbose_name_plural = _("how to reach them")

    @admin.display(description=_("does not work"))
    def does_not_work(self, reach: Reach) -> SafeString | str:
        said = []
        if reach.is_refused:
            said.append((gettext("Mail to %(to)s is refused") % {"to": reach.bounced}, _since(reach.bounced_at)))
        if reach.is_stopped:
            said.append((gettext("STOP came from %(to)s") % {"to": reach.stopped}, _since(reach.stopped_at)))
        if reach.unreached:
            said.append((gettext("Text messages to %(to)s do not arrive") % {"to": reach.unreached}, _since(reach.unreached_at)))
        flags = format_html_join("", '<p><span class="flag hold-on">{}</span> {}</p>', said)
        return flags or gettext("nothing we know of")

    @admin.display(description=_("does without"))
    def declined_kinds(self, reach: Reach) -> str:
        field = Reach._meta.get_field("declined").base_field
        labels = dict(field.flatchoices)
        return ", ".join(str(labels.get(kind, kind)) for kind in reach.declined) or "–"


def _since(moment: datetime | None) -> str:
    return on_the_clock(moment) if moment else ""


class ReachFilter(admin.SimpleListFilter):
    title = _("can be reached")
    parameter_name = "reach"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("bounced", _("mail is refused")), ("stopped", _("wants no text messages"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Client]) -> QuerySet[Client]:
        chosen = {
            "bounced": ~Q(reach__bounced="") & Q(reach__bounced=F("email")),
            "stopped": ~Q(reach__stopped="") & Q(reach__stopped=F("phone")),
        }.get(self.value() or "")
        return queryset if chosen is None else queryset.filter(chosen)


admin.site.unregister(Client)


@admin.register(Client)
class ClientAdmin(PlainClientAdmin):
    list_filter: ClassVar[Any] = (ReachFilter, *PlainClientAdmin.list_filter)
    inlines: ClassVar[list[Any]] = [ReachInline, *PlainClientAdmin.inlines]
