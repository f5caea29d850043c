"""After a change of the zone database the wall time stands, the instants follow, and clashes are listed."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from django.core.management import call_command

from booking.enums import AppointmentStatus
from booking.models import Appointment, AuditEntry
from booking.services.reanchor import reanchor_appointments
from tests.factories import AppointmentFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

HOUR = timedelta(hours=1)
#: Nine o'clock in London in April is eight in UTC; these rows were made when the country still meant to stay on winter time.
BEFORE_THE_CHANGE = datetime(2027, 4, 6, 9, tzinfo=UTC)


def anchored_wrongly(starts_at=BEFORE_THE_CHANGE, *, wall=time(9), **fields):
    appointment = AppointmentFactory(starts_at=starts_at, **fields)
    Appointment.objects.filter(pk=appointment.pk).update(local_time=wall, local_date=starts_at.date())
    appointment.refresh_from_db()
    return appointment


def instants(appointment):
    appointment.refresh_from_db()
    return appointment.starts_at, appointment.ends_at, appointment.blocked_from, appointment.blocked_until


def test_a_session_keeps_its_wall_time_and_moves_its_instants(now):
    appointment = anchored_wrongly()
    was = instants(appointment)

    report = reanchor_appointments(now=now, dry_run=False)

    assert instants(appointment) == tuple(each - HOUR for each in was)
    assert (appointment.local_time, appointment.local_start.time()) == (time(9), time(9))
    assert [(shift.appointment, shift.by) for shift in report.moved] == [(appointment, -HOUR)]
    assert AuditEntry.objects.get().action == "reanchored"


def test_a_dry_run_says_the_same_and_changes_nothing(now):
    appointment = anchored_wrongly()
    was = instants(appointment)

    report = reanchor_appointments(now=now, dry_run=True)

    assert len(report.moved) == 1
    assert instants(appointment) == was
    assert not AuditEntry.objects.exists()


def test_what_is_right_already_is_left_alone(now):
    AppointmentFactory(starts_at=datetime(2027, 4, 6, 8, tzinfo=UTC))

    report = reanchor_appointments(now=now, dry_run=False)

    assert (report.moved, report.clashes, report.gone) == ([], [], [])


def test_a_whole_day_moves_together_without_clashing_with_itself(now):
    first = anchored_wrongly()
    second = anchored_wrongly(BEFORE_THE_CHANGE + HOUR, wall=time(10), therapist=first.therapist, room=first.room)

    report = reanchor_appointments(now=now, dry_run=False)

    assert len(report.moved) == 2
    assert instants(second)[0] == BEFORE_THE_CHANGE


def test_a_clash_is_listed_and_stays_as_it_was(now):
    appointment = anchored_wrongly()
    AppointmentFactory(starts_at=BEFORE_THE_CHANGE - HOUR, therapist=appointment.therapist)
    was = instants(appointment)

    report = reanchor_appointments(now=now, dry_run=False)

    assert [shift.appointment for shift in report.clashes] == [appointment]
    assert instants(appointment) == was


def test_a_wall_time_that_no_longer_exists_is_listed(now):
    appointment = anchored_wrongly(datetime(2027, 3, 28, 1, 30, tzinfo=UTC), wall=time(1, 30))

    report = reanchor_appointments(now=now, dry_run=False)

    assert report.gone == [appointment]


def test_the_past_and_what_is_cancelled_are_not_touched(now):
    anchored_wrongly(datetime(2026, 7, 7, 9, tzinfo=UTC))
    anchored_wrongly(status=AppointmentStatus.CANCELLED)

    assert reanchor_appointments(now=now, dry_run=False).moved == []


def test_the_command_reports_in_words(now, capsys):
    appointment = anchored_wrongly()

    with time_machine.travel(now, tick=False):
        call_command("reanchor", "--dry-run")

    said = capsys.readouterr().out
    assert f"appointment {appointment.pk}" in said
    assert "1 moved, 0 clashes, 0 without a time (dry run, nothing changed)" in said
