"""What the pages draw and how they write times: one place for both."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from unicodedata import normalize
from zoneinfo import ZoneInfo

from django import template
from django.conf import settings
from django.template.loader import render_to_string
from django.utils import formats
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from qrcode.main import QRCode

from booking.enums import AppointmentStatus, Light, Outcome
from booking.models import Appointment
from booking.plans import MARKS, SessionPlan
from booking.reading import Regions
from booking.services.notes import Point
from booking.services.policy import deadline
from clients.access import works_here
from clients.templatetags.intake import painted
from clients.triage import Pressure
from clients.wording import pressure_in_words
from therapists.models import Weekday

register = template.Library()
register.filter("works_here", works_here)

DAY = "D j M"
CLOCK = "G:i"
#: The classes of the blocks by state, as in the style sheets.
BLOCKS = {
    AppointmentStatus.BOOKED: "is-booked",
    AppointmentStatus.CONFIRMED: "is-confirmed",
    AppointmentStatus.ARRIVED: "is-arrived",
    AppointmentStatus.IN_SESSION: "is-in",
    AppointmentStatus.DONE: "is-done",
    AppointmentStatus.NO_SHOW: "is-noshow",
    AppointmentStatus.HELD: "is-held",
}
#: The icons of the lights, and their classes.
ICONS = {
    Light.READY: ("file-earmark-check", ""),
    Light.WAITING: ("file-earmark", ""),
    Light.TO_CHECK: ("exclamation-diamond-fill", "r"),
    Light.ADJUSTED: ("sliders", "a"),
    Light.ON_HOLD: ("octagon-fill", "s"),
}


@cache
def _drawing(name: str) -> SafeString:
    """The inner drawing of a vendored icon. Raises FileNotFoundError for a name that is not vendored."""
    svg = (Path(settings.BASE_DIR) / "static" / "vendor" / "bootstrap-icons" / f"{name}.svg").read_text()
    return mark_safe(svg[svg.index(">") + 1 : svg.rindex("</svg>")].strip())  # nosec B308 B703 - a vendored file of ours


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon beside a word; screen readers skip it."""
    return format_html('<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">{}</svg>', _drawing(name))


@register.simple_tag
def said_of(opts: Any, part: str) -> SafeString:
    """What a page of the desk says of a model, without the space around it; empty where it says nothing."""
    said = render_to_string(f"admin/_{part}.html", {"opts": opts}).strip()
    return mark_safe(said)  # nosec B308 B703 - a template of ours, with nothing of anybody's in it


@register.simple_tag
def qr_code(text: str) -> SafeString:
    """A code to scan, with the quiet margin that scanners need; black on white in every theme."""
    code = QRCode(border=4)
    code.add_data(text)
    rows = code.get_matrix()
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    return format_html(
        '<svg viewBox="0 0 {0} {0}" role="img" aria-label="{1}" shape-rendering="crispEdges">'
        '<rect width="{0}" height="{0}" fill="#fff"/><path fill="#000" d="{2}"/></svg>',
        len(rows),
        _("Code to scan with the tablet"),
        path,
    )


@register.simple_block_tag
def one_line(content: str) -> SafeString:
    """The text inside as one line, so that a long choice of words may be written over many. No space before "," "." ":"."""
    text = re.sub(r"\s+(?=[,.:])", "", " ".join(content.split()))
    return mark_safe(text)  # nosec B308 B703 - rendered, so escaped already where it has to be


@register.filter
def day(value: date) -> str:
    """Tue 9 Feb"""
    return formats.date_format(value, DAY)


@register.filter
def long_day(value: date) -> str:
    """Tuesday 9 February"""
    return formats.date_format(value, "l j F")


@register.filter
def clock(value: time | datetime | int) -> str:
    """9:00, from a time, a datetime on the practice's clock, or a wall minute (0:00 for the end of the day)"""
    if isinstance(value, int):
        value = time(value // 60 % 24, value % 60)
    return formats.time_format(value, CLOCK)


@register.filter
def weekday(value: int) -> str:
    """Tuesday, from 1"""
    return str(Weekday(value).label)


@register.filter
def on_clock(value: datetime, zone: str) -> datetime:
    """An instant on the clock of a zone."""
    return value.astimezone(ZoneInfo(zone))


@register.simple_tag
def moment(value: datetime, zone: str, style: str = "day and clock") -> SafeString:
    """A ``<time>`` on the clock of a zone, as day, clock, or both."""
    local = value.astimezone(ZoneInfo(zone))
    text = {"day": day(local), "clock": clock(local), "day and clock": f"{day(local)}, {clock(local)}"}[style]
    return format_html('<time datetime="{}">{}</time>', local.isoformat(timespec="minutes"), text)


@register.filter
def money(value: Any, currency: str) -> str:
    """£58, or £58.50"""
    sign = {"GBP": "£", "EUR": "€", "USD": "$"}.get(currency, f"{currency} ")
    amount = formats.number_format(value, decimal_pos=0 if value == int(value) else 2)
    return f"{sign}{amount}"


@register.filter
def signed(value: int) -> str:
    """−3, 0, +2"""
    return f"{value:+d}".replace("-", "−") if value else "0"


@register.filter
def knot(outcome: str) -> str:
    """The word by which the style sheet knows an outcome."""
    return {Outcome.OTHER_THERAPIST: "other", Outcome.NOT_POSSIBLE: "lost"}.get(Outcome(outcome), outcome)


@register.filter
def first_word(value: str) -> str:
    """Ada, of Ada Okafor"""
    return value.partition(" ")[0]


@register.filter
def short_name(value: str) -> str:
    """Ada O., of Ada Okafor"""
    first, *others = value.split() or [value]
    return f"{first} {others[-1][0]}." if others else first


@register.filter
def marked(value: str, typed: str) -> SafeString:
    """A name in which what was typed is marked, whatever its case and accents; unmarked where it is only like it."""
    words = sorted(map(re.escape, map(_plain, re.findall(r"\w+", typed))), key=len, reverse=True)
    found = re.finditer("|".join(words), _plain(value)) if words else ()
    ends = [0, *(end for match in found for end in match.span()), len(value)]
    parts = enumerate(value[start:end] for start, end in pairwise(ends))
    return format_html_join("", "{}", ((format_html("<mark>{}</mark>", part) if at % 2 else part,) for at, part in parts))


def _plain(text: str) -> str:
    """Without case and accents, letter by letter, so that each keeps its place."""
    return "".join(normalize("NFD", letter)[0].lower()[0] for letter in text)


@register.filter
def free_until(session: Appointment) -> str:
    """Monday 8 March, 9:00: until when a session can be moved or cancelled freely"""
    local = deadline(session).astimezone(ZoneInfo(session.zone))
    return f"{long_day(local)}, {clock(local)}"


@register.simple_tag
def plan_chart(plan: SessionPlan) -> SafeString:
    """Front and back with the most pressure of each part: a shade, and a mark where it differs from the whole body's."""
    told = [_("whole body %(cap)s") % {"cap": plan.everywhere_in_words}]
    told += [f"{region.label} {mark}" for region, mark in plan.marks]
    shades = {code: f"cap-{shade}" for code, shade in plan.shades.items()}
    return painted(shades, plan.marks, _("Body chart, front and back: %(spots)s") % {"spots": ", ".join(told)})


@register.simple_tag
def note_chart(points: Sequence[Point], regions: Regions) -> SafeString:
    """Front and back, each treated region shaded by the pressure used and numbered as in the list that stands beside it."""
    placed = [(regions[point.region], point) for point in points if point.region in regions]
    shades = {region.code: f"cap-{MARKS[Pressure.kind_of(point.pressure or 1)][1]}" for region, point in placed}
    marks = [(region, number) for number, (region, _point) in enumerate(placed, start=1)]
    told = ", ".join(f"{number} {region.label}" for region, number in marks) or _("nothing marked")
    return painted(shades, marks, _("Body chart, front and back: %(spots)s") % {"spots": told})


@register.filter
def used(value: int) -> str:
    """5, medium"""
    return pressure_in_words(value)


@register.simple_tag
def thread(outcome: str, first: bool, last: bool) -> SafeString:
    """The piece of the thread beside one date of a plan: straight, or bent aside where the date was moved."""
    if outcome == Outcome.MOVED:
        path = "M34.8 27.6" if first else "M19.6 0C19.6 16 34.8 10 34.8 27.6"
        path += "" if last else "C34.8 45 19.6 40 19.6 56"
    else:
        path = f"M19.6 {27.6 if first else 0}V{27.6 if last else 56}"
    return format_html('<svg class="thread" viewBox="0 0 48 56" aria-hidden="true"><path d="{}"/></svg>', path)


@register.simple_tag
def mini_thread(outcomes: Sequence[str]) -> SafeString:
    """A series as one line with a knot a date: bent aside moved, a ring someone else, a cross not possible."""
    step = 22
    knots = [(8 + step * n, 22 if outcome == Outcome.MOVED else 14, outcome) for n, outcome in enumerate(outcomes)]
    lines = format_html_join(
        "",
        '<path class="t{}" d="M{} {}C{} {} {} {} {} {}"/>',
        (
            (
                " gap" if Outcome.NOT_POSSIBLE in (before, after) else "",
                x1, y1, x1 + step // 2, y1, x1 + step // 2, y2, x2, y2,
            )
            for (x1, y1, before), (x2, y2, after) in pairwise(knots)
        ),
    )  # fmt: skip
    marks = format_html_join("", "{}", ((_knot(x, y, outcome),) for x, y, outcome in knots))
    width = max(170, 16 + step * (len(knots) - 1))
    return format_html(
        '<svg class="mini" viewBox="0 0 {} 28" preserveAspectRatio="xMinYMid" aria-hidden="true">{}{}</svg>',
        width,
        lines,
        marks,
    )


def _knot(x: int, y: int, outcome: str) -> SafeString:
    if outcome == Outcome.NOT_POSSIBLE:
        return format_html('<path class="x" d="M{} {}l8 8m0-8l-8 8"/>', x - 4, y - 4)
    mark, radius = {Outcome.MOVED: ("m", "5"), Outcome.OTHER_THERAPIST: ("o", "4.5")}.get(Outcome(outcome), ("k", "4.5"))
    return format_html('<circle class="{}" cx="{}" cy="{}" r="{}"/>', mark, x, y, radius)
