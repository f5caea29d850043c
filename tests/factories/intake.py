from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import factory
from factory.django import DjangoModelFactory

from clients.models import Answer, Question, Questionnaire, Response, Section
from tests.factories.clients import ClientFactory


class QuestionnaireFactory(DjangoModelFactory[Questionnaire]):
    """A version with nothing in it."""

    class Meta:
        model = Questionnaire

    version = factory.Sequence(lambda n: n + 100)
    title = "Before your session"


class QuestionFactory(DjangoModelFactory[Question]):
    class Meta:
        model = Question

    section = factory.LazyAttribute(
        lambda made: Section.objects.create(questionnaire=QuestionnaireFactory(), code="about", title="About", when="first")
    )
    code = factory.Sequence(lambda n: f"question{n}")
    text = "How are you?"
    type = "text_short"


class ResponseFactory(DjangoModelFactory[Response]):
    class Meta:
        model = Response

    client = factory.SubFactory(ClientFactory)
    questionnaire = factory.SubFactory(QuestionnaireFactory)
    kind = "first"
    started_at = datetime(2027, 2, 1, 8, tzinfo=UTC)
    saved_at = datetime(2027, 2, 1, 8, tzinfo=UTC)


class AnswerFactory(DjangoModelFactory[Answer]):
    class Meta:
        model = Answer

    response = factory.SubFactory(ResponseFactory)
    question = factory.SubFactory(QuestionFactory)
    value: Any = "well"
