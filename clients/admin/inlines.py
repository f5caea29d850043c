# mypy: disable-error-code="type-arg"
"""Rows in a table on the page of what they belong to."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminSplitDateTime
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext


class NamedRows(BaseInlineFormSet):
    @classmethod
    def get_deletion_widget(cls) -> Any:
        return forms.CheckboxInput(attrs={"aria-label": gettext("Delete")})


class NamedInline(admin.TabularInline):
    """Whose fields say what they are: the heads of the columns are no labels to a screen reader."""

    formset = NamedRows

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            name_widget(field)
        return field


def name_widget(field: forms.Field) -> None:
    """Give what is typed into the label of its field; a date and a time are two."""
    label = capfirst(str(field.label))
    if isinstance(field.widget, AdminSplitDateTime):
        for part, word in zip(field.widget.widgets, (gettext("date"), gettext("time")), strict=True):
            part.attrs["aria-label"] = f"{label}, {word}"
    else:
        field.widget.attrs["aria-label"] = label
