"""Finding a medicine by its name on the box."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.models import Medication, MedicationClass
from clients.services.medications import find_medications
from clients.services.reference import load_reference
from clients.spelling import Speller, key_of, slips, slips_allowed, words_of
from tests.clients.conftest import rows

LETTERS = st.text("abc", max_size=6)


def plain_slips(one, other):
    """The definition, letter by letter."""
    if not one or not other:
        return len(one) + len(other)
    ways = [
        plain_slips(one[1:], other) + 1,
        plain_slips(one, other[1:]) + 1,
        plain_slips(one[1:], other[1:]) + (one[0] != other[0]),
    ]
    if len(one) > 1 and len(other) > 1 and one[0] == other[1] and one[1] == other[0]:
        ways.append(plain_slips(one[2:], other[2:]) + 1)
    return min(ways)


@pytest.mark.unit
class TestSpelling:
    @pytest.mark.parametrize(
        ("typed", "words"),
        [
            ("Co-codamol 8/500", "co codamol 8 500"),
            ("  ŒSTRADIOL® ", "œstradiol"),
            ("Ménière's", "meniere s"),
            ("ＡＢＣ", "abc"),
            ("vitamin_D", "vitamin d"),
            ("…", ""),
        ],
    )
    def test_case_accents_and_punctuation_make_no_difference(self, typed, words):
        assert words_of(typed) == words
        assert key_of(typed) == words.replace(" ", "")

    @pytest.mark.parametrize(
        ("one", "other", "count"),
        [("", "", 0), ("abc", "", 3), ("warfrin", "warfarin", 1), ("metfromin", "metformin", 1), ("diklofenak", "diclofenac", 2)],
    )
    def test_slips_are_counted(self, one, other, count):
        assert slips(one, other, 5) == slips(other, one, 5) == count
        assert slips(one, other, count) == count
        assert slips(one, other, count - 1) is None

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.text("abc", min_size=4, max_size=6), max_size=6), LETTERS)
    def test_whoever_looks_at_every_word_finds_the_same(self, words, typed):
        most = slips_allowed(len(typed))

        expected = {word: plain_slips(typed, word) for word in words if plain_slips(typed, word) <= most}

        assert Speller(words).meant(typed) == expected


@pytest.mark.integration
@pytest.mark.django_db
class TestSearch:
    @pytest.fixture(autouse=True)
    def medicines(self, db):
        load_reference()  # all 4,213: what else is in the list decides what is found

    def names(self, typed):
        return [found.name for found in find_medications(typed)]

    @pytest.mark.parametrize("typed", ["eliq", "ELIQUIS", "  eliquis.", "Elíquis"])
    def test_what_begins_so_comes_first(self, typed):
        assert self.names(typed)[0] == "Eliquis"

    @pytest.mark.parametrize(
        ("typed", "name"),
        [
            ("warfrin", "warfarin"),
            ("Elliquis", "Eliquis"),
            ("metfromin", "metformin"),
            ("ibuprofin", "ibuprofen"),
            ("amoxicilin", "amoxicillin"),
            ("parasetamol", "paracetamol"),
            ("diklofenak", "diclofenac"),
            ("cocodamol", "Co-codamol"),
            ("st johns wort", "St. John's wort"),
        ],
    )
    def test_near_spellings_are_offered(self, typed, name):
        assert self.names(typed)[0] == name

    def test_a_later_word_is_found_too(self):
        assert "abacavir / dolutegravir / lamivudine" in self.names("dolutegravir")

    def test_one_name_stands_there_once_for_each_route(self):
        assert [(found.name, found.route) for found in find_medications("diclofenac")][:4] == [
            ("diclofenac", "eye_ear"), ("diclofenac", "oral"), ("diclofenac", "patch"), ("diclofenac", "topical"),
        ]  # fmt: skip

    def test_what_it_is_stands_beside_it_in_plain_words(self):
        found = find_medications("eliquis")[0]

        assert (found.ingredients, found.kinds) == ("apixaban", ("Blood thinner (anticoagulant)",))
        assert found.route_label == "tablet, capsule or liquid"
        assert find_medications("levothyroxine")[0].kinds == ()

    @pytest.mark.parametrize("typed", ["", "a", "…", "zzxyq", "%", "__"])
    def test_nothing_is_found_for_nothing(self, typed):
        assert self.names(typed) == []

    def test_a_name_the_desk_adds_is_found_at_once_and_near(self):
        assert "Zorbatium" not in self.names("zorbatum")

        Medication.objects.create(
            name="Zorbatium", route="oral", key="zorbatium", words="zorbatium", generic_name="x", class_codes=["GENERAL"]
        )

        assert self.names("zorbatum") == ["Zorbatium"]

    def test_every_one_of_the_names_finds_itself_first(self):
        for name in {row["name"] for row in rows("medications.csv")[::40]}:
            assert key_of(find_medications(name)[0].name) == key_of(name)


def test_what_to_ask_about_a_class_names_other_classes_in_words(intake):
    asked = MedicationClass.objects.get(code="ANTICOAG").escalate_to_stop_if

    assert "also takes antiplatelet" in asked
    assert "clot (DVT or PE) in the past 6 months" in asked
