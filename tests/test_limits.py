"""How often something may be asked for, from where and by whom; and what happens when nobody counts, as Valkey is away."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import time_machine
from django.conf import settings as configured
from django.core import mail
from django.test import Client as Browser
from django.urls import URLResolver, get_resolver, reverse
from redis import Redis

from booking.access import OWNER_KEY
from booking.engine.recurrence import Course, Once, Phase
from booking.enums import FeedShows
from booking.models import Appointment
from booking.services.feeds import give_address
from booking.services.guard import Choice
from booking.services.holds import hold_choices
from clients.proof import AddressProof
from config.limits import READING, WRITING
from tests.factories import UserFactory
from tests.test_logs import lines

__all__ = ["lines"]  # a fixture

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NINE = datetime(2027, 3, 9, 9, tzinfo=UTC)
PASSWORD = "a long enough pass phrase"  # pragma: allowlist secret
SIGN_IN = "booking:sign_in"


def names(patterns, space=""):
    """The names of all addresses the resolver knows."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from names(pattern.url_patterns, f"{space}{pattern.namespace}:" if pattern.namespace else space)
        else:
            yield f"{space}{pattern.name}"


@pytest.fixture
def few(settings):
    """Three by address and two by account or browser, of everything."""
    settings.LIMITS = dict.fromkeys(configured.LIMITS, (60, 3, 2))


@pytest.fixture
def nobody_counts(settings):
    """Valkey is away: nothing listens where it should be."""
    settings.CACHES = {"default": configured.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:9/0"}}


@pytest.fixture
def at_ten_past(now):
    """A clock that stands, ten seconds into a minute."""
    with time_machine.travel(now.replace(second=10), tick=False) as clock:
        yield clock


def asked(browser, name, times, **more):
    return [browser.get(reverse(name), **more).status_code for _ in range(times)]


def signed_in(person):
    browser = Browser()
    browser.force_login(person)
    return browser


def held_by(browser, practice, now, owner="ada"):
    session = browser.session
    session[OWNER_KEY] = owner
    session.save()
    course = Course(NINE.date(), (Phase(Once()),), (540,), (practice.tess.pk,))
    choice = Choice(practice.tess.pk, NINE)
    return hold_choices([choice], owner=owner, treatment=practice.treatment, now=now, course=course.as_json())


def test_every_page_in_the_table_is_one_the_resolver_knows_and_has_numbers():
    known = set(names(get_resolver().url_patterns))

    assert known >= {*READING, *WRITING}
    assert {*READING.values(), *WRITING.values()} == set(configured.LIMITS)


def test_an_address_is_told_when_to_come_back_and_another_is_not(client, practice, few, at_ten_past):
    assert asked(client, "booking:landing", 4) == [200, 200, 200, 429]

    page = client.get(reverse("booking:landing"))
    assert page["Retry-After"] == "50"
    assert "Please try again in a minute" in page.content.decode()
    assert "what is held for you stays held" in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert asked(client, "booking:landing", 1, REMOTE_ADDR="192.0.2.7") == [200]
    assert asked(client, "booking:sessions", 5) == [200] * 5
    at_ten_past.shift(51)
    assert asked(client, "booking:landing", 1) == [200]


def test_an_account_is_counted_wherever_it_asks_from_and_others_are_not(practice, few):
    ada, bo = signed_in(practice.ada.user), signed_in(practice.bo.user)

    seen = [asked(ada, "booking:landing", 1, REMOTE_ADDR=f"192.0.2.{n}")[0] for n in range(3)]

    assert seen == [200, 200, 429]
    assert asked(bo, "booking:landing", 1, REMOTE_ADDR="192.0.2.0") == [200]


def test_a_household_is_one_address_however_many_it_has(client, practice, few):
    seen = [asked(client, "booking:landing", 1, REMOTE_ADDR=f"2001:db8::{n}")[0] for n in range(4)]

    assert seen == [200, 200, 200, 429]
    assert asked(client, "booking:landing", 1, REMOTE_ADDR="2001:db8:0:1::1") == [200]


def test_a_clinic_behind_one_address_does_not_reach_the_limits(practice, client):
    twenty = [signed_in(UserFactory(email=f"c{n}@example.org")) for n in range(20)]

    assert {code for browser in twenty for code in asked(browser, "booking:what", 10)} == {200}


def test_work_at_the_desk_is_not_counted(practice, few):
    desk = signed_in(UserFactory(email="robin@example.org", is_staff=True, is_superuser=True))

    assert asked(desk, "admin:index", 6) == [200] * 6
    assert [desk.post(reverse("admin:board_step")).status_code for _ in range(6)] == [400] * 6


def test_holding_and_booking_are_counted_apart_from_looking(client, practice, few, now):
    with time_machine.travel(now, tick=False):
        hold = held_by(client, practice, now)
        you = reverse("booking:you", args=[hold.pk])
        when = f"{reverse('booking:when')}?treatment={practice.treatment.pk}"

        assert [client.post(when).status_code for _ in range(3)] == [422, 422, 429]
        assert [client.post(you).status_code for _ in range(3)] == [422, 422, 429]
        assert client.get(when).status_code == 200


def test_where_htmx_asked_the_page_stays_with_a_line_above_it(client, practice, few):
    asked(client, "booking:landing", 3)

    answer = client.get(reverse("booking:landing"), headers={"HX-Request": "true"})

    assert answer.status_code == 429
    assert (answer["HX-Retarget"], answer["HX-Reswap"], answer["HX-Reselect"]) == ("#main", "afterbegin", "#put-off")
    assert 'id="put-off" role="alert"' in answer.content.decode()


def test_a_feed_is_counted_by_its_token_which_is_in_no_key_and_no_line(client, practice, few, now, lines):
    practice.tess.user = UserFactory(email="tess@example.org")
    practice.tess.save()
    with time_machine.travel(now, tick=False):
        token = give_address(practice.tess, shows=FeedShows.INITIALS, now=now)
        feed = reverse("booking:feed", args=[token])

        seen = [client.get(feed, REMOTE_ADDR=f"192.0.2.{n}").status_code for n in range(3)]

        assert seen == [200, 200, 429]
        keys = " ".join(key.decode() for key in Redis.from_url(configured.CACHES["default"]["LOCATION"]).keys("*"))
    assert "limit:feeds" in keys
    assert token not in keys
    assert "192.0.2" not in keys
    assert token not in json.dumps(lines())


# ---- signing in -------------------------------------------------------------------------------------------------------------


def test_passwords_are_tried_five_times_and_then_answered_with_429(client, practice):
    practice.finn.set_password(PASSWORD)
    practice.finn.save()
    wrong = {"login": practice.finn.email, "password": "wrong"}  # pragma: allowlist secret

    seen = [client.post(reverse("account_login"), wrong).status_code for _ in range(6)]
    refused = client.post(reverse("account_login"), {"login": practice.finn.email, "password": PASSWORD})

    assert seen == [200] * 5 + [429]
    assert refused.status_code == 429
    assert refused["Retry-After"] == "60"
    assert "Please wait a moment" in refused.content.decode()
    assert "_auth_user_id" not in client.session


def test_known_and_unknown_addresses_get_three_codes_a_minute(practice):
    for email in (practice.ada.user.email, "nobody@example.org"):
        mail.outbox.clear()

        seen = [Browser().post(reverse(SIGN_IN), {"email": email}) for _ in range(4)]

        assert [each.status_code for each in seen] == [302, 302, 302, 429]
        assert seen[-1]["Retry-After"] == "60"
        assert len(mail.outbox) == 3


def test_a_code_has_five_tries_also_when_they_come_at_once(client, practice):
    """As each browser request reads the session before another one has written it."""
    client.post(reverse(SIGN_IN), {"email": practice.ada.user.email})
    as_begun = dict(client.session)

    seen = []
    for _ in range(6):
        seen.append(client.post(reverse(SIGN_IN), {"code": "000000"}).status_code)
        session = client.session
        session.update(json.loads(json.dumps({AddressProof.session_key: as_begun[AddressProof.session_key]})))
        session.save()
    right = re.search(r"\b\d{6}\b", mail.outbox[-1].body)[0]

    assert seen[-1] == 429
    assert client.post(reverse(SIGN_IN), {"code": right}).status_code == 429


def test_with_valkey_away_nobody_signs_in(client, practice, nobody_counts, lines):
    practice.finn.set_password(PASSWORD)
    practice.finn.save()

    for page, sent in (
        ("account_login", {"login": practice.finn.email, "password": PASSWORD}),
        ("account_request_login_code", {"email": practice.ada.user.email}),
        (SIGN_IN, {"email": practice.ada.user.email}),
    ):
        answer = client.post(reverse(page), sent)

        assert answer.status_code == 503, page
        assert answer["Retry-After"] == "30"
        assert "Signing in has to wait" in answer.content.decode()
    assert "_auth_user_id" not in client.session
    assert mail.outbox == []
    assert client.get(reverse("account_login")).status_code == 200
    assert [line["action"] for line in lines() if line["event"] == "limits_away"] == ["sign_in"] * 3


def test_with_valkey_away_leaving_still_works(practice, nobody_counts):
    ada = signed_in(practice.ada.user)

    ada.post(reverse("account_logout"))

    assert "_auth_user_id" not in ada.session


def test_with_valkey_away_whoever_is_signed_in_looks_holds_and_books(practice, nobody_counts, now, lines):
    with time_machine.travel(now, tick=False):
        ada = signed_in(practice.ada.user)
        hold = held_by(ada, practice, now)

        assert asked(ada, "booking:landing", 1) == [200]
        booked = ada.post(reverse("booking:you", args=[hold.pk]), {"key": str(uuid4()), "agree": "on"})

    assert booked.status_code == 302
    assert Appointment.objects.get().client == practice.ada
    assert [line["action"] for line in lines() if line["event"] == "limits_away"] == ["availability", "booking"]


def test_with_valkey_away_a_stranger_gets_no_code_while_booking(client, practice, nobody_counts, now):
    with time_machine.travel(now, tick=False):
        hold = held_by(client, practice, now)
        typed = {"name": "Ada", "email": "ada@example.org", "phone": "020 7946 0958", "agree": "on"}

        answer = client.post(reverse("booking:you", args=[hold.pk]), typed)

    assert answer.status_code == 503
    assert "what is held for you stays held" in answer.content.decode()
    assert mail.outbox == []


# ---- behind a proxy ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxies", "told", "counted"),
    [
        pytest.param(0, "203.0.113.5", "127.0.0.1", id="none declared, so the header counts for nothing"),
        pytest.param(1, "203.0.113.5", "203.0.113.5", id="one declared"),
        pytest.param(1, "198.51.100.9, 203.0.113.5", "203.0.113.5", id="one declared, and a client that made one up"),
        pytest.param(2, "198.51.100.9, 203.0.113.5, 192.0.2.1", "203.0.113.5", id="two declared"),
        pytest.param(2, "203.0.113.5", "127.0.0.1", id="passed by one of the two"),
        pytest.param(1, "nonsense", "0.0.0.0", id="a proxy that says nothing of use"),
        pytest.param(1, "::ffff:203.0.113.5", "203.0.113.5", id="the same address written as IPv6"),
    ],
)
def test_only_declared_proxies_are_believed_by_limits_and_log(client, practice, few, settings, lines, proxies, told, counted):
    settings.TRUSTED_PROXIES = proxies

    seen = [client.get("/", headers={"X-Forwarded-For": told, "X-Real-IP": "198.51.100.1"}).status_code for _ in range(4)]

    assert seen == [200, 200, 200, 429]
    assert {line["ip"] for line in lines()} == {counted}
    settings.TRUSTED_PROXIES = 0
    assert asked(client, "booking:landing", 1, REMOTE_ADDR=counted) == [429]
    assert asked(client, "booking:landing", 1, REMOTE_ADDR="198.51.100.9") == [200]


def test_made_up_entries_do_not_make_a_new_address(client, practice, few, settings):
    settings.TRUSTED_PROXIES = 1

    seen = [client.get("/", headers={"X-Forwarded-For": f"198.51.100.{n}, 203.0.113.5"}).status_code for n in range(4)]

    assert seen == [200, 200, 200, 429]


def test_what_is_counted_is_forgotten(client, practice, few):
    asked(client, "booking:landing", 1)

    valkey = Redis.from_url(configured.CACHES["default"]["LOCATION"])
    assert [0 < valkey.ttl(key) <= 120 for key in valkey.keys("*limit:*")] == [True]
