"""What hangs on a row of the set-up, kind by kind: what stands in the way of deleting it, and what goes or changes with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model, Q, QuerySet
from django.utils.translation import ngettext_lazy

from booking.enums import UNSETTLED, AppointmentStatus, WishState
from booking.ical import GONE
from booking.models import (
    Appointment,
    Decision,
    Feed,
    FreedTime,
    Hold,
    NoteTemplate,
    NoticeRule,
    NoticeText,
    Notification,
    Offer,
    PlannedDate,
    Repair,
    Replacement,
    Series,
    StaffMail,
    WaitlistEntry,
)
from clients.models import (
    Answer,
    BodyRegion,
    FlagRule,
    Medication,
    MedicationClass,
    Question,
    Questionnaire,
    QuestionType,
    Response,
    Section,
)
from clients.triage import UNKNOWN
from therapists.models import (
    Closure,
    ConditionPolicy,
    HolidayOpening,
    HoursOverride,
    Location,
    MedicationPolicy,
    Painkiller,
    Photo,
    Room,
    Therapist,
    TimeOff,
    Treatment,
    WorkingHours,
)

REAL = tuple(state for state in AppointmentStatus if state != AppointmentStatus.HELD)
AHEAD = tuple(state for state in REAL if state not in GONE)

#: As a mapping it is also the query of the list of these rows; as a Q there is no such list.
Lookups = Mapping[str, Any] | Q
Which = Callable[[Sequence[Any], datetime], Lookups]


@dataclass(frozen=True)
class Dependent:
    """Rows of one kind that hang on rows of another: how many in words, and which."""

    model: type[Model]
    said: Any
    which: Which
    # whether nothing is deleted while there are any; otherwise they go with it, or are told that they change
    stops: bool = True
    # leads from such a row to what it hangs on
    owner: str = ""
    order: tuple[str, ...] = ()


# ---- which ------------------------------------------------------------------------------------------------------------------


def _keys(rows: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(row.pk for row in rows)


def _by(path: str, **more: Any) -> Which:
    return lambda rows, now: {f"{path}__in": _keys(rows), **more}


def _each(of: Callable[[Any, datetime], Mapping[str, Any]]) -> Which:
    """Of every row what ``of`` says; a list can show that of a single one."""

    def which(rows: Sequence[Any], now: datetime) -> Lookups:
        asked = [of(row, now) for row in rows]
        if len(asked) == 1:
            return asked[0]
        any_of = Q(pk__in=[])
        for each in asked:
            any_of |= Q(**each)
        return any_of

    return which


def _hangs(model: type[Model], path: str, said: Any, *, stops: bool = True, **more: Any) -> Dependent:
    return Dependent(model, said, _by(path, **more), stops, path)


def _goes(model: type[Model], path: str, said: Any, **more: Any) -> Dependent:
    return _hangs(model, path, said, stops=False, **more)


def _sessions(path: str) -> tuple[Dependent, ...]:
    """Sessions by how they stand; none is ever deleted with what it was booked with."""

    def ahead(rows: Sequence[Any], now: datetime) -> Lookups:
        return {f"{path}__in": _keys(rows), "status__in": AHEAD, "starts_at__gt": now}

    def called_off(rows: Sequence[Any], now: datetime) -> Lookups:
        return {f"{path}__in": _keys(rows), "status__in": GONE, "starts_at__gt": now}

    def over(rows: Sequence[Any], now: datetime) -> Lookups:
        return {f"{path}__in": _keys(rows), "status__in": REAL, "starts_at__lte": now}

    held = _by(path, status__in=(AppointmentStatus.HELD,))
    return (
        Dependent(Appointment, TO_COME, ahead, owner=path, order=("starts_at",)),
        Dependent(Appointment, HELD, held, owner=path, order=("starts_at",)),
        Dependent(Appointment, CALLED_OFF, called_off, owner=path, order=("starts_at",)),
        Dependent(Appointment, OVER, over, owner=path, order=("-starts_at",)),
    )


def _in_hours(hours: WorkingHours, now: datetime) -> Mapping[str, Any]:
    until = {"local_date__lte": hours.valid_until} if hours.valid_until else {}
    closes = {"local_time__lt": hours.closes} if hours.closes > hours.opens else {}
    return {
        "therapist": hours.therapist_id,
        "status__in": AHEAD,
        "starts_at__gt": now,
        "local_date__iso_week_day": hours.weekday + 1,
        "local_date__gte": hours.valid_from,
        "local_time__gte": hours.opens,
        **until,
        **closes,
    }


def _on_that_date(hours: HoursOverride, now: datetime) -> Mapping[str, Any]:
    return {"therapist": hours.therapist_id, "status__in": AHEAD, "starts_at__gt": now, "local_date": hours.applies_on}


def _on_the_holiday(opening: HolidayOpening, now: datetime) -> Mapping[str, Any]:
    here = {"treatment__location": opening.location_id, "local_date": opening.opens_on}
    return {"status__in": AHEAD, "starts_at__gt": now, **here}


def _reminded(rule: NoticeRule, now: datetime) -> Mapping[str, Any]:
    """What the rule is about; nothing while it is not in use."""
    return {"treatment__location": rule.location_id, "status__in": AHEAD if rule.is_on else (), "starts_at__gt": now}


def _asked_about_leave(away: TimeOff, now: datetime) -> Mapping[str, Any]:
    return _asked_within(away, "therapist", away.therapist_id)


def _asked_about_closure(closure: Closure, now: datetime) -> Mapping[str, Any]:
    return _asked_within(closure, "treatment__location", closure.location_id)


def _asked_within(span: TimeOff | Closure, path: str, key: Any) -> Mapping[str, Any]:
    session = "replacements__appointment"
    return {
        "state__in": UNSETTLED,
        f"{session}__{path}": key,
        f"{session}__starts_at__lt": span.ends_at,
        f"{session}__ends_at__gt": span.starts_at,
    }


def _with_no_other_room(rows: Sequence[Any], now: datetime) -> Lookups:
    """Without any room a treatment would need none, and be offered side by side."""
    return Q(rooms__in=rows) & ~Q(pk__in=_have_other_rooms(rows))


def _with_other_rooms(rows: Sequence[Any], now: datetime) -> Lookups:
    return Q(rooms__in=rows) & Q(pk__in=_have_other_rooms(rows))


def _have_other_rooms(rows: Sequence[Any]) -> QuerySet[Any, Any]:
    return Treatment.rooms.through._default_manager.exclude(room__in=rows).values("treatment")


def _asked_after(rows: Sequence[Any], now: datetime) -> Lookups:
    """Questions that are shown, or list, by what was answered to one of these."""
    return _leaning_on(rows, Q(pk__in=_keys(rows)))


def _asked_after_section(rows: Sequence[Any], now: datetime) -> Lookups:
    within = Q(section__in=rows)
    return _leaning_on(Question.objects.filter(within).select_related("section"), within)


def _leaning_on(questions: Sequence[Question] | QuerySet[Question], themselves: Q) -> Q:
    leaning = Q(pk__in=[])
    for each in questions:
        named = Q(show_if__question=each.code) | Q(copies_from=each.code)
        leaning |= named & Q(section__questionnaire=each.section.questionnaire_id)
    return leaning & ~themselves


def _of_these_classes(rows: Sequence[Any], now: datetime) -> Lookups:
    return Q(class_codes__overlap=[row.code for row in rows])


def _rules_about(rows: Sequence[Any], now: datetime) -> Lookups:
    named = Q(pk__in=[])
    for each in rows:
        named |= Q(when__op="medication_class_all", when__value__contains=[each.code])
    return named


def _asking_for_medicines(rows: Sequence[Any], now: datetime) -> Lookups:
    """What is not in the list counts as one class, which must be there."""
    is_there = any(each.code == UNKNOWN for each in rows)
    return Q(type=QuestionType.MEDICATION_LIST) if is_there else Q(pk__in=[])


def _any_form(rows: Sequence[Any], now: datetime) -> Lookups:
    """Answers are sealed: nobody can look through them for one that names this."""
    return {"submitted_at__isnull": False}


def _parts_of_areas(rows: Sequence[Any], now: datetime) -> Lookups:
    return Q(area__in=[row.code for row in rows]) & ~Q(pk__in=_keys(rows))


def _by_codes(path: str) -> Which:
    return lambda rows, now: {f"{path}__in": tuple(row.code for row in rows)}


# ---- the kinds --------------------------------------------------------------------------------------------------------------

TO_COME = ngettext_lazy("%(n)d session to come", "%(n)d sessions to come", "n")
HELD = ngettext_lazy("%(n)d time held while somebody decides", "%(n)d times held while somebody decides", "n")
CALLED_OFF = ngettext_lazy("%(n)d cancelled session", "%(n)d cancelled sessions", "n")
OVER = ngettext_lazy("%(n)d session that was, in the history", "%(n)d sessions that were, in the history", "n")
TOLD = ngettext_lazy("%(n)d message to them, in the record", "%(n)d messages to them, in the record", "n")
PARTS = ngettext_lazy("%(n)d question, with its rules", "%(n)d questions, with their rules", "n")
LEANING = ngettext_lazy(
    "%(n)d other question is asked by what is answered here", "%(n)d other questions are asked by what is answered here", "n"
)
MAY_BE_ASKED = ngettext_lazy(
    "%(n)d session to come lies there; if it cannot stand, you are shown it before anything is saved",
    "%(n)d sessions to come lie there; those that cannot stand are shown to you before anything is saved",
    "n",
)
STILL_ASKED = ngettext_lazy(
    "%(n)d client was offered another time because of it, and can still take it",
    "%(n)d clients were offered other times because of it, and can still take them",
    "n",
)

DEPENDENTS: dict[type[Model], tuple[Dependent, ...]] = {
    Location: (
        _hangs(Room, "location", ngettext_lazy("%(n)d room", "%(n)d rooms", "n")),
        _hangs(Therapist, "location", ngettext_lazy("%(n)d therapist", "%(n)d therapists", "n")),
        _hangs(Treatment, "location", ngettext_lazy("%(n)d treatment", "%(n)d treatments", "n")),
        _hangs(Notification, "practice", TOLD),
        _goes(Closure, "location", ngettext_lazy("%(n)d closure", "%(n)d closures", "n")),
        _goes(HolidayOpening, "location", ngettext_lazy("%(n)d open public holiday", "%(n)d open public holidays", "n")),
        _goes(NoticeRule, "location", ngettext_lazy("%(n)d rule for messages", "%(n)d rules for messages", "n")),
        _goes(NoticeText, "location", ngettext_lazy("%(n)d message in your words", "%(n)d messages in your words", "n")),
        _goes(
            StaffMail,
            "location",
            ngettext_lazy("%(n)d choice about your own mail", "%(n)d choices about your own mail", "n"),
        ),
    ),
    Room: (
        *_sessions("room"),
        Dependent(
            Treatment,
            ngettext_lazy(
                "%(n)d treatment has no other room; without one it would be offered as if it needed none",
                "%(n)d treatments have no other room; without one they would be offered as if they needed none",
                "n",
            ),
            _with_no_other_room,
            owner="rooms",
        ),
        Dependent(
            Treatment,
            ngettext_lazy("%(n)d treatment keeps its other rooms", "%(n)d treatments keep their other rooms", "n"),
            _with_other_rooms,
            stops=False,
            owner="rooms",
        ),
    ),
    Therapist: (
        *_sessions("therapist"),
        _hangs(
            WaitlistEntry,
            "therapists",
            ngettext_lazy(
                "%(n)d wish on the waiting list is for them; without them it would be for anyone",
                "%(n)d wishes on the waiting list are for them; without them they would be for anyone",
                "n",
            ),
            state__in=(WishState.WAITING,),
        ),
        _hangs(PlannedDate, "wished_therapist", ngettext_lazy("%(n)d date of a series", "%(n)d dates of series", "n")),
        _hangs(Offer, "therapist", ngettext_lazy("%(n)d offer of a free time", "%(n)d offers of a free time", "n")),
        _hangs(Replacement, "therapist", ngettext_lazy("%(n)d proposed replacement", "%(n)d proposed replacements", "n")),
        _hangs(Notification, "therapist", TOLD),
        _hangs(Decision, "therapist", ngettext_lazy("%(n)d decision about a client", "%(n)d decisions about clients", "n")),
        _goes(Treatment, "therapists", ngettext_lazy("%(n)d treatment loses them", "%(n)d treatments lose them", "n")),
        _goes(WorkingHours, "therapist", ngettext_lazy("%(n)d row of weekly hours", "%(n)d rows of weekly hours", "n")),
        _goes(HoursOverride, "therapist", ngettext_lazy("hours of %(n)d single date", "hours of %(n)d single dates", "n")),
        _goes(TimeOff, "therapist", ngettext_lazy("%(n)d time off", "%(n)d times off", "n")),
        _goes(MedicationPolicy, "therapist", ngettext_lazy("%(n)d policy on medicines", "%(n)d policies on medicines", "n")),
        _goes(ConditionPolicy, "therapist", ngettext_lazy("%(n)d policy on a condition", "%(n)d policies on conditions", "n")),
        _goes(Painkiller, "therapist", ngettext_lazy("%(n)d approved painkiller", "%(n)d approved painkillers", "n")),
        _goes(Photo, "therapist", ngettext_lazy("%(n)d photo", "%(n)d photos", "n")),
        _goes(Feed, "therapist", ngettext_lazy("%(n)d calendar feed, which stops", "%(n)d calendar feeds, which stop", "n")),
        _goes(NoteTemplate, "therapist", ngettext_lazy("%(n)d template for notes", "%(n)d templates for notes", "n")),
        _goes(FreedTime, "therapist", ngettext_lazy("%(n)d time that became free", "%(n)d times that became free", "n")),
    ),
    Treatment: (
        *_sessions("treatment"),
        _hangs(Series, "treatment", ngettext_lazy("%(n)d series", "%(n)d series", "n")),
        _hangs(Hold, "treatment", ngettext_lazy("%(n)d hold, live or over", "%(n)d holds, live or over", "n")),
        _hangs(
            WaitlistEntry,
            "treatment",
            ngettext_lazy("%(n)d wish on the waiting list", "%(n)d wishes on the waiting list", "n"),
        ),
        _hangs(Offer, "treatment", ngettext_lazy("%(n)d offer of a free time", "%(n)d offers of a free time", "n")),
    ),
    WorkingHours: (Dependent(Appointment, MAY_BE_ASKED, _each(_in_hours), stops=False, order=("starts_at",)),),
    HoursOverride: (Dependent(Appointment, MAY_BE_ASKED, _each(_on_that_date), stops=False, order=("starts_at",)),),
    TimeOff: (Dependent(Repair, STILL_ASKED, _each(_asked_about_leave), stops=False),),
    Closure: (Dependent(Repair, STILL_ASKED, _each(_asked_about_closure), stops=False),),
    HolidayOpening: (Dependent(Appointment, MAY_BE_ASKED, _each(_on_the_holiday), stops=False, order=("starts_at",)),),
    NoticeRule: (
        Dependent(
            Appointment,
            ngettext_lazy(
                "%(n)d session to come is no longer told of by it", "%(n)d sessions to come are no longer told of by it", "n"
            ),
            _each(_reminded),
            stops=False,
            order=("starts_at",),
        ),
    ),
    NoticeText: (),
    StaffMail: (),
    Questionnaire: (
        _hangs(Response, "questionnaire", ngettext_lazy("%(n)d filled-in form", "%(n)d filled-in forms", "n")),
        _goes(Section, "questionnaire", ngettext_lazy("%(n)d section", "%(n)d sections", "n")),
        _goes(Question, "section__questionnaire", PARTS),
    ),
    Section: (
        Dependent(Question, LEANING, _asked_after_section),
        _goes(Question, "section", PARTS),
    ),
    Question: (
        _hangs(Answer, "question", ngettext_lazy("%(n)d answer", "%(n)d answers", "n")),
        Dependent(Question, LEANING, _asked_after),
        Dependent(
            ConditionPolicy,
            ngettext_lazy("%(n)d policy of a therapist about it", "%(n)d policies of therapists about it", "n"),
            _by_codes("condition"),
        ),
        _goes(FlagRule, "question", ngettext_lazy("%(n)d rule", "%(n)d rules", "n")),
    ),
    MedicationClass: (
        Dependent(Medication, ngettext_lazy("%(n)d medicine of this class", "%(n)d medicines of it", "n"), _of_these_classes),
        Dependent(
            MedicationPolicy,
            ngettext_lazy("%(n)d policy of a therapist about it", "%(n)d policies of therapists about it", "n"),
            _by_codes("medication_class"),
        ),
        Dependent(FlagRule, ngettext_lazy("%(n)d rule of a questionnaire", "%(n)d rules of questionnaires", "n"), _rules_about),
        Dependent(
            Question,
            ngettext_lazy(
                "%(n)d question about medicines: what is not in the list counts as this",
                "%(n)d questions about medicines: what is not in the list counts as this",
                "n",
            ),
            _asking_for_medicines,
        ),
    ),
    Medication: (
        Dependent(
            Response,
            ngettext_lazy(
                "%(n)d form was sent in; if it names this medicine, it counts there as not in the list",
                "%(n)d forms were sent in; where one names this medicine, it counts there as not in the list",
                "n",
            ),
            _any_form,
            stops=False,
        ),
    ),
    BodyRegion: (
        Dependent(BodyRegion, ngettext_lazy("%(n)d part of this area", "%(n)d parts of this area", "n"), _parts_of_areas),
        Dependent(
            Response,
            ngettext_lazy(
                "%(n)d form was sent in, and may point there; answers are sealed, so nobody can look",
                "%(n)d forms were sent in, and some may point there; answers are sealed, so nobody can look",
                "n",
            ),
            _any_form,
        ),
    ),
}
