"""Whatever people type comes out as words: no element, no header, no property and no formula that an innocent text had not made.

Each output is parsed, and its structure compared with that of the same output about somebody called Plain.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from email import message_from_bytes, policy
from functools import cache
from html.parser import HTMLParser
from itertools import groupby
from operator import itemgetter
from types import SimpleNamespace
from urllib.parse import urlencode

import icalendar
import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection, models, transaction
from django.db.models import F
from django.forms import modelform_factory
from django.urls import reverse

from booking import ical
from booking.engine.placeholders import BrokenText, used
from booking.enums import TO_CLIENTS, Channel, FeedShows
from booking.models import Addendum, Appointment, Feed, NoteVersion, NoticeText, Notification, Repair
from booking.services.feeds import give_address, read_feed
from booking.services.notes import PARTS
from booking.worklists import Work
from clients.crypto import sealed_for_address
from clients.models import Answer, Client
from lines import LineField
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
#: A column for a name; they all take the same.
NAME = Client._meta.get_field("name")
#: Those that would be an address of their own, where a text begins with them.
AS_ADDRESSES = [number for number, payload in enumerate(PAYLOADS) if payload.startswith(("javascript:", "data:"))]
#: Pages of the desk's models that say nothing which the others do not, what was changed and what can be chosen; and one whose
#: picture is another one each time.
ALIKE = ("/history/", "/add/", "/totp/activate/")
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
            if type(field) in (models.CharField, models.TextField, LineField)
            and field.editable
            and not field.choices
            and f"{model.__name__}.{field.name}" not in NOT_FREE
        ]
        if fields and model.__module__ != SHIPPED and not model.__name__.endswith("Event"):
            yield model, fields


@cache
def taken_by(field):
    """The payloads that may stand in a column, each by itself: what is refused is in no row, so no page has to bear it."""
    return tuple(payload for payload in PAYLOADS if accepts(field, payload))


def accepts(field, text):
    try:
        field.run_validators(text)
    except ValidationError:
        return False
    return True


def in_groups():
    """All payloads, a few at a time."""
    return [PAYLOADS[first : first + 5] for first in range(0, len(PAYLOADS), 5)]


def in_names(payloads):
    return " ".join(each for each in payloads if accepts(NAME, each)) or "Plain"


def can_be_filled_in(text):
    """Whether a text of the practice's own takes it; the others are errors of its form, see tests of notices."""
    try:
        used(text, ())
    except BrokenText:
        return False
    return True


def hostile(lead):
    """All that a column takes, one after the other, beginning with that one or with the next it takes."""
    return lambda _column, field: " ".join(p for p in PAYLOADS[lead:] + PAYLOADS[:lead] if field is None or p in taken_by(field))


def plain(column, _field=None):
    return f"Plain{column}".replace(".", "q")


def without_lengths(model):
    """As long as the transaction lasts, so that a column has room for many payloads at once: no output looks at its length."""
    unlimited = "UPDATE pg_attribute SET atttypmod = -1 WHERE attrelid = %s::regclass AND atttypid = 'varchar'::regtype"
    with connection.cursor() as cursor:
        cursor.execute(unlimited, [model._meta.db_table])


def write_everywhere(said):
    """``said(column, field)`` in every column for words of every row; names that may be there once are numbered."""
    with connection.cursor() as cursor:
        for model, fields in free_fields():
            without_lengths(model)
            # what nobody may change is changed past the triggers that see to it
            if model._meta.app_label != "therapists":
                cursor.execute("SET LOCAL session_replication_role = replica")
            named = [(field, f"{model.__name__}.{field.name}") for field in fields]
            values = ", ".join(f"{field.column} = %s" for field in fields)
            rows = [
                (*(f"{said(column, field)} {number}" for field, column in named), pk)
                for number, pk in enumerate(model._base_manager.values_list("pk", flat=True))
            ]
            cursor.executemany(f"UPDATE {model._meta.db_table} SET {values} WHERE {model._meta.pk.column} = %s", rows)
            cursor.execute("SET LOCAL session_replication_role = DEFAULT")
        cursor.execute("SET LOCAL session_replication_role = replica")
        for version in NoteVersion.objects.all():
            words = {part: said("NoteVersion.content", None) for part in PARTS}
            version.content = words | {"points": [], "pain_before": 4, "pain_after": None}
            version.save(update_fields=["content"])
        for addendum in Addendum.objects.all():
            addendum.text = said("Addendum.text", None)
            addendum.save(update_fields=["text"])
        for answer in Answer.objects.filter(question__type__in=("text_short", "text_long")):
            answer.value = said("Answer.value", None)
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


def at_the_desk():
    """Pages of the desk with what only some of their addresses show: a day, a session, each list, who was sought."""
    session = Appointment.objects.filter(status="booked", local_date="2027-03-09").first()
    day = urlencode({"date": session.local_date, "session": session.pk})
    for page in ("index", "board_print"):
        yield f"{reverse(f'admin:{page}')}?{day}"
    yield f"{reverse('admin:index')}?{day}&view=time"
    yield f"{reverse('admin:find_client')}?q={sealed_for_address('0018')}"
    yield from (f"{reverse('admin:lists')}?list={work.value}" for work in Work)


def everywhere(world):
    """Who asks for which address."""
    for person in ("robin", "tess", "ada", "anonymous"):
        more = at_the_desk() if person == "robin" else ()
        yield from ((person, each) for each in (*addresses(world, person), *more) if not each.endswith(ALIKE))


def passed(world, said, asked):
    """What the pages say, by who asks for which, with that in every column; nothing is left changed."""
    pages = {}
    with transaction.atomic():
        write_everywhere(said)
        for person, of_one in groupby(asked, key=itemgetter(0)):
            browser = browser_of(person, world)
            for _person, address in of_one:
                answer = browser.get(address)
                if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
                    page = b"".join(answer) if answer.streaming else answer.content
                    pages[person, address] = page.decode()
        transaction.set_rollback(True)
    return pages


def telling(pages, columns):
    """A few of the pages that between them show every column that any page shows."""
    shows = {key: {column for column in columns if plain(column) in page} for key, page in pages.items()}
    left, chosen = set().union(*shows.values()), []
    while left:
        best = max(shows, key=lambda key: len(shows[key] & left))
        chosen.append(best)
        left -= shows[best]
    return chosen


def test_what_a_column_refuses_is_an_error_of_its_form():
    refused = 0
    for model, fields in free_fields():
        for field in fields:
            form = modelform_factory(model, fields=[field.name])
            for payload in set(PAYLOADS) - set(taken_by(field)):
                # what a browser or a form takes off at both ends is taken
                asked = form({field.name: payload})
                assert field.name in asked.errors or accepts(field, asked.cleaned_data[field.name]), (model, field.name, payload)
                refused += 1
    assert refused > 100


def test_no_page_gets_an_element_an_attribute_or_a_link_from_what_people_typed(world):
    columns = [f"{model.__name__}.{field.name}" for model, fields in free_fields() for field in fields]
    asked_first = list(everywhere(world))
    innocent = passed(world, plain, asked_first)
    assert sum("Plain" in page for page in innocent.values()) > 60
    few, wrong = telling(innocent, [*columns, "NoteVersion.content", "Answer.value"]), []
    # who read what stands on some pages, so a few pages are compared with the same few
    again = passed(world, plain, few)
    for lead, asked, other in ((0, asked_first, innocent), *((lead, few, again) for lead in AS_ADDRESSES)):
        expected = {key: Shape(page) for key, page in other.items()}
        typed = passed(world, hostile(lead), asked)
        assert sum(PAYLOADS[-1] in page for page in typed.values()) > len(other) // 3
        for key, page in typed.items():
            shape = Shape(page)
            new = differing(shape.parts, expected[key].parts)
            wrong += [f"{key}: {new}"] if new else []
            wrong += [f"{key}: {way}" for way in shape.ways if NOT_ADDRESSES.match(way)]
    assert not wrong, "\n".join(sorted(set(wrong)))


def bones(data):
    """Of JSON: its structure, with the kind of each value instead of what it says."""
    if isinstance(data, dict):
        return {key: bones(value) for key, value in data.items()}
    # rows come in any order
    return sorted(map(bones, data), key=str) if isinstance(data, list) else type(data).__name__


def texts(data):
    if isinstance(data, dict | list):
        return [text for each in (data.values() if isinstance(data, dict) else data) for text in texts(each)]
    return [data] if isinstance(data, str) else []


def test_an_answer_in_json_says_it_as_it_was_typed_and_is_never_taken_for_a_page(world):
    suggested = {"app_label": "booking", "model_name": "appointment", "field_name": "client", "term": ""}
    answers = {
        "ada": lambda browser: browser.get(reverse("booking:my_data_file")),
        "tess": lambda browser: browser.get(reverse("booking:calendar_events"), {"from": "2027-03-08", "to": "2027-03-22"}),
        "robin": lambda browser: browser.post(reverse("admin:autocomplete"), suggested),
    }

    def said_in(words):
        found = {}
        with transaction.atomic():
            write_everywhere(words)
            for person, ask in answers.items():
                answer = ask(browser_of(person, world))
                assert (answer.status_code, answer["Content-Type"]) == (200, "application/json"), person
                assert answer["X-Content-Type-Options"] == "nosniff"
                found[person] = json.loads(answer.content)
            transaction.set_rollback(True)
        return found

    innocent, typed = said_in(plain), said_in(hostile(0))

    for person in answers:
        assert bones(typed[person]) == bones(innocent[person]), person
        for payload in taken_by(NAME):
            assert any(payload in text for text in texts(typed[person])), (person, payload)


def test_no_cell_of_the_day_is_a_formula_and_no_text_a_cell_or_row_of_its_own(practice, now):
    session = AppointmentFactory(
        client=practice.ada, therapist=practice.tess, treatment=practice.treatment, room=practice.rooms[0]
    )
    desk = browser_of("robin", SimpleNamespace(people={"robin": UserFactory(is_staff=True, is_superuser=True)}))

    for payload in taken_by(NAME):
        for row in (practice.ada, practice.tess, practice.treatment, practice.rooms[0]):
            type(row).objects.filter(pk=row.pk).update(name=payload)
        Rulebook.objects.update(revision=F("revision") + 1)
        answer = desk.get(reverse("admin:board_csv"), {"date": session.local_date.isoformat()})
        assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("text/csv; charset=utf-8", "nosniff")
        assert answer["Content-Disposition"].startswith("attachment")
        text = answer.content.decode("utf-8-sig")
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

    for model in (Client, Therapist, Room, Location, Treatment):
        without_lengths(model)

    def files(payloads):
        name, text = in_names(payloads), "\n".join(payloads)
        where = session.treatment.location
        where.address = where.directions = where.phone = text
        for row in (session.client, session.therapist, room, where):
            row.name = name
        session.treatment.name = session.treatment.neutral_name = name
        for row in (session.client, session.therapist, room, where, session.treatment):
            row.save()
        feed = Feed.objects.get(therapist=practice.tess)
        yield from (ical.calendar([session], now=now, method=method) for method in ("PUBLISH", "REQUEST", "CANCEL"))
        yield read_feed(feed, now=now).file.written(now)

    session.room = room
    innocent = [properties(file) for file in files(["Plain"])]
    for some in in_groups():
        for file, expected in zip(files(some), innocent, strict=True):
            assert properties(file) == expected, some
            lines = file.split(b"\r\n")
            assert not [line for line in lines if len(line) > 75 or CONTROLS.search(line.decode(errors="replace"))], some


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

    def told(payloads):
        """By kind, the mail and the text message, with those in every name and in the practice's own words."""
        name, text = in_names(payloads), "\n".join(payloads)
        with transaction.atomic():
            for model in (Client, Therapist, Room, Location, Treatment, Repair, NoticeText, Notification):
                without_lengths(model)
            for model in (Client, Therapist, Room, Location, Treatment):
                for number, row in enumerate(model.objects.all()):
                    model.objects.filter(pk=row.pk).update(name=f"{name} {number}")
            Treatment.objects.update(neutral_name=name)
            Location.objects.update(address=text, directions=text)
            Repair.objects.update(cause=text)
            said = {}
            for kind, notice in notices.items():
                own_words(kind, payloads)
                said[kind] = parts_of(in_words(Notification.objects.get(pk=notice.pk), now).email)
                if kind in TO_CLIENTS:
                    text_message = in_words(Notification.objects.get(pk=notice.pk), now, Channel.SMS).sms.text
                    assert not CONTROLS.search(text_message), (payloads, kind)
                    assert "\n" not in text_message, (payloads, kind)
            transaction.set_rollback(True)
        return said

    def own_words(kind, payloads):
        if kind not in TO_CLIENTS:
            return
        text = "\n".join(each for each in payloads if can_be_filled_in(each))
        line = " ".join(text.split())
        NoticeText.objects.filter(location=where, kind=kind).delete()
        mail = {"subject": f"{line} {{name}}", "heading": f"{{practice}} {line}", "closing": f"{{therapist}} {text}"}
        for channel, more in ((Channel.EMAIL, mail), (Channel.SMS, {})):
            NoticeText(location=where, kind=kind, channel=channel, opening=f"{text} {{name}} {{when}}", **more).save()

    innocent = told(["Plain"])
    for some in in_groups():
        for kind, parts in told(some).items():
            for part, expected in zip(parts, innocent[kind], strict=True):
                assert part[:2] == expected[:2], (some, kind)
                assert part[3] == expected[3], (some, kind)
                assert differing(part[2], expected[2]) == {}, (some, kind)
