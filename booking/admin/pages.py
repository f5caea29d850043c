"""The desk's own pages: the address under the desk, the view, and the name it has as ``admin:<name>``."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpResponseBase

from booking.admin import board, book, find, lists, session, setup
from booking.admin.wait import wait_for
from booking.admin.walk_in import walk_in, walk_in_for

PAGES: list[tuple[str, Callable[..., HttpResponseBase], str]] = [
    ("day/step/", board.take_step, "board_step"),
    ("day/undo/", board.undo, "board_undo"),
    ("day/print/", board.day_on_paper, "board_print"),
    ("day/csv/", board.day_as_csv, "board_csv"),
    ("walk-in/", walk_in, "walk_in"),
    ("walk-in/<uuid:pk>/", walk_in_for, "walk_in_for"),
    ("ready/", setup.check, "setup_check"),
    ("find/", find.find_client, "find_client"),
    ("new-client/", book.new_client, "new_client"),
    ("book/<uuid:pk>/", book.book_for, "book_for"),
    ("wait/<uuid:pk>/", wait_for, "wait_for"),
    ("to-do/", lists.to_do, "lists"),
    ("to-do/act/", lists.act, "lists_act"),
    ("session/<uuid:pk>/", session.session, "session"),
    ("session/<uuid:pk>/move/", session.move, "session_move"),
    ("session/<uuid:pk>/substitute/", session.substitute, "session_substitute"),
    ("session/<uuid:pk>/cancel/", session.cancel, "session_cancel"),
    ("session/undo/<uuid:pk>/", session.undo, "session_undo"),
]
