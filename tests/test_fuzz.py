"""Whatever is sent to whichever address by whomever: an answer below 500, and what is refused leaves nothing behind."""

from __future__ import annotations

import os
import traceback
from collections import Counter
from random import Random
from statistics import quantiles
from time import perf_counter

import pytest
from django.apps import apps
from django.contrib import admin
from django.core.cache import cache
from django.core.signals import got_request_exception
from django.db import connection, transaction
from django.urls import reverse

from booking.models import Appointment
from tests.access_table import PEOPLE, TABLE
from tests.figures import Figure
from tests.fuzz import fields_at, shots
from tests.test_access import address, browser_of, world

__all__ = ["world"]  # a fixture

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

REQUESTS = int(os.environ.get("UNKNOT_FUZZ_REQUESTS", "600")) // len(PEOPLE)
#: Reference data, thousands of rows that no page writes.
SHIPPED = ("clients_medication", "clients_medicationclass", "clients_medicationname")
#: Says 503 beside the tests, where no worker runs.
SIGNS_OF_LIFE = ("healthz", "readyz", "metrics")
#: A form keeps what was right of what was sent, so that nobody types it twice; whoever reads answers on the page that refuses
#: leaves a row about that.
KEPT_ON_REFUSAL = {"clients_answer", "clients_response", "clients_responseview", "booking_noteview", "booking_auditentry"}


def addresses(world, person):
    """Of every page of ours, of the account pages and, for staff, of the admin."""
    yield from (address(name, world) for name in TABLE if name not in SIGNS_OF_LIFE)
    yield from (reverse(name) for name in ("account_login", "account_request_login_code", "account_reset_password", "mfa_index"))
    user = world.people[person]
    models = admin.site._registry if user is not None and user.is_staff else [Appointment]
    for model in models:
        prefix = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield from (reverse(f"{prefix}_changelist"), reverse(f"{prefix}_add"))
        for row in model._default_manager.order_by("pk")[:1]:
            yield from (reverse(f"{prefix}_{page}", args=[row.pk]) for page in ("change", "delete", "history"))


def all_rows():
    """A digest of every table of ours."""
    models = [model for name in ("booking", "clients", "therapists") for model in apps.get_app_config(name).get_models()]
    tables = {model._meta.db_table for model in models} - set(SHIPPED)
    each = (f"SELECT '{table}', count(*), sum(hashtextextended(t::text, 0)) FROM {table} t" for table in tables)
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(each))
        return {name: (count, digest) for name, count, digest in cursor.fetchall()}


@pytest.mark.parametrize("person", PEOPLE)
def test_nothing_that_is_sent_breaks_a_page_or_leaves_half_of_it(person, world, capsys):
    browser = browser_of(person, world)
    browser.raise_request_exception = False
    cookies = browser.cookies.output()
    faults, half, seconds, codes = [], [], [], Counter()

    def note(sender, **_more):
        faults.append(traceback.format_exc(limit=-14))

    got_request_exception.connect(note)
    known = fields_at(browser, addresses(world, person))
    before = all_rows()
    try:
        for number, shot in zip(range(REQUESTS), shots(known, Random(person)), strict=False):
            if number % 50 == 0:
                cache.clear()
            with transaction.atomic():
                began = perf_counter()
                code = shot.at(browser).status_code
                seconds.append(perf_counter() - began)
                codes[code] += 1
                if code >= 500:
                    faults.append(str(shot))
                    transaction.set_rollback(True)
                elif code >= 400:
                    after = all_rows()
                    written = {name for name in after if after[name] != before[name]} - KEPT_ON_REFUSAL
                    half += [f"{code} {shot}: {written}"] if written else []
                transaction.set_rollback(True)
            if browser.cookies.output() != cookies:
                browser.cookies = browser_of(person, world).cookies
                cookies = browser.cookies.output()
    finally:
        got_request_exception.disconnect(note)
    with capsys.disabled():
        print(f"\n{person}: {sum(codes.values())} requests, {dict(sorted(codes.items()))}")
        print(Figure(f"requests of {person}: p99, ms", quantiles(seconds, n=100)[98] * 1e3, "<= 1000"))

    assert not faults, "\n".join(faults)
    assert not half, "\n".join(half)
