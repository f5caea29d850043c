"""What a practice still needs before clients can book and be told: one finding a matter, and nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from enum import StrEnum
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, Q, QuerySet

from booking.models import NoticeRule
from booking.queries import first_free, practice_zone
from clients.models import Medication, Questionnaire, User
from therapists.models import Location, Room, Therapist, Treatment

LOCAL = ("localhost", "127.0.0.1")


class Verdict(StrEnum):
    OK = "ok"
    LOOK = "look"  # works, but perhaps not as it was meant
    MISSING = "missing"  # nobody can book, or nobody is told, before this is done


class Matter(StrEnum):
    """What was looked at; each is worded by the page."""

    PLACE = "place"
    REACH = "reach"
    ROOMS = "rooms"
    TREATMENTS = "treatments"
    PRICES = "prices"
    THERAPISTS = "therapists"
    HOURS = "hours"
    SIGN_INS = "sign_ins"
    TIMES = "times"
    FORM = "form"
    MEDICINES = "medicines"
    REMINDERS = "reminders"
    MAIL = "mail"
    ADDRESS = "address"
    KEYS = "keys"
    ALARM = "alarm"
    DESK = "desk"


@dataclass(frozen=True)
class Finding:
    """``names`` are the rows that it is about, where it is about some; where it is done stands beside the words."""

    matter: Matter
    verdict: Verdict
    names: tuple[str, ...] = ()


def readiness(now: datetime) -> list[Finding]:
    """Everything that was looked at, in the order in which a practice is set up."""
    return [*_place(), *_what_and_who(now), *_form(), *_notices(), *_people()]


def _place() -> Iterator[Finding]:
    locations = list(Location.objects.all())
    yield _needed(Matter.PLACE, bool(locations), [each.name for each in locations if not each.country])
    if locations:
        yield _each(
            Matter.REACH, [each.name for each in locations if not (each.address and each.phone and each.email)], Verdict.LOOK
        )
    yield _needed(Matter.ROOMS, Room.objects.filter(is_active=True).exists())


def _what_and_who(now: datetime) -> Iterator[Finding]:
    treatments = list(Treatment.objects.filter(is_active=True).annotate(by=Count("therapists", Q(therapists__is_active=True))))
    therapists = Therapist.objects.filter(is_active=True)
    yield _needed(Matter.TREATMENTS, bool(treatments), _names(each for each in treatments if not each.by))
    yield _each(Matter.PRICES, [each.name for each in treatments if not each.price], Verdict.LOOK)
    yield _needed(Matter.THERAPISTS, therapists.exists(), _names(therapists.filter(treatments=None)))
    yield _each(Matter.HOURS, list(_idle(therapists, now)), Verdict.MISSING)
    yield _each(Matter.SIGN_INS, list(_names(therapists.filter(user=None))), Verdict.LOOK)
    unoffered = [each.name for each in treatments if each.by and first_free(each.pk, now=now) is None]
    yield _each(Matter.TIMES, unoffered, Verdict.MISSING if len(unoffered) == len(treatments) else Verdict.LOOK)


def _idle(therapists: QuerySet[Therapist], now: datetime) -> Iterator[str]:
    """Those without hours from today on."""
    today = now.astimezone(ZoneInfo(practice_zone(now))).date()
    has_week = Q(working_hours__valid_until=None, working_hours__isnull=False) | Q(working_hours__valid_until__gte=today)
    at_work = therapists.filter(has_week | Q(hours_overrides__applies_on__gte=today, hours_overrides__opens__isnull=False))
    yield from _names(therapists.exclude(pk__in=at_work.values("pk")))


def _form() -> Iterator[Finding]:
    yield _needed(Matter.FORM, Questionnaire.objects.active() is not None)
    yield _needed(Matter.MEDICINES, Medication.objects.exists())
    yield _needed(Matter.KEYS, bool(settings.INTAKE_KEYS))


def _notices() -> Iterator[Finding]:
    unreminded = Location.objects.exclude(pk__in=NoticeRule.objects.values("location"))
    yield _each(Matter.REMINDERS, list(_names(unreminded)), Verdict.LOOK)
    sends = bool(settings.EMAIL_URL) and parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] not in LOCAL
    yield _needed(Matter.MAIL, sends)
    address = urlsplit(settings.SITE_URL)
    yield _needed(Matter.ADDRESS, address.scheme == "https" and address.hostname not in LOCAL)
    yield Finding(Matter.ALARM, Verdict.OK if settings.ALARM_MAIL else Verdict.LOOK)


def _people() -> Iterator[Finding]:
    staff = User.objects.filter(is_staff=True, is_active=True, is_superuser=False)
    yield Finding(Matter.DESK, Verdict.OK if staff.exists() else Verdict.LOOK)


def _needed(matter: Matter, is_there: bool, lacking: Sequence[str] = ()) -> Finding:
    """Missing where there is none at all; to be looked at where some are not complete."""
    if not is_there:
        return Finding(matter, Verdict.MISSING)
    return _each(matter, list(lacking), Verdict.LOOK)


def _each(matter: Matter, lacking: list[str], verdict: Verdict) -> Finding:
    return Finding(matter, verdict if lacking else Verdict.OK, tuple(lacking))


def _names(rows: Iterable[object]) -> tuple[str, ...]:
    return tuple(sorted(map(str, rows)))
