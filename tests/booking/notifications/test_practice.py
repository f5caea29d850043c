"""What the practice itself is told: each therapist's day, and what the desk has to see to. Once, in time, without health."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from booking.enums import AppointmentStatus, Channel, Matter, NotificationKind, NotificationState
from booking.models import DeskItem, FreedTime, Link, Notification, Reach, StaffMail
from booking.notifications.delivery import send_due
from booking.notifications.staff import queue_staff_mail
from booking.services.appointments import set_status
from booking.services.changes import cancel_sessions
from booking.services.guard import Choice
from booking.services.holds import hold_choices
from clients.services.questionnaires import load_questionnaire
from clients.services.reference import SHIPPED
from clients.services.responses import read_response
from tests.booking.conftest import NINE, fill_in
from tests.factories import AppointmentFactory, ClientFactory, LocationFactory, TherapistFactory, TreatmentFactory, UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
#: Six in the evening before Tuesday 9 March 2027; London is on UTC then.
SIX = datetime(2027, 3, 8, 18, tzinfo=UTC)


def days():
    return Notification.objects.filter(kind=NotificationKind.DAY_AHEAD).order_by("on")


def desk():
    return Notification.objects.filter(kind=NotificationKind.DESK).order_by("sequence")


def said(message):
    return "\n".join((message.subject, message.body, *(content for content, _type in message.alternatives)))


def rule(practice, **choices):
    return StaffMail.objects.update_or_create(location=practice.treatment.location, defaults=choices)


# ---- a therapist's day ------------------------------------------------------------------------------------------------------


def test_the_evening_before_each_therapist_with_sessions_is_told_of_the_day_once(book, practice, tess):
    practice.jonas.user = UserFactory(name="Jonas Brandt", email="jonas@example.org")
    practice.jonas.save()  # he has no session on that day
    book()

    assert queue_staff_mail(SIX - MINUTE) == 0
    assert queue_staff_mail(SIX) == 1
    assert queue_staff_mail(SIX + HOUR) == 0

    notice = days().get()
    assert (notice.therapist, notice.on, notice.due_at, notice.recipient) == (practice.tess, NINE.date(), SIX, "tess@example.org")


def test_it_lists_the_sessions_in_order_with_short_names_and_leads_to_the_therapists_page(book, practice, tess, now, mailoutbox):
    book(client=practice.bo, starts_at=NINE + HOUR)
    set_status(book(), AppointmentStatus.CONFIRMED, by=practice.finn, now=now)
    book(starts_at=NINE + DAY)
    cancel_sessions([book(starts_at=NINE + 3 * HOUR)], by=practice.finn, now=now)
    Notification.objects.all().delete()
    queue_staff_mail(SIX)

    send_due(SIX)

    [message] = mailoutbox
    assert message.to == ["tess@example.org"]
    assert message.subject == "Tuesday 9 March: 2 sessions"
    assert "2 sessions, from 9:00 to 10:30." in message.body
    assert "9:00–9:30  Ada O.\n   Two areas, Elm, confirmed\n\n10:00–10:30  Bo L.\n   Two areas, Elm, booked" in message.body
    assert "http://localhost:8000/therapist/" in message.body
    assert "Okafor" not in said(message)
    assert not [header for header in message.extra_headers if header.startswith("List-Unsubscribe")]


def test_it_opens_nothing_by_itself(book, tess, now, mailoutbox):
    book()
    Notification.objects.all().delete()
    queue_staff_mail(SIX)

    send_due(SIX)

    assert "/l/" not in said(mailoutbox[0])
    assert not Link.objects.exists()
    assert days().get().body == mailoutbox[0].body


def test_of_forms_it_says_how_many_the_therapist_has_not_read_and_nothing_else(
    book, practice, tess, now, few_medicines, mailoutbox
):
    load_questionnaire((SHIPPED / "intake_questionnaire.json").read_text())
    book()
    book(client=practice.bo, starts_at=NINE + HOUR)
    stranger = ClientFactory(user__name="Cy Stone", user__email="cy@example.org")
    fill_in(practice.ada, now, heart="recent")
    read = fill_in(practice.bo, now)
    fill_in(stranger, now)  # has no session that day
    read_response(read, by=tess, now=now)
    Notification.objects.all().delete()
    queue_staff_mail(SIX)

    send_due(SIX)

    assert "Forms to read in Unknot: 1" in mailoutbox[0].body
    for word in ("heart", "hold", "decide", "doctor", "Ready", "Waiting"):
        assert word not in mailoutbox[0].body


def test_a_form_that_may_no_longer_be_read_is_not_counted(book, practice, tess, now, few_medicines, mailoutbox):
    load_questionnaire((SHIPPED / "intake_questionnaire.json").read_text())
    book()
    fill_in(practice.ada, now)
    practice.ada.consents.update(withdrawn_at=now)
    Notification.objects.all().delete()
    queue_staff_mail(SIX)

    send_due(SIX)

    assert "Forms to read" not in mailoutbox[0].body


def test_a_morning_rule_tells_on_the_day_itself(book, practice, tess):
    rule(practice, day_ahead_at=time(7))
    book()

    assert queue_staff_mail(SIX) == 0
    assert queue_staff_mail(NINE.replace(hour=7) - MINUTE) == 0
    assert queue_staff_mail(NINE.replace(hour=7)) == 1


def test_six_is_six_on_the_wall_after_the_clocks_changed(practice, tess):
    monday = datetime(2027, 3, 29, 8, tzinfo=UTC)  # nine, after the spring night
    AppointmentFactory(client=practice.ada, therapist=practice.tess, treatment=practice.treatment, starts_at=monday)

    assert queue_staff_mail(datetime(2027, 3, 28, 16, 59, tzinfo=UTC)) == 0
    assert queue_staff_mail(datetime(2027, 3, 28, 17, 0, tzinfo=UTC)) == 1


@pytest.mark.parametrize("why", ["switched off", "no sign-in", "left", "no session", "only a cancelled one", "only held"])
def test_nobody_is_told_for_nothing(book, practice, tess, now, why):
    if why == "switched off":
        rule(practice, day_ahead_at=None)
    if why == "no sign-in":
        practice.tess.user = None
        practice.tess.save()
    if why == "left":
        tess.is_active = False
        tess.save()
    if why == "only held":
        hold_choices([Choice(practice.tess.pk, NINE)], owner="a browser", treatment=practice.treatment, now=now)
    elif why != "no session":
        session = book()
        if why == "only a cancelled one":
            cancel_sessions([session], by=practice.finn, now=now)

    queue_staff_mail(SIX)

    assert not days().exists()


def test_after_an_outage_it_is_sent_until_the_first_session_begins(book, tess):
    book()

    assert queue_staff_mail(NINE) == 0
    assert queue_staff_mail(NINE - MINUTE) == 1


def test_what_waited_until_the_day_began_is_missed_and_the_desk_hears_of_it(book, tess, mailoutbox):
    book()
    Notification.objects.all().delete()
    queue_staff_mail(SIX)

    send_due(NINE)
    queue_staff_mail(NINE)
    send_due(NINE)

    assert days().get().state == NotificationState.MISSED
    [message] = mailoutbox
    assert message.to == ["desk@example.org"]
    assert "A therapist’s day, Tess Oduya: too late, not sent" in message.body


def test_a_day_that_emptied_meanwhile_is_not_told_of(book, practice, tess, now, mailoutbox):
    session = book()
    queue_staff_mail(SIX)
    cancel_sessions([session], by=practice.finn, now=SIX)
    Notification.objects.exclude(kind=NotificationKind.DAY_AHEAD).delete()

    send_due(SIX)

    assert mailoutbox == []
    assert days().get().state == NotificationState.DROPPED


# ---- the desk ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def failed(book):
    """The confirmation of Ada's session, refused."""
    session = book()
    Notification.objects.update(state=NotificationState.FAILED, attempts=1)
    return Notification.objects.get(appointment=session)


def test_the_desk_is_told_once_of_what_was_not_delivered(failed, now, mailoutbox):
    assert queue_staff_mail(now) == 1
    send_due(now)
    assert queue_staff_mail(now + 2 * HOUR) == 0

    [message] = mailoutbox
    assert message.to == ["desk@example.org"]
    assert message.subject == "To see to: 1 not delivered"
    assert "- Confirmation, Ada O., session on Tue 9 Mar, 9:00: could not be delivered" in message.body
    assert f"http://localhost:8000/desk/booking/notification/{failed.pk}/change/" in message.body
    assert "Okafor" not in said(message)
    assert not Link.objects.exists()


def test_several_news_are_one_mail_and_the_next_follows_no_sooner_than_the_practice_wants(book, practice, failed, now):
    second = book(client=practice.bo, starts_at=NINE + HOUR)
    queue_staff_mail(now)
    send_due(now)
    Notification.objects.filter(appointment=second).update(state=NotificationState.UNSURE)

    assert queue_staff_mail(now + timedelta(minutes=29)) == 0
    assert queue_staff_mail(now + timedelta(minutes=30)) == 1

    assert [list(notice.items.values_list("about", flat=True)) for notice in desk()] == [
        [failed.pk],
        [Notification.objects.get(appointment=second, kind=NotificationKind.CONFIRMATION).pk],
    ]


def test_while_one_waits_no_other_is_made(book, practice, failed, now):
    queue_staff_mail(now)
    book(client=practice.bo, starts_at=NINE + HOUR)
    Notification.objects.filter(kind=NotificationKind.CONFIRMATION).update(state=NotificationState.FAILED)

    assert queue_staff_mail(now + DAY) == 0


def test_a_notice_that_fails_again_is_told_of_again(failed, now):
    queue_staff_mail(now)
    send_due(now)
    Notification.objects.filter(pk=failed.pk).update(attempts=2)

    assert queue_staff_mail(now + HOUR) == 1


def test_what_arrived_meanwhile_is_left_out_and_nothing_else_is_no_mail(failed, now, mailoutbox):
    queue_staff_mail(now)
    Notification.objects.filter(pk=failed.pk).update(state=NotificationState.SENT)

    send_due(now)

    assert mailoutbox == []
    assert desk().get().state == NotificationState.DROPPED


@pytest.mark.parametrize("why", ["switched off", "no address", "another practice", "the desk's own", "long ago"])
def test_the_desk_is_not_told_for_nothing(practice, failed, now, why):
    location = practice.treatment.location
    if why == "switched off":
        rule(practice, desk_every=None)
    if why in ("no address", "another practice"):
        location.email = ""
        location.save()
    if why == "another practice":
        LocationFactory(name="Elsewhere", email="elsewhere@example.org")
    if why == "long ago":
        Notification.objects.update(due_at=now - 8 * DAY)
    if why == "the desk's own":
        queue_staff_mail(now)
        desk().update(state=NotificationState.FAILED)

    assert queue_staff_mail(now + HOUR) == 0


def test_each_practice_hears_of_its_own(failed, now):
    elsewhere = LocationFactory(name="Elsewhere", email="elsewhere@example.org")
    treatment = TreatmentFactory(location=elsewhere)
    theirs = AppointmentFactory(treatment=treatment, therapist=TherapistFactory(location=elsewhere), client=ClientFactory())
    Notification.objects.create(
        kind=NotificationKind.CONFIRMATION,
        client=theirs.client,
        appointment=theirs,
        recipient="x@example.org",
        state=NotificationState.FAILED,
        created_at=now,
        due_at=now,
    )

    queue_staff_mail(now)

    assert {notice.practice.name: notice.items.count() for notice in desk()} == {"Linden Street Practice": 1, "Elsewhere": 1}


def test_of_a_notice_about_a_decision_neither_kind_nor_client_is_said(failed, now, mailoutbox):
    Notification.objects.filter(pk=failed.pk).update(kind=NotificationKind.CLEARED)
    queue_staff_mail(now)

    send_due(now)

    assert "- A notice: could not be delivered" in mailoutbox[0].body
    assert "hold" not in said(mailoutbox[0])
    assert "Ada" not in said(mailoutbox[0])


def test_many_are_counted_and_twenty_written_out(practice, now, mailoutbox):
    sessions = [
        AppointmentFactory(
            client=practice.ada, therapist=practice.tess, treatment=practice.treatment, starts_at=NINE + number * HOUR
        )
        for number in range(25)
    ]
    Notification.objects.bulk_create(
        Notification(
            kind=NotificationKind.REMINDER,
            client=practice.ada,
            appointment=session,
            recipient="ada@example.org",
            state=NotificationState.MISSED,
            created_at=now,
            due_at=now,
        )
        for session in sessions
    )
    queue_staff_mail(now)

    send_due(now)

    assert mailoutbox[0].subject == "To see to: 25 not delivered"
    assert mailoutbox[0].body.count("too late, not sent") == 20
    assert "and 5 more in Unknot" in mailoutbox[0].body


@pytest.fixture
def asks():
    """The practice asks for the form."""
    load_questionnaire((SHIPPED / "intake_questionnaire.json").read_text())


def test_an_unanswered_form_is_told_of_the_day_before(asks, book, practice, now, mailoutbox):
    book()
    Notification.objects.all().delete()

    assert queue_staff_mail(NINE - timedelta(hours=20) - MINUTE) == 0
    assert queue_staff_mail(NINE - timedelta(hours=20)) == 1
    send_due(NINE - timedelta(hours=19))
    assert queue_staff_mail(NINE - timedelta(hours=18)) == 0

    assert mailoutbox[0].subject == "To see to: 1 form not answered"
    assert "- Tue 9 Mar, 9:00, Ada O. with Tess Oduya" in mailoutbox[0].body


@pytest.mark.parametrize("why", ["answered", "cancelled", "begun", "only just booked"])
def test_a_form_that_needs_no_word_gets_none(asks, few_medicines, book, practice, now, why):
    clock = NINE - timedelta(hours=20)
    session = book(now=clock - HOUR if why == "only just booked" else now)
    if why == "answered":
        fill_in(practice.ada, now)
    if why == "cancelled":
        cancel_sessions([session], by=practice.finn, now=now)
    if why == "begun":
        clock = NINE
    Notification.objects.all().delete()

    assert queue_staff_mail(clock) == 0


def test_of_several_sessions_of_a_client_the_first_is_told_of(asks, book, practice):
    first = book()
    book(starts_at=NINE + 2 * HOUR)
    Notification.objects.all().delete()

    queue_staff_mail(NINE - timedelta(hours=10))

    assert list(DeskItem.objects.values_list("matter", "about")) == [(Matter.FORM, first.pk)]


@pytest.fixture
def freed(practice, now):
    """Tuesday at nine became free, and everybody it suits was asked."""
    until = NINE + timedelta(minutes=40)
    return FreedTime.objects.create(therapist=practice.tess, starts_at=NINE, ends_at=until, offer_from=now, closed_at=now)


def test_a_free_time_nobody_took_is_told_of_two_days_before(freed, mailoutbox):
    assert queue_staff_mail(NINE - 2 * DAY - MINUTE) == 0
    assert queue_staff_mail(NINE - 2 * DAY) == 1
    send_due(NINE - 2 * DAY)
    assert queue_staff_mail(NINE - DAY) == 0

    assert mailoutbox[0].subject == "To see to: 1 free time"
    assert "- Tue 9 Mar, 9:00–9:40, Tess Oduya" in mailoutbox[0].body


@pytest.mark.parametrize("why", ["taken", "away", "shut", "still offered", "past"])
def test_a_time_that_is_not_free_or_not_lost_is_not_told_of(freed, practice, book, now, why):
    clock = NINE - DAY
    if why == "taken":
        book()
        Notification.objects.all().delete()
    if why == "away":
        practice.tess.time_off.create(starts_at=NINE, ends_at=NINE + HOUR)
    if why == "shut":
        practice.treatment.location.closures.create(name="Painting", starts_at=NINE, ends_at=NINE + HOUR)
    if why == "still offered":
        FreedTime.objects.update(closed_at=None)
    if why == "past":
        clock = NINE
    assert queue_staff_mail(clock) == 0


# ---- what holds for both ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_scans_at_once_do_what_one_does(failed, practice, tess):
    barrier = threading.Barrier(4)
    faults = []

    def scan():
        try:
            barrier.wait()
            queue_staff_mail(SIX - timedelta(hours=2))
            queue_staff_mail(SIX)
        except Exception as fault:
            faults.append(fault)
        finally:
            connection.close()

    Notification.objects.update(due_at=SIX - DAY)
    threads = [threading.Thread(target=scan) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    assert days().count() == 1
    assert desk().count() == 1


def test_the_database_lets_each_exist_once(practice, now):
    facts = {"recipient": "x@example.org", "created_at": now, "due_at": now}
    day = {"kind": NotificationKind.DAY_AHEAD, "therapist": practice.tess, "on": NINE.date()}
    number = {"kind": NotificationKind.DESK, "practice": practice.treatment.location, "sequence": 1}
    for about in (day, number):
        made = Notification.objects.create(**about, **facts)
        with pytest.raises(IntegrityError, match="notification_once_per"), transaction.atomic():
            Notification.objects.create(**about, **facts)
        DeskItem.objects.create(notice=made, matter=Matter.FORM, about=made.pk)
    with pytest.raises(IntegrityError, match="desk_told_once"), transaction.atomic():
        DeskItem.objects.create(notice=made, matter=Matter.FORM, about=made.pk)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda p: {"kind": "day_ahead", "therapist": p.tess}, id="a day without a date"),
        pytest.param(
            lambda p: {"kind": "day_ahead", "therapist": p.tess, "on": NINE.date(), "client": p.ada}, id="a day with a client"
        ),
        pytest.param(lambda p: {"kind": "reminder", "therapist": p.tess, "on": NINE.date()}, id="a reminder of a day"),
        pytest.param(lambda p: {"kind": "desk", "therapist": p.tess, "on": NINE.date()}, id="to the desk about a day"),
        pytest.param(
            lambda p: {"kind": "reminder", "appointment": AppointmentFactory(client=p.ada)}, id="a reminder to no client"
        ),
        pytest.param(
            lambda p: {"kind": "desk", "practice": p.treatment.location, "therapist": p.tess, "on": NINE.date()},
            id="about two things",
        ),
    ],
)
def test_the_database_knows_to_whom_each_kind_goes(practice, now, wrong):
    with pytest.raises(IntegrityError, match="notification_"), transaction.atomic():
        Notification.objects.create(recipient="x@example.org", created_at=now, due_at=now, **wrong(practice))


def test_a_bounce_of_the_practices_own_address_is_noted_and_touches_no_client(failed, now, sink):
    queue_staff_mail(now)
    desk().update(recipient="bo@example.org")
    sink.refusal = "550 5.1.1 No such user"

    send_due(now)

    notice = desk().get()
    assert (notice.state, notice.last_error) == (NotificationState.FAILED, "550 5.1.1 No such user")
    assert not Reach.objects.exists()


def test_the_desk_sees_them_in_its_list_of_notices(failed, now, admin_client):
    queue_staff_mail(now)
    send_due(now)

    listed = admin_client.get("/desk/booking/notification/")
    shown = admin_client.get(f"/desk/booking/notification/{desk().get().pk}/change/")

    assert "for the desk to see to" in listed.content.decode().lower()
    assert "1 not delivered" in shown.content.decode()


def test_mail_to_the_practice_goes_by_e_mail(failed, tess, practice, now):
    practice.treatment.location.phone = ""
    queue_staff_mail(SIX)

    assert {notice.channel for notice in Notification.objects.filter(client=None)} == {Channel.EMAIL}
