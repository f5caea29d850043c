"""Requests as no page of ours sends them: right addresses and fields, wrong in every way a stranger can think of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html.parser import HTMLParser
from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode
from uuid import uuid4

from django.test import Client as Browser

#: What a form does not have, but its model or a sloppy view might take.
FOREIGN = ("role", "is_staff", "is_superuser", "price", "state", "status", "client", "therapist", "starts_at", "owner", "id")
VALUES = (
    *[
        "",
        " ",
        "\x00",
        "Ada\x00Okafor",
        "null",
        "None",
        "true",
        "[]",
        "{}",
        "½",
        "٣",
        "１２",
        "\ufeff",
        "\x1b[31m",
        "\ud7ff\ue000",
    ],
    *["0", "-1", "1.5", "NaN", "Infinity", "-Infinity", "1e309", "32768", "2147483648", "9223372036854775808", "0x10", "1_000"],
    *["9" * 30, "9" * 400, "a" * 5000, "ä" * 300, "🦶" * 40, "+" + "1" * 60, "a@" + "b" * 300 + ".org", "\u202eadA"],
    *["2027-02-30", "0000-00-00", "0001-01-01", "9999-12-31", "10000-01-01", "2027-03-09", "09.03.2027", "2027-W10-2"],
    *["25:61", "24:00", "00:00", "23:59:59.999999", "9", "2027-03-09T09:00", "2027-03-09T09:00+99:00", "-0001-01-01T00:00Z"],
    *["00000000-0000-0000-0000-000000000000", "{0}", "urn:uuid:0", "a/b/c", "../../etc/passwd", "/0", "1/2/3/4", "a/540"],
    *[
        "<script>alert(1)</script>",
        "{{ 7|add:7 }}",
        "{% load x %}",
        "' OR 1=1 --",
        "=1+1",
        "a\r\nBcc: b@example.org",
        "%00",
        "%s%n",
    ],
)
BYTES = (
    *(b"\xff\xfe\xfd", b"name=\xc3\x28&email=\xff", b"name=%ff%fe&%00=%00", b"=&=&="),
    *(b"a" * 300, b"\x00", b'{"a": ', b"[" * 5000),
)
TYPES = (
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=nonsense",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "application/json",
    "text/calendar",
    "",
)
HEADERS: Sequence[Mapping[str, str]] = (
    {},
    {},
    {"HX-Request": "true"},
    {"HX-Request": "true", "HX-Target": "x" * 300, "HX-Current-URL": "http://[::1"},
    {"Accept-Language": "xx-\x7f;q=9,de;q=zwei"},
    {"If-None-Match": 'W/"', "If-Modified-Since": "yesterday"},
    {"X-Forwarded-For": "not an address, 1.2.3.4", "X-Forwarded-Proto": "gopher"},
    {"Cookie": "sessionid=\x7f; csrftoken=" + "a" * 4000},
    {"Authorization": "Bearer \x7f", "Range": "bytes=9-1"},
)
TEN_MEGABYTES = b"name=" + b"a" * 10_000_000
UUID_IN_PATH = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Shot(NamedTuple):
    """One request. ``body`` of bytes goes out as ``kind``."""

    method: str
    path: str
    body: bytes
    kind: str
    headers: Mapping[str, str]

    def at(self, browser: Browser) -> Any:
        """The answer. What the test client itself cannot put on the wire is left as it is on a real one: percent signs."""
        return browser.generic(self.method, self.path, self.body, self.kind, headers=self.headers)

    def __str__(self) -> str:
        return f"{self.method} {self.path[:200]} {self.kind} {self.body[:300]!r} {dict(self.headers)}"


class Fields(HTMLParser):
    """By name, the values that the forms of a page would send, or could."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {}
        self._select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        name = given.get("name", "")
        if tag == "select":
            self._select = name
        if tag == "option":
            name = self._select
        if tag in ("input", "option", "textarea", "button", "select") and name:
            self.found.setdefault(name, [])
            if tag != "select":
                self.found[name].append(given.get("value", ""))


def fields_at(browser: Browser, addresses: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    """By address, the fields of the page that is there for this browser, if any."""
    answers = {address: browser.get(address) for address in addresses}
    return {
        address: Fields(answer.content.decode()).found
        if answer.status_code == 200 and answer["Content-Type"].startswith("text/html")
        else {}
        for address, answer in answers.items()
    }


def shots(known: Mapping[str, Mapping[str, list[str]]], random: Random) -> Iterator[Shot]:
    """Requests to these addresses without end."""
    addresses = list(known)
    while True:
        address = random.choice(addresses)
        fields = _spoiled(known[address], random)
        path = _strayed(address, random) if random.random() < 0.2 else address
        headers = random.choice(HEADERS)
        if random.random() < 0.35:
            method = random.choice(("GET", "GET", "GET", "HEAD", "OPTIONS"))
            yield Shot(method, f"{path}{'&' if '?' in path else '?'}{urlencode(fields)}", b"", "", headers)
        else:
            method = random.choice(("POST",) * 8 + ("PUT", "PATCH", "DELETE"))
            yield Shot(method, path, *_body(fields, random), headers)


def _spoiled(fields: Mapping[str, list[str]], random: Random) -> list[tuple[str, str]]:
    """What a page would send, with some of it wrong, missing, doubled or made up."""
    sent = [(name, random.choice(values)) for name, values in fields.items() if values and random.random() < 0.9]
    for _ in range(random.choice((0, 1, 1, 1, 2, 3))):
        if sent:
            at = random.randrange(len(sent))
            sent[at] = (sent[at][0], random.choice(VALUES))
    if random.random() < 0.2:
        sent.append((random.choice(FOREIGN), random.choice(VALUES)))
    if sent and random.random() < 0.1:
        sent.append((random.choice(sent)[0], random.choice(VALUES)))
    return sent


def _body(fields: list[tuple[str, str]], random: Random) -> tuple[bytes, str]:
    """Mostly what a form sends; sometimes anything."""
    luck = random.random()
    if luck < 0.8:
        return urlencode(fields).encode(), TYPES[0]
    if luck < 0.85:
        parts = [f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields]
        return ("".join(parts) + "--x--\r\n").encode(), TYPES[3]
    if luck < 0.9:
        return json.dumps(dict(fields)).encode(), "application/json"
    if luck < 0.92:
        return urlencode([(f"f{n}", "1") for n in range(3000)]).encode(), TYPES[0]
    if luck < 0.922:
        return TEN_MEGABYTES, TYPES[0]
    return random.choice(BYTES), random.choice(TYPES)


def _strayed(address: str, random: Random) -> str:
    """The address with another id or token in it, or with rubbish behind it."""
    path, _, query = address.partition("?")
    wrong = random.choice((str(uuid4()), "0", "%00", "%ff%fe", quote(random.choice(VALUES), safe=""), "a" * 3000))
    path = UUID_IN_PATH.sub(wrong, path, count=1) if UUID_IN_PATH.search(path) else f"{path.rstrip('/')}/{wrong}/"
    return f"{path}?{query}" if query else path
