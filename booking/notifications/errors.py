"""Why a notice did not leave."""

from __future__ import annotations


class DeliveryError(Exception):
    """A notice could not be sent.

    ``permanent``: trying again would not help. ``bounced``: it is this address that refused for good. ``perhaps_taken``: the
    connection broke after the text was handed over, so it may have been sent all the same.
    """

    def __init__(self, reason: str, *, permanent: bool = False, bounced: bool = False, perhaps_taken: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent or bounced
        self.bounced = bounced
        self.perhaps_taken = perhaps_taken
