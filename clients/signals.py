"""What others may want to hear of. Sent inside the transaction that wrote it, so both commit together or neither does."""

from __future__ import annotations

from django.dispatch import Signal

#: A client sent a form, or took the agreement back that answers are used. Arguments: ``client``, ``now``.
answers_changed = Signal()

#: A client changed what they are called or how they are reached. Arguments: ``client``, ``by``, ``now``.
details_changed = Signal()

#: Somebody of the practice read what is known of a client's health. Argument: ``view``, the HealthView row that was left.
health_read = Signal()

#: Asks who read what others keep of a client's health; receivers answer with HealthView rows. Argument: ``client``.
readings_asked = Signal()
