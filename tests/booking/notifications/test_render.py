"""What a notice says: every date, in wall time with its zone, and nothing about health."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from icalendar import Calendar

from booking.notifications.delivery import send_due
from booking.services.changes import Move, cancel_sessions, move_sessions
from tests.booking.conftest import NINE
from therapists.models import BodyArea, Closure

pytestmark = pytest.mark.integration


def part(message, kind):
    return next(content for content, mimetype in message.alternatives if mimetype.startswith(kind))


def words(html):
    """What a reader of the HTML part reads."""
    return " ".join(re.sub(r"<style.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL).split())


def token_in(message):
    return re.search(r"/l/([\w-]+)/", message.body)[1]


def move(appointment, practice, now, **by):
    move_sessions([Move(appointment, practice.tess.pk, appointment.starts_at + timedelta(**by))], by=practice.finn, now=now)
    appointment.refresh_from_db()
    return appointment


def test_a_confirmation_says_what_when_where_with_whom_and_whom_to_call(book, practice, now, mailoutbox):
    location = practice.treatment.location
    location.address, location.directions = "Linden Street 14", "The lift is on the left"
    location.save()
    book()

    send_due(now)

    [message] = mailoutbox
    assert message.subject == "Booked: Tuesday 9 March at 9:00"
    for text in (message.body, words(part(message, "text/html"))):
        assert "Booked. See you on Tuesday 9 March, Ada." in text
        assert "Two areas, 30 minutes" in text
        assert "9:00 to 9:30" in text
        assert "with Tess Oduya, Elm" in text
        assert "Linden Street 14" in text
        assert "The lift is on the left" in text
        assert "Times are practice time (Europe/London)." in text
        assert "020 7946 0010" in text
        assert "desk@example.org" in text


def test_a_series_names_every_date_in_order_and_why_one_is_missing(book_series, practice, now, mailoutbox):
    Closure.objects.create(
        location=practice.tess.location,
        name="Spring break",
        starts_at=datetime(2027, 4, 2, tzinfo=UTC),
        ends_at=datetime(2027, 4, 10, tzinfo=UTC),
    )
    booked = book_series()

    send_due(now)

    [message] = mailoutbox
    assert message.subject == "Booked: 7 sessions, first on Tuesday 9 March at 9:00"
    dates = ["Tue 9 Mar", "Tue 16 Mar", "Tue 23 Mar", "Tue 30 Mar", "Tue 6 Apr", "Tue 13 Apr", "Tue 20 Apr", "Tue 27 Apr"]
    for text in (message.body, words(part(message, "text/html"))):
        assert [text.index(date) for date in dates] == sorted(text.index(date) for date in dates)
        assert "The practice is closed on Tuesday 6 April (Spring break)." in text
        assert "The clocks go forward on 28 March. 9:00 stays 9:00." in text
    file = Calendar.from_ical(part(message, "text/calendar"))
    assert str(file["METHOD"]) == "PUBLISH"
    assert {event["UID"] for event in file.events} == {f"{a.pk}@localhost" for a in booked.appointments}


def test_a_date_moved_within_its_series_says_what_it_takes_the_place_of(book_series, practice, now, mailoutbox):
    move(book_series().appointments[2], practice, now, days=1)

    send_due(now)

    confirmation, changed = sorted(mailoutbox, key=lambda message: message.subject)
    assert "Wed 24 Mar, 9:00–9:30, Tess Oduya (instead of Tue 23 Mar, 9:00)" in confirmation.body
    assert changed.subject == "Moved to Wednesday 24 March at 9:00"
    assert "Your other dates stay as they are." in changed.body


def test_the_same_session_is_updated_and_removed_in_the_clients_calendar(book, practice, now, mailoutbox):
    appointment = book()
    send_due(now)
    moved = move(appointment, practice, now, hours=1)
    send_due(now)
    cancel_sessions([moved], by=practice.finn, now=now)
    send_due(now)

    files = [Calendar.from_ical(part(message, "text/calendar")) for message in mailoutbox]
    events = [file.events[0] for file in files]
    assert [str(file["METHOD"]) for file in files] == ["REQUEST", "REQUEST", "CANCEL"]
    assert [event["SEQUENCE"] for event in events] == [0, 1, 2]
    assert [str(event["STATUS"]) for event in events] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
    assert {str(event["UID"]) for event in events} == {f"{appointment.pk}@localhost"}
    assert str(events[0]["ATTENDEE"]) == "mailto:ada@example.org"
    assert [bool(message.attachments) for message in mailoutbox] == [True, True, False]


def test_a_cancellation_names_the_session_and_what_remains(book, book_series, practice, now, mailoutbox):
    cancel_sessions([book_series(count=2).appointments[0]], by=practice.finn, now=now)
    cancel_sessions([book(client=practice.bo)], by=practice.finn, now=now)

    send_due(now)

    to = {message.to[0]: message for message in mailoutbox if message.subject.startswith("Cancelled")}
    ada, bo = to["ada@example.org"], to["bo@example.org"]
    assert ada.subject == "Cancelled: Tuesday 9 March at 9:00"
    assert "Your other dates stay as they are." in ada.body
    assert "Your other dates" not in bo.body


def test_a_series_cancelled_is_one_notice_with_every_date_and_one_calendar_part(book_series, practice, now, mailoutbox):
    booked = book_series(count=8)
    send_due(now)
    cancel_sessions(booked.appointments, by=practice.finn, now=now)

    send_due(now)

    message = mailoutbox[-1]
    assert message.subject == "Cancelled: 8 sessions, from Tuesday 9 March on"
    for text in (message.body, words(part(message, "text/html"))):
        assert "Cancelled: 8 sessions, from Tuesday 9 March on." in text
        assert "8 sessions, Two areas, 30 minutes each. These times are no longer yours, Ada." in text
        assert "Your other dates" not in text
        assert all(date in text for date in ("Tue 9 Mar", "Tue 30 Mar", "Tue 27 Apr"))
    file = Calendar.from_ical(part(message, "text/calendar"))
    assert str(file["METHOD"]) == "CANCEL"
    assert {(str(event["UID"]), event["SEQUENCE"], str(event["STATUS"])) for event in file.events} == {
        (f"{each.pk}@localhost", 1, "CANCELLED") for each in booked.appointments
    }


def test_a_series_moved_is_one_notice_with_old_and_new(book_series, practice, now, mailoutbox):
    booked = book_series(count=4)
    send_due(now)
    moves = [Move(each, practice.tess.pk, each.starts_at + timedelta(days=2, hours=1)) for each in booked.appointments[1:]]
    move_sessions(moves, by=practice.finn, now=now)

    send_due(now)

    message = mailoutbox[-1]
    assert message.subject == "Moved: 3 sessions, first on Thursday 18 March at 10:00"
    assert "3 sessions, Two areas, 30 minutes each. Your other dates stay as they are. The first one:" in message.body
    assert "Thu 25 Mar, 10:00–10:30, Tess Oduya (instead of Tue 23 Mar, 9:00)" in message.body
    assert "Thu 25 Mar 10:00 Tess Oduya instead of Tue 23 Mar, 9:00" in words(part(message, "text/html"))
    events = Calendar.from_ical(part(message, "text/calendar")).events
    assert {(str(event["UID"]), event["SEQUENCE"]) for event in events} == {
        (f"{each.pk}@localhost", 1) for each in booked.appointments[1:]
    }


def test_a_late_cancellation_is_called_so(book, practice, now, mailoutbox):
    cancel_sessions([book()], by=practice.ada.user, now=NINE - timedelta(hours=3))

    send_due(NINE - timedelta(hours=3))

    assert "Tuesday 9 March was cancelled late, and we have noted it as such." in mailoutbox[-1].body


def test_every_notice_about_sessions_has_a_link_of_its_own_before_the_telephone(book, practice, now, mailoutbox):
    appointment = book()
    send_due(now)
    moved = move(appointment, practice, now, hours=1)
    send_due(now)
    cancel_sessions([moved], by=practice.finn, now=now)
    send_due(now)

    assert len({token_in(message) for message in mailoutbox}) == 3
    for message in mailoutbox:
        for text in (message.body, part(message, "text/html")):
            assert text.index(f"/l/{token_in(message)}/") < text.index("020 7946 0010")
    assert "This takes the place of Tuesday 9 March, 9:00." in mailoutbox[1].body


def test_a_practice_without_telephone_leaves_no_gap(book, practice, now, mailoutbox):
    practice.treatment.location.phone = ""
    practice.treatment.location.save()
    book()

    send_due(now)

    assert "Something came up? Please write to desk@example.org." in mailoutbox[0].body
    assert "Something came up? Please write to desk@example.org ." in words(part(mailoutbox[0], "text/html"))


def test_html_is_inlined_dark_mode_stays_and_nothing_is_fetched(book, now, mailoutbox):
    book()

    send_due(now)

    html = part(mailoutbox[0], "text/html")
    assert "prefers-color-scheme: dark" in html
    assert re.search(r'<td class="sheet"[^>]*style="[^"]*background: ?#FFFDF9', html)
    assert not re.search(r"<img|<link|url\(", html)
    assert re.findall(r"https?://[^\"]+", html) == [f"http://localhost:8000/l/{token_in(mailoutbox[0])}/"]


def test_names_are_escaped_in_html_and_plain_in_text(book, practice, now, mailoutbox):
    practice.ada.name = "<b>O'Ada</b> Okafor"
    practice.ada.save()
    book()

    send_due(now)

    assert "March, <b>O'Ada</b>." in mailoutbox[0].body
    assert "<b>" not in part(mailoutbox[0], "text/html")


def test_no_notice_speaks_of_areas_medicines_or_why_someone_comes(book, practice, now, mailoutbox):
    practice.treatment.areas = list(BodyArea)
    practice.treatment.description = "For sciatica, pain and tension; not with blood thinners"
    practice.treatment.save()
    appointment = book()
    send_due(now)
    moved = move(appointment, practice, now, hours=1)
    send_due(now)
    cancel_sessions([moved], by=practice.finn, now=now, reason="migraine")
    send_due(now)

    private = "sciatica|pain|tension|blood|migraine|medic|injur|trigger|" + "|".join(str(area.label) for area in BodyArea)
    assert len(mailoutbox) == 3
    for message in mailoutbox:
        said = [message.subject, message.body, words(part(message, "text/html")), part(message, "text/calendar")]
        assert not re.search(rf"\b({private})", "\n".join(said), flags=re.IGNORECASE)


@pytest.mark.parametrize("count", [1, 3])
def test_a_notice_takes_the_same_number_of_queries_however_many_dates(
    book_series, now, django_assert_num_queries, mailoutbox, count
):
    book_series(count=count)

    with django_assert_num_queries(18):
        send_due(now)

    assert len(mailoutbox) == 1


def test_times_are_those_on_the_practices_wall(book, practice, now, mailoutbox):
    location = practice.treatment.location
    location.zone = "America/St_Johns"
    location.save()
    book(starts_at=NINE + timedelta(hours=4))

    send_due(now)

    assert "9:30 to 10:00" in mailoutbox[0].body
    assert "(America/St_Johns)" in mailoutbox[0].body
