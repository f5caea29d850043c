"""Medicines, their classes and the parts of the body: brought into the database from the files that ship with the app."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _

from clients.models import BodyRegion, Medication, MedicationClass
from clients.spelling import key_of, words_of

Row = TypeVar("Row", bound=models.Model)

SHIPPED = Path(__file__).resolve().parents[1] / "data"


class ReferenceRefused(ValueError):
    """A reference file that makes no sense; the message names the file, the row and the reason."""


@transaction.atomic
def load_reference(folder: Path = SHIPPED) -> dict[str, int]:
    """Bring the tables to the state of the files; how many rows of each changed. Rows the practice added itself stay.

    Raises ReferenceRefused; then nothing changes.
    """
    classes = list(_classes(folder / "medication_classes.csv"))
    return {
        "medication classes": _bring(classes, "code"),
        "medications": _bring(_medications(folder / "medications.csv", {each.code for each in classes}), "name", "route"),
        "body regions": _bring(_regions(folder / "body_regions.csv", folder / "body_chart_map.csv"), "code"),
    }


def _rows(path: Path, *columns: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Each row with where it stands. Raises ReferenceRefused for a file without these columns."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if missing := [name for name in columns if name not in (reader.fieldnames or [])]:
                raise ReferenceRefused(_("%(file)s has no column %(name)s.") % {"file": path.name, "name": ", ".join(missing)})
            for row in reader:
                yield f"{path.name}, row {reader.line_num}", row
    except (OSError, UnicodeDecodeError) as fault:
        raise ReferenceRefused(_("%(file)s cannot be read: %(fault)s") % {"file": path.name, "fault": fault}) from None


def _classes(path: Path) -> Iterator[MedicationClass]:
    rows = list(_rows(path, "code", "label", "client_label", "severity", "max_pressure", "scope", "precaution"))
    labels = {row["code"]: row["label"] for _where, row in rows}
    for where, row in rows:
        yield _checked(
            where,
            MedicationClass(
                **{name: row[name] for name in ("code", "label", "client_label", "severity", "max_pressure", "scope")},
                **{name: row[name] for name in ("precaution", "client_text", "basis", "source")},
                escalate_to_stop_if=[_without_codes(part, labels) for part in _split(row["escalate_to_stop_if"])],
            ),
        )


def _medications(path: Path, classes: set[str]) -> Iterator[Medication]:
    routes = {value for value, _label in Medication._meta.get_field("route").flatchoices}
    for where, row in _rows(path, "name", "name_type", "generic_name", "route_group", "rx_otc", "class_codes"):
        codes = _split(row["class_codes"])
        if not codes or not classes.issuperset(codes) or row["route_group"] not in routes or not key_of(row["name"]):
            raise ReferenceRefused(_("%(where)s: name, route or class is not known.") % {"where": where})
        yield Medication(
            name=row["name"],
            route=row["route_group"],
            key=key_of(row["name"]),
            words=words_of(row["name"]),
            name_type=row["name_type"],
            generic_name=row["generic_name"],
            rx_otc=row["rx_otc"],
            class_codes=codes,
            fda_epc=row["fda_epc"],
            source=row["source"],
        )


def _regions(path: Path, chart: Path) -> Iterator[BodyRegion]:
    places: dict[str, tuple[str, str]] = {}
    for _where, row in _rows(chart, "code", "x", "y"):
        places.setdefault(row["code"], (row["x"], row["y"]))
    for order, (where, row) in enumerate(_rows(path, "code", "label", "side", "area_code", "caution", "treatable")):
        if row["code"] not in places:
            raise ReferenceRefused(_("%(where)s: the region has no place on the chart.") % {"where": where})
        x, y = places[row["code"]]
        region = BodyRegion(
            **{name: row[name] for name in ("code", "label", "side", "caution", "treatable")},
            area=row["area_code"],
            common_muscles=_split(row["common_muscles"]),
            x=int(x),
            y=int(y),
            order=order,
        )
        yield _checked(where, region)


def _without_codes(text: str, labels: Mapping[str, str]) -> str:
    """A text for people, in which other classes are named by their labels."""
    return re.sub(r"\b[A-Z_]+\b", lambda word: labels[word[0]].lower() if word[0] in labels else word[0], text)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]


def _checked(where: str, row: Row) -> Row:
    try:
        row.clean_fields()
    except ValidationError as fault:
        problems = "; ".join(f"{name}: {' '.join(said)}" for name, said in fault.message_dict.items())
        raise ReferenceRefused(f"{where}: {problems}") from None
    return row


def _bring(rows: Iterable[models.Model], *key: str) -> int:
    """Insert what is new and update what differs, found by ``key``."""
    rows = list(rows)
    if not rows:
        return 0
    model = type(rows[0])
    fields = [field.attname for field in model._meta.concrete_fields if field.editable or field.attname in ("key", "words")]
    stamps = [field for field in model._meta.concrete_fields if getattr(field, "auto_now", False)]
    found = {tuple(str(getattr(row, name)).casefold() for name in key): row for row in model._default_manager.all()}
    new: list[models.Model] = []
    changed: list[models.Model] = []
    for row in rows:
        there = found.get(tuple(str(getattr(row, name)).casefold() for name in key))
        if there is None:
            new.append(row)
        elif any(getattr(there, name) != getattr(row, name) for name in fields):
            row.pk = there.pk
            for stamp in stamps:
                stamp.pre_save(row, add=False)
            changed.append(row)
    model._default_manager.bulk_create(new, batch_size=1000)
    model._default_manager.bulk_update(changed, [*fields, *(stamp.attname for stamp in stamps)], batch_size=500)
    return len(new) + len(changed)
