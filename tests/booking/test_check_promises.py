"""The nightly check: every booked session stands, or somebody was told."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from structlog.testing import capture_logs

from booking.models import Repair
from booking.tasks import check_promises, tell_of_unanswered_repairs
from tests.booking.conftest import NINE
from therapists.models import TimeOff

pytestmark = pytest.mark.integration


@pytest.fixture
def slipped_through(book, practice, now):
    """A leave written past the services, over a session of Ada's."""
    session = book()
    TimeOff.objects.create(therapist=practice.tess, starts_at=NINE, ends_at=NINE + timedelta(hours=8))
    with time_machine.travel(now, tick=False):
        yield session


def run(*options):
    """What the command says, and the code it exits with."""
    out = StringIO()
    try:
        call_command("check_promises", *options, stdout=out)
    except SystemExit as end:
        return out.getvalue(), end.code
    return out.getvalue(), 0


def test_where_everything_stands_it_says_so_and_exits_with_zero(book, practice, now):
    book()
    with time_machine.travel(now, tick=False):
        assert run() == ("sessions that nobody had seen to: 0\n", 0)


def test_what_it_finds_is_reported_repaired_and_not_found_again(slipped_through):
    said, code = run()

    assert code == 1
    assert f"2027-03-09 09:00 Europe/London, Tess Oduya: away, appointment {slipped_through.pk}" in said
    assert "sessions that nobody had seen to: 1" in said
    assert Repair.objects.get().cause == "found by the nightly check"
    assert run()[1] == 0


def test_a_dry_run_reports_and_changes_nothing(slipped_through):
    assert run("--dry-run")[1] == 1
    assert not Repair.objects.exists()
    assert run("--dry-run")[1] == 1


def test_by_night_the_worker_does_it_and_leaves_a_line_in_the_log(slipped_through):
    with capture_logs() as lines:
        check_promises()
        check_promises()

    assert [(line["event"], line["sessions"]) for line in lines] == [("sessions nobody had seen to", 1)]
    assert Repair.objects.count() == 1


def test_the_worker_tells_the_desk_of_what_nobody_answered(slipped_through, now):
    check_promises()
    with time_machine.travel(now + timedelta(days=1), tick=False):
        tell_of_unanswered_repairs()

    assert Repair.objects.get().state == "lapsed"
