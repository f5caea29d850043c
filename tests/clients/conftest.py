from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from clients.models import Questionnaire
from clients.services.questionnaires import load_questionnaire
from clients.services.reference import SHIPPED, load_reference

NAMES = ("warfarin", "clopidogrel", "diclofenac", "eliquis", "ibuprofen", "sertraline", "fentanyl", "levothyroxine", "cisplatin")
FILE = json.loads((SHIPPED / "intake_questionnaire.json").read_text())


def rows(name):
    with (SHIPPED / name).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def few_medicines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that ship, with a few dozen medicines instead of thousands."""
    folder = tmp_path_factory.mktemp("intake")
    for file in SHIPPED.glob("*.csv"):
        shutil.copy(file, folder)
    head, *lines = (SHIPPED / "medications.csv").read_text().splitlines(keepends=True)
    kept = [line for line in lines if line.lower().startswith(NAMES)]
    (folder / "medications.csv").write_text("".join([head, *kept]))
    return folder


@pytest.fixture
def intake(db, few_medicines) -> Questionnaire:
    """The questionnaire that ships with the app, in use, with a few of its medicines and all regions."""
    load_reference(few_medicines)
    return load_questionnaire(json.dumps(FILE))[0]
