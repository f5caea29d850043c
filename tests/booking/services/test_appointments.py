from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from booking.engine.slots import Rule
from booking.enums import AppointmentStatus, NotificationKind
from booking.exceptions import CannotChange, ClientBusy, OutsideAvailability, SlotTaken
from booking.models import Appointment, AuditEntry, Notification
from booking.services.appointments import book_appointment, set_status
from booking.services.changes import Move, cancel_sessions, move_sessions
from tests.factories import ClientFactory
from therapists.models import Room, TimeOff

pytestmark = pytest.mark.integration

TUESDAY_NINE = datetime(2027, 3, 9, 9, tzinfo=UTC)


def book(practice, now, **change):
    wanted = {
        "client": practice.ada,
        "therapist": practice.tess,
        "treatment": practice.treatment,
        "starts_at": TUESDAY_NINE,
        "by": practice.ada.user,
        "now": now,
    }
    return book_appointment(**wanted | change)


def test_a_booking_its_audit_entry_and_its_notice_are_stored_together(practice, now):
    appointment = book(practice, now)

    stored = Appointment.objects.get()
    assert (stored.local_date, stored.local_time, stored.zone) == (date(2027, 3, 9), time(9), "Europe/London")
    assert stored.blocked_until == TUESDAY_NINE + timedelta(minutes=40)
    assert stored.room in practice.rooms
    assert stored.price == practice.treatment.price
    assert AuditEntry.objects.get().by == practice.ada.user
    notice = Notification.objects.get()
    assert (notice.kind, notice.recipient, notice.appointment) == (
        NotificationKind.CONFIRMATION,
        "ada@example.org",
        appointment,
    )


def test_a_summer_session_is_at_nine_on_the_wall(practice, now):
    appointment = book(practice, now, starts_at=datetime(2027, 4, 6, 8, tzinfo=UTC))

    assert appointment.local_time == time(9)


@pytest.mark.parametrize(
    ("starts_at", "rule"),
    [
        pytest.param(datetime(2027, 3, 9, 9, 5, tzinfo=UTC), "off_grid", id="between two steps"),
        pytest.param(datetime(2027, 3, 9, 9, 0, 30, tzinfo=UTC), "off_grid", id="half a minute late"),
        pytest.param(datetime(2027, 3, 9, 8, tzinfo=UTC), "not_working", id="before work"),
        pytest.param(datetime(2027, 3, 9, 16, 45, tzinfo=UTC), "not_working", id="ends after work"),
        pytest.param(datetime(2027, 2, 1, 9, 45, tzinfo=UTC), "too_soon", id="inside the notice"),
        pytest.param(datetime(2027, 6, 8, 8, tzinfo=UTC), "too_far_ahead", id="beyond the horizon"),
        pytest.param(datetime(2027, 3, 26, 9, tzinfo=UTC), "holiday", id="Good Friday"),
    ],
)
def test_what_is_not_offered_cannot_be_booked(practice, now, starts_at, rule):
    with pytest.raises(OutsideAvailability) as refusal:
        book(practice, now, starts_at=starts_at)

    assert rule in {why.rule for why in refusal.value.detail["why"]} or starts_at.second
    assert not Appointment.objects.exists()
    assert not Notification.objects.exists()


def test_a_session_may_begin_exactly_at_the_notice_and_end_exactly_at_closing(practice, now):
    at_the_notice = book(practice, now, starts_at=now + practice.treatment.notice)
    at_closing = book(practice, now, starts_at=datetime(2027, 3, 9, 16, 30, tzinfo=UTC))

    assert at_the_notice.local_time == time(10)
    assert at_closing.ends_at == datetime(2027, 3, 9, 17, tzinfo=UTC)


def test_a_taken_time_is_refused_and_names_the_loser_nothing(practice, now):
    book(practice, now)

    with pytest.raises(SlotTaken):
        book(practice, now, client=practice.bo, starts_at=TUESDAY_NINE + timedelta(minutes=30))

    assert Appointment.objects.count() == 1


def test_the_third_session_at_once_finds_no_room(practice, now):
    from tests.factories import TherapistFactory

    mira = TherapistFactory(name="Mira Haddad", works=[(1, "09:00", "17:00")])
    practice.treatment.therapists.add(mira)
    book(practice, now)
    book(practice, now, client=practice.bo, therapist=practice.jonas)

    with pytest.raises(SlotTaken) as refusal:
        book(practice, now, client=_third_client(), therapist=mira)

    assert [why.rule for why in refusal.value.detail["why"]] == ["no_room"]


def _third_client():
    from tests.factories import ClientFactory

    return ClientFactory(user__name="Cem", user__email="cem@example.org")


def test_a_client_cannot_be_in_two_places(practice, now):
    book(practice, now)

    with pytest.raises(ClientBusy):
        book(practice, now, therapist=practice.jonas, starts_at=TUESDAY_NINE + timedelta(minutes=15))


def test_a_rule_changed_a_moment_ago_holds_at_once(practice, now):
    book(practice, now)
    TimeOff.objects.create(
        therapist=practice.tess, starts_at=TUESDAY_NINE + timedelta(days=1), ends_at=TUESDAY_NINE + timedelta(days=2)
    )

    with pytest.raises(OutsideAvailability) as refusal:
        book(practice, now, starts_at=TUESDAY_NINE + timedelta(days=1))

    assert [why.rule for why in refusal.value.detail["why"]] == ["away"]


def test_staff_lift_a_soft_rule_with_a_reason_that_is_kept(practice, now):
    practice.tess.daily_sessions = 1
    practice.tess.save()
    book(practice, now)

    book(
        practice,
        now,
        client=practice.bo,
        starts_at=TUESDAY_NINE + timedelta(hours=2),
        by=practice.finn,
        override_reason="acute neck, agreed with Tess",
    )

    assert AuditEntry.objects.get(by=practice.finn).reason == "acute neck, agreed with Tess"


@pytest.mark.parametrize(
    ("caps", "firm", "refused", "offered"),
    [
        ({"rest_after_sessions": 2, "rest_minutes": 30}, 0, 95, 100),  # 9:00 and 9:40 to 10:10, and then not before 10:40
        ({"rest_after_firm_minutes": 50, "rest_minutes": 30}, 25, 95, 100),
        ({"daily_firm_minutes": 50}, 25, 240, None),
        ({"daily_firm_minutes": 75}, 25, None, 100),
    ],
    ids=["sessions in a row", "firm minutes in a row", "firm minutes a day", "not yet too many"],
)
def test_a_therapists_own_limits_remove_starts(practice, now, caps, firm, refused, offered):
    practice.treatment.firm_minutes, practice.treatment.step = firm, timedelta(minutes=5)
    practice.treatment.save()
    for name, value in caps.items():
        setattr(practice.tess, name, value)
    practice.tess.save()
    book(practice, now)
    book(practice, now, client=practice.bo, starts_at=TUESDAY_NINE + timedelta(minutes=40))
    cleo = ClientFactory()

    if refused is not None:
        with pytest.raises(SlotTaken) as refusal:
            book(practice, now, client=cleo, starts_at=TUESDAY_NINE + timedelta(minutes=refused))
        rule = Rule.CAP_REACHED if "daily_firm_minutes" in caps else Rule.NEEDS_REST
        assert [why.rule for why in refusal.value.detail["why"]] == [rule]
    if offered is not None:
        book(practice, now, client=cleo, starts_at=TUESDAY_NINE + timedelta(minutes=offered))


def test_a_treatment_that_needs_a_room_is_not_given_while_none_of_its_rooms_is_in_use(practice, now):
    Room.objects.update(is_active=False)

    with pytest.raises(SlotTaken) as refusal:
        book(practice, now)
    assert [why.rule for why in refusal.value.detail["why"]] == [Rule.NO_ROOM]

    Room.objects.filter(pk=practice.rooms[0].pk).update(is_active=True)
    assert book(practice, now).room == practice.rooms[0]


def test_no_reason_lifts_the_overlap_rule(practice, now):
    book(practice, now)

    with pytest.raises(SlotTaken):
        book(practice, now, client=practice.bo, by=practice.finn, override_reason="please")


def test_moving_frees_the_old_time_and_raises_the_version(practice, now):
    appointment = book(practice, now)

    move_sessions(
        [Move(appointment, practice.tess.pk, TUESDAY_NINE + timedelta(minutes=15))],
        by=practice.finn,
        now=now,
        reason="train late",
    )

    assert Appointment.objects.get().local_time == time(9, 15)
    assert Appointment.objects.get().sequence == 1
    entry = AuditEntry.objects.get(action="moved")
    assert (entry.before["local_time"], entry.after["local_time"], entry.reason) == ("09:00", "09:15", "train late")
    assert Notification.objects.get(kind=NotificationKind.CHANGED).change.audit_entries.get() == entry


def test_a_move_that_is_refused_leaves_everything_as_it_was(practice, now):
    appointment = book(practice, now)
    book(practice, now, client=practice.bo, starts_at=TUESDAY_NINE + timedelta(hours=1))
    before = Appointment.objects.filter(pk=appointment.pk).values().get()

    with pytest.raises(SlotTaken):
        move_sessions(
            [Move(appointment, practice.tess.pk, TUESDAY_NINE + timedelta(hours=1))],
            by=practice.finn,
            now=now,
        )

    assert Appointment.objects.filter(pk=appointment.pk).values().get() == before


def test_a_cancelled_time_can_be_booked_again(practice, now):
    appointment = book(practice, now)

    cancel_sessions([appointment], by=practice.finn, now=now, reason="ill")
    again = book(practice, now, client=practice.bo)

    assert again.starts_at == TUESDAY_NINE
    assert Appointment.objects.get(pk=appointment.pk).status == AppointmentStatus.CANCELLED


def test_a_session_goes_through_its_states_in_order_only(practice, now):
    appointment = book(practice, now)
    for status in (AppointmentStatus.ARRIVED, AppointmentStatus.IN_SESSION, AppointmentStatus.DONE):
        set_status(appointment, status, by=practice.finn, now=now)

    with pytest.raises(CannotChange):
        set_status(appointment, AppointmentStatus.BOOKED, by=practice.finn, now=now)
    with pytest.raises(CannotChange):
        cancel_sessions([appointment], by=practice.finn, now=now)

    assert Appointment.objects.get().status == AppointmentStatus.DONE
