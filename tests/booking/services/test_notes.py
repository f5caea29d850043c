"""A note is kept version by version, never lost between two windows, locked hours after it was signed, and read on record."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from booking.exceptions import NoteChanged, NoteLocked, NoteStillOpen, NothingToSign, SessionAhead
from booking.models import Addendum, Note, NoteTemplate, NoteVersion, NoteView
from booking.services.changes import Move, move_sessions
from booking.services.notes import (
    NoteText,
    Point,
    add_addendum,
    begin_with,
    copy_forward,
    forget_notes,
    last_note,
    lock_unsigned,
    read_note,
    save_note,
    sign_note,
    views_of,
)
from clients.crypto import new_key
from clients.exceptions import NoConsent
from clients.services.consents import withdraw_health_data
from clients.services.keys import reseal
from tests.booking.conftest import NINE, fill_in
from tests.factories import UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

SAID = NoteText(
    subjective="Sleeps better.",
    plan="Once more.\nLess on the left.",
    points=(Point("CALF_L", 5, "three holds"), Point("JAW_R")),
    pain_before=6,
    pain_after=0,
)
TEN = NINE + timedelta(hours=1)
DAY = timedelta(hours=24)


@pytest.fixture
def session(book):
    return book()


@pytest.fixture
def write(session, tess):
    """Save a text from a page of its own, right after the session."""

    def write(text=SAID, *, seen=0, writer=None, now=TEN, by=tess, of=session):
        return save_note(of, text, seen=seen, writer=writer or uuid4(), by=by, now=now)

    return write


@pytest.fixture
def signed(write, session, tess):
    write()
    return sign_note(session, by=tess, now=TEN)


def refused(words):
    return pytest.raises(IntegrityError, match=words)


class TestSaving:
    def test_keeps_all_that_was_said(self, write):
        version = write()

        assert NoteText.of(NoteVersion.objects.get(pk=version.pk)) == SAID
        assert (version.number, version.by_name, version.saved_at) == (1, "Tess Oduya", TEN)

    def test_keeps_every_version(self, write):
        page = uuid4()
        write(writer=page)
        write(replace(SAID, plan="Changed."), seen=1, writer=page)

        plans = {version.number: NoteText.of(version).plan for version in NoteVersion.objects.all()}
        assert plans == {1: SAID.plan, 2: "Changed."}

    def test_the_same_text_again_makes_no_version(self, write):
        assert write() == write()
        assert NoteVersion.objects.count() == 1

    def test_nothing_at_all_begins_no_note(self, write):
        assert write(NoteText()) is None
        assert not Note.objects.exists()

    def test_a_note_can_be_emptied_again(self, write):
        page = uuid4()
        write(writer=page)

        assert write(NoteText(), seen=1, writer=page).number == 2

    def test_from_a_page_that_another_window_overtook_is_refused_with_what_is_there(self, write):
        write()

        with pytest.raises(NoteChanged) as refusal:
            write(replace(SAID, plan="Mine."), seen=0)

        assert NoteText.of(refusal.value.detail["latest"]) == SAID
        assert NoteVersion.objects.count() == 1

    def test_goes_on_from_what_this_page_saved_without_hearing_of_it(self, write):
        page = uuid4()
        write(writer=page)

        assert write(replace(SAID, plan="More."), seen=0, writer=page).number == 2

    def test_goes_on_once_the_other_text_was_seen(self, write):
        write()

        assert write(replace(SAID, plan="Mine."), seen=1).number == 2

    def test_stops_once_the_client_withdrew_and_leaves_what_was_there(self, write, practice, intake):
        fill_in(practice.ada, TEN)
        write()
        withdraw_health_data(practice.ada, now=TEN)

        with pytest.raises(NoConsent):
            write(replace(SAID, plan="Mine."), seen=1)
        assert NoteVersion.objects.count() == 1


class TestSigning:
    def test_locks_a_day_later(self, signed):
        assert (signed.signed_name, signed.locks_at) == ("Tess Oduya", TEN + DAY)
        assert not signed.is_locked(TEN + DAY - timedelta(seconds=1))
        assert signed.is_locked(TEN + DAY)

    def test_the_hours_are_the_practices_choice(self, write, session, tess, settings):
        settings.NOTES_LOCK_HOURS = 2
        write()

        assert sign_note(session, by=tess, now=TEN).locks_at == TEN + timedelta(hours=2)

    def test_again_changes_nothing(self, signed, session, tess):
        again = sign_note(session, by=tess, now=TEN + timedelta(hours=3))

        assert (again.signed_at, again.locks_at) == (TEN, TEN + DAY)

    def test_waits_for_the_session_to_begin(self, write, session, tess):
        write(now=NINE - timedelta(hours=1))

        with pytest.raises(SessionAhead):
            sign_note(session, by=tess, now=NINE - timedelta(seconds=1))
        assert sign_note(session, by=tess, now=NINE).signed_at == NINE

    def test_needs_something_to_sign(self, session, tess):
        with pytest.raises(NothingToSign):
            sign_note(session, by=tess, now=TEN)

    def test_leaves_it_open_to_corrections_until_it_locks(self, signed, write):
        last_moment = TEN + DAY - timedelta(seconds=1)

        assert write(replace(SAID, plan="Corrected."), seen=1, now=last_moment).number == 2
        with pytest.raises(NoteLocked):
            write(replace(SAID, plan="Too late."), seen=2, now=TEN + DAY)
        assert NoteVersion.objects.count() == 2


class TestLeftUnsigned:
    """Nobody signed it: it locks as well, so that a note never stays open for good."""

    def test_it_locks_a_day_after_its_last_change(self, write):
        write()
        last_change = TEN + timedelta(hours=5)
        write(replace(SAID, plan="More."), seen=1, now=last_change)

        early, on_time = lock_unsigned(last_change + DAY - timedelta(seconds=1)), lock_unsigned(last_change + DAY)

        note = Note.objects.get()
        assert (early, on_time, note.locks_at) == (0, 1, last_change + DAY)
        assert (note.signed_at, note.signed_name) == (None, "")
        with pytest.raises(NoteLocked):
            write(replace(SAID, plan="Too late."), seen=2, now=last_change + DAY)

    def test_not_before_its_session_was_over_for_as_long(self, write, session):
        write(now=NINE - 3 * DAY)

        assert lock_unsigned(session.ends_at + DAY - timedelta(seconds=1)) == 0
        assert lock_unsigned(session.ends_at + DAY) == 1

    def test_what_was_prepared_for_a_session_that_moved_on_stays_open(self, write, session, practice, now):
        write(now=NINE - 3 * DAY)
        move_sessions([Move(session, practice.tess.pk, NINE + 2 * DAY)], by=practice.finn, now=now)

        assert lock_unsigned(NINE + 2 * DAY) == 0

    def test_what_says_nothing_stays_open(self, write):
        page = uuid4()
        write(writer=page)
        write(NoteText(), seen=1, writer=page)

        assert lock_unsigned(TEN + 9 * DAY) == 0
        assert write(seen=2, writer=page, now=TEN + 9 * DAY).number == 3

    def test_what_is_signed_keeps_the_time_at_which_it_locks(self, signed):
        assert lock_unsigned(TEN + 9 * DAY) == 0
        assert Note.objects.get().locks_at == TEN + DAY

    def test_the_hours_are_the_practices_choice(self, write, settings):
        settings.NOTES_LOCK_HOURS = 2
        write()

        assert lock_unsigned(TEN + timedelta(hours=2)) == 1

    def test_it_takes_addenda(self, write, tess):
        write()
        lock_unsigned(TEN + DAY)

        add_addendum(Note.objects.get(), "Rang.", by=tess, now=TEN + DAY)

        assert Addendum.objects.get().text == "Rang."

    def test_it_is_signed_afterwards_as_it_is_and_stays_locked(self, write, session, tess):
        write()
        lock_unsigned(TEN + DAY)

        note = sign_note(session, by=tess, now=TEN + 3 * DAY)

        note.refresh_from_db()
        assert (note.signed_at, note.locks_at) == (TEN + 3 * DAY, TEN + DAY)
        with pytest.raises(NoteLocked):
            write(replace(SAID, plan="Too late."), seen=1, now=TEN + 3 * DAY)

    def test_the_database_never_opens_it_again(self, write):
        write()
        lock_unsigned(TEN + DAY)

        for locks_at in (None, TEN + 9 * DAY):
            with refused("stays signed and locked"), transaction.atomic():
                Note.objects.update(locks_at=locks_at)

    @pytest.mark.django_db(transaction=True)
    def test_one_that_is_being_saved_is_passed_by(self, write):
        write()
        saving, looked = threading.Event(), threading.Event()

        def save():
            try:
                with transaction.atomic():
                    Note.objects.select_for_update().get()
                    saving.set()
                    looked.wait(timeout=30)
            finally:
                connection.close()

        other = threading.Thread(target=save)
        other.start()
        saving.wait(timeout=30)
        while_saving = lock_unsigned(TEN + DAY)
        looked.set()
        other.join()

        assert (while_saving, lock_unsigned(TEN + DAY)) == (0, 1)


class TestAddenda:
    def test_have_their_date_and_stand_beside_the_note(self, signed, tess):
        later = TEN + timedelta(days=9)
        add_addendum(signed, "Rang: no longer sore.", by=tess, now=later)

        added = Addendum.objects.get()
        assert (added.text, added.written_at, added.by_name) == ("Rang: no longer sore.", later, "Tess Oduya")
        assert NoteText.of(signed.versions.get()) == SAID

    def test_are_for_locked_notes_only(self, signed, tess):
        with pytest.raises(NoteStillOpen):
            add_addendum(signed, "Too early.", by=tess, now=TEN + DAY - timedelta(seconds=1))
        assert not Addendum.objects.exists()

    def test_sent_twice_are_added_once(self, signed, tess):
        later = TEN + DAY
        for words in ("Rang.", "Rang.", "Rang again.", "Rang."):
            add_addendum(signed, words, by=tess, now=later)
            later += timedelta(minutes=1)

        assert [each.text for each in Addendum.objects.all()] == ["Rang.", "Rang again.", "Rang."]


class TestTheDatabase:
    """Whoever writes past the services is refused as well."""

    def test_refuses_a_version_of_a_locked_note(self, signed):
        row = {"note": signed, "number": 2, "content": {}, "writer": uuid4(), "by_name": "Tess"}

        with refused("addenda only"), transaction.atomic():
            NoteVersion.objects.create(**row, saved_at=TEN + DAY)
        NoteVersion.objects.create(**row, saved_at=TEN + DAY - timedelta(seconds=1))

    @pytest.mark.parametrize("model", [NoteVersion, Addendum])
    def test_refuses_to_change_or_delete_what_was_written(self, signed, tess, model):
        add_addendum(signed, "Rang.", by=tess, now=TEN + DAY)

        with refused("stays as it is"), transaction.atomic():
            model.objects.update(by_name="Somebody")
        with refused("stays as it is"), transaction.atomic():
            model.objects.all().delete()

    def test_refuses_an_addendum_to_an_open_note(self, signed):
        with refused("once it is locked"), transaction.atomic():
            Addendum.objects.create(note=signed, text="", by_name="Tess", written_at=TEN)

    @pytest.mark.parametrize(
        "change",
        [{"signed_at": None, "locks_at": None, "signed_name": ""}, {"locks_at": TEN + 2 * DAY}, {"signed_name": "Jonas"}],
        ids=["unsigned", "locked later", "by another"],
    )
    def test_refuses_to_take_a_signature_back(self, signed, change):
        with refused("stays signed"), transaction.atomic():
            Note.objects.update(**change)

    def test_refuses_to_delete_a_note_or_its_session(self, signed, session):
        with refused("stays"), transaction.atomic():
            signed.delete()
        with connection.cursor() as cursor, refused("foreign key"), transaction.atomic():
            cursor.execute("DELETE FROM booking_appointment WHERE id = %s", [session.pk])
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def test_refuses_a_second_note_of_a_session(self, signed, session):
        with refused("appointment_id"), transaction.atomic():
            Note.objects.create(appointment=session, started_at=TEN)

    def test_lets_an_account_go_and_keeps_the_name(self, signed, session):
        robin = UserFactory(name="Robin Vale")
        NoteVersion.objects.create(note=signed, number=2, content={}, writer=uuid4(), saved_at=TEN, by=robin, by_name="Robin")

        robin.delete()

        assert NoteVersion.objects.get(number=2).by is None
        assert NoteVersion.objects.get(number=2).by_name == "Robin"


class TestBeginning:
    def test_copies_the_last_note_into_what_is_empty_and_asks_pain_anew(self, write, session, book, tess):
        write()
        following = book(starts_at=NINE + timedelta(days=7))

        before = last_note(following)
        copied = copy_forward(NoteText(plan="New plan."), before, by=tess, now=TEN)

        assert copied == replace(SAID, plan="New plan.", pain_before=None, pain_after=None)
        assert before.appointment == session

    def test_copies_no_other_therapists_no_other_clients_and_no_later_note(self, write, session, book, practice, tess):
        others = [
            book(therapist=practice.jonas, starts_at=NINE + timedelta(days=1)),
            book(client=practice.bo, starts_at=NINE + timedelta(days=2)),
            book(starts_at=NINE + timedelta(days=8)),
        ]
        for other in others:
            write(of=other)

        assert last_note(session) is None
        assert last_note(book(starts_at=NINE + timedelta(days=7))) is None

    def test_fills_what_is_empty_from_a_template(self, practice):
        template = NoteTemplate(therapist=practice.tess, name="Neck", subjective="Sleep: ", plan="Stretch.")

        assert begin_with(NoteText(plan="Mine."), template) == NoteText(subjective="Sleep: ", plan="Mine.")


class TestReading:
    def test_leaves_a_row_for_whoever_reads(self, signed, practice):
        jonas = UserFactory(name="Jonas Brandt", email="jonas@example.org")

        assert read_note(signed, by=jonas, now=TEN) == SAID

        view = NoteView.objects.get()
        assert (view.note, view.by, view.by_name, view.at) == (signed, jonas, "Jonas Brandt", TEN)
        assert list(views_of(practice.ada)) == [view]
        assert not views_of(practice.bo).exists()

    def test_leaves_none_for_who_goes_on_with_what_they_wrote(self, write, session, tess):
        write()

        read_note(session.note, by=tess, now=TEN)

        assert not NoteView.objects.exists()

    def test_leaves_one_for_its_writer_once_it_is_locked(self, signed, tess):
        read_note(signed, by=tess, now=TEN + DAY)

        assert NoteView.objects.count() == 1

    def test_stops_once_the_client_withdrew_and_leaves_no_row(self, signed, practice, intake, tess):
        fill_in(practice.ada, TEN)
        withdraw_health_data(practice.ada, now=TEN)

        with pytest.raises(NoConsent):
            read_note(signed, by=tess, now=TEN)
        assert not NoteView.objects.exists()


class TestKeeping:
    def test_a_new_key_seals_notes_and_addenda_anew(self, signed, tess, settings):
        add_addendum(signed, "Rang.", by=tess, now=TEN + DAY)
        old = settings.INTAKE_KEYS
        settings.INTAKE_KEYS = f"{new_key('k9')},{old}"

        assert sum(reseal()) == 2

        settings.INTAKE_KEYS = settings.INTAKE_KEYS.partition(",")[0]
        assert NoteText.of(NoteVersion.objects.get()) == SAID
        assert Addendum.objects.get().text == "Rang."
        with refused("stays as it is"), transaction.atomic():
            NoteVersion.objects.all().delete()

    def test_notes_go_years_after_the_clients_last_session(self, signed, tess, settings):
        add_addendum(signed, "Rang.", by=tess, now=TEN + DAY)
        read_note(signed, by=tess, now=TEN + DAY)
        ends_at = signed.appointment.ends_at
        last_day = ends_at.replace(year=ends_at.year + settings.INTAKE_KEEP_YEARS)

        assert forget_notes(now=last_day) == 0
        assert forget_notes(now=last_day + timedelta(seconds=1), dry_run=True) == 1
        assert Note.objects.count() == 1
        assert forget_notes(now=last_day + timedelta(seconds=1)) == 1
        assert not Note.objects.exists()
        assert not NoteVersion.objects.exists()

    def test_notes_stay_while_the_client_comes(self, signed, book, settings):
        book(starts_at=NINE + timedelta(days=7))
        ends_at = signed.appointment.ends_at
        last_day = ends_at.replace(year=ends_at.year + settings.INTAKE_KEEP_YEARS)

        assert forget_notes(now=last_day + timedelta(days=1)) == 0


@pytest.mark.django_db(transaction=True)
def test_of_two_windows_that_save_at_once_one_hears_of_the_other(book, tess):
    session, start, results = book(), threading.Barrier(2), []

    def save(plan):
        try:
            start.wait()
            results.append(save_note(session, NoteText(plan=plan), seen=0, writer=uuid4(), by=tess, now=TEN).number)
        except NoteChanged as refusal:
            results.append(refusal.detail["latest"].number)
            results.append("refused")
        finally:
            connection.close()

    windows = [threading.Thread(target=save, args=(plan,)) for plan in ("One.", "Two.")]
    for window in windows:
        window.start()
    for window in windows:
        window.join()

    assert sorted(results, key=str) == [1, 1, "refused"]
    assert NoteVersion.objects.count() == 1
