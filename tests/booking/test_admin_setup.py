"""The pages on which the desk sets the practice up: what they say of themselves, and what they do with a made-up address."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.forms import ModelChoiceField
from django.urls import reverse

from tests.factories import UserFactory

pytestmark = pytest.mark.integration

MADE_UP = ("99999999999999999999", "a\x00b", "2027-13-45 25:61", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00")


@pytest.fixture
def desk(client, practice):
    client.force_login(UserFactory(email="manager@example.org", is_staff=True, is_superuser=True))
    return client


def named(model, page):
    return f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"


def test_no_value_made_up_in_the_address_breaks_a_page_on_which_something_is_added(desk):
    desk.raise_request_exception = False
    broken = []
    for model in admin.site._registry:
        add = reverse(named(model, "add"))
        answer = desk.get(add)
        if answer.status_code != 200:
            continue
        fields = answer.context["adminform"].form.fields
        plain = [name for name, field in fields.items() if not isinstance(field, ModelChoiceField)]
        asked = [{name: "x"} for name in fields] + [dict.fromkeys(plain, value) for value in MADE_UP]
        broken += [(add, query) for query in asked if desk.get(f"{add}?{urlencode(query)}").status_code >= 500]

    assert broken == []


def test_a_moment_in_the_address_is_filled_in_on_the_clock_of_the_practice(desk):
    page = desk.get(reverse("admin:therapists_closure_add"), {"starts_at": "2027-07-01T08:00Z", "ends_at": "2027-07-02 18:00"})

    filled = re.findall(r'name="(?:starts|ends)_at_[01]" value="([^"]+)"', page.content.decode())
    assert filled == ["01/07/2027", "09:00:00", "02/07/2027", "18:00:00"]
