"""Health answers: how fast they are sealed anew, searched and weighed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from time import perf_counter

from django.conf import settings
from django.db import connection, transaction
from django.test.utils import override_settings

from clients.crypto import new_key
from clients.models import Answer, Medication
from clients.services.keys import reseal
from clients.services.medications import find_medications
from clients.services.questionnaires import load_questionnaire
from clients.services.reference import SHIPPED, load_reference
from clients.services.responses import knowledge
from clients.triage import triage
from tests.clients.answers import WELL
from tests.factories import QuestionFactory, ResponseFactory
from tests.figures import Figure

VALUES = 100_000


def figures() -> Iterator[Figure]:
    yield from _resealing()
    yield from _weighing()
    yield from _searching()


def _weighing() -> Iterator[Figure]:
    """A whole form with thirty medicines, twenty dated items and eight spots."""
    version, _new = load_questionnaire((SHIPPED / "intake_questionnaire.json").read_text())
    load_reference()
    known, on = knowledge(version), date(2027, 2, 9)
    dated = [{"kind": "fracture", "region": "CALF_L", "date": f"20{n + 10}"} for n in range(10)]
    answers = WELL | {
        "areas": [{"region": code, "pain": 5} for code in list(known.regions)[20:28]],
        "med_list": [{"name": code, "classes": [code]} for code in list(known.classes)[:30]],
        "injuries": dated,
        "surgeries": [item | {"kind": "joint"} for item in dated],
    }
    took = min(_seconds(lambda: triage(answers, known, on)) for _ in range(20))
    yield Figure("weighing a whole form, ms", took * 1000, "<= 5")


def _searching() -> Iterator[Figure]:
    """Whole and half names, misspelt ones and ones that are in no list."""
    load_reference()
    find_medications("warm")
    names = list(Medication.objects.order_by("key").values_list("name", flat=True)[::42])
    typed = [*names, *(name[:4] for name in names), *(name[:3] + name[4:] for name in names), *(name[::-1] for name in names)]
    took = sorted(_seconds(lambda each=each: find_medications(each)) for each in typed)
    yield Figure("searching a medicine, ms, half of them within", took[len(took) // 2] * 1000, ">= 0")
    yield Figure("searching a medicine, ms, 99 of 100 within", took[len(took) * 99 // 100] * 1000, "<= 20")


def _seconds(act: Callable[[], object]) -> float:
    began = perf_counter()
    act()
    return perf_counter() - began


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
