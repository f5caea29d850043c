"""What every answer tells the browser, whatever it is about and however it came to be; as in production, over https."""

from __future__ import annotations

import pytest
from django.test import Client as Browser
from django.urls import reverse

from tests.factories import UserFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}
HEADERS = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@pytest.fixture
def production(settings):
    """What config/settings/production.py says about https and cookies."""
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 31536000
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True
    settings.CSRF_COOKIE_SECURE = settings.CSRF_COOKIE_HTTPONLY = settings.SESSION_COOKIE_SECURE = True
    settings.CSRF_COOKIE_NAME, settings.SESSION_COOKIE_NAME = "__Host-csrf", "__Host-session"
    return settings


def lacking(answer):
    """What is not as it should be about the headers of an answer."""
    wrong = {name: answer.get(name) for name, value in HEADERS.items() if answer.get(name) != value}
    policy = set(answer.get("Content-Security-Policy", "").split("; "))
    return wrong | ({"Content-Security-Policy": policy ^ POLICY} if policy != POLICY else {})


def test_every_kind_of_answer_has_all_of_them(production, practice, monkeypatch):
    desk = Browser()
    desk.force_login(UserFactory(email="robin@example.org", is_staff=True, is_superuser=True))
    stranger, strict = Browser(raise_request_exception=False), Browser(enforce_csrf_checks=True)
    answers = {
        "first page": (200, stranger.get("/", secure=True)),
        "sign-in": (200, stranger.get(reverse("account_login"), secure=True)),
        "redirect": (302, stranger.get(reverse("booking:my_data"), secure=True)),
        "the desk": (200, desk.get("/desk/", secure=True)),
        "a form of the admin": (200, desk.get(reverse("admin:therapists_room_add"), secure=True)),
        "health": (200, stranger.get("/healthz", secure=True)),
        "not found": (404, stranger.get("/nowhere/", secure=True)),
        "not found at the desk": (404, desk.get("/desk/nowhere/", secure=True)),
        "wrong method": (405, stranger.post("/healthz", secure=True)),
        "bad request": (400, stranger.get("/?q=%00", secure=True)),
        "wrong host": (400, stranger.get("/", secure=True, headers={"Host": "evil.example"})),
        "too large": (400, stranger.post("/", b"a=" + b"b" * 3_000_000, "application/x-www-form-urlencoded", secure=True)),
        "no token": (403, strict.post("/", secure=True, headers={"Referer": "https://testserver/"})),
        "not allowed": (403, stranger.post(reverse("booking:wish"), secure=True)),
        "a static file": (200, stranger.head("/static/css/base.css", secure=True)),
    }
    production.LIMITS = {"availability": (60, 0)}
    answers["too many"] = (429, stranger.get("/", secure=True))
    production.LIMITS = {}
    monkeypatch.setattr("booking.views.choose.availability", None)
    answers["fault"] = (500, stranger.get("/", secure=True))

    assert {name: answer.status_code for name, (_code, answer) in answers.items()} == {
        name: code for name, (code, _answer) in answers.items()
    }
    assert {name: found for name, (_code, answer) in answers.items() if (found := lacking(answer))} == {}
    kept = {name for name, (_code, answer) in answers.items() if "no-store" not in answer["Cache-Control"]}
    assert kept == {"a static file"}


def test_pages_of_somebody_are_not_kept_by_any_browser(production, practice):
    ada, desk = Browser(), Browser()
    ada.force_login(practice.ada.user)
    desk.force_login(UserFactory(email="robin@example.org", is_staff=True, is_superuser=True))
    pages = [
        *[(ada, reverse(name)) for name in ("booking:sessions", "booking:my_data", "booking:my_data_file", "intake:overview")],
        *[(ada, reverse(name)) for name in ("account_change_password", "mfa_index", "booking:progress")],
        *[(desk, reverse(name)) for name in ("admin:index", "admin:clients_client_changelist", "admin:board_csv", "admin:lists")],
    ]

    for browser, page in pages:
        assert "no-store" in browser.get(page, secure=True).get("Cache-Control", ""), page


def test_a_page_over_http_leads_to_https_and_says_nothing_more(production, practice):
    answer = Browser().get("/sessions/")

    assert (answer.status_code, answer["Location"]) == (301, "https://testserver/sessions/")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param({"Host": "testserver"}, 200, id="ours"),
        pytest.param({"Host": "evil.example"}, 400, id="another"),
        pytest.param({"Host": "testserver", "X-Forwarded-Host": "evil.example"}, 200, id="one in a header nobody reads"),
        pytest.param({"Host": "evil.example", "X-Forwarded-Host": "testserver"}, 400, id="ours only in that header"),
    ],
)
@pytest.mark.parametrize("proxies", [0, 1])
def test_a_host_is_one_of_the_list_with_and_without_a_proxy(practice, settings, proxies, sent, code):
    settings.TRUSTED_PROXIES = proxies

    answer = Browser().get("/sessions/sign-in/", headers=sent)

    assert answer.status_code == code
    assert "evil.example" not in answer.content.decode()


def test_cookies_belong_to_this_host_and_no_script_reads_them(production, practice):
    browser = Browser()
    browser.post("/", {"areas": []}, secure=True)
    browser.get("/", secure=True)

    assert {*browser.cookies} == {"__Host-csrf", "__Host-session"}
    for cookie in browser.cookies.values():
        assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, True, "Lax", "/")
        assert cookie["domain"] == ""
