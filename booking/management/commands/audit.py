"""``manage.py audit``: whether anything of the audit was changed, removed or inserted, and who could."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from booking.services.audit import Head, RoleRefused, head_of_chain, restrict, seal, verify


class Command(BaseCommand):
    help = "Verifies the chain over all audit entries, seals those that have no seal yet, or keeps a database role from both."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_subparsers(dest="do", required=True)
        verifying = what.add_parser("verify", help="name every entry that is not as it was written; exit with 1 if there is one")
        verifying.add_argument("--head", help="position:hash, noted down earlier, which the chain must still go through")
        what.add_parser("seal", help="seal what is new, as the worker does every minute, and print the head of the chain")
        restricting = what.add_parser("restrict", help="let a database role do all that the app does, and only add to the audit")
        restricting.add_argument("role", help="the role that web and workers sign in as; it must not own the tables")

    def handle(self, *args: Any, do: str, **options: Any) -> None:
        if do == "verify":
            self.verify(options["head"])
        elif do == "restrict":
            self.restrict(options["role"])
        else:
            self.stdout.write(f"{seal()} entries sealed; the head is {head_of_chain()}")

    def verify(self, head: str | None) -> None:
        report = verify(_kept(head))
        for finding in report.findings:
            self.stdout.write(str(finding))
        self.stdout.write(
            f"{report.sealed} entries sealed, {report.waiting} waiting for it, {report.taken_out} without what they told; "
            f"the head is {report.head}"
        )
        if report.findings:
            raise CommandError(f"{len(report.findings)} findings: the audit is not as it was written.")

    def restrict(self, role: str) -> None:
        try:
            restrict(role)
        except RoleRefused as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"{role} can do all that the app does, and only add to the audit.")


def _kept(text: str | None) -> Head | None:
    try:
        return Head.from_text(text) if text else None
    except ValueError:
        raise CommandError("--head is written as position:hash, like 120:9f86d0…") from None
