"""The course in one picture, for the client and for the therapist of one of their sessions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from booking.access import sessions_read_by
from booking.services.progress import Progress, Stage, progress_of
from booking.views.treating import not_too_many
from clients.access import client_of
from clients.exceptions import NoConsent
from clients.models import BodyRegion, Client, User
from clients.services.consents import withdrew_health_data
from clients.wording import spots_in_words

#: As many stages as the picture has room for on a phone, the latest ones; the table has them all.
DRAWN = 8
#: Body charts beside the first one.
LATEST_CHARTS = 3

LEFT, STEP = 54, 60
TOP, HEIGHT, BETWEEN = 21, 185, 60


@require_safe
@never_cache
def progress(request: HttpRequest) -> HttpResponse:
    """A client's own course."""
    if not request.user.is_authenticated:
        return redirect_to_login(request.path, login_url=settings.CLIENT_LOGIN_URL)
    client = client_of(request.user)
    if client is None:
        raise Http404
    if withdrew_health_data(client):
        return render(request, "booking/progress.html", {"page": "sessions", "client": client, "is_locked": True})
    context = {"page": "sessions"} | course_context(client, by=request.user, now=timezone.now())
    return render(request, "booking/progress.html", context)


@require_safe
@never_cache
@login_required
@not_too_many
def session_progress(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The course of the client of a session, for its therapist. Every look leaves rows the client can see."""
    assert isinstance(request.user, User)
    now = timezone.now()
    session = get_object_or_404(sessions_read_by(request.user, now), pk=pk)
    assert session.client is not None
    context: dict[str, Any] = {"session": session, "client": session.client}
    try:
        context |= course_context(session.client, by=request.user, now=now)
    except NoConsent:
        context["is_locked"] = True
    return render(request, "booking/session_progress.html", context)


def course_context(client: Client, *, by: User, now: datetime) -> dict[str, Any]:
    """What the picture of a course shows. Raises NoConsent for others than the client once that was withdrawn."""
    course = progress_of(client, by=by, now=now)
    regions = {region.code: region for region in BodyRegion.objects.all()}
    marked = [(stage, spots_in_words(stage.spots, regions)) for stage in course.marked]
    charts = marked if len(marked) <= LATEST_CHARTS else [marked[0], *marked[-LATEST_CHARTS:]]
    before = [stage.before for stage in course.sessions if stage.before is not None]
    return {
        "client": client,
        "course": course,
        "chart": Chart.of(course),
        "rows": [(stage, [stage.scores.get(name) for name in course.activities]) for stage in course.stages],
        "pain": (before[0], before[-1]) if before else None,
        "activities": [
            (letter, name, scores[0], scores[-1])
            for letter, name in zip_longest("ABC", course.activities, fillvalue="")
            if (scores := course.course_of(name))
        ],
        "regions": regions,
        "charts": charts,
        "between": [each for each in marked if each not in charts],
    }


@dataclass(frozen=True)
class Mark:
    """A value on the picture, with the place of its number above or below it."""

    x: int
    y: int
    value: int
    label_y: int


@dataclass(frozen=True)
class Line:
    name: str
    kind: str
    marks: Sequence[Mark]

    @property
    def path(self) -> str:
        return "M" + " L".join(f"{mark.x} {mark.y}" for mark in self.marks)

    @property
    def values(self) -> str:
        return ", ".join(str(mark.value) for mark in self.marks)


@dataclass(frozen=True)
class Chart:
    """Where everything stands on the picture: pain above, activities below, one column a stage."""

    columns: Sequence[tuple[int, Stage]]
    before: Line
    after: Line
    activities: Sequence[Line]

    @classmethod
    def of(cls, course: Progress) -> Chart | None:
        stages = course.stages[-DRAWN:]
        if not stages:
            return None
        columns = [(LEFT + STEP * number, stage) for number, stage in enumerate(stages)]
        lower = TOP + HEIGHT + BETWEEN
        better = {x: (stage.change or -1) <= 0 for x, stage in columns}
        before = [(x, stage.before, better[x]) for x, stage in columns]
        after = [(x, stage.after, not better[x]) for x, stage in columns]
        highest = {x: max(stage.scores.values(), default=0) for x, stage in columns}
        scored = [
            [(x, score := stage.scores.get(name), score == highest[x]) for x, stage in columns] for name in course.activities
        ]
        return cls(
            columns,
            _line(gettext("before"), "before", before, TOP),
            _line(gettext("after"), "after", after, TOP),
            [_line(letter, f"act act-{n}", said, lower) for n, (letter, said) in enumerate(zip("ABC", scored, strict=False), 1)],
        )

    @property
    def drops(self) -> list[tuple[int, int, int]]:
        """From before to after, where both were said."""
        after = {mark.x: mark.y for mark in self.after.marks}
        return [(mark.x, mark.y, after[mark.x]) for mark in self.before.marks if mark.x in after]

    @property
    def lines(self) -> list[Line]:
        return [line for line in (self.before, self.after, *self.activities) if line.marks]

    @property
    def ends(self) -> list[tuple[str, int, int]]:
        """What each line is called, beside its last mark and never one on the other."""
        placed: list[tuple[str, int, int]] = []
        lowest = 0
        for line in sorted(self.lines, key=lambda line: line.marks[-1].y):
            lowest = max(line.marks[-1].y + 5, lowest + 17)
            placed.append((line.name, line.marks[-1].x + 14, lowest))
        return placed

    @property
    def right(self) -> int:
        return self.columns[-1][0] + 10

    @property
    def width(self) -> int:
        return max(LEFT + STEP * (len(self.columns) - 1) + 74, 300)

    @property
    def height(self) -> int:
        return TOP + HEIGHT + (BETWEEN + HEIGHT if any(line.marks for line in self.activities) else 0) + 40

    @property
    def grid(self) -> list[tuple[int, int]]:
        """The lines of 0, 5 and 10, for both parts where there are two."""
        tops = [TOP, TOP + HEIGHT + BETWEEN] if any(line.marks for line in self.activities) else [TOP]
        return [(value, _height(value, top)) for top in tops for value in (0, 5, 10)]


def _height(value: int, top: int) -> int:
    return top + round(HEIGHT * (10 - value) / 10)


def _line(name: str, kind: str, said: Iterable[tuple[int, int | None, bool]], top: int) -> Line:
    """A line through what was said, each value in its column; its number stands above it, or else below."""
    marks = ((x, value, _height(value, top), above) for x, value, above in said if value is not None)
    return Line(name, kind, [Mark(x, y, value, y + (-12 if above else 23)) for x, value, y, above in marks])
