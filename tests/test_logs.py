"""What stands in the log of the web process: one line a request, and nothing that was asked for."""

from __future__ import annotations

import json
import logging

import pytest
import structlog
from django.test import Client as Browser
from django.urls import URLResolver, get_resolver, reverse

from tests.factories import UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def lines(caplog):
    """The lines so far, read as the JSON they are written as."""
    formatters = [handler.formatter for handler in logging.getLogger().handlers]
    [json_lines] = [each for each in formatters if isinstance(each, structlog.stdlib.ProcessorFormatter)]
    return lambda: [json.loads(json_lines.format(record)) for record in caplog.records]


def test_a_request_is_one_line_with_its_path_and_without_its_query(client, practice, lines):
    client.get(reverse("booking:when"), {"treatment": practice.treatment.pk, "therapist": practice.tess.pk})

    [line] = lines()
    assert (line["event"], line["code"], line["request"]) == ("request_finished", 200, "GET /book/times/")
    assert str(practice.treatment.pk) not in json.dumps(line)


@pytest.mark.parametrize(
    ("name", "way", "code"),
    [("booking:link", "/l/…", 410), ("intake:tablet", "/intake/tablet/…", 410), ("booking:feed", "/feed/…", 404)],
)
def test_the_token_of_a_link_is_not_in_the_log(client, practice, lines, name, way, code):
    client.get(reverse(name, args=["a-secret-token"]))

    [line] = lines()
    assert (line["code"], line["request"]) == (code, f"GET {way}")
    assert "a-secret-token" not in json.dumps(line)


def test_the_token_of_a_form_that_was_refused_is_not_in_the_log(practice, lines):
    Browser(enforce_csrf_checks=True).post(reverse("intake:tablet", args=["a-secret-token"]))

    [line] = lines()
    assert (line["code"], line["request"]) == (403, "POST /intake/tablet/…")
    assert "a-secret-token" not in json.dumps(line)


#: What may be read in an address: names of our own, dates, ids of rows and of what is in a file.
OPEN = {"slug", "iso", "digest", "object_id", "content_type_id", "app_label", "url", "id", "pk"}


def addresses_with_words(patterns=None, space=""):
    """The addresses that have something else in them, and what it is called."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(pattern, URLResolver):
            yield from addresses_with_words(pattern.url_patterns, f"{space}{pattern.namespace}:" if pattern.namespace else space)
        elif words := set(pattern.pattern.regex.groupindex) - OPEN:
            yield f"{space}{pattern.name}", words


def test_whatever_else_stands_in_an_address_is_not_in_the_log(client, practice, lines):
    names = dict(addresses_with_words())
    assert {"booking:link", "account_confirm_email", "account_reset_password_from_key"} <= set(names)

    for name, words in names.items():
        client.get(reverse(name, kwargs=dict.fromkeys(words, "SECRET")))

    assert len(lines()) >= len(names)
    assert "SECRET" not in json.dumps(lines())


@pytest.mark.parametrize(("path", "code"), [("/nowhere/?email=ada@example.org", 404), ("/readyz?token=geheim", 503)])
def test_a_refusal_is_one_line_too(client, lines, path, code):
    client.get(path)

    [line] = lines()
    assert (line["code"], line["request"]) == (code, f"GET {path.partition('?')[0]}")


def test_an_exception_is_one_line_with_its_traceback(monkeypatch, lines, practice):
    monkeypatch.setattr("booking.views.choose.availability", None)

    answer = Browser(raise_request_exception=False).get("/?email=ada@example.org")

    [line] = lines()
    assert answer.status_code == 500
    assert (line["event"], line["request"]) == ("request_failed", "GET /")
    assert "TypeError" in line["exception"]
    assert "ada@example.org" not in json.dumps(line)


@pytest.mark.parametrize("name", ["admin:find_client", "admin:new_client", "admin:clients_client_changelist"])
@pytest.mark.parametrize("breaks", [False, True])
def test_what_is_sought_at_the_desk_is_not_in_the_log_nor_on_the_page_of_an_error(monkeypatch, practice, lines, name, breaks):
    desk = Browser(raise_request_exception=False)
    desk.force_login(UserFactory(is_staff=True, is_superuser=True))
    typed = {"q": "Canarina", "name": "Canarina", "email": "canarina@example.org", "phone": "020 7946 0977"}
    if breaks:
        monkeypatch.setattr("clients.crypto.keyring", None)
        monkeypatch.setattr("booking.admin.book.callers", None)

    answer = desk.post(f"{reverse(name)}?alike", typed)

    assert answer.status_code == (500 if breaks else 302 if "find" in name or "list" in name else 200)
    said = json.dumps(lines()) + (answer.content.decode() if breaks else answer.get("Location", ""))
    assert "anarina" not in said
    assert "7946" not in said
