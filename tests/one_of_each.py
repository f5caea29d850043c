"""A row of every model that the desk has."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from booking.models import Clearance, NoteView, NoticeRule, NoticeText, StaffMail, TextAnswer
from clients.models import BodyRegion, Medication, MedicationClass, ResponseView
from tests.test_access import NINE, world
from therapists.models import Closure, HolidayOpening

__all__ = ["world"]  # a fixture


@pytest.fixture
def every_model(world, now):
    """What Ada holds and booked, and beside it a row of whatever is not there yet."""
    location, ada = world.practice.tess.location, world.practice.ada
    hour = {"starts_at": NINE + timedelta(weeks=20), "ends_at": NINE + timedelta(weeks=20, hours=1)}
    thinner = {
        "code": "THINNER",
        "label": "Blood thinner",
        "client_label": "Blood thinner",
        "severity": "adapt",
        "scope": "local",
    }
    warfarin = {"name": "Warfarin", "route": "oral", "key": "warfarin", "words": "warfarin", "name_type": "generic"}
    neck = {"code": "NECK", "label": "Neck", "side": "c", "area": "neck", "treatable": "yes", "x": 1, "y": 1}
    for rows, facts in (
        (MedicationClass, thinner | {"precaution": "Gently.", "basis": "consensus"}),
        (
            Medication,
            warfarin | {"generic_name": "Warfarin", "rx_otc": "rx", "class_codes": [], "source": "us", "changed_at": now},
        ),
        (BodyRegion, neck),
        (ResponseView, {"response": world.sent, "by_name": "Tess Oduya", "at": now}),
        (NoteView, {"note": world.session.note, "by_name": "Tess Oduya", "at": now}),
        (
            Clearance,
            {"client": ada, "given_by": "Dr Vale", "given_on": now.date(), "reference": "7", "grounds": [], "recorded_at": now},
        ),
        (NoticeRule, {"location": location, "kind": "reminder", "lead": timedelta(hours=24)}),
        (NoticeText, {"location": location, "kind": "reminder", "opening": "Soon, {name}"}),
        (StaffMail, {"location": location}),
        (TextAnswer, {"carrier_id": "1", "meaning": "coming", "came_at": now}),
        (Closure, {"location": location, "name": "Move"} | hour),
        (HolidayOpening, {"location": location, "opens_on": date(2027, 5, 3)}),
    ):
        rows.objects.create(**facts)
    return world
