"""A secret that slips in is found; that there is none is a step of ``manage.py verify``."""

from __future__ import annotations

import subprocess

import pytest

from config.local import secret_scan

pytestmark = pytest.mark.unit

# in two parts, so that this file has none
AWS_KEY = "AKIA" + "ZZ4QJ7XW2MHP6LTN"
PLANTED = {
    "key of a cloud": f'KEY_ID = "{AWS_KEY}"\n',
    "private key": "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEow\n",
    "random text": 'SIGNS = "' + "q7Zx2Vb9Kp4Lw8Nf" + '3Rt6Yh1Mj5Gd0Sc+uE/oA=="\n',
    "password in an address": "EMAIL_URL = 'submission://desk:" + "Tr0ub4dor@mail.example.org'\n",
}


@pytest.fixture
def repository(tmp_path):
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "clean.py").write_text('SECRET_KEY = env("SECRET_KEY")\nEMAIL_URL = "submission://user:password@mail.example"\n')
    return tmp_path


def track(repository):
    subprocess.run(["git", "add", "."], cwd=repository, check=True)


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_secret_is_found_and_its_file_named(repository, kind, capfd):
    track(repository)
    assert secret_scan.main(repository) == 0

    (repository / "settings.py").write_text(PLANTED[kind])
    track(repository)

    assert secret_scan.main(repository) == 1
    assert "settings.py:1" in capfd.readouterr().out


def test_what_is_not_tracked_is_not_read(repository):
    (repository / ".env").write_text(PLANTED["key of a cloud"])
    (repository / ".gitignore").write_text(".env\n")
    track(repository)

    assert secret_scan.main(repository) == 0


def test_without_git_nothing_is_called_clean(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    assert secret_scan.main(tmp_path) == 1
    assert "not under git" in capsys.readouterr().out
