"""Health answers: how fast they are sealed anew, searched and weighed."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

from django.conf import settings
from django.db import connection, transaction
from django.test.utils import override_settings

from clients.crypto import new_key
from clients.models import Answer
from clients.services.keys import reseal
from tests.factories import QuestionFactory, ResponseFactory
from tests.figures import Figure

VALUES = 100_000


def figures() -> Iterator[Figure]:
    yield from _resealing()


def _resealing() -> Iterator[Figure]:
    response, question = ResponseFactory(), QuestionFactory()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE clients_answer DROP CONSTRAINT answer_once")
        Answer.objects.bulk_create(
            (Answer(response=response, question=question, value=f"answer {n}") for n in range(VALUES)), batch_size=5000
        )
    with override_settings(INTAKE_KEYS=f"{new_key('k2')},{settings.INTAKE_KEYS}"):
        began = perf_counter()
        changed = sum(reseal())
        took = perf_counter() - began
    yield Figure("answers sealed with a new key", changed, f"== {VALUES}")
    yield Figure("answers sealed with a new key, a second", changed / took, ">= 1000")
    Answer.objects.all().delete()
