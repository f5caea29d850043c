"""Figures of ``verify --bench`` and ``verify --drills``: one line each, and short of one goal is short of all.

Every module in tests/bench or tests/drills has ``figures()``, which yields ``Figure`` rows as they are measured. A goal is an
upper bound (``at_most``) or a lower one (``at_least``); ratios are taken within one run, so that they hold on any machine.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import NamedTuple


class Figure(NamedTuple):
    name: str
    value: float
    goal: str  # "<= 1.5", ">= 0.3" or "== 0"

    @property
    def ok(self) -> bool:
        relation, _, bound = self.goal.partition(" ")
        limit = float(bound)
        return {"<=": self.value <= limit, ">=": self.value >= limit, "==": self.value == limit}[relation]

    def __str__(self) -> str:
        return f"{self.name:<72} {self.value:>10.2f}  {self.goal:<10} {'ok' if self.ok else 'short'}"


def main(folder: str) -> int:
    import django

    from tests import services_plugin  # starts the servers and names the settings

    short = 0
    with services_plugin.running:
        django.setup()
        from django.conf import settings
        from django.contrib.auth.signals import user_logged_in
        from django.test.utils import setup_databases, setup_test_environment, teardown_databases

        from tests.full_sign_in import fully

        setup_test_environment()
        user_logged_in.connect(fully)
        settings.LIMITS = {}  # a crowd from one machine is what is measured
        package = importlib.import_module(f"tests.{folder}")
        for module in sorted(found.name for found in pkgutil.iter_modules(package.__path__)):
            databases = setup_databases(verbosity=0, interactive=False)
            for figure in importlib.import_module(f"tests.{folder}.{module}").figures():
                print(figure, flush=True)
                short += not figure.ok
            teardown_databases(databases, verbosity=0)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
