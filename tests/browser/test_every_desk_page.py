"""Every page that the desk's addresses lead to, for a manager, on a large light screen and on a small dark one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest
from django.contrib import admin
from django.test import Client as Session
from django.urls import get_resolver, reverse

from booking.enums import Scope
from booking.worklists import Work
from tests.access_table import TABLE
from tests.browser.conftest import SEEN
from tests.test_access import CHOSEN, NINE, address, names, world

__all__ = ["world"]  # a fixture

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

#: What Django needs around the pages, a table to take away, passwords of others, which managers do not set, and what stands only
#: inside of another page, in a frame that lets nothing run.
NO_PAGES = {
    *("admin:login", "admin:logout", "admin:jsi18n", "admin:autocomplete", "admin:view_on_site", "admin:board_csv"),
    *("admin:auth_user_password_change", "admin:booking_noticetext_preview", "admin:booking_noticetext_preview_kept"),
}


def pages(world) -> Iterator[str]:
    """By the desk's own addresses; where one is about a row, with the first there is, of every model.

    What was done to rows is shown of one model only: the others show it alike.
    """
    by_prefix = {f"admin:{model._meta.app_label}_{model._meta.model_name}_": model for model in admin.site._registry}
    for name in dict.fromkeys(names(get_resolver().url_patterns)):
        if not name.startswith("admin:") or not name.partition(":")[2].isidentifier() or name in NO_PAGES:
            continue
        if name in TABLE:
            yield address(name, world)
        elif name == "admin:app_list":
            yield from (reverse(name, args=[app]) for app in ("booking", "clients", "therapists"))
        elif name.endswith("_history") and name != "admin:clients_client_history":
            continue
        elif any(map(name.startswith, by_prefix)):
            model = next(model for prefix, model in by_prefix.items() if name.startswith(prefix))
            row = model._default_manager.filter(**CHOSEN.get(model._meta.label_lower, {}))[0]
            yield reverse(name) if name.endswith(("_add", "_changelist")) else reverse(name, args=[row.pk])
        else:
            yield reverse(name)
    yield from states(world)


def states(world) -> Iterator[str]:
    """What some of these pages show besides, by what their addresses ask for."""
    yield from (f"/desk/to-do/?list={work}" for work in Work)
    narrowed = ("", "&view=time", "&view=time&only=unconfirmed", f"&session={world.session.pk}")
    yield from (f"/desk/?date={NINE.date()}{more}" for more in narrowed)
    yield "/desk/?date=2027-02-07"
    of_series = world.hers.appointments.latest("starts_at")
    yield from (f"/desk/session/{of_series.pk}/?scope={scope}" for scope in Scope)


@pytest.mark.parametrize("half", [0, 1])
def test_every_page_is_sound_on_a_large_light_screen_and_on_a_small_dark_one(signed_in, world, half):
    mina = world.people["mina"]
    desk, probe = signed_in(mina), Session()
    probe.force_login(mina)

    wrong = {}
    for path in islice(pages(world), half, None, 2):
        if probe.get(path).status_code != 200:
            continue
        desk.page.set_viewport_size({"width": 1280, "height": 900})
        desk.page.emulate_media(color_scheme="light")
        desk.open(path)
        wrong[path, "large, light"] = desk.faults()
        desk.page.set_viewport_size({"width": 360, "height": 900})
        desk.page.emulate_media(color_scheme="dark")
        wrong[path, "small, dark"] = desk.faults(SEEN)
        desk.blocked.clear()

    assert len(wrong) > 120
    assert {where: faults for where, faults in wrong.items() if faults} == {}
