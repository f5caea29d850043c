"""The desk changes hours, leave and places: what breaks is shown first, and saved only when somebody agrees."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from booking.enums import NotificationKind, RepairState
from booking.models import Appointment, Notification, Repair
from clients.models import User
from tests.booking.conftest import NINE
from tests.factories import ClientFactory, UserFactory
from therapists.models import Closure, HolidayOpening, HoursOverride, Room, Therapist, TimeOff, WorkingHours

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False):
        yield


@pytest.fixture
def desk(client, practice):
    client.force_login(UserFactory(email="manager@example.org", is_staff=True, is_superuser=True))
    return client


def away(practice, first=NINE, until=NINE + timedelta(hours=8)):
    return {
        "therapist": practice.tess.pk,
        "kind": "illness",
        "starts_at_0": first.date().isoformat(),
        "starts_at_1": first.time().isoformat(),
        "ends_at_0": until.date().isoformat(),
        "ends_at_1": until.time().isoformat(),
    }


ADD = "admin:therapists_timeoff_add"


def hidden(response):
    """The form of the page that asks, as the browser would post it."""
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', response.content.decode())
    return {name: value for name, value in fields if name != "csrfmiddlewaretoken"}


def test_leave_that_breaks_nothing_is_saved_at_once(desk, practice):
    assert desk.post(reverse(ADD), away(practice)).status_code == 302
    assert TimeOff.objects.count() == 1


def test_leave_that_breaks_a_session_asks_first_and_says_how_it_can_be_replaced(desk, practice, book):
    book()

    response = desk.post(reverse(ADD), away(practice))

    page = response.content.decode()
    assert response.status_code == 200
    assert "Ada Okafor" in page
    assert "Tess is away on Tuesday 9 March." in page
    assert "Same therapist, other time" in page
    assert "was added successfully" not in page
    assert not TimeOff.objects.exists()

    saved = desk.post(reverse(ADD), hidden(response), follow=True)

    assert "1 client was asked." in saved.content.decode()
    assert TimeOff.objects.get().kind == "illness"
    assert Repair.objects.get().cause == "Tess Oduya: illness (time off)"
    assert Notification.objects.filter(kind=NotificationKind.REPAIR).count() == 1


def test_an_agreement_to_other_consequences_is_none(desk, practice, book):
    book()

    response = desk.post(reverse(ADD), away(practice) | {"agreed": "0" * 64})

    assert response.status_code == 409
    assert "What breaks has changed since you looked" in response.content.decode()
    assert not TimeOff.objects.exists()


def test_a_form_with_an_error_changes_nothing_and_says_so(desk, practice, book):
    book()

    response = desk.post(reverse(ADD), away(practice) | {"ends_at_0": "nonsense"})

    assert "Enter a valid date" in response.content.decode()
    assert not TimeOff.objects.exists()


def management(prefix, rows=()):
    return {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": 0} | {
        f"{prefix}-{n}-{name}": value for n, row in enumerate(rows) for name, value in row.items()
    }


def therapist_form(practice, **change):
    """The page of Tess with all her rows, as it is posted."""
    hours = list(practice.tess.working_hours.all())
    rows = {
        f"working_hours-{n}-{field}": value
        for n, row in enumerate(hours)
        for field, value in {
            "id": row.pk,
            "therapist": practice.tess.pk,
            "weekday": row.weekday,
            "opens": row.opens,
            "closes": row.closes,
            "valid_from": row.valid_from,
            "valid_until": "",
            "every_weeks": 1,
        }.items()
    }
    return (
        {"name": practice.tess.name, "location": practice.tess.location_id, "is_active": "on"}
        | {"least_pressure": 3, "most_pressure": 8, "gives_daily": "on"}
        | management("medication_policies")
        | management("condition_policies")
        | management("painkillers")
        | management("hours_overrides")
        | management("time_off")
        | {"working_hours-TOTAL_FORMS": len(hours), "working_hours-INITIAL_FORMS": len(hours)}
        | rows
        | change
    )


def test_leave_added_on_the_page_of_a_therapist_asks_as_well(desk, practice, book):
    book()
    page = reverse("admin:therapists_therapist_change", args=[practice.tess.pk])
    posted = therapist_form(practice) | management("time_off", [away(practice)])

    response = desk.post(page, posted)
    assert "Sessions would break" in response.content.decode()
    assert not TimeOff.objects.exists()

    assert desk.post(page, hidden(response)).status_code == 302
    assert TimeOff.objects.count() == 1
    assert Repair.objects.count() == 1


def test_somebody_who_leaves_the_practice_asks_as_well(desk, practice, book):
    book()
    page = reverse("admin:therapists_therapist_change", args=[practice.tess.pk])

    response = desk.post(page, therapist_form(practice, is_active=""))

    assert "Sessions would break" in response.content.decode()
    assert Therapist.objects.get(pk=practice.tess.pk).is_active


ROWS = {
    "closure": (
        Closure,
        lambda p: {
            "location": p.tess.location_id,
            "name": "Burst pipe",
            "starts_at_0": "2027-03-09",
            "starts_at_1": "00:00",
            "ends_at_0": "2027-03-10",
            "ends_at_1": "00:00",
        },
    ),
    "hours of a date": (HoursOverride, lambda p: {"therapist": p.tess.pk, "applies_on": "2027-03-09", "opens": "", "closes": ""}),
}


@pytest.mark.parametrize(("model", "row"), ROWS.values(), ids=ROWS.keys())
def test_each_kind_of_row_asks_before_it_breaks_sessions(desk, practice, book, model, row):
    book()

    response = desk.post(reverse(f"admin:therapists_{model._meta.model_name}_add"), row(practice))

    assert "Sessions would break" in response.content.decode()
    assert not model.objects.exists()


def test_deleting_hours_or_an_opening_on_a_holiday_asks_one_by_one_and_all_at_once(desk, practice, book):
    HolidayOpening.objects.create(location=practice.tess.location, opens_on=date(2027, 3, 26))
    book(starts_at=datetime(2027, 3, 26, 9, tzinfo=NINE.tzinfo))
    hours = WorkingHours.objects.get(therapist=practice.tess, weekday=4)
    opening = HolidayOpening.objects.get()

    one = desk.post(reverse("admin:therapists_workinghours_delete", args=[hours.pk]), {"post": "yes"})
    many = desk.post(
        reverse("admin:therapists_holidayopening_changelist"),
        {"action": "delete_selected", "_selected_action": [opening.pk], "post": "yes"},
    )

    for response in (one, many):
        assert "Sessions would break" in response.content.decode()
    assert (WorkingHours.objects.filter(pk=hours.pk).exists(), HolidayOpening.objects.exists()) == (True, True)
    assert desk.post(reverse("admin:therapists_holidayopening_changelist"), hidden(many)).status_code == 302
    assert Repair.objects.get().cause == "2027-03-26 (open on a public holiday)"


def test_a_room_out_of_use_says_how_many_only_change_the_room(desk, practice, book):
    session = book()
    room = session.room
    page = reverse("admin:therapists_room_change", args=[room.pk])

    response = desk.post(page, {"name": room.name, "location": room.location_id})
    assert "1 session only changes its room" in response.content.decode()
    assert Room.objects.get(pk=room.pk).is_active

    desk.post(page, hidden(response))
    session.refresh_from_db()
    assert session.room != room


def test_ill_from_now_fills_in_the_rest_of_the_day(desk, practice):
    chosen = {"action": "ill_from_now", "_selected_action": [practice.tess.pk]}

    response = desk.post(reverse("admin:therapists_therapist_changelist"), chosen, follow=True)

    initial = response.context["adminform"].form.initial
    assert initial["kind"] == "illness"
    assert (initial["starts_at"].time(), initial["ends_at"].time()) == (time(8), time(0))
    assert initial["ends_at"].date() == date(2027, 2, 2)


def test_a_day_of_the_board_is_filled_in_whole_and_saving_leads_back_to_it(desk, practice):
    about = {"therapist": practice.tess.pk, "kind": "illness", "away": "2027-03-09"}
    asked = f"{reverse(ADD)}?{urlencode(about)}"

    initial = desk.get(asked).context["adminform"].form.initial
    answer = desk.post(asked, away(practice))

    assert (initial["starts_at"].isoformat(), initial["ends_at"].isoformat()) == (
        "2027-03-09T00:00:00+00:00",
        "2027-03-10T00:00:00+00:00",
    )
    assert answer.url == f"{reverse('admin:index')}?date=2027-03-09&location={practice.tess.location_id}"
    assert desk.post(reverse(ADD), away(practice, until=NINE + timedelta(hours=9))).url == reverse(
        "admin:therapists_timeoff_changelist"
    )


def test_somebody_who_may_not_enter_leave_is_not_offered_the_action(client, practice):
    finn = practice.finn
    finn.user_permissions.add(*Permission.objects.filter(codename__in=("view_therapist", "change_therapist")))
    client.force_login(finn)

    page = client.get(reverse("admin:therapists_therapist_changelist")).content.decode()

    assert "Ill from now on" not in page


@pytest.fixture
def repair(desk, practice, book):
    book()
    desk.post(reverse(ADD), hidden(desk.post(reverse(ADD), away(practice))))
    return Repair.objects.get()


def answer(browser, repair, what):
    return browser.post(reverse("admin:booking_repair_answer", args=[repair.pk]), {"answer": what}, follow=True)


def test_the_list_opens_on_what_is_still_to_be_settled(desk, repair):
    listed = reverse("admin:booking_repair_changelist")
    page = desk.get(listed).content.decode()
    assert "Ada Okafor" in page
    assert "+44 20 7946 0018" in page
    assert "same therapist, other time" in page

    answer(desk, repair, "settle")

    assert "0 repairs" in desk.get(listed).content.decode()
    assert "1 repair" in desk.get(listed + "?state=all").content.decode()
    assert "1 repair" in desk.get(listed + "?state=settled").content.decode()


def test_three_repairs_cost_as_many_queries_as_one(desk, repair, practice, book):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            assert desk.get(reverse("admin:booking_repair_changelist")).status_code == 200
        return len(queries)

    cost()
    one = cost()
    for n in (1, 2):
        person = ClientFactory()
        other = Repair.objects.create(client=person, cause="x", made_at=NINE - timedelta(days=30), expires_at=NINE)
        session = book(client=person, therapist=practice.jonas, starts_at=NINE + timedelta(days=n))
        other.replacements.create(appointment=session, sequence=0, fit="none")

    assert cost() == one


@pytest.mark.parametrize(
    ("what", "state", "said"),
    [
        ("accept", RepairState.ACCEPTED, "Taken for the client"),
        ("cancel", RepairState.CANCELLED, "Cancelled without penalty"),
        ("settle", RepairState.SETTLED, "off the list"),
        ("again", RepairState.SETTLED, "A new proposal was made"),
    ],
)
def test_the_desk_answers_for_a_client_on_the_phone(desk, repair, what, state, said):
    page = answer(desk, repair, what).content.decode()

    repair.refresh_from_db()
    assert (repair.state, repair.by.email) == (state, "manager@example.org")
    assert said in page


def test_what_cannot_be_done_is_said_and_changes_nothing(desk, repair, now):
    with time_machine.travel(now + timedelta(days=1), tick=False):
        desk.force_login(User.objects.get(email="manager@example.org"))
        page = answer(desk, repair, "accept").content.decode()

    assert "We could not hold these times any longer" in page
    assert Appointment.objects.get(status="booked").starts_at == NINE


def test_only_those_who_may_change_repairs_answer(client, practice, repair):
    finn = practice.finn
    finn.user_permissions.add(Permission.objects.get(codename="view_repair"))
    client.force_login(finn)
    address = reverse("admin:booking_repair_answer", args=[repair.pk])

    assert "What the client says" not in client.get(reverse("admin:booking_repair_change", args=[repair.pk])).content.decode()
    assert client.post(address, {"answer": "cancel"}).status_code == 403
    assert client.get(address).status_code == 405
    finn.user_permissions.add(Permission.objects.get(codename="change_repair"))
    assert client.post(address, {"answer": "nonsense"}).status_code == 404
    assert client.post(address, {"answer": "settle"}).status_code == 302
