"""What apps above hear of clients."""

from django.dispatch import Signal

#: What may be known or used about a client's health is no longer what it was. Sent inside the transaction, with ``client``
#: and ``now``; a receiver that fails undoes it.
answers_changed = Signal()
