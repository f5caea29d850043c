"""What is kept of notices: that they were sent for good, what they said for as long as the practice wants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import and_, or_

from django.db import transaction
from django.db.models import Max, Q
from django.db.models.functions import Coalesce

from booking.enums import UNSENT
from booking.models import NoticeAct, Notification
from therapists.models import Location

#: The ways from a notice to its practice; a change and a repair have none and are kept as long as the most patient one keeps.
PRACTICE = ("appointment__treatment__location", "series__treatment__location", "offer__treatment__location")
COPY = ("subject", "body", "answer", "last_error")


@dataclass(frozen=True, slots=True)
class Purged:
    """How many copies were, or in a dry run would be, emptied: of notices, and of what they said before they were sent again."""

    notices: int
    earlier: int


def purge_copies(*, now: datetime, dry_run: bool = False) -> Purged:
    """Empty what notices said, and what servers said of them, once they are older than their practice keeps them.

    Kind, client, recipient, state and times stay: they say that somebody was told. What is still to be sent is left alone.
    """
    longest = Location.objects.aggregate(longest=Max("keeps_notices"))["longest"]
    if longest is None:
        return Purged(0, 0)
    old = _of_no_one() & Q(at__lt=now - longest)
    for location in Location.objects.all():
        old |= _of(location) & Q(at__lt=now - location.keeps_notices)
    notices = Notification.objects.annotate(at=Coalesce("sent_at", "created_at")).filter(old).exclude(state__in=UNSENT)
    copies = Notification.objects.filter(pk__in=notices.exclude(**dict.fromkeys(COPY, "")).values("pk"))
    acts = NoticeAct.objects.filter(notification__in=notices.values("pk"), before__has_key="body")
    report = Purged(copies.count(), acts.count())
    if not dry_run:
        with transaction.atomic():
            for act in acts:
                act.before = {name: fact for name, fact in act.before.items() if name not in COPY}
            NoticeAct.objects.bulk_update(acts, ["before"])
            copies.update(**dict.fromkeys(COPY, ""))
    return report


def _of(location: Location) -> Q:
    return reduce(or_, (Q(**{way: location}) for way in PRACTICE))


def _of_no_one() -> Q:
    return reduce(and_, (Q(**{f"{way}__isnull": True}) for way in PRACTICE))
