"""``manage.py demo``: a practice to try things out with, loaded once into an empty database."""

from __future__ import annotations

import os
import secrets
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import holidays
from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models import Case, Count, F, Q, When

from booking.engine import slots
from booking.engine.recurrence import Course, Daily, Phase, Weekly
from booking.engine.slots import Offers, Rule, Situation, bits_of
from booking.engine.zones import instant_of
from booking.enums import AppointmentStatus, NotificationKind, NotificationState, Outcome, RuleChannel
from booking.models import Appointment, Note, NoteTemplate, NoteVersion, NoticeRule, Notification, PlannedDate, Reach, Series
from booking.notifications.outbox import enqueue
from booking.notifications.render import written
from booking.queries import availability, minute_of, moment_of, rules, why_not
from booking.services.imports import Imported, import_appointments
from booking.services.notes import NoteText, Point
from booking.services.notices import set_rule
from booking.services.repairs import change_rules, foresee
from booking.services.waitlist import wish
from clients.models import Client, User
from clients.roles import FRONT_DESK, MANAGER
from clients.services.accounts import hand_out, let_see_colleagues
from clients.services.demonstration import link_of, load_demonstration_answers, load_demonstration_course
from therapists.models import (
    BodyArea,
    Closure,
    ConditionPolicy,
    Gender,
    HolidayOpening,
    HoursOverride,
    Location,
    MedicationPolicy,
    Painkiller,
    Pressure,
    Room,
    Stance,
    Therapist,
    TimeOff,
    Treatment,
    WorkingHours,
)

PAST = timedelta(weeks=12)
AHEAD = timedelta(weeks=8)
STAYED_AWAY = timedelta(weeks=9)
SHARE_BOOKED = 0.60
DAY = timedelta(days=1)
MON, TUE, WED, THU, FRI, SAT = range(6)

#: Who treats: name, focus, about, and hours as (weekdays, from, to, every n weeks).
PEOPLE: list[tuple[str, str, str, list[tuple[tuple[int, ...], str, str, int]]]] = [
    (
        "Tess Oduya",
        "Neck, shoulder and jaw",
        "Unhurried and precise. Started out as a climbing coach.",
        [((MON, TUE, WED, THU, FRI), "08:00", "12:30", 1), ((MON, TUE, WED, THU, FRI), "14:00", "17:30", 1)],
    ),
    (
        "Jonas Brandt",
        "Back and hips",
        "Early in the day, often with people who lift for a living.",
        [((MON, TUE, WED, THU), "07:00", "11:00", 1), ((MON, TUE, WED, THU), "12:00", "15:00", 1)],
    ),
    (
        "Mira Haddad",
        "Sport and legs",
        "Late in the day, for runners and for everyone after work.",
        [((TUE, WED, THU, FRI), "12:00", "16:00", 1), ((TUE, WED, THU, FRI), "16:45", "20:00", 1)],
    ),
    (
        "Owen Pryce",
        "Arms and hands",
        "Musicians, makers and desk workers. Every other Saturday.",
        [((MON, WED, FRI), "09:00", "13:00", 1), ((MON, WED, FRI), "14:00", "18:00", 1), ((SAT,), "09:00", "13:00", 2)],
    ),
    (
        "Leila Navarro",
        "Long-standing pain",
        "Part-time, with time to listen.",
        [((TUE, THU), "09:00", "14:00", 1), ((MON,), "13:00", "18:00", 2)],
    ),
]


@dataclass(frozen=True)
class Able:
    """Whom somebody treats: their own fields, and policies as (code, stance, reason)."""

    fields: dict[str, Any]
    medicines: tuple[tuple[str, str, str], ...] = ()
    conditions: tuple[tuple[str, str, str], ...] = ()
    painkillers: tuple[tuple[str, str], ...] = ()


#: In the order of PEOPLE.
ABLE = [
    Able(
        {"gender": Gender.FEMALE, "languages": ["en"]},
        medicines=(("NSAID", Stance.REVIEW, ""), ("ANTIPLATELET", Stance.ACCEPT, "Agreed with the practice's physician in May")),
        painkillers=(("Ibuprofen gel 5 %", "not on broken skin"), ("Paracetamol 500 mg", "")),
    ),
    Able(
        {"gender": Gender.MALE, "languages": ["en", "de"], "least_pressure": Pressure.MEDIUM},
        medicines=(("ANTICOAG", Stance.DECLINE, ""),),
        conditions=(("pregnant", Stance.DECLINE, ""), ("bones", Stance.DECLINE, "")),
        painkillers=(("Ibuprofen gel 5 %", ""),),
    ),
    Able(
        {"gender": Gender.FEMALE, "languages": ["en", "ar", "fr"]},
        conditions=(("injuries", Stance.ACCEPT, "Trained in sports injuries, certificate of 2023"),),
        painkillers=(("Diclofenac gel 1 %", "up to three times a day"),),
    ),
    Able({"gender": Gender.MALE, "languages": ["en"], "gives_daily": False, "daily_firm_minutes": 180}),
    Able(
        {"languages": ["en", "es"], "most_pressure": Pressure.MEDIUM},
        conditions=(("pregnant", Stance.ACCEPT, "Trained for pregnancy, certificate of 2022"),),
    ),
]
ROOMS = ["Room 1", "Room 2", "Room 3", "Room 4"]


@dataclass(frozen=True)
class Offer:
    """A treatment of the price list; lengths in minutes, price in pounds, people and rooms by their place in the lists."""

    name: str
    description: str
    length: int
    preparation: int
    turnaround: int
    step: int
    price: str
    people: tuple[int, ...]
    rooms: tuple[int, ...]
    areas: tuple[BodyArea, ...] = ()


OFFERS = [
    Offer("One area", "Focused pressure on one tight area.", 20, 0, 10, 10, "42", (0, 1, 2, 3, 4), (0, 1, 2, 3)),
    Offer("Two areas", "Two areas that belong together, one after the other.", 30, 0, 10, 10, "58", (0, 1, 2, 3), (0, 1, 2, 3)),
    Offer(
        "Neck and jaw",
        "Gentle work on jaw, neck and the muscles between.",
        40,
        5,
        10,
        15,
        "68",
        (0, 4),
        (0, 1),
        (BodyArea.HEAD, BodyArea.NECK, BodyArea.SHOULDER),
    ),
    Offer(
        "Back and hips",
        "From the shoulder blades to the hips, with stretches to take home.",
        45,
        0,
        15,
        15,
        "76",
        (1, 4),
        (1, 2, 3),
        (BodyArea.BACK_UPPER, BodyArea.BACK_LOWER, BodyArea.BUTTOCK_HIP),
    ),
    Offer(
        "Legs and feet",
        "For runners, walkers and those who stand all day.",
        45,
        0,
        15,
        15,
        "74",
        (2, 3),
        (2, 3),
        (BodyArea.THIGH, BodyArea.KNEE, BodyArea.LOWER_LEG, BodyArea.FOOT),
    ),
    Offer("With massage", "Trigger points first, then a massage of the whole region.", 60, 5, 10, 15, "96", (0, 1, 2), (0, 1, 2)),
]

FIRST_NAMES = [
    "Alex",
    "Amara",
    "Bea",
    "Cora",
    "Dev",
    "Elin",
    "Farid",
    "Greta",
    "Hugo",
    "Ines",
    "Kofi",
    "Lotte",
    "Marek",
    "Nadia",
    "Otis",
    "Priya",
    "Quinn",
    "Rosa",
    "Samuel",
    "Yuki",
]
LAST_NAMES = ["Bellamy", "Castellan", "Duarte", "Farrow", "Holloway", "Marchetti"]
DEMO_CLIENT = "Robin Ashdown"

#: What the invented notes say.
NOTES = (
    NoteText(
        "Less sore since last week, slept through two nights. Still wakes when lying on the right.",
        "Upper trapezius right tight, one point that refers to the temple. Levator free.",
        "Answers well to slow holds. Long hours at the desk are the likely cause.",
        "Same again in a week. Levator left next time.",
        (Point("SHOULDER_TOP_R", 5, "three holds of 60 s"), Point("NECK_BACK_R", 3)),
        6,
        3,
    ),
    NoteText(
        "Back stiff in the morning, fine after walking.",
        "Tender beside the low spine on both sides, left more than right.",
        "Muscular, nothing new.",
        "Hip next time. Asked for the window open.",
        (Point("BACK_LOW_SIDE_L", 6, "slow strokes"), Point("BACK_LOW_SIDE_R", 5)),
        5,
        4,
    ),
    NoteText(
        "Ran ten kilometres on Sunday, calves tight since.",
        "Two points in the left calf, none in the right.",
        "Load, not injury.",
        "Easy runs only until the next session.",
        (Point("CALF_L", 5, "with movement of the ankle"),),
        4,
        2,
    ),
    NoteText(
        "Nothing new.", "Jaw opens freely. A little tender left.", "Settling.", "Pause of two weeks.", (Point("JAW_L", 2),), 2, 1
    ),
)


class Command(BaseCommand):
    help = "Loads a demonstration practice into an empty database and prints who can sign in."

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            if Location.objects.exists() or User.objects.exists() or Client.objects.exists():
                raise CommandError("This database is not empty, so the demonstration practice was not loaded.")
            call_command("load_intake")
            sign_ins = load(datetime.now(UTC))
            write_private(settings.VAR / "demo-sign-ins.txt", sign_ins)
        self.stdout.write(sign_ins)


def load(now: datetime) -> str:
    """Write the whole practice and say who can sign in. The same day gives the same practice, passwords aside."""
    location = Location.objects.create(
        name="Linden Street Practice",
        zone="Europe/London",
        country="GB",
        subdivision="ENG",
        address="14 Linden Street, London",
        directions="Second floor. The lift is on the left behind the door.",
        phone="020 7946 0010",
        email="desk@example.org",
        currency="GBP",
    )
    today = now.astimezone(location.tz).date()
    random = Random(today.toordinal())
    therapists = [_therapist(location, today, able, *facts) for able, facts in zip(ABLE, PEOPLE, strict=True)]
    rooms = [Room.objects.create(location=location, name=name) for name in ROOMS]
    treatments = [_treatment(location, place, offer, therapists, rooms) for place, offer in enumerate(OFFERS)]
    _exceptions(location, therapists, today)
    clients = _clients(now)
    sign_ins = _users(therapists, clients[0])
    load_demonstration_answers(clients[1:], by=User.objects.get(email="desk@example.org"), now=now)

    diary = Diary(now, today, random, therapists, treatments, clients)
    diary.plan_series()
    diary.fill()
    import_appointments(diary.rows, now=now)
    diary.record_series()
    _notice_rules(location, now)
    _wishes(now, today, clients, therapists, treatments)
    sign_ins += _returning_client(clients[4:], now)
    _notes(therapists, today)
    _break_something(therapists[2], now)
    _notices(now)
    return sign_ins


@dataclass
class Diary:
    """Places sessions in memory, never two in one place, only where the engine offers a start."""

    now: datetime
    today: date
    random: Random
    therapists: list[Therapist]
    treatments: list[Treatment]
    clients: list[Client]
    rows: list[Imported] = field(default_factory=list)
    planned: list[PlannedDate] = field(default_factory=list)
    # wall minutes taken on a date, by therapist, room or client
    taken: defaultdict[tuple[UUID, date], int] = field(default_factory=lambda: defaultdict(int))

    def __post_init__(self) -> None:
        self.first, self.last = self.today - PAST, self.today + AHEAD
        self.since = moment_of(instant_of(self.zone, self.first, 0) or 0)
        self.offers = {
            treatment: availability(treatment.pk, first=self.first, last=self.last, now=self.since, overriding=True)
            for treatment in self.treatments
        }
        self.doing = {
            therapist: [treatment for treatment in self.treatments if therapist in treatment.therapists.all()]
            for therapist in self.therapists
        }
        self.rooms = {treatment: [room.pk for room in treatment.rooms.all()] for treatment in self.treatments}
        self.open = self._open()

    @property
    def zone(self) -> str:
        return self.treatments[0].location.zone

    def _open(self) -> Offers:
        """Every minute in which somebody could be treated, as if a session were a minute long."""
        known = rules(self.since)
        minute = slots.Treatment(length=1, step=1)
        situation = Situation(known.practices[self.treatments[0].location_id], minute, minute_of(self.since))
        return slots.offers(situation, known.therapists, self.first, self.last)

    def plan_series(self) -> None:
        """Weekly and daily courses, some under way; the first is the demonstration client's, and all ahead."""
        one_area, two_areas = self.treatments[:2]
        tess = self.therapists[0]
        ahead = self.today + DAY * (8 - self.today.weekday())
        self._series(self.clients[0], two_areas, tess, Phase(Weekly((TUE,)), count=6), ahead, 10 * 60)
        for number, client in enumerate(self.clients[1:31]):
            therapist = self.therapists[number % len(self.therapists)]
            treatment = self.random.choice(self.doing[therapist])
            starts_on = self.today + DAY * self.random.randrange(-70, 7)
            day = next(starts_on + DAY * n for n in range(60) if self.offers[treatment].on(therapist.pk, starts_on + DAY * n))
            minute = self.random.choice(list(bits_of(self.offers[treatment].on(therapist.pk, day))))
            if number % 6 == 5 and day.weekday() < FRI:
                rhythm: Weekly | Daily = Daily((MON, TUE, WED, THU, FRI))
                self._series(client, one_area, tess, Phase(rhythm, count=5), day, 8 * 60 + 10 * (number // 6))
            else:
                rhythm = Weekly((day.weekday(),), 2 if number % 4 == 3 else 1)
                count = 4 if number % 4 == 3 else 7
                self._series(client, treatment, therapist, Phase(rhythm, count=count), day, minute)

    def _series(
        self, client: Client, treatment: Treatment, therapist: Therapist, phase: Phase, starts_on: date, minute: int
    ) -> None:
        course = Course(starts_on, (phase,), (minute,), (therapist.pk,))
        made = max(self.since, min(self.now, datetime.combine(starts_on, time(8), UTC)) - timedelta(days=5))
        series = Series.objects.create(client=client, treatment=treatment, course=course.as_json(), created_at=made)
        dates = [wish.on for wish in course.wishes]
        why = why_not(treatment.pk, [(therapist.pk, on, minute) for on in dates], now=made)
        for position, (on, reasons) in enumerate(zip(dates, why, strict=True), start=1):
            placed = not reasons and self.place(client, therapist, treatment, on, minute, series, position)
            reason = reasons[0] if reasons else slots.Why(Rule.TAKEN)
            self.planned.append(
                PlannedDate(
                    series=series,
                    position=position,
                    wished_date=on,
                    wished_time=time(minute // 60, minute % 60),
                    wished_therapist=therapist,
                    outcome=Outcome.KEPT if placed else Outcome.NOT_POSSIBLE,
                    reason={} if placed else {"rule": reason.rule.value, "detail": reason.detail},
                )
            )

    def record_series(self) -> None:
        """Write the planned dates, each with the session it became."""
        kept = {(made.series_id, made.position): made for series in self._all_series() for made in series.appointments.all()}
        for date_planned in self.planned:
            date_planned.appointment = kept.get((date_planned.series_id, date_planned.position))
        PlannedDate.objects.bulk_create(self.planned)

    def _all_series(self) -> list[Series]:
        return list(Series.objects.prefetch_related("appointments"))

    def fill(self) -> None:
        """Single sessions, day by day, until the wished share of each therapist's time is taken."""
        for therapist in self.therapists:
            owed = 0.0
            for n in range((self.last - self.first).days + 1):
                day = self.first + DAY * n
                wall = self.open.on(therapist.pk, day)
                owed += SHARE_BOOKED * wall.bit_count() - (self.taken[therapist.pk, day] & wall).bit_count()
                starts = [
                    (treatment, minute)
                    for treatment in self.doing[therapist]
                    for minute in bits_of(self.offers[treatment].on(therapist.pk, day))
                ]
                self.random.shuffle(starts)
                for treatment, minute in starts:
                    blocked = (treatment.preparation + treatment.length + treatment.turnaround) // timedelta(minutes=1)
                    if owed < blocked / 2:
                        continue
                    if self.place(self._whoever_comes(day), therapist, treatment, day, minute):
                        owed -= blocked

    def _whoever_comes(self, day: date) -> Client:
        """Anybody but the first client; the last ones have not been here lately."""
        is_lately = day > self.today - STAYED_AWAY
        return self.random.choice(self.clients[1:-4] if is_lately else self.clients[1:])

    def place(
        self,
        client: Client,
        therapist: Therapist,
        treatment: Treatment,
        day: date,
        minute: int,
        series: Series | None = None,
        position: int | None = None,
    ) -> bool:
        """Note the session if the engine offers it and therapist, a room and the client are still free."""
        before = treatment.preparation // timedelta(minutes=1)
        after = treatment.turnaround // timedelta(minutes=1)
        session = ((1 << treatment.minutes) - 1) << minute
        footprint = ((1 << (before + treatment.minutes + after)) - 1) << (minute - before)
        room = next((room for room in self.rooms[treatment] if not self.taken[room, day] & footprint), None)
        if (
            room is None
            or not self.offers[treatment].on(therapist.pk, day) >> minute & 1
            or self.taken[therapist.pk, day] & footprint
            or self.taken[client.pk, day] & session
        ):
            return False
        self.taken[therapist.pk, day] |= footprint
        self.taken[room, day] |= footprint
        self.taken[client.pk, day] |= session
        status = self._status(treatment, day, minute)
        self.rows.append(Imported(client, therapist.pk, treatment, room, day, minute, status, series, position))
        return True

    def _status(self, treatment: Treatment, day: date, minute: int) -> AppointmentStatus:
        starts_at = moment_of(instant_of(self.zone, day, minute) or 0)
        if starts_at + treatment.length <= self.now:
            return AppointmentStatus.NO_SHOW if self.random.random() < 0.05 else AppointmentStatus.DONE
        if starts_at <= self.now:
            return AppointmentStatus.IN_SESSION
        soon = starts_at < self.now + timedelta(days=3)
        return AppointmentStatus.CONFIRMED if soon and self.random.random() < 0.7 else AppointmentStatus.BOOKED


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, in place of one that is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _therapist(
    location: Location,
    today: date,
    able: Able,
    name: str,
    focus: str,
    about: str,
    hours: list[tuple[tuple[int, ...], str, str, int]],
) -> Therapist:
    therapist = Therapist.objects.create(location=location, name=name, focus=focus, about=about, **able.fields)
    MedicationPolicy.objects.bulk_create(
        MedicationPolicy(therapist=therapist, medication_class=code, stance=stance, reason=reason)
        for code, stance, reason in able.medicines
    )
    ConditionPolicy.objects.bulk_create(
        ConditionPolicy(therapist=therapist, condition=code, stance=stance, reason=reason)
        for code, stance, reason in able.conditions
    )
    Painkiller.objects.bulk_create(Painkiller(therapist=therapist, name=name, note=note) for name, note in able.painkillers)
    WorkingHours.objects.bulk_create(
        WorkingHours(
            therapist=therapist,
            weekday=weekday,
            opens=time.fromisoformat(opens),
            closes=time.fromisoformat(closes),
            valid_from=today - timedelta(weeks=52),
            every_weeks=every_weeks,
        )
        for weekdays, opens, closes, every_weeks in hours
        for weekday in weekdays
    )
    return therapist


def _treatment(location: Location, place: int, offer: Offer, therapists: list[Therapist], rooms: list[Room]) -> Treatment:
    treatment = Treatment.objects.create(
        location=location,
        name=offer.name,
        description=offer.description,
        length=timedelta(minutes=offer.length),
        firm_minutes=min(offer.length * 2 // 3, 25),
        preparation=timedelta(minutes=offer.preparation),
        turnaround=timedelta(minutes=offer.turnaround),
        step=timedelta(minutes=offer.step),
        price=Decimal(offer.price),
        areas=list(offer.areas),
        order=place,
    )
    treatment.therapists.set([therapists[index] for index in offer.people])
    treatment.rooms.set([rooms[index] for index in offer.rooms])
    return treatment


def _exceptions(location: Location, therapists: list[Therapist], today: date) -> None:
    """Leave, training, illness, a day with other hours, a closure, and a public holiday on which the practice works."""
    tess, jonas, mira, owen, _leila = therapists
    monday = today - DAY * today.weekday()

    def at(weeks: int, days: int, hour: int = 0) -> datetime:
        return datetime.combine(monday + timedelta(weeks=weeks, days=days), time(hour), location.tz)

    TimeOff.objects.create(therapist=tess, kind=TimeOff.Kind.LEAVE, starts_at=at(5, 0), ends_at=at(6, 0))
    TimeOff.objects.create(therapist=jonas, kind=TimeOff.Kind.TRAINING, starts_at=at(2, WED, 11), ends_at=at(2, WED, 16))
    TimeOff.objects.create(therapist=mira, kind=TimeOff.Kind.ILLNESS, starts_at=at(-3, TUE), ends_at=at(-3, FRI))
    HoursOverride.objects.create(therapist=owen, applies_on=at(3, FRI).date(), opens=time(11), closes=time(19))
    Closure.objects.create(location=location, name="Practice break", starts_at=at(7, THU), ends_at=at(8, 0))
    public = holidays.country_holidays(location.country, subdiv=location.subdivision, years=[today.year, today.year + 1])
    opening = min(day for day in public if day > today and day.month in (5, 8))
    HolidayOpening.objects.create(location=location, opens_on=opening)


def _notice_rules(location: Location, now: datetime) -> None:
    """What the practice sends by itself; in use from now on, so that nothing is sent about what was."""
    kind, day = NotificationKind, timedelta(days=1)
    rules = [
        (kind.REMINDER, 3 * day, RuleChannel.PREFERRED),
        (kind.REMINDER, day, RuleChannel.PREFERRED),
        (kind.FORM, 2 * day, RuleChannel.PREFERRED),
        (kind.FORM, day, RuleChannel.OTHER),
        (kind.FOLLOW_UP, day, RuleChannel.PREFERRED),
        (kind.SERIES_ENDING, 7 * day, RuleChannel.PREFERRED),
    ]
    for of, lead, channel in rules:
        set_rule(NoticeRule(location=location, kind=of, lead=lead, channel=channel), now=now)


def _notices(now: datetime) -> None:
    """Confirmations in each state one can end in, and one that still waits, so that the desk has something to see."""
    state = NotificationState
    became: list[tuple[NotificationState, dict[str, Any]]] = [
        (state.QUEUED, {"due_at": now + DAY}),
        (state.SENT, {"attempts": 1, "answer": "250 2.0.0 Ok: queued as 4TzR1c0x"}),
        (state.SENT, {"attempts": 2, "answer": "250 2.0.0 Ok: queued as 4TzR2f7k", "doubts": 1}),
        (state.FAILED, {"attempts": 1, "last_error": "550 5.1.1 No such user here"}),
        (state.DROPPED, {}),
        (state.MISSED, {}),
        (state.UNSURE, {"attempts": 1, "doubts": 1, "last_error": "SMTPServerDisconnected: Connection unexpectedly closed"}),
    ]
    sessions = Appointment.objects.upcoming(now + DAY * 5).select_related("client")[: len(became)]
    for hours, (session, (ended, facts)) in enumerate(zip(sessions, became, strict=False), start=1):
        assert session.client is not None
        at = now - timedelta(hours=hours)
        notice = enqueue(NotificationKind.CONFIRMATION, client=session.client, appointment=session, now=at)
        assert notice is not None
        if ended == state.SENT and (message := written(notice, at)):
            facts |= {"sent_at": at, "subject": message.subject, "body": message.kept}
        if ended == state.FAILED:
            Reach.objects.note_bounce(session.client.pk, notice.recipient, at)
        Notification.objects.filter(pk=notice.pk).update(state=ended, **facts)


def _break_something(therapist: Therapist, now: datetime) -> None:
    """A training over one session of next week, so that the desk has somebody to hear from."""
    session = Appointment.objects.upcoming(now + DAY * 7).filter(therapist=therapist).first()
    if session is None:
        return

    def train() -> TimeOff:
        return TimeOff.objects.create(
            therapist=therapist, kind=TimeOff.Kind.TRAINING, starts_at=session.starts_at, ends_at=session.ends_at
        )

    agreed = foresee(train, now=now).signature
    change_rules(train, cause=lambda: f"{therapist}: {TimeOff.Kind.TRAINING.label}", by=None, now=now, agreed=agreed)


def _clients(now: datetime) -> list[Client]:
    """The demonstration client, then the invented ones; phone numbers from the range that is never given out."""
    names = [DEMO_CLIENT, *(f"{first} {last}" for first in FIRST_NAMES for last in LAST_NAMES)]
    return Client.objects.bulk_create(
        Client(
            name=name,
            email=f"{name.lower().replace(' ', '.')}@example.org",
            phone=f"+447700900{number:03}",
            created_at=now - PAST,
        )
        for number, name in enumerate(names)
    )


def _wishes(now: datetime, today: date, clients: list[Client], therapists: list[Therapist], treatments: list[Treatment]) -> None:
    """Who waits, and for what; the demonstration client for an earlier time than that of their first session."""
    tess, jonas, mira, *_others = therapists
    one_area, two_areas = treatments[:2]

    def waits(client: Client, treatment: Treatment, days_ago: int, **wanted: Any) -> None:
        days = {"earliest_on": today, "latest_on": today + timedelta(weeks=3)}
        wish(client=client, treatment=treatment, by=None, now=now - DAY * days_ago, **days | wanted)

    first = Appointment.objects.upcoming(now).filter(client=clients[0]).select_related("treatment__location").first()
    if first is not None:
        waits(clients[0], first.treatment, 1, latest_on=first.local_date, instead_of=first)
    waits(clients[40], two_areas, 6, therapists=[tess])
    waits(clients[41], one_area, 4, weekdays=[MON, THU], starts_until=time(12))
    waits(clients[42], two_areas, 3, therapists=[tess, jonas], starts_from=time(12), starts_until=time(17))
    waits(clients[43], one_area, 2, therapists=[mira], weekdays=[FRI], starts_from=time(17))


def _returning_client(clients: list[Client], now: datetime) -> str:
    """Somebody with sessions behind them and the next one soon, who answered all along; the line that says how they sign in."""
    behind = Q(client__appointments__status=AppointmentStatus.DONE) & ~Q(client__appointments__local_date=F("local_date"))
    ahead = Appointment.objects.upcoming(now).filter(client__in=clients).annotate(done=Count("client__appointments", behind))
    chosen = ahead.filter(done__gte=3).order_by(Case(When(done__lte=5, then=0), default=1), "starts_at").first()
    if chosen is None or chosen.client is None:
        return ""
    client = chosen.client
    client.user = User.objects.create_user(client.email, name=client.name)
    client.save(update_fields=["user"])
    EmailAddress.objects.create(user=client.user, email=client.email, verified=True, primary=True)
    done = Appointment.objects.filter(client=client, status=AppointmentStatus.DONE).order_by("starts_at")
    load_demonstration_course(client, [each.local_start for each in done.exclude(local_date=chosen.local_date)], by=client.user)
    return f"  {'client':<11} {client.email:<32} (by a code)       {link_of(client.user)}  has been here before\n"


def _notes(therapists: list[Therapist], today: date) -> None:
    """Everybody finished their notes up to yesterday evening; invented ones, in turn. Tess has a template."""
    done = Appointment.objects.filter(status=AppointmentStatus.DONE, local_date__lt=today).select_related("therapist__user")
    lock_after = timedelta(hours=settings.NOTES_LOCK_HOURS)
    notes, versions = [], []
    for place, session in enumerate(done.order_by("starts_at")):
        by, at = session.therapist.user, session.ends_at + timedelta(minutes=6)
        assert by is not None
        signature = {"signed_at": at, "signed_by": by, "signed_name": by.name, "locks_at": at + lock_after}
        note = Note(appointment=session, started_at=session.starts_at, **signature)
        content = asdict(NOTES[place % len(NOTES)])
        notes.append(note)
        versions.append(NoteVersion(note=note, number=1, content=content, writer=uuid4(), saved_at=at, by=by, by_name=by.name))
    Note.objects.bulk_create(notes)
    NoteVersion.objects.bulk_create(versions)
    NoteTemplate.objects.create(
        therapist=therapists[0],
        name="Neck, first session",
        objective="Turning left and right: \nPoints found: ",
        plan="Warmth in the evening, short walks. Again in a week.",
    )


def _users(therapists: list[Therapist], client: Client) -> str:
    """Make everyone who signs in; the text that says how."""
    lines = ["Sign-ins of the demonstration practice; the links work on this machine only:"]

    def make(role: str, email: str, name: str, **fields: Any) -> User:
        password = secrets.token_urlsafe(12)
        user = User.objects.create_user(email, password, name=name, **fields)
        lines.append(f"  {role:<11} {email:<32} {password:<17} {link_of(user)}")
        return user

    make("superuser", "owner@example.org", "Iris Linden", is_staff=True, is_superuser=True)
    hand_out(make("manager", "manager@example.org", "Nora Whitlock"), MANAGER)
    hand_out(make("front desk", "desk@example.org", "Finn Delaney"), FRONT_DESK)
    for therapist in therapists:
        first_name = therapist.first_name.lower()
        therapist.user = make("therapist", f"{first_name}@example.org", therapist.name)
        let_see_colleagues(therapist.user, True)
        therapist.save(update_fields=["user"])
    client.user = User.objects.create_user(client.email, name=client.name)
    client.save(update_fields=["user"])
    lines.append(f"  {'client':<11} {client.email:<32} (by a code)       {link_of(client.user)}")
    EmailAddress.objects.bulk_create(
        EmailAddress(user=user, email=user.email, verified=True, primary=True) for user in User.objects.all()
    )
    return "\n".join(lines) + "\n"
