from clients.models.consent import Consent
from clients.models.handout import Handout
from clients.models.people import Client, User, UserManager
from clients.models.questionnaire import FlagRule, Question, Questionnaire, QuestionType, ResponseKind, Section
from clients.models.reference import BodyRegion, Medication, MedicationClass, Route
from clients.models.response import SUBMITTED_STAYS, Answer, HealthView, Response, ResponseView

__all__ = [
    "SUBMITTED_STAYS",
    "Answer",
    "BodyRegion",
    "Client",
    "Consent",
    "FlagRule",
    "Handout",
    "HealthView",
    "Medication",
    "MedicationClass",
    "Question",
    "QuestionType",
    "Questionnaire",
    "Response",
    "ResponseKind",
    "ResponseView",
    "Route",
    "Section",
    "User",
    "UserManager",
]
