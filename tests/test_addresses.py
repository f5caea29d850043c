"""No name, address, number or other word that somebody types or is known by stands in the address of a page."""

from __future__ import annotations

from html.parser import HTMLParser
from types import SimpleNamespace
from urllib.parse import parse_qs, unquote_plus, urlsplit

import pytest
from django.urls import reverse

from clients.crypto import LONGEST_IN_ADDRESS, sealed_for_address, words_from_address
from tests.booking.conftest import book
from tests.factories import UserFactory
from tests.test_access import browser_of, world
from tests.test_fuzz import addresses

__all__ = ["book", "world"]  # fixtures

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

#: What cannot hold words of one's own.
CHOSEN = {"hidden", "submit", "button", "checkbox", "radio", "date", "time", "number"}
#: Attributes with an address that the browser asks for.
ADDRESSES = ("href", "src", "action", "formaction", "hx-get", "hx-post")
PEOPLE = ("Okafor", "Lindqvist", "Oduya", "@example.org", "79460018")
#: Pages of the desk's models that Django makes of the same parts as the others.
ALIKE = ("/delete/", "/history/")
LISTS = ("booking_appointment", "booking_auditentry", "clients_client")


class Sent(HTMLParser):
    """Of a page: the fields whose words would go into an address, and the addresses in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[bool] = []  # those that are open, and whether they ask by GET
        self.typed: list[str | None] = []
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.addresses += [given[name] for name in ADDRESSES if given.get(name)]
        if tag == "form":
            self.forms.append((given.get("method") or "get").lower() == "get" or "hx-get" in given)
        is_for_words = tag == "textarea" or (tag == "input" and (given.get("type") or "text") not in CHOSEN)
        if (is_for_words and ("hx-get" in given or any(self.forms))) or {"hx-get", "hx-include"} <= set(given):
            self.typed.append(given.get("name"))

    def handle_endtag(self, tag):
        if tag == "form":
            self.forms.pop()


@pytest.mark.parametrize(
    ("page", "typed"),
    [
        ('<form><input name="q"></form>', ["q"]),
        ('<form method="post" hx-get="/"><input type="search" name="q"></form>', ["q"]),
        ('<form method="get"><textarea name="why"></textarea></form>', ["why"]),
        ('<form method="post"><div hx-get="/" hx-include="#name"></div><input name="name"></form>', [None]),
        ('<form method="post"><input name="name"></form><form><input type="date" name="on"></form>', []),
    ],
)
def test_a_form_that_would_put_words_into_an_address_is_seen(page, typed):
    assert Sent(page).typed == typed


def test_no_page_has_a_form_that_puts_words_into_an_address_or_a_link_with_anybody_in_it(world):
    typed, named, seen = [], [], set()

    for person in ("robin", "tess", "ada", "anonymous"):
        browser = browser_of(person, world)
        for address in set(addresses(world, person)) - seen:
            answer = browser.get(address) if not address.endswith(ALIKE) else None
            if answer is None or answer.status_code != 200 or not answer["Content-Type"].startswith("text/html"):
                continue
            seen.add(address)
            sent = Sent((b"".join(answer) if answer.streaming else answer.content).decode())
            typed += [f"{address}: {name}" for name in sent.typed]
            ways = [way for way in map(unquote_plus, sent.addresses) if not way.startswith(("mailto:", "tel:"))]
            named += [f"{address}: {way}" for way in ways if any(word in way for word in PEOPLE)]

    assert len(seen) > 100
    assert typed == []
    assert named == []


@pytest.fixture
def desk(practice):
    return browser_of("robin", SimpleNamespace(people={"robin": UserFactory(name="Robin Ray", is_staff=True, is_superuser=True)}))


def sealed_in(address):
    """What is sealed in an address that says nothing."""
    assert "okafor" not in address.lower()
    return {name: words_from_address(value) or value for name, [value] in parse_qs(urlsplit(address).query).items()}


def test_a_client_is_sought_by_post_and_the_address_can_be_opened_again(desk, practice):
    find = reverse("admin:find_client")

    typed = desk.post(find, {"q": " okafor "}, headers={"HX-Request": "true"})
    pressed = desk.post(find, {"q": " okafor "})

    assert "Ada <mark>Okafor</mark>" in typed.content.decode()
    for address in (typed["HX-Replace-Url"], pressed["Location"]):
        assert sealed_in(address) == {"q": "okafor"}
        assert "Ada <mark>Okafor</mark>" in desk.get(address).content.decode()
    assert desk.post(find, {"q": " "})["Location"] == find
    assert "Okafor" not in desk.get(find, {"q": "okafor"}).content.decode()


@pytest.mark.parametrize("model", LISTS)
def test_a_list_of_the_desk_is_searched_by_post_and_its_pages_and_orders_keep_what_was_sought(desk, practice, book, model):
    book(), book(client=practice.bo, therapist=practice.jonas)
    where = reverse(f"admin:{model}_changelist")

    answer = desk.post(f"{where}?o=1&p=2", {"q": "okafor"})
    page = desk.get(answer["Location"]).content.decode()

    assert sealed_in(answer["Location"]) == {"q": "okafor", "o": "1"}
    assert "Okafor" in page
    assert "Lindqvist" not in page
    assert 'value="okafor"' in page
    kept = [way for way in Sent(page).addresses if way.startswith("?") and "q=" in way]
    assert kept
    assert {sealed_in(way)["q"] for way in kept} == {"okafor"}


def test_a_field_that_suggests_asks_by_post(desk, practice):
    where = reverse("admin:autocomplete")
    asked = {"app_label": "booking", "model_name": "appointment", "field_name": "client", "term": "okafor"}

    assert desk.get(where, asked).status_code == 405
    assert desk.post(where, asked).json()["results"] == [{"id": str(practice.ada.pk), "text": "Ada Okafor"}]


@pytest.mark.parametrize("words", ["", "Ada Okafor", "Łucja 李", "=1+1 & ?q=<b>"])
def test_words_sealed_for_an_address_are_opened_as_they_were(words):
    assert words_from_address(sealed_for_address(words)) == words


@pytest.mark.parametrize("other", ["okafor", "AQ", "!", "ä", "A" * 300, ""])
def test_what_was_not_sealed_here_is_no_words(other):
    assert words_from_address(other) == ""


def test_no_more_goes_into_an_address_than_can_be_typed():
    assert len(words_from_address(sealed_for_address("a" * 5000))) == LONGEST_IN_ADDRESS
