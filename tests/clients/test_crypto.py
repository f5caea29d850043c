"""Keys, sealing, and the column that only the application can read."""

from __future__ import annotations

import base64
from uuid import uuid4

import pytest
from django.core.exceptions import FieldError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from clients.crypto import CannotOpen, Keyring, KeysRefused, new_key
from clients.models import Answer, Response
from clients.services.keys import reseal
from tests.factories import AnswerFactory, QuestionFactory, ResponseFactory

PLACE = "clients_answer.value.1"


def ring(*names):
    return Keyring.from_text(",".join(new_key(name) for name in names))


@pytest.mark.unit
class TestKeys:
    def test_what_was_sealed_opens_in_its_place(self):
        keys = ring("k1")

        assert keys.open(keys.seal(b"penicillin", place=PLACE), place=PLACE) == b"penicillin"

    def test_the_same_value_is_sealed_differently_each_time(self):
        keys = ring("k1")

        assert keys.seal(b"no", place=PLACE) != keys.seal(b"no", place=PLACE)

    def test_it_opens_nowhere_else(self):
        keys = ring("k1")

        with pytest.raises(CannotOpen, match="another row"):
            keys.open(keys.seal(b"no", place=PLACE), place="clients_answer.value.2")

    @pytest.mark.parametrize("at", [4, 16, -1])
    def test_a_changed_byte_is_noticed(self, at):
        keys = ring("k1")
        sealed = bytearray(keys.seal(b"no", place=PLACE))
        sealed[at] ^= 1

        with pytest.raises(CannotOpen):
            keys.open(bytes(sealed), place=PLACE)

    def test_every_key_opens_and_the_first_seals(self):
        old = ring("k1")
        both = Keyring(ring("k2").keys + old.keys)
        sealed = old.seal(b"no", place=PLACE)

        assert both.open(sealed, place=PLACE) == b"no"
        assert both.seal(b"no", place=PLACE).startswith(b"\x01\x02k2")
        with pytest.raises(CannotOpen, match="No key"):
            Keyring(both.keys[:1]).open(sealed, place=PLACE)

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            pytest.param("", "missing", id="nothing"),
            pytest.param(" , ", "missing", id="only a comma"),
            pytest.param("k1:short", "k1 in INTAKE_KEYS is weak", id="short"),
            pytest.param("k1:" + base64.urlsafe_b64encode(b"ab" * 16).decode(), "weak", id="two letters"),
            pytest.param("k1:" + base64.urlsafe_b64encode(b"0123456789abcdef").decode(), "weak", id="half as long"),
            pytest.param(new_key("k1").partition(":")[2], "needs an id", id="no id"),
            pytest.param(new_key("k 1"), "needs an id", id="an id of two words"),
            pytest.param(f"{new_key('k1')},{new_key('k1')}", "one id twice", id="one id twice"),
        ],
    )
    def test_keys_that_cannot_be_used_are_refused_without_quoting_them(self, text, says):
        with pytest.raises(KeysRefused, match=says) as refused:
            Keyring.from_text(text)

        secret = text.partition(":")[2]
        assert not secret or secret not in str(refused.value)

    def test_a_key_never_shows_in_a_traceback(self):
        keys = ring("k1")

        assert repr(keys.keys[0].secret) not in repr(keys)


@pytest.mark.integration
@pytest.mark.django_db
class TestColumn:
    @pytest.mark.parametrize("value", ["", "Œdème à gauche", 0, 10, False, [], ["none"], {"region": "CALF_L", "pain": 0}])
    def test_every_value_comes_back_as_it_was(self, value):
        answer = AnswerFactory(value=value)

        read = Answer.objects.get(pk=answer.pk).value

        assert read == value
        assert type(read) is type(value)

    def test_the_database_has_nothing_readable(self):
        answer = AnswerFactory(value="warfarin")

        with connection.cursor() as cursor:
            cursor.execute("SELECT value FROM clients_answer WHERE id = %s", [answer.pk])
            stored = bytes(cursor.fetchone()[0])

        assert b"warfarin" not in stored
        assert stored.startswith(b"\x01\x05tests")

    def test_a_value_copied_to_another_row_does_not_open(self):
        first, second = AnswerFactory(value="yes"), AnswerFactory(value="no")
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE clients_answer SET value = (SELECT value FROM clients_answer WHERE id = %s) WHERE id = %s",
                [first.pk, second.pk],
            )

        with pytest.raises(CannotOpen):
            _ = Answer.objects.get(pk=second.pk).value

    def test_it_is_opened_when_read_and_not_before(self, settings):
        pk = AnswerFactory(value="yes").pk
        settings.INTAKE_KEYS = new_key("other")

        answer = Answer.objects.get(pk=pk)

        with pytest.raises(CannotOpen):
            _ = answer.value

    def test_bulk_create_and_deferred_columns_work(self):
        response, question = ResponseFactory(), QuestionFactory()
        Answer.objects.bulk_create([Answer(id=uuid4(), response=response, question=question, value="one")])

        assert Answer.objects.defer("value").get().value == "one"

    def test_saving_what_nobody_looked_at_leaves_it_sealed_as_it_was(self):
        answer = Answer.objects.get(pk=AnswerFactory(value="yes").pk)

        answer.save()

        assert Answer.objects.get().value == "yes"

    def test_it_cannot_be_searched_nor_written_past_the_row(self):
        AnswerFactory(value="yes")

        with pytest.raises(FieldError, match="cannot be searched"):
            Answer.objects.filter(value="yes").exists()
        with pytest.raises(TypeError, match="sealed for its row"), transaction.atomic():
            Answer.objects.update(value="no")
        with pytest.raises(CommandError, match="pg_dump"):
            call_command("dumpdata", "clients.answer", verbosity=0)

    @pytest.mark.parametrize("write", ["UPDATE clients_answer SET value = ''", "DELETE FROM clients_answer"])
    def test_the_database_refuses_to_change_a_submitted_answer(self, write, now):
        answer = AnswerFactory(value="yes")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE clients_answer SET value = value")  # still a draft
        Response.objects.update(state="submitted", submitted_at=now, severity="none")

        with pytest.raises(IntegrityError, match="stays as it is"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(write)
        with pytest.raises(IntegrityError, match="stays as it is"), transaction.atomic():
            AnswerFactory(response=answer.response)

        assert Answer.objects.get().value == "yes"


@pytest.mark.integration
@pytest.mark.django_db
class TestChangingTheKey:
    COUNT = 3000

    @pytest.fixture
    def answers(self, settings, now):
        """Thousands of answers sealed with the old key, some of them submitted; the new key comes first."""
        draft, submitted, question = ResponseFactory(), ResponseFactory(), QuestionFactory()
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE clients_answer DROP CONSTRAINT answer_once")
        rows = [Answer(response=submitted if n % 3 else draft, question=question, value=f"answer {n}") for n in range(self.COUNT)]
        Answer.objects.bulk_create(rows, batch_size=1000)
        Response.objects.filter(pk=submitted.pk).update(state="submitted", submitted_at=now, severity="none")
        settings.INTAKE_KEYS = f"{new_key('k2')},{settings.INTAKE_KEYS}"
        return {row.pk: row.value for row in rows}

    def sealed_with(self, prefix):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM clients_answer WHERE substring(value FOR %s) = %s", [len(prefix), prefix])
            return cursor.fetchone()[0]

    def test_all_answers_get_the_first_key_and_read_as_before(self, answers, settings, capsys):
        call_command("reseal")

        assert f"{len(answers)} values sealed anew" in capsys.readouterr().out
        settings.INTAKE_KEYS = settings.INTAKE_KEYS.split(",")[0]
        assert {row.pk: row.value for row in Answer.objects.all()} == answers

    def test_it_goes_on_where_it_was_stopped(self, answers):
        run = reseal(batch=400)
        assert (next(run), next(run)) == (400, 400)
        run.close()
        assert self.sealed_with(b"\x01\x02k2") == 800

        assert sum(reseal(batch=400)) == len(answers) - 800
        assert sum(reseal()) == 0

    def test_what_is_written_meanwhile_with_the_old_key_is_caught(self, answers, settings):
        both = settings.INTAKE_KEYS
        run = reseal(batch=1000)
        next(run)
        settings.INTAKE_KEYS = both.split(",")[1]
        late = AnswerFactory(value="late", pk="00000000-0000-4000-8000-000000000001")
        settings.INTAKE_KEYS = both

        assert 1000 + sum(run) == len(answers) + 1
        settings.INTAKE_KEYS = both.split(",")[0]
        assert Answer.objects.get(pk=late.pk).value == "late"

    def test_a_key_that_is_missing_is_said_and_nothing_is_lost(self, answers, settings):
        settings.INTAKE_KEYS = settings.INTAKE_KEYS.split(",")[0]

        with pytest.raises(CommandError, match="0 values were sealed anew, then one could not be opened: No key"):
            call_command("reseal")
