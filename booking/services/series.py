"""Courses: plan one as a whole, hold the plan, change it date by date while it is held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from booking.engine.planner import Outcome, Plan, PlanDate, PlanKind, Start, alternatives, extensions, plans
from booking.engine.recurrence import Course, InvalidCourse, Wish
from booking.engine.slots import Offers
from booking.engine.zones import instant_of
from booking.exceptions import CourseInvalid, SlotTaken
from booking.models import Hold
from booking.queries import availability, moment_of, why_not
from booking.services.guard import Choice
from booking.services.holds import hold_choices
from clients.models import Client
from therapists.models import Treatment

#: Someone else may take a time between planning and holding; then it is planned anew.
ATTEMPTS = 3


@dataclass(frozen=True)
class Planning:
    """A course against what is offered now: its plans, and what is needed to change them."""

    course: Course
    treatment: Treatment
    candidates: tuple[UUID, ...]
    offers: Offers
    plans: tuple[Plan, ...]

    def plan(self, kind: PlanKind) -> Plan:
        """The plan of this kind; the best one where there is none."""
        return next((plan for plan in self.plans if plan.kind == kind), self.plans[0])

    def swaps(self, plan: Plan, position: int) -> tuple[PlanDate, ...]:
        return alternatives(self.course, plan, position, self.candidates, self.offers)

    def additions(self, plan: Plan) -> tuple[PlanDate, ...]:
        return extensions(self.course, plan, self.candidates, self.offers)


def plan_course(
    course: Course,
    treatment: Treatment,
    *,
    now: datetime,
    client: Client | None = None,
    held: Hold | None = None,
    ahead: int = 0,
) -> Planning:
    """Plan a course on what is offered now, the times of ``held`` included. Nothing is written.

    A known client is given the days of rest that their answers ask for.
    ``ahead`` are days beyond the last date to look at, for dates that could be added. Raises CourseInvalid when nobody can
    give the treatment.
    """
    wishes = course.wishes
    offers = availability(
        treatment.pk,
        first=min(wish.earliest for wish in wishes),
        last=max(wish.latest for wish in wishes) + timedelta(days=ahead),
        now=now,
        client=client.pk if client else None,
        ignoring=[] if held is None else list(held.appointments.values_list("pk", flat=True)),
        daily=course.is_daily,
    )
    rested = course.rested(offers.rest_days)
    try:
        found = plans(rested, offers.therapists, offers)
    except InvalidCourse as problem:
        raise CourseInvalid(str(problem)) from problem
    return Planning(rested, treatment, offers.therapists, offers, found)


def hold_course(
    course: Course,
    treatment: Treatment,
    *,
    owner: str,
    now: datetime,
    kind: PlanKind = PlanKind.FEWEST_CHANGES,
    client: Client | None = None,
    replacing: Hold | None = None,
) -> Hold:
    """Plan a course and hold the plan of this ``kind``, whole.

    Raises SlotTaken when no date can be placed or others were faster three times, and whatever ``hold_choices`` raises.
    """
    for attempt in range(1, ATTEMPTS + 1):
        planning = plan_course(course, treatment, now=now, client=client, held=replacing)
        try:
            return hold_plan(
                planning.plan(kind), planning.course, treatment, owner=owner, now=now, client=client, replacing=replacing
            )
        except SlotTaken:
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def hold_plan(
    plan: Plan,
    course: Course,
    treatment: Treatment,
    *,
    owner: str,
    now: datetime,
    client: Client | None = None,
    replacing: Hold | None = None,
) -> Hold:
    """Hold every session of one plan, or none. Raises SlotTaken for a plan without a session, and as ``hold_choices``."""
    if not plan.starts:
        raise SlotTaken
    zone = treatment.location.zone
    choices = []
    for planned in plan.dates:
        if planned.placed is not None:
            instant = instant_of(zone, planned.placed.on, planned.placed.minute)
            if instant is None:
                raise SlotTaken
            choices.append(Choice(planned.placed.therapist, moment_of(instant), planned.position))
    reasons = _reasons(plan, treatment, now=now, client=client, replacing=replacing, daily=course.is_daily)
    return hold_choices(
        choices,
        owner=owner,
        treatment=treatment,
        now=now,
        client=client,
        replacing=replacing,
        course=course.as_json(),
        plan=_plan_as_json(plan, reasons),
    )


def held_plan(hold: Hold) -> Plan:
    """The plan that a hold keeps, as it was when it was held."""
    facts = hold.plan
    lead = UUID(facts["lead"])
    return Plan(PlanKind(facts["kind"]), lead, tuple(_date_from_json(date_facts, lead) for date_facts in facts["dates"]))


def _reasons(
    plan: Plan, treatment: Treatment, *, now: datetime, client: Client | None, replacing: Hold | None, daily: bool
) -> Mapping[int, dict[str, str]]:
    """By position, the foremost rule that stands in the way of each wish that is not kept."""
    missed = [planned for planned in plan.dates if planned.outcome != Outcome.KEPT]
    why = why_not(
        treatment.pk,
        [planned.wished for planned in missed],
        now=now,
        client=client.pk if client else None,
        ignoring=[] if replacing is None else list(replacing.appointments.values_list("pk", flat=True)),
        daily=daily,
    )
    return {
        planned.position: {"rule": rules[0].rule.value, "detail": rules[0].detail}
        for planned, rules in zip(missed, why, strict=True)
        if rules
    }


def _plan_as_json(plan: Plan, reasons: Mapping[int, dict[str, str]]) -> dict[str, Any]:
    return {
        "kind": plan.kind.value,
        "lead": str(plan.lead),
        "dates": [_date_as_json(planned, reasons.get(planned.position, {})) for planned in plan.dates],
    }


def _date_as_json(planned: PlanDate, reason: dict[str, str]) -> dict[str, Any]:
    wished, placed, wish = planned.wished, planned.placed, planned.wish
    return {
        "position": planned.position,
        "date": wished.on.isoformat(),
        "time": f"{wished.minute // 60:02}:{wished.minute % 60:02}",
        "therapist": str(wished.therapist),
        "outcome": planned.outcome.value,
        "reason": reason,
        "minutes": list(wish.minutes),
        "earliest": wish.earliest.isoformat(),
        "latest": wish.latest.isoformat(),
        "keeps_weekday": wish.keeps_weekday,
        "placed": None if placed is None else [str(placed.therapist), placed.on.isoformat(), placed.minute],
    }


def _date_from_json(facts: Mapping[str, Any], lead: UUID) -> PlanDate:
    wish = Wish(
        date.fromisoformat(facts["date"]),
        tuple(facts["minutes"]),
        date.fromisoformat(facts["earliest"]),
        date.fromisoformat(facts["latest"]),
        facts["keeps_weekday"],
    )
    placed = facts["placed"]
    start = None if placed is None else Start(UUID(placed[0]), date.fromisoformat(placed[1]), placed[2])
    return PlanDate(facts["position"], lead, wish, start)
