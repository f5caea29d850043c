"""``manage.py sbom``: the locked packages and the vendored files, with their versions, licences and digests."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from config.local.bootstrap import ROOT, RUNTIME, say

#: What stands in a lock for one package, its marker and its digests.
LOCKED = re.compile(
    r"^([\w.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)(?: *;[^\\\n]*)?((?:[ \\]*\n +--hash=sha256:[0-9a-f]{64})*)", re.MULTILINE
)
#: Where a package says nothing a program can read, lists as a choice what holds for parts of it, or is not installed here;
#: read from the licence files it ships.
KNOWN = {
    "async-timeout": "Apache-2.0",
    "axe-playwright-python": "MIT AND MPL-2.0",  # its own code, and axe-core
    "colorama": "BSD-3-Clause",
    "fido2": "BSD-2-Clause AND Apache-2.0 AND MPL-2.0",  # all else, the USB code, and the list of public suffixes
}
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Part:
    name: str
    version: str
    licence: str
    digests: tuple[str, ...]
    purl: str


def main(arguments: list[str]) -> int:
    """Print the bill of materials. It needs the packages to be installed, and neither settings nor a database."""
    parser = argparse.ArgumentParser(prog="manage.py sbom", description=__doc__)
    parser.add_argument("--licences", action="store_true", help="name, version and licence instead, one a line")
    parts = [*packages(RUNTIME), *vendored(ROOT / "static" / "vendor")]
    if parser.parse_args(arguments).licences:
        say("\n".join(f"{part.name} {part.version}: {part.licence}" for part in parts))
    else:
        say(json.dumps(as_cyclonedx(parts), indent=1))
    return 0


def packages(lock: Path) -> list[Part]:
    """Every package of a lock. The licence is what the installed package says of itself."""
    return [
        Part(name, version, _licence(name), tuple(re.findall(r"sha256:(\w+)", hashes)), f"pkg:pypi/{name.lower()}@{version}")
        for name, version, hashes in LOCKED.findall(lock.read_text())
    ]


def vendored(folder: Path) -> list[Part]:
    """What ``VERSIONS.json`` lists of the files that are copied into ours."""
    listed = json.loads((folder / "VERSIONS.json").read_text())
    return [
        Part(
            each["name"],
            each["version"],
            each["licence"],
            tuple(each["files"].values()),
            f"pkg:generic/{each['folder']}@{each['version']}",
        )
        for each in listed
    ]


def as_cyclonedx(parts: list[Part]) -> dict[str, Any]:
    """CycloneDX 1.6, the same for the same parts."""
    components = [
        {
            "type": "library",
            "bom-ref": part.purl,
            "name": part.name,
            "version": part.version,
            "purl": part.purl,
            "licenses": [{"license": {"name": part.licence}}],
            "hashes": [{"alg": "SHA-256", "content": digest} for digest in part.digests],
        }
        for part in parts
    ]
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components}


def _licence(name: str) -> str:
    if name in KNOWN:
        return KNOWN[name]
    try:
        said = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return UNKNOWN
    named = [
        each.rpartition(" :: ")[2] for each in said.get_all("Classifier") or [] if each.startswith("License :: OSI Approved :: ")
    ]
    free = [*(said.get_all("License-Expression") or []), " OR ".join(named), *(said.get_all("License") or []), UNKNOWN]
    return str(next(filter(None, free)))
