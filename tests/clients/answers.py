"""A whole first form, filled in by somebody in good health; a test changes what it is about."""

from __future__ import annotations

import json
from typing import Any

from clients.services.demonstration import ANSWERS

WELL: dict[str, Any] = json.loads(ANSWERS.read_text())["well"]


def medicine(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "route": "oral", "listed": True} | more
