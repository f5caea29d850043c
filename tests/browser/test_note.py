"""A therapist writes the note of a session: it keeps itself, outlives a broken connection, is signed, locked and added to."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone
from playwright.sync_api import expect

from booking.models import NoteVersion
from booking.services.notes import NoteText, Point, lock_unsigned, save_note, sign_note

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

#: It is five minutes to half past ten, and a little later on a slow machine.
SAVED = re.compile(r"^\s*Saved 10:2\d\s*$")
WIDTHS = pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")], ids=["wide", "narrow"])


@pytest.fixture
def session(book, with_form, now):
    """A session of Ada with Tess that is under way."""
    return book(starts_at=now.replace(hour=10))


@pytest.fixture(autouse=True)
def clock(now, session):
    with time_machine.travel(session.ends_at - timedelta(minutes=5)):
        yield now


@pytest.fixture
def tess(signed_in, with_form, session):
    """Open the note as Tess; ``tess(width=360)`` on a phone."""

    def arrive(**options):
        visitor = signed_in(with_form.tess.user, **options)
        visitor.open(f"/therapist/sessions/{session.pk}/note/")
        return visitor

    return arrive


def part(visitor, name):
    return visitor.page.get_by_role("textbox", name=name, exact=True)


def state(visitor):
    return visitor.page.locator("[data-note-state]")


def waiting(visitor):
    """What waits in this window of the browser."""
    return visitor.page.evaluate(
        "Object.entries(sessionStorage).filter(([name]) => name.startsWith('note ')).map(([, held]) => held)"
    )


def kept():
    return NoteText.of(NoteVersion.objects.first())


def press(visitor, name):
    visitor.page.get_by_role("button", name=name, exact=True).click()


@WIDTHS
def test_a_note_is_written_from_the_list_keeps_itself_is_signed_and_takes_an_addendum(
    signed_in, with_form, session, width, scheme
):
    tess = signed_in(with_form.tess.user, width=width, scheme=scheme)
    tess.open("/therapist/?view=day")
    tess.page.locator(".ec-event.blk").filter(has_text="Ada Okafor").click()
    tess.page.get_by_role("link", name="Note of this session").click()
    tess.look("Ada Okafor")

    part(tess, "Subjective").fill("Sleeps better.")
    tess.page.get_by_label("Add a place you treated").select_option(label="Calf (left)")
    press(tess, "Add")
    tess.page.get_by_label("Pressure, Calf (left)").select_option(label="5, medium")
    tess.page.get_by_label("How (optional), Calf (left)").fill("three holds")
    tess.page.locator('input[name="pain_before"][value="6"]').check(force=True)
    expect(state(tess)).to_have_text(SAVED)
    expect(tess.page.locator(".note-form .body-chart .mark")).to_have_text("1")
    expect(tess.page.get_by_role("img", name="Body chart, front and back: 1 Calf (left)")).to_be_visible()
    tess.look("Ada Okafor")
    assert kept() == NoteText(subjective="Sleeps better.", points=(Point("CALF_L", 5, "three holds"),), pain_before=6)
    assert waiting(tess) == []

    press(tess, "Sign")
    expect(tess.page.get_by_text(re.compile(r"It can be corrected until Tue 2 Feb, 10:2\d"))).to_be_visible()
    tess.look("Ada Okafor")

    with time_machine.travel(session.ends_at + timedelta(days=2)):
        tess = signed_in(with_form.tess.user, width=width, scheme=scheme)
        tess.open(f"/therapist/sessions/{session.pk}/note/")
        expect(tess.page.get_by_text("Signed and locked")).to_be_visible()
        part(tess, "Addendum").fill("Rang: no longer sore.")
        press(tess, "Add to the note")
        expect(tess.page.get_by_text("3 February 2027, 10:30, Tess Oduya")).to_be_visible()
        tess.look("Ada Okafor")
        for link, heading in (("Versions", "versions of the note"), ("Print", "Ada Okafor")):
            tess.page.get_by_role("link", name=link).click()
            tess.look(heading)
            tess.page.get_by_role("link", name="Back to the note").click()


@WIDTHS
def test_a_note_that_locked_before_it_was_signed_says_so_and_is_signed_as_it_is(signed_in, with_form, session, width, scheme):
    said = NoteText(subjective="Sleeps better.", points=(Point("CALF_L", 5),))
    save_note(session, said, seen=0, writer=uuid4(), by=with_form.tess.user, now=timezone.now())

    with time_machine.travel(session.ends_at + timedelta(days=2)):
        lock_unsigned(timezone.now())
        tess = signed_in(with_form.tess.user, width=width, scheme=scheme)
        tess.open("/therapist/notes/")
        tess.look("Notes to finish")
        tess.page.get_by_role("link", name="Read and sign").click()
        expect(tess.page.get_by_text("Locked, not signed")).to_be_visible()
        tess.look("Ada Okafor")
        press(tess, "Sign as it is")
        expect(tess.page.get_by_text("Signed and locked")).to_be_visible()


@WIDTHS
def test_a_broken_connection_loses_nothing_and_what_waited_is_sent_when_it_is_back(tess, width, scheme):
    visitor = tess(width=width, scheme=scheme)
    part(visitor, "Plan").fill("Once more.")
    expect(state(visitor)).to_have_text(SAVED)

    visitor.page.context.set_offline(True)
    part(visitor, "Plan").fill("Once more. Less on the left.")
    expect(state(visitor)).to_contain_text("Not saved: no connection. Your text is kept in this browser")
    visitor.look("Ada Okafor")
    expect(visitor.page.locator("#said")).to_contain_text("no connection")
    press(visitor, "Sign")
    expect(part(visitor, "Plan")).to_have_value("Once more. Less on the left.")
    assert "Less on the left." in waiting(visitor)[0]
    assert kept().plan == "Once more."

    visitor.page.context.set_offline(False)
    expect(state(visitor)).to_have_text(SAVED)
    assert kept().plan == "Once more. Less on the left."
    assert waiting(visitor) == []


def test_what_could_not_be_sent_comes_back_after_the_page_was_loaded_again(tess):
    visitor = tess()
    visitor.page.on("dialog", lambda dialog: dialog.accept())
    visitor.page.route("**/note/", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    part(visitor, "Plan").fill("Typed on the train.")
    visitor.page.locator('.body-chart .bp[data-region="CALF_L"]').first.click()
    visitor.page.get_by_label("Pressure, Calf (left)").select_option(label="3, light")
    expect(state(visitor)).to_contain_text("Not saved")

    visitor.page.reload()
    expect(part(visitor, "Plan")).to_have_value("Typed on the train.")
    expect(state(visitor)).to_contain_text("Not saved")

    visitor.page.unroute("**/note/")
    visitor.page.reload()
    expect(state(visitor)).to_contain_text("Saved")
    assert kept() == NoteText(plan="Typed on the train.", points=(Point("CALF_L", 3),))
    assert waiting(visitor) == []


def test_text_that_waited_while_the_note_locked_becomes_an_addendum(tess, session, with_form):
    visitor = tess()
    visitor.page.on("dialog", lambda dialog: dialog.accept())
    visitor.page.route("**/note/", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    part(visitor, "Plan").fill("Typed on the train.")
    expect(state(visitor)).to_contain_text("Not saved")
    save_note(session, NoteText(plan="Short."), seen=0, writer=uuid4(), by=with_form.tess.user, now=timezone.now())
    sign_note(session, by=with_form.tess.user, now=session.starts_at)

    with time_machine.travel(session.ends_at + timedelta(hours=25)):
        visitor.sign_in(with_form.tess.user)
        visitor.page.unroute("**/note/")
        visitor.page.reload()
        expect(part(visitor, "Addendum")).to_have_value("Typed on the train.")
        press(visitor, "Add to the note")
        expect(visitor.page.get_by_text("Typed on the train.")).to_be_visible()
        assert waiting(visitor) == []


@WIDTHS
def test_of_two_windows_the_later_one_sees_both_texts_and_saves_hers(tess, width, scheme):
    first, second = tess(width=width, scheme=scheme), tess(width=width, scheme=scheme)
    part(first, "Plan").fill("First.")
    expect(state(first)).to_have_text(SAVED)

    part(second, "Plan").fill("Second.")
    expect(state(second)).to_contain_text("saved in another window")
    press(second, "Save")
    expect(second.page.get_by_role("alert")).to_contain_text("First.")
    expect(part(second, "Plan")).to_have_value("Second.")
    second.look("Ada Okafor")
    assert kept().plan == "First."

    press(second, "Save")
    expect(second.page.get_by_text("Saved.", exact=True)).to_be_visible()
    assert kept().plan == "Second."
    assert waiting(second) == []


def test_without_script_every_button_saves(tess):
    visitor = tess(script=False, width=360)
    part(visitor, "Plan").fill("Once more.")
    visitor.page.get_by_label("Add a place you treated").select_option(label="Calf (left)")
    press(visitor, "Add")
    visitor.page.get_by_label("Pressure, Calf (left)").select_option(label="5, medium")
    press(visitor, "Sign")
    expect(visitor.page.get_by_text("It can be corrected until")).to_be_visible()

    assert kept() == NoteText(plan="Once more.", points=(Point("CALF_L", 5),))
