# mypy: disable-error-code="type-arg"
"""The questionnaire at the desk: versions, their questions and rules; medicines, classes and regions to look up."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from clients.admin.inlines import NamedInline
from clients.models import BodyRegion, FlagRule, Medication, MedicationClass, Question, Questionnaire, Section
from clients.services.questionnaires import QuestionnaireRefused, activate, next_version
from clients.spelling import key_of, words_of


class ReadOnlyUnlessDraft:
    """Rows of a version: readable always, changed only while it is a draft."""

    def questionnaire_of(self, obj: Any) -> Questionnaire | None:
        """The version a row belongs to; inlines are asked with the row they hang on."""
        if isinstance(obj, Questionnaire):
            return obj
        if isinstance(obj, Section):
            return obj.questionnaire
        return obj.section.questionnaire if isinstance(obj, Question) else None

    def _may(self, allowed: bool, obj: Any) -> bool:
        version = self.questionnaire_of(obj)
        return allowed and (version is None or version.is_draft)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(super().has_add_permission(request, obj), obj) if obj else False  # type: ignore[misc]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(super().has_change_permission(request, obj), obj)  # type: ignore[misc]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is not None and self._may(super().has_delete_permission(request, obj), obj)  # type: ignore[misc]


class SectionInline(ReadOnlyUnlessDraft, NamedInline):
    model = Section
    fields = ("order", "code", "title", "when")
    extra = 0
    show_change_link = True


class QuestionInline(ReadOnlyUnlessDraft, NamedInline):
    model = Question
    fields = ("order", "code", "text", "type", "required", "is_retired")
    extra = 0
    show_change_link = True


class FlagRuleInline(ReadOnlyUnlessDraft, admin.StackedInline):
    model = FlagRule
    fields = (
        ("order", "code"),
        "when",
        ("severity", "scope", "max_pressure"),
        ("extra_minutes", "rest_days"),
        "therapist_note",
        "client_message",
    )
    extra = 0


@admin.register(Questionnaire)
class QuestionnaireAdmin(ReadOnlyUnlessDraft, admin.ModelAdmin):
    list_display = ("title", "version", "state")
    list_filter = ("state",)
    search_fields = ("title",)
    ordering = ("-version",)
    readonly_fields = ("version", "state")
    inlines: ClassVar[list[Any]] = [SectionInline]
    actions = ("make_next_version", "put_to_use")

    @admin.action(description=_("Make a new version from this one"), permissions=["change"])
    def make_next_version(self, request: HttpRequest, chosen: Any) -> HttpResponseRedirect | None:
        for source in chosen[:1]:
            try:
                made = next_version(source)
            except QuestionnaireRefused as refusal:
                self.message_user(request, str(refusal), messages.WARNING)
                return None
            self.message_user(
                request, gettext("This is version %(version)s. Nobody is asked it yet.") % {"version": made.version}
            )
            return HttpResponseRedirect(reverse("admin:clients_questionnaire_change", args=[made.pk]))
        return None

    @admin.action(description=_("Put this draft to use"), permissions=["change"])
    def put_to_use(self, request: HttpRequest, chosen: Any) -> None:
        for draft in chosen[:1]:
            try:
                activate(draft)
            except QuestionnaireRefused as refusal:
                for problem in refusal.problems:
                    self.message_user(request, problem, messages.WARNING)
                return
            self.message_user(request, gettext("Version %(version)s is in use now.") % {"version": draft.version})


@admin.register(Section)
class SectionAdmin(ReadOnlyUnlessDraft, admin.ModelAdmin):
    list_display = ("title", "when", "questionnaire", "order")
    list_filter = ("questionnaire", "when")
    list_select_related = ("questionnaire",)
    search_fields = ("title", "code")
    ordering = ("-questionnaire__version", "order")
    readonly_fields = ("questionnaire",)
    inlines: ClassVar[list[Any]] = [QuestionInline]


@admin.register(Question)
class QuestionAdmin(ReadOnlyUnlessDraft, admin.ModelAdmin):
    list_display = ("text", "type", "required", "section", "is_retired")
    list_filter = ("section__questionnaire", "type", "is_retired")
    list_select_related = ("section__questionnaire",)
    search_fields = ("text", "code")
    ordering = ("-section__questionnaire__version", "section__order", "order")
    readonly_fields = ("section",)
    inlines: ClassVar[list[Any]] = [FlagRuleInline]


@admin.register(MedicationClass)
class MedicationClassAdmin(admin.ModelAdmin):
    list_display = ("label", "code", "severity", "max_pressure", "scope", "basis")
    list_filter = ("severity", "scope", "basis")
    search_fields = ("code", "label", "client_label")
    ordering = ("code",)


@admin.register(Medication)
class MedicationAdmin(admin.ModelAdmin):
    list_display = ("name", "route", "generic_name", "class_codes", "source")
    list_filter = ("route", "name_type", "rx_otc", "source")
    search_fields = ("name", "generic_name")
    ordering = ("name", "route")

    def save_model(self, request: HttpRequest, obj: Medication, form: Any, change: bool) -> None:
        obj.key, obj.words = key_of(obj.name), words_of(obj.name)
        super().save_model(request, obj, form, change)


@admin.register(BodyRegion)
class BodyRegionAdmin(admin.ModelAdmin):
    list_display = ("label", "code", "area", "treatable", "caution")
    list_filter = ("treatable", "area", "side")
    search_fields = ("code", "label")
    ordering = ("order",)

    def get_readonly_fields(self, request: HttpRequest, obj: BodyRegion | None = None) -> tuple[str, ...]:
        """Answers and notes that were written name a place by its code."""
        return ("code",) if obj else ()
