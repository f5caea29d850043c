"""A client's course in numbers: pain before and after each session, what they find hard, and where it hurt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.utils import timezone

from booking.models import Appointment
from booking.services.asking import MISSED
from clients.models import Client, ResponseKind, User
from clients.services.responses import read_response

#: The questions that the course is drawn from, by their codes in the questionnaire.
PAIN_BEFORE, PAIN_AFTER, SPOTS, ACTIVITIES, SCORED_AGAIN = "pain_now", "f_pain", "areas", "activities", "f_activities"


@dataclass
class Stage:
    """The start of the course, without a session, or one session; pain and scores from 0 to 10, where they were said."""

    session: Appointment | None
    number: int = 0
    before: int | None = None
    after: int | None = None
    spots: list[Mapping[str, Any]] = field(default_factory=list)
    scores: dict[str, int] = field(default_factory=dict)

    @property
    def change(self) -> int | None:
        return None if self.before is None or self.after is None else self.after - self.before

    @property
    def says_something(self) -> bool:
        return self.before is not None or self.after is not None or bool(self.spots or self.scores)


@dataclass(frozen=True)
class Progress:
    """The stages about which something was said, in order, and the activities in the order they were named."""

    stages: Sequence[Stage]
    activities: Sequence[str]
    to_come: int

    @property
    def sessions(self) -> list[Stage]:
        return [stage for stage in self.stages if stage.session is not None]

    @property
    def marked(self) -> list[Stage]:
        return [stage for stage in self.sessions if stage.spots]

    def course_of(self, activity: str) -> list[int]:
        return [stage.scores[activity] for stage in self.stages if activity in stage.scores]


def progress_of(client: Client, *, by: User, now: datetime) -> Progress:
    """Everything a client sent, laid along their sessions. Raises NoConsent for others than the client once that was withdrawn.

    ``by`` who reads; each form leaves a row for whoever is not the client.
    """
    came = Appointment.objects.real().exclude(status__in=MISSED).filter(client=client).order_by("starts_at")
    sessions = list(came.select_related("therapist"))
    start = Stage(None)
    stages = {session.local_date: Stage(session, number) for number, session in reversed(list(enumerate(sessions, 1)))}
    on_dates = sorted(stages)
    sent = client.responses.submitted().select_related("client", "questionnaire").order_by("submitted_at")
    for response in sent:
        assert response.submitted_at is not None
        answers = read_response(response, by=by, now=now)
        if response.kind == ResponseKind.FIRST:
            sent_on = timezone.localdate(response.submitted_at)
            _begin(start, [stages[on] for on in on_dates], answers, sent_on)
        elif response.session_on in stages:
            _lay(stages[response.session_on], response.kind, answers)
    told = [stage for stage in (start, *(stages[on] for on in on_dates)) if stage.says_something]
    names = list(dict.fromkeys(name for stage in told for name in stage.scores))
    return Progress(told, names, sum(session.starts_at > now for session in sessions))


def _begin(start: Stage, stages: Sequence[Stage], answers: Mapping[str, Any], sent_on: date) -> None:
    """The whole form speaks of the pain before the next session, and scores what is hard after the last one, or at the start."""
    past = [stage for stage in stages if stage.session and stage.session.local_date < sent_on]
    for name, score in _scores(answers.get(ACTIVITIES)).items():
        (past[-1] if past else start).scores.setdefault(name, score)
    ahead = stages[len(past) :]
    if ahead:
        ahead[0].before = answers.get(PAIN_BEFORE, ahead[0].before)
        ahead[0].spots = answers.get(SPOTS, ahead[0].spots)


def _lay(stage: Stage, kind: str, answers: Mapping[str, Any]) -> None:
    if kind == ResponseKind.AFTER:
        stage.after = answers.get(PAIN_AFTER, stage.after)
        stage.scores |= _scores(answers.get(SCORED_AGAIN))
    else:
        stage.before = answers.get(PAIN_BEFORE, stage.before)
        stage.spots = answers.get(SPOTS, stage.spots)


def _scores(items: Sequence[Mapping[str, Any]] | None) -> dict[str, int]:
    return {item["name"]: item["score"] for item in items or () if item.get("score") is not None}
