"""The lists the desk works off: what is on each and what is not, and what is done to many rows at once."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from booking.enums import AppointmentStatus, Channel, Fit, NotificationKind, NotificationState
from booking.exceptions import OfferOver
from booking.models import Appointment, AuditEntry, Notification, Reach, Repair, SessionFlag
from booking.services.appointments import confirm_coming, set_status
from booking.services.changes import cancel_sessions
from booking.services.waitlist import accept_offer, offer_by_hand, take_back_offer, wish
from booking.worklists import Asked, Work, Worklist
from tests.booking.conftest import NINE, fill_in
from tests.booking.services.test_repairs import away, save
from tests.clients.answers import medicine
from tests.factories import AppointmentFactory, ClientFactory, LocationFactory, TherapistFactory, TreatmentFactory, UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

State = AppointmentStatus
TUESDAY = date(2027, 3, 9)
MINUTE, HOUR, DAY, WEEK = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
#: The evening before Ada's session.
EVENING = NINE - 14 * HOUR
RIGHTS = (
    "view_appointment",
    "change_appointment",
    "view_client",
    "view_repair",
    "view_offer",
    "view_notification",
    "change_notification",
    "change_repair",
    "add_offer",
    "change_reach",
)


@pytest.fixture
def finn(practice):
    practice.finn.user_permissions.set(Permission.objects.filter(codename__in=RIGHTS))
    return practice.finn


@pytest.fixture
def desk(client, finn):
    """Finn at the desk's browser, on the evening before."""
    with time_machine.travel(EVENING, tick=False):
        client.force_login(finn)
        yield client


@pytest.fixture
def location(practice):
    return practice.tess.location


@pytest.fixture
def listed(location):
    """Who is on a list."""

    def listed(work, *, now=EVENING, weeks=8, at=location):
        found = Worklist(work, Asked(at, weeks, now))
        names = [row.name for row in found.rows(300)]
        assert found.count == len(names)
        return names

    return listed


@pytest.fixture
def failed(now):
    """A reminder of a session that could not be delivered."""

    def failed(session, **change):
        facts = {"kind": NotificationKind.REMINDER, "recipient": session.client.email, "state": NotificationState.FAILED}
        about = {"client": session.client, "appointment": session, "created_at": EVENING - HOUR, "due_at": EVENING - HOUR}
        return Notification.objects.create(**facts | about | change)

    return failed


def broken(session, state="open"):
    repair = Repair.objects.create(
        client=session.client, cause="Tess Oduya: illness", made_at=EVENING - DAY, expires_at=EVENING + DAY, state=state
    )
    repair.replacements.create(appointment=session, sequence=session.sequence, fit=Fit.NONE)
    return repair


def page(browser, work="", **asked):
    return browser.get(reverse("admin:lists"), {"list": work} | asked)


def do(browser, work, *rows, **more):
    asked = {"list": work, "row": [getattr(row, "pk", row) for row in rows]} | more
    return browser.post(reverse("admin:lists_act"), asked, follow=True)


def said(response):
    return [str(message) for message in response.context["messages"]]


class TestWhatIsOnThem:
    def test_unconfirmed_are_booked_sessions_of_the_next_days(self, book, practice, listed, now):
        book()
        confirm_coming(book(client=practice.bo, starts_at=NINE + HOUR), sequence=0, by=None, now=now)

        assert listed(Work.UNCONFIRMED) == ["Ada Okafor"]
        assert listed(Work.UNCONFIRMED, now=NINE - 3 * DAY) == ["Ada Okafor"]
        assert listed(Work.UNCONFIRMED, now=NINE - 3 * DAY - MINUTE) == []
        assert listed(Work.UNCONFIRMED, now=NINE) == []

    def test_unanswered_forms_until_they_are_there(self, intake, book, practice, listed):
        book()
        assert listed(Work.FORM) == ["Ada Okafor"]

        fill_in(practice.ada, EVENING)

        assert listed(Work.FORM) == []

    def test_what_a_therapist_has_to_decide(self, intake, book, practice, listed, now):
        book()
        book(client=practice.bo, starts_at=NINE + HOUR)
        fill_in(practice.ada, now, takes_any="yes", med_list=[medicine("Eliquis")])
        fill_in(practice.bo, now)

        assert listed(Work.UNDECIDED) == ["Ada Okafor"]
        SessionFlag.objects.update(state="decided", open_since=None)
        assert listed(Work.UNDECIDED) == []

    @pytest.mark.parametrize(("state", "names"), [("open", ["Ada Okafor"]), ("lapsed", ["Ada Okafor"]), ("settled", [])])
    def test_broken_until_somebody_settled_it(self, book, listed, state, names):
        broken(book(), state)

        assert listed(Work.BROKEN) == names

    def test_offers_that_can_still_be_accepted(self, practice, listed, now):
        days = {"earliest_on": TUESDAY, "latest_on": TUESDAY}
        waiting = wish(client=practice.ada, treatment=practice.treatment, by=None, now=now, **days)
        offer = offer_by_hand(waiting, therapist=practice.jonas, starts_at=NINE, by=practice.finn, now=now)

        assert listed(Work.OFFERED, now=now) == ["Ada Okafor"]
        assert listed(Work.OFFERED, now=offer.expires_at) == []

    def test_notices_of_which_nobody_can_say_that_they_arrived(self, book, practice, listed, failed):
        failed(book())
        failed(book(client=practice.bo, starts_at=NINE + HOUR), state=NotificationState.SENT)

        assert listed(Work.UNDELIVERED) == ["Ada Okafor"]

    def test_a_series_ends_when_its_last_session_is_near_and_nothing_follows(self, book, book_series, practice, listed, now):
        book_series(2)
        book(client=practice.bo, starts_at=NINE + WEEK + HOUR)
        last = NINE + WEEK

        assert listed(Work.ENDING, now=last - 2 * WEEK - MINUTE) == []
        assert listed(Work.ENDING, now=last - 2 * WEEK) == ["Ada Okafor"]
        later = book(starts_at=last + 3 * WEEK)
        assert listed(Work.ENDING, now=last - DAY) == []
        cancel_sessions([later], by=practice.finn, now=now)
        assert listed(Work.ENDING, now=last - DAY) == ["Ada Okafor"]

    def test_not_seen_for_so_many_weeks_and_nothing_ahead(self, book, practice, listed):
        book()

        assert listed(Work.UNSEEN, now=NINE + 8 * WEEK - MINUTE) == []
        assert listed(Work.UNSEEN, now=NINE + 8 * WEEK) == ["Ada Okafor"]
        assert listed(Work.UNSEEN, now=NINE + 8 * WEEK, weeks=9) == []
        AppointmentFactory(client=practice.ada, therapist=practice.jonas, starts_at=NINE + 10 * WEEK)
        assert listed(Work.UNSEEN, now=NINE + 8 * WEEK) == []

    @pytest.mark.parametrize("state", [State.NO_SHOW, State.CANCELLED])
    def test_who_did_not_come_was_not_seen(self, practice, listed, state):
        facts = {"client": practice.ada, "therapist": practice.tess, "treatment": practice.treatment}
        AppointmentFactory(**facts, starts_at=NINE + 4 * WEEK, status=state)
        assert listed(Work.UNSEEN, now=NINE + 20 * WEEK) == []

        AppointmentFactory(**facts, status=State.DONE)

        assert listed(Work.UNSEEN, now=NINE + 8 * WEEK) == ["Ada Okafor"]

    def test_nothing_of_another_location(self, book, listed, failed):
        session = book()
        failed(session)
        broken(session)
        elsewhere = LocationFactory(name="Quay Street")

        here, there = ({work for work in Work if listed(work, at=place)} for place in (session.treatment.location, elsewhere))

        assert here == {Work.UNCONFIRMED, Work.BROKEN, Work.UNDELIVERED}
        assert there == set()


class TestPage:
    def test_every_list_with_its_number_and_the_first_with_anything_opened(self, desk, book, failed):
        failed(book(starts_at=NINE + 7 * DAY))

        shown = page(desk)

        numbers = {each.work: each.count for each, _url in shown.context["lists"]}
        assert numbers == dict.fromkeys(Work, 0) | {Work.UNDELIVERED: 1}
        assert shown.context["opened"].work == Work.UNDELIVERED

    def test_each_row_leads_to_where_it_is_seen_to(self, desk, book, failed, finn):
        session = book()
        notice, repair = failed(session), broken(session)
        addresses = {work: page(desk, work).context["rows"][0][1] for work in ("unconfirmed", "undelivered", "broken")}

        assert addresses == {
            "unconfirmed": reverse("admin:session", args=[session.pk]),
            "undelivered": reverse("admin:booking_notification_change", args=[notice.pk]),
            "broken": reverse("admin:booking_repair_change", args=[repair.pk]),
        }
        assert [desk.get(address).status_code for address in addresses.values()] == [200, 200, 200]

    def test_whoever_changes_no_session_is_led_to_the_board(self, desk, book, finn):
        session = book()
        finn.user_permissions.remove(Permission.objects.get(codename="change_appointment"))

        [(_row, address)] = page(desk, "unconfirmed").context["rows"]

        assert address == f"/desk/?date=2027-03-09&location={session.treatment.location.pk}&session={session.pk}"

    def test_an_offer_says_until_when_it_can_be_accepted(self, desk, practice):
        days = {"earliest_on": TUESDAY, "latest_on": TUESDAY}
        waiting = wish(client=practice.ada, treatment=practice.treatment, by=None, now=EVENING, **days)
        offer = offer_by_hand(waiting, therapist=practice.jonas, starts_at=NINE + 5 * HOUR, by=practice.finn, now=EVENING)

        html = page(desk, "offered").content.decode()

        assert f'can be accepted until <time datetime="{offer.expires_at.isoformat(timespec="minutes")}">' in html
        assert reverse("admin:booking_offer_change", args=[offer.pk]) in html

    def test_the_weeks_are_asked_on_the_page(self, desk, practice):
        AppointmentFactory(
            client=practice.ada,
            therapist=practice.tess,
            treatment=practice.treatment,
            starts_at=EVENING - 5 * WEEK,
            status="done",
        )

        assert "Ada Okafor" not in page(desk, "unseen").content.decode()
        html = page(desk, "unseen", weeks="4").content.decode()
        assert "Ada Okafor" in html
        assert "5 weeks ago" in html
        assert f'href="tel:{practice.ada.phone}"' in html

    @pytest.mark.parametrize("weeks", ["0", "-3", "521", "99999999", "a", "²", ""])
    def test_weeks_that_make_no_sense_are_eight(self, desk, weeks):
        assert page(desk, "unseen", weeks=weeks).context["shown"].asked.weeks == 8

    def test_no_answer_and_no_illness_is_read_from_it(self, desk, intake, book, practice, now, failed):
        session = book()
        fill_in(practice.ada, now, takes_any="yes", med_list=[medicine("Eliquis")])
        broken(session)

        html = "".join(page(desk, work).content.decode() for work in Work)

        assert "Ada Okafor" in html
        assert not any(word in html for word in ("Eliquis", "illness"))

    def test_lists_somebody_may_not_see_are_not_there(self, desk, finn, book, failed):
        failed(book())
        finn.user_permissions.remove(Permission.objects.get(codename="view_notification"))

        shown = page(desk, "undelivered")

        assert Work.UNDELIVERED not in [each.work for each, _url in shown.context["lists"]]
        assert shown.context["opened"].work == Work.UNCONFIRMED

    def test_before_there_is_a_location_it_says_so(self, client, django_user_model):
        boss = django_user_model.objects.create(name="Robin", email="r@example.org", is_staff=True, is_superuser=True)
        client.force_login(boss)

        assert "Add the practice’s location first" in page(client).content.decode()


class TestManyAtOnce:
    def test_confirms_the_chosen_and_says_what_it_left_and_why(self, desk, intake, book, practice, now):
        hers, his = book(), book(client=practice.bo, starts_at=NINE + HOUR)
        stays = book(client=ClientFactory(user__email="c@example.org"), starts_at=NINE + 2 * HOUR)
        fill_in(practice.bo, now, heart="recent")

        answer = do(desk, "unconfirmed", hers, his)

        assert said(answer) == ["1 confirmed; 1 left: on hold until a doctor has spoken."]
        states = [Appointment.objects.get(pk=each.pk).status for each in (hers, his, stays)]
        assert states == [State.CONFIRMED, State.BOOKED, State.BOOKED]
        assert hers.audit_entries.latest("at").by == practice.finn

    def test_what_is_no_longer_listed_is_left(self, desk, book, practice, now):
        hers, his = book(), book(client=practice.bo, starts_at=NINE + HOUR)
        set_status(his, State.CONFIRMED, by=practice.finn, now=now)
        far = book(starts_at=NINE + 5 * WEEK)

        answer = do(desk, "unconfirmed", hers, his, far, uuid4())

        assert said(answer) == ["1 confirmed; 3 left: no longer on this list."]
        far.refresh_from_db()
        assert far.status == State.BOOKED

    def test_nothing_chosen_is_said(self, desk, book):
        book()

        assert said(do(desk, "unconfirmed")) == ["Nothing was chosen."]

    def test_the_form_is_asked_for_again_where_it_was_asked_for(self, desk, intake, book, practice, failed):
        hers, his = book(), book(client=practice.bo, starts_at=NINE + HOUR)
        notice = failed(hers, kind=NotificationKind.FORM, state=NotificationState.SENT, lead=DAY)

        answer = do(desk, "form", hers, his)

        assert said(answer) == ["1 asked again; 1 left: no message about it went out yet."]
        notice.refresh_from_db()
        assert (notice.state, notice.copies, notice.channel) == (NotificationState.QUEUED, 1, Channel.EMAIL)

    def test_notices_are_sent_again_as_far_as_they_are_true(self, desk, book, practice, failed):
        good = failed(book())
        untrue = failed(book(client=practice.bo, starts_at=NINE + HOUR), sequence=7)

        answer = do(desk, "undelivered", good, untrue)

        assert said(answer) == ["1 notice leaves in a moment; 1 left: no longer true."]
        good.refresh_from_db()
        untrue.refresh_from_db()
        assert (good.state, untrue.state) == (NotificationState.QUEUED, NotificationState.FAILED)

    def test_who_has_no_proposal_that_holds_gets_a_new_one(self, desk, book, practice, now):
        book(), book(client=practice.bo, starts_at=NINE + HOUR)
        save(away(practice.tess), practice, EVENING)
        hers, his = (Repair.objects.get(client=each) for each in (practice.ada, practice.bo))
        Repair.objects.filter(pk=hers.pk).update(state="lapsed")

        answer = do(desk, "broken", hers, his)

        assert said(answer) == ["1 new proposal was sent; 1 left: still has time to answer."]
        hers.refresh_from_db()
        assert hers.state == "settled"

    def test_offers_are_taken_back_and_the_times_are_free_again(self, desk, finn, practice, now):
        def offered(client, hours):
            days = {"earliest_on": TUESDAY, "latest_on": TUESDAY}
            waiting = wish(client=client, treatment=practice.treatment, by=None, now=now, **days)
            return offer_by_hand(waiting, therapist=practice.jonas, starts_at=NINE + hours * HOUR, by=practice.finn, now=EVENING)

        hers, his = offered(practice.ada, 1), offered(practice.bo, 3)
        accept_offer(his, by=practice.bo.user, now=EVENING)

        answer = do(desk, "offered", hers, his)

        assert said(answer) == ["1 offer taken back; 1 left: no longer on this list."]
        hers.refresh_from_db()
        assert (hers.state, hers.by, hers.hold.state) == ("withdrawn", finn, "released")
        with pytest.raises(OfferOver):
            accept_offer(hers, by=practice.ada.user, now=EVENING)
        with pytest.raises(OfferOver):
            take_back_offer(his, by=finn, now=EVENING)

    def test_therapists_are_reminded_of_what_they_have_to_decide(self, desk, intake, book, practice, now):
        practice.tess.user = UserFactory(email="tess@example.org")
        practice.tess.save()
        hers, his = book(), book(client=practice.bo, starts_at=NINE + HOUR)
        for client in (practice.ada, practice.bo):
            fill_in(client, now, takes_any="yes", med_list=[medicine("Eliquis")])
        told = Notification.objects.filter(kind=NotificationKind.REVIEW)
        told.filter(appointment=his).delete()
        told.update(state=NotificationState.SENT)

        answer = do(desk, "undecided", hers, his)

        assert said(answer) == ["1 reminder leaves in a moment; 1 left: no message about it went out yet."]
        assert [(each.state, each.recipient, each.copies) for each in told] == [("queued", "tess@example.org", 1)]

    def test_clients_are_told_again_that_their_series_ends(self, desk, book_series, failed):
        *_before, last = book_series(2).appointments
        ends = failed(last, kind=NotificationKind.SERIES_ENDING, state=NotificationState.SENT, lead=WEEK)

        assert said(do(desk, "ending", last)) == ["1 message leaves in a moment."]

        ends.refresh_from_db()
        assert (ends.state, ends.copies) == (NotificationState.QUEUED, 1)

    def test_who_was_called_is_listed_again_once_it_is_as_long_ago(self, desk, finn, practice, listed):
        seen = {"therapist": practice.tess, "treatment": practice.treatment, "status": State.DONE}
        hers, his = (
            AppointmentFactory(**seen, client=client, starts_at=EVENING - 9 * WEEK - wait)
            for client, wait in ((practice.ada, HOUR), (practice.bo, 3 * HOUR))
        )

        assert said(do(desk, "unseen", hers, uuid4())) == ["1 noted as called; 1 left: no longer on this list."]
        assert said(do(desk, "unseen", hers)) == ["0 noted as called; 1 left: no longer on this list."]

        assert listed(Work.UNSEEN) == listed(Work.UNSEEN, now=EVENING + 8 * WEEK - MINUTE) == ["Bo Lindqvist"]
        assert listed(Work.UNSEEN, now=EVENING + 8 * WEEK) == ["Bo Lindqvist", "Ada Okafor"]
        deed = AuditEntry.objects.get(action="called")
        assert (deed.client, deed.record, deed.by, deed.at) == (practice.ada, practice.ada.pk, finn, EVENING)
        assert not Reach.objects.filter(client=his.client).exists()

    @pytest.mark.parametrize(
        ("work", "missing"),
        [
            ("unconfirmed", "change_appointment"),
            ("form", "change_notification"),
            ("undelivered", "change_notification"),
            ("undelivered", "view_notification"),
            ("broken", "change_repair"),
            ("undecided", "change_notification"),
            ("offered", "add_offer"),
            ("ending", "change_notification"),
            ("unseen", "change_reach"),
        ],
    )
    def test_only_where_there_is_something_to_do_and_the_right_to(self, desk, finn, book, failed, work, missing):
        notice = failed(book())
        finn.user_permissions.remove(*Permission.objects.filter(codename=missing))

        rows = {"undelivered": notice, "broken": broken(notice.appointment)}
        response = do(desk, work, rows.get(work, notice.appointment))

        assert response.status_code == 403
        shown = page(desk, work).context
        assert shown["opened"].work != work or shown["act"] is None
        notice.refresh_from_db()
        assert (notice.state, notice.appointment.status) == (NotificationState.FAILED, State.BOOKED)

    @pytest.mark.parametrize("sent", [{}, {"list": "nonsense"}, {"list": "unconfirmed", "row": "1"}])
    def test_what_the_page_never_sends_is_refused(self, desk, sent):
        assert desk.post(reverse("admin:lists_act"), sent).status_code == 400

    def test_it_leads_back_to_the_same_list_and_nowhere_else(self, desk, book):
        response = do(desk, "unconfirmed", book(), weeks="12", next="https://example.com/")

        assert response.redirect_chain == [("/desk/to-do/?list=unconfirmed&weeks=12", 302)]

    def test_every_row_can_be_ticked_at_once_without_script(self, desk, book):
        book()

        assert " checked" not in page(desk, "unconfirmed").content.decode()
        assert " checked" in page(desk, "unconfirmed", ticked="all").content.decode()


class TestQueries:
    def count(self, browser, work):
        page(browser, work)
        with CaptureQueriesContext(connection) as queries:
            shown = page(browser, work)
        return len(queries), len(shown.context["rows"])

    def rows(self, treatment, first, count):
        """Sessions of many clients: near and long past, in a series, broken, and with a notice that failed."""
        for n in range(first, first + count):
            client, therapist = ClientFactory(user__email=f"c{n}@example.org"), TherapistFactory(name=f"T{n}")
            facts = {"client": client, "therapist": therapist, "treatment": treatment}
            session = AppointmentFactory(**facts)
            gone = {"client": ClientFactory(user__email=f"d{n}@example.org"), "starts_at": NINE - 20 * WEEK, "status": "done"}
            AppointmentFactory(**facts | gone)
            broken(session)
            Notification.objects.create(
                kind=NotificationKind.REMINDER,
                client=client,
                appointment=session,
                recipient=client.email,
                state=NotificationState.FAILED,
                created_at=EVENING - HOUR,
                due_at=EVENING - HOUR,
            )

    @pytest.mark.parametrize("work", ["unconfirmed", "form", "broken", "undelivered", "unseen"])
    def test_as_many_for_300_rows_as_for_one(self, desk, practice, intake, work):
        treatment = TreatmentFactory(name="Whole body")
        self.rows(treatment, 0, 1)
        few, one = self.count(desk, work)

        self.rows(treatment, 1, 299)

        assert one == 1
        assert self.count(desk, work) == (few, 300)
