"""From which address the request came that is being answered; nothing where no request is, as in the worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ADDRESS: ContextVar[str | None] = ContextVar("address", default=None)


def origin() -> str | None:
    """An IP address; the default of columns that keep from where something was done."""
    return _ADDRESS.get()


@contextmanager
def asked_from(address: str | None) -> Iterator[None]:
    """Let everything written meanwhile be from there."""
    token = _ADDRESS.set(address)
    try:
        yield
    finally:
        _ADDRESS.reset(token)
