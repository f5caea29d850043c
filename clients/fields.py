"""A column whose values only the application can read."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import FieldError
from django.db import models
from django.db.models.lookups import IsNull
from django.db.models.query_utils import DeferredAttribute

from clients.crypto import keyring


class Sealed:
    """A value as the database has it; opened when somebody looks at it."""

    __slots__ = ("content",)

    def __init__(self, content: bytes) -> None:
        self.content = content


class OpenedWhenRead(DeferredAttribute):
    """The attribute of a sealed column: opens the value at the first look, since only then the row's id is known."""

    field: SealedField

    def __get__(self, instance: models.Model | None, cls: Any = None) -> Any:
        if instance is None:
            return self
        if self.field.attname not in instance.__dict__:
            super().__get__(instance, cls)
        value = instance.__dict__[self.field.attname]
        if isinstance(value, Sealed):
            value = instance.__dict__[self.field.attname] = self.field.opened(value, instance)
        return value

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class SealedField(models.Field):  # type: ignore[type-arg]
    """Any JSON value, sealed for its table, column and row. The row's primary key must be a UUID that never changes.

    It cannot be filtered, sorted, dumped or written by ``update()``: only ``save`` and ``bulk_create`` know the row.
    """

    descriptor_class = OpenedWhenRead

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"editable": False})

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["editable"]
        return name, path, args, kwargs

    def get_internal_type(self) -> str:
        return "BinaryField"

    def place(self, pk: Any) -> str:
        return f"{self.model._meta.db_table}.{self.column}.{pk}"

    def opened(self, value: Sealed, instance: models.Model) -> Any:
        """Raises CannotOpen."""
        return json.loads(keyring().open(value.content, place=self.place(instance.pk)))

    def sealed(self, value: Any, pk: Any) -> Sealed:
        return Sealed(keyring().seal(json.dumps(value, ensure_ascii=False).encode(), place=self.place(pk)))

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = model_instance.__dict__[self.attname]
        return value if value is None or isinstance(value, Sealed) else self.sealed(value, model_instance.pk)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Sealed | None:
        return None if value is None else Sealed(bytes(value))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is None or isinstance(value, Sealed):
            return None if value is None else value.content
        raise TypeError(f"{self.name} is sealed for its row; write it with save() or bulk_create().")

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name == "isnull":
            return IsNull
        raise FieldError(f"{self.name} is sealed; it cannot be searched.")

    def get_transform(self, lookup_name: str) -> Any:
        raise FieldError(f"{self.name} is sealed; it cannot be searched.")

    def value_to_string(self, obj: models.Model) -> str:
        raise TypeError(f"{self.name} is sealed; back up with pg_dump.")
