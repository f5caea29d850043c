"""The desk says whom a therapist treats, on the therapist's page."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from booking.enums import FlagState
from booking.models import SessionFlag
from clients.models import MedicationClass
from tests.booking.conftest import fill_in
from tests.booking.test_admin_time_off import clock, desk, management, therapist_form
from tests.clients.answers import medicine as listed
from therapists.models import ConditionPolicy, MedicationPolicy

__all__ = ["clock", "desk"]

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def save(desk, practice, intake):
    page = reverse("admin:therapists_therapist_change", args=[practice.tess.pk])

    def save(**rows):
        given = {"medication_policies": [], "condition_policies": [], "painkillers": []} | rows
        posted = {key: value for prefix, own in given.items() for key, value in management(prefix, own).items()}
        return desk.post(page, therapist_form(practice, **posted))

    return save


def said(response):
    assert response.status_code == 200
    return response.content.decode()


def medicine(code, stance, reason=""):
    return {"medication_class": code, "stance": stance, "reason": reason}


def condition(code, stance, reason=""):
    return {"condition": code, "stance": stance, "reason": reason}


def test_policies_and_painkillers_are_saved_with_who_set_them(save, practice):
    answer = save(
        medication_policies=[medicine("ANTICOAG", "decline"), medicine("ANTIPLATELET", "accept", "Trained for it")],
        condition_policies=[condition("pregnant", "review")],
        painkillers=[{"name": "Ibuprofen gel", "note": "not near wounds"}],
    )

    assert answer.status_code == 302
    assert {(each.medication_class, each.stance) for each in practice.tess.medication_policies.all()} == {
        ("ANTICOAG", "decline"),
        ("ANTIPLATELET", "accept"),
    }
    assert MedicationPolicy.objects.first().set_by.email == "manager@example.org"
    assert ConditionPolicy.objects.get().condition == "pregnant"
    assert practice.tess.painkillers.get().name == "Ibuprofen gel"


def test_a_policy_is_weighed_for_what_is_booked_at_once(save, intake, book, practice, now):
    practice.tess.medication_policies.create(medication_class="ANTICOAG", stance="accept", reason="Light work only")
    session = book()
    fill_in(practice.ada, now, takes_any="yes", med_list=[listed("Eliquis")])
    assert SessionFlag.objects.get(appointment=session).state == FlagState.CLEAR
    practice.tess.medication_policies.all().delete()

    save(medication_policies=[medicine("ANTICOAG", "decline")])

    assert SessionFlag.objects.get(appointment=session).state == FlagState.TO_DECIDE


def test_being_milder_needs_a_reason(save):
    page = said(save(medication_policies=[medicine("ANTICOAG", "accept")]))

    assert "needs a reason" in page
    assert not MedicationPolicy.objects.exists()


@pytest.mark.parametrize("stance", ["accept", "review"])
def test_a_stop_is_never_softened(save, stance):
    assert MedicationClass.objects.get(code="CHEMO").severity == "stop"

    assert "only a clearance lifts that" in said(save(medication_policies=[medicine("CHEMO", stance, "because")]))
    assert save(medication_policies=[medicine("CHEMO", "decline")]).status_code == 302


def test_a_condition_that_can_only_stop_is_not_softened_and_one_that_can_be_less_is(save, intake):
    intake.sections.get(code="conditions").questions.get(code="cancer").rules.exclude(severity="stop").delete()

    assert "only a clearance lifts that" in said(save(condition_policies=[condition("cancer", "accept", "because")]))
    assert save(condition_policies=[condition("pregnant", "accept", "Midwife before")]).status_code == 302


def test_medicines_nobody_knows_are_not_taken_for_granted(save):
    assert "Nobody knows what these medicines are" in said(save(medication_policies=[medicine("UNKNOWN", "accept", "because")]))
    assert save(medication_policies=[medicine("UNKNOWN", "decline")]).status_code == 302


def test_only_lasting_conditions_of_the_form_in_use_can_be_chosen(save):
    assert "Select a valid choice" in said(save(condition_policies=[condition("ill_today", "decline")]))
    assert "Select a valid choice" in said(save(condition_policies=[condition("med_list", "decline")]))
    assert "Select a valid choice" in said(save(medication_policies=[medicine("NO_SUCH", "decline")]))


def test_a_policy_about_something_retired_can_still_be_read(desk, practice, intake):
    MedicationPolicy.objects.create(therapist=practice.tess, medication_class="RETIRED", stance="decline")

    page = desk.get(reverse("admin:therapists_therapist_change", args=[practice.tess.pk])).content.decode()

    assert '<option value="RETIRED" selected>' in page


def test_three_policies_cost_as_many_queries_as_one(desk, practice, intake):
    page = reverse("admin:therapists_therapist_change", args=[practice.tess.pk])

    def cost(*codes):
        for code in codes:
            MedicationPolicy.objects.create(therapist=practice.tess, medication_class=code, stance="decline")
        with CaptureQueriesContext(connection) as queries:
            desk.get(page)
        return len(queries)

    cost()
    assert cost("ANTICOAG") == cost("ANTIPLATELET", "NSAID")
