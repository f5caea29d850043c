"""Waiting and answering, over the test client: by link and signed in, and what a page says when it is too late."""

from __future__ import annotations

import html
import re
from datetime import date, time, timedelta

import pytest
import time_machine
from django.template.loader import render_to_string
from django.urls import reverse

from booking.enums import AppointmentStatus, OfferState, WishState
from booking.models import Appointment, Offer, WaitlistEntry
from booking.notifications.delivery import send_due
from booking.services.changes import Move, cancel_sessions, move_sessions
from booking.services.waitlist import lapse_offers, offer_freed, wish
from booking.views.waitlist import waiting_context
from tests.booking.conftest import NINE
from tests.factories import TreatmentFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
JOIN = reverse("booking:wish")


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def offered(practice, book, now):
    """Bo waits, Ada cancels, and Bo is offered Tuesday 9 March, 9:00."""

    def offered(**change):
        facts = {"earliest_on": NINE.date(), "latest_on": NINE.date()} | change
        wish(client=practice.bo, treatment=practice.treatment, by=None, now=now, **facts)
        cancel_sessions([book()], by=practice.finn, now=now)
        offer_freed(now)
        return Offer.objects.get(client=practice.bo)

    return offered


def link_in(mailoutbox, now):
    """The way of the link in the mail of the offer."""
    send_due(now)
    [message] = [each for each in mailoutbox if each.subject.startswith("Free for you")]
    return re.search(r"https?://[^/]+(/l/\S+)", message.body)[1]


def text(page):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.content.decode())).split())


def asked(practice, **change):
    return {
        "treatment": practice.treatment.pk,
        "therapists": [practice.tess.pk],
        "weekdays": ["1", "3"],
        "part": "afternoon",
        "earliest_on": "2027-03-08",
        "latest_on": "2027-03-19",
    } | change


def test_the_times_page_leads_to_the_waiting_list_with_what_was_looked_at(client, practice):
    client.force_login(practice.bo.user)
    saturday = f"{reverse('booking:when')}?treatment={practice.treatment.pk}&therapist={practice.tess.pk}&day=2027-03-13"

    page = client.get(saturday).content.decode()
    link = html.unescape(re.search(r'href="(/waitlist/[^"]+)"', page)[1])
    form = client.get(link).content.decode()

    assert "Nothing is free on this day" in page
    assert 'value="2027-03-13"' in form
    assert re.search(rf'<input[^>]*value="{practice.tess.pk}"[^>]*checked', form)


def test_a_client_joins_and_the_wish_is_as_asked(client, practice):
    client.force_login(practice.bo.user)

    answer = client.post(JOIN, asked(practice))

    assert (answer.status_code, answer["Location"]) == (302, reverse("booking:sessions"))
    entry = WaitlistEntry.objects.get()
    assert (entry.client, entry.by, list(entry.therapists.all())) == (practice.bo, practice.bo.user, [practice.tess])
    assert (entry.weekdays, entry.starts_from, entry.starts_until) == ([1, 3], time(12), time(17))
    assert (entry.earliest_on, entry.latest_on) == (date(2027, 3, 8), date(2027, 3, 19))


def test_who_joins_is_told_when_such_a_time_is_free_already(client, practice):
    client.force_login(practice.bo.user)

    page = client.post(JOIN, asked(practice), follow=True)

    assert "a time like this is free now: Tuesday 9 March, 12:00" in text(page)


def test_whoever_is_not_known_is_told_to_sign_in_or_book(client, practice):
    assert "Who is waiting?" in text(client.get(JOIN))

    assert client.post(JOIN, asked(practice)).status_code == 403
    assert not WaitlistEntry.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        pytest.param({"latest_on": "2027-03-01"}, "The last day is before the first", id="days reversed"),
        pytest.param({"part": "midnight"}, "Something is missing", id="a part of the day that is none"),
        pytest.param({"therapists": ["4ad3f0f0-0000-4000-8000-000000000000"]}, "Something is missing", id="nobody we know"),
    ],
)
def test_a_wrong_wish_is_explained_and_nothing_is_stored(client, practice, wrong, said):
    client.force_login(practice.bo.user)

    answer = client.post(JOIN, asked(practice, **wrong))

    assert answer.status_code == 422
    assert said in text(answer)
    assert not WaitlistEntry.objects.exists()


def test_a_therapist_who_does_not_give_the_treatment_is_a_conflict(client, practice):
    practice.treatment.therapists.set([practice.jonas])
    TreatmentFactory(name="Other", by=[practice.tess])
    client.force_login(practice.bo.user)

    answer = client.post(JOIN, asked(practice))

    assert answer.status_code == 409
    assert "does not give this treatment" in text(answer)


def test_earlier_than_a_session_of_theirs(client, practice, book, now):
    session = book(client=practice.bo)
    client.force_login(practice.bo.user)
    address = reverse("booking:wish_earlier", args=[session.pk])

    assert "Earlier than Tuesday 9 March" in text(client.get(address))
    answer = client.post(address, {"part": "any"})

    entry = WaitlistEntry.objects.get()
    assert answer.status_code == 302
    assert (entry.instead_of, entry.latest_on, entry.earliest_on) == (session, NINE.date(), now.date())
    cancel_sessions([session], by=practice.finn, now=now)
    assert client.get(address).status_code == 404


def test_a_wish_is_withdrawn_once_and_for_all(client, practice, offered):
    offer = offered()
    client.force_login(practice.bo.user)
    address = reverse("booking:withdraw_wish", args=[offer.entry_id])

    for _ in range(2):
        assert client.post(address).status_code == 302

    assert WaitlistEntry.objects.get().state == WishState.WITHDRAWN
    assert "no longer stands" in text(client.get(reverse("booking:offer", args=[offer.pk])))


def test_from_the_link_in_the_mail_it_is_one_tap(client, practice, offered, now, mailoutbox):
    offer = offered()
    link = link_in(mailoutbox, now)

    page = client.get(link, follow=True)
    assert Offer.objects.get().state == OfferState.OPEN  # looking changes nothing
    assert "A time is free for you, Bo" in text(page)
    answer = client.post(reverse("booking:offer", args=[offer.pk]), {"answer": "take"}, follow=True)

    assert "It is yours. See you on Tuesday, Bo." in text(answer)
    appointment = Appointment.objects.get(status=AppointmentStatus.BOOKED)
    assert (appointment.client, appointment.starts_at) == (practice.bo, NINE)
    again = client.post(reverse("booking:offer", args=[offer.pk]), {"answer": "take"}, follow=True)
    assert "It is yours" in text(again)
    assert Appointment.objects.filter(client=practice.bo).count() == 1
    assert "It is yours" in text(client.get(link, follow=True))


def test_saying_no_passes_it_on(client, practice, offered):
    offer = offered()
    client.force_login(practice.bo.user)

    page = client.post(reverse("booking:offer", args=[offer.pk]), {"answer": "no"}, follow=True)

    assert "The time goes to the next person. You keep your place on the waiting list." in text(page)
    offer.refresh_from_db()
    assert (offer.state, offer.by) == (OfferState.DECLINED, practice.bo.user)


@pytest.mark.parametrize("seen", [True, False], ids=["seen by the worker", "not yet seen by the worker"])
def test_too_late_is_said_plainly(client, practice, offered, now, clock, seen):
    offer = offered()
    client.force_login(practice.bo.user)
    clock.move_to(now + 30 * MINUTE)
    if seen:
        lapse_offers(now + 30 * MINUTE)

    page = client.post(reverse("booking:offer", args=[offer.pk]), {"answer": "take"}, follow=True)

    assert "The time to answer is over" in text(page)
    assert "Tuesday 9 March, 9:00 went on to the next person." in text(page)
    assert not Appointment.objects.filter(client=practice.bo).exists()


def test_a_session_booked_at_that_time_meanwhile_is_named_and_nothing_happens(client, practice, offered, book):
    offer = offered()
    book(client=practice.bo, therapist=practice.jonas)
    client.force_login(practice.bo.user)

    answer = client.post(reverse("booking:offer", args=[offer.pk]), {"answer": "take"})

    assert answer.status_code == 409
    assert "You already have a session at this time" in text(answer)
    assert Offer.objects.get().state == OfferState.OPEN


def test_what_it_takes_the_place_of_is_said_before_and_after(client, practice, offered, book, now):
    session = book(client=practice.bo, starts_at=NINE + DAY)
    offer = offered(instead_of=session, earliest_on=now.date(), latest_on=session.local_date)
    client.force_login(practice.bo.user)
    address = reverse("booking:offer", args=[offer.pk])

    assert "It takes the place of Wednesday 10 March, 9:00 with Tess Oduya" in text(client.get(address))
    page = client.post(address, {"answer": "take"}, follow=True)

    assert "Your session has moved here" in text(page)


def test_after_a_move_the_page_of_an_accepted_offer_shows_the_session_where_it_is(client, practice, offered, now):
    offer = offered()
    client.force_login(practice.bo.user)
    address = reverse("booking:offer", args=[offer.pk])
    client.post(address, {"answer": "take"})

    move_sessions([Move(Offer.objects.get().appointment, practice.tess.pk, NINE + DAY)], by=practice.finn, now=now)

    assert "See you on Wednesday" in text(client.get(address))


def test_what_somebody_waits_for_can_be_listed_on_any_page_of_theirs(rf, practice, offered, now):
    offered(weekdays=[1], starts_until=time(12))
    request = rf.get("/")
    request.user, request.session = practice.bo.user, {}

    context = waiting_context(request, now)
    parts = ("booking/_open_offers.html", "booking/_waiting.html")
    listed = " ".join(render_to_string(part, context, request=request) for part in parts)

    words = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", listed)).split())
    assert "Tuesday 9 March, 9:00 is free for you" in words
    assert "Tue 9 Mar Two areas with anyone suitable Tuesday, until 12:00" in words
    request.user = practice.ada.user
    assert waiting_context(request, now) == {"wishes": [], "open_offers": []}


def test_the_link_of_a_notice_to_the_desk_makes_nobody_a_client(client, practice, offered, now, mailoutbox):
    """A notice about a client that went to another address must not let its reader wait in the client's name."""
    offer = offered()
    offer.notifications.update(recipient="desk@example.org")

    client.get(link_in(mailoutbox, now))

    assert client.post(JOIN, asked(practice)).status_code == 403
