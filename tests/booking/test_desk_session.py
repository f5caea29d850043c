"""A call about one session at the desk: moved, given to somebody else or cancelled, and why not."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from booking.engine.planner import Start
from booking.forms.changes import key_of
from booking.models import Appointment, AuditEntry, Change, FreedTime, Notification
from tests.booking.conftest import NINE, fill_in
from tests.clients.answers import medicine
from tests.factories import AppointmentFactory, ClientFactory, TherapistFactory
from tests.rewound import forget_sessions
from therapists.models import MedicationPolicy

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

RIGHTS = ("view_appointment", "change_appointment", "view_client", "override_rules")
TUESDAY = date(2027, 3, 9)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: An hour before the session: too late to move it freely, and the notice of two hours is over.
LATE = NINE - HOUR
KEY = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def clock(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def desk(client, practice, clock):
    practice.finn.user_permissions.set(Permission.objects.filter(codename__in=RIGHTS))
    client.force_login(practice.finn)
    return client


@pytest.fixture
def at(clock, desk, practice):
    """Let it be another time, with Finn signed in as of then."""

    def at(moment):
        clock.move_to(moment)
        desk.force_login(practice.finn)

    return at


def without(practice, codename):
    practice.finn.user_permissions.remove(Permission.objects.get(codename=codename))


def address(session, name="session", **query):
    asked = "&".join(f"{key}={value}" for key, value in query.items())
    return f"{reverse(f'admin:{name}', args=[session.pk])}?{asked}"


def words(response):
    """What a page says, without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def to(session, therapist, hour, on=TUESDAY, minute=0):
    return f"{session.pk}/{key_of(Start(therapist.pk, on, hour * 60 + minute))}"


def move(desk, session, *starts, reason="", version=None, **query):
    sent = {"to": starts, "key": KEY, "version": session.sequence if version is None else version, "override_reason": reason}
    return desk.post(address(session, "session_move", **query), sent)


def give(desk, session, *sessions, reason="", version=None, scope="one", **whom):
    sent = {"sessions": [each.pk for each in sessions or [session]], "key": KEY, "override_reason": reason}
    sent |= {"version": session.sequence if version is None else version} | {key: each.pk for key, each in whom.items()}
    return desk.post(address(session, "session_substitute", scope=scope), sent)


def call_off(desk, session, *sessions, who="client", reason="ill", **more):
    sent = {"sessions": [each.pk for each in sessions or [session]], "key": KEY, "who": who, "reason": reason}
    return desk.post(address(session, "session_cancel"), sent | more)


def stands(session):
    session.refresh_from_db()
    return session.therapist.name, session.local_start.hour, session.status


def untouched(*sessions):
    """Nothing was written about these since they were booked."""
    return not Change.objects.exists() and all(each.sequence == 0 for each in Appointment.objects.filter(pk__in=sessions))


class TestMoving:
    def test_one_press_on_a_free_time_moves_it_and_one_puts_it_back(self, desk, book, practice):
        session = book()
        shown = desk.get(address(session, day="2027-03-09"))
        assert f'value="{to(session, practice.tess, 10)}"' in shown.content.decode()
        assert f'value="{to(session, practice.jonas, 10)}"' in shown.content.decode()
        assert f'value="{to(session, practice.tess, 9)}"' not in shown.content.decode()

        after = move(desk, session, to(session, practice.tess, 10))
        assert after.url == reverse("admin:session", args=[session.pk])
        assert stands(session) == ("Tess Oduya", 10, "booked")
        said = words(desk.get(after.url))
        assert "Finn Desk moved it from Tuesday 9 March, 9:00 to Tuesday 9 March, 10:00." in said

        desk.post(reverse("admin:session_undo", args=[Change.objects.get().pk]), {"session": session.pk})
        assert stands(session) == ("Tess Oduya", 9, "booked")
        assert not Notification.objects.filter(kind="changed", state="sent").exists()

    @pytest.mark.parametrize(("scope", "moved"), [("following", [1, 2]), ("all", [0, 1, 2])])
    def test_of_several_each_is_shown_before_all_of_them_move(self, desk, book_series, practice, scope, moved):
        sessions = book_series(3).appointments
        first = sessions[moved[0]]
        day = first.local_date + DAY
        start = key_of(Start(practice.tess.pk, day, 600))

        plan = desk.get(address(sessions[1], "session_move", scope=scope, start=start))
        assert "Nothing is moved yet" in words(plan)
        assert untouched(*[each.pk for each in sessions])
        shown = re.findall(r'name="to" value="([^"]+)"', plan.content.decode())
        assert len(shown) == len(moved)

        assert move(desk, sessions[1], *shown, scope=scope, start=start).status_code == 302
        for n, each in enumerate(sessions):
            each.refresh_from_db()
            assert (each.local_date.isoweekday(), each.local_time.hour) == ((3, 10) if n in moved else (2, 9))
        assert Change.objects.count() == 1

    def test_a_time_that_went_meanwhile_is_refused_with_who_is_there_and_nothing_is_half_written(
        self, desk, book, book_series, practice
    ):
        sessions = book_series(2).appointments
        book(client=practice.bo, starts_at=NINE + timedelta(hours=2))

        answer = move(desk, sessions[0], to(sessions[0], practice.tess, 11))
        both = (to(sessions[0], practice.tess, 14), to(sessions[1], practice.tess, 11))
        several = move(desk, sessions[0], *both, scope="following", start=key_of(Start(practice.tess.pk, TUESDAY, 840)))

        assert (answer.status_code, several.status_code) == (409, 409)
        assert "Bo Lindqvist is with Tess Oduya from 11:00 to 11:30 (Two areas), Elm." in words(answer)
        assert "Nothing lifts this: no time is given twice." in words(answer)
        assert untouched(*[each.pk for each in sessions])

    def test_an_overlap_is_refused_whatever_the_reason(self, desk, book, practice):
        session = book()
        book(client=practice.bo, starts_at=NINE + 2 * HOUR)

        assert move(desk, session, to(session, practice.tess, 11), reason="they insist").status_code == 409
        assert untouched(session.pk)

    def test_what_somebody_else_moved_meanwhile_is_not_moved_from_an_old_page(self, desk, book, practice):
        session = book()
        move(desk, session, to(session, practice.tess, 10))

        again = desk.post(
            address(session, "session_move"),
            {"to": to(session, practice.tess, 12), "key": "21111111-2222-4333-8444-555555555555", "version": 0},
        )

        assert again.status_code == 409
        assert "Somebody else changed this session a moment ago" in words(again)
        assert stands(session)[1] == 10

    @pytest.mark.parametrize("sent", ["", "x", "{pk}/", "{pk}/{nobody}/2027-03-09/600", "{nobody}/{tess}/2027-03-09/600"])
    def test_what_was_not_offered_is_not_moved_to(self, desk, book, practice, sent):
        session = book()

        answer = move(desk, session, sent.format(pk=session.pk, nobody=KEY, tess=practice.tess.pk), reason="please")

        assert answer.status_code in (409, 422)
        assert untouched(session.pk)

    def test_the_policy_is_lifted_by_permission_and_reason_only_and_the_history_says_so(self, desk, book, practice, at):
        session = book()
        at(LATE)
        wanted = to(session, practice.tess, 15)

        assert move(desk, session, wanted).status_code == 409
        without(practice, "override_rules")
        assert move(desk, session, wanted, reason="her train").status_code == 409
        assert "a client could move it freely until Monday 8 March, 9:00" in words(desk.get(address(session)))
        for asked in ({}, {"day": TUESDAY, "at": "15:00"}):
            assert f'value="{wanted}"' not in desk.get(address(session, **asked)).content.decode()
        assert untouched(session.pk)

        practice.finn.user_permissions.add(Permission.objects.get(codename="override_rules"))
        assert move(desk, session, wanted, reason="her train").status_code == 302
        assert stands(session)[1] == 15
        assert session.moves == 0
        assert "Reason: “her train”." in words(desk.get(address(session)))

    def test_of_several_one_that_is_too_late_needs_the_reason_as_well(self, desk, book_series, practice, at):
        sessions = book_series(2).appointments
        at(LATE)
        query = {"scope": "following", "start": key_of(Start(practice.tess.pk, TUESDAY, 840))}
        plan = desk.get(address(sessions[0], "session_move", **query)).content.decode()
        shown = re.findall(r'name="to" value="([^"]+)"', plan)
        assert 'name="override_reason"' in plan

        assert move(desk, sessions[0], *shown, **query).status_code == 409
        assert untouched(*[each.pk for each in sessions])
        assert move(desk, sessions[0], *shown, reason="her train", **query).status_code == 302
        assert [stands(each)[1] for each in sessions] == [14, 14]


class TestWhyNot:
    def ask(self, desk, session, at, **more):
        return desk.get(address(session, day="2027-03-09", at=at, **more))

    def test_a_free_time_is_one_press_away(self, desk, book, practice):
        session = book()

        said = self.ask(desk, session, "13:00")

        assert "Tess Oduya , Tue 9 Mar, 13:00 : free." in words(said)
        assert "Move it there : Tess Oduya" in words(said)

    def test_who_is_there_is_named_and_the_nearest_free_times_stand_beside_it(self, desk, book, practice):
        session = book()
        book(client=practice.bo, starts_at=NINE + 2 * HOUR)

        said = self.ask(desk, session, "11:30", therapist=practice.tess.pk)

        assert "Bo Lindqvist is with Tess Oduya from 11:00 to 11:30 (Two areas), Elm." in words(said)
        assert "The time to prepare and to make the room ready meets it." in words(said)
        assert "Tue 9 Mar, 11:30, Jonas" in words(said)
        assert "Tue 9 Mar, 11:45, Tess" in words(said)

    def test_the_clients_own_session_and_the_hours_are_told_as_such(self, desk, book, practice):
        session = book()
        book(therapist=practice.jonas, starts_at=NINE + 3 * HOUR)

        assert "Ada Okafor is with Jonas Brandt from 12:00 to 12:30" in words(self.ask(desk, session, "12:15"))
        assert "Tess does not work on Tuesday 9 March at 20:00." in words(self.ask(desk, session, "20:00"))

    def test_whose_policy_declines_is_told_without_the_answer_and_a_reason_lifts_it(
        self, desk, book, practice, intake, few_medicines, now
    ):
        MedicationPolicy.objects.create(therapist=practice.jonas, medication_class="ANTICOAG", stance="decline")
        fill_in(practice.ada, now, takes_any="yes", med_list=[medicine("Eliquis")])
        session = book()

        said = words(self.ask(desk, session, "13:00", therapist=practice.jonas.pk))
        assert "By what this client’s form says, Jonas does not treat them on Tuesday 9 March. A reason lifts this." in said
        assert "Eliquis" not in said

        refused = move(desk, session, to(session, practice.jonas, 13))
        assert refused.status_code == 409
        assert "Reason to lift the rule Move it there : Jonas Brandt" in words(refused)
        assert untouched(session.pk)
        assert move(desk, session, to(session, practice.jonas, 13), reason="he knows her").status_code == 302
        assert stands(session) == ("Jonas Brandt", 13, "booked")

    def test_without_a_free_room_those_who_have_the_rooms_are_named(self, desk, book, practice):
        session = book()
        book(client=practice.bo, therapist=practice.jonas, starts_at=NINE + 4 * HOUR)
        AppointmentFactory(
            client=ClientFactory(user__name="Cleo Marsh"),
            therapist=TherapistFactory(name="Mira Haddad"),
            treatment=practice.treatment,
            room=practice.rooms[1],
            starts_at=NINE + 4 * HOUR,
        )

        said = words(self.ask(desk, session, "13:00", therapist=practice.tess.pk))

        assert "No room is free on Tuesday 9 March at 13:00." in said
        assert "Bo Lindqvist is with Jonas Brandt from 13:00 to 13:30 (Two areas), Elm." in said
        assert "Cleo Marsh is with Mira Haddad from 13:00 to 13:30 (Two areas), Oak." in said
        assert move(desk, session, to(session, practice.tess, 13), reason="please").status_code == 409

    @pytest.mark.parametrize(
        "asked", [{"at": "soon"}, {"day": "0001-01-01", "at": "00:00"}, {"day": "9999-12-31", "at": "23:59"}]
    )
    def test_a_day_that_is_none_is_asked_for_again(self, desk, book, asked):
        assert "Please give a day and a time." in words(desk.get(address(book(), **asked)))


class TestGivingAway:
    def test_a_colleague_takes_it_within_the_notice_and_it_is_no_move_of_the_client(self, desk, book, practice, at):
        session = book()
        at(LATE)
        assert f'name="therapist" value="{practice.jonas.pk}"' in desk.get(address(session)).content.decode()

        assert give(desk, session, therapist=practice.jonas).status_code == 302

        assert stands(session) == ("Jonas Brandt", 9, "booked")
        assert session.moves == 0
        assert "Finn Desk gave it from Tess Oduya to Jonas Brandt." in words(desk.get(address(session)))
        assert Notification.objects.filter(kind="changed").count() == 1

    def test_another_room_is_taken_and_the_client_is_not_written_to(self, desk, book, practice):
        session = book()
        [other] = [room for room in practice.rooms if room.pk != session.room_id]

        assert give(desk, session, room=other).status_code == 302

        session.refresh_from_db()
        assert session.room == other
        assert not Notification.objects.filter(kind="changed").exists()

    def test_of_a_series_those_go_that_are_free_and_the_others_stay(self, desk, book, book_series, practice):
        sessions = book_series(3).appointments
        book(client=practice.bo, therapist=practice.jonas, starts_at=NINE + timedelta(weeks=1))

        page = desk.get(address(sessions[0], scope="following"))
        assert "Jonas Brandt : free at 2 of 3. These stay as they are: Tue 16 Mar" in words(page)
        assert give(desk, sessions[0], *sessions, scope="following", therapist=practice.jonas).status_code == 409
        assert all(each.sequence == 0 for each in Appointment.objects.filter(client=practice.ada))

        assert give(desk, sessions[0], sessions[0], sessions[2], scope="following", therapist=practice.jonas).status_code == 302
        assert [stands(each)[0] for each in sessions] == ["Jonas Brandt", "Tess Oduya", "Jonas Brandt"]

    def test_who_is_busy_is_told_with_whom_and_who_is_at_the_cap_needs_a_reason(self, desk, book, practice):
        session = book()
        theirs = book(client=practice.bo, therapist=practice.jonas)
        assert "Bo Lindqvist is with Jonas Brandt from 9:00 to 9:30" in words(desk.get(address(session)))
        assert give(desk, session, therapist=practice.jonas, reason="ill").status_code == 409

        forget_sessions(pk=theirs.pk)
        book(client=practice.bo, therapist=practice.jonas, starts_at=NINE + 4 * HOUR)
        practice.jonas.daily_sessions = 1
        practice.jonas.save()
        assert "Jonas has a full day on Tuesday 9 March. A reason lifts this." in words(desk.get(address(session)))
        assert give(desk, session, therapist=practice.jonas).status_code == 409
        assert stands(session)[0] == "Tess Oduya"
        assert give(desk, session, therapist=practice.jonas, reason="he agreed").status_code == 302
        assert stands(session)[0] == "Jonas Brandt"

    def test_neither_or_both_is_refused(self, desk, book, practice):
        session = book()

        assert give(desk, session).status_code == 422
        assert give(desk, session, therapist=practice.jonas, room=practice.rooms[1]).status_code == 422
        assert untouched(session.pk)


class TestCancelling:
    def test_it_needs_a_reason_says_who_and_can_be_undone(self, desk, book, practice):
        session = book()
        assert call_off(desk, session, reason="").status_code == 422
        assert untouched(session.pk)

        assert call_off(desk, session).status_code == 302
        assert stands(session)[2] == "cancelled"
        assert FreedTime.objects.filter(therapist=practice.tess, starts_at=NINE).exists()
        page = words(desk.get(address(session)))
        assert "Finn Desk cancelled it. Reason: “ill”." in page
        assert "neither moved nor cancelled any more" in page

        desk.post(reverse("admin:session_undo", args=[Change.objects.get().pk]), {"session": session.pk})
        assert stands(session)[2] == "booked"

    @pytest.mark.parametrize(
        ("sent", "status"),
        [({}, "late_cancelled"), ({"who": "practice"}, "cancelled"), ({"forgive": "on"}, "cancelled")],
    )
    def test_too_late_counts_for_the_client_not_for_the_practice_and_can_be_forgiven(self, desk, book, at, sent, status):
        session = book()
        at(LATE)

        call_off(desk, session, **sent)

        assert stands(session)[2] == status
        said = AuditEntry.objects.get(action="cancelled").reason
        assert said == ("the practice cancelled: ill" if "who" in sent else "ill")

    def test_forgiving_needs_the_permission(self, desk, book, practice, at):
        session = book()
        at(LATE)
        without(practice, "override_rules")

        assert "Do not count it as late" not in words(desk.get(address(session)))
        assert call_off(desk, session, forgive="on").status_code == 409
        assert untouched(session.pk)

    def test_this_and_the_following_go_and_those_before_stay(self, desk, book_series):
        sessions = book_series(4).appointments
        page = desk.get(address(sessions[2], scope="following"))
        assert "Cancel these 2 sessions" in words(page)

        call_off(desk, sessions[2], sessions[2], sessions[3])

        assert [stands(each)[2] for each in sessions] == ["booked", "booked", "cancelled", "cancelled"]

    def test_nobody_elses_session_is_cancelled_along(self, desk, book, practice):
        session, other = book(), book(client=practice.bo, therapist=practice.jonas)

        assert call_off(desk, session, session, other).status_code == 422
        assert untouched(session.pk, other.pk)


def test_who_may_look_but_not_change_sees_no_page_and_no_way_there(desk, practice, book):
    session = book()
    without(practice, "change_appointment")

    assert desk.get(address(session)).status_code == 403
    assert move(desk, session, to(session, practice.tess, 10)).status_code == 403
    board = desk.get(reverse("admin:index"), {"date": "2027-03-09", "session": session.pk}).content.decode()
    assert address(session).rstrip("?") not in board


def test_many_sessions_and_colleagues_cost_as_many_queries_as_few(desk, practice, book, book_series):
    session = book_series(2).appointments[0]

    def cost(**query):
        with CaptureQueriesContext(connection) as queries:
            assert desk.get(address(session, day="2027-03-09", **query)).status_code == 200
        return len(queries)

    asked = [{}, {"scope": "all"}, {"at": "11:00"}]
    for each in asked:
        cost(**each)
    few = [cost(**each) for each in asked]
    for n in range(6):
        other = TherapistFactory(name=f"Mira {n}", works=[(1, "09:00", "17:00")])
        practice.treatment.therapists.add(other)
        AppointmentFactory(client=ClientFactory(), therapist=other, treatment=practice.treatment, starts_at=NINE + 2 * HOUR)
    for each in asked:
        cost(**each)
    assert [cost(**each) for each in asked] == few
