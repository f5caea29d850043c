"""The page of a note: every button saves, two windows see both texts, and only those who treat the client read it."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from booking.enums import AppointmentStatus
from booking.models import Addendum, Appointment, Note, NoteTemplate, NoteVersion, NoteView
from booking.services.notes import NoteText, Point, lock_unsigned, save_note, sign_note
from clients.services.consents import withdraw_health_data
from tests.booking.conftest import NINE, fill_in
from tests.booking.test_my_sessions import text
from tests.factories import UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

TEN = NINE + timedelta(hours=1)
DAY = timedelta(hours=24)
SAID = NoteText(subjective="Sleeps better.", plan="Once more.", points=(Point("CALF_L", 5, "three holds"),), pain_before=6)


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def session(intake, book, clock):
    """A session of Ada with Tess that ended half an hour ago."""
    session = book()
    clock.move_to(TEN)
    return session


@pytest.fixture
def desk(session, tess):
    """The browser of Tess."""
    return signed_in(tess)


@pytest.fixture
def jonas(practice):
    practice.jonas.user = UserFactory(name="Jonas Brandt", email="jonas@example.org")
    practice.jonas.save()
    return practice.jonas.user


def signed_in(user):
    browser = Browser()
    browser.force_login(user)
    return browser


def page_of(session, name="note"):
    return reverse(f"booking:{name}", args=[session.pk])


def post(browser, session, *, do="save", seen=0, writer=None, **words):
    return browser.post(page_of(session), {"do": do, "seen": seen, "writer": writer or uuid4(), **words})


def latest(session):
    return NoteText.of(NoteVersion.objects.filter(note__appointment=session).first())


def write(session, by, said=SAID):
    return save_note(session, said, seen=0, writer=uuid4(), by=by, now=timezone.now())


class TestWriting:
    def test_save_keeps_every_part(self, desk, session):
        answer = post(
            desk,
            session,
            subjective="Sleeps better.",
            plan="One.\r\nTwo.",
            pain_before="0",
            **{"point-4-region": "CALF_L", "point-4-pressure": "5", "point-4-how": "three holds"},
        )

        assert answer["Location"] == page_of(session)
        points = (Point("CALF_L", 5, "three holds"),)
        assert latest(session) == NoteText(subjective="Sleeps better.", plan="One.\nTwo.", points=points, pain_before=0)

    def test_a_saved_note_comes_back_as_it_was_and_saving_it_makes_no_version(self, desk, session, tess):
        write(session, tess)
        form = desk.get(page_of(session)).context["form"]
        shown = {f"point-0-{name}": form[f"point-0-{name}"].value() for name in ("region", "pressure", "how")}
        words = {name: form[name].value() for name in ("subjective", "plan", "pain_before")}

        post(desk, session, seen=form["seen"].value(), **words, **shown)

        assert NoteVersion.objects.count() == 1

    def test_places_are_added_and_removed_without_script(self, desk, session):
        answer = post(desk, session, do="add", plan="Mine.", **{"point-add": "CALF_L"})
        assert answer["Location"] == page_of(session) + "#points"
        assert latest(session) == NoteText(plan="Mine.", points=(Point("CALF_L"),))

        post(desk, session, do="add", seen=1, **{"point-0-region": "CALF_L", "point-add": "CALF_L"})
        assert latest(session).points == (Point("CALF_L"),)

        post(desk, session, do="remove:CALF_L", seen=2, **{"point-0-region": "CALF_L"})
        assert latest(session).points == ()

    def test_what_is_no_place_and_no_pressure_is_not_kept(self, desk, session):
        post(desk, session, plan="Mine.", **{"point-0-region": "NOWHERE", "point-0-pressure": "5"})
        assert latest(session).points == ()

        answer = post(desk, session, seen=1, **{"point-0-region": "CALF_L", "point-0-pressure": "9"})
        assert answer.status_code == 422
        assert NoteVersion.objects.count() == 1

    def test_copies_the_last_note(self, desk, session, book, tess, clock):
        write(session, tess)
        following = book(starts_at=NINE + timedelta(days=7), now=timezone.now())
        assert "Copy from last note, 9 Mar" in text(desk.get(page_of(following)))

        post(desk, following, do="copy", plan="New plan.")

        assert latest(following) == NoteText(subjective="Sleeps better.", plan="New plan.", points=SAID.points)

    def test_begins_with_a_template_of_ones_own(self, desk, session, practice):
        own = NoteTemplate.objects.create(therapist=practice.tess, name="Neck", objective="Range: ")
        other = NoteTemplate.objects.create(therapist=practice.jonas, name="Back", objective="Theirs.")

        post(desk, session, do="begin", template=other.pk, plan="Mine.")
        assert latest(session) == NoteText(plan="Mine.")

        post(desk, session, do="begin", template=own.pk, plan="Mine.", seen=1)
        assert latest(session) == NoteText(objective="Range: ", plan="Mine.")

    def test_is_kept_by_no_browser_and_no_proxy(self, desk, session):
        assert "no-store" in desk.get(page_of(session))["Cache-Control"]


class TestKeptByItself:
    def test_says_which_version_it_is_at_and_when(self, desk, session):
        answer = post(desk, session, do="keep", plan="Mine.")

        assert (answer.status_code, answer.json()) == (200, {"seen": 1, "at": "10:00"})

    def test_nothing_yet_is_nothing_to_keep(self, desk, session):
        assert post(desk, session, do="keep").json() == {"seen": 0, "at": ""}
        assert not Note.objects.exists()

    def test_is_refused_in_words_when_another_window_saved(self, desk, session, tess):
        write(session, tess)

        answer = post(desk, session, do="keep", plan="Mine.")

        assert answer.status_code == 409
        assert "saved in another window" in answer.json()["problem"]

    def test_is_refused_in_words_when_it_is_too_long(self, desk, session):
        answer = post(desk, session, do="keep", plan="x" * 10_001)

        assert answer.status_code == 422
        assert "10000" in answer.json()["problem"]

    def test_is_refused_in_words_once_the_client_withdrew(self, desk, session, practice):
        fill_in(practice.ada, TEN)
        withdraw_health_data(practice.ada, now=TEN)

        answer = post(desk, session, do="keep", plan="Mine.")

        assert answer.status_code == 409
        assert "took back the agreement" in answer.json()["problem"]
        assert "The notes are locked away" in text(desk.get(page_of(session)))

    @pytest.mark.parametrize("count", [1, 3])
    def test_takes_the_same_queries_however_much_it_says(self, desk, session, count, django_assert_num_queries):
        points = {f"point-{n}-region": region for n, region in zip(range(count), ("CALF_L", "CALF_R", "JAW_L"), strict=False)}

        with django_assert_num_queries(22):
            post(desk, session, do="keep", **points)

        assert len(latest(session).points) == count


class TestTwoWindows:
    def test_the_later_one_is_shown_both_texts_and_saves_hers(self, desk, session, tess):
        write(session, tess)

        answer = post(desk, session, plan="Mine.", subjective="Sleeps better.")

        said = text(answer)
        assert answer.status_code == 409
        assert "What the other window saved at 10:00 (Tess Oduya)" in said
        assert "Plan Once more. Treated points Calf (left): 5, medium, three holds Pain, 0 to 10 6 before Take over" in said
        form = answer.context["form"]
        assert form["plan"].value() == "Mine."

        post(desk, session, plan="Mine.", seen=form["seen"].value(), writer=form["writer"].value())
        assert latest(session) == NoteText(plan="Mine.")
        assert NoteVersion.objects.count() == 2


class TestSigning:
    def test_saves_signs_and_says_until_when_it_can_be_corrected(self, desk, session):
        post(desk, session, do="sign", plan="Mine.")

        said = text(desk.get(page_of(session)))
        assert latest(session).plan == "Mine."
        assert "Signed by Tess Oduya, Tue 9 Mar, 10:00 . It can be corrected until Wed 10 Mar, 10:00" in said

    def test_before_the_session_saves_and_says_when_to_sign(self, desk, session, clock):
        clock.move_to(NINE - timedelta(minutes=1))
        desk.force_login(session.therapist.user)

        post(desk, session, do="sign", plan="Mine.")

        assert "please sign it after the session" in text(desk.get(page_of(session)))
        assert Note.objects.get().signed_at is None
        assert latest(session).plan == "Mine."

    def test_what_was_typed_into_a_note_that_locked_meanwhile_comes_back_as_an_addendum(self, desk, session, tess, clock):
        write(session, tess)
        sign_note(session, by=tess, now=TEN)
        clock.move_to(TEN + DAY)
        desk.force_login(tess)

        answer = post(desk, session, seen=1, subjective="Sleeps better.", plan="Typed too late.")

        assert answer.status_code == 409
        assert "This note is locked by now" in text(answer)
        assert answer.context["adding"]["text"].value() == "Typed too late."
        assert latest(session) == SAID


class TestALockedNote:
    @pytest.fixture
    def locked(self, desk, session, tess, clock):
        write(session, tess)
        sign_note(session, by=tess, now=TEN)
        clock.move_to(TEN + DAY)
        desk.force_login(tess)
        return session

    def test_takes_an_addendum_with_its_date(self, desk, locked):
        answer = desk.post(page_of(locked, "note_addendum"), {"text": "Rang: no longer sore."})
        assert answer["Location"] == page_of(locked)

        said = text(desk.get(page_of(locked)))
        assert "Signed by Tess Oduya, Tue 9 Mar, 10:00 ; locked since Wed 10 Mar, 10:00 ." in said
        assert "Addenda 10 March 2027, 10:00, Tess Oduya Rang: no longer sore." in said

    def test_asks_for_words(self, desk, locked):
        answer = desk.post(page_of(locked, "note_addendum"), {"text": " "})

        assert answer.status_code == 422
        assert "Please write something first" in text(answer)
        assert not Addendum.objects.exists()

    def test_takes_addenda_as_long_as_its_therapist_treats_the_client(self, desk, locked, book, clock, settings):
        far = locked.ends_at + timedelta(days=settings.INTAKE_READABLE_DAYS + 1)
        following = book(starts_at=NINE + timedelta(days=28), now=timezone.now())
        clock.move_to(far)
        desk.force_login(locked.therapist.user)
        assert desk.post(page_of(locked, "note_addendum"), {"text": "Rang."}).status_code == 302

        clock.move_to(following.ends_at + timedelta(days=settings.INTAKE_READABLE_DAYS, seconds=1))
        desk.force_login(locked.therapist.user)
        assert desk.post(page_of(locked, "note_addendum"), {"text": "Rang."}).status_code == 404

    def test_is_printed_with_its_addenda_and_its_signature(self, desk, locked):
        desk.post(page_of(locked, "note_addendum"), {"text": "Rang."})

        said = text(desk.get(page_of(locked, "note_print")))

        assert "Tuesday 9 March 2027, 9:00–9:30 · Two areas · Tess Oduya" in said
        assert "Once more." in said
        assert "1. Calf" not in said  # the numbers are drawn
        assert "Tess Oduya Rang. Signed by Tess Oduya, 9 March 2027, 10:00." in said

    def test_shows_its_versions_with_what_each_changed(self, desk, locked):
        said = text(desk.get(page_of(locked, "note_versions")))

        assert "Version 1 Tess Oduya · Subjective, Plan, Treated points, Pain, 0 to 10 Read it" in said


class TestANoteLockedUnsigned:
    @pytest.fixture
    def locked(self, desk, session, tess, clock):
        write(session, tess)
        clock.move_to(TEN + DAY)
        lock_unsigned(TEN + DAY)
        desk.force_login(tess)
        return session

    def test_says_so_wherever_it_is_shown(self, desk, locked):
        said = text(desk.get(page_of(locked)))
        assert "Locked, not signed" in said
        assert "Nobody signed it, so it locked by itself Wed 10 Mar, 10:00 ." in said
        assert "Sleeps better." in said
        assert "Not signed. Locked 10 March 2027, 10:00." in text(desk.get(page_of(locked, "note_print")))
        assert "locked, not signed Read and sign" in text(desk.get(reverse("booking:notes")))

    def test_is_signed_as_it_is_and_leaves_the_list(self, desk, locked):
        answer = desk.post(page_of(locked), {"do": "sign-locked"})

        assert answer["Location"] == page_of(locked)
        said = text(desk.get(page_of(locked)))
        assert "Signed by Tess Oduya, Wed 10 Mar, 10:00 ; locked since Wed 10 Mar, 10:00 ." in said
        assert "Sign as it is" not in said
        assert "Every note is signed" in text(desk.get(reverse("booking:notes")))

    def test_what_was_typed_before_the_press_is_not_lost(self, desk, locked):
        answer = post(desk, locked, do="sign", seen=1, plan="Typed meanwhile.")

        assert answer.status_code == 409
        assert "Typed meanwhile." in text(answer)
        assert Note.objects.get().signed_at is None

    def test_is_signed_by_nobody_who_only_reads_it(self, locked, book, jonas, practice):
        book(therapist=practice.jonas, starts_at=NINE + timedelta(days=7), now=timezone.now())
        browser = signed_in(jonas)

        assert "Sign as it is" not in text(browser.get(page_of(locked)))
        assert browser.post(page_of(locked), {"do": "sign-locked"}).status_code == 404
        assert Note.objects.get().signed_at is None


class TestWhoReads:
    def test_a_therapist_who_treats_the_client_later_but_writes_nothing_in_it(self, session, tess, book, jonas, practice):
        write(session, tess)
        browser = signed_in(jonas)
        assert browser.get(page_of(session)).status_code == 404

        book(therapist=practice.jonas, starts_at=NINE + timedelta(days=7), now=timezone.now())

        said = text(browser.get(page_of(session)))
        assert "Sleeps better." in said
        assert "Draft" in said
        assert post(browser, session, plan="Mine.").status_code == 404
        assert browser.post(page_of(session, "note_addendum"), {"text": "Mine."}).status_code == 404
        assert NoteVersion.objects.count() == 1

    def test_nobody_who_treats_somebody_else(self, session, tess, book, jonas, practice):
        write(session, tess)
        book(client=practice.bo, therapist=practice.jonas, starts_at=NINE + timedelta(days=7), now=timezone.now())
        robin = UserFactory(email="robin@example.org", is_staff=True, is_superuser=True)

        for user in (jonas, practice.finn, robin, practice.ada.user, practice.bo.user):
            for name in ("note", "note_print", "note_versions"):
                assert signed_in(user).get(page_of(session, name)).status_code == 404
        assert not NoteView.objects.exists()

    def test_who_takes_a_session_over_goes_on_with_its_note_and_is_on_record(self, session, tess, jonas, practice):
        write(session, tess)
        Appointment.objects.filter(pk=session.pk).update(therapist=practice.jonas)

        assert "Sleeps better." in text(signed_in(jonas).get(page_of(session)))
        assert NoteView.objects.get().by == jonas
        assert post(signed_in(jonas), session, plan="Mine.", seen=1).status_code == 302
        assert post(signed_in(tess), session, plan="Hers.", seen=2).status_code == 404
        assert [version.by for version in NoteVersion.objects.all()] == [jonas, tess]

    def test_every_look_leaves_a_row_that_the_client_sees(self, session, tess, book, jonas, practice):
        write(session, tess)
        book(therapist=practice.jonas, starts_at=NINE + timedelta(days=7), now=timezone.now())
        for name in ("note", "note_print", "note_versions"):
            signed_in(jonas).get(page_of(session, name))

        assert NoteView.objects.count() == 3
        seen = text(signed_in(practice.ada.user).get("/intake/"))
        assert "9 Mar 2027 10:00 Read by Jonas Brandt: the note of your session on 9 Mar 2027" in seen
        assert "Jonas" not in text(signed_in(practice.bo.user).get("/intake/"))

    def test_copying_from_a_locked_note_is_a_look_at_it(self, desk, session, tess, book, clock):
        write(session, tess)
        sign_note(session, by=tess, now=TEN)
        following = book(starts_at=NINE + timedelta(days=7), now=timezone.now())
        clock.move_to(following.ends_at)
        desk.force_login(tess)
        desk.get(page_of(following))
        assert not NoteView.objects.exists()

        post(desk, following, do="copy")

        assert NoteView.objects.get().note.appointment == session


class TestWhatIsLeft:
    def test_lists_sessions_that_began_until_their_note_is_signed(self, desk, session, book, tess, practice):
        ahead = book(starts_at=NINE + timedelta(days=7), now=timezone.now())
        missed = book(client=practice.bo, starts_at=NINE - timedelta(weeks=1), now=NINE - timedelta(days=30))
        Appointment.objects.filter(pk=missed.pk).update(status=AppointmentStatus.NO_SHOW)

        page = desk.get(reverse("booking:notes")).content.decode()
        assert page_of(session) in page
        assert page_of(ahead) not in page
        assert page_of(missed) not in page

        write(session, tess)
        assert "Ada Okafor Two areas Go on and sign" in text(desk.get(reverse("booking:notes")))
        sign_note(session, by=tess, now=TEN)
        assert "Every note is signed" in text(desk.get(reverse("booking:notes")))

    @pytest.mark.parametrize("count", [1, 3])
    def test_takes_as_many_queries_for_three_as_for_one(self, desk, session, book, practice, count, django_assert_num_queries):
        for each in range(1, count):
            book(client=practice.bo, starts_at=NINE - timedelta(weeks=each), now=NINE - timedelta(days=30))

        with django_assert_num_queries(15):
            desk.get(reverse("booking:notes"))

    def test_the_list_and_the_form_lead_to_the_note(self, desk, session):
        for address in (reverse("booking:therapist"), reverse("booking:session_intake", args=[session.pk])):
            assert page_of(session) in desk.get(address).content.decode()


class TestTemplates:
    def test_are_made_changed_and_deleted(self, desk, practice):
        desk.post(reverse("booking:new_note_template"), {"name": "Neck", "plan": "Stretch."})
        made = NoteTemplate.objects.get()
        assert (made.therapist, made.plan) == (practice.tess, "Stretch.")

        there = reverse("booking:note_template", args=[made.pk])
        desk.post(there, {"name": "Neck", "plan": "Rest."})
        made.refresh_from_db()
        assert made.plan == "Rest."

        desk.post(there, {"do": "delete"})
        assert not NoteTemplate.objects.exists()

    def test_of_one_name_are_refused_in_words(self, desk, practice):
        NoteTemplate.objects.create(therapist=practice.tess, name="Neck")
        NoteTemplate.objects.create(therapist=practice.jonas, name="Back")

        answer = desk.post(reverse("booking:new_note_template"), {"name": "Neck"})
        assert answer.status_code == 422
        assert "You have a template of this name already" in text(answer)
        assert desk.post(reverse("booking:new_note_template"), {"name": "Back"}).status_code == 302

    def test_of_others_do_not_exist(self, desk, practice):
        other = NoteTemplate.objects.create(therapist=practice.jonas, name="Back")

        assert desk.post(reverse("booking:note_template", args=[other.pk]), {"do": "delete"}).status_code == 404
        assert NoteTemplate.objects.filter(pk=other.pk).exists()
