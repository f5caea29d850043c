"""Whatever the desk lists, a long list costs as many queries as a short one."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.db import connection, transaction
from django.db.models import GeneratedField
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from clients.crypto import sealed_for_address
from tests.rewound import no_triggers
from tests.test_access import CHOSEN, world

__all__ = ["world"]  # a fixture

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

ROWS = 300
#: Which row stays, where not every one is listed; and whoever looks has to stay as well.
STAYS = CHOSEN | {"clients.user": {"email": "robin@example.org"}}
#: Whatever keeps rows from being alike: constraints, and indexes that are none but unique.
UNLIKE = """
SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I CASCADE', conrelid::regclass, conname)
FROM pg_constraint WHERE conrelid = %s::regclass AND contype IN ('u', 'x')
UNION ALL
SELECT format('DROP INDEX %%s', indexrelid::regclass) FROM pg_index
WHERE indrelid = %s::regclass AND indisunique AND NOT indisprimary AND indexrelid NOT IN (SELECT conindid FROM pg_constraint)
"""


def keep_one(model):
    row = model._default_manager.filter(**STAYS.get(model._meta.label_lower, {}))[0]
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {model._meta.db_table} WHERE id <> %s", [row.pk])


def make_many(model):
    """Rows just like the one there is."""
    table = model._meta.db_table
    kept = [each for each in model._meta.local_concrete_fields if not each.primary_key and not isinstance(each, GeneratedField)]
    columns = ", ".join(f'"{each.column}"' for each in kept)
    with connection.cursor() as cursor:
        cursor.execute(UNLIKE, [table, table])
        for [statement] in cursor.fetchall():
            cursor.execute(statement)
        alike = f"SELECT gen_random_uuid(), {columns} FROM {table}, generate_series(2, %s)"
        cursor.execute(f"INSERT INTO {table} (id, {columns}) {alike}", [ROWS])


def cost(browser, where):
    with CaptureQueriesContext(connection) as queries:
        answer = browser.get(where)
    return answer.context["cl"].result_count, len(queries)


def test_every_list_of_a_model_takes_as_many_queries_for_300_rows_as_for_one_and_can_be_searched(client, world):
    client.force_login(world.people["robin"])
    client.get(reverse("admin:lists"))
    found, expected = {}, {}

    for model in admin.site._registry:
        where = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        assert client.get(f"{where}?q={sealed_for_address('a')}").status_code == 200, where
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            with no_triggers():
                keep_one(model)
                one, queries = cost(client, where)
                make_many(model)
                found[where], expected[where] = (one, *cost(client, where)), (1, ROWS, queries)
            transaction.set_rollback(True)

    assert {where: counts for where, counts in found.items() if counts != expected[where]} == {}
