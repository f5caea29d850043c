"""From nothing but Python to a virtual environment with all packages. Standard library only: nothing else is there yet."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
RUNTIME = ROOT / "requirements.txt"
TESTS = ROOT / "tests" / "requirements.txt"


def say(text: str) -> None:
    print(text, flush=True)


def ensure_installed(*, for_tests: bool) -> None:
    """Install what is missing, then go on inside the virtual environment. Exits with one line when that is not possible."""
    _require(RUNTIME)
    if for_tests:
        _require(TESTS, beside=RUNTIME)
    enter_venv()


def enter_venv() -> None:
    """Start over with the interpreter of the virtual environment, unless this is it or there is none."""
    if PYTHON.exists() and Path(sys.prefix).resolve() != VENV.resolve():
        os.execv(PYTHON, [str(PYTHON), *sys.argv])


def _require(requirements: Path, *, beside: Path | None = None) -> None:
    wanted = hashlib.sha256(sys.version.encode() + requirements.read_bytes()).hexdigest()
    stamp = VENV / "-".join(("installed", *requirements.relative_to(ROOT).parts))
    if stamp.exists() and stamp.read_text() == wanted:
        return
    new = not PYTHON.exists()
    try:
        if new:
            say("Creating .venv …")
            shutil.rmtree(VENV, ignore_errors=True)
            venv.create(VENV, with_pip=True)
        say(f"Installing packages from {requirements.relative_to(ROOT)} (half a minute the first time) …")
        subprocess.run(
            [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
            + [word for file in (beside, requirements) if file for word in ("-r", str(file))],
            check=True,
            stderr=subprocess.PIPE,
            text=True,
        )
    except (subprocess.CalledProcessError, OSError, KeyboardInterrupt) as problem:
        if new:
            shutil.rmtree(VENV, ignore_errors=True)
        sys.exit(_reason(problem))
    stamp.write_text(wanted)


def _reason(problem: BaseException) -> str:
    said = (getattr(problem, "stderr", "") or str(problem)).strip().splitlines()
    errors = [line for line in said if line.startswith("ERROR")] or said or [type(problem).__name__]
    return f"The packages could not be installed; nothing was kept. Is the package registry reachable? pip says: {errors[-1]}"
