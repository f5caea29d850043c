"""The pages on which the desk sets the practice up: what they say of themselves, and what they do with a made-up address."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.forms import ModelChoiceField
from django.test import RequestFactory
from django.urls import reverse

from booking.models import Appointment, StaffMail
from booking.templatetags.unknot import said_of
from clients.models import BodyRegion, Client, Questionnaire, User
from clients.services.questionnaires import next_version
from tests.factories import NoticeRuleFactory, UserFactory
from therapists.models import Location

pytestmark = pytest.mark.integration

MADE_UP = ("x", "99999999999999999999", "a\x00b", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00")


@pytest.fixture
def desk(client, practice):
    client.force_login(UserFactory(email="manager@example.org", is_staff=True, is_superuser=True))
    return client


def named(model, page):
    return f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"


def test_every_page_on_which_the_practice_is_set_up_says_what_it_is_for_and_what_a_change_does(desk, intake):
    """Whatever can be changed in the admin is set-up, but for what is the work of a day."""
    NoticeRuleFactory(location=(place := Location.objects.get()))
    StaffMail.objects.create(location=place)
    next_version(intake)
    request = RequestFactory().get("/")
    request.user = User.objects.get(email="manager@example.org")
    pages = {model: page for model, page in admin.site._registry.items() if page.has_change_permission(request)}
    explained = {model for model in pages if said_of(model._meta, "explained")}

    assert pages.keys() - explained == {Appointment, Client}
    for model in explained:
        row = model.objects.filter(**({"state": "draft"} if model is Questionnaire else {})).first()
        for page in [named(model, "changelist"), *([named(model, "add")] if pages[model].has_add_permission(request) else [])]:
            assert said_of(model._meta, "explained") in desk.get(reverse(page)).content.decode(), page
        if row:
            change = reverse(named(model, "change"), args=[row.pk])
            assert said_of(model._meta, "explained") in desk.get(change).content.decode(), change


def test_no_value_made_up_in_the_address_breaks_a_page_on_which_something_is_added(desk):
    desk.raise_request_exception = False
    broken = []
    for model in admin.site._registry:
        add = reverse(named(model, "add"))
        answer = desk.get(add)
        if answer.status_code != 200:
            continue
        fields = answer.context["adminform"].form.fields
        related = [name for name, field in fields.items() if isinstance(field, ModelChoiceField)]
        asked = [{name: "x"} for name in related] + [dict.fromkeys(fields.keys() - related, value) for value in MADE_UP]
        broken += [(add, query) for query in asked if desk.get(f"{add}?{urlencode(query)}").status_code >= 500]

    assert broken == []


def test_a_moment_in_the_address_is_filled_in_on_the_clock_of_the_practice(desk):
    page = desk.get(reverse("admin:therapists_closure_add"), {"starts_at": "2027-07-01T08:00Z", "ends_at": "2027-07-02 18:00"})

    filled = re.findall(r'name="(?:starts|ends)_at_[01]" value="([^"]+)"', page.content.decode())
    assert filled == ["01/07/2027", "09:00:00", "02/07/2027", "18:00:00"]


def test_a_part_of_the_body_stands_under_an_area_that_is_there_and_keeps_its_code(desk, intake):
    part = BodyRegion.objects.exclude(treatable="group").first()
    area = BodyRegion.objects.get(code=part.area)

    def changed(row, **facts):
        kept = {name: getattr(row, name) for name in ("label", "side", "area", "treatable", "x", "y", "order")}
        page = desk.post(reverse(named(BodyRegion, "change"), args=[row.pk]), kept | {"common_muscles": ""} | facts)
        row.refresh_from_db()
        return page.status_code == 302

    assert not changed(part, area="NOWHERE")
    assert not changed(part, area=part.code)
    assert not changed(area, treatable="yes")
    assert changed(part, label="Renamed", code="OTHER")
    assert changed(area, label="Renamed as well")
    assert (part.label, part.code, area.treatable) == ("Renamed", part.code, "group")
    assert not BodyRegion.objects.filter(code="OTHER").exists()


def test_a_list_is_called_what_it_lists_or_by_a_heading_of_its_own(desk):
    for page, heading in (("therapists_room", "Rooms"), ("booking_auditentry", "History: who saw and did what")):
        assert f"<h1>{heading}</h1>" in desk.get(reverse(f"admin:{page}_changelist")).content.decode()
