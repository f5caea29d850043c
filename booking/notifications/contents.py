"""What a notice says, before it is put in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from booking.ical import Method
from booking.models import Appointment
from therapists.models import Location


@dataclass(frozen=True)
class Contents:
    """The context of the templates, and what goes with them.

    ``link_until``: until when the link in it works; None, no link. ``sessions`` are for its calendar part; none, no part.
    """

    practice: Location
    context: Mapping[str, Any]
    link_until: datetime | None
    sessions: Sequence[Appointment] = ()
    method: Method = "PUBLISH"
