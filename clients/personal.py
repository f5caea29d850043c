"""All that is kept about a client, found by what the models declare, and handed out to them.

A model that holds personal data says so beside its fields: ``personal`` names each such column and its kind, ``personal_of``
the way from a row to the client it is about ("pk" on Client itself). Without that the rows are about the practice's people.
What in such a row tells of somebody else its ``withheld_from`` names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clients.models import Answer, BodyRegion, Client, Question, Questionnaire, User
from clients.wording import in_words

#: What personal data is about.
KINDS = ("identity", "contact", "agreements", "health", "sessions", "messages", "readings", "words")
APPS = ("clients", "booking", "therapists")
#: For a reader who is one of them.
TITLES = {Client: gettext_lazy("you"), User: gettext_lazy("your sign-in")}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fact:
    """One column of a row, in words."""

    label: str
    lines: list[str]


@dataclass(frozen=True, slots=True)
class Group:
    """All rows of one kind that are about a client."""

    title: str
    rows: list[list[Fact]]


@dataclass(frozen=True, slots=True)
class Passkey:
    name: str
    added_at: datetime
    used_at: datetime | None


def tagged(model: type[models.Model]) -> Mapping[str, str]:
    """The personal columns of a model with their kinds; empty where it declares none."""
    declared: Mapping[str, str] = getattr(model, "personal", {})
    return declared


def models_about_clients() -> list[type[models.Model]]:
    """In the order in which the apps declare them."""
    return [model for app in APPS for model in apps.get_app_config(app).get_models() if hasattr(model, "personal_of")]


def rows_about(model: type[models.Model], client: Client) -> models.QuerySet[models.Model]:
    """The rows of a model that are about a client, the oldest first where they have a date."""
    found = model._default_manager.filter(**{model.personal_of: client.pk})  # type: ignore[attr-defined]
    names = {field.name for field in model._meta.concrete_fields}
    dated = [name for name in ("created_at", "at", "made_at", "agreed_at", "started_at", "saved_at") if name in names]
    named = [field.name for field in model._meta.concrete_fields if _is_named(field)]
    return found.select_related(*named).order_by(*dated, "pk")


def whom_it_is_about(row: models.Model) -> UUID | None:
    """The client a row is about; None of the practice's own. One query where the row does not name them itself."""
    way: str = getattr(row, "personal_of", "")
    if way in ("", "pk"):
        return row.pk if way else None
    if any(field.name == way for field in row._meta.concrete_fields):
        found: UUID | None = getattr(row, f"{way}_id")
        return found
    return type(row)._default_manager.filter(pk=row.pk).values_list(way, flat=True).first()


def as_data(client: Client, *, now: datetime) -> dict[str, Any]:
    """Everything, for a program: rows by model, with ids where one row speaks of another. Sealed columns are opened.

    Whoever gets it must be the client: nothing is logged.
    """
    rows = {
        model._meta.label: [
            {field.name: None if _is_withheld(row, field, client) else _plain(row, field) for field in _columns(model)}
            for row in rows_about(model, client)
        ]
        for model in models_about_clients()
    }
    return {"made_at": now, "rows": rows | {Authenticator._meta.label: [asdict(each) for each in _passkeys(client)]}}


def in_groups(client: Client) -> list[Group]:
    """The same for a reader; what says nothing is left out."""
    regions = {region.code: region for region in BodyRegion.objects.all()}
    found = [
        Group(
            capfirst(str(TITLES.get(model, model._meta.verbose_name_plural))),
            [facts for row in rows_about(model, client) if (facts := list(_facts(row, regions, client)))],
        )
        for model in models_about_clients()
    ]
    found.append(Group(_("Your passkeys"), [_facts_of_passkey(each) for each in _passkeys(client)]))
    return [group for group in found if group.rows]


# ---- what allauth keeps -----------------------------------------------------------------------------------------------------


def _passkeys(client: Client) -> list[Passkey]:
    """What they called each, and when it came; of the key itself nothing would tell them anything."""
    kept = Authenticator.objects.filter(user=client.user, type=Authenticator.Type.WEBAUTHN).order_by("created_at")
    return [Passkey(each.wrap().name, each.created_at, each.last_used_at) for each in kept]


def _facts_of_passkey(passkey: Passkey) -> list[Fact]:
    told = [(_("Name"), passkey.name), (_("Added"), passkey.added_at), (_("Last used"), passkey.used_at)]
    return [Fact(label, lines) for label, value in told if (lines := _said(value))]


# ---- columns ----------------------------------------------------------------------------------------------------------------


def _columns(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    """What is personal, when it was, whom and what it names, and the ids that tie rows together."""
    return [field for field in model._meta.concrete_fields if field.primary_key or _is_told(field) or _is_tie(field)]


def _is_told(field: models.Field[Any, Any]) -> bool:
    is_time = isinstance(field, models.DateField | models.TimeField) and field.editable
    return field.name in tagged(field.model) or is_time or _is_named(field)


def _is_named(field: models.Field[Any, Any]) -> bool:
    """Whether a column names a therapist, a treatment, a room or a question."""
    if not isinstance(field, models.ForeignKey):
        return False
    there = field.related_model
    return there in (Question, Questionnaire) or there._meta.app_label == "therapists"


def _is_tie(field: models.Field[Any, Any]) -> bool:
    return isinstance(field, models.ForeignKey) and hasattr(field.related_model, "personal_of")


def _is_withheld(row: models.Model, field: models.Field[Any, Any], client: Client) -> bool:
    """Whether a value in a row about a client tells of somebody else; the model says so of its rows."""
    return hasattr(row, "withheld_from") and field.name in row.withheld_from(client)


def _plain(row: models.Model, field: models.Field[Any, Any]) -> Any:
    if _is_named(field):
        named = getattr(row, field.name)
        return None if named is None else str(named)
    value = getattr(row, field.attname)
    return value if isinstance(value, _JSON) else str(value)


_JSON = (str, int, float, bool, list, dict, datetime, type(None))


# ---- words ------------------------------------------------------------------------------------------------------------------


def _facts(row: models.Model, regions: Mapping[str, BodyRegion], client: Client) -> Iterator[Fact]:
    if isinstance(row, Answer):
        yield Fact(row.question.text, in_words(row.question, row.value, regions))
        return
    for field in _columns(type(row)):
        lines = _lines(row, field) if _is_told(field) and not _is_withheld(row, field, client) else []
        if lines:
            yield Fact(capfirst(str(field.verbose_name)), lines)


def _lines(row: models.Model, field: models.Field[Any, Any]) -> list[str]:
    value = getattr(row, field.name)
    if value in (None, "", [], {}):
        return []
    if field.choices and not isinstance(field, ArrayField):
        return [str(getattr(row, f"get_{field.name}_display")())]
    return _said(value)


def _said(value: Any) -> list[str]:
    """A value as lines; one inside another is written out, name by name."""
    if isinstance(value, Mapping):
        return [f"{name}: {line}" for name, inner in value.items() for line in _said(inner)]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [line for inner in value for line in _said(inner)]
    if isinstance(value, bool):
        return [_("yes") if value else _("no")]
    return [] if value in (None, "") else [_moment(value)]


def _moment(value: Any) -> str:
    if isinstance(value, datetime):
        return date_format(timezone.localtime(value), "j F Y, G:i")
    if hasattr(value, "isoformat"):
        return date_format(value, "j F Y") if hasattr(value, "year") else time_format(value, "G:i")
    return str(value)
