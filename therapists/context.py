from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from therapists.models import Location


def practice(request: HttpRequest) -> dict[str, Any]:
    """The practice, for the frame of every page; looked up only by pages that show it."""
    return {"practice": SimpleLazyObject(Location.objects.first)}
