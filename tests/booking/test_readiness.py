"""What a practice still needs before it can open, and where it is done."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from booking.services.readiness import Matter, Verdict, readiness
from tests.factories import NoticeRuleFactory, TherapistFactory, TreatmentFactory, UserFactory
from therapists.models import Location, Room, Therapist, Treatment

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def complete(practice, tess, intake, few_medicines, settings):
    """Everything that can be done."""
    Location.objects.update(address="Linden Street 14", phone="020 7946 0010", email="desk@example.org")
    NoticeRuleFactory(location=practice.treatment.location, lead=timedelta(days=1))
    practice.jonas.user = UserFactory(email="jonas@example.org")
    practice.jonas.save()
    settings.EMAIL_URL, settings.DEFAULT_FROM_EMAIL = "smtp://mail.example.org", "desk@example.org"
    settings.SITE_URL, settings.ALARM_MAIL = "https://booking.example.org", ["ops@example.org"]
    return practice


def found(now):
    return {finding.matter: finding for finding in readiness(now)}


def test_a_complete_practice_lacks_nothing(complete, now):
    assert {matter for matter, finding in found(now).items() if finding.verdict != Verdict.OK} == set()
    assert set(found(now)) == set(Matter)


def test_an_empty_one_lacks_what_booking_needs(db, now, settings):
    settings.INTAKE_KEYS = ""

    missing = {matter for matter, finding in found(now).items() if finding.verdict == Verdict.MISSING}

    assert missing >= {Matter.PLACE, Matter.ROOMS, Matter.TREATMENTS, Matter.THERAPISTS, Matter.FORM, Matter.MAIL, Matter.KEYS}


@pytest.mark.parametrize(
    ("undo", "matter", "verdict", "names"),
    [
        (lambda p: Location.objects.update(phone=""), Matter.REACH, Verdict.LOOK, None),
        (lambda p: Room.objects.update(is_active=False), Matter.ROOMS, Verdict.MISSING, ()),
        (lambda p: Room.objects.update(is_active=False), Matter.TIMES, Verdict.MISSING, ("Two areas",)),
        (lambda p: Treatment.objects.update(price=0), Matter.PRICES, Verdict.LOOK, ("Two areas",)),
        (lambda p: TreatmentFactory(name="Nobody’s"), Matter.TREATMENTS, Verdict.LOOK, ("Nobody’s",)),
        (lambda p: TherapistFactory(name="Mira Haddad"), Matter.HOURS, Verdict.MISSING, ("Mira Haddad",)),
        (
            lambda p: p.tess.working_hours.update(valid_until="2026-01-01", valid_from="2025-01-01"),
            Matter.HOURS,
            Verdict.MISSING,
            None,
        ),
        (lambda p: Therapist.objects.update(user=None), Matter.SIGN_INS, Verdict.LOOK, ("Jonas Brandt", "Tess Oduya")),
        (lambda p: p.treatment.location.notice_rules.all().delete(), Matter.REMINDERS, Verdict.LOOK, None),
    ],
)
def test_what_is_taken_away_is_named(complete, now, undo, matter, verdict, names):
    undo(complete)

    finding = found(now)[matter]

    assert finding.verdict == verdict
    assert names is None or finding.names == names


@pytest.mark.parametrize(
    ("setting", "value", "matter"),
    [
        ("EMAIL_URL", "", Matter.MAIL),
        ("DEFAULT_FROM_EMAIL", "Unknot <desk@localhost>", Matter.MAIL),
        ("SITE_URL", "http://booking.example.org", Matter.ADDRESS),
        ("SITE_URL", "https://localhost:8000", Matter.ADDRESS),
    ],
)
def test_a_setting_that_tells_nobody_is_missing(complete, now, settings, setting, value, matter):
    setattr(settings, setting, value)

    assert found(now)[matter].verdict == Verdict.MISSING


def test_the_page_says_what_and_where(client, complete):
    client.force_login(UserFactory(email="robin@example.org", is_staff=True, is_superuser=True))
    Room.objects.update(is_active=False)

    page = client.get(reverse("admin:setup_check")).content.decode()

    assert "Add a room" in page
    assert reverse("admin:therapists_room_changelist") in page
    assert page.index("Add a room") < page.index("There is a location")


def test_more_therapists_cost_no_more_queries(complete, now):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            readiness(now)
        return len(queries)

    cost()
    few = cost()
    for n in range(20):
        TherapistFactory(name=f"Therapist {n}")
    cost()

    assert cost() == few
