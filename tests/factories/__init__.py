"""Rows that are valid by default and free of surprises; a test passes in what it is about."""

from tests.factories.booking import AppointmentFactory, HoldFactory
from tests.factories.clients import ClientFactory, UserFactory
from tests.factories.intake import AnswerFactory, QuestionFactory, QuestionnaireFactory, ResponseFactory
from tests.factories.notices import NoticeRuleFactory
from tests.factories.practice import (
    LocationFactory,
    RoomFactory,
    TherapistFactory,
    TreatmentFactory,
    WorkingHoursFactory,
)

__all__ = [
    "AnswerFactory",
    "AppointmentFactory",
    "ClientFactory",
    "HoldFactory",
    "LocationFactory",
    "NoticeRuleFactory",
    "QuestionFactory",
    "QuestionnaireFactory",
    "ResponseFactory",
    "RoomFactory",
    "TherapistFactory",
    "TreatmentFactory",
    "UserFactory",
    "WorkingHoursFactory",
]
