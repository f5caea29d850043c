"""The desk words the practice's messages, and sees them before they are sent."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from booking.models import NoticeText
from tests.factories import LocationFactory, UserFactory

pytestmark = pytest.mark.integration

LIST, ADD = "admin:booking_noticetext_changelist", "admin:booking_noticetext_add"
PREVIEW = "admin:booking_noticetext_preview"


@pytest.fixture
def desk(client, practice):
    """Finn, who may word messages and nothing else."""
    rights = ("view_noticetext", "add_noticetext", "change_noticetext", "delete_noticetext")
    practice.finn.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(practice.finn)
    return client


@pytest.fixture
def worded(practice):
    """What is posted for the reminder by e-mail."""

    def worded(**change):
        facts = {"location": practice.treatment.location.pk, "kind": "reminder", "channel": "email", "language": "en-gb"}
        return facts | dict.fromkeys(("subject", "heading", "opening", "closing"), "") | change

    return worded


def shown(answer):
    """The preview as it is read, the mail inside it included."""
    page = unescape(answer.content.decode())
    return " ".join(unescape(re.sub(r"<style.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)).split())


def test_words_are_kept_and_ours_come_back_when_they_are_deleted(desk, worded):
    assert desk.post(reverse(ADD), worded(heading="See you, {name}")).status_code == 302
    text = NoticeText.objects.get()
    assert (text.kind, text.channel, text.heading) == ("reminder", "email", "See you, {name}")

    page = desk.get(reverse("admin:booking_noticetext_change", args=[text.pk])).content.decode()
    back = reverse("admin:booking_noticetext_delete", args=[text.pk])
    assert re.search(rf'href="{back}"[^>]*>Back to our words<', page)
    assert "Use our words" in desk.get(back).content.decode()

    assert desk.post(back, {"post": "yes"}).status_code == 302
    assert not NoticeText.objects.exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"heading": "Dear {client}"}, "{client} is not known here"),
        ({"opening": "a { brace"}, "A brace stands alone"),
        ({"subject": "{practice} " * 5}, "Filled in, the subject has 114 signs. Please keep it to 100."),
        ({"channel": "sms", "opening": "{when}. " + "Long. " * 90}, "it counts as 5 messages. Please keep it to 3."),
        ({"channel": "sms", "opening": "See you, {name}"}, "Without {when} it would not say what it is about"),
        ({}, "Nothing is written here yet"),
    ],
)
def test_a_broken_text_is_refused_in_words_and_not_kept(desk, worded, change, says):
    page = desk.post(reverse(ADD), worded(**change))

    assert page.status_code == 200
    assert says in unescape(page.content.decode())
    assert not NoticeText.objects.exists()


def test_the_preview_shows_the_whole_message_with_example_values_and_keeps_nothing(desk, worded):
    answer = desk.post(reverse(PREVIEW), worded(heading="Soon, {name}", closing="Yours & ours <3"))

    said = shown(answer)
    assert "Soon, Alexandra" in said
    assert "9:00 to 9:30 with" in said
    assert "Yours & ours <3" in said
    assert "Linden Street Practice" in said
    assert "Answers go to desk@example.org" in said
    assert not NoticeText.objects.exists()


def test_the_preview_of_a_text_message_counts_what_is_charged(desk, worded):
    short = desk.post(reverse(PREVIEW), worded(channel="sms", opening="{when}"))
    long = desk.post(reverse(PREVIEW), worded(channel="sms", opening="{when}. " + "Long. " * 30))

    endless = desk.post(reverse(PREVIEW), worded(channel="sms", opening="{when}. " + "Long. " * 90))

    assert "counted as one message" in shown(short)
    assert "counted as 2 messages" in shown(long)
    assert "It cannot be kept like this. Opening: Sent with its link it counts as 5 messages." in shown(endless)


def test_the_preview_counts_several_sessions_where_there_can_be_several(desk, worded):
    several = shown(desk.post(reverse(PREVIEW), worded(kind="confirmation", subject="{when}", several="on")))
    one = shown(desk.post(reverse(PREVIEW), worded(subject="{when}", several="on")))

    assert "4 sessions, the first on" in several
    assert "4 sessions" not in one


def test_the_preview_says_what_is_wrong_and_shows_no_message(desk, worded):
    said = shown(desk.post(reverse(PREVIEW), worded(heading="Dear {client}")))

    assert "It cannot be kept like this. Heading: {client} is not known here." in said
    assert "9:00" not in said


@pytest.mark.parametrize("channel", ["email", "sms"])
def test_every_message_can_be_previewed_in_our_words(desk, worded, channel):
    for kind, _label in NoticeText._meta.get_field("kind").choices:
        for count in ({}, {"several": "on"}):
            said = shown(desk.post(reverse(PREVIEW), worded(kind=kind, channel=channel, **count)))
            assert "Linden Street Practice" in said, kind
            assert "cannot be kept" not in said, kind


def test_the_preview_of_what_is_kept_opens_with_the_page(desk, practice):
    text = practice.treatment.location.notice_texts.create(kind="reminder", heading="Kept, {name}")

    assert "Kept, Alexandra" in shown(desk.get(reverse("admin:booking_noticetext_preview_kept", args=[text.pk])))
    assert "Choose a message" in shown(desk.get(reverse(PREVIEW)))


def test_a_practice_without_anything_else_can_look_at_its_messages(desk, worded):
    bare = LocationFactory(name="Bare", phone="", email="")

    assert "Bare" in shown(desk.post(reverse(PREVIEW), worded(location=bare.pk)))


def test_the_preview_runs_nothing_and_fetches_nothing(desk, worded):
    answer = desk.post(reverse(PREVIEW), worded(heading="<script>alert(1)</script>"))

    policy = dict(part.strip().partition(" ")[::2] for part in answer["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["img-src"] == "'none'"
    assert policy["style-src"] == "'self' 'unsafe-inline'"
    assert policy["frame-ancestors"] == "'self'"
    assert policy["sandbox"] == ""
    assert not {"script-src", "connect-src"} & set(policy)
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    page = answer.content.decode()
    mail = unescape(re.search(r'srcdoc="([^"]*)"', page)[1])
    assert "<h1" in mail
    assert "<script" not in page + mail


def test_the_page_itself_keeps_the_strict_policy_and_may_only_frame_itself(desk):
    policy = desk.get(reverse(ADD))["Content-Security-Policy"]

    assert "frame-src 'self'" in policy
    assert "unsafe" not in policy


def test_what_is_still_in_our_words_is_listed_until_it_is_put_in_others(desk, practice):
    link = f"{reverse(ADD)}?location={practice.treatment.location.pk}&amp;kind=reminder&amp;channel=email&amp;language=en-gb"
    assert link in desk.get(reverse(LIST)).content.decode()

    practice.treatment.location.notice_texts.create(kind="reminder", heading="Ours")

    assert link not in desk.get(reverse(LIST)).content.decode()
    assert 'value="reminder" selected' in desk.get(unescape(link)).content.decode()


def test_who_may_only_look_sees_the_message_and_has_nothing_to_press(client, practice):
    text = practice.treatment.location.notice_texts.create(kind="reminder", heading="Kept, {name}")
    practice.finn.user_permissions.set(Permission.objects.filter(codename="view_noticetext"))
    client.force_login(practice.finn)

    page = client.get(reverse("admin:booking_noticetext_change", args=[text.pk])).content.decode()

    preview = reverse("admin:booking_noticetext_preview_kept", args=[text.pk])
    assert f'src="{preview}"' in page
    assert "Kept, Alexandra" in shown(client.get(preview))
    assert "data-preview" not in page
    assert "In our words so far" not in client.get(reverse(LIST)).content.decode()


@pytest.mark.parametrize("name", [LIST, ADD, PREVIEW])
def test_nobody_words_messages_without_the_right_to(client, practice, name):
    assert client.get(reverse(name)).status_code == 302
    client.force_login(practice.ada.user)
    assert client.get(reverse(name)).status_code == 302
    client.force_login(UserFactory(email="new@example.org", is_staff=True))
    assert client.get(reverse(name)).status_code == 403
    assert client.post(reverse(name)).status_code == 403
