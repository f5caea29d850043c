"""Why something about a client's answers is refused. The docstring is what a person is told."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _


class IntakeError(Exception):
    """Something about a client's answers was refused."""


class NoConsent(IntakeError):
    """The client has not agreed, or no longer agrees, that health answers are kept and used."""

    def __str__(self) -> str:
        return _("The client does not agree that health answers are used. Nothing can be asked, read or worked out from them.")


class NoQuestionnaire(IntakeError):
    """The practice has no questionnaire in use."""


class HandoutOver(IntakeError):
    """The form on a tablet was begun already, sent, or its time is over."""


class Submitted(IntakeError):
    """The answers were submitted and stay as they are; a change is a new response."""

    def __str__(self) -> str:
        return _("These answers are sent already. To change something, start a new form; the old one is kept.")


class Incomplete(IntakeError):
    """Questions that must be answered are not; ``codes`` names them."""

    def __init__(self, codes: Sequence[str]) -> None:
        super().__init__(*codes)
        self.codes = codes


class AddressTaken(Exception):
    """The address is that of somebody else here."""
