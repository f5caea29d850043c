"""The questionnaire and what answers are held against, with what hangs on them: sessions' flags and therapists' policies."""

from __future__ import annotations

from django.contrib import admin

from booking.admin.safe_delete import SafeDelete
from clients.admin import questionnaire as plain
from clients.models import BodyRegion, Medication, MedicationClass, Question, Questionnaire, Section

for model in (BodyRegion, Medication, MedicationClass, Question, Questionnaire, Section):
    admin.site.unregister(model)


@admin.register(BodyRegion)
class BodyRegionAdmin(SafeDelete, plain.BodyRegionAdmin):
    pass


@admin.register(Medication)
class MedicationAdmin(SafeDelete, plain.MedicationAdmin):
    pass


@admin.register(MedicationClass)
class MedicationClassAdmin(SafeDelete, plain.MedicationClassAdmin):
    pass


@admin.register(Question)
class QuestionAdmin(SafeDelete, plain.QuestionAdmin):
    pass


@admin.register(Questionnaire)
class QuestionnaireAdmin(SafeDelete, plain.QuestionnaireAdmin):
    pass


@admin.register(Section)
class SectionAdmin(SafeDelete, plain.SectionAdmin):
    pass
