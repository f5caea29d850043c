"""Calendar files say the wall time and bring the zone's clock changes along."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import icalendar
import pytest

from booking import ical
from booking.enums import AppointmentStatus
from tests.factories import AppointmentFactory, LocationFactory, TreatmentFactory

pytestmark = pytest.mark.integration
ZONES = [
    "Europe/London",
    "Africa/Casablanca",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Asia/Tokyo",
    "America/Sao_Paulo",
]


@pytest.mark.parametrize("zone", ZONES)
def test_the_zone_in_the_file_agrees_with_the_zone_database_at_every_half_hour_of_the_year(zone):
    component = icalendar.Timezone.from_ical(ical._timezone(zone, 2027, 2027).to_ical())
    told = sorted(
        (
            (change["DTSTART"].dt - change["TZOFFSETFROM"].td).replace(tzinfo=UTC),
            change["TZOFFSETTO"].td,
        )
        for change in component.subcomponents
    )

    moment = datetime(2027, 1, 1, tzinfo=UTC)
    while moment.year == 2027:
        offset = [to for since, to in told if since <= moment][-1]
        assert offset == moment.astimezone(ZoneInfo(zone)).utcoffset(), moment
        moment += timedelta(minutes=30)


@pytest.mark.django_db
def test_nine_stays_nine_on_both_sides_of_the_spring_night(now):
    before = AppointmentFactory(starts_at=datetime(2027, 3, 23, 9, tzinfo=UTC))
    after = AppointmentFactory(starts_at=datetime(2027, 3, 30, 8, tzinfo=UTC))

    file = icalendar.Calendar.from_ical(ical.calendar([after, before], now=now))

    assert [event["DTSTART"].params["TZID"] for event in file.events] == ["Europe/London"] * 2
    assert [f"{event['DTSTART'].dt:%d %b %H:%M}" for event in file.events] == ["23 Mar 09:00", "30 Mar 09:00"]
    assert [event["DTSTART"].dt.utcoffset() for event in file.events] == [timedelta(0), timedelta(hours=1)]
    assert [zone["TZID"] for zone in file.timezones] == ["Europe/London"]


@pytest.mark.django_db
def test_a_session_over_the_autumn_night_keeps_its_length(now):
    treatment = TreatmentFactory(location=LocationFactory(), length=timedelta(minutes=60))
    appointment = AppointmentFactory(treatment=treatment, starts_at=datetime(2027, 10, 31, 0, 30, tzinfo=UTC))

    [event] = icalendar.Calendar.from_ical(ical.calendar([appointment], now=now)).events

    assert f"{event['DTSTART'].dt:%H:%M}" == "01:30"
    assert event["DURATION"].dt == timedelta(minutes=60)


@pytest.mark.django_db
def test_an_event_says_what_where_with_whom_and_how_to_reach_the_practice(now):
    appointment = AppointmentFactory(
        sequence=2, therapist__name="Tess Oduya", treatment__neutral_name="Two areas; short, neutral"
    )

    [event] = icalendar.Calendar.from_ical(ical.calendar([appointment], now=now)).events

    assert event["UID"] == f"{appointment.pk}@localhost"
    assert (event["SEQUENCE"], event["STATUS"], event["DTSTAMP"].dt) == (2, "CONFIRMED", now)
    assert event["SUMMARY"] == "Two areas; short, neutral with Tess Oduya"
    assert event["LOCATION"] == "Linden Street Practice"
    assert event["DESCRIPTION"] == "020 7946 0010\ndesk@example.org"
    assert "ATTENDEE" not in event


@pytest.mark.django_db
def test_an_event_is_a_session_and_nothing_more_where_no_neutral_name_was_chosen(now):
    named = {"treatment__name": "Jaw and neck", "treatment__neutral_name": ""}
    appointment = AppointmentFactory(therapist__name="Tess Oduya", **named)

    [event] = icalendar.Calendar.from_ical(ical.calendar([appointment], now=now)).events

    assert event["SUMMARY"] == "Session with Tess Oduya"


@pytest.mark.django_db
def test_a_cancelled_session_is_cancelled_in_every_file(now):
    appointment = AppointmentFactory(status=AppointmentStatus.CANCELLED, sequence=1)

    [event] = icalendar.Calendar.from_ical(ical.calendar([appointment], now=now, method="CANCEL")).events

    assert event["STATUS"] == "CANCELLED"


@pytest.mark.django_db
def test_a_series_over_new_year_brings_the_clock_changes_of_both_years(now):
    winter = AppointmentFactory(starts_at=datetime(2027, 12, 28, 9, tzinfo=UTC))
    summer = AppointmentFactory(starts_at=datetime(2028, 4, 4, 8, tzinfo=UTC))

    file = icalendar.Calendar.from_ical(ical.calendar([winter, summer], now=now))

    onsets = [change["DTSTART"].dt.date() for change in file.timezones[0].subcomponents]
    assert onsets[1:] == [date(2027, 3, 28), date(2027, 10, 31), date(2028, 3, 26), date(2028, 10, 29)]
