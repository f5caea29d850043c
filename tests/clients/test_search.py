"""Whom the desk finds by what a caller says, and whom it does not."""

from __future__ import annotations

import pytest

from clients.services.search import MOST_ROWS, find_clients
from tests.factories import ClientFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def people():
    for name, email, phone in (
        ("Zoë Müller-Strauß", "zoe@example.org", "+491715550142"),
        ("Alex Moreno", "alex.moreno@web.example", "+441715550199"),
        ("Samuel Morgan", "sam@example.org", ""),
        ("Ida Noor", "noor@example.org", "+442079460018"),
        ("Jo Li", "jo.li@example.org", "+442079460777"),
    ):
        ClientFactory(user__name=name, user__email=email, phone=phone)


def names(typed, **more):
    return [client.name for client in find_clients(typed, **more)]


@pytest.mark.parametrize(
    "typed",
    [
        "zoe muller",
        "ZOË MÜLLER",
        "Müller, Zoë",
        "strauss muller",
        "muller-str",
        "traus",
        "Mülelr",
        "Muler",
        "Mulller",
        "Mumler",
        "Starauss Mullre",
        "0142",
        "0171 555 0142",
        "+49 171 / 5550142",
        "zoe@example.org",
        "zoe@exam",
    ],
)
def test_somebody_is_found_without_accents_in_any_order_by_a_part_with_a_slip_by_phone_and_by_mail(typed):
    assert names(typed) == ["Zoë Müller-Strauß"]


@pytest.mark.parametrize("typed", ["Mxxler", "Zoe Moreno", "Mller Morgan", "0143", "zoe@web", "m", "", " ,;", "%", "_o", "\0"])
def test_nobody_is_found_by_two_slips_in_a_word_by_words_of_two_people_or_by_a_single_letter(typed):
    assert names(typed) == []


def test_a_slip_is_forgiven_only_where_nobody_is_written_so():
    assert names("Moreno") == ["Alex Moreno"]
    ClientFactory(user__name="Ida Morena", phone="")

    assert names("Moreno") == ["Alex Moreno"]
    assert names("Morenp") == ["Ida Morena", "Alex Moreno"]


def test_a_short_word_has_to_be_right():
    assert names("jo li") == ["Jo Li"]
    assert names("ju li") == []


def test_who_is_called_just_so_comes_first_and_then_whoever_begins_so():
    ClientFactory(user__name="Mor", phone="")
    ClientFactory(user__name="Elmore Ito", user__email="ito@example.org", phone="")

    assert names("mor") == ["Mor", "Alex Moreno", "Samuel Morgan", "Elmore Ito"]


def test_the_zeros_that_the_end_of_a_phone_number_begins_with_are_looked_for():
    assert names("0018") == ["Ida Noor"]
    assert names("0118") == []


def test_there_are_never_more_than_fit():
    for number in range(MOST_ROWS + 3):
        ClientFactory(user__name=f"Nadia {number}", phone="")

    assert len(names("nadia")) == MOST_ROWS
    assert len(names("nadia", limit=3)) == 3


def test_who_is_renamed_is_found_by_the_new_name():
    [alex] = find_clients("alex moreno")
    alex.name = "Alex Ibarra"
    alex.email = "alex@example.org"
    alex.save()

    assert names("ibarra") == ["Alex Ibarra"]
    assert names("moreno") == []
