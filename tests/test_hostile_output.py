"""Whatever people type comes out as words: no element, no header, no property and no formula that an innocent text had not made.

Each output is parsed, and its structure compared with that of the same output about somebody called Plain.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from email import message_from_bytes, policy
from html.parser import HTMLParser
from types import SimpleNamespace

import icalendar
import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection, models, transaction
from django.db.models import F
from django.urls import reverse

from booking import ical
from booking.enums import TO_CLIENTS, Channel, FeedShows
from booking.models import Addendum, Feed, NoteVersion, NoticeText, Notification, Repair
from booking.services.feeds import give_address, read_feed
from booking.services.notes import PARTS
from clients.models import Answer, Client
from tests.booking.notifications.every_kind import in_words, one_of_each
from tests.clients.conftest import few_medicines, intake
from tests.factories import AppointmentFactory, UserFactory
from tests.hostile import PAYLOADS
from tests.test_access import browser_of, world
from tests.test_fuzz import addresses
from therapists.models import Location, Room, Rulebook, Therapist, Treatment

__all__ = ["few_medicines", "intake", "world"]  # fixtures

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

#: Text columns that nobody types freely into: they are checked against a list, or written by us.
NOT_FREE = {
    "Consent.kind",
    "Location.zone",
    "Location.country",
    "Location.subdivision",
    "Location.currency",
    "Appointment.zone",
    "Notification.recipient",
    "Question.copies_from",
    "Note.signed_name",  # of the therapist, and only once it is signed
    "Reach.bounced",
    "Reach.stopped",
    "Reach.unreached",
    "User.password",
    # refuses what it cannot fill in; what it takes is rendered by the test of mails
    "NoticeText.subject",
    "NoticeText.heading",
    "NoticeText.opening",
    "NoticeText.closing",
}
#: What a spreadsheet takes for a formula at the beginning of a cell.
RUN = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r]")
#: What stands in no text; lines end in their own way.
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
SHIPPED = "clients.models.reference"
#: A text of several lines is shown in as many.
LINES = ("p", "br")
NOT_ADDRESSES = re.compile(r"\s*(javascript|data|vbscript):", re.IGNORECASE)


def free_fields():
    """By model, the columns for words: a new one is among them by itself."""
    models_ = [model for name in ("booking", "clients", "therapists") for model in apps.get_app_config(name).get_models()]
    for model in models_:
        fields = [
            field
            for field in model._meta.concrete_fields
            if type(field) in (models.CharField, models.TextField)
            and field.editable
            and not field.choices
            and f"{model.__name__}.{field.name}" not in NOT_FREE
        ]
        if fields and model.__module__ != SHIPPED and not model.__name__.endswith("Event"):
            yield model, fields


def write_everywhere(said):
    """``said(field)`` in every column for words of every row; names that may be there once are numbered."""
    with connection.cursor() as cursor:
        for model, fields in free_fields():
            rows = list(model._base_manager.all())
            for number, row in enumerate(rows):
                for field in fields:
                    end = f" {number}"
                    longest = (field.max_length or 3000) - len(end)
                    setattr(row, field.attname, said(f"{model.__name__}.{field.name}", longest) + end)
            # what nobody may change is changed past the triggers that see to it
            if model._meta.app_label != "therapists":
                cursor.execute("SET LOCAL session_replication_role = replica")
            if rows:
                model._base_manager.bulk_update(rows, [field.name for field in fields], batch_size=200)
            cursor.execute("SET LOCAL session_replication_role = DEFAULT")
        cursor.execute("SET LOCAL session_replication_role = replica")
        for version in NoteVersion.objects.all():
            words = {part: said("NoteVersion.content", 2000) for part in PARTS}
            version.content = words | {"points": [], "pain_before": 4, "pain_after": None}
            version.save(update_fields=["content"])
        for addendum in Addendum.objects.all():
            addendum.text = said("Addendum.text", 2000)
            addendum.save(update_fields=["text"])
        for answer in Answer.objects.filter(question__type__in=("text_short", "text_long")):
            answer.value = said("Answer.value", 200)
            answer.save(update_fields=["value"])
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")


class Shape(HTMLParser):
    """Of a page: how often each element with which attributes stands in it, and where its links go by."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.parts: Counter[tuple[str, ...]] = Counter()
        self.ways: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag not in LINES:
            self.parts[(tag, *sorted(name for name, _value in attrs))] += 1
        self.ways += [value for name, value in attrs if name in ("href", "src", "action", "formaction") and value]

    def handle_comment(self, data):
        self.parts[("comment",)] += 1

    def handle_decl(self, decl):
        self.parts[("declaration", decl)] += 1

    def unknown_decl(self, data):
        self.parts[("declaration", data)] += 1


def differing(found, expected):
    """What one shape has oftener than the other."""
    return dict((found - expected) + (expected - found)) if found is not None else {}


def pages_of(world, only=None):
    """By person and address, the pages and JSON that are there for them."""
    found = {}
    for person in ("robin", "tess", "ada", "anonymous"):
        browser = browser_of(person, world)
        asked = list(addresses(world, person)) if only is None else [at for who, at in only if who == person]
        for address in asked:
            answer = browser.get(address)
            if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
                found[person, address] = b"".join(answer) if answer.streaming else answer.content
    return found


def passed(world, said, only=None):
    """What the pages say with that in every column; nothing is left changed."""
    with transaction.atomic():
        write_everywhere(said)
        pages = {key: page.decode() for key, page in pages_of(world, only).items()}
        transaction.set_rollback(True)
    return pages


def plain(column, longest):
    return f"Plain{column}"[:longest].replace(".", "q")


def telling(pages, columns):
    """A few of the pages that between them show every column that any page shows."""
    shows = {key: {column for column in columns if plain(column, 99) in page} for key, page in pages.items()}
    left, chosen = set().union(*shows.values()), []
    while left:
        best = max(shows, key=lambda key: len(shows[key] & left))
        chosen.append(best)
        left -= shows[best]
    return chosen


class Packs:
    """For each column, all payloads one after the other, as many at once as it has room for."""

    def __init__(self) -> None:
        self.at: Counter[str] = Counter()

    def said_from(self, seen):
        def said(column, longest):
            if column not in seen:
                text, taken = "", self.at[column]
                while len(text) + len(PAYLOADS[taken % 60]) < longest and taken - self.at[column] < 60:
                    text += PAYLOADS[taken % 60] + " "
                    taken += 1
                self.at[column] = taken
                seen[column] = text or PAYLOADS[taken % 60][:longest]
            return seen[column][:longest]

        return said


def test_no_page_gets_an_element_an_attribute_or_a_link_from_what_people_typed(world):
    NoticeText.objects.create(location=world.practice.tess.location, kind="reminder", subject="Soon")
    columns = [f"{model.__name__}.{field.name}" for model, fields in free_fields() for field in fields]
    innocent = passed(world, plain)
    assert sum("Plain" in page for page in innocent.values()) > 60
    few = telling(innocent, [*columns, "NoteVersion.content", "Answer.value"])
    packs, wrong = Packs(), []
    # who read what stands on some pages, so a few pages are compared with the same few
    for asked, other in ((list(innocent), innocent), (few, again := passed(world, plain, few)), (few, again), (few, again)):
        expected = {key: Shape(page) for key, page in other.items()}
        for key, page in passed(world, packs.said_from({}), asked).items():
            shape = Shape(page)
            new = differing(shape.parts, expected[key].parts)
            wrong += [f"{key}: {new}"] if new else []
            wrong += [f"{key}: {way}" for way in shape.ways if NOT_ADDRESSES.match(way)]
    assert not wrong, "\n".join(sorted(set(wrong)))


def test_no_cell_of_the_day_is_a_formula_and_no_text_a_cell_or_row_of_its_own(practice, now):
    session = AppointmentFactory(
        client=practice.ada, therapist=practice.tess, treatment=practice.treatment, room=practice.rooms[0]
    )
    desk = browser_of("robin", SimpleNamespace(people={"robin": UserFactory(is_staff=True, is_superuser=True)}))

    for payload in PAYLOADS:
        for row in (practice.ada, practice.tess, practice.treatment, practice.rooms[0]):
            type(row).objects.filter(pk=row.pk).update(name=payload)
        Rulebook.objects.update(revision=F("revision") + 1)
        text = desk.get(reverse("admin:board_csv"), {"date": session.local_date.isoformat()}).content.decode("utf-8-sig")
        cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
        # as a spreadsheet reads it where a semicolon parts cells, and a quote inside of one means nothing
        cells += [cell.strip('"') for line in re.split(r"[\r\n]+", text) for cell in line.split(";")]
        assert not [cell for cell in cells if RUN.match(cell)], payload
        [head, row] = csv.reader(io.StringIO(text))
        assert len(row) == len(head), payload


def properties(file):
    """By component, in order, the names of its properties and of their parameters."""
    parsed = icalendar.Calendar.from_ical(file)
    return [
        (each.name, [(name, sorted(getattr(value, "params", {}))) for name, value in each.property_items(recursive=False)])
        for each in parsed.walk()
    ]


def test_a_calendar_file_and_a_feed_get_no_line_from_what_people_typed(practice, now):
    room = practice.rooms[0]
    session = AppointmentFactory(client=practice.ada, therapist=practice.tess, treatment=practice.treatment, room=room)
    give_address(practice.tess, shows=FeedShows.INITIALS, now=now)

    def files(text):
        where = session.treatment.location
        for row in (session.client, session.therapist, room, where):
            row.name = text
        session.treatment.name = session.treatment.neutral_name = where.address = where.directions = text
        where.phone = text[:32]
        for row in (session.client, session.therapist, room, where, session.treatment):
            row.save()
        feed = Feed.objects.get(therapist=practice.tess)
        yield from (ical.calendar([session], now=now, method=method) for method in ("PUBLISH", "REQUEST", "CANCEL"))
        yield read_feed(feed, now=now).file.written(now)

    session.room = room
    innocent = [properties(file) for file in files("Plain")]
    for payload in PAYLOADS:
        for file, expected in zip(files(payload), innocent, strict=True):
            assert properties(file) == expected, payload
            lines = file.split(b"\r\n")
            assert not [line for line in lines if len(line) > 75 or CONTROLS.search(line.decode(errors="replace"))], payload


def parts_of(message):
    """Of a mail as it leaves: its headers, and the shape of its parts."""
    parsed = message_from_bytes(message.message().as_bytes(), policy=policy.default)
    assert not parsed.defects
    shapes = []
    for part in parsed.walk():
        text = "" if part.is_multipart() else part.get_payload(decode=True).decode()
        shape = Shape(text).parts if part.get_content_type() == "text/html" else None
        events = properties(text) if part.get_content_type() == "text/calendar" else None
        shapes.append((part.get_content_type(), sorted(part.keys()), shape, events))
    return shapes


def test_a_mail_of_any_kind_gets_no_header_and_no_element_from_what_people_typed(practice, now, intake):
    practice.tess.user = UserFactory(name="Tess Oduya", email="tess@example.org")
    practice.tess.save()
    notices = one_of_each(practice, now)
    where = practice.tess.location

    def told(text, kinds):
        """By kind, the mail and the text message, with that as every name and in the practice's own words."""
        with transaction.atomic():
            for model in (Client, Therapist, Room, Location, Treatment):
                for number, row in enumerate(model.objects.all()):
                    model.objects.filter(pk=row.pk).update(name=f"{text} {number}")
            Treatment.objects.update(neutral_name=text)
            Location.objects.update(address=text, directions=text)
            Repair.objects.update(cause=text)
            for kind in set(kinds) & set(TO_CLIENTS):
                NoticeText.objects.filter(location=where, kind=kind).delete()
                line = " ".join(text.split())
                own = NoticeText(location=where, kind=kind, subject=line, heading=line, opening=text, closing=text)
                try:
                    own.full_clean()
                except ValidationError:
                    own.subject = own.heading = own.opening = own.closing = "{name} {practice} {therapist} {treatment}"
                own.save()
            said = {}
            for kind in kinds:
                notice = Notification.objects.get(pk=notices[kind].pk)
                said[kind] = parts_of(in_words(notice, now).email)
                if kind in TO_CLIENTS:
                    text_message = in_words(Notification.objects.get(pk=notices[kind].pk), now, Channel.SMS).sms.text
                    assert not CONTROLS.search(text_message), (text, kind)
                    assert "\n" not in text_message, (text, kind)
            transaction.set_rollback(True)
        return said

    kinds = list(notices)
    innocent = told("Plain", kinds)
    for number, payload in enumerate(PAYLOADS):
        for kind, parts in told(payload, kinds[number % 5 :: 5]).items():
            for part, expected in zip(parts, innocent[kind], strict=True):
                assert part[:2] == expected[:2], (payload, kind)
                assert part[3] == expected[3], (payload, kind)
                assert differing(part[2], expected[2]) == {}, (payload, kind)
