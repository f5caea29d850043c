"""The calendar feed of a therapist: its address, and what it tells whoever holds that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import chain
from typing import NamedTuple
from unicodedata import normalize
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from booking.enums import FeedShows
from booking.exceptions import HasAddress, HasNoAddress
from booking.ical import GONE, Block, FeedFile
from booking.models import Appointment, AuditEntry, Feed
from therapists.models import Therapist, TimeOff

#: How far back a feed tells of sessions and time off; it tells of all that are ahead.
PAST = timedelta(days=30)
#: For how long a cancelled session is told of as cancelled, so that programs take it out; then it is left out.
CANCELLED_SHOWN = timedelta(days=14)
#: At most this often a reading is noted.
READ_NOTED = timedelta(minutes=1)


class Reading(NamedTuple):
    """A feed as it is now, and since when: in whole seconds, and never the same second for two different contents."""

    file: FeedFile
    changed_at: datetime


def give_address(therapist: Therapist, *, shows: FeedShows, now: datetime) -> str:
    """The token of a new feed, which is not stored. Raises HasAddress, and the old address goes on working."""
    feed = Feed(therapist=therapist, shows=shows, changed_at=now.replace(microsecond=0))
    token = feed.renew(now)
    fields = ("shows", "token_hash", "made_at", "changed_at")
    _feed, is_new = Feed.objects.get_or_create(therapist=therapist, defaults={name: getattr(feed, name) for name in fields})
    if not is_new:
        raise HasAddress
    return token


@transaction.atomic
def rotate_address(therapist: Therapist, *, now: datetime) -> str:
    """A new token for the same feed; the old address stops working at once. Raises HasNoAddress."""
    feed = Feed.objects.select_for_update().filter(therapist=therapist).first()
    if feed is None:
        raise HasNoAddress
    token = feed.renew(now)
    feed.save(update_fields=["token_hash", "made_at", "last_read_at"])
    return token


def revoke_address(therapist: Therapist) -> None:
    """The address stops working at once; twice is the same as once."""
    Feed.objects.filter(therapist=therapist).delete()


def choose_shown(therapist: Therapist, shows: FeedShows) -> None:
    """What the feed says of a session from its next reading on. Raises HasNoAddress."""
    if not Feed.objects.filter(therapist=therapist).update(shows=shows):
        raise HasNoAddress


def read_feed(feed: Feed, *, now: datetime) -> Reading:
    """What a feed says. Notes that it was read, and when it says something else than at the reading before."""
    name = _("Sessions · %(therapist)s") % {"therapist": feed.therapist}
    file = FeedFile(name, sorted(_blocks(feed, now), key=lambda block: (block.starts, block.key)))
    _note_read(feed, now)
    return Reading(file, feed.changed_at if feed.content_hash == file.digest else _note_change(feed, file.digest, now))


def initials(name: str) -> str:
    """The first letters of the first and the last word, like “A. L.”; a question mark where nothing is a letter."""
    words = ([char for char in word if char.isalpha()] for word in normalize("NFC", name).split())
    letters = [word[0].title()[0] for word in words if word]
    return " ".join(f"{letter}." for letter in (letters[:1] + letters[1:][-1:])) or "?"


def _blocks(feed: Feed, now: datetime) -> Iterator[Block]:
    yield from _sessions(feed, now)
    away = _("Busy") if feed.shows == FeedShows.BUSY else _("Away")
    for absence in TimeOff.objects.filter(therapist=feed.therapist, ends_at__gte=now - PAST):
        starts = absence.starts_at.astimezone(UTC).replace(tzinfo=None)
        yield Block(_key(feed, absence.pk), starts, "UTC", absence.ends_at - absence.starts_at, away)


def _sessions(feed: Feed, now: datetime) -> Iterator[Block]:
    given = Appointment.objects.real().filter(therapist=feed.therapist, starts_at__gte=now - PAST).order_by()
    lately = AuditEntry.objects.filter(appointment=OuterRef("pk"), at__gte=now - CANCELLED_SHOWN)
    gone = Q(status__in=GONE)
    facts = ("pk", "local_date", "local_time", "zone", "starts_at", "ends_at", "client__name", "room__name", "sequence", "status")
    rows = (rows.values_list(*facts).iterator() for rows in (given.exclude(gone), given.filter(gone, Exists(lately))))
    says_who, busy = feed.shows == FeedShows.INITIALS, _("Busy")
    for pk, day, clock, zone, starts_at, ends_at, client, room, sequence, status in chain.from_iterable(rows):
        yield Block(
            key=_key(feed, pk),
            starts=datetime.combine(day, clock),
            zone=zone,
            length=ends_at - starts_at,
            summary=initials(client) if says_who else busy,
            location=(room or "") if says_who else "",
            sequence=sequence,
            is_cancelled=status in GONE,
        )


def _key(feed: Feed, pk: UUID) -> str:
    """The same for life, and of no help to guess the id that stands in the client's own calendar."""
    return blake2b(pk.bytes, key=feed.therapist_id.bytes, digest_size=16).hexdigest()


def _note_read(feed: Feed, now: datetime) -> None:
    due = Q(last_read_at=None) | Q(last_read_at__lte=now - READ_NOTED)
    Feed.objects.filter(due, pk=feed.pk).update(last_read_at=now)


@transaction.atomic
def _note_change(feed: Feed, digest: str, now: datetime) -> datetime:
    """Since when the feed says this. Two readers at once agree; one whose feed was just revoked gets the present time."""
    stored = Feed.objects.select_for_update().filter(pk=feed.pk).first()
    this_second = now.replace(microsecond=0)
    if stored is None:
        return this_second
    if stored.content_hash != digest:
        is_first = not stored.content_hash
        stored.changed_at = this_second if is_first else max(this_second, stored.changed_at + timedelta(seconds=1))
        stored.content_hash = digest
        stored.save(update_fields=["content_hash", "changed_at"])
    return stored.changed_at
