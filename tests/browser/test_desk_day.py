"""A day at the front desk: six calls in a row in one practice, each from the board, with every press and every field counted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from booking.enums import AppointmentStatus, OfferReason, WishState
from booking.models import Appointment, AuditEntry, Notification, Offer, Repair, Series, WaitlistEntry
from booking.services.appointments import book_appointment
from booking.services.changes import cancel_sessions
from booking.services.repairs import lapse_repairs
from clients.roles import FRONT_DESK, MANAGER, permissions_of
from clients.services.accounts import hand_out
from tests.factories import ClientFactory, UserFactory
from therapists.models import HoursOverride, TimeOff

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TODAY, TOMORROW = date(2027, 2, 1), date(2027, 2, 2)
#: The first Tuesday of the course, its second, and the Wednesday to which that one moves.
FIRST, SECOND, INSTEAD = date(2027, 2, 9), date(2027, 2, 16), date(2027, 2, 17)
#: Further ahead than anybody may book.
FAR = date(2027, 5, 10)
#: Presses after which the page that a call is about has to be there, whichever call it is.
NEAR = 2


@dataclass
class Hand:
    """Finn's hand: every press of the mouse or of a single key counts, and every field that is typed or chosen."""

    page: Page
    presses: int = 0
    fields: int = 0

    def press(self, where: Locator) -> None:
        where.click()
        self.page.wait_for_load_state()
        self.presses += 1

    def key(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.page.wait_for_load_state()
        self.presses += 1

    def type(self, label: str, words: str) -> None:
        self.page.get_by_label(re.compile(rf"^\s*{label}\W*$")).fill(words)
        self.fields += 1

    def choose(self, label: str, word: str) -> None:
        self.page.get_by_label(label, exact=True).select_option(label=word)
        self.fields += 1

    def find(self, words: str) -> None:
        """The search has the focus when it opens and hears all that is typed at once, so that it is asked once."""
        expect(self.page.locator("input[type=search]:focus")).to_be_visible()
        self.page.wait_for_load_state()
        self.page.keyboard.insert_text(words)
        self.fields += 1

    def link(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=re.compile(name))

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=re.compile(name))


@dataclass
class Desk:
    """The desk's browser; ``figures`` are the presses and fields of each call."""

    visitor: object
    hand: Hand

    @contextmanager
    def call(self, *, presses: int, fields: int) -> Iterator[Hand]:
        """A call from the board until somebody has been told; at most so many presses and fields."""
        self.hand.page.goto(self.visitor.address + "/desk/")
        self.hand.presses = self.hand.fields = 0
        yield self.hand
        assert self.hand.presses <= presses, "presses"
        assert self.hand.fields <= fields, "fields"

    def is_at(self, heading: str) -> None:
        """What the call is about is there, and it was near."""
        assert self.hand.presses <= NEAR
        expect(self.hand.page.get_by_role("heading", level=1)).to_contain_text(heading)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), UTC)


def told(name: str) -> list[str]:
    """The kinds of notice that wait to be sent to somebody."""
    return sorted(Notification.objects.filter(client__name=name).values_list("kind", flat=True).distinct())


def starts(name: str) -> list[str]:
    """Where somebody's sessions are: day, wall time and therapist."""
    found = Appointment.objects.upcoming(timezone.now()).filter(client__name=name).select_related("therapist")
    return [f"{each.local_date:%d %b} {each.local_time:%H:%M} {each.therapist.first_name}" for each in found]


@pytest.fixture
def day(practice, with_form):
    """Monday at eight. Cleo comes to Tess at nine today, Dana at ten; Emil has the only hour that Jonas gives tomorrow."""
    people = {
        name.split()[0].lower(): ClientFactory(user__name=name)
        for name in ("Cleo Marsh", "Dana Wirth", "Emil Novak", "Greta Holm")
    }
    hand_out(practice.finn, FRONT_DESK)
    practice.finn.user_permissions.clear()
    HoursOverride.objects.create(therapist=practice.jonas, applies_on=TOMORROW, opens=time(9), closes=time(9, 30))
    before = timezone.now() - timedelta(days=3)
    for name, therapist, starts_at in (
        ("cleo", practice.tess, at(TODAY, 9)),
        ("dana", practice.tess, at(TODAY, 10)),
        ("emil", practice.jonas, at(TOMORROW, 9)),
        ("emil", practice.tess, at(FIRST, 10)),
    ):
        facts = {"client": people[name], "therapist": therapist, "treatment": practice.treatment, "starts_at": starts_at}
        book_appointment(**facts, by=practice.finn, now=before)
    return people


@pytest.fixture
def desk(signed_in):
    def arrive(user, **options):
        visitor = signed_in(user, **options)
        return Desk(visitor, Hand(visitor.page))

    return arrive


@pytest.fixture
def nia(practice):
    """At the desk like Finn, but she may lift no rule."""
    nia = UserFactory(name="Nia Desk", email="nia@example.org", is_staff=True)
    codes = {name.partition(".")[2] for name in permissions_of(FRONT_DESK)} - {"override_rules"}
    nia.user_permissions.set(Permission.objects.filter(codename__in=codes))
    return nia


@pytest.fixture
def mina():
    """The manager, who sits at another desk."""
    mina = UserFactory(name="Mina Vale", email="mina@example.org", is_staff=True)
    hand_out(mina, MANAGER)
    return mina


def test_six_calls_of_a_day(desk, day, practice, mina, nia):
    finns = desk(practice.finn)

    a_weekly_course(finns)
    one_date_moves(finns)
    nothing_suits_so_they_wait(finns, day, practice)
    somebody_walks_in(finns)
    a_therapist_is_ill(desk(practice.finn, width=360, scheme="dark"))
    whoever_did_not_answer_is_asked_again(finns)
    an_angry_caller(finns, day, practice, mina)
    the_same_caller_at_somebody_without_the_right(desk(nia))


def a_weekly_course(desk):
    """Ada, heard badly, wants four Tuesdays at nine with Tess."""
    with desk.call(presses=5, fields=4) as hand:
        hand.press(hand.link("Find a client"))
        hand.find("okafro")
        hand.press(hand.link("^Book Ada Okafor"))
        desk.is_at("Book for Ada Okafor")
        expect(hand.page.get_by_label("Treatment")).to_be_focused()

        hand.choose("How often", "Weekly")
        hand.type("Day", FIRST.isoformat())
        hand.type("At", "09:00")
        expect(hand.page.locator(".answer")).to_contain_text("Tess Oduya, Tue 9 Feb, 9:00: free.")
        hand.press(hand.button("^Plan from there ?: Tess Oduya"))
        desk.visitor.look("4 dates at 9:00")
        expect(hand.page.get_by_text("minutes left")).to_be_visible()
        assert Appointment.objects.filter(status=AppointmentStatus.HELD).count() == 4
        hand.press(hand.link("Take these 4 dates"))
        hand.press(hand.button("Book 4 sessions"))

        expect(hand.page.get_by_text("Booked. Ada Okafor is told of 4 sessions.")).to_be_visible()
    assert starts("Ada Okafor") == ["09 Feb 09:00 Tess", "16 Feb 09:00 Tess", "23 Feb 09:00 Tess", "02 Mar 09:00 Tess"]
    assert Series.objects.get().client.name == "Ada Okafor"
    assert told("Ada Okafor") == ["confirmation"]


def one_date_moves(desk):
    """Ada again: the second Tuesday does not suit, the Wednesday after it does."""
    with desk.call(presses=4, fields=1) as hand:
        hand.press(hand.link("Find a client"))
        hand.find("okafor")
        hand.press(hand.link("^Tue 16 Feb, 9:00"))
        desk.is_at("Ada Okafor, Two areas")

        hand.press(hand.link("^Wed 17"))
        hand.press(hand.page.get_by_role("group", name="Tess Oduya").get_by_role("button", name="10:00"))

        said = "Finn Desk moved it from Tuesday 16 February, 9:00 to Wednesday 17 February, 10:00."
        expect(hand.page.get_by_role("status").filter(has_text=said)).to_be_visible()
        expect(hand.page.get_by_role("region", name="What happened")).to_contain_text(said)
    assert starts("Ada Okafor") == ["09 Feb 09:00 Tess", "17 Feb 10:00 Tess", "23 Feb 09:00 Tess", "02 Mar 09:00 Tess"]
    assert told("Ada Okafor") == ["changed", "confirmation"]
    assert AuditEntry.objects.filter(action="moved").get().by.name == "Finn Desk"


def nothing_suits_so_they_wait(desk, day, practice):
    """Bo wants Jonas tomorrow, who is full. Emil cancels online; the gap on the board is offered to Bo."""
    with desk.call(presses=4, fields=3) as hand:
        hand.press(hand.link("Find a client"))
        hand.find("lindq")
        hand.press(hand.link("^Book Bo Lindqvist"))
        desk.is_at("Book for Bo Lindqvist")
        hand.choose("With", "Jonas Brandt")
        hand.type("Day", TOMORROW.isoformat())
        expect(hand.page.get_by_text("Nothing is free on this day.")).to_be_visible()
        hand.press(hand.link("Nothing suits: put them on the waiting list"))
        desk.visitor.look("Waiting list: Bo Lindqvist")
        hand.press(hand.button("Put on the waiting list"))

        expect(hand.page.get_by_text("Bo Lindqvist is on the waiting list, and hears from us")).to_be_visible()
    entry = WaitlistEntry.objects.get()
    assert (entry.client, entry.by, entry.latest_on, entry.state) == (practice.bo, practice.finn, TOMORROW, WishState.WAITING)

    now = timezone.now()
    [emils] = Appointment.objects.filter(client=day["emil"], local_date=TOMORROW)
    cancel_sessions([emils], by=day["emil"].user, now=now)
    with desk.call(presses=3, fields=0) as hand:
        hand.key("n")
        hand.press(hand.link("9:00 free.*Bo Lindqvist"))
        desk.is_at("Offer a time to Bo Lindqvist")
        hand.press(hand.button("Offer this time"))
        expect(hand.page.get_by_text("Offered to Bo Lindqvist, held until")).to_be_visible()
    offer = Offer.objects.get()
    assert (offer.client, offer.reason, offer.starts_at) == (practice.bo, OfferReason.DESK, at(TOMORROW, 9))
    assert told("Bo Lindqvist") == ["offer"]


def somebody_walks_in(desk):
    """Greta stands there: the first therapist and room now, one press once it is known who she is."""
    with desk.call(presses=4, fields=1) as hand:
        hand.key("w")
        hand.find("greta")
        hand.key("Enter")
        hand.press(hand.link("^Now Greta Holm"))
        hand.press(hand.button("^Book ?: Two areas"))
        expect(hand.page.get_by_text("Booked: Greta Holm at 9:00 with Jonas Brandt")).to_be_visible()
        desk.visitor.look("Monday 1 February")
    assert starts("Greta Holm") == ["01 Feb 09:00 Jonas"]


def a_therapist_is_ill(desk):
    """Tess calls in sick while Finn has only the phone in his hand. Her two clients are asked at once; Cleo rings back."""
    with desk.call(presses=6, fields=0) as hand:
        hand.press(hand.link("^Away ?: Tess Oduya"))
        desk.is_at("Add time off")
        hand.press(hand.page.get_by_role("button", name="Save", exact=True))
        desk.visitor.look("Sessions would break")
        assert not TimeOff.objects.exists()
        hand.press(hand.button("Save and ask 2 clients"))
        desk.visitor.look("Monday 1 February")
        expect(hand.page.get_by_text("2 clients were asked.")).to_be_visible()
        assert TimeOff.objects.get().therapist.name == "Tess Oduya"
        assert (told("Cleo Marsh"), told("Dana Wirth")) == (["confirmation", "repair"], ["confirmation", "repair"])

        hand.press(hand.link("See who has not answered"))
        expect(hand.page.get_by_role("row").filter(has_text="Dana Wirth")).to_be_visible()
        hand.press(hand.link("Cleo Marsh"))
        hand.press(hand.button("They take the proposal"))
        expect(hand.page.get_by_text("Taken for the client. They are told by mail.")).to_be_visible()
    assert starts("Cleo Marsh") != ["01 Feb 09:00 Tess"]
    assert told("Cleo Marsh") == ["changed", "confirmation", "repair"]


def whoever_did_not_answer_is_asked_again(desk):
    """Dana let the proposal lapse; with her everybody like her gets a new one."""
    lapse_repairs(timezone.now() + timedelta(days=2))
    with desk.call(presses=4, fields=0) as hand:
        hand.press(hand.link("^To do"))
        hand.press(hand.link("Broken by leave"))
        desk.is_at("To do")
        hand.press(hand.link("Tick all"))
        hand.press(hand.button("Look for new proposals for the chosen"))
        expect(hand.page.get_by_text("1 new proposal was sent.")).to_be_visible()
    assert list(Repair.objects.unsettled().values_list("client__name", "state")) == [("Dana Wirth", "open")]
    assert Notification.objects.filter(client__name="Dana Wirth", kind="repair").count() == 2


def an_angry_caller(desk, day, practice, mina):
    """Greta wants what Emil has, then a day that nobody may book yet. A reason lifts that, but not where Mina was faster."""
    with desk.call(presses=4, fields=8) as hand:
        hand.press(hand.link("Find a client"))
        hand.find("holm")
        hand.press(hand.link("^Book Greta Holm"))
        desk.is_at("Book for Greta Holm")
        wants(hand, "Tess Oduya", FIRST, "10:00")
        answer = hand.page.locator(".answer")
        expect(answer).to_contain_text("Emil Novak is with Tess Oduya from 10:00 to 10:30 (Two areas)")
        expect(answer).to_contain_text("Nothing lifts this: no time is given twice.")
        expect(hand.button("all the same")).to_have_count(0)

        wants(hand, "Tess Oduya", FAR, "10:00")
        expect(answer).to_contain_text("A reason lifts this.")
        desk.visitor.look("Book for Greta Holm")
        facts = {"client": day["emil"], "therapist": practice.tess, "treatment": practice.treatment}
        book_appointment(**facts, starts_at=at(FAR, 9), by=mina, now=timezone.now(), override_reason="he moves abroad")
        hand.type("Reason to lift the rule", "she flies out that week")
        hand.press(hand.button("Book it all the same"))
        desk.visitor.look("Book for Greta Holm")
        expect(answer).to_contain_text("Emil Novak is with Tess Oduya from 10:00 to 10:30 (Two areas)")
        assert starts("Greta Holm") == ["01 Feb 09:00 Jonas"]

        wants(hand, "Tess Oduya", FAR, "11:00")
        hand.type("Reason to lift the rule", "she flies out that week")
        hand.press(hand.button("Book it all the same"))
        expect(hand.page.get_by_text("Booked. Greta Holm is told of 1 session.")).to_be_visible()
        expect(hand.page.get_by_role("region", name="What happened")).to_contain_text("Reason: “she flies out that week”.")
    assert starts("Greta Holm") == ["01 Feb 09:00 Jonas", "10 May 11:00 Tess"]
    assert AuditEntry.objects.get(appointment__local_date=FAR, appointment__client__name="Greta Holm").by.name == "Finn Desk"


def wants(hand, who, day, clock):
    """The caller names a time, of which what stands there from before is not typed again."""
    for label, words in (("Day", day.isoformat()), ("At", clock)):
        if hand.page.get_by_label(label, exact=True).input_value() != words:
            hand.type(label, words)
    if hand.page.get_by_label("With", exact=True).locator("option:checked").inner_text() != who:
        hand.choose("With", who)
    expect(hand.page.locator(".answer")).to_contain_text(f"{who}, {day:%a} {day.day} {day:%b}, {clock}: not offered.")


def the_same_caller_at_somebody_without_the_right(desk):
    with desk.call(presses=2, fields=3) as hand:
        hand.press(hand.link("Find a client"))
        hand.find("holm")
        hand.press(hand.link("^Book Greta Holm"))
        wants(hand, "Tess Oduya", FAR, "12:00")
        expect(hand.page.locator(".answer")).to_contain_text("Whoever may lift rules can do it all the same, with a reason.")
        expect(hand.button("all the same")).to_have_count(0)
        expect(hand.link("Walk-in")).to_have_count(0)
