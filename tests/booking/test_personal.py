"""Personal data: every column is known, all of it is handed out, and what goes is gone from every table."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from allauth.mfa.utils import decrypt
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from booking.enums import AppointmentStatus, HoldState
from booking.exceptions import StillAhead, WorksHere
from booking.models import Appointment, Hold, Note, NoteView, Notification, Reach
from booking.services.asking import clients_here_since
from booking.services.erasure import erase, fate_of
from booking.services.notes import forget_notes
from clients.crypto import keyring, new_key
from clients.exceptions import NoConsent
from clients.fields import SealedField
from clients.models import Client, Consent, Response, ResponseView, User
from clients.origin import asked_from
from clients.personal import APPS, KINDS, as_data, models_about_clients, tagged
from clients.services.consents import health_data_question, record_agreement
from clients.services.keys import reseal, sealed_columns
from clients.services.responses import open_response, read_response, save_section
from clients.services.retention import forget
from tests.clients.test_canaries import dump, hexed
from tests.factories import AppointmentFactory
from tests.planted import plant

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

#: What takes words or structures and says nothing of a person: keys and hashes, the practice's own words and rules, the forms.
NOT_PERSONAL = {
    "clients.User": {"password"},
    "clients.Questionnaire": {"title", "intro", "disclaimer"},
    "clients.Section": {"code", "title", "help"},
    "clients.Question": {"code", "text", "help", "choices", "show_if", "fields", "legal_basis", "copies_from"},
    "clients.FlagRule": {"code", "when", "therapist_note", "client_message"},
    "clients.Handout": {"token_hash"},
    "clients.MedicationClass": {
        "code",
        "label",
        "client_label",
        "precaution",
        "client_text",
        "escalate_to_stop_if",
        "basis",
        "source",
    },
    "clients.Medication": {"name", "key", "words", "generic_name", "class_codes", "fda_epc", "source"},
    "clients.BodyRegion": {"code", "label", "side", "area", "common_muscles", "caution"},
    "booking.TextAnswer": {"carrier_id"},
    "booking.Hold": {"owner", "course", "plan"},
    "booking.BookingRequest": {"content"},
    "booking.AuditEntry": {"told_digest"},
    "booking.AuditSeal": {"digest", "hash"},
    "booking.Appointment": {"zone"},
    "booking.Change": {"content"},
    "booking.Link": {"token_hash"},
    "booking.Feed": {"token_hash", "content_hash"},
    "booking.NoteTemplate": {"name", "subjective", "objective", "assessment", "plan"},
    "booking.NoticeText": {"subject", "heading", "opening", "closing"},
    "therapists.Location": {"name", "zone", "country", "subdivision", "address", "directions", "phone", "email", "currency"},
    "therapists.Room": {"name"},
    "therapists.Closure": {"name"},
    "therapists.Treatment": {"name", "neutral_name", "description"},
    "therapists.MedicationPolicy": {"reason", "medication_class"},
    "therapists.ConditionPolicy": {"reason", "condition"},
    "therapists.Painkiller": {"name", "note"},
    "therapists.Photo": {"picture", "digest"},
}
TEXTUAL = (models.CharField, models.TextField, models.JSONField, SealedField, models.GenericIPAddressField, models.BinaryField)


def our_models():
    return [model for app in APPS for model in apps.get_app_config(app).get_models()]


def is_history(model):
    """Copies of another model's columns, whose declaration counts for them."""
    return hasattr(model, "pgh_tracked_model")


def takes_words(field):
    """Whether a column can hold what somebody typed; one of a list of choices cannot."""
    inner = field.base_field if isinstance(field, ArrayField) else field
    return isinstance(inner, TEXTUAL) and not inner.choices


def test_every_column_that_takes_words_is_tagged_or_known_to_be_about_nobody():
    untold = {}
    for model in our_models():
        declared = model.pgh_tracked_model if is_history(model) else model
        known = set(tagged(declared)) | NOT_PERSONAL.get(declared._meta.label, set())
        if found := {f.name for f in model._meta.concrete_fields if takes_words(f)} - known - {"pgh_label"}:
            untold[model._meta.label] = found

    assert untold == {}


def test_what_is_tagged_exists_and_says_what_it_is_about():
    for model in our_models():
        names = {field.name for field in model._meta.concrete_fields}
        assert set(tagged(model)) <= names, model
        assert set(tagged(model).values()) <= set(KINDS), model
        assert not set(tagged(model)) & NOT_PERSONAL.get(model._meta.label, set()), model
    assert {"clients.Answer", "booking.Notification", "booking.NoteVersion"} <= {
        model._meta.label for model in models_about_clients()
    }


HERE_IN_JANUARY = datetime(2027, 1, 5, 9, tzinfo=UTC)


@pytest.fixture
def cora(practice, intake, now):
    """Last here a month ago."""
    return plant(practice, was_here=HERE_IN_JANUARY, now=now)


@pytest.fixture
def never_here(practice, intake, now):
    """She booked, and cancelled in time."""
    return plant(practice, was_here=None, now=now)


def staff_mails():
    """Mails to the practice, which tell of others as well."""
    copies = Notification.objects.filter(client=None).values_list("subject", "body", "answer", "last_error")
    return " ".join(word for copy in copies for word in copy)


def opened():
    """Every sealed value there is, opened."""
    return " ".join(
        json.dumps(getattr(row, field.name), ensure_ascii=False)
        for model, field in sealed_columns()
        for row in model._default_manager.order_by("pk")
    )


class TestHandingOut:
    def test_all_tagged_columns_are_in_it(self, cora, now):
        rows = json.loads(json.dumps(as_data(cora.client, now=now), default=str))["rows"]

        empty = [
            f"{model._meta.label}.{name}"
            for model in models_about_clients()
            for name in tagged(model)
            if all(row[name] in (None, "", [], {}) for row in rows[model._meta.label])
        ]
        assert empty == []
        whole, elsewhere = json.dumps(rows), staff_mails()
        assert [word for word in cora.words + cora.health if word not in whole and word not in elsewhere] == []
        assert sum(word in whole for word in cora.words) >= 20
        assert sum(word in whole for word in cora.health) == len(cora.health) >= 9

    def test_every_value_is_also_on_the_page_for_readers(self, cora, client, now):
        client.force_login(cora.client.user)

        page = client.get(reverse("booking:my_data_copy")).content.decode()

        elsewhere = staff_mails()
        spelled = page.replace(" ", "")  # numbers are grouped there
        assert [word for word in cora.words + cora.health if word not in spelled and word not in elsewhere] == []

    def test_a_tag_that_is_not_exported_would_be_seen(self, cora, now, monkeypatch):
        monkeypatch.setattr(Reach, "personal", {})

        rows = as_data(cora.client, now=now)["rows"]

        assert "stopped" not in rows["booking.Reach"][0]

    def test_from_where_others_acted_is_not_told(self, cora, practice, now):
        note = Note.objects.get(appointment__client=cora.client)
        with asked_from("198.51.100.9"):
            NoteView.leave(by=practice.finn, at=now, note=note)
            NoteView.leave(by=cora.client.user, at=now, note=note)

        told = [row["address"] for row in as_data(cora.client, now=now)["rows"]["booking.AuditEntry"]]

        assert told.count("198.51.100.9") == 1

    def test_nothing_of_anybody_else_is_in_it(self, cora, practice, client, now):
        record_agreement(practice.ada, health_data_question(), by=practice.ada.user, now=now)
        draft = open_response(practice.ada, "first", now=now)
        save_section(draft, {"other_health": "of Ada alone"}, now=now)
        client.force_login(practice.ada.user)

        file = client.get(reverse("booking:my_data_file"))

        assert "of Ada alone" in file.content.decode()
        assert "ada@example.org" in file.content.decode()
        assert [word for word in (*cora.words[2:], *cora.health) if word in file.content.decode()] == []

    def test_reading_ones_own_leaves_no_row_and_is_not_kept_by_browsers(self, cora, client):
        client.force_login(cora.client.user)
        before = ResponseView.objects.count(), NoteView.objects.count()

        file = client.get(reverse("booking:my_data_file"))

        assert file["Content-Type"] == "application/json"
        assert file["Content-Disposition"] == 'attachment; filename="my-data.json"'
        assert "no-store" in file["Cache-Control"]
        assert (ResponseView.objects.count(), NoteView.objects.count()) == before

    def test_the_queries_do_not_grow_with_the_rows(self, cora, practice, django_assert_num_queries, now):
        with CaptureQueriesContext(connection) as few:
            as_data(cora.client, now=now)
        for n in range(20):
            session = AppointmentFactory(
                client=cora.client,
                therapist=practice.tess,
                treatment=practice.treatment,
                starts_at=HERE_IN_JANUARY - timedelta(days=n + 1),
                status=AppointmentStatus.DONE,
            )
            facts = {"kind": "reminder", "client": cora.client, "recipient": cora.client.email}
            Notification.objects.create(appointment=session, created_at=now, due_at=now, **facts)

        with django_assert_num_queries(len(few)):
            as_data(cora.client, now=now)


def test_with_a_new_key_nothing_in_any_table_is_sealed_with_the_old_one(cora, practice, settings):
    """Also what is kept as text: the secret of an app of somebody who works here."""
    TOTP.activate(practice.finn, "JBSWY3DPEHPK3PXP")  # pragma: allowlist secret
    old = keyring().keys[0].prefix
    # in a column of bytes, and as text, of which the last letter depends on what follows
    looks = [f"\\\\x{old.hex()}", b64encode(old).decode().rstrip("=")[:-1]]
    before = opened()
    full = [model._default_manager.filter(**{f"{field.name}__isnull": False}).exists() for model, field in sealed_columns()]
    assert all(full)
    assert all(look in dump() for look in looks)
    both = settings.INTAKE_KEYS = f"{new_key('k2')},{settings.INTAKE_KEYS}"

    assert sum(reseal()) > 10
    assert sum(reseal()) == 0

    settings.INTAKE_KEYS = both.split(",")[0]
    assert [look for look in looks if look in dump()] == []
    assert opened() == before
    app = Authenticator.objects.get(type=Authenticator.Type.TOTP)
    assert decrypt(app.data["secret"]) == "JBSWY3DPEHPK3PXP"  # pragma: allowlist secret


class TestErasing:
    def test_of_who_was_here_no_word_is_in_any_table_and_no_name_behind_the_seals(self, cora, now):
        assert [word for word in cora.words if word not in dump() + opened()] == []  # planted indeed

        erase(cora.client, now=now)

        left, sealed = dump(), opened()
        assert [word for word in cora.words + cora.health if word in left or hexed(word) in left] == []
        assert [word for word in cora.words if word in sealed] == []
        assert sum(word in sealed for word in cora.health) >= 6  # what the law keeps of her treatment
        assert "Ada Okafor" in left  # others are untouched

    def test_of_who_was_never_here_no_answer_is_left_behind_the_seals_either(self, never_here, now):
        erase(never_here.client, now=now)

        left, sealed = dump(), opened()
        words = never_here.words + never_here.health
        assert [word for word in words if word in left or word in sealed] == []

    def test_of_who_was_last_here_before_the_years_that_are_kept_nothing_is_left_either(self, practice, intake, now):
        long_ago = plant(practice, was_here=now.replace(year=now.year - 7) - timedelta(days=1), now=now)

        erase(long_ago.client, now=now)

        assert [word for word in long_ago.words + long_ago.health if word in dump() + opened()] == []

    def test_sessions_and_agreements_stay_under_a_sign(self, cora, now):
        held = Appointment.objects.filter(client=cora.client).count()
        agreed = Consent.objects.filter(client=cora.client).count()

        erase(cora.client, now=now)

        kept = Client.objects.get(pk=cora.client.pk)
        assert kept.name == f"Erased client {str(kept.pk)[:8]}"
        assert (kept.email, kept.phone, kept.language, kept.user) == ("", "", "", None)
        assert kept.appointments.count() == held > 0
        assert kept.consents.count() == agreed > 1
        assert not kept.consents.standing().exists()
        assert LogEntry.objects.filter(object_id=str(kept.pk)).count() == 1

    def test_kept_answers_are_read_by_nobody_and_forgotten_in_their_time(self, cora, practice, now):
        erase(cora.client, now=now)
        sent = Response.objects.get(client=cora.client)

        with pytest.raises(NoConsent):
            read_response(sent, by=practice.finn, now=now)
        after = now.replace(year=now.year + 8)
        forget(now=after, here_since=clients_here_since)
        forget_notes(now=after)
        assert not Response.objects.filter(client=cora.client).exists()
        assert not Note.objects.filter(appointment__client=cora.client).exists()

    def test_what_was_still_held_is_free_again(self, never_here, now):
        held = Hold.objects.filter(state=HoldState.LIVE)
        assert held.exists()

        erase(never_here.client, now=now)

        assert not held.exists()
        assert not Appointment.objects.filter(status=AppointmentStatus.HELD).exists()

    def test_who_has_a_session_ahead_cancels_it_first(self, cora, practice, now):
        AppointmentFactory(client=cora.client, therapist=practice.tess, treatment=practice.treatment)
        before = dump()

        with pytest.raises(StillAhead):
            erase(cora.client, now=now)

        assert dump() == before

    @pytest.mark.parametrize("how", ["desk", "therapist", "was at the desk"])
    def test_who_works_here_is_not_erased_by_themselves(self, cora, practice, now, how):
        user = cora.client.user
        if how == "desk":
            user.is_staff = True
            user.save()
        elif how == "therapist":
            practice.jonas.user = user
            practice.jonas.save()
        else:
            LogEntry.objects.update(user=user)

        with pytest.raises(WorksHere):
            erase(cora.client, now=now)

        assert User.objects.filter(pk=user.pk).exists()

    def test_what_was_listed_beforehand_is_what_happens(self, cora, now):
        fate = fate_of(cora.client, now=now)

        erase(cora.client, now=now)

        left = fate_of(Client.objects.get(pk=cora.client.pk), now=now)
        assert (fate.messages > 0, fate.wishes, fate.keeps_health) == (True, 1, True)
        assert fate.keeps_until.date().isoformat() == "2034-01-05"
        assert (left.messages, left.wishes) == (0, 0)
        assert (left.sessions, left.forms, left.notes) == (fate.sessions, fate.forms, fate.notes)
