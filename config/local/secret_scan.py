"""No key, token or password stands in what is committed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from config.local.bootstrap import ROOT, say

SCANNER = Path(sys.executable).parent / "detect-secrets-hook"
#: Vendored files and their digests are checked by a test; the medicines are public data; pictures and typefaces are no text.
NOT_READ = r"^static/vendor/|^clients/data/|\.(png|woff2|mo)$"
#: Digests of triggers in migrations, and names of tests, of which one looks like a token.
NO_SECRET_LINES = r'hash="[0-9a-f]{40}"|^\s*def test_'
#: What examples of addresses say instead of a password.
NO_SECRETS = r"^(password|geheim)$"


def main(root: Path = ROOT) -> int:
    """Scan every file that git tracks in ``root``, asking nobody on the network. Returns 0 only if nothing was found.

    What only looks like a secret carries the comment ``pragma: allowlist secret`` on its line.
    """
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True)
    if tracked.returncode:
        say("The secret scan reads what git tracks, and this folder is not under git.")
        return 1
    files = [name for name in tracked.stdout.split("\0") if (root / name).is_file()]
    leave_out = ["--exclude-files", NOT_READ, "--exclude-lines", NO_SECRET_LINES, "--exclude-secrets", NO_SECRETS]
    return subprocess.run([str(SCANNER), "--no-verify", *leave_out, "--", *files], cwd=root).returncode


if __name__ == "__main__":
    sys.exit(main())
