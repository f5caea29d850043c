"""The audit is written once: nobody changes, removes or inserts an entry, and where somebody did it is found."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread
from uuid import uuid4

import pgtrigger
import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import IntegrityError, ProgrammingError, connection, connections, transaction
from django.urls import reverse

from booking.enums import AppointmentStatus
from booking.models import NOTES_STAY, AuditEntry, AuditSeal, Note
from booking.services.appointments import set_status
from booking.services.audit import Head, Wrong, forget_told, head_of_chain, restrict, seal, verify
from booking.services.changes import cancel_sessions
from booking.services.erasure import erase
from booking.services.notes import read_note
from booking.tasks import seal_audit
from clients.models import SUBMITTED_STAYS
from clients.origin import asked_from
from clients.services.responses import read_response
from tests.booking.conftest import NINE, fill_in
from tests.rewound import no_triggers

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

INSUFFICIENT_PRIVILEGE = "42501"


@pytest.fixture
def entries(book, practice, now):
    """Four of them, of two sessions, in the order in which they were written."""
    one, two = book(), book(starts_at=NINE + timedelta(days=1))
    with asked_from("192.0.2.7"):
        for session in (one, two):
            cancel_sessions([session], by=practice.finn, now=now, reason="Ada has a cold")
    return list(AuditEntry.objects.order_by("recorded_at", "id"))


def wrong():
    return [(finding.wrong, finding.entry) for finding in verify().findings]


def execute(query, *values):
    with connection.cursor() as cursor:
        cursor.execute(query, values)


class TestAppendedOnly:
    REFUSED = (
        "UPDATE booking_auditentry SET action = 'moved'",
        "UPDATE booking_auditentry SET at = at - interval '1 day'",
        "UPDATE booking_auditentry SET reason = 'something else'",
        "UPDATE booking_auditentry SET after = '{}'",
        "UPDATE booking_auditentry SET actor = gen_random_uuid()",
        "UPDATE booking_auditentry SET by_id = (SELECT id FROM clients_user WHERE email = 'bo@example.org')",
        "UPDATE booking_auditentry SET recorded_at = now()",
        "UPDATE booking_auditentry SET salt = NULL",
        "UPDATE booking_auditentry SET address = '192.0.2.7'",
        "UPDATE booking_auditentry SET client_id = (SELECT id FROM clients_client WHERE name = 'Bo Lindqvist')",
        "UPDATE booking_auditentry SET told_digest = ''",
        "UPDATE booking_auditentry SET is_sealed = false",
        "DELETE FROM booking_auditentry",
        "UPDATE booking_auditseal SET digest = ''",
        "DELETE FROM booking_auditseal",
    )

    def test_no_statement_changes_or_deletes_one(self, entries):
        seal()

        for query in self.REFUSED:
            with pgtrigger.ignore(), pytest.raises(IntegrityError, match="stays as it is"), transaction.atomic():
                execute(query)

        assert wrong() == []

    @pytest.mark.parametrize("table", ["entry", "seal"])
    def test_no_table_is_emptied(self, table, db):
        execute(f"ALTER TABLE booking_audit{table} ENABLE TRIGGER audit_{table}_never_emptied")

        with pytest.raises(IntegrityError, match="stays as it is"), transaction.atomic():
            execute(f"TRUNCATE booking_audit{table}")

    def test_who_it_was_stays_when_the_account_goes(self, entries, practice):
        finn = practice.finn.pk
        seal()

        practice.finn.delete()

        last = AuditEntry.objects.get(pk=entries[-1].pk)
        assert (last.by, last.actor) == (None, finn)
        assert wrong() == []

    def test_what_is_written_by_the_clock_of_the_database_cannot_be_given(self, entries, practice, now):
        AuditEntry.objects.create(appointment=entries[0].appointment, action="moved", at=now, recorded_at=now, actor=uuid4())

        last = AuditEntry.objects.order_by("recorded_at").last()
        assert last.action == "moved"
        assert last.actor is None


class TestWhatIsWritten:
    def test_a_change_says_from_which_address_its_request_came_and_the_next_one_its_own(self, client, book, practice, now):
        sessions = [book(), book(starts_at=NINE + timedelta(days=1))]
        with time_machine.travel(NINE - timedelta(days=2), tick=False):
            client.force_login(practice.ada.user)
            for session, address in zip(sessions, ("192.0.2.7", "2001:db8::7"), strict=True):
                client.post(reverse("booking:coming", args=[session.pk]), {"version": 0}, REMOTE_ADDR=address)
        set_status(sessions[0], AppointmentStatus.ARRIVED, by=practice.finn, now=now)

        entries = AuditEntry.objects.order_by("recorded_at").values_list("after__status", "address")
        assert list(entries) == [
            ("booked", None),
            ("booked", None),
            ("confirmed", "192.0.2.7"),
            ("confirmed", "2001:db8::7"),
            ("arrived", None),
        ]

    def test_a_reading_is_in_the_chain_and_stays_when_what_was_read_is_gone(self, book, practice, intake, now):
        fill_in(practice.ada, now)
        sent = practice.ada.responses.get()
        note = Note.objects.create(appointment=book(), started_at=now)
        with asked_from("192.0.2.7"):
            read_response(sent, by=practice.finn, now=now)
            read_note(note, by=practice.finn, now=now)
        read_response(sent, by=practice.ada.user, now=now)  # her own
        seal()

        with pgtrigger.ignore(SUBMITTED_STAYS, *NOTES_STAY):
            sent.delete()
            note.delete()

        read = AuditEntry.objects.filter(appointment=None).order_by("recorded_at")
        assert list(read.values_list("action", "client", "by", "address")) == [
            ("read_answers", practice.ada.pk, practice.finn.pk, "192.0.2.7"),
            ("read_note", practice.ada.pk, practice.finn.pk, "192.0.2.7"),
        ]
        assert wrong() == []

    def test_reasons_and_addresses_go_after_the_years_that_are_kept(self, entries, now):
        seal()
        after = now.replace(year=now.year + 7)

        assert forget_told(now=after) == 0
        assert forget_told(now=after + timedelta(seconds=1), dry_run=True) == 4
        assert AuditEntry.objects.exclude(reason="").count() == 2

        assert forget_told(now=after + timedelta(seconds=1)) == 4

        assert set(AuditEntry.objects.values_list("reason", "address")) == {("", None)}
        assert wrong() == []


class TestSealing:
    def test_each_entry_is_sealed_once_in_the_order_in_which_it_was_written(self, entries):
        assert seal() == 4
        assert seal() == 0

        assert list(AuditSeal.objects.values_list("position", "entry")) == [
            (number, entry.pk) for number, entry in enumerate(entries, 1)
        ]
        report = verify()
        assert (report.findings, report.sealed, report.waiting, report.taken_out) == ([], 4, 0, 0)
        assert report.head == head_of_chain() == Head(4, bytes(AuditSeal.objects.last().hash).hex())

    def test_what_is_written_later_goes_on_where_the_chain_ended(self, entries, book, practice):
        seal()
        before = head_of_chain()

        book(starts_at=NINE + timedelta(days=2))
        assert verify().waiting == 1
        assert seal() == 1

        assert wrong() == []
        assert head_of_chain() != before
        assert verify(before).findings == []

    def test_the_worker_seals_and_its_log_keeps_the_head(self, entries, caplog):
        seal_audit()
        seal_audit()

        assert [line.msg["head"] for line in caplog.records if "audit_sealed" in str(line.msg)] == [str(head_of_chain())]
        assert str(head_of_chain()).startswith("4:")


class TestFinding:
    @pytest.fixture(autouse=True)
    def sealed(self, entries):
        seal()
        self.entries = entries

    @pytest.mark.parametrize(
        ("change", "found"),
        [
            ("action = 'moved'", Wrong.CHANGED),
            ("at = at - interval '1 second'", Wrong.CHANGED),
            ("before = '{}'", Wrong.CHANGED),
            ("actor = NULL", Wrong.CHANGED),
            ("appointment_id = (SELECT appointment_id FROM booking_auditentry ORDER BY recorded_at LIMIT 1)", Wrong.CHANGED),
            ("reason = 'Ada did not want to'", Wrong.TOLD_CHANGED),
            ("reason = ''", Wrong.TOLD_CHANGED),
            ("address = NULL", Wrong.TOLD_CHANGED),
            ("address = '192.0.2.8'", Wrong.TOLD_CHANGED),
            ("client_id = NULL", Wrong.CHANGED),
        ],
    )
    def test_a_changed_entry(self, change, found):
        entry = self.entries[3]

        with no_triggers():
            execute(f"UPDATE booking_auditentry SET {change} WHERE id = %s", entry.pk)

        assert wrong() == [(found, str(entry.pk))]

    @pytest.mark.parametrize("number", range(4))
    def test_a_removed_entry(self, number):
        with no_triggers():
            execute("DELETE FROM booking_auditentry WHERE id = %s", self.entries[number].pk)

        assert wrong() == [(Wrong.REMOVED, str(self.entries[number].pk))]

    def test_an_entry_removed_with_its_seal(self):
        with no_triggers():
            execute("DELETE FROM booking_auditentry WHERE id = %s", self.entries[1].pk)
            execute("DELETE FROM booking_auditseal WHERE entry = %s", self.entries[1].pk)

        assert wrong() == [(Wrong.CHAIN_BROKEN, str(self.entries[2].pk))]

    def test_an_end_that_was_cut_off_is_found_by_a_head_kept_elsewhere(self):
        kept = head_of_chain()
        with no_triggers():
            execute("DELETE FROM booking_auditentry WHERE id = %s", self.entries[3].pk)
            execute("DELETE FROM booking_auditseal WHERE entry = %s", self.entries[3].pk)

        assert wrong() == []
        assert [finding.wrong for finding in verify(kept).findings] == [Wrong.HEAD_GONE]

    def test_an_entry_that_goes_for_sealed_and_is_not(self):
        added = self.copy(is_sealed=True)

        assert wrong() == [(Wrong.INSERTED, added)]

    def test_an_entry_inserted_as_if_it_were_old_before_and_after_it_is_sealed(self):
        added = self.copy(recorded_at="now() - interval '2 days'")
        assert wrong() == [(Wrong.INSERTED, added)]

        assert seal() == 1

        assert wrong() == [(Wrong.INSERTED, added)]

    def test_a_link_squeezed_into_the_chain(self):
        added = self.copy(is_sealed=True)
        with no_triggers():
            execute("UPDATE booking_auditseal SET position = -position WHERE position > 2")
            execute("UPDATE booking_auditseal SET position = 1 - position WHERE position < 0")
            link = "SELECT 3, %s, digest, hash, sealed_at FROM booking_auditseal WHERE position = 2"
            execute(f"INSERT INTO booking_auditseal {link}", added)

        assert (Wrong.CHAIN_BROKEN, added) in wrong()

    def test_two_entries_that_change_places(self):
        one, two = (entry.pk for entry in self.entries[:2])
        with no_triggers():
            execute("UPDATE booking_auditseal SET entry = %s WHERE position = 1", uuid4())
            execute("UPDATE booking_auditseal SET entry = %s WHERE position = 2", one)
            execute("UPDATE booking_auditseal SET entry = %s WHERE position = 1", two)

        assert wrong() == [(Wrong.CHANGED, str(two)), (Wrong.CHANGED, str(one))]

    def test_an_erased_client_breaks_nothing_and_leaves_no_reason(self, practice, now):
        assert "Ada has a cold" in {entry.reason for entry in self.entries}

        her_sign_in = practice.ada.user.pk

        erase(practice.ada, now=now)

        assert set(AuditEntry.objects.values_list("reason", "address", "salt")) == {("", None, None)}
        assert wrong() == []
        assert AuditEntry.objects.get(action="erased").actor == her_sign_in
        assert verify().taken_out == 5

    def test_the_command_says_what_it_found_and_fails(self, capsys):
        call_command("audit", "verify")
        assert "4 entries sealed, 0 waiting for it, 0 without what they told" in capsys.readouterr().out
        with no_triggers():
            execute("DELETE FROM booking_auditentry WHERE id = %s", self.entries[0].pk)

        with pytest.raises(CommandError, match="1 findings"):
            call_command("audit", "verify")
        assert f"removed: {self.entries[0].pk}" in capsys.readouterr().out
        with pytest.raises(CommandError, match="position:hash"):
            call_command("audit", "verify", "--head", "yesterday")

    def copy(self, *, is_sealed=False, recorded_at="now()"):
        """An entry as somebody would write it who can switch triggers off."""
        added = uuid4()
        with no_triggers():
            execute(
                f"""
                INSERT INTO booking_auditentry (id, appointment_id, action, sequence, actor, at, reason, before, after,
                    recorded_at, salt, told_digest, is_sealed)
                SELECT %s, appointment_id, action, sequence, actor, at, '', before, after, {recorded_at}, NULL, '', %s
                FROM booking_auditentry WHERE id = %s
                """,
                added,
                is_sealed,
                self.entries[0].pk,
            )
        return str(added)


class TestARoleThatOwnsNothing:
    """The app as it runs where the tables belong to another role."""

    @pytest.fixture
    def role(self, entries):
        seal()
        name = f"app_{uuid4().hex}"
        execute(f"CREATE ROLE {name}")
        restrict(name)
        return name

    def as_role(self, role, query):
        with transaction.atomic():
            execute(f"SET LOCAL ROLE {role}")
            execute(query)

    MAY_NOT = (
        *(
            f"UPDATE booking_auditentry SET {column} = {column}"
            for column in ("id", "action", "at", "after", "client_id", "actor", "recorded_at", "told_digest", "is_sealed")
        ),
        "DELETE FROM booking_auditentry",
        "TRUNCATE booking_auditentry",
        "INSERT INTO booking_auditseal SELECT position + 9, gen_random_uuid(), digest, hash, now() FROM booking_auditseal",
        "UPDATE booking_auditseal SET digest = digest",
        "DELETE FROM booking_auditseal",
        "TRUNCATE booking_auditseal",
        "UPDATE booking_appointmentevent SET status = status",
        "DELETE FROM booking_appointmentevent",
        "ALTER TABLE booking_auditentry DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_entry_stays ON booking_auditentry",
        "SET LOCAL session_replication_role = replica",
    )

    def test_it_may_neither_change_nor_delete_nor_empty_nor_switch_off(self, role):
        for query in self.MAY_NOT:
            with pytest.raises(ProgrammingError) as refused:
                self.as_role(role, query)
            assert refused.value.__cause__.pgcode == INSUFFICIENT_PRIVILEGE, query

    def test_of_what_it_may_update_it_can_only_take_out(self, role):
        for change in ("reason = 'other'", "address = '192.0.2.9'", "salt = gen_random_uuid()", "reason = ''"):
            with pytest.raises(IntegrityError, match="stays as it is"):
                self.as_role(role, f"UPDATE booking_auditentry SET {change}")

        self.as_role(role, "UPDATE booking_auditentry SET reason = '', address = NULL, salt = NULL")

        assert wrong() == []

    def test_it_can_do_all_the_app_does(self, role, book, practice, now):
        with transaction.atomic():
            execute(f"SET LOCAL ROLE {role}")
            session = book(starts_at=NINE + timedelta(days=2))
            cancel_sessions([session], by=practice.finn, now=now, reason="Ada has a cold")
            assert seal() == 2
            erase(practice.ada, now=now)
            assert wrong() == []
            execute("RESET ROLE")

        assert (verify().sealed, verify().waiting, verify().taken_out) == (6, 1, 7)

    @pytest.mark.parametrize(("role", "why"), [("nobody_of_that_name", "There is no role"), ("postgres", "a superuser")])
    def test_a_role_that_is_not_there_or_may_do_anything_is_refused(self, role, why, db):
        with pytest.raises(CommandError, match=why):
            call_command("audit", "restrict", role)


@pytest.mark.django_db(transaction=True)
def test_two_that_seal_at_once_make_one_chain(practice, book):
    for day in range(4):
        for hour in (0, 1, 2, 3):
            book(starts_at=NINE + timedelta(days=day, hours=hour))
    ready, sealed = Barrier(4), []

    def work():
        ready.wait()
        sealed.append(seal())
        connections.close_all()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(sealed) == 16
    assert verify().findings == []
    assert list(AuditSeal.objects.values_list("position", flat=True)) == list(range(1, 17))
