"""The desk's own pages: the address under the desk, the view, and the name it has as ``admin:<name>``."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpResponseBase

PAGES: list[tuple[str, Callable[..., HttpResponseBase], str]] = []
