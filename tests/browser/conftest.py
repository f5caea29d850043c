"""A real browser against a live server. Every page a test leaves is checked for axe findings and for what the policy blocked."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Iterator
from datetime import date, datetime

import pytest
import time_machine
from axe_playwright_python.sync_playwright import Axe
from django.test import Client as Session
from playwright.sync_api import Browser, Page, Playwright, expect

from clients.services.questionnaires import load_questionnaire
from clients.services.reference import SHIPPED, load_reference
from tests.booking.conftest import book, book_series, tess
from tests.factories import UserFactory

__all__ = ["book", "book_series", "tess"]  # fixtures, for the sessions that a journey begins with

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # playwright's loop runs in the thread of the tests

#: Milliseconds after which what is waited for no longer comes, also on a slow machine that does something else besides.
PATIENCE = 30_000
expect.set_options(timeout=PATIENCE)

CHROMIUM = shutil.which("chromium")
#: Without preloading: axe would copy style sheets into the page, which the policy rightly blocks.
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "preload": False,
    "resultTypes": ["violations"],
    "selectors": False,
}
#: Those that another size and other colours of the same page can break.
SEEN = RULES | {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block", "target-size"]}}
#: What is still fading would be measured half way.
SETTLE = "document.getAnimations().forEach(each => each.finish()); 'axe' in window"
WATCH = "addEventListener('securitypolicyviolation', e => blocked(e.violatedDirective + ' ' + e.blockedURI))"


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    assert CHROMIUM, "Chromium is missing; manage.py verify says how to install it"
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"]
    )
    yield browser
    browser.close()


class Visitor:
    """Somebody at a browser, found by what a person sees. ``look`` checks the page they are on."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.blocked: list[str] = []
        page.expose_function("blocked", lambda what: self.blocked.append(what))
        page.add_init_script(WATCH)
        page.on("pageerror", lambda error: self.blocked.append(str(error)))

    def sign_in(self, user) -> None:
        """Also anew, after so long that the first session is over."""
        session = Session()
        session.force_login(user)
        cookie = {"name": "sessionid", "value": session.cookies["sessionid"].value, "url": self.address}
        self.page.context.add_cookies([cookie])

    def open(self, path: str) -> None:
        self.page.goto(self.address + path)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=re.compile(name)).click()
        self.page.wait_for_load_state()

    def look(self, heading: str) -> None:
        """Expect this heading, no horizontal scrolling, nothing blocked by the policy and nothing found by axe."""
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(re.compile(heading))
        self.page.wait_for_load_state()
        assert self.faults() == []

    def faults(self, rules: dict[str, object] = RULES) -> list[object]:
        """What is wrong with the page they are on: wider than the screen, found by axe, blocked by the policy or thrown."""
        too_wide = self.page.evaluate("document.documentElement.scrollWidth") - self.page.viewport_size["width"]
        if not self.page.evaluate(SETTLE):
            self.page.evaluate(Axe().axe_script)
        found = self.page.evaluate("rules => axe.run(rules)", rules)["violations"]
        by_axe = [(each["id"], [node["html"][:160] for node in each["nodes"]]) for each in found]
        return [*([f"{too_wide} px too wide"] if too_wide > 0 else []), *by_axe, *self.blocked]

    def fill_in(self, **fields: str) -> None:
        for label, value in fields.items():
            self.page.get_by_role("textbox", name=re.compile(label)).fill(value)


@pytest.fixture(autouse=True)
def clock(now: datetime) -> Iterator[datetime]:
    """The server's clock and the browsers' stand at the same Monday, or a journey would meet other holidays every week."""
    with time_machine.travel(now):
        yield now


@pytest.fixture
def visit(chromium: Browser, live_server, clock):
    """Open a browser of one's own; ``visit(width=360)`` is a phone, ``visit(script=False)`` has no JavaScript."""
    contexts = []

    def arrive(*, width: int = 1280, script: bool = True, scheme: str = "light") -> Visitor:
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            java_script_enabled=script,
            color_scheme=scheme,
            timezone_id="Asia/Tokyo",
            locale="en-GB",
            bypass_csp=False,
        )
        context.set_default_timeout(PATIENCE)
        context.clock.set_fixed_time(clock)
        contexts.append(context)
        return Visitor(context.new_page(), live_server.url)

    yield arrive
    for context in contexts:
        context.close()
    everybody_is_answered()


def everybody_is_answered() -> None:
    """Wait until the server is through with what the closed browsers had asked: the tables are emptied after this."""
    for thread in threading.enumerate():
        if "process_request_thread" in thread.name:
            thread.join(timeout=PATIENCE / 1000)
            assert not thread.is_alive(), "somebody is still being answered"


@pytest.fixture
def practice(transactional_db, practice):
    return practice


@pytest.fixture
def tuesday() -> date:
    """Three weeks ahead, so that notice and horizon are no matter."""
    return date(2027, 2, 23)


@pytest.fixture
def with_form(practice):
    """The practice with its questionnaire and all medicines, and Tess able to sign in."""
    load_reference()
    load_questionnaire((SHIPPED / "intake_questionnaire.json").read_text())
    practice.tess.user = UserFactory(name="Tess Oduya", email="tess@example.org")
    practice.tess.save()
    return practice


@pytest.fixture
def signed_in(visit):
    """Open a browser in which somebody is signed in."""

    def arrive(user, **options):
        visitor = visit(**options)
        visitor.sign_in(user)
        return visitor

    return arrive
