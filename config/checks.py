"""Settings that would fail later are refused at start, each with a hint."""

from __future__ import annotations

from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from booking.notifications.sms import sms_sender
from clients.crypto import HOW_TO_MAKE_A_KEY, Keyring, KeysRefused
from config import backup


@register()
def mail_sender(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if "@" in parseaddr(settings.DEFAULT_FROM_EMAIL)[1]:
        return []
    return [Error("MAIL_FROM is not an address.", hint="Set it like: Linden Street <desk@example.org>", id="unknot.E001")]


@register()
def site_address(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    address = urlsplit(settings.SITE_URL)
    if address.scheme in ("http", "https") and address.hostname:
        return []
    return [Error("SITE_URL is not a web address.", hint="Set it like: https://booking.example.org", id="unknot.E002")]


@register()
def broker_address(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if settings.CELERY_BROKER_URL.startswith(("redis://", "rediss://", "redis+socket://")):
        return []
    return [
        Error(
            "The broker must be Redis or Valkey.",
            hint="Set REDIS_URL like redis://host:6379/0; Valkey uses the same scheme.",
            id="unknot.E003",
        )
    ]


@register()
def proxies(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if settings.TRUSTED_PROXIES >= 0:
        return []
    return [
        Error("TRUSTED_PROXIES is below 0.", hint="Set it to the number of proxies before the app; 0 is none.", id="unknot.E011")
    ]


@register()
def text_messages(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if not settings.SMS_URL:
        return []
    try:
        sms_sender()
    except ValueError as refusal:
        return [Error(str(refusal), hint="Leave SMS_URL empty to send no text messages.", id="unknot.E005")]
    if settings.SMS_SECRET or not settings.SMS_URL.startswith("http"):
        return []
    return [Error("SMS_SECRET is empty.", hint="Set it to a long random text that the receiver knows.", id="unknot.E006")]


@register()
def metrics_token(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    token = settings.METRICS_TOKEN
    if not token or (len(token) >= 32 and token.isascii() and token.isprintable() and " " not in token):
        return []
    hint = 'Set it to the output of: python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
    return [Error("METRICS_TOKEN is shorter than 32 characters, or no plain text.", hint=hint, id="unknot.E007")]


@register()
def alarm(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if not all("@" in parseaddr(address)[1] for address in settings.ALARM_MAIL):
        hint = "Set it like: it@example.org, or several with commas between."
        found.append(Error("ALARM_MAIL is not an address.", hint=hint, id="unknot.E008"))
    if settings.ALARM_FAILED < 1:
        found.append(Error("ALARM_FAILED must be 1 or more.", hint="Without it, it is 20.", id="unknot.E009"))
    return found


@register()
def intake_keys(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    try:
        Keyring.from_text(settings.INTAKE_KEYS)
    except KeysRefused as refusal:
        return [Error(str(refusal), hint=HOW_TO_MAKE_A_KEY, id="unknot.E004")]
    return []


@register()
def backup_key(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """It may be missing where no backup is made; it must not be what opens health answers, or a backup would open them."""
    if not settings.BACKUP_KEY:
        return []
    try:
        key = backup.key_from(settings.BACKUP_KEY)
        opens_answers = any(key == each.secret for each in Keyring.from_text(settings.INTAKE_KEYS).keys)
    except (backup.BackupRefused, KeysRefused) as refusal:
        return [Error(str(refusal), hint=backup.HOW_TO_MAKE_A_KEY, id="unknot.E010")]
    if opens_answers:
        return [Error("BACKUP_KEY is one of INTAKE_KEYS.", hint="Make another one for backups.", id="unknot.E010")]
    return []
