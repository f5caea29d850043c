"""The bill of materials names all that is locked and vendored, and nothing in it has a licence we may not ship."""

from __future__ import annotations

import json
import re
from importlib import metadata

import pytest

from config.local import sbom
from config.local.bootstrap import ROOT, RUNTIME, TESTS

pytestmark = pytest.mark.unit

FINE = re.compile(
    r"\b(MIT|MIT-0|0BSD|MIT-CMU|BSD|BSD-[23]-Clause|ISC|Apache|Apache-2\.0|MPL-2\.0|Mozilla Public|PSF-2\.0|OFL-1\.1|OFL)\b"
)
#: LGPL, used as a library and unchanged
ACCEPTED = {"psycopg2-binary"}
#: a choice of ours among two licences, in tests only
IN_TESTS = {"text-unidecode"}


def test_every_part_has_a_licence_that_may_be_shipped():
    parts = [*sbom.packages(RUNTIME), *sbom.vendored(ROOT / "static" / "vendor")]

    assert {part.name: part.licence for part in parts if not FINE.search(part.licence)}.keys() == ACCEPTED


def test_what_tests_use_has_a_known_licence_too():
    odd = {part.name for part in sbom.packages(TESTS) if not FINE.search(part.licence)}

    assert odd - ACCEPTED == IN_TESTS


def test_a_licence_noted_by_hand_is_one_that_the_package_ships():
    words = {"MIT": "Permission is hereby granted", "Apache-2.0": "Apache License", "MPL-2.0": "Mozilla Public"}
    words |= dict.fromkeys(("BSD-2-Clause", "BSD-3-Clause"), "Redistributions in binary form")
    installed = {each.name.lower() for each in metadata.distributions()} & sbom.KNOWN.keys()

    assert installed >= {"axe-playwright-python", "fido2"}
    for name in installed:
        files = metadata.files(name)
        shipped = "".join(each.read_text() for each in files if re.search(r"LICENSE|COPYING|axe\.min\.js$", each.name))
        assert [each for each in sbom.KNOWN[name].split(" AND ") if words[each] not in " ".join(shipped.split())] == [], name


def test_the_bill_names_every_locked_package_with_its_digests(capsys):
    assert sbom.main([]) == 0
    bill = json.loads(capsys.readouterr().out)

    locked = re.findall(r"^([\w.-]+)(?:\[.*?\])?==(\S+)", RUNTIME.read_text(), re.MULTILINE)
    assert bill["bomFormat"] == "CycloneDX"
    assert {(part["name"], part["version"]) for part in bill["components"]} >= set(locked)
    digests = {each["content"] for part in bill["components"] for each in part["hashes"]}
    assert digests >= set(re.findall(r"sha256:(\w{64})", RUNTIME.read_text()))


def test_the_list_of_licences_is_one_line_a_part(capsys):
    assert sbom.main(["--licences"]) == 0

    assert re.search(r"^django 5\.2\.\d+: BSD-3-Clause$", capsys.readouterr().out, re.MULTILINE)
