"""Words planted in every field of the form are found nowhere but behind the keys."""

from __future__ import annotations

import io
import logging
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from booking.enums import TO_CLIENTS, Channel, NotificationKind
from booking.models import Addendum, NoteVersion, NoticeText
from booking.models.notice_text import PLACEHOLDERS
from booking.notifications.delivery import send_due
from booking.services.appointments import book_appointment
from booking.services.notes import PARTS
from clients.crypto import sealed_for_address
from clients.models import Question, Questionnaire, Response
from clients.models.questionnaire import QuestionType
from clients.services.consents import health_data_question, record_agreement
from clients.services.responses import flags_of, open_response, read_response
from tests.booking.notifications.every_kind import in_words, one_of_each, whole
from tests.clients.answers import WELL
from tests.factories import AppointmentFactory, UserFactory
from tests.planted import plant

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


class Canaries:
    """Hands out a word of its own for each place an answer can be typed."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def next(self) -> str:
        self.words.append(f"canary{len(self.words):02}zq")
        return self.words[-1]


@pytest.fixture
def planted(practice, intake, client, now, caplog):
    """A whole form filled in over HTTP, with a canary in every field that takes words, and sent."""
    caplog.set_level(logging.DEBUG)
    ada = practice.ada
    client.force_login(ada.user)
    record_agreement(ada, health_data_question(), by=ada.user, now=now)
    response = open_response(ada, "first", now=now)
    canaries = Canaries()
    for number, (_section, questions) in enumerate(Questionnaire.objects.complete().get().asked("first"), start=1):
        posted: dict[str, object] = {"do": "save"}
        for question in questions:
            posted |= fields_of(question, canaries)
        url = reverse("intake:part", args=[response.pk, f"part-{number}"])
        client.post(url, {"do": "next", "dob-year": canaries.next(), "emergency_phone": canaries.next()})
        client.post(url, {"do": "find:med_list", "takes_any": "yes", "med_list-typed": canaries.next()})
        client.post(url, {"do": "save", "takes_any": "yes", "had_injury": "yes", "had_surgery": "yes"})
        client.post(url, {"do": "find:med_list", "med_list-typed": canaries.next()} | posted)
        client.post(url, posted)
    sent = client.post(reverse("intake:form", args=[response.pk]))
    assert sent.status_code == 302, sent.context["missing"]
    return response, canaries.words


def fields_of(question: Question, canaries: Canaries) -> dict[str, object]:
    """What a browser sends for one question, words being canaries."""
    code, kind = question.code, question.type
    if kind in (QuestionType.TEXT_SHORT, QuestionType.TEXT_LONG, QuestionType.SIGNATURE):
        return {code: canaries.next()}
    if kind == QuestionType.DATE:
        return {f"{code}-day": "17", f"{code}-month": "5", f"{code}-year": "1990"}
    if kind == QuestionType.CONSENT:
        return {code: "on"}
    if kind == QuestionType.BODY_MAP:
        return {f"{code}-{n}-region": region for n, region in enumerate(("JAW_L", "CALF_R"))} | {
            f"{code}-{n}-spreads_to": canaries.next() for n in range(2)
        }
    if kind == QuestionType.MEDICATION_LIST:
        texts = ("name", "reason", "since", "last_taken")
        return {f"{code}-{n}-{name}": canaries.next() for n in range(10) for name in texts}
    if kind == QuestionType.ACTIVITY_SCORES:
        return {f"{code}-{n}-name": canaries.next() for n in range(3)} | {f"{code}-{n}-score": "3" for n in range(3)}
    if kind == QuestionType.REPEAT_GROUP:
        return {f"{code}-0-kind": question.choices[0]["value"], f"{code}-0-year": "2015"}
    return {code: "yes" if code in ("takes_any", "had_injury", "had_surgery") else WELL.get(code, "")}


def write_note(session, tess, canaries: Canaries, now) -> list[str]:
    """A note of a session with a canary in every field that takes words, signed over HTTP, and an addendum once it is locked."""
    browser = Browser()
    browser.force_login(tess)
    address = reverse("booking:note", args=[session.pk])
    words = {part: canaries.next() for part in PARTS} | {"point-0-region": "CALF_L", "point-0-how": canaries.next()}
    browser.post(address, {"do": "keep", "seen": 0, "writer": uuid4(), "plan": canaries.next()})
    browser.post(address, {"do": "sign", "seen": 0, "writer": uuid4(), "plan": canaries.next()})  # in another window
    browser.post(address, {"do": "sign", "seen": 1, "writer": uuid4()} | words)
    with time_machine.travel(now + timedelta(days=2), tick=False):
        browser.force_login(tess)
        browser.post(reverse("booking:note_addendum", args=[session.pk]), {"text": canaries.next()})
        browser.get(address)
    return canaries.words


def dump() -> str:
    """Everything the database holds, table by table as pg_dump writes it."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        copies = []
        for table in tables:
            copy = io.StringIO()
            cursor.cursor.copy_expert(f'COPY (SELECT * FROM "{table}") TO STDOUT', copy)
            copies.append(copy.getvalue())
    assert len(tables) > 40
    return "\n".join(copies)


def valkey() -> str:
    """Every key and value of the cache and the broker."""
    store = cache._cache.get_client(write=True)
    read = {
        b"string": store.get,
        b"list": lambda key: store.lrange(key, 0, -1),
        b"hash": store.hgetall,
        b"set": store.smembers,
        b"zset": lambda key: store.zrange(key, 0, -1),
    }
    return "\n".join(repr(key) + repr(read[store.type(key)](key)) for key in store.keys("*"))


def hexed(word: str) -> str:
    """How a word would look inside a binary column."""
    return word.encode().hex()


def test_fifty_words_and_more_are_kept_in_all_kinds_of_fields(planted):
    response, words = planted

    kept = str(read_response(response, by=response.client.user, now=response.started_at))
    assert sum(word in kept for word in words) >= 50


def test_no_word_is_in_a_dump_of_the_database_the_logs_the_cache_or_a_mail(planted, practice, client, now, caplog):
    _response, words = planted
    session = book_appointment(
        client=practice.ada,
        therapist=practice.tess,
        treatment=practice.treatment,
        starts_at=datetime(2027, 3, 9, 9, tzinfo=UTC),
        by=practice.finn,
        now=now,
    )
    send_due(now)
    flags_of(practice.ada, on=now.date())
    practice.tess.user = UserFactory(name="Tess Oduya", email="tess@example.org")
    practice.tess.save()
    with time_machine.travel(now, tick=False):
        client.force_login(practice.tess.user)
        page = client.get(reverse("booking:session_intake", args=[session.pk])).content.decode()
    assert sum(word in page for word in words) >= 30  # read where it may be

    places = {
        "database": dump(),
        "logs": "\n".join(
            f"{record.getMessage()} {record.__dict__}" for record in [*caplog.get_records("setup"), *caplog.records]
        ),
        "valkey": valkey(),
        "mail": "\n".join(each.message().as_string() for each in mail.outbox),
    }

    assert "Ada Okafor" in places["database"]
    assert "request_finished" in places["logs"]
    assert "Ada" in places["mail"]
    for name, text in places.items():
        assert [word for word in words if word in text or hexed(word) in text] == [], name


def test_no_word_is_in_a_notice_of_any_kind_by_any_channel(planted, practice, now):
    response, words = planted
    practice.treatment.description = words[0]
    practice.treatment.name, practice.treatment.neutral_name = f"Relief of {words[2]}", "Session"
    practice.treatment.save()
    practice.tess.focus = practice.tess.about = words[1]
    practice.tess.user = UserFactory(name="Tess Oduya", email="tess@example.org")
    practice.tess.save()
    notices = one_of_each(practice, now, because=words[3])
    NoticeText.objects.bulk_create(
        NoticeText(
            location=practice.tess.location, kind=kind, channel=channel, opening=" ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        )
        for kind in TO_CLIENTS
        for channel in Channel
    )
    Response.objects.filter(pk=response.pk).update(
        state="draft", submitted_at=None, severity=""
    )  # or nobody would be asked for it any more

    said = {
        (kind, channel): whole(in_words(notice, now, channel))
        for kind, notice in notices.items()
        for channel in Channel
        if channel == Channel.EMAIL or kind in TO_CLIENTS
    }

    assert len(words) >= 50
    assert {kind for kind, _channel in said} == set(NotificationKind)
    for place, text in said.items():
        assert "Tess" in text or "Linden Street Practice" in text, place
        assert [word for word in words if word in text] == [], place


def test_no_word_of_a_note_is_in_a_dump_of_the_database_the_logs_or_the_cache(practice, intake, now, caplog):
    caplog.set_level(logging.DEBUG)
    practice.tess.user = UserFactory(name="Tess Oduya", email="tess@example.org")
    practice.tess.save()
    session = AppointmentFactory(client=practice.ada, therapist=practice.tess, treatment=practice.treatment)
    with time_machine.travel(session.ends_at, tick=False):
        words = write_note(session, practice.tess.user, Canaries(), session.ends_at)

    kept = str([version.content for version in NoteVersion.objects.all()] + [each.text for each in Addendum.objects.all()])
    assert sum(word in kept for word in words) == 7  # all but what the other window was shown
    logs = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    for name, text in {"database": dump(), "logs": logs, "valkey": valkey()}.items():
        assert [word for word in words if word in text or hexed(word) in text] == [], name


def test_nothing_a_client_is_known_by_is_in_the_logs_or_the_cache(practice, intake, client, now, caplog):
    caplog.set_level(logging.DEBUG)
    planted = plant(practice, was_here=now - timedelta(days=30), now=now)
    cora = planted.client
    known_by = {"name": cora.name, "email": cora.email, "phone": "020 7946 0977", "q": cora.name}
    desk = Browser()
    desk.force_login(UserFactory(is_staff=True, is_superuser=True))
    client.force_login(cora.user)

    Browser().post(reverse("booking:sign_in"), known_by)
    client.post(reverse("booking:correct"), known_by)
    client.post(reverse("booking:new_address"), {"email": f"new{cora.email}"})
    for name in (
        "admin:find_client",
        "admin:new_client",
        "admin:clients_client_changelist",
        "admin:booking_auditentry_changelist",
    ):
        desk.post(reverse(name), known_by, follow=True)
    send_due(now)

    assert len(mail.outbox) >= 2
    logs = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "POST /sessions/sign-in/" in logs
    for name, text in {"logs": logs, "valkey": valkey()}.items():
        assert text
        assert [word for word in planted.words + planted.health + ["7946 0977"] if word in text] == [], name


def test_an_error_page_and_its_log_line_hold_no_answer(practice, intake, client, now, caplog):
    ada = practice.ada
    client.force_login(ada.user)
    record_agreement(ada, health_data_question(), by=ada.user, now=now)
    draft = open_response(ada, "first", now=now)
    with connection.cursor() as cursor:  # saving fails with the answer in its hands
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE clients_answer ADD CONSTRAINT broken CHECK (false) NOT VALID")
    client.raise_request_exception = False

    answer = client.post(reverse("intake:part", args=[draft.pk, "part-4"]), {"do": "save", "other_health": "canaryzq"})

    assert answer.status_code == 500
    logged = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "IntegrityError" in logged
    assert "canaryzq" not in answer.content.decode() + logged


def test_the_desk_finds_no_answer_in_its_lists_and_searches(planted, client, practice):
    _response, words = planted
    practice.finn.is_superuser = True
    practice.finn.save()
    client.force_login(practice.finn)

    appointment = AppointmentFactory(client=practice.ada, therapist=practice.tess, treatment=practice.treatment)
    lists = [f"admin:clients_{model}_changelist" for model in ("client", "consent", "question", "questionnaire")]
    pages = [reverse(f"admin:{name}", args=[appointment.pk]) for name in ("booking_appointment_change", "session")]
    pages.append(f"{pages[1]}?day={appointment.local_date}&at=10:00")
    pages += [
        reverse(name) + query
        for name in (*lists, "admin:booking_appointment_changelist")
        for query in ("", f"?q={sealed_for_address(words[0])}")
    ]
    for address in pages:
        page = client.get(address).content.decode()
        assert not [word for word in words[1:] if word in page], address
