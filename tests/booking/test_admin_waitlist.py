"""The waitlist at the desk: what Finn sees and may do with the permissions he was given."""

from __future__ import annotations

import html
import re
from datetime import date, timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.urls import reverse

from booking.enums import OfferReason
from booking.models import FreedTime, Offer, WaitlistEntry
from booking.services.appointments import book_appointment
from booking.services.changes import cancel_sessions
from booking.services.waitlist import accept_offer, offer_freed, wish, withdraw_wish
from clients.crypto import sealed_for_address
from tests.booking.conftest import NINE
from tests.factories import ClientFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

LIST = reverse("admin:booking_waitlistentry_changelist")


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def desk(client, practice):
    """Finn, who may look at the waitlist and offer by hand."""
    seen = ("view_waitlistentry", "view_offer", "view_freedtime", "view_appointment", "add_offer")
    practice.finn.user_permissions.set(Permission.objects.filter(codename__in=seen))
    client.force_login(practice.finn)
    return client


@pytest.fixture
def waits(practice, now):
    def waits(who=None, days_ago=0, **change):
        facts = {"treatment": practice.treatment, "earliest_on": NINE.date(), "latest_on": NINE.date()} | change
        return wish(client=who or practice.bo, by=None, now=now - timedelta(days=days_ago), **facts)

    return waits


def text(page):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.content.decode())).split())


def page_of(entry):
    return reverse("admin:booking_waitlistentry_offer", args=[entry.pk])


def test_the_list_says_who_waits_for_what_and_how_long(desk, waits, practice):
    waits(days_ago=3, therapists=[practice.tess], weekdays=[1])
    over = waits(ClientFactory(user__name="Cem Aydin", user__email="cem@example.org"), days_ago=9)
    withdraw_wish(over, by=None, now=NINE)

    seen = text(desk.get(LIST))

    assert seen.index("Bo Lindqvist") < seen.index("Cem Aydin")  # those who still wait come first
    assert "Tess Oduya Tuesday, any time" in seen
    assert "3\xa0days" in desk.get(LIST).content.decode()
    assert "Cem Aydin" not in text(desk.get(f"{LIST}?q={sealed_for_address('lindqvist')}"))
    assert "Bo Lindqvist" not in text(desk.get(LIST + "?state__exact=withdrawn"))


def test_the_desk_chooses_from_the_times_that_suit_and_are_free(desk, waits, practice, now):
    book_appointment(
        client=practice.ada, therapist=practice.tess, treatment=practice.treatment, starts_at=NINE, by=practice.finn, now=now
    )
    entry = waits(therapists=[practice.tess])

    page = desk.get(page_of(entry)).content.decode()
    values = re.findall(r'<option value="([^"]+)"', page)
    answer = desk.post(page_of(entry), {"start": values[0]}, follow=True)

    assert "Tuesday 9 March" in page
    assert "Tue 9 Mar, 9:45, Tess Oduya" in page
    assert "9:00, Tess" not in page
    assert "Jonas" not in page
    offer = Offer.objects.get()
    assert (offer.entry, offer.reason, offer.made_by) == (entry, OfferReason.DESK, practice.finn)
    assert "Offered to Bo Lindqvist, held until Mon 1 Feb 2027, 08:30 (Europe/London)." in text(answer)


def test_from_a_gap_of_the_board_its_first_start_is_chosen_and_the_desk_goes_back_to_the_day(desk, waits, practice):
    entry = waits(latest_on=NINE.date() + timedelta(days=9))
    asked = f"{page_of(entry)}?therapist={practice.tess.pk}&day=2027-03-11&minute=790"

    page = desk.get(asked).content.decode()
    [chosen] = re.findall(r'<option value="([^"]+)" selected>([^<]+)<', page)
    answer = desk.post(asked, {"start": chosen[0]})

    assert chosen[1] == "Thu 11 Mar, 13:15, Tess Oduya"
    assert "Tue 9 Mar" not in page
    assert answer.url == f"{reverse('admin:index')}?date=2027-03-11"
    assert Offer.objects.get().starts_at == NINE + timedelta(days=2, hours=4, minutes=15)


def test_a_time_that_was_taken_meanwhile_is_refused_in_words(desk, waits, practice, now):
    entry = waits()
    value = f"{practice.tess.pk}/{int(NINE.timestamp()) // 60}"
    book_appointment(
        client=practice.ada, therapist=practice.tess, treatment=practice.treatment, starts_at=NINE, by=practice.finn, now=now
    )

    answer = desk.post(page_of(entry), {"start": value})

    assert answer.status_code == 422
    assert "This time is no longer free" in text(answer)
    assert not Offer.objects.exists()


def test_at_night_the_desk_is_told_that_nobody_could_answer(desk, waits, practice, now, clock):
    entry = waits()
    clock.move_to(now + timedelta(hours=15))

    answer = desk.post(page_of(entry), {"start": f"{practice.tess.pk}/{int(NINE.timestamp()) // 60}"})

    assert "Nobody could answer in time" in text(answer)
    assert not Offer.objects.exists()


def test_who_may_not_offer_sees_the_list_and_no_way_to(desk, waits, practice):
    entry = waits()
    assert "Offer a time" in text(desk.get(LIST))
    practice.finn.user_permissions.remove(Permission.objects.get(codename="add_offer"))

    assert "Offer a time" not in text(desk.get(LIST))
    assert desk.get(page_of(entry)).status_code == 403
    assert desk.post(page_of(entry), {"start": "x"}).status_code == 403


def test_a_client_or_nobody_at_all_never_gets_there(client, waits, practice):
    entry = waits()

    assert client.get(page_of(entry)).status_code == 302
    client.force_login(practice.bo.user)
    assert client.get(page_of(entry)).status_code == 302
    assert client.post(page_of(entry), {"start": "x"}).status_code == 302
    assert not Offer.objects.exists()


def test_a_wish_that_is_over_is_not_offered_anything(desk, waits, now):
    entry = withdraw_wish(waits(), by=None, now=now)

    assert "no longer waiting" in text(desk.get(page_of(entry), follow=True))


def test_every_offer_is_shown_with_its_outcome_who_and_when(desk, waits, practice, now):
    entry = waits()
    appointment = book_appointment(
        client=practice.ada, therapist=practice.tess, treatment=practice.treatment, starts_at=NINE, by=practice.finn, now=now
    )
    cancel_sessions([appointment], by=practice.finn, now=now)
    offer_freed(now)
    offer = accept_offer(Offer.objects.get(), by=practice.bo.user, now=now)

    for page in (
        reverse("admin:booking_offer_change", args=[offer.pk]),
        reverse("admin:booking_waitlistentry_change", args=[entry.pk]),
        reverse("admin:booking_freedtime_change", args=[FreedTime.objects.get().pk]),
        reverse("admin:booking_offer_changelist"),
    ):
        seen = text(desk.get(page))
        assert "accepted" in seen, page
        assert "Mon 1 Feb 2027, 08:00" in seen, page
        assert "Bo Lindqvist" in seen, page
    assert "still open" in text(desk.get(reverse("admin:booking_freedtime_changelist")))


def test_nothing_of_it_can_be_written_past_the_services(desk, waits):
    entry = waits()

    for model in ("waitlistentry", "offer", "freedtime"):
        assert desk.get(reverse(f"admin:booking_{model}_add")).status_code == 403
    address = reverse("admin:booking_waitlistentry_change", args=[entry.pk])
    assert desk.post(address, {"state": "served"}).status_code == 403
    assert desk.post(reverse("admin:booking_waitlistentry_delete", args=[entry.pk])).status_code == 403
    assert WaitlistEntry.objects.get().latest_on == date(2027, 3, 9)
