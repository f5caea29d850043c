"""Sealing health answers, and words in addresses: AES-256-GCM; the keys come from the environment and can be changed at work."""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass, field
from functools import cache
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

VERSION = 1
KEY_BYTES = 32
NONCE_BYTES = 12
#: Of words that go on in an address, so many letters are kept.
LONGEST_IN_ADDRESS = 120
#: Where they stand; no column is called so.
IN_ADDRESS = "address"
HOW_TO_MAKE_A_KEY = (
    "Set INTAKE_KEYS to the output of: "
    "python3 -c \"import base64, secrets; print('k1:' + base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())\""
)


class KeysRefused(ValueError):
    """INTAKE_KEYS cannot be used; the message says why and never quotes a key."""


class CannotOpen(ValueError):
    """A sealed value that no key opens, or that was moved to another row or column."""


@dataclass(frozen=True, slots=True)
class Key:
    id: str
    secret: bytes = field(repr=False)

    @property
    def prefix(self) -> bytes:
        """What every value sealed with this key begins with: format, length of the key's id, the id."""
        return bytes([VERSION, len(self.id)]) + self.id.encode()


@dataclass(frozen=True, slots=True)
class Keyring:
    """Several keys that open; the first one seals."""

    keys: tuple[Key, ...]

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Keys written as ``id:base64``, separated by commas. Raises KeysRefused for none, a weak one, or an id used twice."""
        keys = tuple(_key(part.strip()) for part in text.split(",") if part.strip())
        if not keys:
            raise KeysRefused("INTAKE_KEYS is missing.")
        if len({key.id for key in keys}) < len(keys):
            raise KeysRefused("INTAKE_KEYS names one id twice.")
        return cls(keys)

    def seal(self, plain: bytes, *, place: str) -> bytes:
        """Encrypt for one place (table, column and row); the value opens nowhere else."""
        first = self.keys[0]
        nonce = secrets.token_bytes(NONCE_BYTES)
        return first.prefix + nonce + AESGCM(first.secret).encrypt(nonce, plain, first.prefix + place.encode())

    def open(self, sealed: bytes, *, place: str) -> bytes:
        """Raises CannotOpen for an unknown key, another place, or a value somebody changed."""
        key = next((key for key in self.keys if sealed.startswith(key.prefix)), None)
        if key is None:
            raise CannotOpen("No key in INTAKE_KEYS has the id this value was sealed with.")
        nonce, body = sealed[len(key.prefix) :][:NONCE_BYTES], sealed[len(key.prefix) + NONCE_BYTES :]
        try:
            return AESGCM(key.secret).decrypt(nonce, body, key.prefix + place.encode())
        except (InvalidTag, ValueError):
            raise CannotOpen("This value was changed, or belongs to another row.") from None


def _key(text: str) -> Key:
    name, _colon, secret = text.partition(":")
    if not name.isascii() or not name.isalnum() or len(name) > 16:
        raise KeysRefused("INTAKE_KEYS needs an id of up to 16 letters and figures before each key, like k1:…")
    try:
        raw = base64.urlsafe_b64decode(secret)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != KEY_BYTES or len(set(raw)) < KEY_BYTES // 2:
        raise KeysRefused(f"The key {name} in INTAKE_KEYS is weak: it must be {KEY_BYTES} random bytes in base64.")
    return Key(name, raw)


def new_key(name: str) -> str:
    """A fresh random key as INTAKE_KEYS has them."""
    return f"{name}:{base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"


@cache
def _ring(text: str) -> Keyring:
    return Keyring.from_text(text)


def keyring() -> Keyring:
    """The keys of this process. Raises KeysRefused."""
    return _ring(settings.INTAKE_KEYS)


def sealed_for_address(words: str) -> str:
    """What somebody typed, to go on in an address, where no history and no log of a server can read it. Nothing stays nothing."""
    if not words:
        return ""
    sealed = keyring().seal(words[:LONGEST_IN_ADDRESS].encode(), place=IN_ADDRESS)
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def words_from_address(sealed: str) -> str:
    """What was sealed for one; empty for anything else."""
    try:
        return keyring().open(base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4)), place=IN_ADDRESS).decode()
    except ValueError:
        return ""
