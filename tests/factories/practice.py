from __future__ import annotations

from datetime import time, timedelta
from decimal import Decimal
from typing import Any

import factory
from factory.django import DjangoModelFactory

from therapists.models import Location, Room, Therapist, Treatment, WorkingHours


class LocationFactory(DjangoModelFactory[Location]):
    class Meta:
        model = Location
        django_get_or_create = ("name",)

    name = "Linden Street Practice"
    zone = "Europe/London"
    country = "GB"
    subdivision = "ENG"
    phone = "020 7946 0010"
    email = "desk@example.org"


class RoomFactory(DjangoModelFactory[Room]):
    class Meta:
        model = Room

    location = factory.SubFactory(LocationFactory)
    name = factory.Sequence(lambda n: f"Room {n + 1}")


class TherapistFactory(DjangoModelFactory[Therapist]):
    """Works by no hours of its own; WorkingHoursFactory or ``works`` gives some."""

    class Meta:
        model = Therapist
        skip_postgeneration_save = True

    location = factory.SubFactory(LocationFactory)
    name = factory.Sequence(lambda n: f"Therapist {n}")

    @factory.post_generation
    def works(self: Any, create: bool, extracted: list[tuple[int, str, str]] | None, **kwargs: Any) -> None:
        """``works=[(0, "09:00", "17:00")]``: weekday, from, to."""
        for weekday, opens, closes in extracted or ():
            WorkingHoursFactory(
                therapist=self, weekday=weekday, opens=time.fromisoformat(opens), closes=time.fromisoformat(closes)
            )


class WorkingHoursFactory(DjangoModelFactory[WorkingHours]):
    class Meta:
        model = WorkingHours

    therapist = factory.SubFactory(TherapistFactory)
    weekday = 0
    opens = time(9)
    closes = time(17)


class TreatmentFactory(DjangoModelFactory[Treatment]):
    class Meta:
        model = Treatment
        skip_postgeneration_save = True

    location = factory.SubFactory(LocationFactory)
    name = neutral_name = "Two areas"
    length = timedelta(minutes=30)
    turnaround = timedelta(minutes=10)
    step = timedelta(minutes=15)
    notice = timedelta(hours=2)
    horizon = timedelta(days=90)
    price = Decimal("58.00")

    @factory.post_generation
    def by(self: Any, create: bool, extracted: list[Therapist] | None, **kwargs: Any) -> None:
        self.therapists.set(extracted or ())

    @factory.post_generation
    def in_rooms(self: Any, create: bool, extracted: list[Room] | None, **kwargs: Any) -> None:
        self.rooms.set(extracted or ())
