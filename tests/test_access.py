"""Every address × method × person, as declared in tests/access_table.py, with real objects of others present."""

from __future__ import annotations

import logging
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
import time_machine
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.db import transaction
from django.test import Client as Browser
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from booking.access import OWNER_KEY
from booking.engine.recurrence import Course, Once, Phase, Weekly
from booking.enums import Fit
from booking.models import Clearance, NoteTemplate, NoteView, NoticeText, Repair, StaffMail, TextAnswer
from booking.services.appointments import book_appointment
from booking.services.changes import UNDO_LASTS, ByHand, Move, cancel_sessions, move_sessions
from booking.services.guard import Choice
from booking.services.holds import book_hold, hold_choices
from booking.services.notes import NoteText, save_note
from booking.services.series import hold_course
from booking.services.waitlist import offer_by_hand, wish
from clients.models import BodyRegion, Client, Medication, MedicationClass, ResponseView, User
from clients.roles import FRONT_DESK, MANAGER
from clients.services.accounts import hand_out
from clients.services.consents import health_data_question, record_agreement
from clients.services.questionnaires import load_questionnaire
from clients.services.reference import SHIPPED
from clients.services.responses import open_response, save_section, submit_response
from tests.access_table import DISABLED, MODELS, PEOPLE, STAFF, TABLE, UNKNOWN_AT_DESK
from tests.clients.answers import WELL
from tests.factories import UserFactory
from tests.factories.notices import NoticeRuleFactory
from tests.factories.passkeys import passkey_of

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NINE = datetime(2027, 3, 9, 9, tzinfo=UTC)
LATER = date(2027, 6, 1)
METHODS = ("get", "post", "put", "patch", "delete")
#: Which row of a model is asked for, where not every one will do.
CHOSEN = {"booking.appointment": {"status__in": ("booked", "confirmed")}, "clients.user": {"email": "finn@example.org"}}
#: Pages of a model at the desk: what has to be allowed for GET and for POST. The bare address of a row leads to its page.
OF_A_MODEL = {"changelist": "vv", "add": "aa", "change": "vc", "history": "vv", "delete": "dd"}
#: Addresses that are of nothing, or of something that never was.
WITH_PARTS = {
    "admin:app_list": {"app_label": "booking"},
    "account_confirm_email": {"key": "a-key-that-never-was"},
    "account_reset_password_from_key": {"uidb36": "0", "key": "a-key-that-never-was"},
}
BARE = "desk/{}/{}/<path:object_id>/"


def names(patterns, space="", before=""):
    """The names of all addresses the resolver knows; those without a name by all of their pattern."""
    for pattern in patterns:
        route = f"{before}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from names(pattern.url_patterns, inner, route)
        elif isinstance(pattern, URLPattern):
            yield f"{space}{pattern.name}" if pattern.name else route


@pytest.fixture
def world(practice, now):
    """What Ada holds in her browser and what she booked; and the others, signed in at theirs."""
    with time_machine.travel(now, tick=False):
        once = Course(NINE.date(), (Phase(Once()),), (540,), (practice.tess.pk,))
        booked = hold_choices(
            [Choice(practice.tess.pk, NINE)], owner="ada", treatment=practice.treatment, now=now, course=once.as_json()
        )
        made = book_hold(
            booked,
            client=practice.ada,
            key=UUID("11111111-2222-4333-8444-555555555555"),
            by=practice.ada.user,
            now=now,
            undo_for=UNDO_LASTS,
        )
        single = hold_choices(
            [Choice(practice.jonas.pk, NINE.replace(hour=12))],
            owner="ada",
            treatment=practice.treatment,
            now=now,
            course=Course(NINE.date(), (Phase(Once()),), (720,), (practice.jonas.pk,)).as_json(),
        )
        weekly = Course(date(2027, 3, 10), (Phase(Weekly((2,)), count=3),), (600,), (practice.tess.pk,))
        series = hold_course(weekly, practice.treatment, owner="ada", now=now)
        thursdays = Course(date(2027, 3, 11), (Phase(Weekly((3,)), count=3),), (600,), (practice.tess.pk,))
        hers = hold_course(thursdays, practice.treatment, owner="ada as well", now=now)
        booked_series = book_hold(hers, client=practice.ada, key=uuid4(), by=practice.ada.user, now=now)
        change = cancel_sessions(booked_series.appointments[:1], by=practice.ada.user, now=now, undo_for=UNDO_LASTS)
        days = {"earliest_on": NINE.date(), "latest_on": NINE.date()}
        waiting = wish(client=practice.ada, treatment=practice.treatment, by=None, now=now, **days)
        at_three = NINE.replace(hour=15)
        offered = offer_by_hand(waiting, therapist=practice.jonas, starts_at=at_three, by=practice.finn, now=now)
        broken = book_appointment(
            client=practice.ada,
            therapist=practice.jonas,
            treatment=practice.treatment,
            starts_at=NINE + timedelta(weeks=1),
            by=practice.finn,
            now=now,
        )
        repair = Repair.objects.create(
            client=practice.ada, cause="Jonas Brandt: leave", made_at=now, expires_at=now + timedelta(days=1)
        )
        repair.replacements.create(appointment=broken, sequence=0, fit=Fit.NONE)
        practice.tess.user = UserFactory(name="Tess Oduya", email="tess@example.org")
        practice.tess.save()
        practice.tess.hours_overrides.create(applies_on=LATER)
        leave = practice.tess.time_off.create(starts_at=NINE + timedelta(weeks=9), ends_at=NINE + timedelta(weeks=10))
        of_bo = book_appointment(
            client=practice.bo,
            therapist=practice.tess,
            treatment=practice.treatment,
            starts_at=NINE + timedelta(weeks=2),
            by=practice.finn,
            now=now,
        )
        to_ten = Move(of_bo, practice.tess.pk, of_bo.starts_at + timedelta(hours=1), ByHand(of_bo.length))
        by_hand = move_sessions([to_ten], by=practice.tess.user, now=now, undo_for=UNDO_LASTS, practice_initiated=True)
        practice.jonas.user = UserFactory(name="Jonas Brandt", email="jonas@example.org")
        practice.jonas.save()
        mina, dora = (
            UserFactory(name="Mina Sorel", email="mina@example.org"),
            UserFactory(name="Dora Venn", email="dora@example.org"),
        )
        for user, role in ((practice.finn, FRONT_DESK), (mina, MANAGER), (dora, MANAGER)):
            hand_out(user, role)
        people = {
            "anonymous": None,
            "ada": practice.ada.user,
            "bo": practice.bo.user,
            "tess": practice.tess.user,
            "jonas": practice.jonas.user,
            "finn": practice.finn,
            "mina": mina,
            "dora": dora,
            "robin": UserFactory(name="Robin Vale", email="robin@example.org", is_staff=True, is_superuser=True),
        }
        sent, draft = forms_of(practice.ada, now)
        begun = NoteText(subjective="Better.")
        save_note(made.appointments[0], begun, seen=0, writer=uuid4(), by=practice.tess.user, now=now)
        set_up(practice, now)
        made_up = SimpleNamespace(
            practice=practice,
            made=made.request,
            session=made.appointments[0],
            hers=booked_series.series,
            change=change,
            by_hand=by_hand,
            single=single,
            series=series,
            waiting=waiting,
            offered=offered,
            repair=repair,
            leave=leave,
            template=NoteTemplate.objects.create(therapist=practice.tess, name="Neck"),
            sent=sent,
            draft=draft,
            short=open_response(practice.ada, "every", now=now, session_on=NINE.date()),
            people=people,
        )
        made_up.passkey = seen_of_ada(made_up, now)
        yield made_up


def forms_of(client, now):
    """One sent form that has to be cleared by a doctor, and one under way."""
    load_questionnaire((SHIPPED / "intake_questionnaire.json").read_text())
    record_agreement(client, health_data_question(), by=client.user, now=now)
    sent = open_response(client, "first", now=now)
    save_section(sent, WELL | {"heart": "recent"}, now=now)
    submit_response(sent, by=client.user, on=now.date(), now=now)
    return sent, open_response(client, "first", now=now)


def set_up(practice, now):
    """A row of every model that nothing above made one of."""
    location, tomorrow = practice.tess.location, now + timedelta(days=1)
    MedicationClass.objects.create(
        code="thinners", label="Blood thinners", severity="review", scope="whole_body", basis="consensus"
    )
    Medication.objects.create(name="Warfarin", route="oral", class_codes=["thinners"], source="us")
    BodyRegion.objects.create(code="neck", label="Neck", area="neck", side="c", treatable="group", x=1, y=1)
    NoticeRuleFactory(location=location)
    NoticeText.objects.create(location=location, kind="reminder", opening="See you soon.")
    StaffMail.objects.create(location=location)
    TextAnswer.objects.create(carrier_id="1", meaning="coming", came_at=now)
    location.closures.create(name="Summer break", starts_at=now, ends_at=tomorrow)
    location.holiday_openings.create(opens_on=tomorrow.date())


def seen_of_ada(world, now):
    """What was read and recorded of Ada, and the passkey she has."""
    letter = {"given_by": "Dr Okoye", "given_on": now.date(), "reference": "folder 12"}
    Clearance.objects.create(client=world.practice.ada, recorded_at=now, **letter)
    ResponseView.leave(by=world.people["tess"], at=now, response=world.sent)
    NoteView.leave(by=world.people["tess"], at=now, note=world.session.note)
    return passkey_of(world.people["ada"])


def address(name, world):
    if name == "booking:when":
        return f"{reverse(name)}?treatment={world.practice.treatment.pk}"
    if name in ("booking:link", "booking:stop", "booking:feed", "intake:tablet", "demonstration"):
        return reverse(name, args=["a-token-that-never-was"])
    if name == "intake:part":
        return reverse(name, args=[world.draft.pk, "part-4"])
    if name in WITH_PARTS:
        return reverse(name, kwargs=WITH_PARTS[name])
    if name == "admin:autocomplete":
        return f"{reverse(name)}?app_label=therapists&model_name=therapist&field_name=user&term=a"
    if name == "admin:view_on_site":
        return reverse(name, args=[ContentType.objects.get_for_model(Client).pk, world.practice.ada.pk])
    if name == UNKNOWN_AT_DESK:
        return "/desk/no-such-page/"
    objects = {
        "mfa_remove_webauthn": world.passkey,
        "mfa_edit_webauthn": world.passkey,
        "admin:auth_user_password_change": world.practice.finn,
        "admin:booking_appointment_tablet": world.session,
        "admin:booking_appointment_clear": world.session,
        "admin:booking_noticetext_preview_kept": NoticeText.objects.get(),
        "admin:booking_repair_answer": world.repair,
        "admin:booking_waitlistentry_offer": world.waiting,
        "intake:form": world.draft,
        "intake:brief": world.short,
        "intake:copy": world.sent,
        "intake:doctor": world.sent,
        "booking:plan": world.series,
        "booking:you": world.single,
        "booking:hold_again": world.single,
        "booking:repair": world.repair,
        "booking:booked": world.made,
        "booking:booked_calendar": world.made,
        "booking:undo_booked": world.made,
        "booking:session_calendar": world.session,
        "booking:therapist_session": world.session,
        "booking:move_by_hand": world.session,
        "booking:session_state": world.session,
        "booking:undo_by_hand": world.by_hand,
        "booking:tell_of_move": world.by_hand,
        "booking:session_intake": world.session,
        "booking:session_progress": world.session,
        "booking:before_session": world.session,
        "booking:after_session": world.session,
        "booking:note": world.session,
        "booking:note_addendum": world.session,
        "booking:note_print": world.session,
        "booking:note_versions": world.session,
        "booking:note_template": world.template,
        "booking:decide": world.session,
        "booking:clear": world.session,
        "booking:series_calendar": world.hers,
        "booking:coming": world.session,
        "booking:move": world.session,
        "booking:confirm_move": world.session,
        "booking:cancel": world.session,
        "booking:undo": world.change,
        "booking:wish_earlier": world.session,
        "booking:withdraw_wish": world.waiting,
        "booking:offer": world.offered,
        "booking:change_away": world.leave,
        "booking:client": world.practice.ada,
        "admin:walk_in_for": world.practice.ada,
        "admin:book_for": world.practice.ada,
        "admin:wait_for": world.practice.ada,
        "booking:next": world.session,
        "admin:session": world.session,
        "admin:session_move": world.session,
        "admin:session_substitute": world.session,
        "admin:session_cancel": world.session,
        "admin:session_undo": world.change,
    }
    if name == "booking:photo":
        return reverse(name, args=["0" * 64])
    if name == "booking:change_date":
        return reverse(name, args=[LATER.isoformat()])
    if name == "booking:calendar_events":
        return f"{reverse(name)}?from=2027-03-08&to=2027-03-15"
    if name == "booking:confirm_move":
        return f"{reverse(name, args=[world.session.pk])}?day=2027-03-10&start={world.practice.tess.pk}/780"
    return reverse(name, args=[objects[name].pk] if name in objects else [])


def browser_of(person, world):
    browser = Browser()
    if world.people[person] is not None:
        browser.force_login(world.people[person])
    if person == DISABLED:
        User.objects.filter(pk=world.people[person].pk).update(is_active=False)
    if person == "ada":
        session = browser.session
        session[OWNER_KEY] = "ada"
        session.save()
    return browser


def test_every_address_has_a_row():
    labels = [label.split(".") for label in MODELS]
    of_models = {f"admin:{app}_{model}_{page}" for app, model in labels for page in OF_A_MODEL}
    of_models |= {BARE.format(app, model) for app, model in labels}

    assert {*names(get_resolver().url_patterns)} == of_models | set(TABLE)


def test_no_address_carries_a_number_that_counts():
    for pattern in get_resolver().url_patterns:
        if isinstance(pattern, URLResolver) and pattern.namespace == "booking":
            for each in pattern.url_patterns:
                assert "int:" not in str(each.pattern)


@pytest.fixture
def unlogged():
    """Other tests look at the log; ten thousand lines of it take their time."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def asked(browser, method, where):
    """The answer to one request, after which the database, the browser's cookies and every count are as they were.

    What is neither GET nor POST never gets as far as to change any of these.
    """
    if method not in ("get", "post"):
        return getattr(browser, method)(where)
    cookies = deepcopy(browser.cookies)
    cache.clear()
    with transaction.atomic():
        answer = getattr(browser, method)(where)
        transaction.set_rollback(True)
    browser.cookies = cookies
    return answer


def test_the_table_holds(world, unlogged):
    places = {name: address(name, world) for name in TABLE}
    wrong = {}

    for person in (*PEOPLE, DISABLED):
        browser = browser_of(person, world)
        for name, row in TABLE.items():
            expected = (*row["anonymous" if person == DISABLED else person], 405, 405, 405)
            found = tuple(asked(browser, method, places[name]).status_code for method in METHODS)
            if found != expected:
                wrong[name, person] = found

    assert wrong == {}


def model_pages():
    """The pages of every model at the desk, of one row where they are of a row; what has to be allowed for GET and for POST."""
    for model in admin.site._registry:
        label = model._meta.label_lower
        app, name = label.split(".")
        row = model._default_manager.filter(**CHOSEN.get(label, {})).order_by("pk").first()
        for page, needed in OF_A_MODEL.items():
            of_a_row = [] if page in ("changelist", "add") else [row.pk]
            yield label, reverse(f"admin:{app}_{name}_{page}", args=of_a_row), needed
        yield label, "/" + BARE.format(app, name).replace("<path:object_id>", str(row.pk)), "  "


def outcome_of(answer):
    if answer.status_code == 302 and "/login/" in answer.url:
        return "sign in"
    return "in" if answer.status_code < 400 else answer.status_code


def test_every_model_at_the_desk_has_a_row():
    assert {model._meta.label_lower for model in admin.site._registry} == set(MODELS)


def test_the_table_of_models_holds(world, unlogged):
    pages, wrong = list(model_pages()), {}

    for person in (*PEOPLE, DISABLED):
        browser = browser_of(person, world)
        for label, where, needed in pages:
            allowed = f"{dict(zip(STAFF, MODELS[label], strict=True))[person]} " if person in STAFF else None
            to_get, to_post = ("sign in" if allowed is None else "in" if each in allowed else 403 for each in needed)
            found = tuple(outcome_of(asked(browser, method, where)) for method in METHODS)
            if found != (to_get, to_post, 405, 405, 405):
                wrong[where, person] = found

    assert wrong == {}
