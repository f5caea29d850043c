"""The demonstration practice: what it promises, and that it never touches a practice that is there."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from django.core.management import CommandError, call_command
from django.test import TestCase, override_settings
from django.utils import timezone

from booking.admin.abilities import known_classes, known_conditions
from booking.enums import NotificationState
from booking.management.commands.demo import NOTES
from booking.models import Appointment, NoticeRule, Notification, Reach, Repair, Series
from booking.queries import rules
from booking.services.asking import sessions_that_ask
from booking.services.notes import without_a_signed_note
from booking.services.progress import progress_of
from booking.worklists import Asked, Work, Worklist
from clients.models import BodyRegion, Response
from clients.services.responses import flags_of
from therapists.models import ConditionPolicy, Location, MedicationPolicy, Room, Therapist, Treatment, WorkingHours

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


class TestDemonstration(TestCase):
    """One for all tests, each of which leaves it as it was."""

    var: Path

    @classmethod
    def setUpTestData(cls) -> None:
        cls.var = Path(cls.enterClassContext(TemporaryDirectory()))
        with override_settings(VAR=cls.var):
            call_command("demo")

    def test_it_is_a_whole_practice(self):
        assert Therapist.objects.count() == 5
        assert Room.objects.count() == 4
        assert Treatment.objects.count() == 6
        assert WorkingHours.objects.filter(every_weeks=2).exists()
        assert Series.objects.count() > 20
        assert Appointment.objects.filter(status="done").exists()
        assert Repair.objects.unsettled().count() == Notification.objects.filter(kind="repair").count() == 1
        sign_ins = self.var / "demo-sign-ins.txt"
        assert sign_ins.stat().st_mode & 0o777 == 0o600
        assert "robin.ashdown@example.org" in sign_ins.read_text()

    def test_some_have_not_been_here_lately_and_wait_to_be_called(self):
        unseen = Worklist(Work.UNSEEN, Asked(Location.objects.get(), 8, timezone.now()))

        assert 1 <= unseen.count <= 4

    def test_every_note_up_to_yesterday_is_signed_and_marks_places_that_exist(self):
        behind = Appointment.objects.filter(status="done", local_date__lt=timezone.localdate())
        assert behind.exists()
        assert not without_a_signed_note(behind, timezone.now()).exists()

        marked = {point.region for note in NOTES for point in note.points}
        assert marked <= set(BodyRegion.objects.exclude(treatable="group").values_list("code", flat=True))

    def test_its_desk_has_rules_and_a_notice_in_each_state_that_lasts(self):
        states = set(Notification.objects.values_list("state", flat=True))

        assert {(rule.kind, rule.lead.days, rule.channel) for rule in NoticeRule.objects.all()} == {
            ("reminder", 3, "preferred"),
            ("reminder", 1, "preferred"),
            ("form", 2, "preferred"),
            ("form", 1, "other"),
            ("follow_up", 1, "preferred"),
            ("series_ending", 7, "preferred"),
        }
        assert states == set(NotificationState.values) - {NotificationState.SENDING}
        assert Reach.objects.get().is_refused

    def test_about_sixty_percent_of_the_next_eight_weeks_is_booked(self):
        now = timezone.now()
        known = rules(now)
        monday = timezone.localdate(now) - timedelta(days=timezone.localdate(now).weekday())
        days = [monday + timedelta(weeks=1, days=n) for n in range(7 * 7)]
        [practice] = known.practices.values()
        working = sum(
            span.end - span.start
            for therapist in known.therapists.values()
            for day in days
            if day not in practice.holidays
            for span in therapist.hours(day)
        )

        ahead = Appointment.objects.filter(local_date__in=days)
        booked = sum((each.blocked_until - each.blocked_from).total_seconds() / 60 for each in ahead)

        assert 0.5 < booked / working < 0.7

    def test_what_its_therapists_say_is_about_things_the_form_knows(self):
        assert {policy.medication_class for policy in MedicationPolicy.objects.all()} <= known_classes().keys()
        assert {policy.condition for policy in ConditionPolicy.objects.all()} <= known_conditions().keys()
        assert MedicationPolicy.objects.filter(stance="decline").exists()
        assert Therapist.objects.exclude(languages=[]).count() == 5

    def test_a_practice_that_is_there_is_left_alone(self):
        before = Appointment.objects.count()

        with pytest.raises(CommandError, match="not empty"):
            call_command("demo")

        assert Location.objects.count() == 1
        assert Appointment.objects.count() == before

    def test_three_clients_have_answers_of_rising_severity(self):
        sent = Response.objects.submitted().filter(client__user=None).order_by("client__name")

        assert sorted(response.severity for response in sent) == ["adapt", "review", "stop"]
        assert not Response.objects.filter(client__name="Robin Ashdown").exists()
        for response in sent:
            found = flags_of(response.client, on=timezone.localdate() + timedelta(days=3))
            assert found.severity.name.lower() == response.severity

    def test_somebody_was_here_before_and_is_asked_what_changed(self):
        now = timezone.now()
        client = Response.objects.get(kind="first", client__user__isnull=False).client
        ahead = Appointment.objects.upcoming(now).filter(client=client).first()
        at = max(now, ahead.starts_at - timedelta(days=1))

        assert sessions_that_ask([ahead], now=at) == {ahead.pk}
        course = progress_of(client, by=client.user, now=now)
        pain = [stage.before for stage in course.sessions if stage.before is not None]
        assert pain[0] == 7
        assert len(pain) >= 3
        assert pain == sorted(pain, reverse=True)
        assert course.activities
        assert client.email in (self.var / "demo-sign-ins.txt").read_text()
