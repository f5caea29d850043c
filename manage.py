#!/usr/bin/env python3
"""Django's manage.py, and three commands that need nothing installed: ``up``, ``verify`` and ``sbom``."""

import os
import sys

if sys.version_info < (3, 11):
    sys.exit("Unknot needs Python 3.11 or newer; this is %d.%d." % sys.version_info[:2])

from config.local import bootstrap


def main() -> None:
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command in ("up", "verify", "sbom"):
        bootstrap.ensure_installed(for_tests=command == "verify")
        if command == "up":
            from config.local.up import main as run
        elif command == "sbom":
            from config.local.sbom import main as run
        else:
            from config.local.verify import main as run
        sys.exit(run(sys.argv[2:]))
    bootstrap.enter_venv()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
