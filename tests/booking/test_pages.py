"""The three screens, over the test client: what is written, and what a page answers when it says no."""

from __future__ import annotations

import html
import re
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse

from booking.engine.recurrence import Course, Once, Phase
from booking.enums import AppointmentStatus
from booking.models import Appointment, BookingRequest, Hold, Notification, Series
from booking.services.appointments import book_appointment
from clients.models import Client, User
from tests.factories import TreatmentFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NOW = datetime(2027, 2, 1, 8, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def times(practice, **query):
    facts = {"treatment": practice.treatment.pk, "therapist": practice.tess.pk, "day": "2027-03-09"} | query
    return reverse("booking:when") + "?" + "&".join(f"{key}={value}" for key, value in facts.items())


def start(practice, minute=540):
    return {"start": f"{practice.tess.pk}/{minute}"}


def hold_nine(client, practice):
    answer = client.post(times(practice), start(practice))
    assert answer.status_code == 302, answer.content.decode()
    return answer["Location"]


def code_in(mail):
    return re.search(r"\b(\d{6})\b", mail.body)[1]


def key_in(page):
    return re.search(r'name="key" value="([0-9a-f-]{36})"', page.content.decode())[1]


NEW = {"name": "Cem Aydin", "email": "Cem@Example.org", "phone": "020 7946 0958", "agree": "on"}


def test_landing_shows_real_free_times(client, practice):
    page = client.get("/").content.decode()

    assert "Tess Oduya" in page
    assert "10:00" in page  # two hours' notice from eight o'clock


def test_areas_narrow_the_treatments_and_stay_out_of_every_address(client, practice):
    practice.treatment.areas = ["NECK"]
    practice.treatment.save()

    answer = client.post("/", {"areas": ["FOOT", "NECK"]})

    assert answer["Location"] == "/book/"
    page = client.get("/book/").content.decode()
    assert "Two areas" in page
    assert 'value="NECK" class="form-check-input" id="id_areas_2" checked' in page or "checked" in page


def test_each_therapist_is_shown_with_the_languages_they_speak(client, practice):
    practice.tess.focus, practice.tess.languages = "Neck and jaw", ["en", "de"]
    practice.tess.save()

    assert "Neck and jaw · English, German" in client.get("/book/").content.decode()


def test_screen_one_leads_to_the_times(client, practice):
    answer = client.post(
        "/book/",
        {"treatment": practice.treatment.pk, "therapist": "anyone", "rhythm": "weekly", "count": "8", "areas": "NECK"},
    )

    assert answer.status_code == 302
    assert f"treatment={practice.treatment.pk}&therapist=anyone&rhythm=weekly&count=8" in answer["Location"]
    assert "NECK" not in answer["Location"]


def test_a_therapist_who_does_not_give_the_treatment_is_named_in_an_error(client, practice):
    practice.treatment.therapists.set([practice.tess])
    TreatmentFactory(name="One area", by=[practice.jonas])

    page = client.post(
        "/book/", {"treatment": practice.treatment.pk, "therapist": practice.jonas.pk, "rhythm": "once", "count": "8"}
    )

    assert page.status_code == 422
    assert "does not give this treatment" in page.content.decode()


@pytest.mark.parametrize("broken", ["treatment=x", "therapist=x", "count=999", "rhythm=hourly", "count=-1"])
def test_a_bent_address_leads_back_to_screen_one(client, practice, broken):
    key, _, value = broken.partition("=")

    assert client.get(times(practice, **{key: value}))["Location"] == "/book/"


def test_a_new_client_books_one_session_with_three_fields_and_a_code(client, practice, mailoutbox):
    you = hold_nine(client, practice)
    assert client.get(you).status_code == 200
    assert client.post(you, NEW).status_code == 302
    page = client.get(you)

    answer = client.post(you, {"code": code_in(mailoutbox[0]), "key": key_in(page)})

    appointment = Appointment.objects.get()
    assert answer["Location"] == f"/booked/{appointment.request_id}/"
    assert appointment.client.name == "Cem Aydin"
    assert appointment.client.email == "cem@example.org"
    assert appointment.client.consents.get().version == 1
    assert Notification.objects.get().recipient == "cem@example.org"
    booked = client.get(answer["Location"]).content.decode()
    assert "9:00–9:30" in booked
    assert client.get(answer["Location"] + "sessions.ics")["Content-Type"].startswith("text/calendar")


def test_what_is_missing_is_said_in_plain_words_beside_the_field_and_on_top(client, practice):
    you = hold_nine(client, practice)

    page = client.post(you, {"name": "", "email": "ada at example", "phone": "12"})

    text = page.content.decode()
    assert page.status_code == 422
    assert "This field is required" not in text
    for words in (
        "Please tell us your name. Your times are still held.",
        "This does not look like an e-mail address. Please check it. Your times are still held.",
        "This does not look like a phone number. Nothing was lost; please check it.",
        "Please agree first. Your times are still held.",
    ):
        assert text.count(words) == 2
    assert ">Your agreement</a>: Please agree first." in text


def test_an_empty_code_is_asked_for_in_plain_words(client, practice):
    you = hold_nine(client, practice)
    client.post(you, NEW)

    page = client.post(you, {"code": "", "key": key_in(client.get(you))})

    assert "Please type the six digits from the e-mail. Your times are still held." in page.content.decode()


@pytest.mark.parametrize("left_out", ["treatment", "therapist", "rhythm"])
def test_nothing_chosen_on_screen_one_is_said_in_plain_words(client, practice, left_out):
    choice = {"treatment": practice.treatment.pk, "therapist": "anyone", "rhythm": "once"}
    del choice[left_out]

    page = client.post("/book/", choice)

    assert page.status_code == 422
    assert "Please choose" in page.content.decode()
    assert "This field is required" not in page.content.decode()


def test_no_row_is_made_of_an_address_that_is_not_proved(client, practice, mailoutbox):
    you = hold_nine(client, practice)
    users = User.objects.count()

    client.post(you, NEW)

    assert len(mailoutbox) == 1
    assert User.objects.count() == users
    assert not Client.objects.filter(email__iexact="cem@example.org").exists()


@pytest.mark.parametrize(("way", "typed"), [("?known", {}), ("", {"name": "Cem Aydin", "phone": "020 7946 0958"})])
def test_known_and_unknown_addresses_get_the_same_answer(client, practice, mailoutbox, way, typed):
    pages = []
    for address in ("ada@example.org", "nobody@example.org"):
        client.logout()
        you = hold_nine(client, practice)
        answer = client.post(you + way, typed | {"email": address, "agree": "on"})
        page = client.get(you).content.decode().replace(address, "ADDRESS")
        pages.append((answer.status_code, re.sub(r'value="[^"]*"|/[0-9a-f-]{36}/', "", page)))
        Appointment.objects.all().delete()

    assert pages[0] == pages[1]
    assert [mail.to for mail in mailoutbox] == [["ada@example.org"], ["nobody@example.org"]]


def test_a_known_client_types_the_address_and_the_code_only(client, practice, mailoutbox):
    you = hold_nine(client, practice)
    client.post(you + "?known", {"email": "ada@example.org", "agree": "on"})
    page = client.get(you)

    client.post(you, {"code": code_in(mailoutbox[0]), "key": key_in(page)})

    assert Appointment.objects.get().client == practice.ada


def test_an_address_that_turns_out_to_be_new_is_asked_for_a_name(client, practice, mailoutbox):
    you = hold_nine(client, practice)
    client.post(you + "?known", {"email": "new@example.org", "agree": "on"})
    page = client.get(you)
    answer = client.post(you, {"code": code_in(mailoutbox[0]), "key": key_in(page)})
    assert answer["Location"] == you
    page = client.get(you)

    client.post(you, {"name": "Nia New", "phone": "", "key": key_in(page)})

    assert Appointment.objects.get().client.name == "Nia New"


def test_who_is_signed_in_types_nothing(client, practice):
    client.force_login(practice.ada.user)
    you = hold_nine(client, practice)
    page = client.get(you)

    client.post(you, {"key": key_in(page), "agree": "on"})

    assert Appointment.objects.get().client == practice.ada


def test_a_second_press_is_the_same_booking(client, practice, mailoutbox):
    you = hold_nine(client, practice)
    client.post(you, NEW)
    page = client.get(you)
    press = {"code": code_in(mailoutbox[0]), "key": key_in(page)}

    answers = [client.post(you, press)["Location"] for _ in range(3)]

    assert len(set(answers)) == 1
    assert BookingRequest.objects.count() == 1
    assert Notification.objects.count() == 1


def test_a_wrong_code_says_so_and_the_fifth_ends_it(client, practice, mailoutbox):
    you = hold_nine(client, practice)
    client.post(you, NEW)
    wrong = "000000" if code_in(mailoutbox[0]) != "000000" else "111111"
    key = key_in(client.get(you))

    pages = [client.post(you, {"code": wrong, "key": key}) for _ in range(5)]

    assert "This is not the code we sent" in pages[0].content.decode()
    assert pages[4].status_code == 302
    assert "five times" in client.get(you).content.decode()
    client.post(you, {"code": code_in(mailoutbox[0]), "key": key})
    assert not Appointment.objects.exclude(status=AppointmentStatus.HELD).exists()


def test_a_code_ends_after_ten_minutes(client, practice, mailoutbox, clock):
    you = hold_nine(client, practice)
    clock.shift(timedelta(minutes=1))
    client.post(you, NEW)
    key = key_in(client.get(you))
    clock.shift(timedelta(minutes=10, seconds=1))

    answer = client.post(you, {"code": code_in(mailoutbox[0]), "key": key})

    assert answer.status_code == 409
    assert not Appointment.objects.exclude(status=AppointmentStatus.HELD).exists()


def test_the_form_of_the_times_holds_on_the_day_it_shows(client, practice):
    page = client.get(reverse("booking:when") + f"?treatment={practice.treatment.pk}").content.decode()
    action = html.unescape(re.search(r'<form method="post" action="([^"]+)"', page)[1])
    value = re.search(r'name="start" value="([^"]+)"', page)[1]

    answer = client.post(action, {"start": value})

    assert answer.status_code == 302
    assert str(Appointment.objects.get().local_date) == action.rpartition("day=")[2] == "2027-02-01"


def test_a_lost_race_answers_409_with_the_times_that_are_free_now(client, practice):
    book_appointment(
        client=practice.bo,
        therapist=practice.tess,
        treatment=practice.treatment,
        starts_at=datetime(2027, 3, 9, 9, tzinfo=UTC),
        by=practice.finn,
        now=NOW,
    )

    page = client.post(times(practice), start(practice))

    text = page.content.decode()
    assert page.status_code == 409
    assert "no longer free" in text
    assert f"{practice.tess.pk}/585" in text  # 9:45 is the next one
    assert f"{practice.tess.pk}/540" not in text


def test_when_the_ten_minutes_are_over_one_press_holds_again(client, practice, clock):
    you = hold_nine(client, practice)
    clock.shift(timedelta(minutes=11))
    page = client.get(you)
    assert page.status_code == 409
    assert "The ten minutes are over" in page.content.decode()

    answer = client.post(re.search(r'action="(/book/again/[^"]+)"', page.content.decode())[1])

    assert Hold.objects.get(pk=answer["Location"].split("/")[3]).is_live(NOW + timedelta(minutes=11))


def test_a_wish_that_the_clocks_never_show_is_not_held_again(client, practice, clock):
    you = hold_nine(client, practice)
    in_the_gap = Course(date(2027, 3, 28), (Phase(Once()),), (90,), (practice.tess.pk,))
    Hold.objects.update(course=in_the_gap.as_json())
    clock.shift(timedelta(minutes=11))

    page = client.post(you.replace("/you/", "/again/"))

    assert page.status_code == 409
    assert "This time is not offered" in page.content.decode()
    assert Hold.objects.count() == 1


def test_a_fourth_hold_is_refused_in_words(client, practice):
    for minute in (540, 600, 660):
        client.post(times(practice), start(practice, minute))

    page = client.post(times(practice), start(practice, 720))

    assert page.status_code == 409
    assert "already holding three" in page.content.decode()


def test_a_weekly_series_shows_every_date_and_books_the_placed_ones(client, practice):
    from therapists.models import Closure

    Closure.objects.create(
        location=practice.tess.location,
        name="Spring break",
        starts_at=datetime(2027, 3, 12, tzinfo=UTC),
        ends_at=datetime(2027, 3, 20, tzinfo=UTC),
    )
    client.force_login(practice.ada.user)
    answer = client.post(times(practice, rhythm="weekly", count="8"), start(practice))
    plan = client.get(answer["Location"]).content.decode()
    assert "Not possible" in plan
    assert "Spring break" in plan
    assert "The clocks go forward on 28 March" in plan
    you = answer["Location"].replace("/plan/", "/you/")
    page = client.get(you)

    client.post(you, {"key": key_in(page), "agree": "on"})

    series = Series.objects.get()
    assert series.appointments.count() == 7
    assert series.planned_dates.count() == 8


def test_a_date_is_swapped_by_its_own_button(client, practice):
    client.force_login(practice.ada.user)
    where = client.post(times(practice, rhythm="weekly", count="4"), start(practice))["Location"]
    page = client.get(where).content.decode()
    value = re.search(r'name="swap2" value="([^"]+)"', page)[1]

    answer = client.post(where, {"swap": "2", "swap2": value})

    assert answer["Location"] != where
    hold = Hold.objects.get(state="live")
    assert hold.appointments.count() == 4
    assert value.split("/")[2] in {str(each.local_date) for each in hold.appointments.all()}


def test_a_made_up_swap_changes_nothing(client, practice):
    where = client.post(times(practice, rhythm="weekly", count="4"), start(practice))["Location"]

    for swap in ("2", "99", "-1", "x"):
        answer = client.post(where, {"swap": swap, f"swap{swap}": f"2/{practice.jonas.pk}/2027-03-16/541"})
        assert answer["Location"] == where


def test_a_daily_course_of_five(client, practice):
    where = client.post(times(practice, rhythm="daily", count="5"), start(practice))["Location"]

    hold = Hold.objects.get()
    assert where == f"/book/plan/{hold.pk}/"
    assert [each.local_date for each in hold.appointments.order_by("starts_at")] == [
        date(2027, 3, 9),
        date(2027, 3, 10),
        date(2027, 3, 11),
        date(2027, 3, 12),
        date(2027, 3, 15),
    ]


def test_nobody_sees_the_hold_or_the_booking_of_another(client, practice):
    from django.test import Client as Browser

    client.force_login(practice.ada.user)
    you = hold_nine(client, practice)
    booked = client.post(you, {"key": key_in(client.get(you)), "agree": "on"})["Location"]
    held = client.post(times(practice, rhythm="weekly", count="2"), start(practice, 600))["Location"]
    other = Browser()
    other.force_login(practice.bo.user)

    for address in (you, held, booked, booked + "sessions.ics", held.replace("/plan/", "/you/")):
        assert other.get(address).status_code == 404
        assert client.get(address).status_code in (200, 302)
