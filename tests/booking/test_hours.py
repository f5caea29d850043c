"""A therapist's own hours: what they make of the week, what they break, and that nothing is saved before that was seen."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine
from django.urls import reverse

from booking.engine.spans import Span
from booking.enums import NotificationKind
from booking.models import Notification, Repair
from booking.weeks import weeks_from
from tests.booking.conftest import NINE
from therapists.models import Closure, HoursOverride, TimeOff, WorkingHours

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

TUESDAY = NINE.date()
MONDAY = TUESDAY - timedelta(days=1)
WHOLE_DAY = (Span(540, 1020),)


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False):
        yield


@pytest.fixture
def hers(client, tess):
    client.force_login(tess)
    return client


def text(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def week(practice, **change):
    """The form of Tess's usual week as the browser would post it; ``change`` replaces values of Tuesday's row."""
    rows = list(practice.tess.working_hours.order_by("weekday", "opens"))
    posted = {"rows-TOTAL_FORMS": len(rows), "rows-INITIAL_FORMS": len(rows), "gives_daily": "on", "do": "save"}
    for n, row in enumerate(rows):
        facts = {
            "id": row.pk,
            "weekday": row.weekday,
            "opens": row.opens.isoformat("minutes"),
            "closes": row.closes.isoformat("minutes"),
            "every_weeks": row.every_weeks,
            "valid_from": row.valid_from.isoformat(),
            "valid_until": "",
        }
        facts |= change if row.weekday == TUESDAY.weekday() else {}
        posted |= {f"rows-{n}-{name}": value for name, value in facts.items()}
    return posted


class TestTheWeeks:
    def test_are_the_hours_less_what_takes_them_away(self, practice, now):
        practice.tess.working_hours.filter(weekday=0).delete()
        practice.tess.hours_overrides.create(applies_on=MONDAY, opens=time(10), closes=time(12))
        practice.tess.hours_overrides.create(applies_on=MONDAY + timedelta(days=2))
        TimeOff.objects.create(therapist=practice.tess, starts_at=NINE.replace(hour=12), ends_at=NINE.replace(hour=14))
        Closure.objects.create(
            location=practice.tess.location,
            name="Boiler",
            starts_at=datetime(2027, 3, 11, tzinfo=UTC),
            ends_at=datetime(2027, 3, 12, tzinfo=UTC),
        )

        [this, after] = weeks_from(MONDAY, practice.tess.pk, practice.tess.location_id, now=now)

        monday, tuesday, wednesday, thursday, friday, *weekend = this.days
        assert (monday.hours, monday.is_single) == ((Span(600, 720),), True)
        assert (tuesday.hours, tuesday.away) == ((Span(540, 720), Span(840, 1020)), (Span(720, 840),))
        assert (wednesday.hours, wednesday.is_single) == ((), True)
        assert (thursday.hours, thursday.closed) == ((), "Boiler")
        assert friday.hours == WHOLE_DAY
        assert not any(day.hours for day in weekend)
        assert this.worked == (16, 0)
        assert after.worked == (32, 0)  # no Mondays

    def test_know_public_holidays_and_other_weeks(self, practice, now):
        practice.tess.working_hours.filter(weekday=4).update(every_weeks=2, valid_from=date(2027, 3, 22))

        [good_friday, after] = weeks_from(date(2027, 3, 22), practice.tess.pk, practice.tess.location_id, now=now)

        assert (good_friday.days[4].hours, good_friday.days[4].closed) == ((), "Good Friday")
        assert (after.days[4].hours, after.days[4].closed) == ((), "")
        assert after.days[0].closed == "Easter Monday"


class TestTheUsualWeek:
    def test_is_saved_at_once_where_it_touches_no_session(self, hers, practice):
        response = hers.post(reverse("booking:usual_week"), week(practice, closes="16:00"), follow=True)

        assert "No booked session is touched." in text(response)
        assert practice.tess.working_hours.get(weekday=1).closes == time(16)

    def test_shows_the_sessions_it_breaks_first_and_asks_their_clients_only_once_agreed(self, hers, practice, book):
        book()

        shown = hers.post(reverse("booking:usual_week"), week(practice, opens="10:00"))

        assert "1 session can no longer take place." in text(shown)
        assert "Save and ask 1 client" in text(shown)
        assert "10:00–17:00" in text(shown)
        assert practice.tess.working_hours.get(weekday=1).opens == time(9)
        assert not Repair.objects.exists()

        agreed = re.search(r'name="agreed" value="(\w+)"', shown.content.decode())[1]
        saved = hers.post(reverse("booking:usual_week"), week(practice, opens="10:00") | {"agreed": agreed}, follow=True)

        assert "Saved. 1 client was asked." in text(saved)
        assert practice.tess.working_hours.get(weekday=1).opens == time(10)
        assert Notification.objects.filter(kind=NotificationKind.REPAIR).count() == 1

    def test_looked_at_shows_the_new_weeks_and_saves_nothing(self, hers, practice, book):
        book()

        shown = hers.post(
            reverse("booking:usual_week"), week(practice, opens="10:00") | {"do": "look", "week": MONDAY.isoformat()}
        )

        assert "10:00–17:00" in text(shown)
        assert "1 session can no longer take place." in text(shown)
        assert practice.tess.working_hours.get(weekday=1).opens == time(9)
        assert "9:00–17:00" in text(hers.get(f"{reverse('booking:hours')}?week={MONDAY}"))

    def test_is_saved_as_the_page_shows_it_with_its_empty_rows(self, hers, practice):
        page = hers.get(reverse("booking:usual_week")).content.decode()
        posted = dict(
            re.findall(r'<input(?=[^>]*type="(?:hidden|time|date|number)")[^>]*name="([^"]+)"(?:[^>]*value="([^"]*)")?', page)
        )
        names = re.findall(r'<select name="([^"]+)"', page)
        chosen = re.findall(r'<option value="([^"]*)" selected', page)
        posted |= dict(zip(names, chosen, strict=True)) | {"do": "save", "gives_daily": "on"}

        response = hers.post(reverse("booking:usual_week"), posted)

        assert response.status_code == 302, text(response)
        assert practice.tess.working_hours.count() == 5

    def test_a_day_is_split_by_a_second_row_and_ended_by_deleting_one(self, hers, practice):
        split = week(practice, closes="12:00") | {"rows-TOTAL_FORMS": 6}
        split |= {"rows-5-weekday": 1, "rows-5-opens": "14:00", "rows-5-closes": "18:00", "rows-5-every_weeks": 1}

        hers.post(reverse("booking:usual_week"), split | {"rows-5-valid_from": "2027-01-01"})

        hours = practice.tess.working_hours.filter(weekday=1).values_list("opens", "closes")
        assert list(hours) == [(time(9), time(12)), (time(14), time(18))]

        hers.post(reverse("booking:usual_week"), week(practice, DELETE="on"))

        assert not practice.tess.working_hours.filter(weekday=1).exists()

    @pytest.mark.parametrize(
        ("wrong", "says"),
        [
            ({"closes": "08:00"}, "This is not after the beginning"),
            ({"valid_until": "1999-01-01"}, "This is before the first day."),
            ({"opens": ""}, "This field is required."),
        ],
        ids=["ends before it begins", "over before it holds", "no beginning"],
    )
    def test_a_wrong_row_is_named_and_nothing_is_saved(self, hers, practice, wrong, says):
        response = hers.post(reverse("booking:usual_week"), week(practice, **wrong) | {"daily_sessions": "3"})

        assert response.status_code == 422
        assert says in text(response)
        practice.tess.refresh_from_db()
        assert practice.tess.daily_sessions is None
        assert practice.tess.working_hours.get(weekday=1).closes == time(17)

    def test_caps_go_with_it(self, hers, practice):
        hers.post(reverse("booking:usual_week"), week(practice) | {"daily_sessions": "3", "gives_daily": ""})

        practice.tess.refresh_from_db()
        assert (practice.tess.daily_sessions, practice.tess.gives_daily) == (3, False)

    def test_a_rest_says_how_long_it_is(self, hers, practice):
        asked = week(practice) | {"rest_after_sessions": "3"}

        refused = hers.post(reverse("booking:usual_week"), asked)
        assert (refused.status_code, "at least 5" in text(refused)) == (422, True)
        assert hers.post(reverse("booking:usual_week"), asked | {"rest_minutes": "30"}).status_code == 302

        assert "A rest of 30 minutes after 3 sessions in a row." in text(hers.get(reverse("booking:hours")))

    def test_a_row_of_somebody_else_is_not_taken(self, hers, practice):
        foreign = practice.jonas.working_hours.get(weekday=1)

        hers.post(reverse("booking:usual_week"), week(practice, id=foreign.pk, opens="10:00", DELETE=""))
        hers.post(reverse("booking:usual_week"), week(practice, id=foreign.pk, DELETE="on"))

        assert WorkingHours.objects.get(pk=foreign.pk).opens == time(9)
        assert practice.jonas.working_hours.count() == 5


class TestOneDate:
    FACTS = {"on": TUESDAY.isoformat(), "opens": "10:00", "closes": "12:00", "opens_again": "", "closes_again": "", "do": "save"}

    def test_has_hours_of_its_own(self, hers, practice):
        hers.post(reverse("booking:add_date"), self.FACTS | {"opens_again": "14:00", "closes_again": "00:00"})

        found = HoursOverride.objects.filter(therapist=practice.tess).values_list("applies_on", "opens", "closes")
        assert list(found) == [(TUESDAY, time(10), time(12)), (TUESDAY, time(14), time(0))]

    def test_moved_to_another_date_gives_the_first_back_to_the_usual_week(self, hers, practice):
        hers.post(reverse("booking:add_date"), self.FACTS)

        wednesday = TUESDAY + timedelta(days=1)
        hers.post(reverse("booking:change_date", args=[TUESDAY]), self.FACTS | {"on": wednesday.isoformat(), "is_off": "on"})

        assert list(practice.tess.hours_overrides.values_list("applies_on", "opens")) == [(wednesday, None)]

    def test_given_back_says_what_breaks_as_well(self, hers, practice, book):
        practice.tess.hours_overrides.create(applies_on=TUESDAY, opens=time(18), closes=time(20))
        book(starts_at=NINE.replace(hour=18))

        shown = hers.post(reverse("booking:change_date", args=[TUESDAY]), {"do": "remove"})

        assert "Remove and ask 1 client" in text(shown)
        assert practice.tess.hours_overrides.exists()

    @pytest.mark.parametrize(
        "wrong", [{"opens": ""}, {"closes": "09:00"}, {"opens_again": "13:00"}, {"opens": "", "closes": ""}, {"on": "soon"}]
    )
    def test_incomplete_is_refused(self, hers, wrong):
        assert hers.post(reverse("booking:add_date"), self.FACTS | wrong).status_code == 422
        assert not HoursOverride.objects.exists()

    def test_of_somebody_else_is_not_there(self, hers, practice):
        practice.jonas.hours_overrides.create(applies_on=TUESDAY)

        assert hers.get(reverse("booking:change_date", args=[TUESDAY])).status_code == 404
        assert hers.get("/therapist/hours/date/soon/").status_code == 404


class TestAway:
    FACTS = {"kind": "leave", "first_on": TUESDAY.isoformat(), "last_on": TUESDAY.isoformat(), "do": "save"}

    def test_whole_days_are_from_midnight_to_midnight(self, hers, practice):
        hers.post(reverse("booking:add_away"), self.FACTS)

        away = TimeOff.objects.get(therapist=practice.tess)
        assert (away.starts_at, away.ends_at) == (NINE.replace(hour=0), NINE.replace(hour=0) + timedelta(days=1))
        assert 'value="2027-03-09"' in hers.get(reverse("booking:change_away", args=[away.pk])).content.decode()

    def test_ill_from_now_until_the_end_of_today_asks_the_clients_of_today(self, hers, practice, book, now):
        book()
        at_eight = NINE - timedelta(hours=1)

        with time_machine.travel(at_eight, tick=False):
            hers.force_login(practice.tess.user)
            page = hers.get(reverse("booking:add_away") + "?now").content.decode()
            assert 'value="08:00"' in page
            assert re.search(r'value="illness"[^>]*checked', page)
            ill = self.FACTS | {"kind": "illness", "since": "08:00"}
            shown = hers.post(reverse("booking:add_away"), ill)
            agreed = re.search(r'name="agreed" value="(\w+)"', shown.content.decode())[1]
            hers.post(reverse("booking:add_away"), ill | {"agreed": agreed})

        assert TimeOff.objects.get().starts_at == at_eight
        assert Repair.objects.get().cause == "away: Tess Oduya"

    def test_what_changed_since_it_was_shown_is_shown_again(self, hers, practice, book):
        book()
        shown = hers.post(reverse("booking:add_away"), self.FACTS)
        agreed = re.search(r'name="agreed" value="(\w+)"', shown.content.decode())[1]
        book(client=practice.bo, starts_at=NINE.replace(hour=11))

        again = hers.post(reverse("booking:add_away"), self.FACTS | {"agreed": agreed})

        assert again.status_code == 409
        assert "What breaks has changed since you looked." in text(again)
        assert not TimeOff.objects.exists()

    def test_the_wrong_way_round_or_in_an_hour_that_does_not_exist_is_refused(self, hers):
        backwards = hers.post(reverse("booking:add_away"), self.FACTS | {"last_on": MONDAY.isoformat()})
        spring_night = {"first_on": "2027-03-28", "last_on": "2027-03-28", "since": "01:30"}
        never = hers.post(reverse("booking:add_away"), self.FACTS | spring_night)

        assert "This is not after the beginning." in text(backwards)
        assert "The clocks change that night" in text(never)
        assert not TimeOff.objects.exists()

    def test_of_somebody_else_is_not_there(self, hers, practice):
        foreign = TimeOff.objects.create(therapist=practice.jonas, starts_at=NINE, ends_at=NINE + timedelta(hours=1))

        assert hers.get(reverse("booking:change_away", args=[foreign.pk])).status_code == 404
        assert hers.post(reverse("booking:change_away", args=[foreign.pk]), {"do": "remove"}).status_code == 404


class TestATimeMarkedInTheCalendar:
    BLOCK = "?from=2027-03-09T09:00&to=2027-03-09T10:30"

    def posted(self, **change):
        return {"kind": "other", "first_on": "2027-03-09", "since": "09:00", "last_on": "2027-03-09", "until": "10:30"} | change

    def test_is_what_the_form_begins_with(self, hers):
        page = hers.get(reverse("booking:add_away") + self.BLOCK).content.decode()

        assert "Block this time" in page
        for value in ("2027-03-09", "09:00", "10:30"):
            assert f'value="{value}"' in page

    def test_leads_back_to_its_day_in_the_calendar(self, hers, practice):
        saved = hers.post(reverse("booking:add_away") + self.BLOCK, self.posted(do="save"))

        assert saved["Location"] == f"{reverse('booking:therapist')}?on=2027-03-09"
        [away] = practice.tess.time_off.all()
        assert (away.kind, away.starts_at, away.ends_at) == ("other", NINE, NINE + timedelta(minutes=90))

    def test_shows_what_it_breaks_before_it_is_saved(self, hers, practice, book):
        book()

        shown = hers.post(reverse("booking:add_away") + self.BLOCK, self.posted(do="save"))

        assert "Ada Okafor" in text(shown)
        assert not practice.tess.time_off.exists()

    @pytest.mark.parametrize(
        "query", ["?from=2027-03-09T10:30&to=2027-03-09T09:00", "?from=now&to=then", "?from=2027-03-09T09:00"]
    )
    def test_that_is_none_is_the_form_for_leave(self, hers, query):
        assert "When are you away?" in text(hers.get(reverse("booking:add_away") + query))
