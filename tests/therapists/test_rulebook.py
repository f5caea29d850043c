"""Everything that decides what is offered gives the rulebook a new revision, whoever writes it and however."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest
from django.db import connection, transaction

from tests.factories import LocationFactory, RoomFactory, TherapistFactory, TreatmentFactory
from therapists.models import (
    Closure,
    ConditionPolicy,
    HolidayOpening,
    HoursOverride,
    Location,
    MedicationPolicy,
    Painkiller,
    Room,
    Rulebook,
    Therapist,
    TimeOff,
    Treatment,
    WorkingHours,
)

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

NINE, TEN = datetime(2027, 3, 9, 9, tzinfo=UTC), datetime(2027, 3, 9, 10, tzinfo=UTC)


def revision() -> int:
    return Rulebook.objects.get().revision


CHANGES = {
    "location": lambda: Location.objects.update(zone="Europe/Paris"),
    "room": lambda: Room.objects.update(is_active=False),
    "therapist": lambda: Therapist.objects.update(daily_sessions=4),
    "treatment": lambda: Treatment.objects.update(price=1),
    "skill": lambda: Treatment.objects.get().therapists.set([]),
    "suitable room": lambda: Treatment.objects.get().rooms.set([]),
    "weekly hours": lambda: WorkingHours.objects.create(
        therapist=Therapist.objects.get(), weekday=0, opens=time(9), closes=time(12)
    ),
    "hours of a date": lambda: HoursOverride.objects.create(therapist=Therapist.objects.get(), applies_on=date(2027, 3, 9)),
    "time off": lambda: TimeOff.objects.create(therapist=Therapist.objects.get(), starts_at=NINE, ends_at=TEN),
    "closure": lambda: Closure.objects.create(location=Location.objects.get(), name="x", starts_at=NINE, ends_at=TEN),
    "medicine": lambda: MedicationPolicy.objects.create(
        therapist=Therapist.objects.get(), medication_class="ANTICOAG", stance="decline"
    ),
    "condition": lambda: ConditionPolicy.objects.create(therapist=Therapist.objects.get(), condition="cancer", stance="review"),
    "painkiller": lambda: Painkiller.objects.create(therapist=Therapist.objects.get(), name="Ibuprofen gel"),
    "holiday opening": lambda: HolidayOpening.objects.create(location=Location.objects.get(), opens_on=date(2027, 12, 25)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_rule_change_gives_a_new_revision(change):
    location = LocationFactory()
    therapist, room = TherapistFactory(location=location), RoomFactory(location=location)
    treatment = TreatmentFactory(location=location)
    treatment.therapists.set([therapist])
    treatment.rooms.set([room])
    before = revision()

    change()

    assert revision() > before


def test_a_revision_never_repeats_after_a_rollback():
    LocationFactory()

    with transaction.atomic():
        Location.objects.update(name="Rolled back")
        lost = revision()
        transaction.set_rollback(True)
    Location.objects.update(name="Kept")

    assert revision() > lost


def test_every_table_that_decides_what_is_offered_has_the_trigger():
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'revise_rulebook'")
        watched = {row[0] for row in cursor.fetchall()}
        tables = {name for name in connection.introspection.table_names(cursor) if name.startswith("therapists_")}

    assert watched == tables - {"therapists_rulebook", "therapists_photo"}
