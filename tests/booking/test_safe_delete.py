"""Nothing is deleted from the set-up that a client was promised or that would be lost: the desk sees what, and what to do."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from html import unescape

import pytest
import time_machine
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.models import CASCADE, DO_NOTHING
from django.db.models.signals import post_save
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from booking.admin.dependents import DEPENDENTS
from booking.admin.safe_delete import SafeDelete
from booking.models import Appointment, NoteTemplate, Repair
from booking.services.waitlist import wish
from clients.models import BodyRegion, Medication, MedicationClass, Question
from clients.services.questionnaires import next_version
from tests.booking.conftest import NINE, fill_in
from tests.factories import (
    AppointmentFactory,
    NoticeRuleFactory,
    RoomFactory,
    TreatmentFactory,
    UserFactory,
)
from therapists.models import (
    Closure,
    ConditionPolicy,
    HolidayOpening,
    HoursOverride,
    Location,
    MedicationPolicy,
    Room,
    TimeOff,
    WorkingHours,
)

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False):
        yield


@pytest.fixture
def desk(client, practice):
    client.force_login(UserFactory(email="manager@example.org", is_staff=True, is_superuser=True))
    return client


def delete(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_delete", args=[row.pk])


def text(response):
    """The words of a page, as they are read."""
    page = response.content.decode()
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page[page.index('id="content"') :])).split())


def goes(desk, row):
    """Whether a row is gone after somebody pressed “Delete”."""
    desk.post(delete(row), {"post": "yes"})
    return not type(row)._default_manager.filter(pk=row.pk).exists()


def refused(desk, row, *words):
    """The page says why, and nothing is gone after the same is posted all the same."""
    said = text(desk.get(delete(row)))
    assert "cannot be deleted" in said
    for each in words:
        assert each in said, said
    assert not goes(desk, row)
    return said


def test_a_room_with_sessions_stays_and_the_page_says_which_and_what_to_do_instead(desk, practice, book):
    room = book().room

    said = refused(desk, room, "1 session to come", "Tue 9 Mar 2027, 9:00, Ada Okafor", "Untick “in use”")

    assert "1 treatment has no other room" not in said
    assert Appointment.objects.get().room == room


def test_a_room_that_nobody_uses_is_deleted(desk, practice, book):
    book()
    free = RoomFactory(name="Ash")

    said = text(desk.get(delete(free)))

    assert "Delete Ash?" in said
    assert "Nothing hangs on it." in said
    assert goes(desk, free)
    assert Room.objects.count() == 2


def test_the_only_room_of_a_treatment_stays_as_without_it_none_would_be_needed(desk, practice):
    only, spare = practice.rooms
    practice.treatment.rooms.set([only])

    refused(desk, only, "1 treatment has no other room")
    assert goes(desk, spare)


def test_a_therapist_whom_somebody_waits_for_stays_and_one_with_hours_alone_goes_with_them(desk, practice, now):
    days = {"earliest_on": NINE.date(), "latest_on": NINE.date()}
    entry = wish(client=practice.ada, treatment=practice.treatment, therapists=[practice.tess], by=None, now=now, **days)
    NoteTemplate.objects.create(therapist=practice.jonas, name="Neck")

    refused(desk, practice.tess, "1 wish on the waiting list is for them", "Untick “takes bookings”")
    said = text(desk.get(delete(practice.jonas)))

    assert "5 rows of weekly hours" in said
    assert "1 template for notes" in said
    assert "1 treatment loses them" in said
    assert goes(desk, practice.jonas)
    entry.refresh_from_db()
    assert list(entry.therapists.all()) == [practice.tess]


def test_a_treatment_that_was_ever_booked_stays_and_one_that_never_was_goes(desk, practice, book_series):
    book_series(3)
    fresh = TreatmentFactory(name="New", by=[practice.tess])

    refused(desk, practice.treatment, "3 sessions to come", "1 series", "Untick “offered”")
    assert goes(desk, fresh)


def test_a_location_with_anything_in_it_stays_and_an_empty_one_goes_with_its_closures(desk, practice):
    refused(desk, practice.treatment.location, "2 rooms", "2 therapists", "1 treatment", "change the address")
    other = Location.objects.create(name="Mill Lane", zone="Europe/London", country="GB")
    Closure.objects.create(location=other, name="Move", starts_at=NINE, ends_at=NINE + timedelta(days=1))

    assert "1 closure Move" in text(desk.get(delete(other)))
    assert goes(desk, other)


def test_what_decides_when_somebody_works_names_the_sessions_that_lie_there(desk, practice, book):
    book()
    book(client=practice.bo, starts_at=datetime(2027, 3, 26, 9, tzinfo=NINE.tzinfo) - timedelta(days=7))
    tuesday, friday = (WorkingHours.objects.get(therapist=practice.tess, weekday=day) for day in (1, 4))
    friday.valid_until = date(2027, 3, 18)
    friday.save()
    override = HoursOverride.objects.create(therapist=practice.tess, applies_on=NINE.date(), opens=time(8), closes=time(12))
    opening = HolidayOpening.objects.create(location=practice.tess.location, opens_on=NINE.date())
    rule = NoticeRuleFactory(location=practice.treatment.location)

    for row in (tuesday, override, opening):
        said = text(desk.get(delete(row)))
        assert "1 session to come lies there" in said
        assert "Ada Okafor" in said
    assert "Nothing hangs on it." in text(desk.get(delete(friday)))
    assert "2 sessions to come are no longer told of by it" in text(desk.get(delete(rule)))
    rule.is_on = False
    rule.save()
    assert "Nothing hangs on it." in text(desk.get(delete(rule)))


def test_leave_and_closures_say_who_was_offered_another_time_because_of_them(desk, practice, book, now):
    session = book()
    span = {"starts_at": NINE - timedelta(hours=1), "ends_at": NINE + timedelta(hours=1)}
    leave = TimeOff.objects.create(therapist=practice.tess, **span)
    closure = Closure.objects.create(location=practice.tess.location, name="Flood", **span)
    other = TimeOff.objects.create(therapist=practice.jonas, **span)
    repair = Repair.objects.create(client=practice.ada, cause="x", made_at=now, expires_at=NINE)
    repair.replacements.create(appointment=session, sequence=0, fit="none")

    for row in (leave, closure):
        assert "1 client was offered another time because of it" in text(desk.get(delete(row)))
    assert "Nothing hangs on it." in text(desk.get(delete(other)))


def test_a_question_that_others_lean_on_stays_and_one_that_none_does_goes(desk, intake, practice):
    draft = next_version(intake)
    asked = Question.objects.filter(section__questionnaire=draft)
    leaned_on, free = asked.get(code="takes_any"), asked.get(code="changed")
    asked.filter(show_if__question="changed").delete()
    ConditionPolicy.objects.create(therapist=practice.tess, condition="had_injury", stance="review")

    refused(desk, leaned_on, "asked by what is answered here", "Tick “retired”")
    refused(desk, asked.get(code="had_injury"), "1 policy of a therapist about it")
    assert goes(desk, free)
    assert "Nothing hangs" not in text(desk.get(delete(draft)))
    assert goes(desk, draft)


def test_what_answers_are_held_against_stays_while_anything_can_name_it(desk, intake, practice, now):
    unknown, used = MedicationClass.objects.get(code="UNKNOWN"), MedicationClass.objects.get(code="ANTICOAG")
    declined = MedicationClass.objects.get(code="GOUT")
    MedicationPolicy.objects.create(therapist=practice.tess, medication_class="GOUT", stance="decline")
    Medication.objects.filter(class_codes__overlap=["GOUT", "THYROID"]).delete()
    part = BodyRegion.objects.exclude(treatable="group").first()
    area = BodyRegion.objects.get(code=part.area)
    warfarin = Medication.objects.filter(name__iexact="warfarin").first()

    refused(desk, unknown, "what is not in the list counts as this")
    refused(desk, used, "of it", "rules of questionnaires")
    refused(desk, declined, "1 policy of a therapist about it")
    refused(desk, area, "of this area")
    assert goes(desk, MedicationClass.objects.get(code="THYROID"))
    assert goes(desk, part)
    fill_in(practice.ada, now)
    refused(desk, BodyRegion.objects.exclude(treatable="group").first(), "1 form was sent in", "Choose “no”")
    assert "counts there as not in the list" in text(desk.get(delete(warfarin)))
    assert goes(desk, warfarin)


def chosen(rows, **more):
    return {"action": "delete_selected", "_selected_action": [row.pk for row in rows], **more}


def test_many_at_once_are_all_kept_if_one_is_needed_and_the_page_says_which(desk, practice, book):
    used, free = book().room, RoomFactory(name="Ash")
    rooms = reverse("admin:therapists_room_changelist")

    for more in ({}, {"post": "yes"}):
        said = text(desk.post(rooms, chosen([used, free], **more)))
        assert "Nothing was deleted." in said
        assert f"1 session to come {used.name} Tue 9 Mar 2027, 9:00, Ada Okafor" in said
    assert Room.objects.count() == 3

    assert "Nothing hangs on them." in text(desk.post(rooms, chosen([free])))
    assert desk.post(rooms, chosen([free], post="yes")).status_code == 302
    assert not Room.objects.filter(pk=free.pk).exists()


def test_many_hours_at_once_name_the_sessions_in_any_of_them(desk, practice, book):
    book()
    book(client=practice.bo, starts_at=NINE + timedelta(days=1))

    said = text(desk.post(reverse("admin:therapists_workinghours_changelist"), chosen(WorkingHours.objects.all())))

    assert "2 sessions to come lie there" in said


def test_thirty_at_once_cost_no_more_queries_than_two(desk, practice, book, now):
    def cost(rows):
        with CaptureQueriesContext(connection) as queries:
            desk.post(reverse("admin:therapists_timeoff_changelist"), chosen(rows))
        return len(queries)

    session = book()
    hours = [NINE + timedelta(hours=n) for n in range(30)]
    away = [TimeOff(therapist=practice.tess, starts_at=at, ends_at=at + timedelta(hours=1)) for at in hours]
    rows = TimeOff.objects.bulk_create(away)
    repair = Repair.objects.create(client=practice.ada, cause="x", made_at=now, expires_at=NINE)
    repair.replacements.create(appointment=session, sequence=0, fit="none")
    cost(rows[:2])

    assert cost(rows) == cost(rows[:2])


def test_every_list_that_is_linked_shows_as_many_as_the_words_say(desk, practice, book, book_series, now):
    book_series(3)
    AppointmentFactory(
        client=practice.bo,
        therapist=practice.tess,
        treatment=practice.treatment,
        starts_at=now - timedelta(days=9),
        status="done",
    )
    AppointmentFactory(client=practice.bo, therapist=practice.tess, treatment=practice.treatment, status="cancelled")
    override = HoursOverride.objects.create(therapist=practice.tess, applies_on=NINE.date(), opens=time(8), closes=time(12))

    seen = set()
    for row in (practice.tess, practice.treatment, practice.tess.location, practice.tess.working_hours.get(weekday=1), override):
        page = desk.get(delete(row)).content.decode()
        for address, count, words in re.findall(
            r'<a class="tap all" href="([^"]+)">[^<]+<span[^>]+>: (\d+) ([^<]+)</span>', page
        ):
            listed = desk.get(unescape(address))
            assert listed.context["cl"].result_count == int(count), address
            seen.add(words)
    assert {"sessions to come", "session that was, in the history", "cancelled session", "series"} <= seen


def test_whoever_may_not_see_sessions_is_told_how_many_and_not_whose(client, practice, book):
    room = book().room
    practice.finn.user_permissions.add(*Permission.objects.filter(codename__in=("view_room", "delete_room")))
    client.force_login(practice.finn)

    page = client.get(delete(room))

    assert "1 session to come" in text(page)
    assert "Ada" not in text(page)
    assert reverse("admin:booking_appointment_changelist") not in page.content.decode()


def test_a_room_that_is_booked_between_looking_and_deleting_stays(desk, practice, book):
    room = practice.rooms[0]
    practice.treatment.rooms.set([room])
    practice.treatment.rooms.add(practice.rooms[1])

    def book_there(**_signal):
        AppointmentFactory(client=practice.ada, therapist=practice.tess, treatment=practice.treatment, room=room)

    post_save.connect(book_there, sender=LogEntry)
    try:
        answer = desk.post(delete(room), {"post": "yes"}, follow=True)
    finally:
        post_save.disconnect(book_there, sender=LogEntry)

    assert "Somebody used it just now. Nothing was deleted" in answer.content.decode()
    assert "was deleted successfully" not in answer.content.decode()
    assert Room.objects.filter(pk=room.pk).exists()


def test_three_hundred_sessions_cost_no_more_queries_than_one_and_a_dozen_are_named(desk, practice, book):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            page = desk.get(delete(practice.tess))
        return len(queries), page

    book()
    cost()
    one, _page = cost()
    more = [
        AppointmentFactory.build(
            client=practice.ada, therapist=practice.tess, treatment=practice.treatment, starts_at=NINE + timedelta(hours=n)
        )
        for n in range(1, 300)
    ]
    Appointment.objects.bulk_create(more)

    many, page = cost()

    assert many == one
    assert "300 sessions to come" in text(page)
    assert len(re.findall("Ada Okafor", text(page))) == 12
    assert "See all 300 in the list" in text(page)


def test_all_that_can_be_deleted_at_the_desk_is_deleted_safely(rf, db):
    request = rf.get("/")
    request.user = UserFactory(is_staff=True, is_superuser=True)
    changed = [(model, page) for model, page in admin.site._registry.items() if page.has_change_permission(request)]

    careless = {model._meta.label for model, page in changed if not isinstance(page, SafeDelete)}

    assert careless == {"booking.Appointment", "clients.Client", "clients.User"}


@pytest.mark.parametrize("model", DEPENDENTS, ids=lambda model: model.__name__)
def test_whatever_points_at_a_row_of_the_set_up_is_looked_for(model):
    pointing = {
        relation.related_model
        for relation in model._meta.get_fields(include_hidden=True)
        if relation.auto_created and not relation.concrete and getattr(relation, "on_delete", CASCADE) is not DO_NOTHING
    }
    through = {field.remote_field.through for other in DEPENDENTS.keys() | pointing for field in other._meta.many_to_many}

    assert pointing - through - {kind.model for kind in DEPENDENTS[model]} == set()
