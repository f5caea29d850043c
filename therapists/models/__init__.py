"""The practice's side: places, people who treat, what they offer and when they work.

Everything here except names, texts and photos decides what is offered. The tables that do are listed in the migration
``rulebook``: a trigger gives ``Rulebook`` a new revision whenever one of them changes.
"""

from __future__ import annotations

from therapists.models.abilities import ConditionPolicy, MedicationPolicy, Painkiller, Stance
from therapists.models.hours import HoursOverride, TimeOff, Weekday, WorkingHours
from therapists.models.people import BodyArea, Gender, Pressure, Therapist, Treatment
from therapists.models.photo import Photo
from therapists.models.practice import (
    Closure,
    HolidayOpening,
    Location,
    Room,
    Rulebook,
    validate_country,
    validate_zone,
)

__all__ = [
    "BodyArea",
    "Closure",
    "ConditionPolicy",
    "Gender",
    "HolidayOpening",
    "HoursOverride",
    "Location",
    "MedicationPolicy",
    "Painkiller",
    "Photo",
    "Pressure",
    "Room",
    "Rulebook",
    "Stance",
    "Therapist",
    "TimeOff",
    "Treatment",
    "Weekday",
    "WorkingHours",
    "validate_country",
    "validate_zone",
]
