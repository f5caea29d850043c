"""What holds for the project as a whole: migrations, vendored files, settings that are refused, what no page may carry."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[1]
VENDOR = ROOT / "static" / "vendor"
#: Without what the tests in a browser set for themselves.
OWN = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
#: An environment with which production starts.
GOOD = {
    "SECRET_KEY": "0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ",  # pragma: allowlist secret
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
    "INTAKE_KEYS": "k1:Y2hlY2stb25seS0wMTIzNDU2Nzg5LWFiY2RlZi1VVlc=",
    "ALLOWED_HOSTS": "booking.example.org",
    "SITE_URL": "https://booking.example.org",
}


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/St_Johns"])
def test_the_zone_of_the_machine_plays_no_part(zone):
    says = "import django, time; before = time.tzname; django.setup(); print(before != time.tzname, *time.tzname)"

    done = subprocess.run([sys.executable, "-c", says], env=os.environ | {"TZ": zone}, cwd=ROOT, capture_output=True, text=True)

    assert done.stdout.split() == ["True", "UTC", "UTC"], done.stderr


def test_vendored_files_are_what_was_vendored():
    listed = json.loads((VENDOR / "VERSIONS.json").read_text())
    found = {
        str(file.relative_to(VENDOR)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in VENDOR.rglob("*")
        if file.is_file() and file.name not in ("VERSIONS.json", "LICENSE.txt")
    }

    assert found == {name: digest for package in listed for name, digest in package["files"].items()}
    for package in listed:
        assert package["name"]
        assert package["version"]
        assert package["licence"]
        assert (VENDOR / package["folder"] / "LICENSE.txt").exists()


def test_nothing_vendored_points_to_a_source_map():
    for file in (*VENDOR.rglob("*.js"), *VENDOR.rglob("*.css")):
        assert "sourceMappingURL" not in file.read_text()


def test_no_template_of_a_page_has_inline_script_or_style():
    pages = [file for file in (ROOT / "templates").rglob("*.html") if "emails" not in file.parts]

    for page in pages:
        text = page.read_text()
        assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:|hx-on", text), page
        assert not re.search(r"<script(?![^>]*\s(?:src=|type=.application/json))", text), page


def test_what_asks_while_somebody_types_or_chooses_says_what_becomes_of_what_it_asked_before():
    """Without it htmx forgets the third of three things that are asked in a hurry."""
    for page in (ROOT / "templates").rglob("*.html"):
        for tag in re.findall(r"""<[a-z]+\s[^<>]*hx-trigger="(?:change|input)[^<>]*>""", page.read_text()):
            assert "hx-sync=" in tag, (page, tag)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"SECRET_KEY": ""}, "SECRET_KEY is missing or weak", id="no secret"),
        pytest.param({"SECRET_KEY": "a" * 80}, "SECRET_KEY is missing or weak", id="weak secret"),
        pytest.param({"INTAKE_KEYS": ""}, "INTAKE_KEYS is missing. Set INTAKE_KEYS to the output of", id="no key for answers"),
        pytest.param({"INTAKE_KEYS": "k1:" + "A" * 43 + "="}, "The key k1 in INTAKE_KEYS is weak", id="weak key for answers"),
        pytest.param({"MAIL_FROM": "nobody"}, "unknot.E001", id="sender without an address"),
        pytest.param({"SITE_URL": "booking"}, "unknot.E002", id="site without a scheme"),
        pytest.param({"SITE_URL": "http://booking.example.org"}, "SITE_URL must begin with https://", id="links over http"),
        pytest.param({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS must name the hosts", id="every host"),
        pytest.param({"TRUSTED_PROXIES": "-1"}, "unknot.E011", id="fewer proxies than none"),
        pytest.param({"CELERY_BROKER_URL": "amqp://x"}, "unknot.E003", id="another broker"),
        pytest.param({"METRICS_TOKEN": "short"}, "unknot.E007", id="token that can be guessed"),
        pytest.param({"ALARM_MAIL": "it@example.org,nobody"}, "unknot.E008", id="alarm to no address"),
        pytest.param({"ALARM_FAILED": "0"}, "unknot.E009", id="alarm for nothing"),
    ],
)
def test_settings_that_would_fail_later_are_refused_at_start(change, says):
    answer = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=os.environ | GOOD | change, capture_output=True, text=True
    )

    assert answer.returncode != 0
    assert says in answer.stderr


@pytest.mark.parametrize("proxies", ["0", "1"])
def test_with_a_good_environment_nothing_is_said_about_deployment(proxies):
    answer = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env=OWN | GOOD | {"TRUSTED_PROXIES": proxies},
        capture_output=True,
        text=True,
    )

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == "System check identified no issues (0 silenced)."
