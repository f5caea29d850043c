"""``manage.py verify``: everything that must be green. ``--bench`` measures and ``--drills`` breaks things on purpose instead."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from config.local.bootstrap import ROOT, say

BIN = Path(sys.executable).parent
DEEP_CASES = "100000"
#: Programs (and the Debian packages of the same names) that tests run, and which tests these are.
PROGRAMS = {
    "chromium": "the browser tests",
    "khal": "the tests of the calendar files",
    "vdirsyncer": "the tests of the calendar feed",
}
PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
    "SECRET_KEY": "check-only-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLM",  # pragma: allowlist secret
    "INTAKE_KEYS": "check:Y2hlY2stb25seS0wMTIzNDU2Nzg5LWFiY2RlZi1VVlc=",
    "ALLOWED_HOSTS": "booking.example.org",
    "SITE_URL": "https://booking.example.org",
    "MAIL_FROM": "Desk <desk@example.org>",
}


@dataclass(frozen=True)
class Step:
    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)

    def run(self) -> bool:
        say(f"\n── {self.name}")
        began = time.monotonic()
        code = subprocess.run(self.command, cwd=ROOT, env=os.environ | self.environment).returncode
        say(f"── {self.name}: {'ok' if code == 0 else 'FAILED'} in {time.monotonic() - began:.0f} s")
        return code == 0


def main(arguments: list[str]) -> int:
    """Run all steps, the failed ones named at the end. Returns 0 only if every one is green."""
    parser = argparse.ArgumentParser(prog="manage.py verify", description=__doc__)
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--bench", action="store_true", help="measure: one line a figure, exit 1 if one is short of its goal")
    only.add_argument("--drills", action="store_true", help="faults on purpose: one line a figure, exit 1 if one is short")
    parser.add_argument("--deep", action="store_true", help="100,000 random cases for the engine, and 100,000 requests")
    options = parser.parse_args(arguments)
    if options.bench or options.drills:
        return _figures("bench" if options.bench else "drills")
    if not _has_programs():
        return 1
    began = time.monotonic()
    failed = [step.name for step in _steps(deep=options.deep) if not step.run()]
    say(f"\nverify: {'FAILED: ' + ', '.join(failed) if failed else 'green'} after {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


def _steps(*, deep: bool) -> list[Step]:
    cases = {"UNKNOT_ENGINE_CASES": DEEP_CASES} if deep else {}
    manage = [sys.executable, "-W", "error", "-W", "ignore:XDG_RUNTIME_DIR is not set", "manage.py"]
    pytest = [sys.executable, "-m", "pytest"]
    fuzz = [Step("fuzz", [*pytest, "tests/test_fuzz.py"], {"UNKNOT_FUZZ_REQUESTS": DEEP_CASES})] if deep else []
    return [
        Step("ruff", [str(BIN / "ruff"), "check", "."]),
        Step("format", [str(BIN / "ruff"), "format", "--check", "--quiet", "."]),
        Step("types", [str(BIN / "mypy")]),
        Step("imports", [str(BIN / "lint-imports")]),
        Step(
            "bandit",
            [str(BIN / "bandit"), "--quiet", "--recursive", "booking", "clients", "therapists", "config", "lines", "-ll"],
        ),
        Step("secrets", [sys.executable, "-m", "config.local.secret_scan"]),
        Step("deployment", [*manage, "check", "--deploy", "--fail-level", "WARNING"], PRODUCTION),
        Step("tests", [*pytest, "-n", "2", "-m", "not browser"], cases),
        Step("browser", [*pytest, "-n", "2", "-m", "browser"]),
        *fuzz,
    ]


def _figures(folder: str) -> int:
    quiet = os.environ | {"LOG_LEVEL": "WARNING"}
    return subprocess.run([sys.executable, "-m", "tests.figures", folder], cwd=ROOT, env=quiet).returncode


def _has_programs() -> bool:
    """No test is skipped for want of a program: what is missing is installed, or the command to do so is named."""
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if not missing:
        return True
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"Installing {' and '.join(missing)} …")
        quiet = {"stdout": subprocess.DEVNULL, "env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update"], **quiet)  # type: ignore[call-overload]
        subprocess.run(install, **quiet)  # type: ignore[call-overload]
        missing = [name for name in missing if not shutil.which(name)]
    for name in missing:
        say(f"{name} is missing, and {PROGRAMS[name]} need it. Install it with: {' '.join(install)}")
    return not missing
