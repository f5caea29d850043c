from __future__ import annotations

import csv
import json

import pytest

from clients.models import Questionnaire
from clients.services.questionnaires import load_questionnaire
from clients.services.reference import SHIPPED, load_reference

FILE = json.loads((SHIPPED / "intake_questionnaire.json").read_text())


def rows(name):
    with (SHIPPED / name).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def intake(db) -> Questionnaire:
    """The questionnaire that ships with the app, in use, with its medicines and regions."""
    load_reference()
    return load_questionnaire(json.dumps(FILE))[0]
