"""My sessions over the test client: who sees what, and what moving, cancelling and undoing write and answer."""

from __future__ import annotations

import html
import re
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from booking.enums import AppointmentStatus, ChangeKind
from booking.models import Appointment, Change, Link, Notification
from booking.notifications.delivery import send_due
from booking.services.appointments import set_status
from booking.services.changes import UNDO_LASTS, Move, cancel_sessions, move_sessions
from tests.booking.conftest import NINE
from tests.factories import ClientFactory, UserFactory
from therapists.models import TimeOff

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

SESSIONS = "/sessions/"


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ada(client, practice):
    client.force_login(practice.ada.user)
    return client


def text(page):
    """What a reader reads, on one line."""
    words = re.sub(r"<style.*?</style>|<[^>]+>", " ", page.content.decode(), flags=re.DOTALL)
    return " ".join(html.unescape(words).split()).replace(" ,", ",")


def form_of(page):
    """What the page's own form would send back."""
    values = {}
    for name, value in re.findall(r'name="(key|sessions|to)" value="([^"]+)"', page.content.decode()):
        values.setdefault(name, []).append(value)
    return values


def url(name, session, **query):
    facts = "&".join(f"{key}={value}" for key, value in query.items())
    return reverse(f"booking:{name}", args=[session.pk]) + (f"?{facts}" if facts else "")


def confirm(practice, session, day, minute=600, **query):
    start = f"{practice.tess.pk}/{minute}"
    return url("confirm_move", session, **{"therapist": practice.tess.pk, "day": day, "start": start} | query)


def link_in(message):
    return re.search(r"http://\S+(/l/\S+/)", message.body)[1]


def code_in(mail):
    return re.search(r"\b(\d{6})\b", mail.body)[1]


def statuses():
    return list(Appointment.objects.exclude(status="held").order_by("starts_at").values_list("status", flat=True))


# ---- the way in --------------------------------------------------------------


def test_an_address_and_a_code_lead_in_without_a_password(client, book, mailoutbox):
    book()
    assert "type the address you booked with" in text(client.get(SESSIONS))

    client.post("/sessions/sign-in/", {"email": "Ada@example.org"})
    answer = client.post("/sessions/sign-in/", {"code": code_in(mailoutbox[0])})

    assert answer["Location"] == SESSIONS
    assert "Your next session is on Tuesday 9 March at 9:00, with Tess." in text(client.get(SESSIONS))


def test_an_address_that_turns_out_to_be_unknown_makes_nobody(client, practice, mailoutbox):
    users = type(practice.ada.user).objects.count()
    client.post("/sessions/sign-in/", {"email": "nobody@example.org"})

    answer = client.post("/sessions/sign-in/", {"code": code_in(mailoutbox[0])})

    assert "Nothing was booked here with this address" in text(client.get(answer["Location"]))
    assert type(practice.ada.user).objects.count() == users
    assert "_auth_user_id" not in client.session


def test_five_wrong_codes_end_it(client, practice, mailoutbox):
    client.post("/sessions/sign-in/", {"email": "ada@example.org"})
    code = code_in(mailoutbox[0])
    wrong = "000000" if code != "000000" else "111111"

    for _ in range(5):
        client.post("/sessions/sign-in/", {"code": wrong})

    assert "five times" in text(client.get("/sessions/sign-in/"))
    client.post("/sessions/sign-in/", {"code": code})
    assert "_auth_user_id" not in client.session


def test_signing_out_leaves_nothing_to_see(ada, book):
    book()
    assert "Sign out" in text(ada.get(SESSIONS))

    ada.post(reverse("account_logout"))

    assert "Tuesday 9 March" not in text(ada.get(SESSIONS))


# ---- what is seen ------------------------------------------------------------


def test_nothing_booked_says_what_to_do_next(ada):
    page = ada.get(SESSIONS)

    assert "Nothing is booked" in text(page)
    assert 'href="/book/"' in page.content.decode()


def test_each_session_says_its_place_in_the_series_and_its_state(ada, book, book_series, practice, now, clock):
    booked = book_series(count=3)
    cancel_sessions([booked.appointments[1]], by=practice.finn, now=now)
    clock.move_to(NINE)
    set_status(booked.appointments[0], AppointmentStatus.ARRIVED, by=practice.finn, now=NINE)
    set_status(booked.appointments[0], AppointmentStatus.DONE, by=practice.finn, now=NINE)
    clock.move_to(NINE + timedelta(days=1))
    ada.force_login(practice.ada.user)

    said = text(ada.get(SESSIONS))

    ahead, past = said.split("Past and cancelled")
    assert "Booked · 3 of 3 in your series" in ahead
    assert "Cancelled · 2 of 3 in your series" in past
    assert "Done · 1 of 3 in your series" in past
    assert "1 done, 1 to come, 1 cancelled." in past


def test_a_date_that_deviates_says_why(ada, book_series, practice, now):
    TimeOff.objects.create(
        therapist=practice.tess, starts_at=datetime(2027, 3, 16, tzinfo=UTC), ends_at=datetime(2027, 3, 17, tzinfo=UTC)
    )
    book_series(count=3)

    assert "Moved – Tess is away on Tuesday 16 March." in text(ada.get(SESSIONS))


def test_the_date_after_the_clocks_change_says_so(ada, book_series):
    book_series(count=4)

    said = text(ada.get(SESSIONS))

    assert said.count("The clocks change this week: they go forward on 28 March. 9:00 stays 9:00.") == 1
    assert said.index("Tue 30 Mar") < said.index("The clocks change")


@pytest.mark.parametrize("count", [1, 30])
def test_the_page_takes_the_same_number_of_queries_however_many_sessions(
    ada, book, book_series, practice, now, count, django_assert_num_queries
):
    practice.treatment.horizon = timedelta(days=365)
    practice.treatment.save()
    booked = book_series(count=count)
    cancel_sessions(booked.appointments[:1], by=practice.ada.user, now=now, undo_for=UNDO_LASTS)
    ada.get(SESSIONS)

    with django_assert_num_queries(19):
        ada.get(SESSIONS)


# ---- links of notices --------------------------------------------------------


def test_opening_a_link_changes_the_key_of_the_browsers_session(client, book, now, mailoutbox):
    """Whoever knew the key before the link was opened must not see what it shows."""
    client.get(reverse("booking:what"))
    session = client.session
    session["hold_owner"] = "kept"
    session.save()
    before = session.session_key
    book()
    send_due(now)

    client.get(re.search(r"(/l/[\w-]+/)", mailoutbox[-1].body)[1])

    assert client.session.session_key != before
    assert client.session["hold_owner"] == "kept"


def test_a_link_opens_what_its_notice_is_about_and_nothing_of_anybody_else(client, book, book_series, practice, now, mailoutbox):
    mine = book()
    theirs = book(client=practice.bo, starts_at=NINE + timedelta(hours=1))
    another = book(starts_at=NINE + timedelta(days=1))
    send_due(now)
    [message] = [each for each in mailoutbox if "Tuesday 9 March at 9:00" in each.subject]

    opened = client.get(link_in(message), follow=True)

    assert opened.redirect_chain == [(SESSIONS, 302)]
    assert "Tue 9 Mar 9:00–9:30" in text(opened)
    assert "10:00" not in text(opened)
    assert "Wed 10 Mar" not in text(opened)
    for foreign in (theirs, another):
        for name in ("move", "cancel", "session_calendar"):
            assert client.get(url(name, foreign)).status_code == 404
    assert client.get(url("cancel", mine)).status_code == 200


def test_fetching_a_link_changes_nothing_but_the_browser_that_did(client, book, now, mailoutbox):
    book()
    send_due(now)
    cache.clear()
    with CaptureQueriesContext(connection) as queries:
        client.get(link_in(mailoutbox[0]))

    written = [each["sql"] for each in queries if re.match(r"\s*(INSERT|UPDATE|DELETE)", each["sql"])]
    assert all("django_session" in sql for sql in written), written


@pytest.mark.parametrize("how", ["expired", "replaced"])
def test_a_link_that_is_over_shows_nothing_even_where_it_was_open(client, book, practice, now, clock, mailoutbox, how):
    book()
    send_due(now)
    link = link_in(mailoutbox[0])
    client.get(link)
    assert "Tue 9 Mar" in text(client.get(SESSIONS))

    if how == "expired":
        clock.move_to(NINE + timedelta(days=2))
    else:
        known = Link.objects.get()
        known.renew(known.expires_at)
        known.save()

    assert client.get(link).status_code == 410
    assert "type the address you booked with" in text(client.get(SESSIONS))


def test_a_link_reaches_no_further_than_its_sessions(client, book_series, practice, now, mailoutbox):
    """A notice about one date of a series lets its reader change this date, not the others."""
    booked = book_series(count=4)
    move_sessions([Move(booked.appointments[1], practice.tess.pk, NINE + timedelta(days=8))], by=practice.finn, now=now)
    send_due(now)
    [moved] = [message for message in mailoutbox if message.subject.startswith("Moved")]
    client.get(link_in(moved))

    page = client.get(url("cancel", booked.appointments[1], scope="all"))

    assert "Wed 17 Mar" in text(page)
    assert "Tue 23 Mar" not in text(page)
    foreign = form_of(page) | {"sessions": [str(booked.appointments[2].pk)]}
    assert client.post(url("cancel", booked.appointments[1]), foreign).status_code == 422
    assert statuses() == ["booked"] * 4


def test_by_a_link_one_cancels_without_signing_in(client, book, now, mailoutbox):
    session = book()
    send_due(now)
    client.get(link_in(mailoutbox[0]))

    client.post(url("cancel", session), form_of(client.get(url("cancel", session))))

    change = Change.objects.get()
    assert (change.by, change.kind) == (None, ChangeKind.CANCELLED)
    page = text(client.get(SESSIONS))
    assert "Cancelled: Tuesday 9 March, 9:00." in page
    assert "What your message is about is over or cancelled." in page


# ---- cancelling --------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "goes", "stays"),
    [
        pytest.param("one", ["Tue 16 Mar"], ["Tue 9 Mar", "Tue 23 Mar", "Tue 30 Mar"], id="one"),
        pytest.param("following", ["Tue 16 Mar", "Tue 23 Mar", "Tue 30 Mar"], ["Tue 9 Mar"], id="this and following"),
        pytest.param("all", ["Tue 9 Mar", "Tue 16 Mar", "Tue 23 Mar", "Tue 30 Mar"], [], id="all"),
    ],
)
def test_the_page_says_which_dates_go_and_which_stay_and_these_go(ada, book_series, scope, goes, stays):
    booked = book_series(count=4)
    where = url("cancel", booked.appointments[1], scope=scope)

    page = ada.get(where)
    ada.post(where, form_of(page))

    lists = [re.findall(r"[A-Z][a-z]{2} \d+ [A-Z][a-z]{2}", each) for each in
             re.findall(r'<ul class="dates">(.*?)</ul>', page.content.decode(), flags=re.DOTALL)]  # fmt: skip
    assert lists == ([goes, stays] if stays else [goes])
    gone = [f"{each.local_date:%a} {each.local_date.day} {each.local_date:%b}" for each in
            booked.series.appointments.filter(status="cancelled").order_by("starts_at")]  # fmt: skip
    assert gone == goes
    assert Notification.objects.filter(kind="cancelled").count() == 1


def test_pressed_twice_it_is_one_cancellation_with_one_answer(ada, book_series):
    booked = book_series(count=3)
    where = url("cancel", booked.appointments[0], scope="all")
    press = form_of(ada.get(where))

    answers = [ada.post(where, press)["Location"] for _ in range(2)]

    assert answers == [SESSIONS, SESSIONS]
    assert Change.objects.count() == 1


def test_the_same_key_for_other_dates_is_refused_in_words(ada, book_series):
    booked = book_series(count=3)
    where = url("cancel", booked.appointments[0])
    press = form_of(ada.get(where))
    ada.post(where, press)

    other = url("cancel", booked.appointments[1])
    page = ada.post(other, press | {"sessions": [str(booked.appointments[1].pk)]})

    assert page.status_code == 409
    assert "already used for something else" in text(page)
    assert statuses() == ["cancelled", "booked", "booked"]


def test_the_way_back_leads_to_what_happened(ada, book):
    session = book()
    where = url("cancel", session)
    ada.post(where, form_of(ada.get(where)))

    for name in ("cancel", "move", "confirm_move"):
        back = ada.get(url(name, session))
        assert back["Location"] == SESSIONS
    assert "Cancelled: Tuesday 9 March, 9:00." in text(ada.get(SESSIONS))


def test_a_second_tab_is_told_that_it_was_cancelled_meanwhile(ada, book, practice, now):
    session = book()
    where = url("cancel", session)
    press = form_of(ada.get(where))
    cancel_sessions([session], by=practice.finn, now=now)

    page = ada.post(where, press)

    assert page.status_code == 409
    assert "cannot be changed any more" in text(page)


def test_inside_the_window_the_page_says_what_applies_and_it_is_recorded_as_late(ada, book, practice, clock):
    session = book()
    clock.move_to(NINE - timedelta(hours=5))
    ada.force_login(practice.ada.user)
    page = ada.get(url("cancel", session))
    assert "cancelling was free until Monday 8 March, 9:00" in text(page)
    assert "it is recorded as cancelled late" in text(page)
    assert "020 7946 0010" in text(page)

    ada.post(url("cancel", session), form_of(page))

    assert statuses() == ["late_cancelled"]


def test_fifty_two_sessions_are_cancelled_by_a_fixed_number_of_queries(book_series, practice, now):
    practice.treatment.horizon = timedelta(days=400)
    practice.treatment.save()
    taken = []
    for count in (3, 52):
        Browser().get("/")
        booked = book_series(count=count)
        ada = Browser()
        ada.force_login(practice.ada.user)
        where = url("cancel", booked.appointments[0], scope="following")
        press = form_of(ada.get(where))
        with CaptureQueriesContext(connection) as queries:
            ada.post(where, press)
        taken.append(len(queries))
        assert booked.series.appointments.filter(status="cancelled").count() == count
        Change.objects.update(undo_until=now)
        Appointment.objects.filter(status="held").delete()

    assert taken[0] == taken[1]
    assert Notification.objects.filter(kind="cancelled").count() == 2


# ---- moving ------------------------------------------------------------------


def test_the_times_offered_leave_the_clients_own_time_out_of_account(ada, book, practice):
    session = book()

    page = ada.get(url("move", session)).content.decode()

    assert f'value="{practice.tess.pk}/540"' in page
    assert f'value="{practice.tess.pk}/555"' in page  # its own half hour is not in the way


def test_a_session_that_was_made_longer_is_offered_the_times_at_which_all_of_it_fits(ada, book, lengthen, practice):
    lengthy, other = lengthen(book(), 60), book(starts_at=NINE + timedelta(days=1))

    last = {each: f'value="{practice.tess.pk}/{each}"' for each in (16 * 60, 16 * 60 + 30)}
    pages = [ada.get(url("move", session)).content.decode() for session in (lengthy, other)]

    assert [[value in page for value in last.values()] for page in pages] == [[True, False], [True, True]]


def test_one_session_moves_after_the_page_with_old_and_new(ada, book, practice):
    session = book()
    where = confirm(practice, session, "2027-03-11")
    page = ada.get(where)
    assert "Nothing is moved yet" in text(page)
    assert "Until now Tuesday 9 March, 9:00, with Tess Oduya New Thursday 11 March, 10:00, with Tess Oduya" in text(page)
    session.refresh_from_db()
    assert session.starts_at == NINE

    answer = ada.post(where, form_of(page))

    session.refresh_from_db()
    assert answer["Location"] == SESSIONS
    assert session.starts_at == datetime(2027, 3, 11, 10, tzinfo=UTC)
    assert "Moved to Thursday 11 March, 10:00." in text(ada.get(SESSIONS))


def test_this_and_the_following_move_as_they_were_shown(ada, book_series, practice):
    booked = book_series(count=5)
    where = confirm(practice, booked.appointments[2], "2027-03-25", scope="following")
    page = ada.get(where)
    assert "3 at the new time." in text(page)
    assert "Thu 1 Apr 10:00 Tess Oduya" in text(page)
    assert "The clocks change this week: they go forward on 28 March. 10:00 stays 10:00." in text(page)

    for _ in range(2):
        assert ada.post(where, form_of(page))["Location"] == SESSIONS

    days = list(booked.series.appointments.order_by("position").values_list("local_date", "local_time__hour"))
    tuesdays = [(date(2027, 3, 9), 9), (date(2027, 3, 16), 9)]
    assert days == [*tuesdays, (date(2027, 3, 25), 10), (date(2027, 4, 1), 10), (date(2027, 4, 8), 10)]
    assert Change.objects.count() == 1
    assert "3 of 5 in your series" in text(ada.get(SESSIONS))


def test_a_date_that_cannot_move_says_that_it_stays_and_why(ada, book_series, practice):
    practice.treatment.therapists.set([practice.tess])
    booked = book_series(count=3)
    TimeOff.objects.create(
        therapist=practice.tess, starts_at=datetime(2027, 3, 22, tzinfo=UTC), ends_at=datetime(2027, 3, 30, tzinfo=UTC)
    )
    where = confirm(practice, booked.appointments[0], "2027-03-11", scope="following")
    page = ada.get(where)
    assert "Not possible Stays on Tue 23 Mar, 9:00, with Tess. Tess is away on Thursday 25 March." in text(page)

    ada.post(where, form_of(page))

    days = list(booked.series.appointments.order_by("position").values_list("local_date", flat=True))
    assert days == [date(2027, 3, 11), date(2027, 3, 18), date(2027, 3, 23)]


def test_a_lost_race_for_one_time_answers_with_the_times_that_are_free_now(ada, book, practice):
    session = book()
    where = confirm(practice, session, "2027-03-11")
    press = form_of(ada.get(where))
    book(client=practice.bo, starts_at=datetime(2027, 3, 11, 10, tzinfo=UTC))

    page = ada.post(where, press)

    assert page.status_code == 409
    assert "Someone took this time" in text(page)
    assert f"{practice.tess.pk}/645" in page.content.decode()  # 10:45 is the next one
    assert f'"{practice.tess.pk}/600"' not in page.content.decode()
    session.refresh_from_db()
    assert session.starts_at == NINE


def test_a_lost_race_for_a_later_date_answers_with_the_plan_as_it_is_now(ada, book, book_series, practice):
    booked = book_series(count=3)
    where = confirm(practice, booked.appointments[0], "2027-03-11", scope="following")
    press = form_of(ada.get(where))
    book(client=practice.bo, starts_at=datetime(2027, 3, 18, 10, tzinfo=UTC))

    page = ada.post(where, press)

    assert page.status_code == 409
    assert "Someone took this time" in text(page)
    assert "2 at the new time, 1 " in text(page)
    assert statuses() == ["booked"] * 4
    assert not Change.objects.exists()
    assert ada.post(where, form_of(page)).status_code == 302


@pytest.mark.parametrize(
    "to",
    [
        pytest.param("{session}/{tess}/2027-03-11/601", id="off the grid"),
        pytest.param("{session}/{tess}/2027-03-11/1200", id="after work"),
        pytest.param("{session}/{nobody}/2027-03-11/600", id="with nobody"),
        pytest.param("{session}/{tess}/2027-09-09/600", id="beyond the horizon"),
        pytest.param("{session}/{tess}/9999-12-31/600", id="at the end of the calendar"),
        pytest.param("{session}/{tess}/2027-03-11/-1", id="before midnight"),
        pytest.param("{session}/600", id="half a start"),
    ],
)
def test_a_made_up_start_moves_nothing(ada, book, practice, to):
    session = book()
    where = confirm(practice, session, "2027-03-11")
    value = to.format(session=session.pk, tess=practice.tess.pk, nobody=uuid4())

    page = ada.post(where, {"key": str(uuid4()), "to": [value]})

    assert page.status_code in (409, 422)
    session.refresh_from_db()
    assert session.starts_at == NINE


def test_a_session_of_somebody_else_cannot_be_named(ada, book, practice):
    session = book()
    theirs = book(client=practice.bo, starts_at=NINE + timedelta(hours=1))

    page = ada.post(
        confirm(practice, session, "2027-03-11"),
        {"key": str(uuid4()), "to": [f"{theirs.pk}/{practice.tess.pk}/2027-03-11/600"]},
    )

    assert page.status_code == 422
    theirs.refresh_from_db()
    assert theirs.starts_at == NINE + timedelta(hours=1)


@pytest.mark.parametrize("why", ["too late", "too often"])
def test_where_the_policy_stands_in_the_way_the_page_says_so_with_the_telephone(ada, book, practice, clock, why):
    session = book()
    if why == "too late":
        clock.move_to(NINE - timedelta(hours=5))
        ada.force_login(practice.ada.user)
    else:
        Appointment.objects.update(moves=3)

    page = ada.get(url("move", session))
    refused = ada.post(
        confirm(practice, session, "2027-03-11"), {"key": str(uuid4()), "to": [f"{session.pk}/{practice.tess.pk}/2027-03-11/600"]}
    )

    words = {"too late": "it is too late to move it here. That was free until Monday 8 March, 9:00.", "too often": "3 times"}
    assert words[why] in text(page)
    assert "020 7946 0010" in text(page)
    assert "Move" in text(ada.get(SESSIONS))
    assert refused.status_code == 409
    session.refresh_from_db()
    assert session.starts_at == NINE


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2030-01-01", "yesterday", ""])
def test_a_bent_day_in_the_address_leads_to_the_days_and_times(ada, book, practice, day):
    session = book()

    for address in (url("move", session, day=day), confirm(practice, session, day)):
        page = text(ada.get(address))
        assert "Move Tuesday 9 March" in page
        assert "Show the whole month" in page


def test_where_only_the_first_is_too_close_the_page_leads_to_the_rest(ada, book_series, practice, clock):
    booked = book_series(count=3)
    clock.move_to(NINE - timedelta(hours=5))
    ada.force_login(practice.ada.user)

    page = ada.get(url("move", booked.appointments[0], scope="following"))

    assert "it is too late to move it here" in text(page)
    assert f"{url('move', booked.appointments[1])}?scope=following" in page.content.decode()


def test_the_time_one_has_is_not_a_move(ada, book, practice):
    page = ada.get(confirm(practice, book(), "2027-03-09", 540))

    assert "You have this time already" in text(page)


# ---- undoing -----------------------------------------------------------------


def test_undo_is_offered_for_three_minutes_and_puts_everything_back(ada, book, now, clock, mailoutbox):
    session = book()
    send_due(now)
    ada.post(url("cancel", session), form_of(ada.get(url("cancel", session))))
    clock.shift(timedelta(minutes=2))
    address = re.search(r'action="(/sessions/undo/[^"]+)"', ada.get(SESSIONS).content.decode())[1]

    for _ in range(2):
        assert ada.post(address)["Location"] == SESSIONS

    assert "Undone. Everything is as it was before." in text(ada.get(SESSIONS))
    assert statuses() == ["booked"]
    assert send_due(now + timedelta(minutes=10)) == 0


def test_after_three_minutes_undo_is_neither_offered_nor_done(ada, book, clock):
    session = book()
    ada.post(url("cancel", session), form_of(ada.get(url("cancel", session))))
    address = re.search(r'action="(/sessions/undo/[^"]+)"', ada.get(SESSIONS).content.decode())[1]
    clock.shift(UNDO_LASTS)

    assert "/sessions/undo/" not in ada.get(SESSIONS).content.decode()
    page = ada.post(address)

    assert page.status_code == 409
    assert "can no longer be undone" in text(page)
    assert statuses() == ["cancelled"]


@pytest.fixture
def booked_page(ada, practice):
    """Ada has just booked Tuesday at nine in her browser."""
    times = f"/book/times/?treatment={practice.treatment.pk}&therapist={practice.tess.pk}&day=2027-03-09"
    you = ada.post(times, {"start": f"{practice.tess.pk}/540"})["Location"]
    return ada.post(you, form_of(ada.get(you)) | {"agree": "on"})["Location"]


def test_a_booking_is_undone_from_its_page_and_leaves_no_trace_among_the_sessions(ada, booked_page, now, mailoutbox):
    address = re.search(r'action="(/booked/[^"]+/undo/)"', ada.get(booked_page).content.decode())[1]

    answers = [ada.post(address)["Location"] for _ in range(2)]

    assert answers == [booked_page, booked_page]
    assert "Undone. Nothing is booked." in text(ada.get(booked_page))
    assert "Tue 9 Mar" not in text(ada.get(SESSIONS))
    send_due(now + timedelta(minutes=10))
    assert mailoutbox == []


def test_a_booking_is_confirmed_after_three_minutes_and_then_not_undone(ada, booked_page, now, clock, mailoutbox):
    address = re.search(r'action="(/booked/[^"]+/undo/)"', ada.get(booked_page).content.decode())[1]
    assert send_due(now + UNDO_LASTS - timedelta(seconds=1)) == 0
    clock.shift(UNDO_LASTS)
    assert send_due(now + UNDO_LASTS) == 1

    page = ada.post(address)

    assert page.status_code == 409
    assert "can no longer be undone" in text(page)
    assert address not in page.content.decode()
    assert statuses() == ["booked"]


def test_the_page_of_a_booking_tells_what_was_cancelled_since(ada, booked_page):
    session = Appointment.objects.get()
    ada.post(url("cancel", session), form_of(ada.get(url("cancel", session))))

    page = ada.get(booked_page)

    assert "Tue 9 Mar 9:00–9:30 Cancelled" in text(page)
    assert "/undo/" not in page.content.decode()


def test_nobody_undoes_the_change_of_another(ada, book, practice):
    session = book()
    ada.post(url("cancel", session), form_of(ada.get(url("cancel", session))))
    bo = Browser()
    bo.force_login(practice.bo.user)

    assert bo.post(reverse("booking:undo", args=[Change.objects.get().pk])).status_code == 404
    assert statuses() == ["cancelled"]


def test_a_client_who_signs_in_sees_the_sessions_of_no_other_user(practice, book):
    book()
    browser = Browser()
    browser.force_login(ClientFactory(user=UserFactory(name="Cem Aydin", email="cem@example.org")).user)

    assert "Tue 9 Mar" not in text(browser.get(SESSIONS))
