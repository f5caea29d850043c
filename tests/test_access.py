"""Every address × method × person, as declared in tests/access_table.py, with real objects of others present."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest
import time_machine
from django.test import Client as Browser
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from booking.access import OWNER_KEY
from booking.engine.recurrence import Course, Once, Phase, Weekly
from booking.services.guard import Choice
from booking.services.holds import book_hold, hold_choices
from booking.services.series import hold_course
from clients.services.consents import health_data_question, record_agreement
from clients.services.questionnaires import load_questionnaire
from clients.services.reference import SHIPPED
from clients.services.responses import open_response, save_section, submit_response
from tests.access_table import PACKAGES, PEOPLE, TABLE
from tests.clients.answers import WELL
from tests.factories import UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NINE = datetime(2027, 3, 9, 9, tzinfo=UTC)


def names(patterns, space=""):
    """The names of all addresses the resolver knows; those without a name by their pattern."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from names(pattern.url_patterns, inner)
        elif isinstance(pattern, URLPattern):
            yield f"{space}{pattern.name or pattern.pattern}"


@pytest.fixture
def world(practice, now):
    """What Ada holds in her browser and what she booked; and the others, signed in at theirs."""
    with time_machine.travel(now, tick=False):
        once = Course(NINE.date(), (Phase(Once()),), (540,), (practice.tess.pk,))
        booked = hold_choices(
            [Choice(practice.tess.pk, NINE)], owner="ada", treatment=practice.treatment, now=now, course=once.as_json()
        )
        made = book_hold(booked, client=practice.ada, key="11111111-2222-4333-8444-555555555555", by=practice.ada.user, now=now)
        single = hold_choices(
            [Choice(practice.jonas.pk, NINE.replace(hour=12))],
            owner="ada",
            treatment=practice.treatment,
            now=now,
            course=Course(NINE.date(), (Phase(Once()),), (720,), (practice.jonas.pk,)).as_json(),
        )
        weekly = Course(date(2027, 3, 10), (Phase(Weekly((2,)), count=3),), (600,), (practice.tess.pk,))
        series = hold_course(weekly, practice.treatment, owner="ada", now=now)
        practice.tess.user = UserFactory(name="Tess Oduya", email="tess@example.org")
        practice.tess.save()
        people = {
            "anonymous": None,
            "ada": practice.ada.user,
            "bo": practice.bo.user,
            "tess": practice.tess.user,
            "finn": practice.finn,
            "robin": UserFactory(name="Robin Vale", email="robin@example.org", is_staff=True, is_superuser=True),
        }
        sent, draft = forms_of(practice.ada, now)
        yield SimpleNamespace(
            practice=practice, made=made.request, single=single, series=series, people=people, sent=sent, draft=draft
        )


def forms_of(client, now):
    """One sent form that has to be cleared by a doctor, and one under way."""
    load_questionnaire((SHIPPED / "intake_questionnaire.json").read_text())
    record_agreement(client, health_data_question(), by=client.user, now=now)
    sent = open_response(client, "first", now=now)
    save_section(sent, WELL | {"heart": "recent"}, now=now)
    submit_response(sent, by=client.user, on=now.date(), now=now)
    return sent, open_response(client, "first", now=now)


def address(name, world):
    if name == "booking:when":
        return f"{reverse(name)}?treatment={world.practice.treatment.pk}"
    if name == "booking:link":
        return reverse(name, args=["a-token-that-never-was"])
    if name == "intake:part":
        return reverse(name, args=[world.draft.pk, "part-4"])
    objects = {
        "intake:form": world.draft,
        "intake:copy": world.sent,
        "intake:doctor": world.sent,
        "booking:plan": world.series,
        "booking:you": world.single,
        "booking:hold_again": world.single,
        "booking:booked": world.made,
        "booking:booked_calendar": world.made,
    }
    return reverse(name, args=[objects[name].pk] if name in objects else [])


def browser_of(person, world):
    browser = Browser()
    if world.people[person] is not None:
        browser.force_login(world.people[person])
    if person == "ada":
        session = browser.session
        session[OWNER_KEY] = "ada"
        session.save()
    return browser


def test_every_address_has_a_row():
    ours = {name for name in names(get_resolver().url_patterns) if not name.startswith(PACKAGES)}

    assert ours == set(TABLE)


def test_no_address_carries_a_number_that_counts():
    for pattern in get_resolver().url_patterns:
        if isinstance(pattern, URLResolver) and pattern.namespace == "booking":
            for each in pattern.url_patterns:
                assert "int:" not in str(each.pattern)


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("name", TABLE)
def test_the_table_holds(name, person, world):
    get, post = TABLE[name][person]

    got = browser_of(person, world).get(address(name, world)).status_code
    posted = browser_of(person, world).post(address(name, world)).status_code

    assert (got, posted) == (get, post)


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
@pytest.mark.parametrize("name", TABLE)
def test_no_page_takes_other_methods(name, method, world):
    assert getattr(browser_of("ada", world), method)(address(name, world)).status_code == 405
