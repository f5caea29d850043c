"""What names people, places and things: words on one line, in letters that can be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.expressions import Combinable
from django.utils.translation import gettext_lazy as _

#: Breaks of lines, controls, and what turns the direction of a text around; the joiners that some languages need are none.
#: PostgreSQL reads it as Python does, and neither lets a NUL come so far.
HIDDEN = r"[\u0001-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]"

if TYPE_CHECKING:
    _CharField = models.CharField[str | int | Combinable, str]
else:
    _CharField = models.CharField

on_one_line = RegexValidator(HIDDEN, _("Please write this on one line, without hidden signs."), inverse_match=True)


class LineField(_CharField):
    """One line. Forms refuse anything else; for the database its model has a constraint made by ``one_line``."""

    default_validators = [on_one_line]


def one_line(name: str, *columns: str) -> models.CheckConstraint:
    return models.CheckConstraint(condition=Q(*(~Q((f"{column}__regex", HIDDEN)) for column in columns)), name=name)


def cleared(table: str, *columns: str) -> str:
    """SQL that writes a space for each such sign in rows that were there before the database refused them."""
    said = ", ".join(f"{column} = regexp_replace({column}, '{HIDDEN}', ' ', 'g')" for column in columns)
    where = " OR ".join(f"{column} ~ '{HIDDEN}'" for column in columns)
    return f"UPDATE {table} SET {said} WHERE {where}"  # nosec B608
