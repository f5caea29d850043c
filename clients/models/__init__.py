from clients.models.consent import Consent
from clients.models.people import Client, User, UserManager
from clients.models.questionnaire import FlagRule, Question, Questionnaire, QuestionType, ResponseKind, Section
from clients.models.reference import BodyRegion, Medication, MedicationClass, Route

__all__ = [
    "BodyRegion",
    "Client",
    "Consent",
    "FlagRule",
    "Medication",
    "MedicationClass",
    "Question",
    "QuestionType",
    "Questionnaire",
    "ResponseKind",
    "Route",
    "Section",
    "User",
    "UserManager",
]
