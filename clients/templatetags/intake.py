"""The body chart with the spots somebody marked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from clients.models import BodyRegion

register = template.Library()

#: The shade of a part by its pain; the number always stands in the list beside it.
SHADES = ((8, "p-4"), (6, "p-3"), (4, "p-2"), (0, "p-1"))


@cache
def _drawing() -> str:
    """The drawing without its ids, so that two of them can stand on one page."""
    return re.sub(r' id="[^"]*"', "", render_to_string("booking/_body_chart.html"))


def painted(shades: Mapping[str, str], marks: Sequence[tuple[BodyRegion, object]], label: str) -> SafeString:
    """Front and back, each region shaded by the class given for it, with marks on it; ``label`` says all of it.

    Regions that share a part of the drawing get the shade that comes first.
    """
    svg = _drawing()
    for code, shade in shades.items():
        parts = rf'class="bp( bp-point)?"((?: data-area="\w+")?) data-region="((?:\w+ )*{re.escape(code)}(?: \w+)*)"'
        svg = re.sub(parts, rf'class="bp\1 {shade}"\2 data-region="\3"', svg)
    drawn = format_html_join(
        "",
        '<g class="mark"><circle cx="{}" cy="{}" r="27"/><text x="{}" y="{}">{}</text></g>',
        ((region.x, region.y, region.x, region.y, mark) for region, mark in marks),
    )
    svg = svg[: svg.rindex("</svg>")] + drawn + "</svg>"
    said = format_html('aria-label="{}"', label)
    return mark_safe(re.sub(r'aria-label="[^"]*"', lambda _match: str(said), svg, count=1))  # nosec B308 B703 - our own drawing


@register.simple_tag
def body_chart(spots: Sequence[Mapping[str, Any]], regions: Mapping[str, BodyRegion]) -> SafeString:
    """Front and back, each marked region shaded by its pain and numbered as in the list that stands beside it."""
    shades: dict[str, str] = {}
    for spot in spots:
        shades.setdefault(spot["region"], next(name for least, name in SHADES if int(spot.get("pain") or 0) >= least))
    marked = [(regions[spot["region"]], number) for number, spot in enumerate(spots, start=1) if spot["region"] in regions]
    told = ", ".join(f"{number} {region.label}" for region, number in marked) or _("nothing marked")
    return painted(shades, marked, _("Body chart, front and back: %(spots)s") % {"spots": told})
