"""Words with placeholders like {name}: a closed list of names, and nothing that could be evaluated."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

TOKEN = re.compile(r"(?P<brace>\{\{|\}\})|\{(?P<name>[^{}]*)\}|(?P<lone>[{}])")


class BrokenText(ValueError):
    """Words that cannot be filled in. ``placeholder`` is the one that is not known; none where a brace stands alone."""

    def __init__(self, placeholder: str | None = None) -> None:
        super().__init__(placeholder)
        self.placeholder = placeholder


def grammar(known: Collection[str]) -> str:
    """The texts that can be filled in, as a regular expression that PostgreSQL understands as well."""
    return rf"^([^{{}}]|\{{\{{|\}}\}}|\{{({'|'.join(known)})\}})*$"


def used(text: str, known: Collection[str]) -> set[str]:
    """The placeholders that a text uses. Raises BrokenText."""
    return {match["name"] for match in _tokens(text, known) if match["name"] is not None}


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with a value for each placeholder, {{ and }} as braces; a value is never looked into. Raises BrokenText."""
    said, end = [], 0
    for match in _tokens(text, values):
        said += [text[end : match.start()], match["brace"][0] if match["brace"] else values[match["name"]]]
        end = match.end()
    return "".join([*said, text[end:]])


def _tokens(text: str, known: Collection[str]) -> Iterator[re.Match[str]]:
    for match in TOKEN.finditer(text):
        if match["lone"]:
            raise BrokenText
        if match["name"] is not None and match["name"] not in known:
            raise BrokenText(match["name"])
        yield match
