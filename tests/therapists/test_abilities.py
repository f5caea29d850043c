"""What a therapist says about medicines and conditions, as far as the database itself can judge it."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from tests.factories import TherapistFactory
from therapists.models import ConditionPolicy, MedicationPolicy, Pressure

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

KINDS = [(MedicationPolicy, "medication_class", "ANTICOAG"), (ConditionPolicy, "condition", "pregnant")]


@pytest.mark.parametrize(("model", "field", "code"), KINDS)
class TestPolicies:
    def test_accepting_needs_a_reason_and_being_stricter_does_not(self, model, field, code):
        tess = TherapistFactory()
        with pytest.raises(IntegrityError, match="accepts_with_reason"), transaction.atomic():
            model.objects.create(therapist=tess, stance="accept", **{field: code})

        model.objects.create(therapist=tess, stance="accept", reason="Trained for it in 2024", **{field: code})
        model.objects.create(therapist=TherapistFactory(), stance="decline", **{field: code})

        assert model.objects.count() == 2

    def test_a_therapist_has_one_stance_on_each(self, model, field, code):
        tess = TherapistFactory()
        model.objects.create(therapist=tess, stance="decline", **{field: code})

        with pytest.raises(IntegrityError, match="once_per"), transaction.atomic():
            model.objects.create(therapist=tess, stance="review", **{field: code})


def test_the_most_pressure_is_never_below_the_least():
    with pytest.raises(IntegrityError, match="pressures_in_order"), transaction.atomic():
        TherapistFactory(least_pressure=Pressure.FIRM, most_pressure=Pressure.LIGHT)


def test_languages_are_codes_that_have_a_name():
    tess = TherapistFactory(languages=["en", "de"])

    tess.full_clean()
    assert tess.language_names == ["English", "German"]

    tess.languages = ["klingon"]
    with pytest.raises(ValidationError, match="not a language"):
        tess.full_clean()
