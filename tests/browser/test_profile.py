"""A therapist sets up what clients see and whom they treat, on a phone, by keyboard and without script."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from playwright.sync_api import expect

from therapists.models import Photo

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def a_photo():
    made = io.BytesIO()
    Image.new("RGB", (900, 1200), "teal").save(made, "JPEG")
    return {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": made.getvalue()}


def test_her_photo_and_words_are_what_clients_see(signed_in, visit, with_form):
    hers = signed_in(with_form.tess.user, width=360)
    hers.open("/therapist/profile/")
    hers.look("About me")

    hers.page.get_by_role("link", name="Change what clients see").click()
    hers.look("What clients see")
    hers.page.get_by_label("New photo").set_input_files(a_photo())
    hers.fill_in(Focus="Jaw and neck")
    hers.page.get_by_role("button", name="Save").press("Enter")

    expect(hers.page.get_by_text("Saved.")).to_be_visible()
    anybody = visit()
    anybody.open("/")
    face = anybody.page.locator("img.face")
    expect(face).to_be_visible()
    assert face.evaluate("image => image.naturalWidth") > 0
    expect(anybody.page.get_by_text("Jaw and neck")).to_be_visible()
    anybody.look("Where does it hurt")


def test_without_script_a_photo_is_put_up_as_well(signed_in, with_form):
    hers = signed_in(with_form.tess.user, script=False)
    hers.open("/therapist/profile/about/")

    hers.page.get_by_label("New photo").set_input_files(a_photo())
    hers.page.get_by_role("button", name="Save").click()

    expect(hers.page.get_by_text("Saved.")).to_be_visible()
    assert Photo.objects.get().therapist == with_form.tess


def test_a_policy_without_a_reason_is_refused_beside_its_field(signed_in, with_form):
    hers = signed_in(with_form.tess.user, width=360)
    hers.open("/therapist/profile/limits/")
    hers.look("Medicines and conditions")
    row = hers.page.get_by_role("group", name="One more, 1").first

    row.get_by_label("Medicine class").select_option("ANTICOAG")
    row.get_by_label("Stance").select_option("accept")
    hers.press("Save")
    expect(hers.page.get_by_role("alert")).to_contain_text("needs a reason")
    hers.look("Medicines and conditions")

    row.get_by_label("Reason").fill("Light work only")
    hers.press("Save")
    expect(hers.page.get_by_text("Light work only")).to_be_visible()
    hers.look("About me")


def test_what_she_gives_and_what_is_mailed(signed_in, with_form):
    hers = signed_in(with_form.tess.user)
    hers.open("/therapist/profile/treatments/")
    hers.look("What I give")
    hers.page.get_by_label("Most pressure").select_option("7")
    hers.press("Save")
    expect(hers.page.get_by_text("firm (6–7)")).to_be_visible()

    hers.open("/therapist/profile/mails/")
    hers.look("Mails to me")
    hers.page.get_by_role("checkbox").uncheck()
    hers.press("Save")
    expect(hers.page.get_by_text("You get no mail about the next day.")).to_be_visible()
