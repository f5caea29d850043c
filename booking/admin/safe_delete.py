# mypy: disable-error-code="type-arg"
"""Deleting what the practice is set up with: what hangs on it is listed first, and what would break a promise is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.messages.storage import default_storage
from django.db import IntegrityError
from django.db.models import Model, ProtectedError, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext

from booking.admin.dependents import DEPENDENTS, Dependent
from booking.models import Appointment

#: The most rows of a kind that are named.
NAMED = 12


@dataclass(frozen=True)
class Found:
    """What there is of one kind. Names and addresses only for those who may see these rows."""

    words: str
    count: int
    stops: bool
    address: str
    examples: tuple[tuple[str, str], ...]
    owners: tuple[str, ...]

    @property
    def more(self) -> int:
        """How many are not named."""
        return self.count - len(self.examples)


def dependents_of(rows: Sequence[Model], request: HttpRequest, now: datetime) -> list[Found]:
    """What hangs on ``rows``, all of one model; a fixed number of queries however much it is."""
    if not rows:
        return []
    found = (_found(kind, rows, request, now) for kind in DEPENDENTS[type(rows[0])])
    return [each for each in found if each]


def _found(kind: Dependent, owners: Sequence[Model], request: HttpRequest, now: datetime) -> Found | None:
    lookups = kind.which(owners, now)
    chosen = kind.model._default_manager.filter(lookups if isinstance(lookups, Q) else Q(**lookups))
    rows = kind.model._default_manager.filter(pk__in=chosen.values("pk"))
    count = rows.count()
    if not count:
        return None
    page = admin.site._registry.get(kind.model)
    is_seen = page is not None and page.has_view_permission(request)
    examples = _examples(rows.order_by(*kind.order) if kind.order else rows, page) if is_seen else ()
    return Found(
        words=str(kind.said % {"n": count}),
        count=count,
        stops=kind.stops,
        address=_listed_at(kind.model, lookups) if is_seen and not isinstance(lookups, Q) else "",
        examples=examples,
        owners=_owners(kind, owners, chosen) if len(owners) > 1 else (),
    )


def _examples(rows: QuerySet[Any], page: Any) -> tuple[tuple[str, str], ...]:
    related = page.list_select_related
    known = rows.select_related(*related) if related else rows
    change = f"admin:{page.opts.app_label}_{page.opts.model_name}_change"
    return tuple((_in_words(row), reverse(change, args=[row.pk])) for row in known[:NAMED])


def _in_words(row: Any) -> str:
    if not isinstance(row, Appointment):
        return str(row)
    when = date_format(row.local_start, "D j M Y, G:i")
    return f"{when}, {row.client}" if row.client else when


def _listed_at(model: type[Model], lookups: Mapping[str, Any]) -> str:
    query = {name: ",".join(map(str, value)) if isinstance(value, tuple) else str(value) for name, value in lookups.items()}
    return f"{reverse(f'admin:{model._meta.app_label}_{model._meta.model_name}_changelist')}?{urlencode(query)}"


def _owners(kind: Dependent, owners: Sequence[Model], chosen: QuerySet[Any]) -> tuple[str, ...]:
    """On which of several rows any of these hang; nothing where that is not kept."""
    if not kind.owner:
        return ()
    keys = set(chosen.order_by().values_list(kind.owner, flat=True).distinct())
    return tuple(str(owner) for owner in owners if owner.pk in keys)


class SafeDelete(admin.ModelAdmin):
    """Refuses to delete what something hangs on, one by one and many at once; where it stops nothing, says what goes along."""

    delete_confirmation_template = "admin/safe_delete.html"
    delete_selected_confirmation_template = "admin/safe_delete_selected.html"

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """What goes along, nothing to count, whether the right to delete any of these lacks, and what stands in the way."""
        rows = list(objs)
        found = dependents_of(rows, request, timezone.now())
        kept = {str(self.opts.verbose_name) for row in rows if not self.has_delete_permission(request, row)}
        return [each for each in found if not each.stops], {}, kept, [each for each in found if each.stops]

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        return self._unless_taken(request, lambda: super(SafeDelete, self).delete_view(request, object_id, extra_context))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return self._unless_taken(request, lambda: super(SafeDelete, self).changelist_view(request, extra_context))

    def _unless_taken(self, request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
        """The same page once more, where something came to hang on it between looking and deleting."""
        try:
            return view()
        except (ProtectedError, IntegrityError):
            request._messages = default_storage(request)  # type: ignore[attr-defined]  # "was deleted" is not true
            messages.error(request, gettext("Somebody used it just now. Nothing was deleted; please look again."))
            return redirect(request.get_full_path())
