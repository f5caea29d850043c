"""How long the desk looks for a caller among 200,000 clients, against reading all of them once.

Whole and half names in either order, misspelt ones, addresses and the ends of phone numbers. Medians of each, and what 99 of
100 stay within.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from time import perf_counter

from django.db import connection

from clients.models import Client
from clients.services.search import find_clients
from tests.bench.availability import timed
from tests.figures import Figure

CLIENTS = 200_000
STARTS = (
    "Al", "Be", "Cor", "Da", "Er", "Fi", "Gre", "Ha", "Is", "Jo", "Kla",
    "Lu", "Mor", "Na", "Or", "Pe", "Ro", "Sa", "Tho", "Vi", "We", "Zo",
)  # fmt: skip
MIDDLES = (
    "an", "bel", "cha", "der", "el", "fen", "gar", "hil", "in", "ke",
    "len", "mar", "nor", "ol", "pin", "ret", "sam", "tin", "ul", "ver",
)  # fmt: skip
ENDS = (
    "a", "as", "el", "en", "er", "i", "ia", "ing", "is",
    "o", "son", "stad", "ton", "us", "etti", "eno", "ova", "sen",
)  # fmt: skip


def _name(chance: Random) -> str:
    return chance.choice(STARTS) + chance.choice(("", *MIDDLES)) + chance.choice(MIDDLES) + chance.choice(ENDS)


def fill(chance: Random) -> list[Client]:
    given, families = [_name(chance) for _ in range(3_000)], [_name(chance) for _ in range(40_000)]
    clients = []
    for number in range(CLIENTS):
        first, last = chance.choice(given), chance.choice(families)
        address = f"{first}.{last}{number % 97}@{chance.choice(('gmail', 'web', 'example'))}.org".lower()
        phone = f"+4917{number % 10}{chance.randrange(10**7):07}"
        clients.append(Client(name=f"{first} {last}", email=address, phone=phone))
    Client.objects.bulk_create(clients, batch_size=5_000)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE clients_client")
    return clients


def _slip(word: str, chance: Random) -> str:
    at = chance.randrange(1, len(word) - 2)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def asked(clients: list[Client], chance: Random) -> dict[str, list[str]]:
    some = chance.sample(clients, 60)
    return {
        "names": [each.name for each in some],
        "last name first": [" ".join(reversed(each.name.split())) for each in some],
        "three letters": [each.name[:3] for each in some],
        "misspelt": [_slip(each.name.split()[1], chance) for each in some],
        "both misspelt": [" ".join(_slip(word, chance) for word in each.name.split()) for each in some],
        "addresses": [each.email for each in some],
        "ends of phone numbers": [str(each.phone)[-4:] for each in some],
        "nobody's": [each.name[::-1] for each in some],
        "what everybody has": ["gmail", "org"],
    }


def _seconds(typed: str) -> float:
    began = perf_counter()
    find_clients(typed)
    return perf_counter() - began


def _read_all() -> int:
    with connection.connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM clients_client WHERE name ILIKE %s", ["%nobody at all%"])
        return int(cursor.fetchone()[0])


def figures() -> Iterator[Figure]:
    chance = Random(7)
    clients = fill(chance)
    find_clients("warm")
    every = []
    for kind, typed in asked(clients, chance).items():
        took = sorted(_seconds(each) for each in typed)
        every += took
        yield Figure(f"client among 200,000, {kind}, ms, half of them within", took[len(took) // 2] * 1e3, ">= 0")
        yield Figure(f"client among 200,000, {kind}, ms, the slowest", took[-1] * 1e3, ">= 0")
    every.sort()
    yield Figure("client among 200,000, ms, half of them within", every[len(every) // 2] * 1e3, ">= 0")
    yield Figure("client among 200,000, ms, 99 of 100 within", every[len(every) * 99 // 100] * 1e3, "<= 50")
    [whole] = timed(_read_all)
    yield Figure("finding a client / reading all 200,000 once, half of them within", every[len(every) // 2] / whole, "<= 0.2")
