"""The practice's own words, in the client's language, and what no notice ever says."""

from __future__ import annotations

import logging
import re

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from booking.engine.placeholders import BrokenText, filled, grammar, used
from booking.enums import TO_CLIENTS, TO_STAFF, Channel, NotificationKind
from booking.models import NoticeText, Notification
from booking.models.notice_text import PLACEHOLDERS
from booking.notifications.delivery import send_due
from booking.notifications.examples import previewed
from booking.notifications.gsm7 import segments
from tests.booking.notifications.every_kind import in_words, one_of_each, whole
from tests.booking.notifications.test_render import part, words
from tests.factories import LocationFactory
from therapists.models import BodyArea

pytestmark = pytest.mark.integration


@pytest.fixture
def text(practice):
    """Keep words for a kind: for the confirmation by e-mail in English, unless told otherwise."""

    def text(**change):
        facts = {"location": practice.treatment.location, "kind": "confirmation", "channel": "email", "language": "en-gb"}
        made = NoticeText(**facts | change)
        made.full_clean()
        made.save()
        return made

    return text


@pytest.fixture
def each(intake, practice, tess, now):
    practice.treatment.location.address = "Linden Street 14"
    practice.treatment.location.save()
    return one_of_each(practice, now)


class TestPlaceholders:
    VALUES = {"name": "Ada", "when": "{name}"}

    def test_are_filled_in_once_and_values_are_never_looked_into(self):
        assert filled("{name}: {when} {{name}}, 100 % $", self.VALUES) == "Ada: {name} {name}, 100 % $"

    @pytest.mark.parametrize(
        ("broken", "names"),
        [
            ("{client}", "client"),
            ("{name.email}", "name.email"),
            ("{name[0]}", "name[0]"),
            ("{name!r}", "name!r"),
            ("{name:>9}", "name:>9"),
            ("{name:}", "name:"),
            ("{ name }", " name "),
            ("{}", ""),
            ("{0}", "0"),
            ("{{name}", None),
            ("{name}}", None),
            ("a { brace", None),
            ("{na{name}me}", None),
        ],
    )
    def test_are_a_closed_list_without_attributes_indexes_or_formats(self, broken, names):
        with pytest.raises(BrokenText) as refusal:
            filled(broken, self.VALUES)
        assert refusal.value.placeholder == names

    @pytest.mark.django_db
    @settings(max_examples=300, deadline=None)
    @given(st.text(alphabet="{}name \n.é", max_size=14))
    def test_the_database_takes_exactly_what_can_be_filled_in(self, text):
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s ~ %s", [text, grammar(["name", "a"])])
            taken = cursor.fetchone()[0]
        try:
            used(text, ["name", "a"])
        except BrokenText:
            assert not taken
        else:
            assert taken


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"heading": "Dear {client}"}, "{client} is not known here. There are {name}, {practice}, {when}"),
            ({"subject": "Until {until}"}, "{until} is not known here"),
            ({"closing": "Yours {"}, "A brace stands alone"),
            ({"subject": "x" * 121}, "at most 120 characters"),
            ({}, "Nothing is written here yet"),
            ({"channel": "sms", "heading": "Hello"}, "A text message has only the opening"),
            ({"channel": "sms", "opening": "Booked, {name}."}, "Without {when} it would not say what it is about"),
            ({"channel": "sms", "kind": "offer", "opening": "Free: {when}"}, "Without {until}"),
            ({"kind": "review", "heading": "Hello"}, "is not a valid choice"),
            ({"language": "xx", "heading": "Hello"}, "is not a valid choice"),
        ],
    )
    def test_is_named_in_words_on_saving(self, text, change, says):
        with pytest.raises(ValidationError) as refusal:
            text(**change)
        assert says in " ".join(refusal.value.messages)

    @pytest.mark.parametrize(
        "change",
        [
            {"opening": "{client}"},
            {"subject": "{name"},
            {"subject": "{until}"},
            {"subject": "two\nlines"},
            {"channel": "sms", "opening": "{when}", "heading": "Hello"},
            {},
        ],
    )
    def test_is_refused_by_the_database_as_well(self, practice, change):
        facts = {"location": practice.treatment.location, "kind": "confirmation", "channel": "email", "language": "en-gb"}
        with pytest.raises(IntegrityError), transaction.atomic():
            NoticeText.objects.bulk_create([NoticeText(**facts | change)])

    def test_a_second_text_for_the_same_message_is_not_kept(self, text):
        text(heading="Hello {name}")
        with pytest.raises(ValidationError, match="There is a text for this message already"):
            text(heading="Good day {name}")


class TestWhatIsSent:
    def test_own_words_stand_around_the_facts_which_all_stay(self, text, book, now, mailoutbox):
        text(
            subject="{practice}: see you {when}",
            heading="Lovely, {name}",
            opening="We look forward to {date}.\n\nBring <nothing> but yourself & time.",
            closing="Warmly,\nthe team. {{no braces}}",
        )
        book()

        send_due(now)

        [message] = mailoutbox
        assert message.subject == "Linden Street Practice: see you Tuesday 9 March at 9:00"
        html = part(message, "text/html")
        for said in (" ".join(message.body.split()), words(html).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")):
            pieces = [
                "Lovely, Ada",
                "We look forward to Tuesday 9 March. Bring <nothing> but yourself & time.",
                "9:00 to 9:30",
                "Move or cancel",
                "Warmly, the team. {no braces}",
                "020 7946 0010",
            ]
            said = said[said.index("Lovely") :]
            assert [said.index(piece) for piece in pieces] == sorted(said.index(piece) for piece in pieces)
            assert "Booked. See you" not in said
        assert "<nothing>" not in html
        assert any("text/calendar" in kind for _content, kind in message.alternatives)

    def test_what_is_left_empty_is_said_in_ours(self, text, book, now, mailoutbox):
        text(closing="See you soon.")
        book()

        send_due(now)

        assert mailoutbox[0].subject == "Booked: Tuesday 9 March at 9:00"
        assert "Booked. See you on Tuesday 9 March, Ada." in mailoutbox[0].body

    def test_several_sessions_are_counted(self, text, book_series, now, mailoutbox):
        text(subject="Booked: {when}")
        book_series(count=3)

        send_due(now)

        assert mailoutbox[0].subject == "Booked: 3 sessions, the first on Tuesday 9 March at 9:00"

    def test_words_of_another_practice_kind_channel_or_language_are_not_used(self, text, book, now, mailoutbox, practice):
        text(location=LocationFactory(name="Elsewhere"), heading="Wrong practice")
        text(kind="reminder", heading="Wrong kind")
        text(channel="sms", opening="Wrong channel {when}")
        book()

        send_due(now)

        assert "Wrong" not in mailoutbox[0].body

    def test_a_text_message_is_in_own_words_with_the_link_in_ours(self, text, each, practice, now, settings):
        text(channel="sms", opening="Hello {name},\n{when} with {therapist}. {practice}")
        Notification.objects.filter(kind="confirmation").update(series=None, appointment=each["reminder"].appointment)
        notice = Notification.objects.get(kind="confirmation")

        said = in_words(notice, now, Channel.SMS).sms.text

        assert said.startswith("Hello Ada, Tue 9 Mar, 13:00 with Tess. Linden Street Practice All of it: http")
        assert segments(said) == 1

    def test_what_was_broken_behind_our_back_is_sent_in_our_words(self, practice, book, now, mailoutbox, caplog):
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE booking_noticetext DROP CONSTRAINT notice_text_can_be_filled_in")
        practice.treatment.location.notice_texts.create(kind="confirmation", heading="Hello {nobody}", subject="Fine {name}")
        book()

        with caplog.at_level(logging.WARNING):
            assert send_due(now) == 1

        assert mailoutbox[0].subject == "Booked: Tuesday 9 March at 9:00"
        assert "Booked. See you on Tuesday 9 March, Ada." in mailoutbox[0].body
        assert "cannot be filled in" in caplog.text

    def test_a_name_with_a_line_break_ends_no_header(self, text, book, practice, now, mailoutbox):
        text(subject="For {name}")
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE clients_client DROP CONSTRAINT client_name_on_one_line")
        practice.ada.name = "Ada\nBcc:everyone@example.org Okafor"
        practice.ada.save()
        book()

        assert send_due(now) == 1

        assert mailoutbox[0].message()["Subject"] == "For Ada Bcc:everyone@example.org"
        assert mailoutbox[0].message()["Bcc"] is None

    @pytest.mark.parametrize("kind", TO_CLIENTS)
    @pytest.mark.parametrize("channel", list(Channel))
    def test_every_placeholder_has_a_value_in_every_kind(self, kind, channel, each, practice, now):
        known = (*PLACEHOLDERS, "until") if kind in ("offer", "repair") else PLACEHOLDERS
        text = NoticeText(location=practice.treatment.location, kind=kind, channel=channel, language="en-gb")
        text.opening = " ".join(f"[{name}={{{name}}}]" for name in known)
        text.save()

        told = whole(in_words(each[kind], now, channel))
        shown = previewed(text, now).text

        for said in (told, shown):
            assert {name for name, value in re.findall(r"\[(\w+)=([^\]]+)\]", said)} == set(known)


class TestLanguage:
    @pytest.fixture(autouse=True)
    def two_languages(self, settings):
        settings.LANGUAGES = [("en-gb", "English"), ("de", "Deutsch")]

    def test_a_notice_is_written_in_the_clients_own(self, text, book, practice, now, mailoutbox):
        text(language="de", subject="Gebucht: {date}", heading="Bis {date}, {name}")
        practice.ada.language = "de"
        practice.ada.save()
        book(client=practice.ada)
        book(client=practice.bo, therapist=practice.jonas)

        send_due(now)

        to = {message.to[0]: message for message in mailoutbox}
        assert to["ada@example.org"].subject == "Gebucht: Dienstag 9 März"
        assert "Bis Dienstag 9 März, Ada" in to["ada@example.org"].body
        assert '<html lang="de">' in part(to["ada@example.org"], "text/html")
        assert to["bo@example.org"].subject == "Booked: Tuesday 9 March at 9:00"

    def test_a_language_no_longer_written_is_the_practices_own(self, book, practice, now, mailoutbox, settings):
        practice.ada.language = "de"
        practice.ada.save()
        settings.LANGUAGES = [("en-gb", "English")]
        book()

        send_due(now)

        assert mailoutbox[0].subject == "Booked: Tuesday 9 March at 9:00"

    def test_staff_are_written_to_in_the_practices(self, each, practice, now):
        practice.ada.language = "de"
        practice.ada.save()
        for kind in TO_STAFF:
            assert '<html lang="en-gb">' in whole(in_words(Notification.objects.get(kind=kind), now)), kind


class TestAnswers:
    def test_go_to_the_practice_and_where_it_has_no_address_to_the_sender(self, book, practice, now, mailoutbox):
        book()
        send_due(now)
        practice.treatment.location.email = ""
        practice.treatment.location.save()
        book(client=practice.bo, therapist=practice.jonas)
        send_due(now)

        assert [message.reply_to for message in mailoutbox] == [["desk@example.org"], []]


class TestEveryKind:
    def test_is_to_clients_or_to_staff(self):
        assert set(TO_CLIENTS) | set(TO_STAFF) == set(NotificationKind)

    def test_is_made_here(self, each):
        assert set(each) == set(NotificationKind)

    @pytest.mark.parametrize("kind", list(NotificationKind))
    def test_has_html_that_is_inlined_tolerates_dark_mode_and_fetches_nothing(self, kind, each, now):
        html = part(in_words(each[kind], now).email, "text/html")

        assert '<meta name="color-scheme" content="light dark">' in html
        assert "@media (prefers-color-scheme: dark)" in html
        assert re.search(r'<td class="sheet"[^>]*style="[^"]*background: ?#FFFDF9', html)
        assert not re.search(r"<(img|link|script|iframe|object|form|base)\b|url\(|@import|@font-face|\ssrc=|\son\w+=", html)
        for tag in re.findall(r"<(?:h1|h2|p|th)\b[^>]*>", html):
            assert re.search(r'class="[^"]*\b(ink|ink2|do|link)\b', tag), tag
        # every colour that is set turns in the dark, and there is one heading
        assert len(re.findall("<h1", html)) == 1
        for tag in re.findall(r"<(?:h1|h2|p|td|th|a|span|div|strong)\b[^>]*color:[^>]*>", html):
            assert re.search(r'class="[^"]*\b(ink|ink2|acc)\b', tag) or "background" in tag or "#FFFFFF" in tag, tag

    @pytest.mark.parametrize("kind", list(NotificationKind))
    def test_says_the_same_in_plain_text(self, kind, each, now):
        email = in_words(each[kind], now).email

        assert "{" not in email.body
        assert not re.search(r"<\w|&\w+;|\n{3}|[ \t]\n", email.body), email.body
        for link in re.findall(r'href="(http[^"]+)"', part(email, "text/html")):
            assert link in email.body

    @pytest.mark.parametrize("kind", list(NotificationKind))
    def test_names_a_treatment_only_by_its_neutral_name(self, kind, intake, practice, tess, now):
        practice.treatment.name, practice.treatment.neutral_name = "Sciatica intensive", ""
        practice.treatment.description, practice.treatment.areas = "For migraine and pain", list(BodyArea)
        practice.treatment.save()
        practice.tess.focus = practice.tess.about = "Jaw tension"
        practice.tess.save()
        notice = one_of_each(practice, now, because="migraine")[kind]

        for channel in Channel if kind in TO_CLIENTS else [Channel.EMAIL]:
            said = whole(in_words(notice, now, channel))
            private = "sciatica|intensive|migraine|pain|tension|jaw|medic|injur|trigger"
            assert not re.search(rf"\b({private}|{'|'.join(str(area.label) for area in BodyArea)})\b", said, re.IGNORECASE)
